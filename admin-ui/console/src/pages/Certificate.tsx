import { Button, Card, CardBody, CardTitle, DescriptionList, FormGroup, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useParams } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { useLoad } from '../parts/load';
import { CodeText, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';
import { Row } from './Authority';

type Certificate = Schema['Certificate'];
const reasons = ['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn', 'certificateHold'];
const formats: [string, string][] = [['pem', 'pem'], ['der', 'crt'], ['chain', 'chain.pem'], ['p7b', 'p7b'], ['text', 'txt']];

function Revoke({ certificate, close }: { certificate: Certificate; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('unspecified');
  return (
    <Confirm title={t('revoke')} act={t('revoke')} danger name={reason === 'certificateHold' ? undefined : certificate.commonName ?? certificate.serial} close={close}
      run={() => api.post(`/certificates/${certificate.id}/revoke`, { reason })}>
      <p>{reason === 'certificateHold' ? t('holdSays') : t('revokeSays')}</p>
      <FormGroup label={t('reason')} fieldId="reason">
        <FormSelect id="reason" value={reason} onChange={(_, value) => setReason(value)}>{reasons.map((one) => <FormSelectOption key={one} value={one} label={one} />)}</FormSelect>
      </FormGroup>
    </Confirm>
  );
}

export default function CertificatePage() {
  const { id = '' } = useParams();
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Certificate>(`/certificates/${id}`), `certificate-${id}`);
  const text = useLoad(() => api.text(`/certificates/${id}`, { format: 'text' }), `certificate-text-${id}`);
  const [dialog, setDialog] = useState<'revoke' | 'unhold'>();
  const certificate = loaded.value;
  const close = (done: boolean) => { setDialog(undefined); if (done) loaded.reload(); };
  if (certificate === undefined) return <Page title={id}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const title = certificate.commonName ?? (certificate.subject || certificate.serial);
  const actions = (
    <>
      {formats.map(([format, suffix]) => <Button key={format} component="a" variant="secondary" size="sm" href={api.href(`/certificates/${id}`, { format })} download={`${certificate.serial}.${suffix}`}>{format.toUpperCase()}</Button>)}
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
                <StateLabel state={certificate.state} /> {certificate.revocation !== null && <>{certificate.revocation.reason}, <When at={certificate.revocation.revokedAt} /></>}
              </Row>
              <Row term={t('subject')}>{certificate.subject || '–'}</Row>
              <Row term={t('sans')}>{certificate.sans.length === 0 ? '–' : certificate.sans.map((san) => <div key={san}>{san}</div>)}</Row>
              <Row term={t('authority')}>{certificate.ca === null ? '–' : <Link to={`/cas/${certificate.ca}`}>{certificate.ca}</Link>}</Row>
              <Row term={t('template')}>{certificate.template === null ? certificate.use : <Link to={`/templates/${certificate.template}`}>{certificate.template}</Link>}</Row>
              <Row term={t('validity')}><When at={certificate.notBefore} /> – <When at={certificate.notAfter} /></Row>
              <Row term={t('key')}>{certificate.keyType}</Row>
              <Row term={t('serial')}><code>{certificate.serial}</code></Row>
              <Row term={t('fingerprint')}><code>{certificate.fingerprintSha256}</code></Row>
              <Row term={t('requester')}>{certificate.requester ?? '–'}</Row>
              {certificate.request !== null && <Row term={t('request')}><Link to={`/requests/${certificate.request}`}>{certificate.request}</Link></Row>}
              <Row term={t('events')}><Link to={`/events?object=${certificate.id}`}>{t('history')}</Link></Row>
            </DescriptionList>
          </CardBody>
        </Card>
        <Card><CardTitle component="h2">{t('text')}</CardTitle><CardBody><ProblemAlert problem={text.problem} />{text.value !== undefined && <CodeText label={t('text')} text={text.value} />}</CardBody></Card>
      </div>
      {dialog === 'revoke' && <Revoke certificate={certificate} close={close} />}
      {dialog === 'unhold' && <Confirm title={t('release')} act={t('release')} close={close} run={() => api.post(`/certificates/${id}/unhold`)}>{t('releaseSays')}</Confirm>}
    </Page>
  );
}
