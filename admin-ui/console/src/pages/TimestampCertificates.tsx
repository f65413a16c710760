import { Button, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog, Shown } from '../parts/Dialog';
import { keyOf, keyTypes, nameOfKey } from '../parts/keys';
import { Pick } from '../parts/pick';
import { StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type One = Schema['TimestampingCertificate'];

function NewOne({ ca, close, made }: { ca: string; close: () => void; made: (one: One) => void }) {
  const [name, setName] = useState('');
  const [cn, setCn] = useState('');
  const [type, setType] = useState('P-384');
  const [uri, setUri] = useState('pkcs11:');
  const key = type === 'uri' ? { uri } : keyOf(type);
  return (
    <FormDialog title={t('newTsaCertificate')} act={t('makeCsr')} ready={name.trim() !== '' && cn.trim() !== ''} close={close} stays run={() => api.post<One>('/timestamping-certificates', { name: name.trim(), ca, key, subject: { CN: cn.trim() } }).then(made)}>
      <p>{t('newTsaCertificateSays')}</p>
      <FormGroup label={t('name')} fieldId="tsac-name" isRequired><TextInput id="tsac-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <FormGroup label="Common Name (CN)" fieldId="tsac-cn" isRequired><TextInput id="tsac-cn" value={cn} onChange={(_, value) => setCn(value)} /></FormGroup>
      <Pick id="tsac-key" label={t('keyType')} value={type} set={setType} choices={[...keyTypes.map((one) => [one, one] as const), ['uri', t('tokenKey')]]} />
      {type === 'uri' && <FormGroup label={t('tokenUri')} fieldId="tsac-uri" isRequired><TextInput id="tsac-uri" value={uri} onChange={(_, value) => setUri(value)} /></FormGroup>}
    </FormDialog>
  );
}

function Import({ of, close }: { of: One; close: (done: boolean) => void }) {
  const [certificate, setCertificate] = useState('');
  return (
    <FormDialog title={`${t('importCertificate')}: ${of.name}`} act={t('import')} ready={certificate.trim() !== ''} close={close} run={() => api.post(`/timestamping-certificates/${of.id}/certificate`, { certificate })}>
      <FormGroup label={t('certificatePem')} fieldId="tsac-pem" isRequired><TextArea id="tsac-pem" className="gh-mono" rows={10} value={certificate} onChange={(_, value) => setCertificate(value)} /></FormGroup>
    </FormDialog>
  );
}

/** Timestamping certificates that other authorities give, for keys of this instance. */
export function TimestampCertificates({ ca }: { ca: string }) {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'new' } | { act: 'csr' | 'import' | 'remove'; of: One }>();
  const [version, setVersion] = useState(0);
  const manage = may('cas:manage');
  const close = (done: boolean) => { setOpen(undefined); if (done) setVersion(version + 1); };
  const act = (what: 'csr' | 'import' | 'remove', text: string, of: One) => <Button size="sm" variant="link" aria-label={`${text}: ${of.name}`} onClick={() => setOpen({ act: what, of })}>{text}</Button>;
  const columns: Column<One>[] = [
    { id: 'name', title: t('name'), text: (x) => x.name, cell: (x) => x.name },
    { id: 'state', title: t('state'), text: (x) => x.state, cell: (x) => <StateLabel state={x.state} /> },
    { id: 'key', title: t('key'), text: (x) => nameOfKey(x.key), cell: (x) => nameOfKey(x.key) },
    { id: 'until', title: t('validUntil'), text: (x) => x.notAfter ?? '', cell: (x) => <When at={x.notAfter} dateOnly /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (x) => <>{act('csr', 'CSR', x)}{manage && act('import', t('import'), x)}{manage && act('remove', t('remove'), x)}</> },
  ];
  return (
    <>
      {manage && <div><Button onClick={() => setOpen({ act: 'new' })}>{t('newTsaCertificate')}</Button></div>}
      <DataList name="tsa-certificates" label={t('certificates')} path="/timestamping-certificates" columns={columns} id={(x) => x.id} empty={t('noOwnTsa')} version={version} />
      {open?.act === 'new' && <NewOne ca={ca} close={() => setOpen(undefined)} made={(of) => { setVersion(version + 1); setOpen({ act: 'csr', of }); }} />}
      {open?.act === 'csr' && <Shown title={`CSR: ${open.of.name}`} text={open.of.csr} name={`${open.of.name}.csr`} close={() => setOpen(undefined)} />}
      {open?.act === 'import' && <Import of={open.of} close={close} />}
      {open?.act === 'remove' && <Confirm title={t('removeName', { name: open.of.name })} act={t('remove')} danger run={() => api.delete(`/timestamping-certificates/${open.of.id}`)} close={close}>{t('removeTsaSays')}</Confirm>}
    </>
  );
}
