import { Card, CardBody, CardTitle, Content } from '@patternfly/react-core';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { useLoad } from '../parts/load';
import { Copy, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type Certificate = Schema['Certificate'];
type Ca = Schema['Ca'];
const DAY = 86400000;
const MOST = 500;

interface Numbers {
  recent: Certificate[];
  pending: Schema['Request'][];
  expiring: Certificate[];
  tokens: Schema['Token'][];
  moreRecent: boolean;
}

async function load(ca: string, may: (permission: string) => boolean): Promise<Numbers> {
  const base = ca === '' ? '' : `/cas/${ca}`;
  const certificates = may('certificates:read');
  const [recent, expiring, pending, tokens] = await Promise.all([
    certificates ? api.get<List<Certificate>>(`${base}/certificates`, { limit: MOST }) : { items: [], next: null },
    certificates
      ? api.get<List<Certificate>>(`${base}/certificates`, { limit: MOST, state: 'valid', expiresBefore: new Date(Date.now() + 30 * DAY).toISOString() })
      : { items: [], next: null },
    may('requests:read') ? api.get<List<Schema['Request']>>(`${base}/requests`, { limit: MOST, state: 'pending' }) : { items: [], next: null },
    may('tokens:read') ? api.get<List<Schema['Token']>>('/tokens').then((page) => page, () => ({ items: [], next: null })) : { items: [], next: null },
  ]);
  return { recent: recent.items, expiring: expiring.items, pending: pending.items, tokens: tokens.items, moreRecent: recent.next !== null };
}

function count(items: Certificate[], key: (item: Certificate) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function Bars({ title, rows }: { title: string; rows: [string, number][] }) {
  const most = Math.max(1, ...rows.map(([, n]) => n));
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        {rows.length === 0 ? t('nothingHere') : rows.map(([name, n]) => (
          <div key={name} className="gh-bar"><span>{name}</span><meter min={0} max={most} value={n} aria-label={name} /><span>{n}</span></div>
        ))}
      </CardBody>
    </Card>
  );
}

const Number = ({ title, value, to }: { title: string; value: string; to: string }) => (
  <Card isCompact><CardTitle component="h2">{title}</CardTitle><CardBody><Link to={to} className="gh-number" aria-label={`${title}: ${value}`}>{value}</Link></CardBody></Card>
);

const isPostQuantum = (type: string) => /^(ML-DSA|SLH-DSA|ML-KEM)/.test(type);

function lastDays(items: Certificate[], days: number): [string, number][] {
  return Array.from({ length: days }, (_, i) => {
    const day = new Date(Date.now() - (days - 1 - i) * DAY).toISOString().slice(0, 10);
    return [day, items.filter((item) => item.createdAt.startsWith(day)).length];
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

function AuthorityEnds({ cas }: { cas: Ca[] }) {
  return (
    <Card>
      <CardTitle component="h2">{t('authorities')}</CardTitle>
      <CardBody>
        <Content component="ul">
          {cas.map((ca) => (
            <Content component="li" key={ca.id}>
              <Link to={`/cas/${ca.id}`}>{ca.name}</Link> <StateLabel state={ca.state} /> {ca.keyType} {ca.notAfter !== null && <>· {t('until')} <When at={ca.notAfter} dateOnly /></>}
            </Content>
          ))}
        </Content>
      </CardBody>
    </Card>
  );
}

export default function Dashboard() {
  const { may } = useSession();
  const { cas, ca } = useScope();
  const numbers = useLoad(() => load(ca, may), `dashboard-${ca}`, 30000);
  const value = numbers.value;
  const within = (days: number) => value?.expiring.filter((item) => Date.parse(item.notAfter) < Date.now() + days * DAY).length ?? 0;
  const plus = (n: number) => (n >= MOST ? `${MOST}+` : String(n));
  const quantum = value?.recent.filter((item) => isPostQuantum(item.keyType)).length ?? 0;
  return (
    <Page title={t('dashboard')}>
      <ProblemAlert problem={numbers.problem} retry={numbers.reload} />
      {value === undefined ? <Waiting /> : (
        <>
          {(cas.value?.length ?? 0) === 0 && <Next />}
          <div className="gh-grid">
            <Number title={t('pendingRequests')} value={plus(value.pending.length)} to="/requests?state=pending" />
            {[30, 15, 7, 1].map((days) => (
              <Number key={days} title={t('expiringIn', { days })} value={plus(within(days))} to={`/certificates?state=valid&expiresWithin=${days}`} />
            ))}
            <Number title={t('postQuantumShare')} value={value.recent.length === 0 ? '–' : `${Math.round((100 * quantum) / value.recent.length)} %`} to="/certificates" />
          </div>
          <div className="gh-two">
            <Bars title={t('issuedPerDay')} rows={lastDays(value.recent, 7)} />
            <Bars title={t('byKeyType')} rows={count(value.recent, (item) => item.keyType)} />
            <Bars title={t('byState')} rows={count(value.recent, (item) => item.state)} />
            <AuthorityEnds cas={(cas.value ?? []).filter((one) => ca === '' || one.id === ca)} />
            {value.tokens.length > 0 && (
              <Card>
                <CardTitle component="h2">{t('tokens')}</CardTitle>
                <CardBody>
                  <Content component="ul">
                    {value.tokens.map((token) => (
                      <Content component="li" key={token.id}>{token.label} <StateLabel state={token.problem === null ? 'active' : 'failure'} /> {token.problem}</Content>
                    ))}
                  </Content>
                </CardBody>
              </Card>
            )}
          </div>
          {value.moreRecent && <small>{t('newestOnly', { count: MOST })}</small>}
        </>
      )}
    </Page>
  );
}
