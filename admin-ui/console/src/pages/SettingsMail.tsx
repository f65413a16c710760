import { Alert, Button, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { asStored, SettingsForm, type Field } from '../parts/SettingsForm';
import { CodeText, ProblemAlert, StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { said, t } from '../texts';

type Settings = Schema['MailSettings'];
type Message = Schema['MailMessage'];
type Wording = Schema['MailTemplate'];

const fields = (): Field[] => [
  { path: 'server', kind: 'text' }, { path: 'port', kind: 'number' }, { path: 'security', kind: 'one', of: [['starttls', 'STARTTLS'], ['tls', 'TLS'], ['none', t('none')]] },
  { path: 'username', kind: 'text' }, { path: 'password', kind: 'secret' }, { path: 'from', kind: 'text' }, { path: 'replyTo', kind: 'text' }, { path: 'caCertificates', kind: 'area' },
];

function Test() {
  const [to, setTo] = useState('');
  const [sent, setSent] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const test = () => api.post<Schema['MailTested']>('/mail/test', { to }).then(
    (answer) => { setSent(answer.sentTo); setProblem(undefined); }, (reason: unknown) => { setSent(''); setProblem(asProblem(reason)); });
  return (
    <div className="gh-form gh-stack">
      <FormGroup label={t('testMailTo')} fieldId="mail-to"><TextInput id="mail-to" type="email" value={to} onChange={(_, value) => setTo(value)} /></FormGroup>
      <div><Button variant="secondary" isDisabled={to === ''} onClick={() => void test()}>{t('sendTest')}</Button></div>
      <ProblemAlert problem={problem} />
      {sent !== '' && <Alert isInline variant="success" title={t('testSent', { to: sent })} />}
    </div>
  );
}

export function MailServer() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Settings>('/mail/settings'), 'mail-settings');
  const fixed = !may('settings:manage');
  const save = (document: Record<string, unknown>) => {
    const { source: _source, hasPassword: _has, ...rest } = document;
    return api.put('/mail/settings', asStored(rest)).then(loaded.reload);
  };
  return (
    <>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value?.source === 'configuration' && <Alert isInline variant="info" title={t('mailFromConfiguration')} />}
      {loaded.value !== undefined && <SettingsForm name="mail" document={loaded.value} fields={fields()} fixed={fixed} save={save} />}
      {!fixed && <Test />}
    </>
  );
}

export function MailQueue() {
  const { may } = useSession();
  const [version, setVersion] = useState(0);
  const [retrying, setRetrying] = useState<Message>();
  const columns: Column<Message>[] = [
    { id: 'created', title: t('time'), text: (m) => m.createdAt, cell: (m) => <When at={m.createdAt} /> },
    { id: 'to', title: t('mailTo'), text: (m) => m.to, cell: (m) => m.to },
    { id: 'what', title: t('kind'), text: (m) => m.template, cell: (m) => m.template },
    { id: 'state', title: t('state'), text: (m) => m.state, cell: (m) => <StateLabel state={m.state} /> },
    { id: 'attempts', title: t('attempts'), text: (m) => String(m.attempts), cell: (m) => m.attempts },
    { id: 'problem', title: t('reason'), text: (m) => m.problem ?? '', cell: (m) => m.problem ?? '–' },
    { id: 'acts', title: t('acts'), text: () => '', cell: (m) => m.state !== 'sent' && may('settings:manage') && <Button size="sm" variant="link" onClick={() => setRetrying(m)}>{t('retry')}</Button> },
  ];
  return (
    <>
      <DataList name="mails" label={t('mails')} path="/mail/messages" columns={columns} id={(m) => m.id} empty={t('noMailYet')} version={version} />
      {retrying !== undefined && <Confirm title={t('retry')} act={t('retry')} run={() => api.post(`/mail/messages/${retrying.id}/retry`)} close={(done) => { setRetrying(undefined); if (done) setVersion(version + 1); }}>{retrying.to}</Confirm>}
    </>
  );
}

function Editor({ wording, close }: { wording: Wording; close: (done: boolean) => void }) {
  const [subject, setSubject] = useState(wording.subject);
  const [text, setText] = useState(wording.text);
  const [shown, setShown] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const preview = () => api.post<Schema['MailWording']>(`/mail/templates/${wording.id}/preview`, { subject, text }).then(
    (answer) => { setShown(`${answer.subject}\n\n${answer.text}`); setProblem(undefined); }, (reason: unknown) => setProblem(asProblem(reason)));
  return (
    <FormDialog title={wording.id} act={t('save')} ready={subject.trim() !== ''} close={close} run={() => api.put(`/mail/templates/${wording.id}`, { subject, text, ...(wording.version > 0 ? { version: wording.version } : {}) })}>
      <p>{wording.description} {t('placeholders', { names: wording.variables.map((one) => `{${one}}`).join(' ') })}</p>
      <FormGroup label={t('mailSubject')} fieldId="w-subject"><TextInput id="w-subject" value={subject} onChange={(_, value) => setSubject(value)} /></FormGroup>
      <FormGroup label={t('text')} fieldId="w-text"><TextArea id="w-text" rows={12} value={text} onChange={(_, value) => setText(value)} /></FormGroup>
      <div><Button variant="secondary" onClick={() => void preview()}>{t('preview')}</Button></div>
      <ProblemAlert problem={problem} />
      {shown !== '' && <CodeText label={t('preview')} text={shown} />}
    </FormDialog>
  );
}

export function MailWordings() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<List<Wording>>('/mail/templates'), 'mail-templates');
  const [editing, setEditing] = useState<Wording>();
  const [resetting, setResetting] = useState<Wording>();
  const done = (ok: boolean) => { setEditing(undefined); setResetting(undefined); if (ok) loaded.reload(); };
  return (
    <>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      <div className="gh-wide" tabIndex={0} role="group" aria-label={t('mailTexts')}>
        <table className="gh-table gh-stacking">
          <thead><tr>{[t('kind'), t('mailSubject'), t('acts')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
          <tbody>
            {(loaded.value?.items ?? []).map((one) => (
              <tr key={one.id}>
                <td data-label={t('kind')}>{said('mails', one.id) ?? one.description}</td><td data-label={t('mailSubject')}>{one.subject}</td>
                <td>
                  {may('settings:manage') && <Button size="sm" variant="link" aria-label={`${t('edit')}: ${one.id}`} onClick={() => setEditing(one)}>{t('edit')}</Button>}
                  {may('settings:manage') && one.source !== 'built-in' && <Button size="sm" variant="link" aria-label={`${t('asDelivered')}: ${one.id}`} onClick={() => setResetting(one)}>{t('asDelivered')}</Button>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {editing !== undefined && <Editor wording={editing} close={done} />}
      {resetting !== undefined && <Confirm title={t('asDelivered')} act={t('asDelivered')} run={() => api.delete(`/mail/templates/${resetting.id}`)} close={done}>{said('mails', resetting.id) ?? resetting.description}</Confirm>}
    </>
  );
}
