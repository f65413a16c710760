import { Button, Card, CardBody, CardTitle, DescriptionList, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useParams } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { FormDialog, Once } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { TemplateLink } from '../parts/names';
import { CodeText, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';
import { fieldName } from '../texts/fields';
import { Row } from './Authority';
import { FourEyes, History, Move, Sign } from './RequestActs';

type Request = Schema['Request'];

/** For a request without a CSR: the link under which the key is made. `again`: a new one, the old one is void. */
function ClaimLink({ request, again, close }: { request: Request; again: boolean; close: (done: boolean) => void }) {
  const [email, setEmail] = useState('');
  const [days, setDays] = useState('7');
  const [made, setMade] = useState<Schema['LinkedRequest']>();
  if (made?.claim != null) return <Once title={t('claimLink')} secrets={[[t('claimLink'), made.claim.url]]} close={() => close(true)} />;
  return (
    <FormDialog title={again ? t('newLink') : t('approve')} act={again ? t('newLink') : t('approve')} ready close={close} stays
      run={() => api.post<Schema['LinkedRequest']>(`/requests/${request.id}/${again ? 'resend' : 'approve'}`, { claimDays: Number(days), ...(email.trim() === '' ? {} : { email: email.trim() }) }).then((answer) => { setMade(answer); if (answer.claim === null) close(true); })}>
      <p>{again ? t('newLinkSays') : t('approveSays')}</p>
      <FormGroup label={t('inviteMail')} fieldId="link-mail"><TextInput id="link-mail" type="email" value={email} onChange={(_, value) => setEmail(value)} /></FormGroup>
      <FormGroup label={t('linkDays')} fieldId="link-days"><TextInput id="link-days" type="number" min={1} max={90} value={days} onChange={(_, value) => setDays(value)} /></FormGroup>
    </FormDialog>
  );
}

function Comments({ request, added }: { request: Request; added: () => void }) {
  const loaded = useLoad(() => api.get<Schema['CommentList']>(`/requests/${request.id}/comments`), `comments-${request.id}`, 30000);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const add = () => api.post(`/requests/${request.id}/comments`, { text }).then(() => { setText(''); setProblem(undefined); loaded.reload(); added(); }, (reason: unknown) => setProblem(asProblem(reason)));
  return (
    <Card>
      <CardTitle component="h2">{t('comments')}</CardTitle>
      <CardBody className="gh-stack">
        <ProblemAlert problem={problem ?? loaded.problem} />
        {(loaded.value?.items ?? []).map((one) => <div key={one.id}><strong>{one.author}</strong> <small><When at={one.createdAt} /></small><div>{one.text}</div></div>)}
        <FormGroup label={t('comment')} fieldId="comment"><TextArea id="comment" value={text} onChange={(_, value) => setText(value)} /></FormGroup>
        <div><Button variant="secondary" isDisabled={text.trim() === ''} onClick={() => void add()}>{t('addComment')}</Button></div>
      </CardBody>
    </Card>
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
  const [dialog, setDialog] = useState<'sign' | 'decline' | 'cancel' | 'approve' | 'resend' | 'move'>();
  const [comments, setComments] = useState(0);
  const request = loaded.value;
  const close = (done: boolean) => { setDialog(undefined); if (done) loaded.reload(); };
  if (request === undefined) return <Page title={id}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const bare = csr === '';
  const open = request.state === 'pending' || request.state === 'approved' || request.state === 'awaiting-csr';
  const own = session?.user.username === request.requester;
  const actions = open && (
    <>
      {may('requests:decide') && !bare && <Button onClick={() => setDialog('sign')}>{t('sign')}</Button>}
      {may('requests:decide') && bare && request.state !== 'awaiting-csr' && <Button onClick={() => setDialog('approve')}>{t('approve')}</Button>}
      {may('requests:decide') && request.state === 'awaiting-csr' && <Button onClick={() => setDialog('resend')}>{t('newLink')}</Button>}
      {may('requests:decide') && request.state !== 'awaiting-csr' && <Button variant="secondary" onClick={() => setDialog('decline')}>{t('decline')}</Button>}
      {may('requests:decide') && request.state !== 'awaiting-csr' && <Button variant="secondary" onClick={() => setDialog('move')}>{t('move')}</Button>}
      {(own || may('requests:decide')) && <Button variant="link" onClick={() => setDialog('cancel')}>{t('cancelRequest')}</Button>}
    </>
  );
  return (
    <Page title={request.subject || (request.sans[0] ?? id)} actions={actions}>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      <FourEyes request={request} me={session?.user.id ?? ''} />
      <div className="gh-two">
        <Card>
          <CardTitle component="h2">{t('request')}</CardTitle>
          <CardBody>
            <DescriptionList isHorizontal>
              <Row term={t('state')}><StateLabel state={request.state} /> {request.reason}</Row>
              {request.certificateId !== null && <Row term={t('certificate')}><Link to={`/certificates/${request.certificateId}`}>{t('show')}</Link></Row>}
              <Row term={t('subject')}>{request.subject || '–'}</Row>
              <Row term={t('sans')}>{request.sans.length === 0 ? '–' : request.sans.map((san) => <div key={san}>{san}</div>)}</Row>
              <Row term={t('key')}>{request.keyType || '–'}</Row>
              <Row term={t('template')}><TemplateLink of={request.template} />, {t('version', { version: request.templateVersion })}</Row>
              <Row term={t('door')}>{fieldName('doors', request.door)}</Row>
              <Row term={t('requester')}>{request.requester ?? '–'}</Row>
              <Row term={t('askedAt')}><When at={request.createdAt} /></Row>
              <Row term={t('changedAt')}><When at={request.changedAt} /></Row>
              {(request.notes ?? []).length > 0 && <Row term={t('leftOut')}>{request.notes?.map((one) => <div key={one}>{one}</div>)}</Row>}
            </DescriptionList>
          </CardBody>
        </Card>
        {!bare && <Card>
          <CardTitle component="h2">CSR</CardTitle>
          <CardBody>
            {decoded.value?.items[0] !== undefined && <CodeText label="CSR" text={decoded.value.items[0].text} />}
            <CodeText label="PEM" text={csr} />
          </CardBody>
        </Card>}
        <Comments request={request} added={() => setComments(comments + 1)} />
        {may('events:read') && <Card><CardTitle component="h2">{t('history')}</CardTitle><CardBody><History key={`${request.changedAt}-${comments}`} object={id} /></CardBody></Card>}
      </div>
      {(dialog === 'approve' || dialog === 'resend') && <ClaimLink request={request} again={dialog === 'resend'} close={close} />}
      {dialog === 'sign' && <Sign request={request} close={close} />}
      {dialog === 'move' && <Move request={request} close={close} />}
      {(dialog === 'decline' || dialog === 'cancel') && <Close request={request} act={dialog} close={close} />}
    </Page>
  );
}
