import { Button, Checkbox, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Page as List, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { asStored, SettingsForm, type Field } from '../parts/SettingsForm';
import { Page, ProblemAlert } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useScope } from '../frame/scope';
import { useSession } from '../session';
import { roleName, t } from '../texts';

type Role = Schema['Role'];

function Editor({ role, all, close }: { role: Role | undefined; all: string[]; close: (done: boolean) => void }) {
  const [id, setId] = useState(role?.id ?? '');
  const [name, setName] = useState(role?.name ?? '');
  const [own, setOwn] = useState(role?.ownOnly ?? false);
  const [permissions, setPermissions] = useState<string[]>(role?.permissions ?? []);
  const body = { name, ownOnly: own, permissions };
  return (
    <FormDialog title={role === undefined ? t('newRole') : role.name} act={t('save')} ready={id !== '' && name.trim() !== '' && permissions.length > 0} close={close}
      run={() => (role === undefined ? api.post('/roles', { id, ...body }) : api.put(`/roles/${role.id}`, body))}>
      {role === undefined && <FormGroup label={t('shortName')} fieldId="role-id" isRequired><TextInput id="role-id" value={id} onChange={(_, value) => setId(value)} /></FormGroup>}
      <FormGroup label={t('name')} fieldId="role-name" isRequired><TextInput id="role-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Checkbox id="role-own" label={t('ownOnly')} isChecked={own} onChange={(_, on) => setOwn(on)} />
      <FormGroup label={t('permissions')} role="group" fieldId="role-permissions">
        <div className="gh-grid">{all.map((one) => <Checkbox key={one} id={`p-${one}`} label={one} isChecked={permissions.includes(one)} onChange={(_, on) => setPermissions(on ? [...permissions, one] : permissions.filter((p) => p !== one))} />)}</div>
      </FormGroup>
    </FormDialog>
  );
}

function RoleList() {
  const { may } = useSession();
  const roles = useLoad(() => api.get<List<Role>>('/roles'), 'roles-all');
  const [editing, setEditing] = useState<Role | 'new'>();
  const [deleting, setDeleting] = useState<Role>();
  const [version, setVersion] = useState(0);
  const done = (ok: boolean) => { setEditing(undefined); setDeleting(undefined); if (ok) setVersion(version + 1); };
  // The administrator has every permission that there is.
  const all = [...(roles.value?.items.find((one) => one.id === 'administrator')?.permissions ?? [])].sort();
  const columns: Column<Role>[] = [
    { id: 'name', title: t('name'), text: (r) => r.name, cell: (r) => roleName(r.id, r.name) },
    { id: 'id', title: t('shortName'), text: (r) => r.id, cell: (r) => <code>{r.id}</code> },
    { id: 'permissions', title: t('permissions'), text: (r) => r.permissions.join(' '), cell: (r) => <span className="gh-small">{r.permissions.join(', ')}</span> },
    { id: 'own', title: t('ownOnly'), text: (r) => String(r.ownOnly), cell: (r) => (r.ownOnly ? t('yes') : t('no')) },
    { id: 'acts', title: t('acts'), text: () => '', cell: (r) => !r.builtIn && may('users:manage') && <><Button size="sm" variant="link" onClick={() => setEditing(r)}>{t('edit')}</Button><Button size="sm" variant="link" isDanger onClick={() => setDeleting(r)}>{t('delete')}</Button></> },
  ];
  return (
    <>
      <ProblemAlert problem={roles.problem} />
      {may('users:manage') && <div><Button onClick={() => setEditing('new')}>{t('newRole')}</Button></div>}
      <DataList paged={false} name="roles" label={t('roles')} path="/roles" columns={columns} id={(r) => r.id} empty={t('nothingHere')} version={version} />
      {editing !== undefined && <Editor role={editing === 'new' ? undefined : editing} all={all} close={done} />}
      {deleting !== undefined && <Confirm title={t('deleteName', { name: deleting.name })} act={t('delete')} danger name={deleting.name} run={() => api.delete(`/roles/${deleting.id}`)} close={done}>{t('deleteRoleSays')}</Confirm>}
    </>
  );
}

function Rules() {
  const { may } = useSession();
  const { cas } = useScope();
  const loaded = useLoad(() => api.get<Schema['AccessSettings']>('/access'), 'access');
  const roles = useLoad(() => api.get<List<Role>>('/roles'), 'roles-names');
  const names = (roles.value?.items ?? []).map((one) => [one.id, roleName(one.id, one.name)] as const);
  const fields: Field[] = [
    { path: 'sessionHours', kind: 'number' }, { path: 'idleMinutes', kind: 'number' }, { path: 'secondFactorRoles', kind: 'some', of: names },
    { path: 'registration.open', kind: 'yes', group: t('registration') }, { path: 'registration.approval', kind: 'yes', group: t('registration') }, { path: 'registration.role', kind: 'one', of: names, group: t('registration') },
    { path: 'certificateLogin.cas', kind: 'some', of: (cas.value ?? []).map((one) => [one.id, one.name] as const), group: t('certificateLogin') },
    { path: 'certificateLogin.match', kind: 'one', of: [['email', t('email')], ['commonName', 'Common Name'], ['upn', 'UPN']], group: t('certificateLogin') },
  ];
  return (
    <>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value !== undefined && <SettingsForm name="access" document={loaded.value} fields={fields} fixed={!may('users:manage')} save={(document) => api.put('/access', asStored(document)).then(loaded.reload)} />}
    </>
  );
}

export default function Roles() {
  return (
    <Page title={t('rolesAndRules')}>
      <Panes label={t('rolesAndRules')} panes={[{ key: 'roles', title: t('roles'), body: () => <RoleList /> }, { key: 'rules', title: t('logInRules'), body: () => <Rules /> }]} />
    </Page>
  );
}
