import { Button, Card, CardBody, CardTitle, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { SettingsForm, type Field } from '../parts/SettingsForm';
import { CodeText, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { t, type TextKey } from '../texts';

type Validator = Schema['Validator'];

interface CaList { ca: string; name: string; crl: Schema['CrlInfo'] | undefined; problem: string }

/** The newest list of each authority; one that cannot be had says why. */
async function loadLists(cas: readonly Schema['Ca'][]): Promise<List<CaList>> {
  const items = await Promise.all(cas.map(async (one): Promise<CaList> => {
    try {
      return { ca: one.id, name: one.name, crl: await api.get<Schema['CrlInfo']>(`/cas/${one.id}/crl`), problem: '' };
    } catch (reason) {
      return { ca: one.id, name: one.name, crl: undefined, problem: asProblem(reason).message };
    }
  }));
  return { items, next: null };
}

function Lists() {
  const { cas, ca } = useScope();
  const { may } = useSession();
  const [version, setVersion] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  const able = (cas.value ?? []).filter((one) => one.state !== 'waiting' && (ca === '' || ca === one.id));
  const publish = (of: string) => api.postNothing(`/cas/${of}/crl`).then(() => { setProblem(undefined); setVersion(version + 1); }, (reason: unknown) => setProblem(asProblem(reason)));
  const lists: Column<CaList>[] = [
    { id: 'authority', title: t('authority'), text: (one) => one.name, cell: (one) => <Link to={`/cas/${one.ca}`}>{one.name}</Link> },
    { id: 'number', title: t('number'), text: (one) => String(one.crl?.number ?? ''), cell: (one) => one.crl?.number ?? (one.problem || '–') },
    { id: 'issued', title: t('issuedAt'), text: (one) => one.crl?.thisUpdate ?? '', cell: (one) => <When at={one.crl?.thisUpdate} /> },
    { id: 'next', title: t('nextUpdate'), text: (one) => one.crl?.nextUpdate ?? '', cell: (one) => <When at={one.crl?.nextUpdate} /> },
    { id: 'size', title: t('size'), text: (one) => String(one.crl?.size ?? ''), cell: (one) => (one.crl === undefined ? '–' : t('octets', { count: one.crl.size })) },
    { id: 'acts', title: t('acts'), text: () => '', cell: (one) => (
      <>
        <Button size="sm" variant="link" component="a" href={`/crl/${one.ca}.crl`} aria-label={`${t('download')}: ${one.name}`}>{t('download')}</Button>
        {may('cas:manage') && <Button size="sm" variant="link" aria-label={`${t('publishNow')}: ${one.name}`} onClick={() => void publish(one.ca)}>{t('publishNow')}</Button>}
      </>
    ) },
  ];
  if (able.length === 0) return <p>{t('noAuthority')}</p>;
  return (
    <>
      <ProblemAlert problem={problem} />
      <DataList paged={false} name="crls" label={t('revocationLists')} path={`/crls#${able.map((one) => one.id).join()}`} load={() => loadLists(able)} columns={lists} id={(one) => one.ca} empty={t('nothingHere')} version={version} />
    </>
  );
}

function NewValidator({ close }: { close: (done: boolean) => void }) {
  const [name, setName] = useState('');
  const [certificate, setCertificate] = useState('');
  const [source, setSource] = useState('');
  const { organisation } = useScope();
  return (
    <FormDialog title={t('newForeign')} act={t('create')} ready={name.trim() !== '' && certificate.trim() !== ''} close={close}
      run={() => api.post('/validators', { name, certificate, ...(organisation === '' ? {} : { organisation }), ...(source === '' ? {} : { settings: { sources: [source] } }) })}>
      <FormGroup label={t('name')} fieldId="v-name" isRequired><TextInput id="v-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <FormGroup label={t('certificatePem')} fieldId="v-certificate" isRequired><TextArea id="v-certificate" rows={8} className="gh-mono" value={certificate} onChange={(_, value) => setCertificate(value)} /></FormGroup>
      <FormGroup label={t('crlAddress')} fieldId="v-source"><TextInput id="v-source" value={source} placeholder="http://crl.example.org/root.crl" onChange={(_, value) => setSource(value)} /></FormGroup>
    </FormDialog>
  );
}

const reasons: Record<string, TextKey> = { 'validator.stale': 'listMissing', 'validator.ending': 'listEnding', 'validator.responder-ends': 'responderEnds', 'validator.source-failed': 'sourceFailed' };

/** "code: what happened"; the code alone says nothing to a reader. */
const reasonOf = (v: Validator): string => {
  const [, code = '', more = ''] = /^(validator\.[a-z-]+): ?(.*)$/s.exec(v.problem ?? '') ?? [];
  if (code === '') return v.problem ?? '';
  return [reasons[code] === undefined ? code : t(reasons[code]), more].filter((one) => one !== '').join(': ');
};

const columns: Column<Validator>[] = [
  { id: 'name', title: t('name'), text: (v) => v.name, cell: (v) => <Link to={`/validation/${v.id}`}>{v.name}</Link> },
  { id: 'state', title: t('state'), text: (v) => v.state, cell: (v) => <StateLabel state={v.state} /> },
  { id: 'revoked', title: t('revokedCount'), text: (v) => String(v.crl?.entries ?? ''), cell: (v) => v.crl?.entries ?? '–' },
  { id: 'next', title: t('nextUpdate'), text: (v) => v.crl?.nextUpdate ?? '', cell: (v) => <When at={v.crl?.nextUpdate} /> },
  { id: 'problem', title: t('reason'), text: (v) => reasonOf(v), cell: (v) => reasonOf(v) || '–' },
];

function Foreign() {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [version, setVersion] = useState(0);
  return (
    <>
      <p>{t('foreignSays')}</p>
      {may('cas:manage') && <div><Button onClick={() => setMaking(true)}>{t('newForeign')}</Button></div>}
      <DataList paged={false} name="validators" label={t('foreign')} path="/validators" columns={columns} id={(v) => v.id} empty={t('nothingHere')} version={version} />
      {making && <NewValidator close={(done) => { setMaking(false); if (done) setVersion(version + 1); }} />}
    </>
  );
}

export default function Validation() {
  return (
    <Page title={t('validation')}>
      <Panes label={t('validation')} panes={[
        { key: 'crl', title: t('revocationLists'), body: () => <Lists /> },
        { key: 'foreign', title: t('foreign'), body: () => <Foreign /> },
      ]} />
    </Page>
  );
}

const fields = (): Field[] => [
  { path: 'sources', kind: 'lines' }, { path: 'deltaSources', kind: 'lines' }, { path: 'intervalSeconds', kind: 'number' }, { path: 'timeoutSeconds', kind: 'number' },
  { path: 'ocspHours', kind: 'number' }, { path: 'neverIssued', kind: 'one', of: [['unknown', t('unknown')], ['revoked', t('asRevoked')]] }, { path: 'requireSignedRequests', kind: 'yes' },
  { path: 'acceptNamedLists', kind: 'yes' }, { path: 'responderId', kind: 'one', of: [['key', t('responderByKey')], ['name', t('responderByName')]] },
];

export function ForeignPage() {
  const { validator: slug = '' } = useParams();
  const { may } = useSession();
  const navigate = useNavigate();
  const loaded = useLoad(() => api.get<Validator>(`/validators/${slug}`), `validator-${slug}`);
  const [deleting, setDeleting] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const one = loaded.value;
  if (one === undefined) return <Page title={slug}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const fixed = !may('cas:manage');
  const fetchNow = () => api.post(`/validators/${slug}/fetch`).then(() => { setProblem(undefined); loaded.reload(); }, (reason: unknown) => setProblem(asProblem(reason)));
  const actions = (
    <>
      {one.state === 'waiting' && <Button component="a" variant="secondary" href={api.href(`/validators/${slug}/csr`)} download={`${slug}.csr`}>CSR</Button>}
      {!fixed && <Button variant="secondary" onClick={() => void fetchNow()}>{t('fetchNow')}</Button>}
      {!fixed && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}
    </>
  );
  return (
    <Page title={one.name} actions={actions}>
      <ProblemAlert problem={problem} />
      <div><StateLabel state={one.state} /> {reasonOf(one)}</div>
      <div className="gh-two">
        <Card><CardTitle component="h2">{t('settings')}</CardTitle><CardBody><SettingsForm name="validator" document={one.settings} fields={fields()} fixed={fixed} save={(settings) => api.patch(`/validators/${slug}`, { settings, version: one.version }).then(loaded.reload)} /></CardBody></Card>
        <Card><CardTitle component="h2">{t('certificate')}</CardTitle><CardBody><CodeText label="PEM" text={one.certificate} /></CardBody></Card>
      </div>
      {deleting && <Confirm title={t('deleteName', { name: one.name })} act={t('delete')} danger name={one.name} run={() => api.delete(`/validators/${slug}`)} close={(done) => { setDeleting(false); if (done) navigate('/validation?tab=foreign'); }}>{t('deleteForeignSays')}</Confirm>}
    </Page>
  );
}
