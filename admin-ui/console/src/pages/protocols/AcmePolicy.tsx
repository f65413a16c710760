import { Button, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router-dom';
import { api, type Schema } from '../../api/client';
import { Confirm } from '../../parts/Confirm';
import { DataList, type Column } from '../../parts/DataList';
import { FormDialog, Once } from '../../parts/Dialog';
import { useLoad } from '../../parts/load';
import { Pick } from '../../parts/pick';
import { SettingsForm, type Field } from '../../parts/SettingsForm';
import { Page, ProblemAlert, StateLabel, Waiting, When } from '../../parts/small';
import { Panes } from '../../parts/tabs';
import { TestOf, type Look } from '../../parts/Trial';
import { useSession } from '../../session';
import { t } from '../../texts';

type Policy = Schema['AcmePolicy'];
type Binding = Schema['AcmeBinding'];
type Made = Schema['AcmeBindingMade'];

const checks = () => t('challenges');
const fields = (): Field[] => [
  { path: 'enabled', kind: 'yes' }, { path: 'description', kind: 'text' }, { path: 'templates', kind: 'lines' }, { path: 'identifiers', kind: 'lines' },
  { path: 'wildcards', kind: 'yes' }, { path: 'bareNames', kind: 'yes' }, { path: 'open', kind: 'yes' },
  { path: 'commonName', kind: 'one', of: [['csr', t('cnFromCsr')], ['first', t('cnFirst')], ['none', t('none')]] },
  { path: 'challenges', kind: 'some', of: ['http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01', 'dns-persist-01', 'device-attest-01'], group: checks() },
  { path: 'preapproved', kind: 'lines', group: checks() }, { path: 'caa', kind: 'yes', group: checks() },
  { path: 'validation.reach', kind: 'one', of: [['anywhere', t('reachAnywhere')], ['not-local', t('reachNotLocal')], ['public', t('reachPublic')]], group: checks() },
  { path: 'validation.attempts', kind: 'number', group: checks() }, { path: 'validation.timeoutSeconds', kind: 'number', group: checks() },
  { path: 'dns.resolvers', kind: 'lines', group: 'DNS' }, { path: 'dns.dnssec', kind: 'yes', group: 'DNS' },
  { path: 'lifetimes.orderHours', kind: 'number', group: t('limits') }, { path: 'lifetimes.authorizationHours', kind: 'number', group: t('limits') },
  { path: 'limits.ordersPerHour', kind: 'number', group: t('limits') }, { path: 'limits.accounts', kind: 'number', group: t('limits') }, { path: 'limits.identifiersPerOrder', kind: 'number', group: t('limits') },
];

function NewBinding({ policy, close, made }: { policy: string; close: () => void; made: (binding: Made) => void }) {
  const [name, setName] = useState('');
  const [uses, setUses] = useState('1');
  return (
    <FormDialog title={t('newBinding')} act={t('create')} ready={name.trim() !== ''} close={close}
      run={() => api.post<Made>(`/acme/policies/${policy}/bindings`, { name, uses: Number(uses) }).then(made)}>
      <FormGroup label={t('name')} fieldId="binding-name" isRequired><TextInput id="binding-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="binding-uses" label={t('uses')} value={uses} set={setUses} choices={[['1', t('once')], ['10', '10'], ['0', t('anyNumber')]]} />
    </FormDialog>
  );
}

function Bindings({ policy }: { policy: string }) {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Made>();
  const [ending, setEnding] = useState<Binding>();
  const [version, setVersion] = useState(0);
  const columns: Column<Binding>[] = [
    { id: 'name', title: t('name'), text: (b) => b.name, cell: (b) => b.name },
    { id: 'state', title: t('state'), text: (b) => b.state, cell: (b) => <StateLabel state={b.state} /> },
    { id: 'uses', title: t('uses'), text: (b) => String(b.used), cell: (b) => `${b.used} / ${b.uses === 0 ? '∞' : b.uses}` },
    { id: 'created', title: t('createdAt'), text: (b) => b.createdAt, cell: (b) => <When at={b.createdAt} /> },
    { id: 'used', title: t('lastUsed'), text: (b) => b.lastUsedAt ?? '', cell: (b) => <When at={b.lastUsedAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (b) => may('templates:manage') && b.state === 'available' && <Button size="sm" variant="link" onClick={() => setEnding(b)}>{t('end')}</Button> },
  ];
  const commands = Object.entries(made?.commands ?? {}).map(([name, text]) => [name, String(text)] as const);
  return (
    <>
      <p>{t('bindingSays')}</p>
      {may('templates:manage') && <div><Button onClick={() => setMaking(true)}>{t('newBinding')}</Button></div>}
      <DataList name="acme-bindings" label={t('bindings')} path={`/acme/policies/${policy}/bindings`} columns={columns} id={(b) => b.id} empty={t('noBinding')} version={version} />
      {making && <NewBinding policy={policy} close={() => setMaking(false)} made={(binding) => { setMaking(false); setMade(binding); setVersion(version + 1); }} />}
      {made !== undefined && <Once title={made.name} close={() => setMade(undefined)} secrets={[[t('directory'), made.directory], ['kid', made.kid], ['HMAC', made.hmacKey], ...commands]} />}
      {ending !== undefined && (
        <Confirm title={`${t('end')}: ${ending.name}`} act={t('end')} run={() => api.delete(`/acme/bindings/${ending.id}`)} close={(done) => { setEnding(undefined); if (done) setVersion(version + 1); }}>{t('endBindingSays')}</Confirm>
      )}
    </>
  );
}

const firstName = (policy: Policy): string => (policy.document.identifiers ?? []).find((one) => /^[a-z0-9.-]+$/i.test(one)) ?? '';

/** What the policy's checks of domains look through: its own resolvers and proxy, and those of every vantage point. */
function looksOf(policy: Policy, name: string): Look[] {
  const { dns, validation } = policy.document;
  const here = { resolvers: dns?.resolvers ?? [], proxy: validation?.proxy ?? '' };
  return [
    { name: t('seenFromHere'), kind: 'dns', targets: [name], view: here },
    ...(validation?.vantages ?? []).map((one): Look => ({
      name: one.name, kind: 'dns', targets: [name],
      view: { resolvers: (one.resolvers?.length ?? 0) > 0 ? one.resolvers ?? [] : here.resolvers, proxy: (one.proxy ?? '') === '' ? here.proxy : one.proxy ?? '' },
    })),
  ];
}

export default function AcmePolicy() {
  const { id = '' } = useParams();
  const { may } = useSession();
  const navigate = useNavigate();
  const loaded = useLoad(() => api.get<Policy>(`/acme/policies/${id}`), `acme-policy-${id}`);
  const [deleting, setDeleting] = useState(false);
  const policy = loaded.value;
  if (policy === undefined) return <Page title={id}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const fixed = !may('templates:manage');
  return (
    <Page title={policy.name} actions={!fixed && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}>
      <Panes label={policy.name} panes={[
        { key: 'rules', title: t('general'), body: () => <SettingsForm name="acme" document={policy.document} fields={fields()} fixed={fixed} whole save={(document) => api.put(`/acme/policies/${id}`, { name: policy.name, document, version: policy.version }).then(loaded.reload)} /> },
        { key: 'test', title: t('test'), body: () => <TestOf id="test-name" label={t('testName')} first={firstName(policy)} looks={(name) => looksOf(policy, name)} /> },
        { key: 'bindings', title: t('bindings'), body: () => <Bindings policy={id} /> },
      ]} />
      {deleting && <Confirm title={t('deleteName', { name: policy.name })} act={t('delete')} danger name={policy.name} run={() => api.delete(`/acme/policies/${id}`)} close={(done) => { setDeleting(false); if (done) navigate('/acme'); }}>{t('deletePolicySays')}</Confirm>}
    </Page>
  );
}
