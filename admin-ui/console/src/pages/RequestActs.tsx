import { Alert, Button, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Comparison, useCompared } from '../parts/Comparison';
import { FormDialog } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { happened } from '../parts/names';
import { Pick } from '../parts/pick';
import { ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useVariables } from '../parts/Variables';
import { useValidity } from '../parts/Validity';
import { t } from '../texts';

type Request = Schema['Request'];
type Template = Schema['Template'];

const linesOf = (text: string): string[] => text.split(/[\n,]+/).map((one) => one.trim()).filter((one) => one !== '');

/** Signs with or without changes; what comes of it is shown beside, before it is signed. */
export function Sign({ request, close }: { request: Request; close: (done: boolean) => void }) {
  const [subject, setSubject] = useState(request.subject);
  const [sans, setSans] = useState(request.sans.join('\n'));
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const validity = useValidity('sign');
  const template = useLoad(() => api.get<Template>(`/templates/${request.template}`).catch(() => undefined), `sign-${request.template}`);
  const variables = useVariables('sign', template.value?.document.variables ?? []);
  const names = linesOf(sans);
  const overrides = {
    ...(subject.trim() === request.subject ? {} : { subject: subject.trim() }),
    ...(names.join('\n') === request.sans.join('\n') ? {} : { sans: names }),
    ...(validity.ready ? validity.body : {}),
    ...variables.body,
  };
  const compared = useCompared(request.csr ?? '', request.template, { ...(request.proposal ?? {}), ...overrides });
  const submit = () => {
    setBusy(true);
    api.post(`/requests/${request.id}/sign`, overrides).then(() => close(true), (reason: unknown) => { setProblem(asProblem(reason)); setBusy(false); });
  };
  return (
    <Modal isOpen variant="large" onClose={() => close(false)} aria-labelledby="sign-title">
      <ModalHeader title={`${t('sign')}: ${request.subject || (request.sans[0] ?? '')}`} labelId="sign-title" />
      <ModalBody>
        <div className="gh-two">
          <Form onSubmit={(event) => { event.preventDefault(); if (validity.ready && !busy) submit(); }}>
            <ProblemAlert problem={problem} />
            <p>{t('signSays', { subject: request.subject || (request.sans[0] ?? '') })}</p>
            <FormGroup label={t('subject')} fieldId="o-subject"><TextInput id="o-subject" value={subject} onChange={(_, value) => setSubject(value)} /></FormGroup>
            <FormGroup label={t('sansOneALine')} fieldId="o-sans"><TextArea id="o-sans" rows={4} value={sans} onChange={(_, value) => setSans(value)} /></FormGroup>
            {variables.fields}
            {validity.fields}
            {Object.keys(overrides).length > 0 && <div><Button variant="link" isInline onClick={() => { setSubject(request.subject); setSans(request.sans.join('\n')); }}>{t('asAskedAgain')}</Button></div>}
          </Form>
          <section aria-label={t('preview')}><Comparison compared={compared} /></section>
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={submit} isLoading={busy} isDisabled={busy || !validity.ready}>{t('sign')}</Button>
        <Button variant="link" onClick={() => close(false)}>{t('cancel')}</Button>
      </ModalFooter>
    </Modal>
  );
}

/** To another template of the same authority, whose rules then count. */
export function Move({ request, close }: { request: Request; close: (done: boolean) => void }) {
  const loaded = useLoad(() => api.all<Template>(`/cas/${request.ca}/templates`), `move-${request.ca}`);
  const others = (loaded.value ?? []).filter((one) => one.id !== request.template && one.document.enabled !== false);
  const [template, setTemplate] = useState('');
  const chosen = template === '' ? others[0]?.id ?? '' : template;
  const compared = useCompared(request.csr ?? '', chosen, request.proposal ?? {});
  return (
    <FormDialog title={t('moveRequest')} act={t('move')} ready={chosen !== ''} close={close} run={() => api.post(`/requests/${request.id}/move`, { template: chosen })}>
      <p>{t('moveSays')}</p>
      <ProblemAlert problem={loaded.problem} />
      {loaded.value !== undefined && others.length === 0 && <p>{t('noOtherTemplate')}</p>}
      {others.length > 0 && <Pick id="move-template" label={t('template')} value={chosen} set={setTemplate} choices={others.map((one) => [one.id, one.name] as const)} />}
      {chosen !== '' && <Comparison compared={compared} />}
    </FormDialog>
  );
}

/** Who did what with it, newest first. */
export function History({ object }: { object: string }) {
  const loaded = useLoad(() => api.get<List<Schema['Event']>>('/events', { object, limit: 50 }), `history-${object}`, 30000);
  if (loaded.value === undefined) return loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />;
  return (
    <ol className="gh-history" aria-label={t('history')}>
      {loaded.value.items.map((one) => (
        <li key={one.id}><When at={one.at} /> <strong title={one.code}>{happened(one.code)}</strong> {one.outcome !== 'success' && <StateLabel state={one.outcome} />} {one.actor?.name ?? ''}</li>
      ))}
    </ol>
  );
}

/** Whom a request under four eyes still waits for. */
export function FourEyes({ request, me }: { request: Request; me: string }) {
  if (request.state !== 'approved' || request.approver === null || request.csr === null) return null;
  return <Alert isInline variant="info" title={request.approver === me ? t('fourEyesYou') : t('fourEyesOther')} />;
}

export interface Outcome { id: string; name: string; ok: boolean; detail: string; claim?: string }

/** What became of each of many. */
export function Outcomes({ title, items, close, place }: { title: string; items: Outcome[]; close: () => void; place: string }) {
  const failed = items.filter((one) => !one.ok).length;
  const { cas } = useScope();
  return (
    <Modal isOpen variant="medium" onClose={() => { cas.reload(); close(); }} aria-labelledby="outcomes-title">
      <ModalHeader title={title} labelId="outcomes-title" />
      <ModalBody className="gh-stack">
        <Alert isInline variant={failed === 0 ? 'success' : 'warning'} title={failed === 0 ? t('allDone', { count: items.length }) : t('someFailedOf', { failed, count: items.length })} />
        <div className="gh-wide" tabIndex={0} role="group" aria-label={t('results')}>
          <table className="gh-table" aria-label={t('results')}>
            <thead><tr><th scope="col">{t('name')}</th><th scope="col">{t('result')}</th></tr></thead>
            <tbody>{[...items].sort((a, b) => Number(a.ok) - Number(b.ok)).map((one) => (
              <tr key={one.id}><td><Link to={`${place}/${one.id}`} onClick={close}>{one.name}</Link></td><td><StateLabel state={one.ok ? 'success' : 'failure'} /> {one.detail}</td></tr>
            ))}</tbody>
          </table>
        </div>
      </ModalBody>
      <ModalFooter><Button onClick={close}>{t('close')}</Button></ModalFooter>
    </Modal>
  );
}
