import { Alert, Button, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';
import type { Problem } from '../api/client';
import { t } from '../texts';
import { asProblem } from './load';
import { ProblemAlert } from './small';

interface Props {
  title: string;
  /** What will happen, in words. */
  children: ReactNode;
  /** For dangerous acts: the name that has to be typed. */
  name?: string;
  act: string;
  danger?: boolean;
  run: () => Promise<unknown>;
  close: (done: boolean) => void;
}

/** Says what will happen, asks for the name where it is dangerous, shows why it failed. */
export function Confirm({ title, children, name, act, danger = false, run, close }: Props) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = () => {
    setBusy(true);
    run().then(() => close(true), (reason: unknown) => {
      setProblem(asProblem(reason));
      setBusy(false);
    });
  };
  return (
    <Modal isOpen variant="medium" onClose={() => close(false)} aria-labelledby="confirm-title">
      <ModalHeader title={title} labelId="confirm-title" />
      <ModalBody>
        <Form onSubmit={(event) => { event.preventDefault(); if (name === undefined || typed === name) submit(); }}>
          <ProblemAlert problem={problem} />
          {danger && <Alert variant="warning" isInline isPlain title={t('cannotBeUndone')} />}
          {children}
          {name !== undefined && (
            <FormGroup label={t('typeName', { name })} fieldId="confirm-name">
              <TextInput id="confirm-name" value={typed} onChange={(_, value) => setTyped(value)} autoComplete="off" />
            </FormGroup>
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button variant={danger ? 'danger' : 'primary'} onClick={submit} isLoading={busy}
          isDisabled={busy || (name !== undefined && typed !== name)}>{act}</Button>
        <Button variant="link" onClick={() => close(false)}>{t('cancel')}</Button>
      </ModalFooter>
    </Modal>
  );
}
