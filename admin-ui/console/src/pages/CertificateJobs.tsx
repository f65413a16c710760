import { Alert, Button, DescriptionList, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, Progress, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { api, type Query, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { figure, t } from '../texts';
import { Row } from './Authority';

const actions = ['export', 'edit', 'archive', 'restore', 'hold', 'unhold', 'revoke'] as const;
type Action = (typeof actions)[number];

interface Job {
  id: string; action: Action; details: Record<string, unknown>; filter: string | null; state: 'counting' | 'running' | 'done' | 'cancelled' | 'failed';
  count: number; listed: number; done: number; refused: number; user: string; createdAt: string; finishedAt: string | null; file: string | null;
  problem: Schema['Problem'] | null;
}
interface Item { certificate: string; outcome: 'waiting' | 'done' | 'refused'; problem: Schema['Problem'] | null }

const open = (job: Job) => job.state === 'counting' || job.state === 'running';
const words = (text: string): string[] => text.split(/[\s,]+/).filter((one) => one !== '');
const reasons = ['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn'] as const;

/** One act on everything that the filter finds, once it is counted: the list itself counts no further than it shows. */
export function ActOnAll({ filter, close }: { filter: Query; close: () => void }) {
  const exact = useLoad(() => api.get<Schema['Count']>('/certificates/count', filter), `exact-${JSON.stringify(filter)}`);
  if (exact.value !== undefined && !exact.value.more) return <ActOnCounted filter={filter} count={exact.value.count} close={close} />;
  return (
    <Modal isOpen onClose={close} variant="small" aria-label={t('counting')}>
      <ModalHeader title={t('counting')} />
      <ModalBody>
        <ProblemAlert problem={exact.problem} retry={exact.reload} />
        {exact.value === undefined ? exact.problem === undefined && <Waiting /> : <Alert isInline variant="warning" title={t('tooManyAtOnce', { count: figure(exact.value.count) })} />}
      </ModalBody>
      <ModalFooter><Button variant="link" onClick={close}>{t('close')}</Button></ModalFooter>
    </Modal>
  );
}

/** It goes on in the background; nothing happens when the number has changed. */
function ActOnCounted({ filter, count, close }: { filter: Query; count: number; close: () => void }) {
  const { may } = useSession();
  const navigate = useNavigate();
  const [action, setAction] = useState<Action>('export');
  const [format, setFormat] = useState('csv');
  const [reason, setReason] = useState('unspecified');
  const [owner, setOwner] = useState('');
  const [add, setAdd] = useState('');
  const [remove, setRemove] = useState('');
  const able = actions.filter((one) => (one === 'export' ? true : one === 'edit' || one === 'archive' || one === 'restore' ? may('certificates:edit') : may('certificates:revoke')));
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== undefined && value !== '').map(([name, value]) => [name, String(value)])).toString();
  const body = {
    action, filter: query, count,
    ...(action === 'export' ? { format } : {}),
    ...(action === 'revoke' ? { reason } : {}),
    ...(action === 'edit' ? { ...(owner.trim() === '' ? {} : { owner: owner.trim() }), ...(words(add).length === 0 ? {} : { addTags: words(add) }), ...(words(remove).length === 0 ? {} : { removeTags: words(remove) }) } : {}),
  };
  const title = t('actOnAll', { count: figure(count) });
  const run = () => api.post<Job>('/certificate-jobs', body).then((job) => { close(); navigate(`/certificates/jobs/${job.id}`); });
  return (
    <Confirm title={title} act={t(`job-${action}`)} danger={action === 'revoke'} name={action === 'revoke' ? String(count) : undefined} run={run} close={(done) => { if (!done) close(); }}>
      <p>{t('actOnAllSays')}</p>
      {query !== '' ? <p><code>{decodeURIComponent(query)}</code></p> : <Alert isInline isPlain variant="warning" title={t('noFilter')} />}
      <Pick id="job-action" label={t('act')} value={action} set={(value) => setAction(value as Action)} choices={able.map((one) => [one, t(`job-${one}`)] as const)} />
      {action === 'export' && <Pick id="job-format" label={t('format')} value={format} set={setFormat} choices={[['csv', 'CSV'], ['json', 'JSON'], ['zip', 'ZIP (PEM)']]} />}
      {action === 'revoke' && <Pick id="job-reason" label={t('reason')} value={reason} set={setReason} choices={reasons.map((one) => [one, t(`reason-${one}`)] as const)} />}
      {action === 'edit' && (
        <>
          <FormGroup label={t('newOwner')} fieldId="job-owner"><TextInput id="job-owner" value={owner} onChange={(_, value) => setOwner(value)} /></FormGroup>
          <FormGroup label={t('addTags')} fieldId="job-add"><TextInput id="job-add" value={add} onChange={(_, value) => setAdd(value)} /></FormGroup>
          <FormGroup label={t('removeTags')} fieldId="job-remove"><TextInput id="job-remove" value={remove} onChange={(_, value) => setRemove(value)} /></FormGroup>
        </>
      )}
    </Confirm>
  );
}

const share = (job: Job) => (job.state === 'counting' ? 0 : job.count === 0 ? 100 : Math.floor((100 * (job.done + job.refused)) / job.count));

const columns: Column<Job>[] = [
  { id: 'action', title: t('act'), text: (j) => j.action, cell: (j) => <Link to={`/certificates/jobs/${j.id}`}>{t(`job-${j.action}`)}</Link> },
  { id: 'state', title: t('state'), text: (j) => j.state, cell: (j) => <StateLabel state={j.state} /> },
  { id: 'count', title: t('certificates'), text: (j) => String(j.count), cell: (j) => figure(j.count) },
  { id: 'refused', title: t('refusedOnes'), text: (j) => String(j.refused), cell: (j) => figure(j.refused) },
  { id: 'filter', title: t('filter'), text: (j) => j.filter ?? '', cell: (j) => <code className="gh-small">{j.filter ?? '–'}</code> },
  { id: 'user', title: t('actor'), text: (j) => j.user, cell: (j) => j.user },
  { id: 'created', title: t('since'), text: (j) => j.createdAt, cell: (j) => <When at={j.createdAt} /> },
];

export default function CertificateJobs() {
  return (
    <Page title={t('jobs')}>
      <p>{t('jobsSay')}</p>
      <DataList name="certificate-jobs" label={t('jobs')} path="/certificate-jobs" columns={columns} id={(j) => j.id} empty={t('noJob')} />
    </Page>
  );
}

const itemColumns: Column<Item>[] = [
  { id: 'certificate', title: t('certificate'), text: (i) => i.certificate, cell: (i) => <Link to={`/certificates/${i.certificate}`}>{i.certificate}</Link> },
  { id: 'outcome', title: t('result'), text: (i) => i.outcome, cell: (i) => <StateLabel state={i.outcome} /> },
  { id: 'problem', title: t('reason'), text: (i) => i.problem?.detail ?? '', cell: (i) => i.problem?.detail ?? '–' },
];

/** How far it is, as long as it goes on; it can be left and found again. */
export function CertificateJob() {
  const { id = '' } = useParams();
  const [over, setOver] = useState(false);
  const loaded = useLoad(() => api.get<Job>(`/certificate-jobs/${id}`), `job-${id}`, over ? 0 : 1500);
  const [cancelling, setCancelling] = useState(false);
  const job = loaded.value;
  if (job === undefined) return <Page title={t('jobs')}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  if (over === open(job)) setOver(!open(job));
  const actionsOf = (
    <>
      {job.file !== null && <Button component="a" href={job.file} download>{t('download')}</Button>}
      {open(job) && <Button variant="danger" onClick={() => setCancelling(true)}>{t('stop')}</Button>}
    </>
  );
  return (
    <Page title={t(`job-${job.action}`)} actions={actionsOf}>
      {job.problem !== null && <Alert isInline variant="danger" title={job.problem.detail} />}
      <Progress value={share(job)} title={t('progressOf', { done: figure(job.done + job.refused), count: figure(job.count) })} variant={job.state === 'failed' ? 'danger' : job.refused > 0 ? 'warning' : job.state === 'done' ? 'success' : undefined} />
      <DescriptionList isHorizontal>
        <Row term={t('state')}><StateLabel state={job.state} /></Row>
        <Row term={t('filter')}>{job.filter === null ? '–' : <Link to={`/certificates?${job.filter}`}><code>{decodeURIComponent(job.filter)}</code></Link>}</Row>
        <Row term={t('doneOnes')}>{figure(job.done)}</Row>
        <Row term={t('refusedOnes')}>{figure(job.refused)}</Row>
        <Row term={t('actor')}>{job.user}</Row>
        <Row term={t('since')}><When at={job.createdAt} /></Row>
        <Row term={t('finished')}><When at={job.finishedAt} /></Row>
        <Row term={t('all')}><Link to="/certificates/jobs">{t('jobs')}</Link></Row>
      </DescriptionList>
      {job.refused > 0 && (
        <>
          <h2>{t('refusedOnes')}</h2>
          <DataList name="job-items" label={t('refusedOnes')} path={`/certificate-jobs/${id}/items`} query={{ outcome: 'refused' }} columns={itemColumns} id={(i) => i.certificate} empty={t('nothingHere')} version={job.refused} />
        </>
      )}
      {cancelling && <Confirm title={t('stop')} act={t('stop')} run={() => api.post(`/certificate-jobs/${id}/cancel`)} close={(done) => { setCancelling(false); if (done) loaded.reload(); }}>{t('stopSays')}</Confirm>}
    </Page>
  );
}
