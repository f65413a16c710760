import { ActionGroup, Button, Checkbox, ExpandableSection, Form, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { useGuard } from '../parts/guard';
import { keyOf, keyTypes } from '../parts/keys';
import { asProblem } from '../parts/load';
import { CodeText, Page, ProblemAlert } from '../parts/small';
import { t } from '../texts';

interface Wish {
  name: string; issuer: string; kind: 'managed' | 'token'; keyType: string; uri: string; organisation: string; country: string;
  days: string; csrOnly: boolean;
}
const first: Wish = { name: '', issuer: '', kind: 'managed', keyType: 'ML-DSA-65', uri: 'pkcs11:', organisation: '', country: '', days: '', csrOnly: false };

function orderOf(wish: Wish): Record<string, unknown> {
  const subject: Record<string, string> = { CN: wish.name };
  if (wish.organisation !== '') subject['O'] = wish.organisation;
  if (wish.country !== '') subject['C'] = wish.country;
  return {
    name: wish.name,
    subject,
    key: wish.kind === 'token' ? { uri: wish.uri } : keyOf(wish.keyType),
    ...(wish.issuer === '' ? {} : { issuer: wish.issuer }),
    ...(wish.csrOnly ? { csrOnly: true } : {}),
    ...(wish.days === '' ? {} : { validityDays: Number(wish.days) }),
  };
}

function preview(wish: Wish): string {
  const days = wish.days === '' ? (wish.issuer === '' ? 7305 : 3652) : Number(wish.days);
  const name = [wish.country && `C=${wish.country}`, wish.organisation && `O=${wish.organisation}`, `CN=${wish.name || '…'}`].filter(Boolean).join(', ');
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return [
    `${t('subject')}:  ${name}`,
    `${t('issuer')}:  ${wish.csrOnly ? t('elsewhere') : wish.issuer === '' ? t('itself') : wish.issuer}`,
    `${t('key')}:  ${wish.kind === 'token' ? wish.uri : wish.keyType}`,
    ...(wish.csrOnly ? [] : [`${t('validity')}:  ${day(Date.now())} – ${day(Date.now() + days * 86400000)}`]),
    'Basic Constraints: critical, CA:TRUE',
    'Key Usage: critical, Certificate Sign, CRL Sign',
  ].join('\n');
}

export default function AuthorityNew() {
  const [wish, setWish] = useState<Wish>(first);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const { cas, organisation } = useScope();
  const navigate = useNavigate();
  const release = useGuard(wish !== first);
  const set = (change: Partial<Wish>) => setWish({ ...wish, ...change });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const ca = await api.post<Schema['Ca']>('/cas', { ...orderOf(wish), ...(organisation === '' ? {} : { organisation }) });
      release();
      cas.reload();
      navigate(`/cas/${ca.id}?new=1`);
    } catch (reason) {
      setProblem(asProblem(reason));
      setBusy(false);
    }
  };
  return (
    <Page title={t('newAuthority')}>
      <div className="gh-two">
        <Form onSubmit={(event) => void submit(event)}>
          <ProblemAlert problem={problem} />
          <FormGroup label={t('name')} fieldId="name" isRequired>
            <TextInput id="name" value={wish.name} onChange={(_, name) => set({ name })} isRequired autoFocus maxLength={100} />
            <FormHelperText><HelperText><HelperTextItem>{t('authorityNameHelp')}</HelperTextItem></HelperText></FormHelperText>
          </FormGroup>
          <FormGroup label={t('signedBy')} fieldId="issuer">
            <FormSelect id="issuer" value={wish.csrOnly ? '*' : wish.issuer} onChange={(_, value) => set(value === '*' ? { csrOnly: true, issuer: '' } : { csrOnly: false, issuer: value })}>
              <FormSelectOption value="" label={t('selfSigned')} />
              {(cas.value ?? []).filter((one) => one.state === 'active').map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}
              <FormSelectOption value="*" label={t('csrOnly')} />
            </FormSelect>
          </FormGroup>
          <FormGroup label={t('key')} fieldId="kind">
            <FormSelect id="kind" value={wish.kind} onChange={(_, kind) => set({ kind: kind as Wish['kind'] })}>
              <FormSelectOption value="managed" label={t('managedKey')} />
              <FormSelectOption value="token" label={t('tokenKey')} />
            </FormSelect>
          </FormGroup>
          {wish.kind === 'managed' ? (
            <FormGroup label={t('keyType')} fieldId="keyType">
              <FormSelect id="keyType" value={wish.keyType} onChange={(_, keyType) => set({ keyType })}>
                {keyTypes.map((type) => <FormSelectOption key={type} value={type} label={type} />)}
              </FormSelect>
              <FormHelperText><HelperText><HelperTextItem>{t('keyTypeHelp')}</HelperTextItem></HelperText></FormHelperText>
            </FormGroup>
          ) : (
            <FormGroup label={t('tokenUri')} fieldId="uri" isRequired>
              <TextInput id="uri" value={wish.uri} onChange={(_, uri) => set({ uri })} isRequired />
            </FormGroup>
          )}
          <ExpandableSection toggleText={t('more')}>
            <FormGroup label={t('organisationName')} fieldId="o"><TextInput id="o" value={wish.organisation} onChange={(_, organisation) => set({ organisation })} /></FormGroup>
            <FormGroup label={t('country')} fieldId="c"><TextInput id="c" value={wish.country} maxLength={2} onChange={(_, country) => set({ country: country.toUpperCase() })} /></FormGroup>
            <FormGroup label={t('validityDays')} fieldId="days"><TextInput id="days" type="number" min={1} value={wish.days} isDisabled={wish.csrOnly} onChange={(_, days) => set({ days })} /></FormGroup>
            <Checkbox id="csr" label={t('csrOnly')} isChecked={wish.csrOnly} onChange={(_, csrOnly) => set({ csrOnly, issuer: '' })} />
          </ExpandableSection>
          <ActionGroup>
            <Button type="submit" isLoading={busy} isDisabled={busy || wish.name.trim() === ''}>{t('create')}</Button>
            <Button variant="link" onClick={() => navigate('/cas')}>{t('cancel')}</Button>
          </ActionGroup>
        </Form>
        <section aria-label={t('preview')}><h2>{t('preview')}</h2><CodeText label={t('preview')} text={preview(wish)} /></section>
      </div>
    </Page>
  );
}
