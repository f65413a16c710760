import { Button, Card, CardBody, CardTitle, Form, FormGroup, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { api, type Problem } from '../api/client';
import { asProblem } from '../parts/load';
import { ProblemAlert } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

export function Login() {
  const { refresh } = useSession();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.post('/session', { username, password });
      await refresh();
    } catch (reason) {
      setProblem(asProblem(reason));
      setBusy(false);
    }
  };
  return (
    <main className="gh-login">
      <Card>
        <CardTitle component="h1"><span className="gh-brand"><img src="/assets/icon.svg" alt="" width="32" height="32" />Gatehouse</span></CardTitle>
        <CardBody>
          <Form onSubmit={(event) => void submit(event)}>
            <ProblemAlert problem={problem} />
            <FormGroup label={t('username')} fieldId="username" isRequired>
              <TextInput id="username" value={username} onChange={(_, value) => setUsername(value)} autoComplete="username" isRequired autoFocus />
            </FormGroup>
            <FormGroup label={t('password')} fieldId="password" isRequired>
              <TextInput id="password" type="password" value={password} onChange={(_, value) => setPassword(value)} autoComplete="current-password" isRequired />
            </FormGroup>
            <Button type="submit" isBlock isLoading={busy} isDisabled={busy}>{t('logIn')}</Button>
          </Form>
        </CardBody>
      </Card>
    </main>
  );
}
