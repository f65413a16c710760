import { Button, Checkbox, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog, Shown } from '../parts/Dialog';
import { keyOf, keyTypes, nameOfKey } from '../parts/keys';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { Inventory, WrappingKeys } from './KeyInventory';
import { t } from '../texts';

type Key = Schema['UserKey'];
type Recovery = Schema['Recovery'];

function NewKey({ close }: { close: (done: boolean) => void }) {
  const [name, setName] = useState('');
  const [type, setType] = useState('P-256');
  const [recoverable, setRecoverable] = useState(false);
  return (
    <FormDialog title={t('newKey')} act={t('create')} ready={name.trim() !== ''} close={close} run={() => api.post('/keys', { name: name.trim(), key: keyOf(type), recoverable })}>
      <p>{t('newKeySays')}</p>
      <FormGroup label={t('name')} fieldId="key-name" isRequired><TextInput id="key-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="key-type" label={t('keyType')} value={type} set={setType} choices={keyTypes.map((one) => [one, one] as const)} />
      <Checkbox id="key-recoverable" label={t('recoverable')} description={t('recoverableSays')} isChecked={recoverable} onChange={(_, on) => setRecoverable(on)} />
    </FormDialog>
  );
}

const sansOf = (text: string): string[] => text.split(/[\n,]+/).map((one) => one.trim()).filter((one) => one !== '');

/** A CSR, or a certificate by the key itself; what comes is shown and can be copied. */
function Signed({ of, what, close }: { of: Key; what: 'csr' | 'certificate'; close: () => void }) {
  const [subject, setSubject] = useState(`CN=${of.name}`);
  const [sans, setSans] = useState('');
  const [days, setDays] = useState('365');
  const [made, setMade] = useState('');
  const title = what === 'csr' ? t('makeCsr') : t('selfSignedCertificate');
  if (made !== '') return <Shown title={title} text={made} name={`${of.name}.${what === 'csr' ? 'csr' : 'pem'}`} close={close} />;
  const run = async () => {
    const body = { subject, ...(sans.trim() === '' ? {} : { sans: sansOf(sans) }) };
    setMade(what === 'csr' ? (await api.post<Schema['CsrText']>(`/keys/${of.id}/csr`, body)).csr : (await api.post<Schema['CertificateText']>(`/keys/${of.id}/certificate`, { ...body, validityDays: Number(days) })).certificate);
  };
  return (
    <FormDialog title={title} act={t('create')} ready={subject.trim() !== ''} close={close} stays run={run}>
      <FormGroup label={t('subject')} fieldId="signed-subject" isRequired><TextInput id="signed-subject" value={subject} onChange={(_, value) => setSubject(value)} /></FormGroup>
      <FormGroup label={t('sansOneALine')} fieldId="signed-sans"><TextArea id="signed-sans" value={sans} placeholder="DNS:www.example.com" onChange={(_, value) => setSans(value)} /></FormGroup>
      {what === 'certificate' && <FormGroup label={t('validityDays')} fieldId="signed-days"><TextInput id="signed-days" type="number" min={1} value={days} onChange={(_, value) => setDays(value)} /></FormGroup>}
    </FormDialog>
  );
}

/** As a file under a password; `path` answers it. */
function Export({ path, name, close }: { path: string; name: string; close: (done: boolean) => void }) {
  const [format, setFormat] = useState('pkcs12');
  const [protection, setProtection] = useState('modern');
  const [password, setPassword] = useState('');
  const suffix = { pkcs12: 'p12', pkcs8: 'p8', jks: 'jks' }[format] ?? 'key';
  return (
    <FormDialog title={t('exportKey')} act={t('download')} ready={password.length >= 8} close={close} run={() => api.save(path, { format, protection, password }, `${name}.${suffix}`)}>
      <p>{t('exportKeySays')}</p>
      <Pick id="export-format" label={t('format')} value={format} set={setFormat} choices={[['pkcs12', 'PKCS#12'], ['pkcs8', 'PKCS#8'], ['jks', 'Java KeyStore']]} />
      <Pick id="export-protection" label={t('protection')} value={protection} set={setProtection} choices={[['modern', t('protection-modern')], ['compatible', t('protection-compatible')], ['legacy', t('protection-legacy')]]} />
      <FormGroup label={t('filePasswordNew')} fieldId="export-password" isRequired><TextInput id="export-password" type="password" autoComplete="new-password" value={password} onChange={(_, value) => setPassword(value)} /></FormGroup>
    </FormDialog>
  );
}

function Mine() {
  const [making, setMaking] = useState(false);
  const [at, setAt] = useState<{ key: Key; what: 'csr' | 'certificate' | 'export' | 'delete' }>();
  const [version, setVersion] = useState(0);
  const act = (key: Key, what: 'csr' | 'certificate' | 'export' | 'delete', text: string) => <Button size="sm" variant="link" aria-label={`${text}: ${key.name}`} onClick={() => setAt({ key, what })}>{text}</Button>;
  const columns: Column<Key>[] = [
    { id: 'name', title: t('name'), text: (k) => k.name, cell: (k) => k.name },
    { id: 'type', title: t('keyType'), text: (k) => nameOfKey(k.key), cell: (k) => nameOfKey(k.key) },
    { id: 'recovery', title: t('recoverable'), text: (k) => k.recovery, cell: (k) => (k.recovery === 'no' ? t('no') : t('yes')) },
    { id: 'created', title: t('createdAt'), text: (k) => k.createdAt, cell: (k) => <When at={k.createdAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (k) => <>{act(k, 'csr', 'CSR')}{act(k, 'certificate', t('selfSignedCertificate'))}{act(k, 'export', t('download'))}{act(k, 'delete', t('delete'))}</> },
  ];
  const close = (done: boolean) => { setAt(undefined); setMaking(false); if (done) setVersion(version + 1); };
  return (
    <>
      <p>{t('ownKeysSay')}</p>
      <div><Button onClick={() => setMaking(true)}>{t('newKey')}</Button></div>
      <DataList paged={false} name="keys" label={t('ownKeys')} path="/keys" columns={columns} id={(k) => k.id} empty={t('noOwnKey')} version={version} />
      {making && <NewKey close={close} />}
      {(at?.what === 'csr' || at?.what === 'certificate') && <Signed of={at.key} what={at.what} close={() => close(false)} />}
      {at?.what === 'export' && <Export path={`/keys/${at.key.id}/export`} name={at.key.name} close={close} />}
      {at?.what === 'delete' && <Confirm title={t('deleteName', { name: at.key.name })} act={t('delete')} danger name={at.key.name} run={() => api.delete(`/keys/${at.key.id}`)} close={close}>{t('deleteKeySays')}</Confirm>}
    </>
  );
}

interface Generation { ca: string; name: string; generation: number; keyType: string; signs: boolean; notBefore: string | null; notAfter: string | null; crl: string }

const generationColumns: Column<Generation>[] = [
  { id: 'authority', title: t('authority'), text: (one) => one.name, cell: (one) => <Link to={`/cas/${one.ca}`}>{one.name}</Link> },
  { id: 'number', title: t('number'), text: (one) => String(one.generation), cell: (one) => one.generation },
  { id: 'key', title: t('keyType'), text: (one) => one.keyType, cell: (one) => one.keyType },
  { id: 'state', title: t('state'), text: (one) => (one.signs ? 'active' : 'retired'), cell: (one) => <StateLabel state={one.signs ? 'active' : 'retired'} /> },
  { id: 'from', title: t('validFrom'), text: (one) => one.notBefore ?? '', cell: (one) => <When at={one.notBefore} dateOnly /> },
  { id: 'until', title: t('validUntil'), text: (one) => one.notAfter ?? '', cell: (one) => <When at={one.notAfter} dateOnly /> },
  { id: 'acts', title: 'CRL', text: () => '', cell: (one) => <a href={new URL(one.crl, location.origin).pathname} aria-label={`${t('download')}: CRL ${one.name} ${one.generation}`}>{t('download')}</a> },
];

/** The keys of the authorities: the one that signs, and those whose lists still answer. */
function OfAuthorities() {
  const { cas, ca } = useScope();
  const of = (cas.value ?? []).filter((one) => ca === '' || one.id === ca);
  const load = async (): Promise<List<Generation>> => ({
    items: (await Promise.all(of.map(async (one) => (await api.get<Schema['CaGenerationList']>(`/cas/${one.id}/generations`)).items.map((item): Generation => ({ ...item, ca: one.id, name: one.name }))))).flat(), next: null,
  });
  if (cas.value === undefined) return <Waiting />;
  return (
    <>
      <p>{t('authorityKeysSay')}</p>
      {of.length === 0 ? <p>{t('noAuthority')}</p> : <DataList paged={false} name="generations" label={t('authorityKeys')} path={`/generations#${of.map((one) => one.id).join()}`} load={load} columns={generationColumns} id={(one) => `${one.ca}-${one.generation}`} empty={t('nothingHere')} />}
    </>
  );
}

function AskRecovery({ of, close }: { of: Key; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('');
  return (
    <FormDialog title={`${t('recover')}: ${of.name} (${of.owner})`} act={t('recover')} ready={reason.trim() !== ''} close={close} run={() => api.post(`/keys/${of.id}/recoveries`, { reason })}>
      <p>{t('recoverSays')}</p>
      <FormGroup label={t('reason')} fieldId="recover-reason" isRequired><TextInput id="recover-reason" value={reason} onChange={(_, value) => setReason(value)} /></FormGroup>
    </FormDialog>
  );
}

/** Kept keys of others: one person asks, another approves, the first takes the key out, once. */
function Recoveries() {
  const { session } = useSession();
  const kept = useLoad(() => api.get<List<Key>>('/recoverable-keys', { limit: 500 }), 'recoverable');
  const [asking, setAsking] = useState<Key>();
  const [taking, setTaking] = useState<Recovery>();
  const [version, setVersion] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  const done = (ok: boolean) => { setAsking(undefined); setTaking(undefined); if (ok) setVersion(version + 1); };
  const decide = (one: Recovery, what: 'approve' | 'decline') => api.post(`/key-recoveries/${one.id}/${what}`).then(() => { setProblem(undefined); done(true); }, (reason: unknown) => setProblem(asProblem(reason)));
  const nameOf = (id: string) => { const key = kept.value?.items.find((one) => one.id === id); return key === undefined ? id : `${key.name} (${key.owner})`; };
  const mine = (one: Recovery) => one.askedBy === session?.user.username || one.askedBy === session?.user.id;
  const keyColumns: Column<Key>[] = [
    { id: 'name', title: t('name'), text: (k) => k.name, cell: (k) => k.name },
    { id: 'owner', title: t('owner'), text: (k) => k.owner, cell: (k) => k.owner },
    { id: 'type', title: t('keyType'), text: (k) => nameOfKey(k.key), cell: (k) => nameOfKey(k.key) },
    { id: 'created', title: t('createdAt'), text: (k) => k.createdAt, cell: (k) => <When at={k.createdAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (k) => <Button size="sm" variant="link" onClick={() => setAsking(k)}>{t('recover')}</Button> },
  ];
  const columns: Column<Recovery>[] = [
    { id: 'key', title: t('key'), text: (r) => nameOf(r.key), cell: (r) => nameOf(r.key) },
    { id: 'state', title: t('state'), text: (r) => r.state, cell: (r) => <StateLabel state={r.state} /> },
    { id: 'reason', title: t('reason'), text: (r) => r.reason, cell: (r) => r.reason },
    { id: 'by', title: t('askedBy'), text: (r) => r.askedBy, cell: (r) => r.askedBy },
    { id: 'decided', title: t('decidedBy'), text: (r) => r.decidedBy ?? '', cell: (r) => r.decidedBy ?? '–' },
    { id: 'created', title: t('askedAt'), text: (r) => r.createdAt, cell: (r) => <When at={r.createdAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (r) => (
      <>
        {r.state === 'asked' && !mine(r) && <><Button size="sm" variant="link" onClick={() => void decide(r, 'approve')}>{t('approve')}</Button><Button size="sm" variant="link" onClick={() => void decide(r, 'decline')}>{t('decline')}</Button></>}
        {r.state === 'approved' && mine(r) && <Button size="sm" variant="link" onClick={() => setTaking(r)}>{t('download')}</Button>}
      </>
    ) },
  ];
  return (
    <>
      <p>{t('recoveriesSay')}</p>
      <ProblemAlert problem={problem ?? kept.problem} />
      <DataList paged={false} name="recoveries" label={t('recoveries')} path="/key-recoveries" columns={columns} id={(r) => r.id} empty={t('noRecovery')} version={version} />
      <h2>{t('recoverableKeys')}</h2>
      <DataList name="recoverable" label={t('recoverableKeys')} path="/recoverable-keys" columns={keyColumns} id={(k) => k.id} empty={t('noRecoverable')} version={version} />
      {asking !== undefined && <AskRecovery of={asking} close={done} />}
      {taking !== undefined && <Export path={`/key-recoveries/${taking.id}/export`} name={nameOf(taking.key)} close={done} />}
    </>
  );
}

export default function Keys() {
  const { may } = useSession();
  return (
    <Page title={t('keys')}>
      <Panes label={t('keys')} panes={[
        { key: 'mine', title: t('ownKeys'), body: () => <Mine /> },
        ...(may('cas:read') ? [{ key: 'authorities', title: t('authorityKeys'), body: () => <OfAuthorities /> }] : []),
        ...(may('tokens:read') ? [{ key: 'inventory', title: t('keyInventory'), body: () => <Inventory /> }, { key: 'kek', title: t('keks'), body: () => <WrappingKeys /> }] : []),
        ...(may('keys:recover') ? [{ key: 'recovery', title: t('recoveries'), body: () => <Recoveries /> }] : []),
      ]} />
    </Page>
  );
}
