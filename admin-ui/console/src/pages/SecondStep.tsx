import { Button, Form, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Problem, type Schema } from '../api/client';
import { asProblem } from '../parts/load';
import { ProblemAlert } from '../parts/small';
import { hasSecurityKeys, showCredential } from '../parts/webauthn';
import { t } from '../texts';

/** The second step of a log-in: what the person has set up decides what is offered. */
export function SecondStep({ needed, done, back }: { needed: Schema['SecondFactorNeeded']; done: () => Promise<void>; back: () => void }) {
  const [recovery, setRecovery] = useState(!needed.totp && needed.publicKey === null);
  const [code, setCode] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const send = async (proof: () => Promise<object>) => {
    setBusy(true);
    try {
      await api.post('/session/second-factor', { ticket: needed.ticket, ...(await proof()) });
      await done();
    } catch (reason) {
      setProblem(asProblem(reason));
      setBusy(false);
    }
  };
  const typed = () => send(async () => (recovery ? { recoveryCode: code.trim() } : { totp: code.trim() }));
  const key = needed.publicKey;
  return (
    <Form onSubmit={(event) => { event.preventDefault(); void typed(); }}>
      <ProblemAlert problem={problem} />
      {key !== null && hasSecurityKeys() && !recovery && (
        <Button isBlock isDisabled={busy} variant={needed.totp ? 'secondary' : 'primary'} onClick={() => void send(async () => ({ credential: await showCredential(key) }))}>{t('useSecurityKey')}</Button>
      )}
      {(needed.totp || recovery) && (
        <>
          <FormGroup label={recovery ? t('recoveryCode') : t('appCode')} fieldId="second-code" isRequired>
            <TextInput key={String(recovery)} id="second-code" value={code} inputMode={recovery ? 'text' : 'numeric'} autoComplete="one-time-code" autoFocus isRequired onChange={(_, value) => setCode(value)} />
          </FormGroup>
          <Button type="submit" isBlock isDisabled={busy || code.trim() === ''} isLoading={busy}>{t('logIn')}</Button>
        </>
      )}
      {needed.recoveryCode && <Button variant="link" isInline onClick={() => { setRecovery(!recovery); setCode(''); setProblem(undefined); }}>{recovery ? t('noRecoveryCode') : t('useRecoveryCode')}</Button>}
      <Button variant="link" isInline onClick={back}>{t('back')}</Button>
    </Form>
  );
}
