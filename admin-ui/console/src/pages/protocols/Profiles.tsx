import { Button, FormGroup, TextArea, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../../api/client';
import { Confirm } from '../../parts/Confirm';
import { DataList, type Column } from '../../parts/DataList';
import { FormDialog, Once } from '../../parts/Dialog';
import { Pick } from '../../parts/pick';
import { StateLabel, When } from '../../parts/small';
import { useSession } from '../../session';
import { t } from '../../texts';

type Profile = Schema['ScepProfile'];

const linesOf = (text: string): string[] => text.split('\n').map((one) => one.trim()).filter((one) => one !== '');
const stateOf = (p: Profile): string => (p.revoked ? 'revoked' : p.used >= p.uses ? 'consumed' : new Date(p.expiresAt) < new Date() ? 'expired' : 'available');

function NewProfile({ path, close, made }: { path: string; close: () => void; made: (one: Profile) => void }) {
  const [platform, setPlatform] = useState('ios');
  const [name, setName] = useState('');
  const [cn, setCn] = useState('');
  const [sans, setSans] = useState('');
  const [email, setEmail] = useState('');
  const [ssid, setSsid] = useState('');
  const [vpn, setVpn] = useState('');
  const [days, setDays] = useState('7');
  const text = (id: string, label: string, value: string, set: (value: string) => void, example?: string) => (
    <FormGroup label={label} fieldId={id}><TextInput id={id} value={value} placeholder={example} onChange={(_, next) => set(next)} /></FormGroup>
  );
  const run = () => api.post<Profile>(path, {
    platform, subject: { CN: cn.trim() }, validDays: Number(days), uses: 1, ...(name.trim() === '' ? {} : { name: name.trim() }), ...(sans.trim() === '' ? {} : { sans: linesOf(sans) }),
    ...(email.trim() === '' ? {} : { email: email.trim() }), ...(ssid.trim() === '' ? {} : { wifi: { ssid: ssid.trim() } }), ...(vpn.trim() === '' ? {} : { vpn: { server: vpn.trim() } }),
  }).then(made);
  return (
    <FormDialog title={t('newProfile')} act={t('create')} ready={cn.trim() !== ''} close={close} run={run}>
      <p>{t('newProfileSays')}</p>
      <Pick id="profile-platform" label={t('platform')} value={platform} set={setPlatform} choices={[['ios', 'iOS, iPadOS'], ['macos', 'macOS']]} />
      {text('profile-cn', 'Common Name (CN)', cn, setCn, 'alba@example.com')}
      {text('profile-name', t('nameOnDevice'), name, setName)}
      <FormGroup label={t('sansOneALine')} fieldId="profile-sans"><TextArea id="profile-sans" rows={2} value={sans} placeholder="email:alba@example.com" onChange={(_, value) => setSans(value)} /></FormGroup>
      {text('profile-ssid', t('wifiOfProfile'), ssid, setSsid)}
      {text('profile-vpn', t('vpnOfProfile'), vpn, setVpn)}
      {text('profile-email', t('mailLinkTo'), email, setEmail)}
      <FormGroup label={t('linkDays')} fieldId="profile-days"><TextInput id="profile-days" type="number" min={1} max={60} value={days} onChange={(_, value) => setDays(value)} /></FormGroup>
    </FormDialog>
  );
}

/** Apple devices that were approved beforehand: a link to a profile, once. */
export function Profiles({ template }: { template: string }) {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Profile>();
  const [ending, setEnding] = useState<Profile>();
  const [version, setVersion] = useState(0);
  const path = `/templates/${template}/scep/profiles`;
  const nameOf = (p: Profile): string => p.device.name ?? (typeof p.device.subject === 'object' ? String((p.device.subject as Record<string, unknown>)['CN'] ?? '') : p.device.subject ?? '');
  const columns: Column<Profile>[] = [
    { id: 'device', title: t('device'), text: nameOf, cell: (p) => nameOf(p) || '–' },
    { id: 'platform', title: t('platform'), text: (p) => p.device.platform ?? '', cell: (p) => (p.device.platform === 'macos' ? 'macOS' : 'iOS') },
    { id: 'state', title: t('state'), text: stateOf, cell: (p) => <StateLabel state={stateOf(p)} /> },
    { id: 'uses', title: t('uses'), text: (p) => String(p.used), cell: (p) => `${p.used} / ${p.uses}` },
    { id: 'maker', title: t('actor'), text: (p) => p.maker, cell: (p) => p.maker },
    { id: 'created', title: t('createdAt'), text: (p) => p.createdAt, cell: (p) => <When at={p.createdAt} />, hidden: true },
    { id: 'expires', title: t('expires'), text: (p) => p.expiresAt, cell: (p) => <When at={p.expiresAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (p) => stateOf(p) === 'available' && <Button size="sm" variant="link" aria-label={`${t('end')}: ${nameOf(p)}`} onClick={() => setEnding(p)}>{t('end')}</Button> },
  ];
  const done = () => setVersion(version + 1);
  return (
    <>
      <p>{t('profilesSay')}</p>
      {may('templates:manage') && <div><Button onClick={() => setMaking(true)}>{t('newProfile')}</Button></div>}
      <DataList name="scep-profiles" label={t('profiles')} path={path} columns={columns} id={(p) => p.id} empty={t('noProfile')} version={version} />
      {making && <NewProfile path={path} close={() => setMaking(false)} made={(one) => { setMaking(false); setMade(one); done(); }} />}
      {made !== undefined && <Once title={t('linkToProfile')} close={() => setMade(undefined)} secrets={[['URL', made.url ?? '']]} />}
      {ending !== undefined && <Confirm title={`${t('end')}: ${nameOf(ending)}`} act={t('end')} run={() => api.delete(`${path}/${ending.id}`)} close={(ok) => { setEnding(undefined); if (ok) done(); }}>{t('endProfileSays')}</Confirm>}
    </>
  );
}
