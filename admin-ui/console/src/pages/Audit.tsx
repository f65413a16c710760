import { Alert, Button, Card, CardBody, CardTitle, Checkbox, DescriptionList, FormGroup, Progress as Bar, TextArea, TextInput } from '@patternfly/react-core';
import { useEffect, useRef, useState } from 'react';
import { api, saveFile, type Page as List, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { rootOf, verifyChain, type Progress, type Seal } from '../parts/seals';
import { asStored, SettingsForm, type Field } from '../parts/SettingsForm';
import { Copy, Page, ProblemAlert, StateLabel, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { Test } from '../parts/Trial';
import { useSession } from '../session';
import { figure, t } from '../texts';
import { Row } from './Authority';

type Stream = Schema['Stream'];
type Seals = Schema['SealList'];
const NEWEST = 100;

/** Walks all seals in this browser: nobody has to believe the server's word. */
function Verify() {
  const [progress, setProgress] = useState<Progress>();
  const [state, setState] = useState<'idle' | 'running' | 'done'>('idle');
  const [problem, setProblem] = useState<Problem>();
  const stopped = useRef(false);
  useEffect(() => () => { stopped.current = true; }, []);
  const run = () => {
    stopped.current = false;
    setState('running');
    setProblem(undefined);
    verifyChain(setProgress, () => stopped.current).then((end) => { setProgress(end); setState(stopped.current ? 'idle' : 'done'); }, (reason: unknown) => { setProblem(asProblem(reason)); setState('idle'); });
  };
  const wrong = progress?.wrong ?? [];
  return (
    <>
      <div className="gh-actions">
        <Button onClick={run} isLoading={state === 'running'} isDisabled={state === 'running'}>{t('verifySeals')}</Button>
        {state === 'running' && <Button variant="link" onClick={() => { stopped.current = true; }}>{t('stop')}</Button>}
      </div>
      <ProblemAlert problem={problem} />
      {progress !== undefined && state === 'running' && <Bar aria-label={t('verifySeals')} value={progress.seals} max={Math.max(1, progress.last)} label={`${progress.seals} / ${progress.last}`} />}
      {state === 'done' && progress !== undefined && (wrong.length === 0
        ? <Alert isInline variant="success" title={t('sealsGood', { count: progress.seals })} />
        : <Alert isInline variant="danger" title={t('sealsBad', { count: wrong.length, numbers: wrong.slice(0, 20).join(', ') })} />)}
    </>
  );
}

/** One seal's events as the file that `gatehouse audit export` writes lines of; its tree is hashed anew before. */
function EventsOf({ seal }: { seal: Seal }) {
  const [answer, setAnswer] = useState<'good' | 'bad' | 'gone'>();
  const [problem, setProblem] = useState<Problem>();
  const load = async (save: boolean) => {
    try {
      const { lines } = await api.get<Schema['SealedEvents']>(`/audit/seals/${seal.number}/events`);
      if (save) saveFile(new Blob([`${lines.join('\n')}\n`], { type: 'application/x-ndjson' }), `seal-${seal.number}.jsonl`);
      else setAnswer(lines.length < seal.events ? 'gone' : (await rootOf(lines)) === seal.root ? 'good' : 'bad');
      setProblem(undefined);
    } catch (reason) { setProblem(asProblem(reason)); }
  };
  return (
    <>
      <Button size="sm" variant="link" aria-label={t('verifyEventsOf', { number: seal.number })} onClick={() => void load(false)}>{t('verifyEvents')}</Button>
      <Button size="sm" variant="link" aria-label={t('downloadEventsOf', { number: seal.number })} onClick={() => void load(true)}>{t('download')}</Button>
      {answer !== undefined && <StateLabel state={answer === 'good' ? 'valid' : answer === 'bad' ? 'changed' : 'archived'} />}
      <ProblemAlert problem={problem} />
    </>
  );
}

const sealColumns: Column<Seal>[] = [
  { id: 'number', title: t('number'), text: (s) => String(s.number), cell: (s) => s.number },
  { id: 'created', title: t('time'), text: (s) => s.createdAt, cell: (s) => <When at={s.createdAt} /> },
  { id: 'events', title: t('events'), text: (s) => String(s.events), cell: (s) => s.events },
  { id: 'from', title: t('from'), text: (s) => s.firstAt, cell: (s) => <When at={s.firstAt} /> },
  { id: 'token', title: t('timestamp'), text: (s) => String(s.timestampToken !== null), cell: (s) => (s.timestampToken === null ? '–' : <StateLabel state="confirmed" />) },
  { id: 'root', title: t('rootHash'), text: (s) => s.root, cell: (s) => <code className="gh-small">{s.root.slice(0, 24)}…</code> },
  { id: 'acts', title: t('acts'), text: () => '', cell: (s) => <EventsOf seal={s} /> },
];

function SealsPane() {
  const head = useLoad(() => api.get<Seals>('/audit/seals'), 'seals-head', 30000);
  const newest = async (): Promise<List<Seal>> => {
    const { last } = await api.get<Seals>('/audit/seals', { from: Number.MAX_SAFE_INTEGER });
    return { items: (await api.get<Seals>('/audit/seals', { from: Math.max(1, last - NEWEST + 1) })).items.reverse(), next: null };
  };
  return (
    <>
      <p>{t('sealsSay')}</p>
      <ProblemAlert problem={head.problem} retry={head.reload} />
      <Card>
        <CardTitle component="h2">{t('sealing')}</CardTitle>
        <CardBody className="gh-stack">
          <DescriptionList isHorizontal>
            <Row term={t('seals')}>{head.value === undefined ? '–' : figure(head.value.last)}</Row>
            <Row term={t('auditKey')}><Button variant="link" isInline isDisabled={head.value === undefined} onClick={() => saveFile(new Blob([head.value?.publicKey ?? ''], { type: 'application/x-pem-file' }), 'audit.pem')}>audit.pem</Button></Row>
          </DescriptionList>
          <Verify />
        </CardBody>
      </Card>
      <h2>{t('newestSeals', { count: NEWEST })}</h2>
      <DataList paged={false} name="seals" label={t('seals')} path="/audit/seals" load={newest} columns={sealColumns} id={(s) => String(s.number)} empty={t('noSeal')} />
      <h2>{t('exportArchive')}</h2>
      <p>{t('exportArchiveSays')}</p>
      <Copy label={t('exportTrail')} text="gatehouse audit export --until 2027-01-01T00:00:00Z --output events.jsonl" />
      <Copy label={t('verifyFile')} text="gatehouse audit verify --file events.jsonl --key audit.pem" />
      <Copy label={t('archiveTrail')} text="gatehouse audit archive --until 2026-01-01T00:00:00Z --output 2025.jsonl" />
    </>
  );
}

const kinds = () => [['syslog', 'syslog (TLS)'], ['http', 'HTTP'], ['journal', t('systemJournal')], ['log', t('standardOutput')]] as const;
const blank = { id: '', kind: 'syslog', enabled: true, host: '', port: '', tls: true, ca: '', url: '', format: 'lines', secret: '' };

function settingsOf(now: typeof blank): object {
  const ca = now.ca.trim() === '' ? {} : { ca: now.ca };
  if (now.kind === 'syslog') return { host: now.host, ...(now.port === '' ? {} : { port: Number(now.port) }), tls: now.tls, ...ca };
  return now.kind === 'http' ? { url: now.url, format: now.format, ...ca } : {};
}

/** A new stream, or another one of the same name. */
function StreamForm({ of, close }: { of?: Stream; close: (done: boolean) => void }) {
  const [now, setNow] = useState({ ...blank, ...of?.settings, id: of?.id ?? '', kind: of?.kind ?? 'syslog', enabled: of?.enabled ?? true, port: String(of?.settings.port ?? '') });
  const set = (next: Partial<typeof blank>) => setNow({ ...now, ...next } as typeof now);
  const text = (name: 'id' | 'host' | 'port' | 'url' | 'secret', label: string, type: 'text' | 'number' | 'password' = 'text', example?: string) => (
    <FormGroup label={label} fieldId={`stream-${name}`}><TextInput id={`stream-${name}`} type={type} autoComplete="off" placeholder={example} value={now[name]} onChange={(_, value) => set({ [name]: value })} /></FormGroup>
  );
  const body = { kind: now.kind, enabled: now.enabled, settings: settingsOf(now as typeof blank), ...(now.secret === '' ? {} : { secret: now.secret }) };
  const ready = /^[a-z0-9-]{1,63}$/.test(now.id) && (now.kind === 'syslog' ? now.host !== '' : now.kind === 'http' ? now.url !== '' : true);
  return (
    <FormDialog title={of === undefined ? t('newStream') : `${t('edit')}: ${of.id}`} act={of === undefined ? t('create') : t('save')} ready={ready} close={close}
      run={() => (of === undefined ? api.post('/audit/streams', { id: now.id, ...body }) : api.put(`/audit/streams/${of.id}`, body))}>
      {of === undefined && text('id', t('identifier'))}
      <Pick id="stream-kind" label={t('kind')} value={now.kind} set={(kind) => set({ kind })} choices={kinds()} />
      {now.kind === 'syslog' && <>{text('host', t('host'), 'text', 'siem.example.com')}{text('port', t('port6514'), 'number')}<Checkbox id="stream-tls" label="TLS" isChecked={now.tls} onChange={(_, tls) => set({ tls })} /></>}
      {now.kind === 'http' && <>{text('url', 'URL', 'text', 'https://siem.example.com/in')}<Pick id="stream-format" label={t('format')} value={now.format} set={(format) => set({ format })} choices={[['lines', t('jsonLines')], ['array', t('jsonArray')]]} />{text('secret', of?.hasSecret === true ? t('authorizationStays') : t('authorizationValue'), 'password')}</>}
      {(now.kind === 'http' || (now.kind === 'syslog' && now.tls)) && <FormGroup label={t('itsAuthorities')} fieldId="stream-ca"><TextArea id="stream-ca" className="gh-mono" rows={4} value={now.ca} onChange={(_, ca) => set({ ca })} /></FormGroup>}
      <Checkbox id="stream-enabled" label={t('inUse')} isChecked={now.enabled} onChange={(_, enabled) => set({ enabled })} />
    </FormDialog>
  );
}

function StreamsPane() {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'new' } | { act: 'edit' | 'remove'; of: Stream }>();
  const [version, setVersion] = useState(0);
  const [tested, setTested] = useState<{ id: string; problem?: Problem }>();
  const manage = may('settings:manage');
  const close = (done: boolean) => { setOpen(undefined); if (done) setVersion(version + 1); };
  const test = (id: string) => { setTested(undefined); void api.post(`/audit/streams/${id}/test`).then(() => setTested({ id }), (reason: unknown) => setTested({ id, problem: asProblem(reason) })); };
  const act = (text: string, of: Stream, run: () => void) => <Button size="sm" variant="link" aria-label={`${text}: ${of.id}`} onClick={run}>{text}</Button>;
  const columns: Column<Stream>[] = [
    { id: 'id', title: t('name'), text: (s) => s.id, cell: (s) => s.id },
    { id: 'kind', title: t('kind'), text: (s) => s.kind, cell: (s) => kinds().find(([one]) => one === s.kind)?.[1] ?? s.kind },
    { id: 'to', title: t('to'), text: (s) => s.settings.url ?? s.settings.host ?? '', cell: (s) => s.settings.url ?? s.settings.host ?? '–' },
    { id: 'state', title: t('state'), text: (s) => s.failure ?? '', cell: (s) => (!s.enabled ? <StateLabel state="disabled" /> : s.failure === null ? <StateLabel state="active" /> : <><StateLabel state="failure" /> {s.failure}</>) },
    { id: 'position', title: t('deliveredSeal'), text: (s) => String(s.position), cell: (s) => s.position },
    { id: 'delivered', title: t('lastDelivery'), text: (s) => s.deliveredAt ?? '', cell: (s) => <When at={s.deliveredAt} /> },
    ...(manage ? [{ id: 'acts', title: t('acts'), text: () => '', cell: (s: Stream) => <>{act(t('test'), s, () => test(s.id))}{act(t('edit'), s, () => setOpen({ act: 'edit', of: s }))}{act(t('remove'), s, () => setOpen({ act: 'remove', of: s }))}</> }] : []),
  ];
  return (
    <>
      <p>{t('streamsSay')}</p>
      {manage && <div><Button onClick={() => setOpen({ act: 'new' })}>{t('newStream')}</Button></div>}
      <ProblemAlert problem={tested?.problem} />
      {tested !== undefined && tested.problem === undefined && <Alert isInline variant="success" title={t('streamTested', { id: tested.id })} />}
      <DataList paged={false} name="streams" label={t('streams')} path="/audit/streams" columns={columns} id={(s) => s.id} empty={t('noStream')} version={version} />
      {open?.act === 'new' && <StreamForm close={close} />}
      {open?.act === 'edit' && <StreamForm of={open.of} close={close} />}
      {open?.act === 'remove' && <Confirm title={t('removeName', { name: open.of.id })} act={t('remove')} danger run={() => api.delete(`/audit/streams/${open.of.id}`)} close={close}>{t('removeStreamSays')}</Confirm>}
    </>
  );
}

const settingsFields: Field[] = [{ path: 'tsaUrl', kind: 'text' }, { path: 'tsaMinutes', kind: 'number' }];

function SettingsPane() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Schema['AuditSettings']>('/audit'), 'audit');
  return (
    <>
      <p>{t('sealStampsSay')}</p>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value?.tsaUrl != null && <Test label={t('testTsa')} looks={() => [{ kind: 'timestamps', targets: [loaded.value?.tsaUrl ?? ''] }]} />}
      {loaded.value !== undefined && (
        <SettingsForm name="audit" document={loaded.value} fields={settingsFields} fixed={!may('settings:manage')}
          save={(document) => api.put('/audit', asStored({ ...document, tsaUrl: document['tsaUrl'] === '' ? null : document['tsaUrl'] })).then(loaded.reload)} />
      )}
    </>
  );
}

export default function Audit() {
  const { may } = useSession();
  return (
    <Page title={t('audit')}>
      <Panes label={t('audit')} panes={[
        ...(may('events:read') ? [{ key: 'seals', title: t('seals'), body: () => <SealsPane /> }] : []),
        ...(may('settings:read') ? [{ key: 'streams', title: t('streams'), body: () => <StreamsPane /> }, { key: 'settings', title: t('settings'), body: () => <SettingsPane /> }] : []),
      ]} />
    </Page>
  );
}
