import { Alert, Button, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { Pick } from '../parts/pick';
import { When } from '../parts/small';
import { useSession } from '../session';
import { figure, t } from '../texts';

type One = Schema['Evidence'];

const digests = ['SHA-256', 'SHA-384', 'SHA-512'] as const;
const hex = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, '0')).join('');
const hashOf = async (file: File, digest: string): Promise<string> => hex(await crypto.subtle.digest(digest, await file.arrayBuffer()));
const linesOf = (text: string): string[] => text.split('\n').map((one) => one.trim().toLowerCase()).filter((one) => one !== '');

/** Files are hashed in the browser; what leaves it is their hashes. */
function Files({ id, digest, add }: { id: string; digest: string; add: (hashes: string[]) => void }) {
  const read = async (files: FileList | null) => add(await Promise.all([...(files ?? [])].map((file) => hashOf(file, digest))));
  return <FormGroup label={t('hashFiles')} fieldId={id}><input id={id} type="file" multiple onChange={(event) => void read(event.currentTarget.files)} /></FormGroup>;
}

function NewEvidence({ ca, close }: { ca: string; close: (done: boolean) => void }) {
  const [digest, setDigest] = useState('SHA-256');
  const [imprints, setImprints] = useState('');
  const [issuer, setIssuer] = useState('');
  return (
    <FormDialog title={t('newEvidence')} act={t('create')} ready={imprints.trim() !== ''} close={close} run={() => api.post(`/cas/${ca}/evidence`, { digest, imprints: linesOf(imprints), ...(issuer === '' ? {} : { issuer }) })}>
      <p>{t('newEvidenceSays')}</p>
      <Pick id="evidence-digest" label={t('digest')} value={digest} set={(next) => { setDigest(next); setImprints(''); }} choices={digests.map((one) => [one, one] as const)} />
      <Files id="evidence-files" digest={digest} add={(hashes) => setImprints([...linesOf(imprints), ...hashes].join('\n'))} />
      <FormGroup label={t('hashes')} fieldId="evidence-imprints" isRequired><TextArea id="evidence-imprints" className="gh-mono" rows={5} value={imprints} onChange={(_, value) => setImprints(value)} /></FormGroup>
      <FormGroup label={t('issuerOrUsual')} fieldId="evidence-issuer"><TextInput id="evidence-issuer" value={issuer} onChange={(_, value) => setIssuer(value)} /></FormGroup>
    </FormDialog>
  );
}

/** The evidence record of one document, by its hash. */
function Record({ ca, of, close }: { ca: string; of: One; close: () => void }) {
  const [imprint, setImprint] = useState('');
  return (
    <FormDialog title={t('evidenceRecord')} act={t('download')} ready={/^[0-9a-f]{56,128}$/.test(imprint)} close={close} run={() => { location.assign(api.href(`/cas/${ca}/evidence/${of.id}/records/${imprint}`)); return Promise.resolve(); }}>
      <Files id="record-file" digest={of.digest} add={([first]) => setImprint(first ?? '')} />
      <FormGroup label={t('imprint')} fieldId="record-imprint" isRequired><TextInput id="record-imprint" value={imprint} onChange={(_, value) => setImprint(value.trim().toLowerCase())} /></FormGroup>
    </FormDialog>
  );
}

function Verify({ close }: { close: () => void }) {
  const [record, setRecord] = useState('');
  const [imprint, setImprint] = useState('');
  const [digest, setDigest] = useState('SHA-256');
  const [verdict, setVerdict] = useState<Schema['EvidenceVerdict']>();
  const read = async (file: File | undefined) => { if (file !== undefined) setRecord(btoa(String.fromCharCode(...new Uint8Array(await file.arrayBuffer())))); };
  return (
    <FormDialog title={t('verifyEvidence')} act={t('verify')} ready={record !== '' && imprint !== ''} close={close} stays run={async () => { setVerdict(undefined); setVerdict(await api.post<Schema['EvidenceVerdict']>('/evidence/verify', { record: record.trim(), imprint })); }}>
      <FormGroup label={t('recordFile')} fieldId="verify-record"><input id="verify-record" type="file" onChange={(event) => void read(event.currentTarget.files?.[0])} /></FormGroup>
      <Pick id="verify-digest" label={t('digest')} value={digest} set={setDigest} choices={digests.map((one) => [one, one] as const)} />
      <Files id="verify-file" digest={digest} add={([first]) => setImprint(first ?? '')} />
      <FormGroup label={t('imprint')} fieldId="verify-imprint" isRequired><TextInput id="verify-imprint" value={imprint} onChange={(_, value) => setImprint(value.trim().toLowerCase())} /></FormGroup>
      {verdict !== undefined && <Alert isInline variant={verdict.trusted ? 'success' : 'warning'} title={t(verdict.trusted ? 'evidenceGood' : 'evidenceForeign', { count: verdict.timestamps })}><When at={verdict.at} />, {verdict.digest}</Alert>}
    </FormDialog>
  );
}

/** Evidence records (RFC 4998): one timestamp for many documents, renewed before its algorithms or certificate end. */
export function Evidences({ ca }: { ca: string }) {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'new' | 'verify' } | { act: 'record' | 'renew'; of: One }>();
  const [version, setVersion] = useState(0);
  const close = (done: boolean) => { setOpen(undefined); if (done) setVersion(version + 1); };
  const able = may('requests:create');
  const columns: Column<One>[] = [
    { id: 'at', title: t('time'), text: (e) => e.at, cell: (e) => <When at={e.at} /> },
    { id: 'imprints', title: t('hashes'), text: (e) => String(e.imprints), cell: (e) => figure(e.imprints) },
    { id: 'digest', title: t('digest'), text: (e) => e.digest, cell: (e) => e.digest },
    { id: 'issuer', title: t('issuer'), text: (e) => e.issuer, cell: (e) => e.issuer },
    { id: 'renewals', title: t('renewals'), text: (e) => String(e.renewals), cell: (e) => e.renewals },
    { id: 'renewed', title: t('lastRenewal'), text: (e) => e.renewedAt ?? '', cell: (e) => <When at={e.renewedAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (e) => <><Button size="sm" variant="link" onClick={() => setOpen({ act: 'record', of: e })}>{t('evidenceRecord')}</Button>{able && <Button size="sm" variant="link" onClick={() => setOpen({ act: 'renew', of: e })}>{t('renew')}</Button>}</> },
  ];
  return (
    <>
      <p>{t('evidenceSays')}</p>
      <div className="gh-actions">{able && <Button onClick={() => setOpen({ act: 'new' })}>{t('newEvidence')}</Button>}<Button variant="secondary" onClick={() => setOpen({ act: 'verify' })}>{t('verifyEvidence')}</Button></div>
      <DataList name="evidence" label={t('evidence')} path={`/cas/${ca}/evidence`} columns={columns} id={(e) => e.id} empty={t('noEvidence')} version={version} />
      {open?.act === 'new' && <NewEvidence ca={ca} close={close} />}
      {open?.act === 'verify' && <Verify close={() => setOpen(undefined)} />}
      {open?.act === 'record' && <Record ca={ca} of={open.of} close={() => setOpen(undefined)} />}
      {open?.act === 'renew' && <Confirm title={t('renew')} act={t('renew')} run={() => api.post(`/cas/${ca}/evidence/${open.of.id}/renewals`)} close={close}>{t('renewEvidenceSays')}</Confirm>}
    </>
  );
}
