import { Button, DescriptionList, FileUpload, FormGroup, Modal, ModalBody, ModalHeader, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../../api/client';
import { Confirm } from '../../parts/Confirm';
import { DataList, type Column } from '../../parts/DataList';
import { FormDialog } from '../../parts/Dialog';
import { useLoad } from '../../parts/load';
import { Pick } from '../../parts/pick';
import { CodeText, ProblemAlert, Waiting, When } from '../../parts/small';
import { useSession } from '../../session';
import { t } from '../../texts';
import { Row } from '../Authority';

type Anchor = Schema['Anchor'];

const roles = () => [['device', t('anchorDevice')], ['ra', t('anchorRa')]] as const;
const checks = () => [['ifAvailable', t('ifPresent')], ['required', t('required')], ['none', t('ignored')]] as const;
const checkName = (check: Anchor['crlCheck']): string => checks().find(([one]) => one === check)?.[1] ?? check;

function PemFile({ id, label, text, set }: { id: string; label: string; text: string; set: (text: string) => void }) {
  const [file, setFile] = useState('');
  return (
    <FormGroup label={label} fieldId={id} isRequired>
      <FileUpload id={id} className="gh-mono" type="text" value={text} filename={file} allowEditingUploadedText filenamePlaceholder={t('dropFile')} browseButtonText={t('browse')} clearButtonText={t('clear')}
        onFileInputChange={(_, chosen) => setFile(chosen.name)} onDataChange={(_, value) => set(value)} onTextChange={(_, value) => set(value)} onClearClick={() => { set(''); setFile(''); }} />
    </FormGroup>
  );
}

function NewAnchor({ path, close }: { path: string; close: (done: boolean) => void }) {
  const [certificate, setCertificate] = useState('');
  const [role, setRole] = useState('device');
  const [name, setName] = useState('');
  const [crlCheck, setCheck] = useState('ifAvailable');
  const [urls, setUrls] = useState('');
  const crlUrls = urls.split('\n').map((one) => one.trim()).filter((one) => one !== '');
  return (
    <FormDialog title={t('newAnchor')} act={t('create')} ready={certificate.trim() !== ''} close={close}
      run={() => api.post(path, { certificate, role, crlCheck, crlUrls, ...(name.trim() === '' ? {} : { name: name.trim() }) })}>
      <PemFile id="anchor-certificate" label={t('anchorPem')} text={certificate} set={setCertificate} />
      <Pick id="anchor-role" label={t('kind')} value={role} set={setRole} choices={roles()} />
      <FormGroup label={t('anchorName')} fieldId="anchor-name"><TextInput id="anchor-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="anchor-check" label={t('revocationLists')} value={crlCheck} set={setCheck} choices={checks()} />
      <FormGroup label={t('crlAddresses')} fieldId="anchor-urls"><TextArea id="anchor-urls" rows={2} value={urls} placeholder="http://crl.example.org/root.crl" onChange={(_, value) => setUrls(value)} /></FormGroup>
    </FormDialog>
  );
}

function PutCrl({ path, close }: { path: string; close: (done: boolean) => void }) {
  const [crl, setCrl] = useState('');
  return (
    <FormDialog title={t('putCrl')} act={t('store')} ready={crl.trim() !== ''} close={close} run={() => api.put(`${path}/crl`, { crl })}>
      <PemFile id="anchor-crl" label={t('crlPem')} text={crl} set={setCrl} />
    </FormDialog>
  );
}

function Crls({ crls }: { crls: readonly Schema['AnchorCrl'][] }) {
  if (crls.length === 0) return <p>{t('noCrl')}</p>;
  return (
    <div className="gh-wide" tabIndex={0} role="group" aria-label={t('revocationLists')}>
      <table className="gh-table">
        <thead><tr>{[t('issuer'), t('issuedAt'), t('nextUpdate')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
        <tbody>{crls.map((one) => <tr key={one.issuer}><td>{one.issuer}</td><td><When at={one.thisUpdate} /></td><td><When at={one.nextUpdate} /></td></tr>)}</tbody>
      </table>
    </div>
  );
}

function One({ path, name, close }: { path: string; name: string; close: () => void }) {
  const loaded = useLoad(() => api.get<Anchor>(path), path);
  const one = loaded.value;
  return (
    <Modal isOpen variant="medium" onClose={close} aria-labelledby="anchor-title">
      <ModalHeader title={name} labelId="anchor-title" />
      <ModalBody>
        <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
        {one === undefined ? loaded.loading && <Waiting /> : (
          <div className="gh-stack">
            <DescriptionList isHorizontal>
              <Row term={t('subject')}>{one.subject}</Row>
              <Row term={t('fingerprint')}><code className="gh-small">{one.fingerprintSha256}</code></Row>
              <Row term={t('validUntil')}><When at={one.notAfter} dateOnly /></Row>
              {one.crlUrls.length > 0 && <Row term={t('crlAddress')}>{one.crlUrls.map((url) => <div key={url}>{url}</div>)}</Row>}
            </DescriptionList>
            <Crls crls={one.crls ?? []} />
            <CodeText label="PEM" text={one.pem} />
          </div>
        )}
      </ModalBody>
    </Modal>
  );
}

/** Certificates from elsewhere whose holders may enrol under a template, by EST, CMP and device attestation alike. */
export function Anchors({ template }: { template: string }) {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'new' } | { act: 'show' | 'crl' | 'remove'; anchor: Anchor }>();
  const [version, setVersion] = useState(0);
  const path = `/templates/${template}/anchors`;
  const close = (done: boolean) => { setOpen(undefined); if (done) setVersion(version + 1); };
  const manage = may('templates:manage');
  const columns: Column<Anchor>[] = [
    { id: 'name', title: t('name'), text: (a) => a.name, cell: (a) => <Button variant="link" isInline onClick={() => setOpen({ act: 'show', anchor: a })}>{a.name}</Button> },
    { id: 'role', title: t('kind'), text: (a) => a.role, cell: (a) => (a.role === 'ra' ? t('registrationAuthority') : t('maker')) },
    { id: 'subject', title: t('subject'), text: (a) => a.subject, cell: (a) => a.subject },
    { id: 'until', title: t('validUntil'), text: (a) => a.notAfter, cell: (a) => <When at={a.notAfter} dateOnly /> },
    { id: 'check', title: t('revocationLists'), text: (a) => a.crlCheck, cell: (a) => checkName(a.crlCheck) },
    { id: 'fingerprint', title: t('fingerprint'), text: (a) => a.fingerprintSha256, cell: (a) => <code>{a.fingerprintSha256.slice(0, 24)}…</code>, hidden: true },
    {
      id: 'acts', title: t('acts'), text: () => '', cell: (a) => manage && (
        <>
          <Button size="sm" variant="link" onClick={() => setOpen({ act: 'crl', anchor: a })}>{t('putCrl')}</Button>
          <Button size="sm" variant="link" onClick={() => setOpen({ act: 'remove', anchor: a })}>{t('remove')}</Button>
        </>
      ),
    },
  ];
  return (
    <>
      <p>{t('anchorsSay')}</p>
      {manage && <div><Button onClick={() => setOpen({ act: 'new' })}>{t('newAnchor')}</Button></div>}
      <DataList paged={false} name="anchors" label={t('anchors')} path={path} columns={columns} id={(a) => a.id} empty={t('noAnchor')} version={version} />
      {open?.act === 'new' && <NewAnchor path={path} close={close} />}
      {open?.act === 'show' && <One path={`${path}/${open.anchor.id}`} name={open.anchor.name} close={() => close(false)} />}
      {open?.act === 'crl' && <PutCrl path={`${path}/${open.anchor.id}`} close={close} />}
      {open?.act === 'remove' && <Confirm title={t('removeName', { name: open.anchor.name })} act={t('remove')} danger run={() => api.delete(`${path}/${open.anchor.id}`)} close={close}>{t('removeAnchorSays')}</Confirm>}
    </>
  );
}
