import { Card, CardBody, CardTitle, Content, Label } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Query, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Columns, Ring, type Slice } from '../parts/Charts';
import { useLoad, type Loaded } from '../parts/load';
import { Copy, counted, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { locale, stateText, t } from '../texts';

type Certificate = Schema['Certificate'];
type Ca = Schema['Ca'];
const DAY = 86400000;
const MOST = 500;

const ENDS = [30, 15, 7, 1] as const;
const STATES = ['valid', 'held', 'revoked', 'expired'] as const;
const stateColours = ['#63993d', '#f5921b', '#d73401', '#a3a3a3'];

interface Service { name: string; to: string; until: string | null }
type May = (permission: string) => boolean;
const none = { items: [], next: null };
const nothing: Schema['Count'] = { count: 0, more: false };

/** Exact numbers by the counts of the server; what was issued lately by the newest page. Each part is there when it has come:
 *  among a million certificates some numbers take longer than others. */
function useNumbers(ca: string, may: May) {
  const certificates = may('certificates:read');
  const count = async (query: Query) => (certificates ? await api.get<Schema['Count']>('/certificates/count', { ...query, ca }) : nothing);
  return {
    recent: useLoad(async () => (certificates ? await api.get<List<Certificate>>(`${ca === '' ? '' : `/cas/${ca}`}/certificates`, { limit: MOST }) : none as List<Certificate>), `recent-${ca}`, 30000),
    pending: useLoad(async () => (may('requests:read') ? await api.get<Schema['Count']>('/requests/count', { ca, state: 'pending' }) : nothing), `pending-${ca}`, 30000),
    ending: useLoad(async () => (await Promise.all(ENDS.map((days) => count({ expiresWithin: days })))).map(counted), `ending-${ca}`, 30000),
    states: useLoad(() => Promise.all(STATES.map((state) => count({ state }))), `states-${ca}`, 60000),
    keys: useLoad(async () => keysOf(certificates && may('cas:read') ? await api.all<Schema['Readiness']>('/post-quantum') : [], ca), `keys-${ca}`, 60000),
    health: useLoad(async () => {
      const [tokens, agents, failed, jobs] = await Promise.all([
        may('tokens:read') ? api.get<List<Schema['Token']>>('/tokens').then((page) => page, () => none) : none,
        may('tokens:read') ? api.get<List<Schema['Agent']>>('/agents').then((page) => page, () => none) : none,
        may('settings:read') ? api.get<List<Schema['MailMessage']>>('/mail/messages', { limit: 100 }) : none,
        may('events:read') ? api.get<List<Schema['Event']>>('/events', { code: 'job.failed', since: new Date(Date.now() - DAY).toISOString(), limit: 100 }) : undefined,
      ]);
      return {
        tokens: tokens.items as Schema['Token'][], agents: agents.items as Schema['Agent'][],
        mailFailed: (failed.items as Schema['MailMessage'][]).filter((one) => one.state === 'failed').length,
        jobsFailed: jobs === undefined ? undefined : [...new Set(jobs.items.map((one) => one.object ?? ''))].sort(),
      };
    }, 'health', 30000),
    services: useLoad(async (): Promise<Service[]> => {
      const [tls, stamps] = await Promise.all([
        may('settings:read') ? api.get<Schema['Tls']>('/tls') : undefined,
        may('cas:read') ? api.get<List<Schema['TimestampingCertificate']>>('/timestamping-certificates', { limit: 100 }) : none,
      ]);
      return [
        ...(tls === undefined ? [] : [{ name: t('tlsCertificate'), to: '/settings?tab=tls', until: tls.certificate.notAfter }]),
        ...(stamps.items as Schema['TimestampingCertificate'][]).map((one) => ({ name: one.name, to: '/timestamping?tab=certificates', until: one.notAfter })),
      ];
    }, 'services', 60000),
  };
}

/** How many certificates have which type of key, the most first. */
function keysOf(ready: Schema['Readiness'][], ca: string): [string, number][] {
  const keys = new Map<string, number>();
  for (const one of ready.filter((r) => ca === '' || r.ca === ca)) for (const kind of one.certificates.byKeyType) keys.set(kind.keyType, (keys.get(kind.keyType) ?? 0) + kind.count);
  return [...keys].sort((a, b) => b[1] - a[1]);
}

/** A card whose number or picture comes when it comes. */
function Part<T>({ title, of, children }: { title: string; of: Loaded<T>; children: (value: T) => ReactNode }) {
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>{of.value !== undefined ? children(of.value) : of.problem === undefined ? <Waiting /> : <ProblemAlert problem={of.problem} retry={of.reload} />}</CardBody>
    </Card>
  );
}

type Bar = Slice;

interface Healths { tokens: Schema['Token'][]; agents: Schema['Agent'][]; mailFailed: number; jobsFailed: string[] | undefined }
interface Check { name: string; ok: boolean; reason?: string; warning?: string }
const parts: Readonly<Record<string, string>> = { database: t('database'), signer: t('signer'), tls: t('tlsCertificate') };

/** What is well and what is not: the parts of the node that answers, and what works in the background. */
function Health({ tokens, agents, mailFailed, jobsFailed }: Healths) {
  const ready = useLoad(async () => (await (await fetch('/readyz', { cache: 'no-store' })).json()) as { checks: Check[] }, 'readyz', 30000);
  const rows: { name: string; ok: boolean; warns?: boolean; says: string; to?: string }[] = [
    ...(ready.problem !== undefined ? [{ name: 'Gatehouse', ok: false, says: t('unreachable') }] : []),
    ...(ready.value?.checks ?? []).map((one) => ({ name: parts[one.name] ?? one.name, ok: one.ok, warns: one.warning !== undefined, says: one.reason ?? one.warning ?? '' })),
    ...tokens.map((one) => ({ name: `${t('token')} ${one.label}`, ok: one.problem === null, says: one.problem ?? '', to: '/tokens' })),
    ...agents.map((one) => ({ name: `${t('agent')} ${one.name}`, ok: one.state === 'connected' || one.state === 'invited', warns: one.state === 'invited', says: one.state === 'connected' ? '' : stateText(one.state), to: '/tokens?tab=agents' })),
    ...(jobsFailed === undefined ? [] : [{ name: t('backgroundJobs'), ok: jobsFailed.length === 0, says: jobsFailed.length === 0 ? '' : t('jobsFailed', { names: jobsFailed.join(', ') }), to: '/events?code=job.failed' }]),
    { name: t('mails'), ok: mailFailed === 0, says: mailFailed === 0 ? '' : t('mailsFailedCount', { count: mailFailed }), to: '/settings?tab=queue' },
  ];
  const mark = (row: (typeof rows)[number]) => (
    <Label isCompact color={!row.ok ? 'red' : row.warns === true ? 'orange' : 'green'}>{!row.ok ? t('notWell') : row.warns === true ? t('attention') : t('well')}</Label>
  );
  return (
    <Card>
      <CardTitle component="h2">{t('health')}</CardTitle>
      <CardBody>
        <ul className="gh-plain" aria-label={t('health')}>
          {rows.map((row) => (
            <li key={row.name} className="gh-spread"><span>{row.to === undefined ? row.name : <Link to={row.to}>{row.name}</Link>} <small>{row.says}</small></span>{mark(row)}</li>
          ))}
        </ul>
      </CardBody>
    </Card>
  );
}

const Number = ({ title, value, to }: { title: string; value: string; to: string }) => (
  <Card isCompact><CardTitle component="h2">{title}</CardTitle><CardBody><Link to={to} className="gh-number" aria-label={`${title}: ${value}`}>{value}</Link></CardBody></Card>
);

const isPostQuantum = (type: string) => /^(ML-DSA|SLH-DSA|ML-KEM)/.test(type);

function lastDays(items: Certificate[], days: number): Bar[] {
  return Array.from({ length: days }, (_, i) => {
    const at = Date.now() - (days - 1 - i) * DAY;
    const day = new Date(at).toISOString().slice(0, 10);
    const next = new Date(at + DAY).toISOString().slice(0, 10);
    return { name: day, count: items.filter((item) => item.createdAt.startsWith(day)).length, to: `/events?code=certificate.issued&since=${day}T00:00:00Z&until=${next}T00:00:00Z` };
  });
}

function Next() {
  const url = `${location.origin}/api/v1`;
  return (
    <Card>
      <CardTitle component="h2">{t('whatNext')}</CardTitle>
      <CardBody>
        <Content component="ol">
          <Content component="li"><Link to="/cas/new">{t('firstAuthority')}</Link></Content>
          <Content component="li"><Link to="/request">{t('firstRequest')}</Link></Content>
          <Content component="li">{t('firstToken')} <Link to="/account">{t('account')}</Link></Content>
        </Content>
        <Copy label={t('example')} text={`curl -H "Authorization: Bearer $TOKEN" ${url}/cas`} />
      </CardBody>
    </Card>
  );
}

function Ends({ cas, services }: { cas: Ca[]; services: Service[] }) {
  const row = (key: string, name: ReactNode, until: string | null) => (
    <li key={key} className="gh-spread"><span className="gh-names">{name}</span>{until === null ? <span>–</span> : <span className="gh-until">{t('until')} <When at={until} dateOnly /></span>}</li>
  );
  return (
    <Card>
      <CardTitle component="h2">{t('authoritiesAndServices')}</CardTitle>
      <CardBody>
        <ul className="gh-plain" aria-label={t('authoritiesAndServices')}>
          {cas.map((ca) => row(ca.id, <><Link to={`/cas/${ca.id}`}>{ca.name}</Link> <StateLabel state={ca.state} /> <small>{ca.keyType}</small></>, ca.notAfter))}
          {services.map((one) => row(`service ${one.name}`, <Link to={one.to}>{one.name}</Link>, one.until))}
        </ul>
      </CardBody>
    </Card>
  );
}

export default function Dashboard() {
  const { may } = useSession();
  const { cas, ca } = useScope();
  const { recent, pending, ending, states, keys, health, services } = useNumbers(ca, may);
  const all = keys.value?.reduce((sum, [, n]) => sum + n, 0) ?? 0;
  const quantum = keys.value?.filter(([type]) => isPostQuantum(type)).reduce((sum, [, n]) => sum + n, 0) ?? 0;
  const share = keys.value === undefined ? '…' : all === 0 ? '–' : `${Math.round((100 * quantum) / all)} %`;
  return (
    <Page title={t('dashboard')}>
      <ProblemAlert problem={pending.problem ?? ending.problem} retry={() => { pending.reload(); ending.reload(); }} />
      {cas.value !== undefined && cas.value.length === 0 && <Next />}
      <div className="gh-grid">
        <Number title={t('pendingRequests')} value={pending.value === undefined ? '…' : counted(pending.value)} to="/requests?state=pending" />
        {ENDS.map((days, i) => <Number key={days} title={days === 1 ? t('expiringInOne') : t('expiringIn', { days })} value={ending.value?.[i] ?? '…'} to={`/certificates?expiresWithin=${days}`} />)}
        <Number title={t('postQuantumShare')} value={share} to="/certificates?state=valid" />
      </div>
      <div className="gh-two">
        <Part title={t('issuedPerDay')} of={recent}>{(page) => (
          <>
            <Columns label={t('issuedPerDay')} rows={lastDays(page.items, 7)} short={(day) => new Date(`${day}T12:00:00Z`).toLocaleDateString(locale, { weekday: 'short', day: 'numeric' })} />
            {page.next !== null && <small>{t('newestOnly', { count: MOST })}</small>}
          </>
        )}</Part>
        <Part title={t('byKeyType')} of={keys}>{(kinds) => (
          <Ring label={t('byKeyType')} middle={share} below={t('postQuantum')} rows={kinds.map(([name, count]) => ({ name, count, to: `/certificates?state=valid&keyType=${encodeURIComponent(name)}` }))} />
        )}</Part>
        <Part title={t('byState')} of={states}>{(counts) => (
          <Ring label={t('byState')} middle={counted(counts[0] ?? nothing)} below={stateText('valid')} set={stateColours} rows={STATES.map((name, i) => ({ name: stateText(name), count: counts[i]?.count ?? 0, to: `/certificates?state=${name}` }))} />
        )}</Part>
        <Health tokens={health.value?.tokens ?? []} agents={health.value?.agents ?? []} mailFailed={health.value?.mailFailed ?? 0} jobsFailed={health.value?.jobsFailed} />
        <Ends cas={(cas.value ?? []).filter((one) => ca === '' || one.id === ca)} services={services.value ?? []} />
      </div>
    </Page>
  );
}
