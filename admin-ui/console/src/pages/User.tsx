import { Alert, Button, Card, CardBody, CardTitle, DescriptionList } from '@patternfly/react-core';
import { useState } from 'react';
import { useParams } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { MaterialField, nothing, type Material } from '../parts/Material';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { Sessions } from '../parts/Sessions';
import { Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { roleName, t } from '../texts';
import { Row } from './Authority';

type User = Schema['User'];
type Grant = Schema['Grant'];
type ApiToken = Schema['ApiToken'];

function Grants({ user, changed }: { user: User; changed: () => void }) {
  const { cas, organisations } = useScope();
  const several = (organisations.value?.length ?? 0) > 1 ? organisations.value ?? [] : [];
  const nameOf = (id: string) => cas.value?.find((one) => one.id === id)?.name ?? organisations.value?.find((one) => one.id === id)?.name ?? id;
  const roles = useLoad(() => api.get<List<Schema['Role']>>('/roles'), 'roles');
  const [role, setRole] = useState('requester');
  const [where, setWhere] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const grants = user.roles ?? [];
  const put = (next: Grant[]) => api.patch(`/users/${user.id}`, { roles: next }).then(() => { setProblem(undefined); changed(); }, (reason: unknown) => setProblem(asProblem(reason)));
  return (
    <>
      <ProblemAlert problem={problem ?? roles.problem} />
      <ul className="gh-plain">
        {grants.map((grant, index) => (
          <li key={`${grant.role}-${grant.object ?? ''}`}>
            {roleName(grant.role)}{grant.object === null ? '' : ` (${nameOf(grant.object)})`}
            <Button size="sm" variant="link" aria-label={`${t('remove')}: ${grant.role}`} onClick={() => void put(grants.filter((_, i) => i !== index))}>{t('remove')}</Button>
          </li>
        ))}
      </ul>
      <div className="gh-two">
        <Pick id="grant-role" label={t('role')} value={role} set={setRole} choices={(roles.value?.items ?? []).map((one) => [one.id, roleName(one.id, one.name)] as const)} />
        <Pick id="grant-where" label={t('where')} value={where} set={setWhere} choices={[['', t('everywhere')], ...several.map((one) => [`organisation/${one.id}`, `${t('organisation')}: ${one.name}`] as const), ...(cas.value ?? []).map((one) => [`ca/${one.id}`, one.name] as const)]} />
      </div>
      <Button variant="secondary" onClick={() => void put([...grants, { role, scope: where === '' ? 'instance' : where.startsWith('ca/') ? 'ca' : 'organisation', object: where === '' ? null : where.slice(where.indexOf('/') + 1) }])}>{t('addRole')}</Button>
    </>
  );
}

const tokenColumns: Column<ApiToken>[] = [
  { id: 'label', title: t('label'), text: (k) => k.label, cell: (k) => k.label },
  { id: 'state', title: t('state'), text: (k) => String(k.revoked), cell: (k) => <StateLabel state={k.revoked ? 'revoked' : 'active'} /> },
  { id: 'limits', title: t('limitedTo'), text: (k) => (k.limits?.roles ?? []).join(' '), cell: (k) => [...(k.limits?.roles ?? []), ...(k.limits?.cas ?? [])].join(', ') || '–' },
  { id: 'expires', title: t('expires'), text: (k) => k.expiresAt ?? '', cell: (k) => (k.expiresAt === null ? t('never') : <When at={k.expiresAt} />) },
  { id: 'used', title: t('lastUsed'), text: (k) => k.lastUsedAt ?? '', cell: (k) => <When at={k.lastUsedAt} /> },
];

type Certificate = Schema['UserCertificate'];

/** Certificates that log this user in by themselves. */
function UserCertificates({ user, manage }: { user: string; manage: boolean }) {
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Certificate>();
  const [text, setText] = useState<Material>(nothing);
  const [version, setVersion] = useState(0);
  const done = (ok: boolean) => { setAdding(false); setRemoving(undefined); if (ok) { setText(nothing); setVersion(version + 1); } };
  const columns: Column<Certificate>[] = [
    { id: 'label', title: t('label'), text: (c) => c.label, cell: (c) => c.label },
    { id: 'subject', title: t('subject'), text: (c) => c.subject, cell: (c) => c.subject },
    { id: 'until', title: t('validUntil'), text: (c) => c.notAfter, cell: (c) => <When at={c.notAfter} dateOnly /> },
    { id: 'fingerprint', title: t('fingerprint'), text: (c) => c.id, cell: (c) => <code className="gh-small">{c.id}</code>, hidden: true },
    { id: 'created', title: t('createdAt'), text: (c) => c.createdAt, cell: (c) => <When at={c.createdAt} /> },
    ...(manage ? [{ id: 'acts', title: t('acts'), text: () => '', cell: (c: Certificate) => <Button size="sm" variant="link" isDanger onClick={() => setRemoving(c)}>{t('remove')}</Button> }] : []),
  ];
  return (
    <>
      <p>{t('certificatesOfUserSay')}</p>
      {manage && <div><Button variant="secondary" onClick={() => setAdding(true)}>{t('addCertificate')}</Button></div>}
      <DataList paged={false} name="user-certificates" label={t('certificatesOfUser')} path={`/users/${user}/certificates`} columns={columns} id={(c) => c.id} empty={t('noUserCertificate')} version={version} />
      {adding && (
        <FormDialog title={t('addCertificate')} act={t('addCertificate')} ready={text.text.trim() !== ''} close={done} run={() => api.post(`/users/${user}/certificates`, { certificate: text.text })}>
          <MaterialField id="user-certificate" label={t('certificatePem')} value={text} set={setText} isRequired />
        </FormDialog>
      )}
      {removing !== undefined && <Confirm title={`${t('remove')}: ${removing.label}`} act={t('remove')} danger run={() => api.delete(`/users/${user}/certificates/${removing.id}`)} close={done}>{t('removeCertificateSays')}</Confirm>}
    </>
  );
}

export default function UserPage() {
  const { id = '' } = useParams();
  const { may } = useSession();
  const loaded = useLoad(() => api.get<User>(`/users/${id}`), `user-${id}`);
  const [act, setAct] = useState<'active' | 'suspended' | 'change' | 'factors'>();
  const user = loaded.value;
  if (user === undefined) return <Page title={id}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const manage = may('users:manage');
  const words = { active: user.state === 'pending' ? t('admit') : t('resume'), suspended: t('suspend'), change: t('demandChange'), factors: t('removeFactors') };
  const says = { active: t('resumeSays'), suspended: t('suspendSays'), change: t('demandChangeSays'), factors: t('removeFactorsSays') };
  const actions = manage && (
    <>
      <Button variant="secondary" onClick={() => setAct('change')}>{words.change}</Button>
      <Button variant="secondary" onClick={() => setAct('factors')}>{words.factors}</Button>
      {user.state !== 'active' && <Button onClick={() => setAct('active')}>{words.active}</Button>}
      {user.state === 'active' && <Button variant="danger" onClick={() => setAct('suspended')}>{words.suspended}</Button>}
    </>
  );
  return (
    <Page title={user.displayName || user.username} actions={actions}>
      {user.state === 'pending' && <Alert isInline variant="info" title={t('pendingSays')} />}
      <div className="gh-two">
        <Card>
          <CardTitle component="h2">{t('overview')}</CardTitle>
          <CardBody>
            <DescriptionList isHorizontal>
              <Row term={t('state')}><StateLabel state={user.state} /></Row>
              <Row term={t('username')}>{user.username}</Row>
              <Row term={t('email')}>{user.email || '–'}</Row>
              <Row term={t('organisation')}>{user.organisation}</Row>
              <Row term={t('createdAt')}><When at={user.createdAt} /></Row>
              <Row term={t('lastLogin')}><When at={user.lastLoginAt} /></Row>
            </DescriptionList>
          </CardBody>
        </Card>
        <Card><CardTitle component="h2">{t('roles')}</CardTitle><CardBody className="gh-stack">{manage ? <Grants user={user} changed={loaded.reload} /> : (user.roles ?? []).map((one) => one.role).join(', ')}</CardBody></Card>
      </div>
      <Panes label={user.username} panes={[
        { key: 'sessions', title: t('sessions'), body: () => <Sessions path={`/users/${id}/sessions`} own={false} /> },
        { key: 'certificates', title: t('certificatesOfUser'), body: () => <UserCertificates user={id} manage={manage} /> },
        { key: 'tokens', title: t('apiTokens'), body: () => <DataList paged={false} name="user-tokens" label={t('apiTokens')} path={`/users/${id}/tokens`} columns={tokenColumns} id={(k) => k.id} empty={t('noApiToken')} /> },
      ]} />
      {act !== undefined && (
        <Confirm title={`${words[act]}: ${user.username}`} act={words[act]} close={(done) => { setAct(undefined); if (done) loaded.reload(); }}
          run={() => (act === 'factors' ? api.delete(`/users/${id}/factors`) : api.patch(`/users/${id}`, act === 'change' ? { mustChangePassword: true } : { state: act }))}>{says[act]}</Confirm>
      )}
    </Page>
  );
}
