import { Alert, Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';
import { saveFile, type Problem } from '../api/client';
import { t } from '../texts';
import { asProblem } from './load';
import { CodeText, Copy, ProblemAlert } from './small';

interface Props {
  title: string;
  act: string;
  ready: boolean;
  children: ReactNode;
  run: () => Promise<unknown>;
  close: (done: boolean) => void;
  /** `run` itself closes the dialog or goes on to its next step. */
  stays?: boolean;
}

/** A small form on its own: what is asked, and why it was refused. */
export function FormDialog({ title, act, ready, children, run, close, stays = false }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = () => {
    setBusy(true);
    run().then(() => (stays ? setBusy(false) : close(true)), (reason: unknown) => { setProblem(asProblem(reason)); setBusy(false); });
  };
  return (
    <Modal isOpen variant="medium" onClose={() => close(false)} aria-labelledby="dialog-title">
      <ModalHeader title={title} labelId="dialog-title" />
      <ModalBody><Form onSubmit={(event) => { event.preventDefault(); if (ready && !busy) submit(); }}><ProblemAlert problem={problem} />{children}</Form></ModalBody>
      <ModalFooter>
        <Button onClick={submit} isDisabled={!ready || busy} isLoading={busy}>{act}</Button>
        <Button variant="link" onClick={() => close(false)}>{t('cancel')}</Button>
      </ModalFooter>
    </Modal>
  );
}

/** What is shown this once, each with a button that copies it. */
export function Once({ title, secrets, close, children }: { title: string; secrets: readonly (readonly [string, string])[]; close: () => void; children?: ReactNode }) {
  return (
    <Modal isOpen variant="medium" onClose={close} aria-labelledby="once-title">
      <ModalHeader title={title} labelId="once-title" />
      <ModalBody className="gh-stack">
        <Alert isInline variant="info" title={t('shownOnce')} />
        {secrets.map(([name, text]) => <div key={name}><strong>{name}</strong><Copy label={name} text={text} /></div>)}
        {children !== undefined && <p>{children}</p>}
      </ModalBody>
      <ModalFooter><Button onClick={close}>{t('close')}</Button></ModalFooter>
    </Modal>
  );
}

/** A text that was made, to be copied or saved. */
export function Shown({ title, text, name, close }: { title: string; text: string; name: string; close: () => void }) {
  return (
    <Modal isOpen variant="medium" onClose={close} aria-labelledby="shown-title">
      <ModalHeader title={title} labelId="shown-title" />
      <ModalBody><CodeText label={title} text={text} /></ModalBody>
      <ModalFooter>
        <Button variant="secondary" onClick={() => saveFile(new Blob([text], { type: 'text/plain' }), name)}>{t('download')}</Button>
        <Button variant="secondary" onClick={() => void navigator.clipboard.writeText(text)}>{t('copy')}</Button>
        <Button onClick={close}>{t('close')}</Button>
      </ModalFooter>
    </Modal>
  );
}
