import { Alert, Button, Card, CardBody, CardTitle, Checkbox, DescriptionList, Form, FormGroup, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { Link } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { Factors } from '../parts/Factors';
import { asProblem } from '../parts/load';
import { TemplateLink } from '../parts/names';
import { PasswordForm } from '../parts/PasswordForm';
import { Sessions } from '../parts/Sessions';
import { Copy, Page, ProblemAlert, StateLabel, When } from '../parts/small';
import { useScope } from '../frame/scope';
import { useSession } from '../session';
import { roleName, t } from '../texts';
import { Row } from './Authority';

type ApiToken = Schema['ApiToken'];

function NewToken({ made }: { made: () => void }) {
  const [label, setLabel] = useState('');
  const [days, setDays] = useState('90');
  const [secret, setSecret] = useState('');
  const [roles, setRoles] = useState<string[]>([]);
  const [of, setOf] = useState<string[]>([]);
  const { session } = useSession();
  const { cas } = useScope();
  const mine = [...new Set((session?.roles ?? []).map((grant) => grant.role))];
  const tick = (list: string[], one: string, on: boolean) => (on ? [...list, one] : list.filter((other) => other !== one));
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const expiresAt = days === '' ? null : new Date(Date.now() + Number(days) * 86400000).toISOString().replace(/\.\d+Z/, 'Z');
      const token = await api.post<ApiToken>('/session/tokens', { label, expiresAt, ...(roles.length > 0 ? { roles } : {}), ...(of.length > 0 ? { cas: of } : {}) });
      setSecret(token.token ?? '');
      setLabel('');
      setProblem(undefined);
      made();
    } catch (reason) {
      setProblem(asProblem(reason));
    }
  };
  return (
    <Form isHorizontal onSubmit={(event) => void submit(event)}>
      <ProblemAlert problem={problem} />
      <FormGroup label={t('label')} fieldId="token-label"><TextInput id="token-label" value={label} onChange={(_, value) => setLabel(value)} /></FormGroup>
      <FormGroup label={t('expires')} fieldId="token-days">
        <FormSelect id="token-days" value={days} onChange={(_, value) => setDays(value)}>
          {['7', '30', '90', '365'].map((one) => <FormSelectOption key={one} value={one} label={t('inDays', { days: one })} />)}
          <FormSelectOption value="" label={t('never')} />
        </FormSelect>
      </FormGroup>
      {mine.length > 1 && <FormGroup label={t('onlyRoles')} role="group" fieldId="token-roles">{mine.map((one) => <Checkbox key={one} id={`token-role-${one}`} label={one} isChecked={roles.includes(one)} onChange={(_, on) => setRoles(tick(roles, one, on))} />)}</FormGroup>}
      {(cas.value ?? []).length > 0 && <FormGroup label={t('onlyAuthorities')} role="group" fieldId="token-cas">{(cas.value ?? []).map((one) => <Checkbox key={one.id} id={`token-ca-${one.id}`} label={one.name} isChecked={of.includes(one.id)} onChange={(_, on) => setOf(tick(of, one.id, on))} />)}</FormGroup>}
      <div><Button type="submit" isDisabled={label.trim() === ''}>{t('newApiToken')}</Button></div>
      {secret !== '' && <><Alert isInline variant="info" title={t('shownOnce')} /><Copy label={t('apiTokens')} text={secret} /></>}
    </Form>
  );
}

type Request = Schema['Request'];
const ownColumns: Column<Request>[] = [
  { id: 'subject', title: t('subject'), text: (r) => r.subject, cell: (r) => <Link to={`/requests/${r.id}`}>{r.subject || r.sans[0] || r.id}</Link> },
  { id: 'state', title: t('state'), text: (r) => r.state, cell: (r) => <StateLabel state={r.state} /> },
  { id: 'template', title: t('template'), text: (r) => r.template, cell: (r) => <TemplateLink of={r.template} /> },
  { id: 'created', title: t('askedAt'), sort: 'createdAt', text: (r) => r.createdAt, cell: (r) => <When at={r.createdAt} /> },
];

export default function Account() {
  const { session, may } = useSession();
  const [version, setVersion] = useState(0);
  const [revoking, setRevoking] = useState<ApiToken>();
  const [changed, setChanged] = useState(0);
  const columns: Column<ApiToken>[] = [
    { id: 'label', title: t('label'), text: (k) => k.label, cell: (k) => k.label },
    { id: 'state', title: t('state'), text: (k) => String(k.revoked), cell: (k) => <StateLabel state={k.revoked ? 'revoked' : 'active'} /> },
    { id: 'limits', title: t('limitedTo'), text: (k) => [...(k.limits?.roles ?? []), ...(k.limits?.cas ?? [])].join(' '), cell: (k) => [...(k.limits?.roles ?? []), ...(k.limits?.cas ?? [])].join(', ') || '–' },
    { id: 'created', title: t('createdAt'), text: (k) => k.createdAt, cell: (k) => <When at={k.createdAt} /> },
    { id: 'expires', title: t('expires'), text: (k) => k.expiresAt ?? '', cell: (k) => (k.expiresAt === null ? t('never') : <When at={k.expiresAt} />) },
    { id: 'used', title: t('lastUsed'), text: (k) => k.lastUsedAt ?? '', cell: (k) => <When at={k.lastUsedAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (k) => !k.revoked && <Button size="sm" variant="link" onClick={() => setRevoking(k)}>{t('end')}</Button> },
  ];
  return (
    <Page title={t('account')}>
      <div className="gh-two">
        <Card>
          <CardTitle component="h2">{session?.user.username}</CardTitle>
          <CardBody><DescriptionList><Row term={t('roles')}>{session?.roles.map((grant) => `${roleName(grant.role)}${grant.object === null ? '' : ` (${grant.object})`}`).join(', ') || '–'}</Row></DescriptionList></CardBody>
        </Card>
        <Card>
          <CardTitle component="h2">{t('changePassword')}</CardTitle>
          <CardBody>{changed > 0 && <Alert isInline variant="success" title={t('passwordChanged')} />}<PasswordForm key={changed} done={() => setChanged(changed + 1)} /></CardBody>
        </Card>
      </div>
      <Card><CardTitle component="h2">{t('secondFactors')}</CardTitle><CardBody className="gh-stack"><p>{t('secondFactorsSay')}</p><Factors /></CardBody></Card>
      <Card>
        <CardTitle component="h2">{t('apiTokens')}</CardTitle>
        <CardBody className="gh-stack">
          <NewToken made={() => setVersion(version + 1)} />
          <DataList paged={false} name="api-tokens" label={t('apiTokens')} path="/session/tokens" columns={columns} id={(k) => k.id} empty={t('noApiToken')} version={version} />
        </CardBody>
      </Card>
      {may('requests:read') && (
        <Card>
          <CardTitle component="h2">{t('ownRequests')}</CardTitle>
          <CardBody><DataList name="own-requests" label={t('ownRequests')} path="/requests" query={{ mine: 'true' }} columns={ownColumns} id={(r) => r.id} empty={t('noOwnRequest')} /></CardBody>
        </Card>
      )}
      <Card><CardTitle component="h2">{t('sessions')}</CardTitle><CardBody className="gh-stack"><Sessions path="/session/sessions" own /></CardBody></Card>
      {revoking !== undefined && (
        <Confirm title={t('endToken', { label: revoking.label })} act={t('end')} run={() => api.delete(`/session/tokens/${revoking.id}`)} close={(done) => { setRevoking(undefined); if (done) setVersion(version + 1); }}>{t('endTokenSays')}</Confirm>
      )}
    </Page>
  );
}
