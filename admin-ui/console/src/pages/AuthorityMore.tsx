import { Button, Card, CardBody, CardTitle, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, saveFile, type Page as List, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { FormDialog } from '../parts/Dialog';
import { keyOf, keyTypes } from '../parts/keys';
import { useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { SettingsForm, type Field } from '../parts/SettingsForm';
import { ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

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

function Cross({ ca, close }: { ca: Ca; close: (done: boolean) => void }) {
  const { cas } = useScope();
  const others = (cas.value ?? []).filter((one) => one.id !== ca.id && one.state === 'active');
  const [issuer, setIssuer] = useState(others[0]?.id ?? '');
  return (
    <FormDialog title={t('crossSign')} act={t('crossSign')} ready={issuer !== ''} close={close} run={() => api.post(`/cas/${ca.id}/chains`, { issuer })}>
      <p>{others.length === 0 ? t('noOtherAuthority') : t('crossSays', { name: ca.name })}</p>
      {others.length > 0 && <Pick id="cross-issuer" label={t('signedBy')} value={issuer} set={setIssuer} choices={others.map((one) => [one.id, one.name] as const)} />}
    </FormDialog>
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
            <table className="gh-table">
              <thead><tr>{[t('kind'), t('issuer'), t('serial'), t('validity'), t('acts')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
              <tbody>{loaded.value.items.map((one) => (
                <tr key={one.serial}>
                  <td><StateLabel state={one.kind === 'current' ? 'active' : one.kind} /></td><td>{one.issuer}</td><td><code className="gh-small">{one.serial}</code></td>
                  <td><When at={one.notBefore} dateOnly /> – <When at={one.notAfter} dateOnly /></td>
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
  ...['crl', 'caIssuers', 'ocsp'].map((one): Field => ({ path: `urls.${one}`, kind: 'lines', group: t('serviceUrls') })),
];

export function AuthoritySettings({ ca, changed }: { ca: Ca; changed: () => void }) {
  const { may } = useSession();
  return <SettingsForm name="ca" document={ca.settings ?? {}} fields={fields()} fixed={!may('cas:manage')} whole save={(settings) => api.patch(`/cas/${ca.id}`, { settings, version: ca.version }).then(changed)} />;
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
