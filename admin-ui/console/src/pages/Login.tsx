import { Button, Card, CardBody, CardTitle, Form, FormGroup, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { ProblemAlert } from '../parts/small';
import { hasSecurityKeys, showCredential } from '../parts/webauthn';
import { useSession } from '../session';
import { t } from '../texts';
import { LoginProviders } from './LoginProviders';
import { SecondStep } from './SecondStep';

export type Answer = Schema['Session'] | Schema['SecondFactorNeeded'];

async function byPasskey(): Promise<Answer> {
  const begun = await api.post<Schema['WebAuthnBegun']>('/session/passkey');
  return api.post<Answer>('/session/passkey/finish', { ticket: begun.ticket, credential: await showCredential(begun.publicKey) });
}

export function Login() {
  const { refresh } = useSession();
  const providers = useLoad(() => api.get<List<Schema['LoginProvider']>>('/session/providers'), 'providers');
  const registration = useLoad(() => api.get<Schema['RegistrationRule']>('/registrations'), 'registrations');
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [provider, setProvider] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const [needed, setNeeded] = useState<Schema['SecondFactorNeeded']>();
  const begin = async (ask: () => Promise<Answer>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await ask();
      if ('ticket' in answer) setNeeded(answer);
      else await refresh();
    } catch (reason) {
      setProblem(asProblem(reason));
    }
    setBusy(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void begin(() => api.post<Answer>('/session', { username, password, ...(provider === '' ? {} : { provider }) }));
  };
  const offered = providers.value?.items ?? [];
  const directories = offered.filter((one) => one.kind === 'ldap');
  return (
    <main className="gh-login">
      <Card>
        <CardTitle component="h1"><span className="gh-brand"><img src="/assets/icon.svg" alt="" width="32" height="32" />Gatehouse</span></CardTitle>
        <CardBody>
          {needed !== undefined ? <SecondStep needed={needed} done={refresh} back={() => setNeeded(undefined)} /> : (
            <Form onSubmit={submit}>
              <ProblemAlert problem={problem} />
              {directories.length > 0 && <Pick id="provider" label={t('passwordKnownBy')} value={provider} set={setProvider} choices={[['', 'Gatehouse'], ...directories.map((one) => [one.id, one.name] as const)]} />}
              <FormGroup label={t('username')} fieldId="username" isRequired>
                <TextInput id="username" value={username} onChange={(_, value) => setUsername(value)} autoComplete="username" isRequired autoFocus />
              </FormGroup>
              <FormGroup label={t('password')} fieldId="password" isRequired>
                <TextInput id="password" type="password" value={password} onChange={(_, value) => setPassword(value)} autoComplete="current-password" isRequired />
              </FormGroup>
              <Button type="submit" isBlock isLoading={busy} isDisabled={busy}>{t('logIn')}</Button>
              <LoginProviders providers={offered} begin={begin} onProblem={setProblem} />
              <div className="gh-actions">
                {hasSecurityKeys() && <Button variant="link" isInline isDisabled={busy} onClick={() => void begin(byPasskey)}>{t('withPasskey')}</Button>}
                <Button variant="link" isInline isDisabled={busy} onClick={() => void begin(() => api.post<Answer>('/session/certificate'))}>{t('withCertificate')}</Button>
              </div>
              {registration.value?.open === true && <Link to="/register">{t('registerLink')}</Link>}
            </Form>
          )}
        </CardBody>
      </Card>
    </main>
  );
}
