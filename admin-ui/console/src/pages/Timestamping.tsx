import { Alert, Button, DescriptionList, FormGroup, TextInput } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router-dom';
import { api, type Page as List, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { SettingsForm, type Field } from '../parts/SettingsForm';
import { Copy, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { Test } from '../parts/Trial';
import { useSession } from '../session';
import { figure, t } from '../texts';
import { Row } from './Authority';
import { Evidences } from './Evidence';
import { TimestampCertificates } from './TimestampCertificates';

type Issuer = Schema['TimestampIssuer'];

const milliseconds = (micros: number): string => `${(micros / 1000).toLocaleString(undefined, { maximumFractionDigits: 3 })} ms`;

/** A clock that nobody compares is believed, and said to be no more than that. */
const judged = (one: Schema['Clock']) =>
  one.source === 'system' && one.trusted ? { variant: 'warning', title: t('clockAlone') } as const
    : one.trusted ? { variant: 'success', title: t('clockGood') } as const
      : { variant: 'danger', title: one.reason ?? t('clockBad') } as const;

function ClockState() {
  const clock = useLoad(() => api.get<Schema['Clock']>('/clock'), 'clock', 15000);
  const one = clock.value;
  return (
    <>
      <ProblemAlert problem={clock.problem} retry={clock.reload} />
      {one !== undefined && <Alert isInline {...judged(one)} actionLinks={<Link to="/timestamping?tab=clock">{t('clock')}</Link>} />}
    </>
  );
}

const CLOCK_KEPT = 120;

/** Everything about the clock of the node that answers, and how it went while the page was open. */
function ClockPage() {
  const clock = useLoad(() => api.get<Schema['Clock']>('/clock'), 'clock-page', 5000);
  const [offsets, setOffsets] = useState<number[]>([]);
  const { may } = useSession();
  const servers = useLoad(async () => (may('settings:read') ? (await api.get<List<Schema['ConfiguredOption']>>('/configuration')).items.find((option) => option.name === 'ntp-server')?.values.slice(0, 16) ?? [] : []), 'ntp-servers');
  const one = clock.value;
  useEffect(() => { if (one !== undefined) setOffsets((old) => [...old, one.offsetMicroseconds].slice(-CLOCK_KEPT)); }, [one]);
  if (one === undefined) return clock.problem === undefined ? <Waiting /> : <ProblemAlert problem={clock.problem} retry={clock.reload} />;
  const widest = Math.max(1, one.boundMicroseconds, ...offsets.map(Math.abs));
  const points = offsets.map((offset, index) => `${(index * 400) / Math.max(1, CLOCK_KEPT - 1)},${50 - (offset * 45) / widest}`).join(' ');
  const leap = one.leap === 1 ? t('leapInserted') : one.leap === 2 ? t('leapLeftOut') : t('none');
  return (
    <>
      <p>{t('clockSays')}</p>
      <Alert isInline {...judged(one)} />
      <DescriptionList isHorizontal>
        <Row term={t('time')}><code>{one.now}</code></Row>
        <Row term={t('clockSource')}>{one.source}</Row>
        <Row term={t('clockOffset')}>{milliseconds(one.offsetMicroseconds)}</Row>
        <Row term={t('clockBound')}>{milliseconds(one.boundMicroseconds)}</Row>
        <Row term={t('leapSecond')}>{leap}</Row>
        <Row term={t('clockAsked')}>{one.serversAsked}, {one.serversAnswered}, {one.serversAgreed}</Row>
        <Row term={t('tokensGranted')}>{figure(one.tokens.granted)} ({figure(one.tokens.authenticode)} Authenticode)</Row>
        <Row term={t('clockRefused')}>{one.tokens.refused}, {one.tokens.denied}, {one.tokens.unavailable}</Row>
      </DescriptionList>
      {servers.value !== undefined && servers.value.length > 0 && <Test label={t('testServers')} looks={() => [{ kind: 'ntp', targets: servers.value ?? [] }]} />}
      <figure className="gh-chart">
        <svg viewBox="0 0 400 100" role="img" aria-label={t('clockChart', { widest: milliseconds(widest) })} preserveAspectRatio="none">
          <line x1="0" x2="400" y1="50" y2="50" className="gh-chart-axis" />
          <polyline points={points} className="gh-chart-line" />
        </svg>
        <figcaption className="gh-small">{t('clockChart', { widest: milliseconds(widest) })}</figcaption>
      </figure>
    </>
  );
}

function NewIssuer({ ca, close }: { ca: string; close: (done: boolean) => void }) {
  const [id, setId] = useState('');
  return (
    <FormDialog title={t('newIssuer')} act={t('create')} ready={/^[a-z0-9-]{1,63}$/.test(id)} close={close} run={() => api.post(`/cas/${ca}/timestamping`, { id })}>
      <FormGroup label={t('nameInUrl')} fieldId="issuer-id" isRequired><TextInput id="issuer-id" value={id} placeholder="default" onChange={(_, value) => setId(value)} /></FormGroup>
    </FormDialog>
  );
}

function Issuers({ ca }: { ca: string }) {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [version, setVersion] = useState(0);
  const columns: Column<Issuer>[] = [
    { id: 'name', title: t('name'), text: (i) => i.id, cell: (i) => <Link to={`/timestamping/${i.ca}/${i.id}`}>{i.id}</Link> },
    { id: 'state', title: t('state'), text: (i) => String(i.document.enabled), cell: (i) => <StateLabel state={i.document.enabled === false ? 'disabled' : 'active'} /> },
    { id: 'url', title: 'URL', text: (i) => i.url, cell: (i) => <code>{i.url}</code> },
    { id: 'changed', title: t('changedAt'), text: (i) => i.changedAt ?? '', cell: (i) => <When at={i.changedAt} /> },
  ];
  return (
    <>
      {may('cas:manage') && <div><Button onClick={() => setMaking(true)}>{t('newIssuer')}</Button></div>}
      <DataList paged={false} name="timestamp-issuers" label={t('issuers')} path={`/cas/${ca}/timestamping`} columns={columns} id={(i) => i.id} empty={t('nothingHere')} version={version} />
      {making && <NewIssuer ca={ca} close={(done) => { setMaking(false); if (done) setVersion(version + 1); }} />}
    </>
  );
}

const stamps: Column<Schema['Timestamp']>[] = [
  { id: 'at', title: t('time'), text: (x) => x.at, cell: (x) => <When at={x.at} /> },
  { id: 'issuer', title: t('issuer'), text: (x) => x.issuer, cell: (x) => x.issuer },
  { id: 'serial', title: t('serial'), text: (x) => x.serial, cell: (x) => <code>{x.serial}</code> },
  { id: 'imprint', title: t('imprint'), text: (x) => x.imprint, cell: (x) => <code>{x.imprint.slice(0, 24)}…</code> },
  { id: 'address', title: t('address'), text: (x) => x.address ?? '', cell: (x) => x.address ?? '–' },
];

export default function Timestamping() {
  const { cas, ca } = useScope();
  const tab = useSearchParams()[0].get('tab');
  const [picked, setPicked] = useState('');
  const able = (cas.value ?? []).filter((one) => one.state !== 'waiting');
  const chosen = ca !== '' ? ca : picked !== '' ? picked : able[0]?.id ?? '';
  return (
    <Page title={t('timestamping')}>
      {tab !== 'clock' && <ClockState />}
      {chosen === '' ? <p>{t('noAuthority')}</p> : (
        <>
          {ca === '' && able.length > 1 && <div className="gh-form"><Pick id="tsa-ca" label={t('authority')} value={chosen} set={setPicked} choices={able.map((one) => [one.id, one.name] as const)} /></div>}
          <Panes label={t('timestamping')} panes={[
            { key: 'issuers', title: t('issuers'), body: () => <Issuers key={chosen} ca={chosen} /> },
            { key: 'tokens', title: t('keptTokens'), body: () => <DataList key={chosen} name="timestamps" label={t('keptTokens')} path={`/cas/${chosen}/timestamps`} columns={stamps} id={(x) => x.id} empty={t('noStamp')} /> },
            { key: 'certificates', title: t('certificates'), body: () => <TimestampCertificates key={chosen} ca={chosen} /> },
            { key: 'evidence', title: t('evidence'), body: () => <Evidences key={chosen} ca={chosen} /> },
            { key: 'clock', title: t('clock'), body: () => <ClockPage /> },
          ]} />
        </>
      )}
    </Page>
  );
}

const fields = (certificates: readonly (readonly [string, string])[]): Field[] => [
  { path: 'enabled', kind: 'yes' }, { path: 'policies', kind: 'lines' },
  { path: 'digests', kind: 'some', of: ['SHA-256', 'SHA-384', 'SHA-512', 'SHA3-256', 'SHA3-384', 'SHA3-512', 'SHA-224', 'SHA3-224', 'SHA-1'] },
  { path: 'accuracy.seconds', kind: 'number' }, { path: 'accuracy.millis', kind: 'number' }, { path: 'accuracy.micros', kind: 'number' }, { path: 'ordering', kind: 'yes' }, { path: 'serialLength', kind: 'number' }, { path: 'tsaName', kind: 'yes' },
  { path: 'qualified', kind: 'yes' }, { path: 'chain', kind: 'one', of: [['signer', t('chainSigner')], ['issuers', t('chainIssuers')], ['all', t('chainAll')]] }, { path: 'authenticode', kind: 'yes' }, { path: 'logTokens', kind: 'yes' },
  { path: 'certificate', kind: 'one', of: [['', t('ownCertificate')], ...certificates] }, { path: 'signatureDigest', kind: 'one', of: [['', t('suitsKey')], 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-256', 'SHA3-384', 'SHA3-512'] },
  { path: 'access.addresses', kind: 'lines', group: t('whoMayAsk') }, { path: 'access.basic', kind: 'yes', group: t('whoMayAsk') }, { path: 'access.users', kind: 'lines', group: t('whoMayAsk') },
  { path: 'access.clientCertificate', kind: 'yes', group: t('whoMayAsk') }, { path: 'access.clientCas', kind: 'lines', group: t('whoMayAsk') },
  { path: 'access.perMinute', kind: 'number', group: t('whoMayAsk') }, { path: 'access.perMinuteAndAddress', kind: 'number', group: t('whoMayAsk') },
];

export function TimestampIssuerPage() {
  const { ca = '', issuer = '' } = useParams();
  const { may } = useSession();
  const navigate = useNavigate();
  const path = `/cas/${ca}/timestamping/${issuer}`;
  const loaded = useLoad(() => api.get<Issuer>(path), path);
  const certificates = useLoad(() => api.get<List<Schema['TimestampingCertificate']>>('/timestamping-certificates?limit=500'), 'tsa-certificates');
  const [deleting, setDeleting] = useState(false);
  const one = loaded.value;
  const usable = (certificates.value?.items ?? []).filter((c) => c.state === 'active' || c.id === one?.document.certificate).map((c) => [c.id, c.name] as const);
  if (one === undefined || (certificates.value === undefined && certificates.problem === undefined)) return <Page title={issuer}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const fixed = !may('cas:manage');
  return (
    <Page title={`${t('issuer')}: ${one.id}`} actions={!fixed && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}>
      <Copy label="URL" text={one.url} />
      <SettingsForm name="tsa" document={one.document} fields={fields(usable)} fixed={fixed} whole save={(document) => api.put(path, { document, version: one.version }).then(loaded.reload)} />
      {deleting && <Confirm title={t('deleteName', { name: one.id })} act={t('delete')} danger name={one.id} run={() => api.delete(path)} close={(done) => { setDeleting(false); if (done) navigate('/timestamping'); }}>{t('deleteIssuerSays')}</Confirm>}
    </Page>
  );
}
