import { Button, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { api, type Problem } from '../api/client';
import { t } from '../texts';
import { asProblem } from './load';
import { ProblemAlert } from './small';

export function PasswordForm({ done }: { done: () => void }) {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const differs = again !== '' && fresh !== again;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (fresh !== again) return;
    setBusy(true);
    try {
      await api.post('/session/password', { old, new: fresh });
      setProblem(undefined);
      done();
    } catch (reason) {
      setProblem(asProblem(reason));
    }
    setBusy(false);
  };
  return (
    <Form onSubmit={(event) => void submit(event)}>
      <ProblemAlert problem={problem} />
      <FormGroup label={t('oldPassword')} fieldId="old" isRequired>
        <TextInput id="old" type="password" value={old} onChange={(_, value) => setOld(value)} autoComplete="current-password" isRequired />
      </FormGroup>
      <FormGroup label={t('newPassword')} fieldId="new" isRequired>
        <TextInput id="new" type="password" value={fresh} onChange={(_, value) => setFresh(value)} autoComplete="new-password" isRequired minLength={12} />
        <FormHelperText><HelperText><HelperTextItem>{t('passwordRule')}</HelperTextItem></HelperText></FormHelperText>
      </FormGroup>
      <FormGroup label={t('newPasswordAgain')} fieldId="again" isRequired>
        <TextInput id="again" type="password" value={again} onChange={(_, value) => setAgain(value)} autoComplete="new-password" isRequired validated={differs ? 'error' : 'default'} />
        {differs && <FormHelperText><HelperText><HelperTextItem variant="error">{t('passwordsDiffer')}</HelperTextItem></HelperText></FormHelperText>}
      </FormGroup>
      <Button type="submit" isLoading={busy} isDisabled={busy || differs}>{t('changePassword')}</Button>
    </Form>
  );
}
