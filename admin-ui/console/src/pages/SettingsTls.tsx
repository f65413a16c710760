import { Alert, Button, Card, CardBody, CardTitle, DescriptionList, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, saveFile, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { FormDialog, Shown } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { MaterialField, nothing } from '../parts/Material';
import { Pick } from '../parts/pick';
import { DocumentFields, SettingsForm, type Field, type Json } from '../parts/SettingsForm';
import { ProblemAlert, Waiting, When } from '../parts/small';
import { Test } from '../parts/Trial';
import { useSession } from '../session';
import { t } from '../texts';
import { fieldName } from '../texts/fields';
import { Row } from './Authority';

type Tls = Schema['Tls'];
type Source = Tls['settings']['source'];
const sources: readonly Source[] = ['self-signed', 'authority', 'acme', 'given'];

/** What the source that is chosen needs; the rest of the document is left as it is, and not sent. */
function fieldsOf(source: Source, cas: readonly Schema['Ca'][]): Field[] {
  switch (source) {
    case 'authority':
      return [{ path: 'ca', kind: 'one', of: [['', t('choose')], ...cas.map((one) => [one.id, one.name] as const)] }, { path: 'days', kind: 'number' }];
    case 'acme':
      return [{ path: 'acme.directory', kind: 'text' }, { path: 'acme.contact', kind: 'text' }, { path: 'acme.ca', kind: 'area' }, { path: 'acme.eab.kid', kind: 'text' }, { path: 'acme.eab.key', kind: 'secret' }];
    default:
      return [];
  }
}

const keyTypes = ['P-256', 'P-384', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');

function asked(now: Json): Json {
  const source = now['source'] as Source;
  const wish = { source, names: now['names'], keyType: now['keyType'] };
  if (source === 'authority') return { ...wish, ca: now['ca'], days: now['days'] };
  if (source !== 'acme') return wish;
  const { eab, ...acme } = (now['acme'] ?? {}) as Json;
  const { kid, key } = (eab ?? {}) as Json;
  const contact = text(acme['contact']);
  return { ...wish, acme: {
    ...acme, directory: text(acme['directory']), contact: contact === '' || contact.startsWith('mailto:') ? contact : `mailto:${contact}`,
    ...(text(kid) === '' ? {} : { eab: { kid: text(kid), ...(text(key) === '' ? {} : { key: text(key) }) } }),
  } };
}

function Present({ of }: { of: Tls }) {
  const { certificate } = of;
  return (
    <Card>
      <CardTitle component="h2">{t('tlsNow')}</CardTitle>
      <CardBody className="gh-stack">
        {certificate.warning && <Alert isInline variant="warning" title={t('tlsEnds')} />}
        {certificate.missingNames.length > 0 && <Alert isInline variant="warning" title={t('tlsMissing', { names: certificate.missingNames.join(', ') })} />}
        <DescriptionList isHorizontal isCompact>
          <Row term={t('subject')}>{certificate.subject === '' ? '–' : certificate.subject}</Row>
          <Row term={t('sans')}>{certificate.names.join(', ')}</Row>
          <Row term={t('issuer')}>{certificate.issuer}</Row>
          <Row term={t('validFrom')}><When at={certificate.notBefore} /></Row>
          <Row term={t('validUntil')}><When at={certificate.notAfter} /></Row>
          <Row term={t('keyType')}>{certificate.keyType}</Row>
          <Row term={t('serial')}><code>{certificate.serial}</code></Row>
          <Row term={t('fingerprint')}><code className="gh-names">{certificate.sha256}</code></Row>
        </DescriptionList>
        <div><Button variant="secondary" onClick={() => saveFile(new Blob([certificate.pem, ...certificate.chain], { type: 'application/x-pem-file' }), 'gatehouse-tls.pem')}>{t('download')}</Button></div>
      </CardBody>
    </Card>
  );
}

/** Signed elsewhere: the names, and the CSR for them. */
function NewCsr({ of, close, made }: { of: Tls; close: () => void; made: (csr: string) => void }) {
  const [names, setNames] = useState((of.settings.names?.length ? of.settings.names : of.certificate.names.map((one) => one.replace(/^(DNS|IP):/, ''))).join('\n'));
  const [keyType, setKeyType] = useState(of.settings.keyType ?? 'P-256');
  const lines = names.split(/[\s,]+/).filter((one) => one !== '');
  return (
    <FormDialog title={t('makeCsr')} act={t('makeCsr')} ready={lines.length > 0} close={close} stays run={() => api.post<Schema['TlsCsr']>('/tls/csr', { names: lines, keyType }).then((answer) => made(answer.csr))}>
      <p>{t('tlsCsrSays')}</p>
      <FormGroup label={fieldName('tls', 'names')} fieldId="tls-csr-names" isRequired><TextArea id="tls-csr-names" rows={4} value={names} onChange={(_, value) => setNames(value)} /></FormGroup>
      <Pick id="tls-csr-key" label={t('keyType')} value={keyType} set={(next) => setKeyType(next as typeof keyType)} choices={keyTypes.map((one) => [one, one] as const)} />
    </FormDialog>
  );
}

function Import({ close }: { close: (done: boolean) => void }) {
  const [certificate, setCertificate] = useState(nothing);
  const [key, setKey] = useState(nothing);
  const [password, setPassword] = useState('');
  const body = { ...(certificate.text === '' ? {} : { certificate: certificate.text }), ...(key.text === '' ? {} : { privateKey: key.text }), ...(password === '' ? {} : { password }) };
  return (
    <FormDialog title={t('tlsImport')} act={t('import')} ready={certificate.text !== '' || key.text !== ''} close={close} run={() => api.post('/tls/certificate', body)}>
      <p>{t('tlsImportSays')}</p>
      <MaterialField id="tls-certificate" label={t('certificatePem')} value={certificate} set={setCertificate} />
      <MaterialField id="tls-key" label={t('tlsKey')} value={key} set={setKey} help={t('tlsKeySays')} />
      <FormGroup label={t('filePassword')} fieldId="tls-password"><TextInput id="tls-password" type="password" autoComplete="off" value={password} onChange={(_, value) => setPassword(value)} /></FormGroup>
    </FormDialog>
  );
}

/** The instance's own certificate: what is served now, where the next one comes from, and the acts on it. */
export function TlsCertificate() {
  const { may } = useSession();
  const { cas } = useScope();
  const loaded = useLoad(() => api.get<Tls>('/tls'), 'tls');
  const [csr, setCsr] = useState('');
  const [asking, setAsking] = useState(false);
  const [importing, setImporting] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  if (loaded.value === undefined) return loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />;
  const { settings } = loaded.value;
  const fixed = !may('settings:manage');
  const act = (work: Promise<unknown>) => {
    setBusy(true);
    work.then(() => setProblem(undefined), (reason: unknown) => setProblem(asProblem(reason))).finally(() => setBusy(false));
  };
  const form: Field[] = [
    { path: 'source', kind: 'one', of: sources.map((one) => [one, t(`tls-${one}`)] as const) },
    { path: 'names', kind: 'lines' }, { path: 'keyType', kind: 'one', of: keyTypes },
  ];
  return (
    <>
      <Present of={loaded.value} />
      {!fixed && (
        <div className="gh-actions">
          {settings.source !== 'given' && <Button variant="secondary" isLoading={busy} isDisabled={busy} onClick={() => act(api.post('/tls/renew').then(loaded.reload))}>{t('renewNow')}</Button>}
          <Button variant="secondary" onClick={() => setAsking(true)}>{t('makeCsr')}</Button>
          <Button variant="secondary" onClick={() => setImporting(true)}>{t('import')}</Button>
        </div>
      )}
      <ProblemAlert problem={problem} />
      <h2>{t('tlsNext')}</h2>
      <p>{t('tlsNextSays')}</p>
      <SettingsForm name="tls" document={settings} fields={form} fixed={fixed} save={(document) => api.put('/tls', asked(document)).then(loaded.reload)}
        also={(now, set) => {
          const source = now['source'] as Source;
          const directory = text((now['acme'] as Json | undefined)?.['directory']);
          return (
            <>
              <DocumentFields key={source} name="tls" fields={fieldsOf(source, cas.value ?? [])} document={now} set={set} fixed={fixed} />
              {source === 'acme' && <Test label={t('testAcme')} looks={() => (directory === '' ? [] : [{ kind: 'acme', targets: [directory] }])} />}
            </>
          );
        }} />
      {asking && <NewCsr of={loaded.value} close={() => setAsking(false)} made={(made) => { setAsking(false); setCsr(made); }} />}
      {csr !== '' && <Shown title="CSR" text={csr} name="gatehouse-tls.csr" close={() => setCsr('')} />}
      {importing && <Import close={(done) => { setImporting(false); if (done) loaded.reload(); }} />}
    </>
  );
}
