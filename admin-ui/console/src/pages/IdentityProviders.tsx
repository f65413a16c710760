import { Alert, Button, FormFieldGroup, FormFieldGroupHeader, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';
import { useMemo, useState } from 'react';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { asProblem, useLoad } from '../parts/load';
import { SettingsForm, type Field, type Json } from '../parts/SettingsForm';
import { Copy, Page, ProblemAlert, StateLabel, Waiting } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type Provider = Schema['IdentityProvider'];
type Role = Schema['IdentityRole'];
const PATH = '/identity-providers';
const kindName = (kind: string) => (kind === 'oidc' ? 'OpenID Connect' : 'LDAP');

const columns: Column<Provider>[] = [
  { id: 'name', title: t('name'), text: (p) => p.name, cell: (p) => <Link to={`${PATH}/${p.id}`}>{p.name}</Link> },
  { id: 'kind', title: t('kind'), text: (p) => p.kind, cell: (p) => kindName(p.kind) },
  { id: 'state', title: t('state'), text: (p) => String(p.enabled), cell: (p) => <StateLabel state={p.enabled ? 'active' : 'disabled'} /> },
  { id: 'where', title: t('address'), text: (p) => p.settings.issuer ?? p.settings.url ?? '', cell: (p) => <code>{p.settings.issuer ?? p.settings.url}</code> },
  { id: 'roles', title: t('groups'), text: (p) => String(p.settings.roles?.length ?? 0), cell: (p) => p.settings.roles?.length ?? 0 },
  { id: 'id', title: 'Id', text: (p) => p.id, cell: (p) => <code>{p.id}</code>, hidden: true },
];

export default function IdentityProviders() {
  const { may } = useSession();
  const navigate = useNavigate();
  return (
    <Page title={t('identityProviders')} actions={may('settings:manage') && (
      <>
        <Button onClick={() => navigate(`${PATH}/new?kind=ldap`)}>{t('newDirectory')}</Button>
        <Button variant="secondary" onClick={() => navigate(`${PATH}/new?kind=oidc`)}>{t('newOpenId')}</Button>
      </>
    )}>
      <p>{t('identityProvidersSay')}</p>
      <DataList paged={false} name="identity-providers" label={t('identityProviders')} path={PATH} columns={columns} id={(p) => p.id} empty={t('noIdentityProvider')} />
    </Page>
  );
}

function fieldsOf(kind: string, fresh: boolean): Field[] {
  const at = (group: string, kindOf: Field['kind'], ...names: string[]) => names.map((one): Field => ({ path: `settings.${one}`, kind: kindOf, group }));
  const head: Field[] = [...(fresh ? [{ path: 'id', kind: 'text' } as const] : []), { path: 'name', kind: 'text' }, { path: 'enabled', kind: 'yes' }];
  const secret: Field = { path: 'secret', kind: 'secret', group: t('connection') };
  if (kind === 'oidc')
    return [...head, ...at(t('connection'), 'text', 'issuer', 'clientId'), secret, ...at(t('connection'), 'area', 'ca'), ...at(t('connection'), 'yes', 'logout'),
      ...at(t('claims'), 'text', 'scope', 'usernameClaim', 'nameClaim', 'mailClaim', 'groupsClaim'), ...at(t('groups'), 'text', 'requiredGroup', 'organisation')];
  return [...head, ...at(t('connection'), 'text', 'url'), ...at(t('connection'), 'yes', 'startTls'), ...at(t('connection'), 'area', 'ca'), ...at(t('connection'), 'text', 'bindDn'), secret,
    ...at(t('people'), 'text', 'base', 'filter', 'usernameAttribute', 'subjectAttribute', 'nameAttribute', 'mailAttribute'),
    ...at(t('groups'), 'text', 'groupAttribute', 'groupBase', 'groupFilter', 'requiredGroup', 'organisation')];
}

/** Groups of the provider, and the roles that they are here. */
function RoleMap({ rows, set, fixed }: { rows: Role[]; set: (rows: Role[]) => void; fixed: boolean }) {
  const { cas } = useScope();
  const roles = useLoad(() => api.get<List<Schema['Role']>>('/roles'), 'roles');
  const organisations = useLoad(() => api.get<List<Schema['Organisation']>>('/organisations'), 'organisations');
  const change = (at: number, next: Partial<Role>) => set(rows.map((row, index) => (index === at ? { ...row, ...next } : row)));
  const objects = (scope: string): { id: string; name: string }[] => (scope === 'ca' ? cas.value ?? [] : scope === 'organisation' ? organisations.value?.items ?? [] : []);
  const select = (label: string, value: string, choices: readonly (readonly [string, string])[], onPick: (value: string) => void) => (
    <FormSelect aria-label={label} isDisabled={fixed} value={value} onChange={(_, next) => onPick(next)}>{choices.map(([one, shown]) => <FormSelectOption key={one} value={one} label={shown} />)}</FormSelect>
  );
  return (
    <FormFieldGroup header={<FormFieldGroupHeader titleText={{ text: t('roleMap'), id: 'role-map' }} titleDescription={t('roleMapSays')} actions={!fixed && (
      <Button variant="secondary" size="sm" onClick={() => set([...rows, { group: '', role: roles.value?.items[0]?.id ?? 'requester', scope: 'instance' }])}>{t('addRow')}</Button>
    )} />}>
      {rows.length > 0 && (
        <div className="gh-wide" tabIndex={0} role="group" aria-labelledby="role-map">
          <table className="gh-table">
            <thead><tr>{[t('group'), t('role'), t('scope'), t('ofWhat'), ''].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
            <tbody>{rows.map((row, index) => (
              // eslint-disable-next-line react/no-array-index-key -- rows have no other name
              <tr key={index}>
                <td><TextInput aria-label={`${t('group')} ${index + 1}`} isDisabled={fixed} value={row.group} onChange={(_, group) => change(index, { group })} /></td>
                <td>{select(`${t('role')} ${index + 1}`, row.role, [...new Set([...(roles.value?.items.map((one) => one.id) ?? []), row.role])].map((one) => [one, one] as const), (role) => change(index, { role }))}</td>
                <td>{select(`${t('scope')} ${index + 1}`, row.scope, (['instance', 'organisation', 'ca'] as const).map((one) => [one, t(`scope-${one}`)] as const), (scope) => change(index, { scope: scope as Role['scope'], object: objects(scope)[0]?.id }))}</td>
                <td>{row.scope === 'instance' ? '–' : select(`${t('ofWhat')} ${index + 1}`, row.object ?? '', objects(row.scope).map((one) => [one.id, one.name] as const), (object) => change(index, { object }))}</td>
                <td>{!fixed && <Button variant="link" size="sm" aria-label={t('removeRow', { number: index + 1 })} onClick={() => set(rows.filter((_, at) => at !== index))}>{t('remove')}</Button>}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </FormFieldGroup>
  );
}

/** What is empty is not sent: its default is in effect. */
function filled(settings: Json): Json {
  const kept = Object.entries(settings).filter(([, value]) => value !== '' && value !== undefined && value !== null);
  return Object.fromEntries(kept.map(([name, value]) => [name, name === 'roles' ? (value as Role[]).map(({ object, ...role }) => (role.scope === 'instance' ? role : { ...role, object })) : value]));
}

function Test({ provider }: { provider: Provider }) {
  const [answer, setAnswer] = useState<'none' | 'asked' | 'good'>('none');
  const [problem, setProblem] = useState<Problem>();
  const test = () => {
    setAnswer('asked');
    setProblem(undefined);
    api.post(`${PATH}/${provider.id}/test`).then(() => setAnswer('good'), (reason: unknown) => { setAnswer('none'); setProblem(asProblem(reason)); });
  };
  return (
    <>
      <div><Button variant="secondary" isLoading={answer === 'asked'} isDisabled={answer === 'asked'} onClick={test}>{t('test')}</Button> <small>{t('saveFirst')}</small></div>
      <ProblemAlert problem={problem} />
      {answer === 'good' && <Alert isInline variant="success" title={provider.kind === 'ldap' ? t('directoryAnswers') : t('openIdAnswers')} />}
    </>
  );
}

export function IdentityProviderPage() {
  const { id = '' } = useParams();
  const [parameters] = useSearchParams();
  const { may } = useSession();
  const navigate = useNavigate();
  const fresh = id === 'new';
  const [deleting, setDeleting] = useState(false);
  const loaded = useLoad(async () => (fresh ? undefined : (await api.get<List<Provider>>(PATH)).items.find((one) => one.id === id)), `provider-${id}`);
  const one = loaded.value;
  const kind = one?.kind ?? (parameters.get('kind') === 'oidc' ? 'oidc' : 'ldap');
  const document = useMemo(() => (one === undefined ? { id: '', name: '', enabled: true, settings: { roles: [] } } : { name: one.name, enabled: one.enabled, settings: { roles: [], ...one.settings } }), [one]);
  if (loaded.loading && one === undefined && !fresh) return <Page title={id}><Waiting /></Page>;
  const fixed = !may('settings:manage');
  const save = async (next: Json) => {
    const body = { ...next, kind, settings: filled(next['settings'] as Json) };
    if (fresh) navigate(`${PATH}/${(await api.post<Provider>(PATH, body)).id}`);
    else await api.put(`${PATH}/${id}`, { ...body, version: one?.version }).then(loaded.reload);
  };
  return (
    <Page title={fresh ? (kind === 'oidc' ? t('newOpenId') : t('newDirectory')) : one?.name ?? id} actions={!fixed && one !== undefined && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {one?.hasSecret === true && <Alert isInline isPlain variant="info" title={t('secretSet')} />}
      {one?.kind === 'oidc' && <div className="gh-form"><strong>{t('redirectUri')}</strong><Copy label={t('redirectUri')} text={`${location.origin}/console/login/${one.id}`} /></div>}
      {(fresh || one !== undefined) && (
        <SettingsForm name="idp" document={document} fields={fieldsOf(kind, fresh)} fixed={fixed} save={save} act={fresh ? t('create') : undefined}
          also={(now, set) => <RoleMap rows={((now['settings'] as Json)['roles'] ?? []) as Role[]} fixed={fixed} set={(roles) => set({ ...now, settings: { ...(now['settings'] as Json), roles } })} />} />
      )}
      {one !== undefined && !fixed && <Test provider={one} />}
      {deleting && one !== undefined && <Confirm title={t('deleteName', { name: one.name })} act={t('delete')} danger name={one.id} run={() => api.delete(`${PATH}/${one.id}`)} close={(done) => { setDeleting(false); if (done) navigate(PATH); }}>{t('removeProviderSays')}</Confirm>}
    </Page>
  );
}
