import { Button, Card, CardBody, CardTitle, DescriptionList, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useParams } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { useLoad } from '../parts/load';
import { CodeText, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';
import { Row } from './Authority';

type Request = Schema['Request'];

function Sign({ request, close }: { request: Request; close: (done: boolean) => void }) {
  const [days, setDays] = useState('');
  const [subject, setSubject] = useState('');
  const [sans, setSans] = useState('');
  const overrides = () => ({
    ...(days === '' ? {} : { validityDays: Number(days) }),
    ...(subject.trim() === '' ? {} : { subject: subject.trim() }),
    ...(sans.trim() === '' ? {} : { sans: sans.split(/[\n,]+/).map((one) => one.trim()).filter((one) => one !== '') }),
  });
  return (
    <Confirm title={t('sign')} act={t('sign')} close={close} run={() => api.post(`/requests/${request.id}/sign`, overrides())}>
      <p>{t('signSays', { subject: request.subject || (request.sans[0] ?? '') })}</p>
      <FormGroup label={t('overrideSubject')} fieldId="o-subject"><TextInput id="o-subject" value={subject} placeholder={request.subject} onChange={(_, value) => setSubject(value)} /></FormGroup>
      <FormGroup label={t('overrideSans')} fieldId="o-sans"><TextArea id="o-sans" value={sans} placeholder={request.sans.join('\n')} onChange={(_, value) => setSans(value)} /></FormGroup>
      <FormGroup label={t('overrideDays')} fieldId="o-days"><TextInput id="o-days" type="number" min={1} value={days} onChange={(_, value) => setDays(value)} /></FormGroup>
    </Confirm>
  );
}

function Close({ request, act, close }: { request: Request; act: 'decline' | 'cancel'; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('');
  return (
    <Confirm title={t(act === 'cancel' ? 'cancelRequest' : 'decline')} act={t(act === 'cancel' ? 'cancelRequest' : 'decline')} close={close} run={() => api.post(`/requests/${request.id}/${act}`, { reason })}>
      <FormGroup label={t('reason')} fieldId="close-reason"><TextInput id="close-reason" value={reason} onChange={(_, value) => setReason(value)} /></FormGroup>
    </Confirm>
  );
}

export default function RequestPage() {
  const { id = '' } = useParams();
  const { may, session } = useSession();
  const loaded = useLoad(() => api.get<Request>(`/requests/${id}`), `request-${id}`);
  const csr = loaded.value?.csr ?? '';
  const decoded = useLoad(async () => (csr === '' ? undefined : await api.post<Schema['Inspection']>('/inspect', { data: csr })), `csr-${id}-${csr.length}`);
  const [dialog, setDialog] = useState<'sign' | 'decline' | 'cancel'>();
  const request = loaded.value;
  const close = (done: boolean) => { setDialog(undefined); if (done) loaded.reload(); };
  if (request === undefined) return <Page title={id}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const open = request.state === 'pending' || request.state === 'approved';
  const own = session?.user.username === request.requester;
  const actions = open && (
    <>
      {may('requests:decide') && <Button onClick={() => setDialog('sign')}>{t('sign')}</Button>}
      {may('requests:decide') && <Button variant="secondary" onClick={() => setDialog('decline')}>{t('decline')}</Button>}
      {(own || may('requests:decide')) && <Button variant="link" onClick={() => setDialog('cancel')}>{t('cancelRequest')}</Button>}
    </>
  );
  return (
    <Page title={request.subject || (request.sans[0] ?? id)} actions={actions}>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      <div className="gh-two">
        <Card>
          <CardTitle component="h2">{t('request')}</CardTitle>
          <CardBody>
            <DescriptionList isHorizontal>
              <Row term={t('state')}><StateLabel state={request.state} /> {request.reason}</Row>
              {request.certificateId !== null && <Row term={t('certificate')}><Link to={`/certificates/${request.certificateId}`}>{t('show')}</Link></Row>}
              <Row term={t('subject')}>{request.subject || '–'}</Row>
              <Row term={t('sans')}>{request.sans.length === 0 ? '–' : request.sans.map((san) => <div key={san}>{san}</div>)}</Row>
              <Row term={t('key')}>{request.keyType}</Row>
              <Row term={t('template')}><Link to={`/templates/${request.template}`}>{request.template}</Link>, {t('version', { version: request.templateVersion })}</Row>
              <Row term={t('door')}>{request.door}</Row>
              <Row term={t('requester')}>{request.requester ?? '–'}</Row>
              <Row term={t('askedAt')}><When at={request.createdAt} /></Row>
              <Row term={t('changedAt')}><When at={request.changedAt} /></Row>
              <Row term={t('events')}><Link to={`/events?object=${id}`}>{t('history')}</Link></Row>
            </DescriptionList>
          </CardBody>
        </Card>
        <Card>
          <CardTitle component="h2">CSR</CardTitle>
          <CardBody>
            {decoded.value?.items[0] !== undefined && <CodeText label="CSR" text={decoded.value.items[0].text} />}
            {csr !== '' && <CodeText label="PEM" text={csr} />}
          </CardBody>
        </Card>
      </div>
      {dialog === 'sign' && <Sign request={request} close={close} />}
      {(dialog === 'decline' || dialog === 'cancel') && <Close request={request} act={dialog} close={close} />}
    </Page>
  );
}
