import { Alert, Button, Card, CardBody, CardTitle, FormGroup, Radio, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, saveFile, type Page as List, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { FormDialog } from '../parts/Dialog';
import { keyOf, keyTypes } from '../parts/keys';
import { useLoad } from '../parts/load';
import { FoundList, MaterialField, nothing, useFound, type Material } from '../parts/Material';
import { Pick } from '../parts/pick';
import { SettingsForm, type Field } from '../parts/SettingsForm';
import { ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { TestPublishing } from '../parts/Trial';
import { useSession } from '../session';
import { figure, t } from '../texts';

type Ca = Schema['Ca'];
type Chain = Schema['CaChain'];

/** A new certificate for the same key, or a new key with its certificate. */
export function Renewal({ ca, rekey, close }: { ca: Ca; rekey: boolean; close: (done: boolean) => void }) {
  const { cas } = useScope();
  const [signer, setSigner] = useState('');
  const [days, setDays] = useState('');
  const [key, setKey] = useState('');
  const [uri, setUri] = useState('pkcs11:');
  const others = (cas.value ?? []).filter((one) => one.id !== ca.id && one.state === 'active');
  const body = () => ({
    version: ca.version,
    ...(signer === '*' ? { csrOnly: true } : signer === '' ? {} : { issuer: signer }),
    ...(days === '' || signer === '*' ? {} : { validityDays: Number(days) }),
    ...(!rekey || key === '' ? {} : { key: key === 'uri' ? { uri } : keyOf(key) }),
  });
  return (
    <FormDialog title={`${rekey ? t('rekey') : t('renew')}: ${ca.name}`} act={rekey ? t('rekey') : t('renew')} ready={key !== 'uri' || uri.length > 7} close={close}
      run={() => api.post<Ca>(`/cas/${ca.id}/${rekey ? 'rekey' : 'renew'}`, body())}>
      <p>{rekey ? t('rekeySays') : t('renewCaSays')}</p>
      <Pick id="renew-signer" label={t('signedBy')} value={signer} set={setSigner} choices={[['', t('asBefore')], ...others.map((one) => [one.id, one.name] as const), ['*', t('csrOnly')]]} />
      {rekey && <Pick id="renew-key" label={t('key')} value={key} set={setKey} choices={[['', t('sameKeyType', { type: ca.keyType })], ...keyTypes.map((one) => [one, one] as const), ['uri', t('tokenKey')]]} />}
      {rekey && key === 'uri' && <FormGroup label={t('tokenUri')} fieldId="renew-uri" isRequired><TextInput id="renew-uri" value={uri} onChange={(_, value) => setUri(value)} /></FormGroup>}
      {signer !== '*' && <FormGroup label={t('validityDaysAsBefore')} fieldId="renew-days"><TextInput id="renew-days" type="number" min={1} value={days} onChange={(_, value) => setDays(value)} /></FormGroup>}
    </FormDialog>
  );
}

/** By another authority here, or by one elsewhere whose certificate for this key is at hand. */
function Cross({ ca, close }: { ca: Ca; close: (done: boolean) => void }) {
  const { cas } = useScope();
  const others = (cas.value ?? []).filter((one) => one.id !== ca.id && one.state === 'active');
  const [elsewhere, setElsewhere] = useState(others.length === 0);
  const [issuer, setIssuer] = useState(others[0]?.id ?? '');
  const [certificate, setCertificate] = useState<Material>(nothing);
  const seen = useFound(elsewhere ? [certificate.text] : []);
  return (
    <FormDialog title={t('crossSign')} act={t('crossSign')} ready={elsewhere ? certificate.text.trim() !== '' : issuer !== ''} close={close}
      run={() => api.post(`/cas/${ca.id}/chains`, elsewhere ? { certificate: certificate.text } : { issuer })}>
      <p>{t('crossSays', { name: ca.name })}</p>
      <FormGroup role="radiogroup" fieldId="cross-way" label={t('signedBy')} isInline>
        <Radio id="cross-here" name="cross" label={t('signedHere')} isDisabled={others.length === 0} isChecked={!elsewhere} onChange={() => setElsewhere(false)} />
        <Radio id="cross-elsewhere" name="cross" label={t('signedElsewhere')} isChecked={elsewhere} onChange={() => setElsewhere(true)} />
      </FormGroup>
      {!elsewhere && <Pick id="cross-issuer" label={t('issuer')} value={issuer} set={setIssuer} choices={others.map((one) => [one.id, one.name] as const)} />}
      {elsewhere && <MaterialField id="cross-certificate" label={t('crossPem')} value={certificate} set={setCertificate} isRequired />}
      {elsewhere && <FoundList found={seen.found} />}
    </FormDialog>
  );
}

/** What goes with the authority is said by the server, and what stands in the way is named, before the name is asked for. */
export function DeleteAuthority({ ca, close }: { ca: Ca; close: (done: boolean) => void }) {
  const { cas, choose } = useScope();
  const below = (cas.value ?? []).filter((one) => one.issuer === ca.id);
  const templates = useLoad(() => api.all<Schema['Template']>(`/cas/${ca.id}/templates`), `below-${ca.id}`);
  const counts = useLoad(async () => ({
    live: await api.get<Schema['Count']>('/certificates/count', { ca: ca.id, state: 'valid', use: 'end-entity' }),
    pending: await api.get<List<Schema['Request']>>(`/cas/${ca.id}/requests`, { state: 'pending', limit: 100 }),
  }), `below-counts-${ca.id}`);
  const some = (count: number, more: boolean) => `${figure(count)}${more ? '+' : ''}`;
  const blocked = below.length > 0 || (counts.value?.live.count ?? 0) > 0 || (counts.value?.pending.items.length ?? 0) > 0;
  return (
    <Confirm title={t('deleteName', { name: ca.name })} act={t('delete')} danger name={ca.name} run={() => api.delete(`/cas/${ca.id}`, { confirm: ca.name })} close={close}>
      {blocked && (
        <Alert isInline variant="danger" title={t('standsInTheWay')}>
          <ul>
            {below.map((one) => <li key={one.id}>{t('subordinate')}: <Link to={`/cas/${one.id}`}>{one.name}</Link></li>)}
            {(counts.value?.live.count ?? 0) > 0 && <li><Link to="/certificates?state=valid" onClick={() => choose(ca.id)}>{t('validCertificates', { count: some(counts.value?.live.count ?? 0, counts.value?.live.more ?? false) })}</Link></li>}
            {(counts.value?.pending.items.length ?? 0) > 0 && <li><Link to="/requests?state=pending" onClick={() => choose(ca.id)}>{t('openRequests', { count: some(counts.value?.pending.items.length ?? 0, counts.value?.pending.next != null) })}</Link></li>}
          </ul>
        </Alert>
      )}
      <p>{t('deleteCaSays')}</p>
      <ProblemAlert problem={templates.problem ?? counts.problem} />
      {(templates.value?.length ?? 0) > 0 && (
        <div>
          <strong>{t('templatesGoToo')}</strong>
          <ul className="gh-below">{templates.value?.map((one) => <li key={one.id}><Link to={`/templates/${one.id}`}>{one.name}</Link></li>)}</ul>
        </div>
      )}
    </Confirm>
  );
}

/** Every certificate of the authority's keys; which one is given out can be chosen. */
export function Chains({ ca, changed }: { ca: Ca; changed: () => void }) {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<List<Chain>>(`/cas/${ca.id}/chains`), `chains-${ca.id}-${ca.version}`);
  const [crossing, setCrossing] = useState(false);
  const [using, setUsing] = useState<Chain>();
  const done = (ok: boolean) => { setCrossing(false); setUsing(undefined); if (ok) { loaded.reload(); changed(); } };
  const manage = may('cas:manage');
  return (
    <Card>
      <CardTitle component="h2">{t('certificatesAndChains')}</CardTitle>
      <CardBody className="gh-stack">
        <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
        {manage && <div><Button variant="secondary" onClick={() => setCrossing(true)}>{t('crossSign')}</Button></div>}
        {loaded.value === undefined ? <Waiting /> : (
          <div className="gh-wide" tabIndex={0} role="group" aria-label={t('certificatesAndChains')}>
            <table className="gh-table gh-stacking">
              <thead><tr>{[t('kind'), t('issuer'), t('serial'), t('validity'), t('acts')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
              <tbody>{loaded.value.items.map((one) => (
                <tr key={one.serial}>
                  <td data-label={t('kind')}><StateLabel state={one.kind === 'current' ? 'active' : one.kind} /></td><td data-label={t('issuer')}>{one.issuer}</td><td data-label={t('serial')}><code className="gh-small">{one.serial}</code></td>
                  <td data-label={t('validity')}><When at={one.notBefore} dateOnly /> – <When at={one.notAfter} dateOnly /></td>
                  <td>
                    <Button size="sm" variant="link" aria-label={`${t('download')}: ${one.serial}`} onClick={() => saveFile(new Blob([one.pem], { type: 'application/x-pem-file' }), `${ca.id}-${one.serial}.pem`)}>{t('download')}</Button>
                    {manage && one.id !== null && <Button size="sm" variant="link" aria-label={`${t('useChain')}: ${one.serial}`} onClick={() => setUsing(one)}>{t('useChain')}</Button>}
                  </td>
                </tr>
              ))}</tbody>
            </table>
          </div>
        )}
        {crossing && <Cross ca={ca} close={done} />}
        {using !== undefined && <Confirm title={t('useChain')} act={t('useChain')} close={done} run={() => api.post(`/cas/${ca.id}/chains/${using.id ?? ''}/use`)}>{t('useChainSays')}</Confirm>}
      </CardBody>
    </Card>
  );
}

const fields = (): Field[] => [
  { path: 'contact', kind: 'text' }, { path: 'cps', kind: 'area' },
  ...['validityHours', 'overlapHours', 'refreshHours', 'deltaHours', 'partitions'].map((one): Field => ({ path: `crl.${one}`, kind: 'number', group: 'CRL' })),
  { path: 'crl.onRevocation', kind: 'yes', group: 'CRL' }, { path: 'crl.expiredCertificates', kind: 'yes', group: 'CRL' }, { path: 'crl.publish', kind: 'lines', group: 'CRL' },
  ...['validityHours', 'signerDays', 'archiveCutoffDays'].map((one): Field => ({ path: `ocsp.${one}`, kind: 'number', group: 'OCSP' })),
  { path: 'ocsp.neverIssued', kind: 'one', of: [['unknown', t('unknown')], ['revoked', t('asRevoked')]], group: 'OCSP' },
  { path: 'ocsp.signer', kind: 'one', of: [['delegated', t('signer-delegated')], ['direct', t('signer-direct')]], group: 'OCSP' }, { path: 'ocsp.requireSignedRequests', kind: 'yes', group: 'OCSP' },
  { path: 'ocsp.responderId', kind: 'one', of: [['key', t('responderByKey')], ['name', t('responderByName')]], group: 'OCSP' },
  ...['crl', 'caIssuers', 'ocsp'].map((one): Field => ({ path: `urls.${one}`, kind: 'lines', group: t('serviceUrls') })),
];

export function AuthoritySettings({ ca, changed }: { ca: Ca; changed: () => void }) {
  const { may } = useSession();
  const places = (ca.settings as { crl?: { publish?: string[] } } | null)?.crl?.publish ?? [];
  return (
    <>
      {places.length > 0 && may('cas:manage') && <TestPublishing ca={ca.id} />}
      <SettingsForm name="ca" document={ca.settings ?? {}} fields={fields()} fixed={!may('cas:manage')} whole save={(settings) => api.patch(`/cas/${ca.id}`, { settings, version: ca.version }).then(changed)} />
    </>
  );
}

/** A trust store for Java: the CA's certificate alone, in a file under a password. */
export function TrustStore({ ca, close }: { ca: Ca; close: (done: boolean) => void }) {
  const [password, setPassword] = useState('changeit');
  return (
    <FormDialog title={t('trustStore')} act={t('download')} ready={password.length >= 8} close={close} run={() => api.save(`/cas/${ca.id}/truststore`, { password }, `${ca.id}-truststore.p12`)}>
      <FormGroup label={t('filePasswordNew')} fieldId="trust-password" isRequired><TextInput id="trust-password" value={password} onChange={(_, value) => setPassword(value)} /></FormGroup>
    </FormDialog>
  );
}

/** Another name to show; everything that was issued keeps the old one. */
export function Rename({ ca, close }: { ca: Ca; close: (done: boolean) => void }) {
  const [name, setName] = useState(ca.name);
  return (
    <FormDialog title={t('rename')} act={t('save')} ready={name.trim() !== '' && name !== ca.name} close={close} run={() => api.patch(`/cas/${ca.id}`, { name, version: ca.version })}>
      <p>{t('renameSays')}</p>
      <FormGroup label={t('name')} fieldId="rename" isRequired><TextInput id="rename" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
    </FormDialog>
  );
}
