import { ActionGroup, Alert, Button, Form, FormFieldGroup, FormFieldGroupHeader, FormGroup, FormHelperText, HelperText, HelperTextItem, Progress, Radio, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { useGuard } from '../parts/guard';
import { asProblem } from '../parts/load';
import { FoundList, isCa, MaterialField, nothing, spkiOf, subjectOf, useFound, type Found, type Material } from '../parts/Material';
import { Pick } from '../parts/pick';
import { Page, ProblemAlert } from '../parts/small';
import { t } from '../texts';

type Ca = Schema['Ca'];
const ways = ['pair', 'working', 'key', 'external', 'token'] as const;
type Way = (typeof ways)[number];

interface Wish {
  way: Way; name: string; key: Material; password: string; certificate: Material; uri: string; issuer: string; days: string;
  index: Material; crl: Material; issued: Material; crlNumber: string;
}
const first: Wish = {
  way: 'pair', name: '', key: nothing, password: '', certificate: nothing, uri: 'pkcs11:', issuer: '', days: '',
  index: nothing, crl: nothing, issued: nothing, crlNumber: '',
};

const hasKey = (way: Way) => way === 'pair' || way === 'working' || way === 'key';
const hasCertificate = (way: Way) => way !== 'key';
/** What one call may carry; a longer history goes in parts. */
const ONE_CALL = 3_000_000;

/** The certificate of the CA itself: the one of the key, or the only one that signs no other. */
function ownOf(found: readonly Found[]): Found | undefined {
  const certificates = found.filter((one) => one.type === 'certificate');
  const key = found.find((one) => one.type === 'private-key' && spkiOf(one) !== '');
  return key === undefined ? certificates[0] : certificates.find((one) => spkiOf(one) === spkiOf(key));
}

const commonName = (subject: string): string => /(?:^|,)CN=((?:\\.|[^,])*)/.exec(subject)?.[1]?.replace(/\\(.)/g, '$1') ?? '';

function remarks(wish: Wish, found: readonly Found[]): string[] {
  const key = found.find((one) => one.type === 'private-key' && spkiOf(one) !== '');
  const own = ownOf(found);
  const some = found.some((one) => one.type === 'certificate');
  return [
    ...(key !== undefined && some && own === undefined ? [t('keyOfAnother')] : []),
    ...(own !== undefined && !isCa(own) ? [t('notACa', { subject: subjectOf(own) })] : []),
    ...(hasKey(wish.way) && found.length > 0 && !found.some((one) => one.type === 'private-key') && wish.key.text !== '' && !found.some((one) => one.findings.some((f) => f.level === 'warning')) ? [t('noKeyInIt')] : []),
  ];
}

/** Lines of index.txt, or whole PEM blocks, in pieces that one call takes. */
function pieces(text: string, end: RegExp): string[] {
  const parts: string[] = [];
  let part = '';
  for (const one of text.split(end)) {
    if (part.length + one.length > ONE_CALL) { parts.push(part); part = ''; }
    part += one;
  }
  if (part.trim() !== '') parts.push(part);
  return parts;
}

const historyOf = (wish: Wish): Record<string, unknown> => ({
  ...(wish.index.text.trim() === '' ? {} : { index: wish.index.text }),
  ...(wish.crl.text.trim() === '' ? {} : { crl: wish.crl.text }),
  ...(wish.issued.text.trim() === '' ? {} : { certificates: wish.issued.text }),
  ...(wish.crlNumber === '' ? {} : { crlNumber: Number(wish.crlNumber) }),
});

const keyOfWish = (wish: Wish) => ({ privateKey: wish.key.text, ...(wish.password === '' ? {} : { password: wish.password }) });

function orderOf(wish: Wish): Record<string, unknown> {
  const history = historyOf(wish);
  return {
    name: wish.name.trim(),
    ...(hasKey(wish.way) ? keyOfWish(wish) : {}),
    ...(hasCertificate(wish.way) && wish.certificate.text.trim() !== '' ? { certificate: wish.certificate.text } : {}),
    ...(wish.way === 'working' && Object.keys(history).length > 0 ? { history } : {}),
    ...(wish.way === 'key' ? { subject: { CN: wish.name.trim() }, ...(wish.issuer === '*' ? { csrOnly: true } : wish.issuer === '' ? {} : { issuer: wish.issuer }), ...(wish.days === '' || wish.issuer === '*' ? {} : { validityDays: Number(wish.days) }) } : {}),
  };
}

/** A long history: the CA waits while it comes, so that no list is published before all of it is there. */
async function inParts(wish: Wish, subject: string, of: { organisation?: string }, tell: (done: number, of: number) => void): Promise<Ca> {
  const parts: Record<string, unknown>[] = [
    ...pieces(wish.index.text, /(?<=\n)/).map((index) => ({ index })),
    ...pieces(wish.issued.text, /(?<=-----END CERTIFICATE-----\s*\n)/).map((certificates) => ({ certificates })),
    ...(wish.crl.text.trim() === '' && wish.crlNumber === '' ? [] : [{ ...(wish.crl.text.trim() === '' ? {} : { crl: wish.crl.text }), ...(wish.crlNumber === '' ? {} : { crlNumber: Number(wish.crlNumber) }) }]),
  ];
  const ca = await api.post<Ca>('/cas/import', { name: wish.name.trim(), ...keyOfWish(wish), ...of, subject, csrOnly: true });
  for (const [i, part] of parts.entries()) {
    tell(i, parts.length);
    await api.post(`/cas/${ca.id}/history`, part);
  }
  return api.post<Ca>(`/cas/${ca.id}/certificate`, { certificate: wish.certificate.text });
}

function KeyFields({ wish, set }: { wish: Wish; set: (change: Partial<Wish>) => void }) {
  return (
    <>
      <MaterialField id="import-key" label={t('privateKey')} value={wish.key} set={(key) => set({ key })} help={t('privateKeyHelp')} isRequired />
      <FormGroup label={t('filePassword')} fieldId="import-password">
        <TextInput id="import-password" type="password" autoComplete="off" value={wish.password} onChange={(_, password) => set({ password })} />
      </FormGroup>
    </>
  );
}

function HistoryFields({ wish, set }: { wish: Wish; set: (change: Partial<Wish>) => void }) {
  return (
    <FormFieldGroup header={<FormFieldGroupHeader titleText={{ text: t('itsHistory'), id: 'import-history' }} titleDescription={t('itsHistorySays')} />}>
      <MaterialField id="import-index" label={t('indexFile')} value={wish.index} set={(index) => set({ index })} help={t('indexFileHelp')} />
      <MaterialField id="import-crl" label={t('lastCrl')} value={wish.crl} set={(crl) => set({ crl })} help={t('lastCrlHelp')} />
      <MaterialField id="import-issued" label={t('issuedCertificates')} value={wish.issued} set={(issued) => set({ issued })} help={t('issuedCertificatesHelp')} />
      <FormGroup label={t('crlNumber')} fieldId="import-number">
        <TextInput id="import-number" type="number" min={1} value={wish.crlNumber} onChange={(_, crlNumber) => set({ crlNumber })} />
        <FormHelperText><HelperText><HelperTextItem>{t('crlNumberHelp')}</HelperTextItem></HelperText></FormHelperText>
      </FormGroup>
    </FormFieldGroup>
  );
}

/** Who makes the certificate of a key that has none. */
function SignerFields({ wish, set }: { wish: Wish; set: (change: Partial<Wish>) => void }) {
  const { cas } = useScope();
  const active = (cas.value ?? []).filter((one) => one.state === 'active');
  return (
    <>
      <Pick id="import-issuer" label={t('signedBy')} value={wish.issuer} set={(issuer) => set({ issuer })} choices={[['', t('selfSigned')], ...active.map((one) => [one.id, one.name] as const), ['*', t('csrOnly')]]} />
      {wish.issuer !== '*' && <FormGroup label={t('validityDays')} fieldId="import-days"><TextInput id="import-days" type="number" min={1} value={wish.days} onChange={(_, days) => set({ days })} /></FormGroup>}
    </>
  );
}

function Seen({ wish, found, problem, asking }: { wish: Wish; found: Found[]; problem: Problem | undefined; asking: boolean }) {
  const own = ownOf(found);
  const signs = found.some((one) => one.type === 'private-key' && spkiOf(one) !== '') && own !== undefined;
  return (
    <section aria-label={t('whatIsInIt')} aria-busy={asking} className="gh-stack">
      <h2>{t('whatIsInIt')}</h2>
      {found.length === 0 && problem === undefined && <p>{t('nothingYet')}</p>}
      {problem !== undefined && <Alert isInline variant="warning" title={problem.message} />}
      <FoundList found={found} />
      {remarks(wish, found).map((one) => <Alert key={one} isInline variant="danger" title={one} />)}
      {signs && isCa(own) && <Alert isInline variant="success" title={t('keyFits', { subject: subjectOf(own) })} />}
      {wish.way === 'external' && own !== undefined && isCa(own) && <Alert isInline variant="info" title={t('externalSays')} />}
    </section>
  );
}

/** A CA from elsewhere: what one has of it decides what it can do here. */
export default function AuthorityImport() {
  const [wish, setWish] = useState<Wish>(first);
  const [problem, setProblem] = useState<Problem>();
  const [progress, setProgress] = useState<number>();
  const { cas, organisation } = useScope();
  const navigate = useNavigate();
  const release = useGuard(wish !== first);
  const set = (change: Partial<Wish>) => setWish((old) => ({ ...old, ...change }));
  const { way } = wish;
  const of = organisation === '' ? {} : { organisation };
  const seen = useFound([hasKey(way) ? wish.key.text : '', hasCertificate(way) ? wish.certificate.text : '', way === 'working' && wish.crl.text.length < ONE_CALL ? wish.crl.text : ''], wish.password);
  const own = ownOf(seen.found);
  const suggested = own === undefined ? '' : commonName(subjectOf(own));
  const whole: Wish = { ...wish, name: wish.name.trim() === '' ? suggested : wish.name };
  const ready = whole.name !== '' && (!hasKey(way) || wish.key.text.trim() !== '') && (hasKey(way) || wish.certificate.text.trim() !== '') && (way !== 'token' || wish.uri.length > 7);
  const long = way === 'working' && wish.index.text.length + wish.issued.text.length + wish.crl.text.length > ONE_CALL;
  const run = async (): Promise<Ca> => {
    if (long) {
      if (own === undefined || wish.certificate.text.trim() === '') throw new Error(t('longHistoryNeeds'));
      return inParts(whole, subjectOf(own), of, (done, all) => setProgress(Math.round((100 * done) / all)));
    }
    const ca = await api.post<Ca>('/cas/import', { ...orderOf(whole), ...of });
    return way === 'token' ? api.put<Ca>(`/cas/${ca.id}/key`, { uri: wish.uri }).catch((reason: unknown) => { cas.reload(); throw reason; }) : ca;
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(undefined);
    setProgress(0);
    try {
      const ca = await run();
      release();
      cas.reload();
      navigate(`/cas/${ca.id}?new=1`);
    } catch (reason) {
      setProblem(asProblem(reason));
      setProgress(undefined);
    }
  };
  return (
    <Page title={t('importAuthority')}>
      <div className="gh-two">
        <Form onSubmit={(event) => void submit(event)}>
          <FormGroup role="radiogroup" label={t('whatYouHave')} fieldId="import-way" isStack>
            {ways.map((one) => <Radio key={one} id={`way-${one}`} name="way" label={t(`import-${one}`)} description={t(`import-${one}-says`)} isChecked={way === one} onChange={() => set({ way: one })} />)}
          </FormGroup>
          {hasKey(way) && <KeyFields wish={wish} set={set} />}
          {hasCertificate(way) && <MaterialField id="import-certificate" label={t('certificateAndIssuers')} value={wish.certificate} set={(certificate) => set({ certificate })} help={hasKey(way) ? t('certificateInPkcs12') : undefined} isRequired={!hasKey(way)} />}
          {way === 'token' && <FormGroup label={t('tokenUri')} fieldId="import-uri" isRequired><TextInput id="import-uri" value={wish.uri} onChange={(_, uri) => set({ uri })} /></FormGroup>}
          {way === 'working' && <HistoryFields wish={wish} set={set} />}
          <FormGroup label={t('name')} fieldId="import-name" isRequired>
            <TextInput id="import-name" value={wish.name} placeholder={suggested} maxLength={100} onChange={(_, name) => set({ name })} />
            <FormHelperText><HelperText><HelperTextItem>{t(way === 'key' ? 'authorityNameHelp' : 'importNameHelp')}</HelperTextItem></HelperText></FormHelperText>
          </FormGroup>
          {way === 'key' && <SignerFields wish={wish} set={set} />}
          <ProblemAlert problem={problem} />
          {progress !== undefined && long && <Progress value={progress} title={t('historyComes')} />}
          <ActionGroup>
            <Button type="submit" isLoading={progress !== undefined} isDisabled={progress !== undefined || !ready}>{t('import')}</Button>
            <Button variant="link" onClick={() => navigate('/cas')}>{t('cancel')}</Button>
          </ActionGroup>
        </Form>
        <Seen wish={wish} found={seen.found} problem={seen.problem} asking={seen.asking} />
      </div>
    </Page>
  );
}
