import { Alert, Button, Card, CardBody, CardTitle, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { Link } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { asProblem, useLoad } from '../parts/load';
import { ProblemAlert, Waiting } from '../parts/small';
import { t } from '../texts';

/** A stranger asks for an account, where the instance allows it. */
export function Register() {
  const rule = useLoad(() => api.get<Schema['RegistrationRule']>('/registrations'), 'registrations');
  const [username, setUsername] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [made, setMade] = useState<Schema['Registered']>();
  const differs = again !== '' && again !== password;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (password !== again) return;
    setBusy(true);
    try {
      setMade(await api.post<Schema['Registered']>('/registrations', { username, displayName, email, password }));
    } catch (reason) {
      setProblem(asProblem(reason));
    }
    setBusy(false);
  };
  const form = (
    <Form onSubmit={(event) => void submit(event)}>
      <ProblemAlert problem={problem} />
      {rule.value?.approval === true && <p>{t('registerApproval')}</p>}
      <FormGroup label={t('username')} fieldId="register-name" isRequired><TextInput id="register-name" value={username} onChange={(_, value) => setUsername(value)} autoComplete="username" isRequired autoFocus /></FormGroup>
      <FormGroup label={t('displayName')} fieldId="register-display"><TextInput id="register-display" value={displayName} onChange={(_, value) => setDisplayName(value)} autoComplete="name" /></FormGroup>
      <FormGroup label={t('email')} fieldId="register-mail"><TextInput id="register-mail" type="email" value={email} onChange={(_, value) => setEmail(value)} autoComplete="email" /></FormGroup>
      <FormGroup label={t('password')} fieldId="register-password" isRequired>
        <TextInput id="register-password" type="password" value={password} onChange={(_, value) => setPassword(value)} autoComplete="new-password" isRequired minLength={12} />
        <FormHelperText><HelperText><HelperTextItem>{t('passwordRule')}</HelperTextItem></HelperText></FormHelperText>
      </FormGroup>
      <FormGroup label={t('passwordAgain')} fieldId="register-again" isRequired>
        <TextInput id="register-again" type="password" value={again} onChange={(_, value) => setAgain(value)} autoComplete="new-password" isRequired validated={differs ? 'error' : 'default'} />
        {differs && <FormHelperText><HelperText><HelperTextItem variant="error">{t('passwordsDiffer')}</HelperTextItem></HelperText></FormHelperText>}
      </FormGroup>
      <Button type="submit" isBlock isLoading={busy} isDisabled={busy || differs || username.trim() === '' || password === ''}>{t('register')}</Button>
    </Form>
  );
  return (
    <main className="gh-login">
      <Card>
        <CardTitle component="h1">{t('registerTitle')}</CardTitle>
        <CardBody className="gh-stack">
          <ProblemAlert problem={rule.problem} retry={rule.reload} />
          {rule.value === undefined ? rule.problem === undefined && <Waiting />
            : made !== undefined ? <Alert isInline variant="success" title={t(made.state === 'pending' ? 'registeredPending' : 'registeredActive', { name: made.username })} />
              : rule.value.open ? form : <Alert isInline variant="info" title={t('registerClosed')} />}
          <Link to="/">{t('toLogIn')}</Link>
        </CardBody>
      </Card>
    </main>
  );
}
