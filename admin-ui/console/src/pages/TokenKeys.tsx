import { Button, Checkbox, FormGroup, FormHelperText, HelperText, HelperTextItem, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, saveFile, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog, Shown } from '../parts/Dialog';
import { keyOf, keyTypes, nameOfKey } from '../parts/keys';
import { Pick } from '../parts/pick';
import { Page, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';
import { TokenCheck } from './Tokens';

type Key = Schema['TokenKey'];

const linesOf = (text: string): string[] => text.split('\n').map((one) => one.trim()).filter((one) => one !== '');
/** "01a2" as a PKCS#11 URI writes octets. */
const octets = (hex: string): string => hex.replace(/../g, (two) => `%${two.toUpperCase()}`);
const idOf = (key: Key): string => (/[:;]id=([^;]*)/.exec(key.uri)?.[1] ?? '').replace(/%|[^%]/g, (one) => (one === '%' ? '' : one)).toLowerCase();
const nameOf = (key: Key): string => key.label || idOf(key) || key.uri;

function Names({ name, setName, sans, setSans }: { name: string; setName: (value: string) => void; sans: string; setSans: (value: string) => void }) {
  return (
    <>
      <FormGroup label="Common Name (CN)" fieldId="tk-cn"><TextInput id="tk-cn" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <FormGroup label={t('sansOneALine')} fieldId="tk-sans"><TextArea id="tk-sans" rows={2} value={sans} placeholder="DNS:www.example.com" onChange={(_, value) => setSans(value)} /></FormGroup>
    </>
  );
}

function Officer({ pin, set }: { pin: string; set: (pin: string) => void }) {
  return <FormGroup label={t('officerPin')} fieldId="tk-officer"><TextInput id="tk-officer" type="password" autoComplete="off" value={pin} onChange={(_, value) => set(value)} /></FormGroup>;
}

const requested = (name: string, sans: string) => ({ ...(name.trim() === '' ? {} : { subject: { CN: name.trim() } }), ...(sans.trim() === '' ? {} : { sans: linesOf(sans) }) });
const officer = (pin: string) => (pin === '' ? {} : { officerPin: pin });

function NewKey({ token, close, made }: { token: string; close: () => void; made: (made: Schema['TokenKeyMade']) => void }) {
  const [id, setId] = useState('01');
  const [label, setLabel] = useState('');
  const [type, setType] = useState('P-384');
  const [decrypts, setDecrypts] = useState(false);
  const [pin, setPin] = useState('');
  const [root, setRoot] = useState('');
  const [name, setName] = useState('');
  const [sans, setSans] = useState('');
  const uri = `${token};id=${octets(id)}${label === '' ? '' : `;object=${encodeURIComponent(label)}`}`;
  const run = () => api.post<Schema['TokenKeyMade']>('/token-keys', {
    uri, key: keyOf(type), ...(decrypts && type.startsWith('RSA') ? { decrypts } : {}), ...officer(pin), ...(root.trim() === '' ? {} : { attestationRoot: root }), ...requested(name, sans),
  }).then(made);
  return (
    <FormDialog title={t('newKey')} act={t('create')} ready={/^([0-9a-fA-F]{2}){1,32}$/.test(id)} close={close} run={run}>
      <p>{t('tokenKeysSay')}</p>
      <FormGroup label={t('keyId')} fieldId="tk-id" isRequired>
        <TextInput id="tk-id" value={id} onChange={(_, value) => setId(value)} aria-describedby="tk-id-help" />
        <FormHelperText><HelperText id="tk-id-help"><HelperTextItem>{t('keyIdHelp')}</HelperTextItem></HelperText></FormHelperText>
      </FormGroup>
      <FormGroup label={t('label')} fieldId="tk-label"><TextInput id="tk-label" value={label} onChange={(_, value) => setLabel(value)} /></FormGroup>
      <Pick id="tk-type" label={t('keyType')} value={type} set={setType} choices={keyTypes.map((one) => [one, one] as const)} />
      {type.startsWith('RSA') && <Checkbox id="tk-decrypts" label={t('decrypts')} isChecked={decrypts} onChange={(_, on) => setDecrypts(on)} />}
      <Names name={name} setName={setName} sans={sans} setSans={setSans} />
      <Officer pin={pin} set={setPin} />
      <FormGroup label={t('attestationRoot')} fieldId="tk-root"><TextArea id="tk-root" className="gh-mono" rows={3} value={root} onChange={(_, value) => setRoot(value)} /></FormGroup>
    </FormDialog>
  );
}

function Csr({ of, close }: { of: Key; close: () => void }) {
  const [name, setName] = useState(of.label);
  const [sans, setSans] = useState('');
  const [csr, setCsr] = useState('');
  if (csr !== '') return <Shown title="CSR" text={csr} name={`${of.label || 'key'}.csr`} close={close} />;
  return (
    <FormDialog title={`${t('makeCsr')}: ${nameOf(of)}`} act={t('create')} ready close={close} stays run={async () => setCsr((await api.post<Schema['CsrText']>('/token-keys/csr', { uri: of.uri, ...requested(name, sans) })).csr)}>
      <Names name={name} setName={setName} sans={sans} setSans={setSans} />
    </FormDialog>
  );
}

function Store({ of, close }: { of: Key; close: (done: boolean) => void }) {
  const [certificate, setCertificate] = useState('');
  const [pin, setPin] = useState('');
  return (
    <FormDialog title={`${t('storeCertificate')}: ${nameOf(of)}`} act={t('store')} ready={certificate.trim() !== ''} close={close} run={() => api.post('/token-keys/certificate', { uri: of.uri, certificate, ...officer(pin) })}>
      <FormGroup label={t('certificateOfKey')} fieldId="tk-certificate" isRequired><TextArea id="tk-certificate" className="gh-mono" rows={8} value={certificate} onChange={(_, value) => setCertificate(value)} /></FormGroup>
      <Officer pin={pin} set={setPin} />
    </FormDialog>
  );
}

function Delete({ of, close }: { of: Key; close: (done: boolean) => void }) {
  const [pin, setPin] = useState('');
  return (
    <Confirm title={t('deleteName', { name: nameOf(of) })} act={t('delete')} danger name={nameOf(of)} run={() => api.post('/token-keys/delete', { uri: of.uri, confirm: of.uri, ...officer(pin) })} close={close}>
      <p>{t('deleteTokenKeySays')}</p>
      <Officer pin={pin} set={setPin} />
    </Confirm>
  );
}

function Attestation({ of }: { of: Key }) {
  const one = of.attestation;
  if (one === null || one === undefined) return <>–</>;
  return <>{one.verified ? t('attested') : t('notAttested')}, {one.serial} ({one.firmware}; PIN: {one.pinPolicy}; touch: {one.touchPolicy})</>;
}

type Act = 'csr' | 'store' | 'check' | 'delete';

/** The private keys of one token: made, certified and deleted here. */
export default function TokenKeys() {
  const [parameters] = useSearchParams();
  const token = parameters.get('uri') ?? '';
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Schema['TokenKeyMade']>();
  const [open, setOpen] = useState<{ act: Act; of: Key }>();
  const [version, setVersion] = useState(0);
  const close = (done: boolean) => { setOpen(undefined); if (done) setVersion(version + 1); };
  const manage = may('settings:manage');
  const name = decodeURIComponent(/[:;]token=([^;]*)/.exec(token)?.[1] ?? token);
  const act = (what: Act, text: string, of: Key) => <Button size="sm" variant="link" aria-label={`${text}: ${nameOf(of)}`} onClick={() => setOpen({ act: what, of })}>{text}</Button>;
  const columns: Column<Key>[] = [
    { id: 'label', title: t('label'), text: (k) => k.label, cell: (k) => k.label || '–' },
    { id: 'id', title: t('keyId'), text: idOf, cell: (k) => <code>{idOf(k)}</code> },
    { id: 'type', title: t('keyType'), text: (k) => (k.key === null ? '' : nameOfKey(k.key)), cell: (k) => (k.key === null ? k.problem ?? '–' : nameOfKey(k.key)) },
    { id: 'used', title: t('usedBy'), text: (k) => k.usedBy.join(' '), cell: (k) => k.usedBy.join(', ') || '–' },
    { id: 'made', title: t('madeInToken'), text: (k) => String(k.madeInToken), cell: (k) => (k.madeInToken ? t('yes') : t('no')) },
    { id: 'attested', title: t('attestation'), text: (k) => String(k.attestation?.verified ?? ''), cell: (k) => <Attestation of={k} /> },
    { id: 'created', title: t('createdAt'), text: (k) => k.createdAt ?? '', cell: (k) => <><When at={k.createdAt} /> {k.createdBy}</>, hidden: true },
    { id: 'uri', title: 'URI', text: (k) => k.uri, cell: (k) => <code className="gh-small">{k.uri}</code>, hidden: true },
    {
      id: 'acts', title: t('acts'), text: () => '', cell: (k) => (
        <>
          {act('check', t('checkToken'), k)}
          {manage && k.key !== null && act('csr', 'CSR', k)}
          {k.publicKey !== null && <Button size="sm" variant="link" aria-label={`${t('publicKey')}: ${nameOf(k)}`} onClick={() => saveFile(new Blob([k.publicKey ?? ''], { type: 'application/x-pem-file' }), `${k.label || 'key'}.pub.pem`)}>{t('publicKey')}</Button>}
          {manage && act('store', t('storeCertificate'), k)}
          {manage && act('delete', t('delete'), k)}
        </>
      ),
    },
  ];
  return (
    <Page title={t('tokenKeys', { name })} actions={<>{manage && <Button onClick={() => setMaking(true)}>{t('newKey')}</Button>}<Link className="pf-v6-c-button pf-m-secondary" to="/tokens">{t('tokens')}</Link></>}>
      <DataList paged={false} name="token-keys" label={t('tokenKeys', { name })} path="/token-keys" query={{ uri: token }} columns={columns} id={(k) => k.uri} empty={t('noTokenKey')} version={version} />
      {making && <NewKey token={token} close={() => setMaking(false)} made={(key) => { setMaking(false); setMade(key); setVersion(version + 1); }} />}
      {made !== undefined && <Shown title={t('tokenKeyMade')} text={made.csr} name={`${made.key.label || 'key'}.csr`} close={() => setMade(undefined)} />}
      {open?.act === 'csr' && <Csr of={open.of} close={() => setOpen(undefined)} />}
      {open?.act === 'store' && <Store of={open.of} close={close} />}
      {open?.act === 'check' && <TokenCheck uri={open.of.uri} name={nameOf(open.of)} close={() => setOpen(undefined)} />}
      {open?.act === 'delete' && <Delete of={open.of} close={close} />}
    </Page>
  );
}
