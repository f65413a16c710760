import { Alert, Button, Card, CardBody, CardTitle, Content, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm, Dropdown, DropdownItem, DropdownList, FileUpload, Form, FormGroup, Label, MenuToggle, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { asProblem, useLoad } from '../parts/load';
import { AuthorityLink } from '../parts/names';
import { CodeText, Copy, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { said, t } from '../texts';
import { AuthoritySettings, Chains, DeleteAuthority, Rename, Renewal, TrustStore } from './AuthorityMore';
import { AuthorityNext } from './AuthorityNext';

type Ca = Schema['Ca'];

export const Row = ({ term, children }: { term: string; children: ReactNode }) => (
  <DescriptionListGroup>
    <DescriptionListTerm>{term}</DescriptionListTerm>
    <DescriptionListDescription>{children}</DescriptionListDescription>
  </DescriptionListGroup>
);

function ImportDialog({ ca, close }: { ca: Ca; close: (done: boolean) => void }) {
  const [text, setText] = useState('');
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const submit = () =>
    api.post(`/cas/${ca.id}/certificate`, { certificate: text }).then(() => close(true), (reason: unknown) => setProblem(asProblem(reason)));
  return (
    <Modal isOpen variant="medium" onClose={() => close(false)} aria-labelledby="import-title">
      <ModalHeader title={t('importCertificate')} labelId="import-title" />
      <ModalBody>
        <Form>
          <ProblemAlert problem={problem} />
          <FormGroup label={t('certificatePem')} fieldId="import">
            <FileUpload id="import" type="text" value={text} filename={name} allowEditingUploadedText
              onFileInputChange={(_, file) => setName(file.name)} onDataChange={(_, value) => setText(value)} onTextChange={(_, value) => setText(value)}
              onClearClick={() => { setText(''); setName(''); }} browseButtonText={t('browse')} clearButtonText={t('clear')} />
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button onClick={() => void submit()} isDisabled={text.trim() === ''}>{t('import')}</Button>
        <Button variant="link" onClick={() => close(false)}>{t('cancel')}</Button>
      </ModalFooter>
    </Modal>
  );
}

/** An OCSP responder says in its own words that an empty request (RFC 6960 A.1) is none; that it says so is what is looked for. */
const EMPTY_OCSP = '/MAA%3D';

function TestLink({ url, ocsp }: { url: string; ocsp: boolean }) {
  const [answer, setAnswer] = useState<{ ok: boolean; says: string }>();
  const test = () => {
    const { pathname } = new URL(url, location.origin);
    fetch(`${pathname}${ocsp ? EMPTY_OCSP : ''}`, { method: 'GET', cache: 'no-store' }).then((r) => {
      const ok = ocsp ? r.headers.get('content-type') === 'application/ocsp-response' : r.ok;
      setAnswer({ ok, says: ok ? t('works') : `HTTP ${r.status}` });
    }, () => setAnswer({ ok: false, says: t('unreachable') }));
  };
  return (
    <div className="gh-actions gh-tried">
      <Button variant="secondary" size="sm" onClick={test}>{t('test')}</Button>
      <span role="status">{answer !== undefined && <Label isCompact color={answer.ok ? 'green' : 'red'}>{answer.says}</Label>}</span>
    </div>
  );
}

function Urls({ ca }: { ca: Ca }) {
  const urls = useLoad(() => api.get<Schema['CaUrls']>(`/cas/${ca.id}/urls`), `urls-${ca.id}`);
  if (urls.value === undefined) return <ProblemAlert problem={urls.problem} retry={urls.reload} />;
  const rows: [string, string[]][] = [['CRL', urls.value.crl], ['AIA', urls.value.caIssuers], ['OCSP', urls.value.ocsp], ['TSA', [`${location.origin}/tsa/${ca.id}`]]];
  return (
    <DescriptionList>
      {rows.map(([name, list]) => (
        <Row key={name} term={name}>
          {list.length === 0 ? '–' : list.map((url) => <div key={url}><Copy text={url} label={`${name} URL`} /><TestLink url={url} ocsp={name === 'OCSP'} /></div>)}
        </Row>
      ))}
    </DescriptionList>
  );
}

function TemplatesOf({ ca }: { ca: Ca }) {
  const templates = useLoad(() => api.get<List<Schema['Template']>>(`/cas/${ca.id}/templates`, { limit: 500 }), `templates-${ca.id}`);
  return (
    <Card>
      <CardTitle component="h2">{t('templates')}</CardTitle>
      <CardBody>
        <ProblemAlert problem={templates.problem} retry={templates.reload} />
        <Content component="ul">
          {(templates.value?.items ?? []).map((one) => <Content component="li" key={one.id}><Link to={`/templates/${one.id}`}>{one.name}</Link></Content>)}
        </Content>
        {templates.value?.items[0] !== undefined && <Copy label={t('example')} text={`curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/pkcs10" --data-binary @request.csr ${location.origin}/api/v1/templates/${templates.value.items[0].id}/requests`} />}
      </CardBody>
    </Card>
  );
}

function Facts({ ca }: { ca: Ca }) {
  return (
    <DescriptionList isHorizontal>
      <Row term={t('state')}><StateLabel state={ca.state} /></Row>
      <Row term={t('subject')}>{ca.subject}</Row>
      <Row term={t('issuer')}>{ca.issuer === null ? ca.certificate?.issuer ?? '–' : <AuthorityLink of={ca.issuer} />}</Row>
      <Row term={t('key')}>{ca.keyType}</Row>
      <Row term={t('validity')}><When at={ca.notBefore} dateOnly /> – <When at={ca.notAfter} dateOnly /></Row>
      {ca.certificate != null && <Row term={t('serial')}><code>{ca.certificate.serial}</code></Row>}
      {ca.certificate != null && <Row term={t('fingerprint')}><code>{ca.certificate.fingerprintSha256}</code></Row>}
      <Row term={t('organisation')}>{ca.organisation}</Row>
    </DescriptionList>
  );
}

type Dialog = 'import' | 'delete' | 'switch' | 'renew' | 'rekey' | 'rename' | 'trust';

/** The less frequent acts, under one button. */
function More({ ca, choose }: { ca: Ca; choose: (dialog: Dialog) => void }) {
  const { may } = useSession();
  const [open, setOpen] = useState(false);
  const manage = may('cas:manage');
  const able = ca.certificate != null && ca.state !== 'certificate-only';
  const items: [Dialog, string, boolean][] = [
    ['renew', t('renew'), manage && able], ['rekey', t('rekey'), manage && able], ['rename', t('rename'), manage],
    ['trust', t('trustStore'), ca.certificate != null], ['switch', ca.state === 'disabled' ? t('enable') : t('disable'), manage && ca.state !== 'waiting'],
    ['delete', t('delete'), manage],
  ];
  const shown = items.filter(([, , on]) => on);
  if (shown.length === 0) return null;
  return (
    <Dropdown shouldFocusFirstItemOnOpen isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right' }}
      toggle={(ref) => <MenuToggle ref={ref} onClick={() => setOpen(!open)} isExpanded={open}>{t('acts')}</MenuToggle>}>
      <DropdownList>{shown.map(([key, text]) => <DropdownItem key={key} isDanger={key === 'delete'} onClick={() => choose(key)}>{text}</DropdownItem>)}</DropdownList>
    </Dropdown>
  );
}

export default function Authority() {
  const { ca: slug = '' } = useParams();
  const { may } = useSession();
  const { cas } = useScope();
  const navigate = useNavigate();
  const loaded = useLoad(() => api.get<Ca>(`/cas/${slug}`), `ca-${slug}`);
  const [dialog, setDialog] = useState<Dialog>();
  const [parameters] = useSearchParams();
  const fresh = parameters.get('new') !== null;
  const ca = loaded.value;
  // There is one while the authority, or its renewal, waits for a certificate from elsewhere.
  const csr = useLoad(() => api.text(`/cas/${slug}/csr`).catch(() => ''), `csr-${slug}-${ca?.version ?? 0}`);
  const waits = csr.value !== undefined && csr.value !== '';
  const imports = waits || ca?.warnings.some((one) => one.type === 'chain-incomplete') === true;
  const changed = () => { loaded.reload(); cas.reload(); };
  const close = (done: boolean) => { setDialog(undefined); if (done) changed(); };
  if (ca === undefined) return <Page title={slug}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const enabled = ca.state !== 'disabled';
  const file = (text: string, href: string, name: string) => <Button component="a" variant="secondary" href={href} download={name}>{text}</Button>;
  const actions = (
    <>
      {ca.certificate != null && file(t('certificate'), api.href(`/cas/${slug}/certificate`, { format: 'pem' }), `${slug}.pem`)}
      {ca.certificate != null && file(t('chain'), api.href(`/cas/${slug}/certificate`, { format: 'chain' }), `${slug}-chain.pem`)}
      {waits && file('CSR', api.href(`/cas/${slug}/csr`), `${slug}.csr`)}
      {ca.certificate != null && file('CRL', `/crl/${slug}.crl`, `${slug}.crl`)}
      {may('cas:manage') && imports && <Button onClick={() => setDialog('import')}>{t('importCertificate')}</Button>}
      <More ca={ca} choose={setDialog} />
    </>
  );
  const overview = () => (
    <>
    {fresh && <AuthorityNext ca={ca} />}
    <div className="gh-two">
      <Card><CardTitle component="h2">{t('overview')}</CardTitle><CardBody><Facts ca={ca} /></CardBody></Card>
      {ca.certificate != null && <Card><CardTitle component="h2">{t('serviceUrls')}</CardTitle><CardBody><Urls ca={ca} /></CardBody></Card>}
      <TemplatesOf ca={ca} />
      {ca.certificate != null && <Card><CardTitle component="h2">PEM</CardTitle><CardBody><CodeText label="PEM" text={ca.certificate.pem} /></CardBody></Card>}
    </div>
    </>
  );
  return (
    <Page title={ca.name} actions={actions}>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {waits && ca.state !== 'waiting' && <Alert isInline variant="info" title={t('renewalWaits')} />}
      {ca.warnings.map((one) => <Alert key={one.type} isInline variant="warning" title={said('warnings', one.type) ?? one.text} />)}
      <Panes label={ca.name} panes={[
        { key: 'overview', title: t('overview'), body: overview },
        ...(ca.certificate != null ? [{ key: 'chains', title: t('certificatesAndChains'), body: () => <Chains ca={ca} changed={changed} /> }] : []),
        { key: 'settings', title: t('settings'), body: () => <AuthoritySettings ca={ca} changed={changed} /> },
      ]} />
      {dialog === 'import' && <ImportDialog ca={ca} close={close} />}
      {(dialog === 'renew' || dialog === 'rekey') && <Renewal ca={ca} rekey={dialog === 'rekey'} close={close} />}
      {dialog === 'rename' && <Rename ca={ca} close={close} />}
      {dialog === 'trust' && <TrustStore ca={ca} close={close} />}
      {dialog === 'switch' && (
        <Confirm title={enabled ? t('disable') : t('enable')} act={enabled ? t('disable') : t('enable')} close={close}
          run={() => api.patch(`/cas/${slug}`, { enabled: !enabled, version: ca.version })}>
          {enabled ? t('disableSays', { name: ca.name }) : t('enableSays', { name: ca.name })}
        </Confirm>
      )}
      {dialog === 'delete' && <DeleteAuthority ca={ca} close={(done) => { close(false); if (done) { cas.reload(); navigate('/cas'); } }} />}
    </Page>
  );
}
