import { Alert, Button, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { lazy, Suspense, useState } from 'react';
import { api, type Schema } from '../api/client';
import { t } from '../texts';
import { Confirm } from './Confirm';
import { DataList, type Column } from './DataList';
import { FormDialog } from './Dialog';
import { useLoad } from './load';
import { CodeText, Copy, StateLabel, Waiting, When } from './small';
import { hasSecurityKeys, makeCredential } from './webauthn';

type Factor = Schema['Factor'];
type Codes = Schema['RecoveryCodes']['recoveryCodes'];

const QrCode = lazy(() => import('./QrCode').then((m) => ({ default: m.QrCode })));

/** First the name, then the QR code and the first code of the app. */
function NewApp({ close }: { close: (codes?: Codes) => void }) {
  const [label, setLabel] = useState(t('authenticatorApp'));
  const [begun, setBegun] = useState<Schema['TotpBegun']>();
  const [code, setCode] = useState('');
  if (begun === undefined)
    return (
      <FormDialog title={t('authenticatorApp')} act={t('next')} ready={label.trim() !== ''} close={() => close()} stays
        run={() => api.post<Schema['TotpBegun']>('/session/factors/totp', { label }).then(setBegun)}>
        <FormGroup label={t('label')} fieldId="factor-label" isRequired><TextInput id="factor-label" value={label} onChange={(_, value) => setLabel(value)} /></FormGroup>
      </FormDialog>
    );
  return (
    <FormDialog title={t('authenticatorApp')} act={t('confirm')} ready={/^\d{6,8}$/.test(code.trim())} close={() => close()} stays
      run={() => api.post<Schema['RecoveryCodes']>(`/session/factors/${begun.factor.id}/confirm`, { code: code.trim() }).then((answer) => close(answer.recoveryCodes))}>
      <p>{t('scanSays')}</p>
      <Suspense fallback={<Waiting />}><QrCode text={begun.uri} label={t('qrCode')} /></Suspense>
      <FormGroup label={t('secretByHand')} fieldId="factor-secret"><Copy label={t('secretByHand')} text={begun.secret} /></FormGroup>
      <FormGroup label={t('firstCode')} fieldId="factor-code" isRequired>
        <TextInput id="factor-code" value={code} inputMode="numeric" autoComplete="one-time-code" autoFocus onChange={(_, value) => setCode(value)} />
      </FormGroup>
    </FormDialog>
  );
}

function NewKey({ close }: { close: (codes?: Codes) => void }) {
  const [label, setLabel] = useState(t('securityKey'));
  const run = async () => {
    const begun = await api.post<Schema['WebAuthnBegun']>('/session/factors/webauthn', { label });
    const credential = await makeCredential(begun.publicKey);
    close((await api.post<Schema['FactorAdded']>('/session/factors/webauthn/finish', { ticket: begun.ticket, credential })).recoveryCodes);
  };
  return (
    <FormDialog title={t('securityKeyOrPasskey')} act={t('next')} ready={label.trim() !== ''} close={() => close()} stays run={run}>
      <p>{t('securityKeySays')}</p>
      <FormGroup label={t('label')} fieldId="factor-label" isRequired><TextInput id="factor-label" value={label} onChange={(_, value) => setLabel(value)} /></FormGroup>
    </FormDialog>
  );
}

function RecoveryCodes({ codes, close }: { codes: string[]; close: () => void }) {
  const text = codes.join('\n');
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="codes-title">
      <ModalHeader title={t('recoveryCodes')} labelId="codes-title" />
      <ModalBody className="gh-stack">
        <Alert isInline variant="info" title={t('recoverySays')} />
        <CodeText label={t('recoveryCodes')} text={text} />
      </ModalBody>
      <ModalFooter>
        <Button variant="secondary" component="a" href={`data:text/plain,${encodeURIComponent(`${text}\n`)}`} download="gatehouse-recovery-codes.txt">{t('download')}</Button>
        <Button onClick={close}>{t('codesKept')}</Button>
      </ModalFooter>
    </Modal>
  );
}

/** One's own second factors. `changed` is told when one is there that was not there before. */
export function Factors({ changed }: { changed?: () => void }) {
  const [version, setVersion] = useState(0);
  const [dialog, setDialog] = useState<'totp' | 'webauthn' | 'codes'>();
  const [codes, setCodes] = useState<string[]>();
  const [removing, setRemoving] = useState<Factor>();
  const left = useLoad(() => api.get<Schema['RecoveryCodesLeft']>('/session/recovery-codes'), `codes-${version}`);
  const added = (fresh?: Codes) => {
    setDialog(undefined);
    setVersion(version + 1);
    if (fresh === undefined) return;
    if (fresh !== null) setCodes(fresh);
    else changed?.();
  };
  const columns: Column<Factor>[] = [
    { id: 'label', title: t('label'), text: (f) => f.label, cell: (f) => f.label },
    { id: 'kind', title: t('kind'), text: (f) => f.kind, cell: (f) => (f.kind === 'totp' ? t('authenticatorApp') : t('securityKey')) },
    { id: 'state', title: t('state'), text: (f) => String(f.confirmed), cell: (f) => <StateLabel state={f.confirmed ? 'active' : 'waiting'} /> },
    { id: 'created', title: t('createdAt'), text: (f) => f.createdAt, cell: (f) => <When at={f.createdAt} /> },
    { id: 'used', title: t('lastUsed'), text: (f) => f.lastUsedAt ?? '', cell: (f) => <When at={f.lastUsedAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (f) => <Button size="sm" variant="link" onClick={() => setRemoving(f)}>{t('remove')}</Button> },
  ];
  const remaining = left.value?.remaining ?? 0;
  return (
    <>
      <div className="gh-actions">
        <Button variant="secondary" onClick={() => setDialog('totp')}>{t('authenticatorApp')}</Button>
        {hasSecurityKeys() && <Button variant="secondary" onClick={() => setDialog('webauthn')}>{t('securityKeyOrPasskey')}</Button>}
        {remaining > 0 && <Button variant="link" onClick={() => setDialog('codes')}>{t('newRecoveryCodes')}</Button>}
      </div>
      {remaining > 0 && <p>{t('recoveryLeft', { count: remaining })}</p>}
      <DataList paged={false} name="factors" label={t('secondFactors')} path="/session/factors" columns={columns} id={(f) => f.id} empty={t('noFactor')} version={version} />
      {dialog === 'totp' && <NewApp close={added} />}
      {dialog === 'webauthn' && <NewKey close={added} />}
      {dialog === 'codes' && (
        <Confirm title={t('newRecoveryCodes')} act={t('newRecoveryCodes')} close={() => setDialog(undefined)}
          run={() => api.post<Schema['RecoveryCodes']>('/session/recovery-codes').then((answer) => { setCodes(answer.recoveryCodes ?? []); setVersion(version + 1); })}>{t('newCodesSay')}</Confirm>
      )}
      {codes !== undefined && <RecoveryCodes codes={codes} close={() => { setCodes(undefined); changed?.(); }} />}
      {removing !== undefined && (
        <Confirm title={`${t('remove')}: ${removing.label}`} act={t('remove')} close={(done) => { setRemoving(undefined); if (done) setVersion(version + 1); }}
          run={() => api.delete(`/session/factors/${removing.id}`)}>{t('removeFactorSays')}</Confirm>
      )}
    </>
  );
}
