import { Button, Card, CardBody, CardTitle, Checkbox, DescriptionList, FormGroup, FormSelect, FormSelectOption, Label, LabelGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { api, type Page as List, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { AuthorityLink, happened, TemplateLink } from '../parts/names';
import { CodeText, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';
import { Row } from './Authority';
import { FieldInputs } from './CertificateFields';

type Certificate = Schema['Certificate'];
const reasons = ['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn', 'certificateHold'] as const;
const formats: [string, string][] = [['pem', 'pem'], ['der', 'crt'], ['chain', 'chain.pem'], ['p7b', 'p7b'], ['text', 'txt']];

const reasonText = (reason: string): string => (reasons.some((one) => one === reason) ? t(`reason-${reason as (typeof reasons)[number]}`) : reason);

function Revoke({ certificate, close }: { certificate: Certificate; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('unspecified');
  return (
    <Confirm title={t('revoke')} act={t('revoke')} danger name={reason === 'certificateHold' ? undefined : certificate.commonName ?? certificate.serial} close={close}
      run={() => api.post(`/certificates/${certificate.id}/revoke`, { reason })}>
      <p>{reason === 'certificateHold' ? t('holdSays') : t('revokeSays')}</p>
      <FormGroup label={t('reason')} fieldId="reason">
        <FormSelect id="reason" value={reason} onChange={(_, value) => setReason(value)}>{reasons.map((one) => <FormSelectOption key={one} value={one} label={t(`reason-${one}`)} />)}</FormSelect>
      </FormGroup>
    </Confirm>
  );
}

/** With a CSR for another key, or again for the same one. */
function Renew({ certificate, close }: { certificate: Certificate; close: (request?: string) => void }) {
  const [csr, setCsr] = useState('');
  const [keepEnd, setKeepEnd] = useState(false);
  const [issue, setIssue] = useState(true);
  return (
    <FormDialog title={t('renewOrReissue')} act={t('renew')} ready close={() => close()}
      run={() => api.post<Schema['Request']>(`/certificates/${certificate.id}/renew`, { ...(csr.trim() === '' ? {} : { csr }), keepEnd, issue }).then((request) => close(request.certificate?.id === undefined ? `/requests/${request.id}` : `/certificates/${request.certificate.id}`))}>
      <p>{t('renewSays')}</p>
      <FormGroup label={t('csrForNewKey')} fieldId="renew-csr"><TextArea id="renew-csr" rows={7} className="gh-mono" value={csr} onChange={(_, value) => setCsr(value)} /></FormGroup>
      <Checkbox id="keep-end" label={t('keepEnd')} isChecked={keepEnd} onChange={(_, on) => setKeepEnd(on)} />
      <Checkbox id="renew-issue" label={t('signAtOnce')} isChecked={issue} onChange={(_, on) => setIssue(on)} />
    </FormDialog>
  );
}

function Edit({ certificate, close }: { certificate: Certificate; close: (done: boolean) => void }) {
  const [owner, setOwner] = useState(certificate.owner ?? '');
  const [tags, setTags] = useState(certificate.tags.join(' '));
  const own = useLoad(() => api.get<Schema['CertificateFields']>('/certificate-fields'), 'certificate-fields');
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(Object.entries(certificate.fields ?? {}).map(([name, value]) => [name, String(value)])));
  const fields = own.value?.fields ?? [];
  // Of the fields there are, and only what is filled in.
  const filled = Object.fromEntries(fields.map((one): [string, unknown] => [one.name, one.type === 'number' ? Number(values[one.name]) : values[one.name]]).filter(([name]) => (values[String(name)] ?? '') !== ''));
  return (
    <FormDialog title={t('ownerAndTags')} act={t('save')} ready close={close}
      run={() => api.patch(`/certificates/${certificate.id}`, { owner, tags: tags.split(/[\s,]+/).filter((one) => one !== ''), ...(fields.length === 0 ? {} : { fields: filled }), revision: certificate.revision })}>
      <FormGroup label={t('owner')} fieldId="owner"><TextInput id="owner" value={owner} onChange={(_, value) => setOwner(value)} /></FormGroup>
      <FormGroup label={t('tags')} fieldId="tags"><TextInput id="tags" value={tags} onChange={(_, value) => setTags(value)} /></FormGroup>
      <FieldInputs fields={fields} values={values} set={setValues} />
    </FormDialog>
  );
}

/** The way up to the root as a picture. */
function ChainPicture({ certificate }: { certificate: Certificate }) {
  const cas = useScope().cas.value ?? [];
  const way: Schema['Ca'][] = [];
  for (let at = cas.find((one) => one.id === certificate.ca); at !== undefined && !way.includes(at); at = cas.find((one) => one.id === at?.issuer)) way.unshift(at);
  return (
    <ol className="gh-chain" aria-label={t('chain')}>
      {way.map((one) => <li key={one.id}><Link to={`/cas/${one.id}`}>{one.name}</Link> <span className="gh-small">{one.keyType}</span> <StateLabel state={one.state} /></li>)}
      <li aria-current="true"><strong>{certificate.commonName ?? (certificate.subject || certificate.serial)}</strong> <span className="gh-small">{certificate.keyType}</span> <StateLabel state={certificate.state} /></li>
    </ol>
  );
}

/** What the linter says about it, and what has happened to it. */
function Checks({ certificate }: { certificate: Certificate }) {
  const { may } = useSession();
  // With its issuers: some findings need them.
  const looked = useLoad(async () => api.post<Schema['Inspection']>('/inspect', { data: await api.text(`/certificates/${certificate.id}`, { format: 'chain' }) }), `lint-${certificate.id}`);
  const history = useLoad(async () => (may('events:read') ? (await api.get<List<Schema['Event']>>('/events', { object: certificate.id, limit: 20 })).items : []), `history-${certificate.id}-${certificate.state}-${certificate.revision}`);
  const findings = looked.value?.items[0]?.findings ?? [];
  const colour = { error: 'red', warning: 'orange', info: 'blue' } as const;
  return (
    <>
      <Card>
        <CardTitle component="h2">{t('findings')}</CardTitle>
        <CardBody>
          <ProblemAlert problem={looked.problem} />
          {looked.value !== undefined && findings.length === 0 && t('noFinding')}
          <ul className="gh-plain">{findings.map((one) => <li key={one.message}><Label isCompact color={colour[one.level]}>{one.level}</Label> {one.message}</li>)}</ul>
        </CardBody>
      </Card>
      {may('events:read') && (
        <Card>
          <CardTitle component="h2">{t('history')}</CardTitle>
          <CardBody>
            <ProblemAlert problem={history.problem} />
            <ul className="gh-plain" aria-label={t('history')}>{(history.value ?? []).map((one) => <li key={one.id}><When at={one.at} /> <strong title={one.code}>{happened(one.code)}</strong> {(one.actor as { name?: string }).name}</li>)}</ul>
            <Link to={`/events?object=${certificate.id}`}>{t('events')}</Link>
          </CardBody>
        </Card>
      )}
    </>
  );
}

export default function CertificatePage() {
  const { id = '' } = useParams();
  const { may } = useSession();
  const navigate = useNavigate();
  const loaded = useLoad(() => api.get<Certificate>(`/certificates/${id}`), `certificate-${id}`);
  const text = useLoad(() => api.text(`/certificates/${id}`, { format: 'text' }), `certificate-text-${id}`);
  const [dialog, setDialog] = useState<'revoke' | 'unhold' | 'renew' | 'edit' | 'archive'>();
  const certificate = loaded.value;
  const close = (done: boolean) => { setDialog(undefined); if (done) loaded.reload(); };
  if (certificate === undefined) return <Page title={id}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const title = certificate.commonName ?? (certificate.subject || certificate.serial);
  const actions = (
    <>
      {formats.map(([format, suffix]) => <Button key={format} component="a" variant="secondary" size="sm" href={api.href(`/certificates/${id}`, { format })} download={`${certificate.serial}.${suffix}`}>{format === 'chain' ? t('chain') : format === 'text' ? t('text') : format.toUpperCase()}</Button>)}
      {may('certificates:edit') && <Button variant="secondary" onClick={() => setDialog('edit')}>{t('ownerAndTags')}</Button>}
      {may('certificates:edit') && <Button variant="secondary" onClick={() => setDialog('archive')}>{certificate.archivedAt === null ? t('archive') : t('unarchive')}</Button>}
      {may('requests:create') && certificate.template !== null && certificate.state !== 'revoked' && <Button variant="secondary" onClick={() => setDialog('renew')}>{t('renew')}</Button>}
      {may('certificates:revoke') && certificate.state === 'held' && <Button variant="secondary" onClick={() => setDialog('unhold')}>{t('release')}</Button>}
      {may('certificates:revoke') && (certificate.state === 'valid' || certificate.state === 'held') && <Button variant="danger" onClick={() => setDialog('revoke')}>{t('revoke')}</Button>}
    </>
  );
  return (
    <Page title={title} actions={actions}>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      <div className="gh-two">
        <Card>
          <CardTitle component="h2">{t('overview')}</CardTitle>
          <CardBody>
            <DescriptionList isHorizontal>
              <Row term={t('state')}>
                <StateLabel state={certificate.state} /> {certificate.revocation !== null && <>{reasonText(certificate.revocation.reason)}, <When at={certificate.revocation.revokedAt} /></>}
              </Row>
              <Row term={t('subject')}>{certificate.subject || '–'}</Row>
              <Row term={t('sans')}>{certificate.sans.length === 0 ? '–' : certificate.sans.map((san) => <div key={san}>{san}</div>)}</Row>
              <Row term={t('authority')}><AuthorityLink of={certificate.ca} /></Row>
              <Row term={t('template')}>{certificate.template === null ? certificate.use.toUpperCase() : <TemplateLink of={certificate.template} />}</Row>
              <Row term={t('validity')}><When at={certificate.notBefore} /> – <When at={certificate.notAfter} /></Row>
              <Row term={t('key')}>{certificate.keyType}</Row>
              <Row term={t('serial')}><code>{certificate.serial}</code></Row>
              <Row term={t('fingerprint')}><code>{certificate.fingerprintSha256}</code></Row>
              <Row term={t('requester')}>{certificate.requester ?? '–'}</Row>
              <Row term={t('owner')}>{certificate.owner ?? '–'}</Row>
              <Row term={t('tags')}>{certificate.tags.length === 0 ? '–' : <LabelGroup aria-label={t('tags')}>{certificate.tags.map((one) => <Label key={one} isCompact>{one}</Label>)}</LabelGroup>}</Row>
              {Object.entries(certificate.fields ?? {}).map(([name, value]) => <Row key={name} term={name}>{String(value)}</Row>)}
              {certificate.archivedAt !== null && <Row term={t('archived')}><When at={certificate.archivedAt} /></Row>}
              {certificate.predecessor != null && <Row term={t('predecessor')}><Link to={`/certificates/${certificate.predecessor}`}>{t('show')}</Link></Row>}
              {(certificate.successors ?? []).length > 0 && <Row term={t('successors')}>{certificate.successors?.map((one) => <div key={one}><Link to={`/certificates/${one}`}>{t('show')}</Link></div>)}</Row>}
              {certificate.request !== null && <Row term={t('request')}><Link to={`/requests/${certificate.request}`}>{t('show')}</Link></Row>}
            </DescriptionList>
          </CardBody>
        </Card>
        <Card><CardTitle component="h2">{t('chain')}</CardTitle><CardBody><ChainPicture certificate={certificate} /></CardBody></Card>
        <Checks certificate={certificate} />
        <Card className="gh-across"><CardTitle component="h2">{t('text')}</CardTitle><CardBody><ProblemAlert problem={text.problem} />{text.value !== undefined && <CodeText label={t('text')} text={text.value} />}</CardBody></Card>
      </div>
      {dialog === 'revoke' && <Revoke certificate={certificate} close={close} />}
      {dialog === 'edit' && <Edit certificate={certificate} close={close} />}
      {dialog === 'renew' && <Renew certificate={certificate} close={(to) => { close(false); if (to !== undefined) navigate(to); }} />}
      {dialog === 'archive' && (
        <Confirm title={certificate.archivedAt === null ? t('archive') : t('unarchive')} act={certificate.archivedAt === null ? t('archive') : t('unarchive')} close={close}
          run={() => api.patch(`/certificates/${id}`, { archived: certificate.archivedAt === null, revision: certificate.revision })}>{certificate.archivedAt === null ? t('archiveSays') : t('unarchiveSays')}</Confirm>
      )}
      {dialog === 'unhold' && <Confirm title={t('release')} act={t('release')} close={close} run={() => api.post(`/certificates/${id}/unhold`)}>{t('releaseSays')}</Confirm>}
    </Page>
  );
}
