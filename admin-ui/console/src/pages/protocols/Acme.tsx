import { Button, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Schema } from '../../api/client';
import { Confirm } from '../../parts/Confirm';
import { DataList, type Column } from '../../parts/DataList';
import { FormDialog } from '../../parts/Dialog';
import { useLoad } from '../../parts/load';
import { Pick, useTemplates } from '../../parts/pick';
import { SettingsForm, type Field } from '../../parts/SettingsForm';
import { Copy, Page, ProblemAlert, StateLabel, When } from '../../parts/small';
import { Panes } from '../../parts/tabs';
import { useSession } from '../../session';
import { t } from '../../texts';
import { AcmeOrders } from './AcmeOrders';

type Policy = Schema['AcmePolicy'];
type Account = Schema['AcmeAccount'];

function NewPolicy({ close }: { close: (done: boolean) => void }) {
  const templates = useTemplates();
  const [name, setName] = useState('');
  const [template, setTemplate] = useState('');
  const chosen = template !== '' ? template : templates.list[0]?.id ?? '';
  return (
    <FormDialog title={t('newPolicy')} act={t('create')} ready={name.trim() !== '' && chosen !== ''} close={close}
      run={() => api.post('/acme/policies', { name, document: { templates: [chosen] } })}>
      <FormGroup label={t('name')} fieldId="policy-name" isRequired><TextInput id="policy-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="policy-template" label={t('template')} value={chosen} set={setTemplate} choices={templates.list.map((one) => [one.id, `${one.name} (${one.ca})`] as const)} />
    </FormDialog>
  );
}

function Policies() {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [version, setVersion] = useState(0);
  const columns: Column<Policy>[] = [
    { id: 'name', title: t('name'), text: (p) => p.name, cell: (p) => <Link to={`/acme/${p.id}`}>{p.name}</Link> },
    { id: 'state', title: t('state'), text: (p) => String(p.document.enabled), cell: (p) => <StateLabel state={p.document.enabled === false ? 'disabled' : 'active'} /> },
    { id: 'templates', title: t('templates'), text: (p) => p.document.templates.join(' '), cell: (p) => p.document.templates.join(', ') },
    { id: 'identifiers', title: t('orderable'), text: (p) => (p.document.identifiers ?? []).join(' '), cell: (p) => ((p.document.identifiers ?? []).length === 0 ? t('anything') : p.document.identifiers?.join(', ')) },
    { id: 'changed', title: t('changedAt'), text: (p) => p.changedAt, cell: (p) => <When at={p.changedAt} /> },
  ];
  return (
    <>
      {may('templates:manage') && <div><Button onClick={() => setMaking(true)}>{t('newPolicy')}</Button></div>}
      <DataList name="acme-policies" label={t('policies')} path="/acme/policies" columns={columns} id={(p) => p.id} empty={t('noPolicy')} version={version} />
      {making && <NewPolicy close={(done) => { setMaking(false); if (done) setVersion(version + 1); }} />}
    </>
  );
}

function Accounts() {
  const { may } = useSession();
  const [ending, setEnding] = useState<Account>();
  const [version, setVersion] = useState(0);
  const columns: Column<Account>[] = [
    { id: 'contacts', title: t('contact'), text: (a) => a.contacts.join(' '), cell: (a) => <Link to={`/acme/accounts/${a.id}`}>{a.contacts.join(', ') || t('clientAccount')}</Link> },
    { id: 'state', title: t('state'), text: (a) => a.state, cell: (a) => <StateLabel state={a.state} /> },
    { id: 'key', title: t('keyThumbprint'), text: (a) => a.keyThumbprint, cell: (a) => <code>{a.keyThumbprint.slice(0, 16)}…</code> },
    { id: 'policy', title: t('policy'), text: (a) => a.policy, cell: (a) => <Link to={`/acme/${a.policy}`}>{t('policy')}</Link> },
    { id: 'created', title: t('createdAt'), sort: 'createdAt', text: (a) => a.createdAt, cell: (a) => <When at={a.createdAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (a) => may('templates:manage') && a.state === 'valid' && <Button size="sm" variant="link" onClick={() => setEnding(a)}>{t('deactivate')}</Button> },
  ];
  return (
    <>
      <DataList name="acme-accounts" label={t('accounts')} path="/acme/accounts" columns={columns} id={(a) => a.id} empty={t('noAccount')} version={version} />
      {ending !== undefined && (
        <Confirm title={t('deactivate')} act={t('deactivate')} danger run={() => api.post(`/acme/accounts/${ending.id}/deactivate`)} close={(done) => { setEnding(undefined); if (done) setVersion(version + 1); }}>{t('deactivateSays')}</Confirm>
      )}
    </>
  );
}

const settingFields: Field[] = [
  { path: 'open', kind: 'yes' }, { path: 'defaultPolicy', kind: 'text' }, { path: 'terms', kind: 'text' }, { path: 'website', kind: 'text' }, { path: 'caaIdentities', kind: 'lines' },
];

function AcmeSettings() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Schema['AcmeSettings']>('/acme/settings'), 'acme-settings');
  const policies = useLoad(() => api.all<Policy>('/acme/policies'), 'acme-policies-all');
  const fields = settingFields.map((field): Field => (field.path === 'defaultPolicy' ? { ...field, kind: 'one', of: [['', t('none')], ...(policies.value ?? []).map((p) => [p.id, p.name] as const)] } : field));
  return (
    <>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value !== undefined && <SettingsForm name="acme-settings" document={loaded.value} fields={fields} fixed={!may('settings:manage')} save={(document) => api.put('/acme/settings', document).then(loaded.reload)} />}
    </>
  );
}

export default function Acme() {
  return (
    <Page title="ACME">
      <Copy label={t('directory')} text={`${location.origin}/acme/directory`} />
      <Panes label="ACME" panes={[
        { key: 'policies', title: t('policies'), body: () => <Policies /> },
        { key: 'accounts', title: t('accounts'), body: () => <Accounts /> },
        { key: 'orders', title: t('orders'), body: () => <AcmeOrders path="/acme/orders" /> },
        { key: 'settings', title: t('settings'), body: () => <AcmeSettings /> },
      ]} />
    </Page>
  );
}
