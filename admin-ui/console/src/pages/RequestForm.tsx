import { ActionGroup, Alert, Button, Checkbox, Form, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router-dom';
import { api, saveFile, type Problem, type Schema } from '../api/client';
import { keyOf, keyTypes } from '../parts/keys';
import { asProblem } from '../parts/load';
import { Pick } from '../parts/pick';
import { Copy, ProblemAlert, When } from '../parts/small';
import { useValidity } from '../parts/Validity';
import { useSession } from '../session';
import { t } from '../texts';

const sansOf = (text: string): string[] => text.split(/[\n,]+/).map((one) => one.trim()).filter((one) => one !== '');

/** What both ways without a CSR ask. */
function useNames() {
  const [subject, setSubject] = useState('');
  const [sans, setSans] = useState('');
  const validity = useValidity('form');
  const body = { ...(subject.trim() === '' ? {} : { subject: subject.trim() }), ...(sans.trim() === '' ? {} : { sans: sansOf(sans) }), ...validity.body };
  const fields = (
    <>
      <FormGroup label={t('subject')} fieldId="form-subject"><TextInput id="form-subject" value={subject} placeholder="CN=www.example.com, O=Example" onChange={(_, value) => setSubject(value)} /></FormGroup>
      <FormGroup label={t('sansOneALine')} fieldId="form-sans"><TextArea id="form-sans" value={sans} placeholder={'DNS:www.example.com\nemail:somebody@example.com'} onChange={(_, value) => setSans(value)} /></FormGroup>
      {validity.fields}
    </>
  );
  return { body, fields, empty: (subject.trim() === '' && sans.trim() === '') || !validity.ready };
}

/** A request for somebody else, who makes the key under a link: approved now, or waiting for who may decide. */
export function Invite({ template }: { template: string }) {
  const { may } = useSession();
  const names = useNames();
  const [email, setEmail] = useState('');
  const [approved, setApproved] = useState(may('requests:decide'));
  const [claimDays, setClaimDays] = useState('7');
  const [made, setMade] = useState<Schema['LinkedRequest']>();
  const [problem, setProblem] = useState<Problem>();
  const submit = () =>
    api.post<Schema['LinkedRequest']>(`/templates/${template}/requests/form`, { ...names.body, ...(approved ? { preApproved: true, claimDays: Number(claimDays) } : {}), ...(email.trim() === '' ? {} : { email: email.trim() }) }).then(
      (answer) => { setMade(answer); setProblem(undefined); }, (reason: unknown) => setProblem(asProblem(reason)));
  if (made !== undefined)
    return (
      <div className="gh-stack">
        {made.claim === null ? <Alert isInline variant="info" title={t('inviteWaits')} /> : (
          <>
            <Alert isInline variant="success" title={email.trim() === '' ? t('inviteMade') : t('inviteSent', { to: email.trim() })} />
            <FormGroup label={t('claimLink')} fieldId="claim-link"><Copy label={t('claimLink')} text={made.claim.url} /></FormGroup>
            <p>{t('until')} <When at={made.claim.expiresAt} /></p>
          </>
        )}
        <div className="gh-actions">
          <Link to={`/requests/${made.request.id}`}>{t('toTheRequest')}</Link>
          <Button variant="link" isInline onClick={() => setMade(undefined)}>{t('another')}</Button>
        </div>
      </div>
    );
  return (
    <Form onSubmit={(event) => { event.preventDefault(); void submit(); }} className="gh-form">
      <p>{t('inviteSays')}</p>
      {names.fields}
      <FormGroup label={t('inviteMail')} fieldId="form-mail"><TextInput id="form-mail" type="email" value={email} onChange={(_, value) => setEmail(value)} /></FormGroup>
      {may('requests:decide') && <Checkbox id="form-approved" label={t('approveNow')} isChecked={approved} onChange={(_, on) => setApproved(on)} />}
      {approved && <FormGroup label={t('linkDays')} fieldId="form-claim"><TextInput id="form-claim" type="number" min={1} max={90} value={claimDays} onChange={(_, value) => setClaimDays(value)} /></FormGroup>}
      <ProblemAlert problem={problem} />
      <ActionGroup><Button type="submit" isDisabled={names.empty || template === ''}>{t('invite')}</Button></ActionGroup>
    </Form>
  );
}

/** Key and certificate at once, in a file under a password. */
export function WithKey({ template }: { template: string }) {
  const navigate = useNavigate();
  const names = useNames();
  const [type, setType] = useState('P-256');
  const [protection, setProtection] = useState('modern');
  const [password, setPassword] = useState('');
  const [keep, setKeep] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    try {
      const made = await api.post<Schema['KeyedRequest']>(`/templates/${template}/requests/key`, { ...names.body, key: keyOf(type), password, protection, keep, issue: true });
      const bytes = Uint8Array.from(atob(made.pkcs12 ?? ''), (letter) => letter.charCodeAt(0));
      saveFile(new Blob([bytes], { type: 'application/pkcs12' }), `${(made.request.subject || made.request.sans[0] || 'key').replace(/^.*?=/, '').replace(/[^\w.@-]+/g, '-')}.p12`);
      navigate(`/certificates/${made.request.certificateId ?? ''}`);
    } catch (reason) {
      setProblem(asProblem(reason));
      setBusy(false);
    }
  };
  return (
    <Form onSubmit={(event) => { event.preventDefault(); void submit(); }} className="gh-form">
      <p>{t('withKeySays')}</p>
      {names.fields}
      <Pick id="form-key" label={t('keyType')} value={type} set={setType} choices={keyTypes.map((one) => [one, one] as const)} />
      <Pick id="form-protection" label={t('protection')} value={protection} set={setProtection} choices={[['modern', t('protection-modern')], ['compatible', t('protection-compatible')], ['legacy', t('protection-legacy')]]} />
      <FormGroup label={t('filePasswordNew')} fieldId="form-password" isRequired><TextInput id="form-password" type="password" autoComplete="new-password" value={password} onChange={(_, value) => setPassword(value)} /></FormGroup>
      <Checkbox id="form-keep" label={t('recoverable')} description={t('recoverableSays')} isChecked={keep} onChange={(_, on) => setKeep(on)} />
      <ProblemAlert problem={problem} />
      <ActionGroup><Button type="submit" isLoading={busy} isDisabled={busy || names.empty || password.length < 8 || template === ''}>{t('createAndDownload')}</Button></ActionGroup>
    </Form>
  );
}
