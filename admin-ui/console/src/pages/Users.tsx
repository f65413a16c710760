import { Alert, Button, Form, FormGroup, FormSelect, FormSelectOption, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { asProblem, useLoad } from '../parts/load';
import { Copy, Page, ProblemAlert, StateLabel, When } from '../parts/small';
import { useScope } from '../frame/scope';
import { useSession } from '../session';
import { roleName, t } from '../texts';

type User = Schema['User'];
const builtIn = ['administrator', 'officer', 'requester', 'auditor'];

function OneTime({ password, close }: { password: string; close: () => void }) {
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="one-time">
      <ModalHeader title={t('oneTimePassword')} labelId="one-time" />
      <ModalBody><Alert isInline variant="info" title={t('shownOnce')} /><Copy label={t('oneTimePassword')} text={password} /></ModalBody>
      <ModalFooter><Button onClick={close}>{t('close')}</Button></ModalFooter>
    </Modal>
  );
}

function NewUser({ close, made }: { close: () => void; made: (password: string) => void }) {
  const [username, setUsername] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [email, setEmail] = useState('');
  const [role, setRole] = useState('requester');
  const [problem, setProblem] = useState<Problem>();
  const { organisation } = useScope();
  const known = useLoad(() => api.get<List<Schema['Role']>>('/roles'), 'roles');
  const roles = known.value?.items.map((one) => one.id) ?? builtIn;
  const submit = () =>
    api.post<User>('/users', { username, displayName, email, ...(organisation === '' ? { roles: [{ role, scope: 'instance', object: null }] } : { organisation, roles: [{ role, scope: 'organisation', object: organisation }] }) }).then(
      (user) => made(user.oneTimePassword ?? ''), (reason: unknown) => setProblem(asProblem(reason)));
  return (
    <Modal isOpen variant="medium" onClose={close} aria-labelledby="new-user">
      <ModalHeader title={t('newUser')} labelId="new-user" />
      <ModalBody>
        <Form>
          <ProblemAlert problem={problem} />
          <FormGroup label={t('username')} fieldId="u-name" isRequired><TextInput id="u-name" value={username} onChange={(_, value) => setUsername(value)} /></FormGroup>
          <FormGroup label={t('displayName')} fieldId="u-display"><TextInput id="u-display" value={displayName} onChange={(_, value) => setDisplayName(value)} /></FormGroup>
          <FormGroup label={t('email')} fieldId="u-mail"><TextInput id="u-mail" type="email" value={email} onChange={(_, value) => setEmail(value)} /></FormGroup>
          <FormGroup label={t('role')} fieldId="u-role"><FormSelect id="u-role" value={role} onChange={(_, value) => setRole(value)}>{roles.map((one) => <FormSelectOption key={one} value={one} label={roleName(one)} />)}</FormSelect></FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter><Button isDisabled={username.trim() === ''} onClick={() => void submit()}>{t('create')}</Button><Button variant="link" onClick={close}>{t('cancel')}</Button></ModalFooter>
    </Modal>
  );
}

/** Who has registered and waits; hidden while there is nobody. */
function Waits({ version, admit }: { version: number; admit: (user: User) => void }) {
  const { may } = useSession();
  const all = useLoad(() => api.all<User>('/users'), `users-waiting-${version}`, 30000);
  const waiting = (all.value ?? []).filter((user) => user.state === 'pending');
  if (waiting.length === 0) return null;
  return (
    <Alert isInline variant="info" title={waiting.length === 1 ? t('waitingUser') : t('waitingUsers', { count: waiting.length })}>
      <ul className="gh-plain">
        {waiting.slice(0, 20).map((user) => (
          <li key={user.id}><Link to={`/users/${user.id}`}>{user.displayName || user.username}</Link> {user.email} · <When at={user.createdAt} />{' '}
            {may('users:manage') && <Button size="sm" variant="secondary" aria-label={`${t('admit')}: ${user.username}`} onClick={() => admit(user)}>{t('admit')}</Button>}</li>
        ))}
      </ul>
    </Alert>
  );
}

export default function Users() {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [password, setPassword] = useState('');
  const [act, setAct] = useState<{ user: User; what: 'reset' | 'suspend' | 'resume' | 'admit' }>();
  const [version, setVersion] = useState(0);
  const manage = may('users:manage');
  const columns: Column<User>[] = [
    { id: 'username', title: t('username'), text: (u) => u.username, cell: (u) => <Link to={`/users/${u.id}`}>{u.username}</Link> },
    { id: 'name', title: t('displayName'), text: (u) => u.displayName, cell: (u) => u.displayName || '–' },
    { id: 'email', title: t('email'), text: (u) => u.email, cell: (u) => u.email || '–' },
    { id: 'organisation', title: t('organisation'), text: (u) => u.organisation ?? '', cell: (u) => u.organisation, hidden: true },
    { id: 'state', title: t('state'), text: (u) => u.state, cell: (u) => <StateLabel state={u.state} /> },
    { id: 'login', title: t('lastLogin'), text: (u) => u.lastLoginAt ?? '', cell: (u) => <When at={u.lastLoginAt} /> },
    ...(manage ? [{
      id: 'acts', title: t('acts'), text: () => '',
      cell: (u: User) => (
        <>
          <Button size="sm" variant="link" onClick={() => setAct({ user: u, what: 'reset' })}>{t('resetPassword')}</Button>
          <Button size="sm" variant="link" onClick={() => setAct({ user: u, what: u.state === 'active' ? 'suspend' : u.state === 'pending' ? 'admit' : 'resume' })}>{u.state === 'active' ? t('suspend') : u.state === 'pending' ? t('admit') : t('resume')}</Button>
        </>
      ),
    }] : []),
  ];
  const run = async () => {
    if (act === undefined) return;
    if (act.what === 'reset') setPassword((await api.post<Schema['UserReset']>(`/users/${act.user.id}/reset`)).oneTimePassword);
    else await api.patch(`/users/${act.user.id}`, { state: act.what === 'suspend' ? 'suspended' : 'active' });
  };
  return (
    <Page title={t('users')} actions={manage && <Button onClick={() => setMaking(true)}>{t('newUser')}</Button>}>
      <Waits version={version} admit={(user) => setAct({ user, what: 'admit' })} />
      <DataList name="users" label={t('users')} path="/users" columns={columns} id={(u) => u.id} empty={t('nothingHere')} version={version} />
      {making && <NewUser close={() => setMaking(false)} made={(text) => { setMaking(false); setPassword(text); setVersion(version + 1); }} />}
      {password !== '' && <OneTime password={password} close={() => setPassword('')} />}
      {act !== undefined && (
        <Confirm title={`${t(act.what === 'reset' ? 'resetPassword' : act.what)}: ${act.user.username}`} act={t(act.what === 'reset' ? 'resetPassword' : act.what)} run={run} close={(done) => { setAct(undefined); if (done) setVersion(version + 1); }}>
          {t(act.what === 'reset' ? 'resetSays' : act.what === 'suspend' ? 'suspendSays' : 'resumeSays')}
        </Confirm>
      )}
    </Page>
  );
}
