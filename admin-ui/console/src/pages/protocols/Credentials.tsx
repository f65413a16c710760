import { Button, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../../api/client';
import { Confirm } from '../../parts/Confirm';
import { DataList, type Column } from '../../parts/DataList';
import { FormDialog, Once } from '../../parts/Dialog';
import { Pick } from '../../parts/pick';
import { StateLabel, When } from '../../parts/small';
import { useSession } from '../../session';
import { t } from '../../texts';

type Credential = Schema['Credential'];

const kindName = (kind: Credential['kind']): string => t(`credential-${kind}`);

function NewCredential({ template, kinds, close, made }: { template: string; kinds: readonly Credential['kind'][]; close: () => void; made: (one: Credential) => void }) {
  const [kind, setKind] = useState<string>(kinds[0] ?? 'challenge');
  const [name, setName] = useState('');
  const [minutes, setMinutes] = useState('1440');
  const named = kind === 'mac' || kind === 'code';
  return (
    <FormDialog title={t('newCredential')} act={t('create')} ready={!named || name.trim() !== ''} close={close}
      run={() => api.post<Credential>(`/templates/${template}/credentials`, { kind, ...(named ? { name } : { label: name }), validMinutes: Number(minutes), uses: 1 }).then(made)}>
      <Pick id="credential-kind" label={t('kind')} value={kind} set={setKind} choices={kinds.map((one) => [one, kindName(one)] as const)} />
      <FormGroup label={named ? t('reference') : t('label')} fieldId="credential-name"><TextInput id="credential-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="credential-minutes" label={t('validFor')} value={minutes} set={setMinutes} choices={[['60', t('oneHour')], ['1440', t('oneDay')], ['10080', t('oneWeek')], ['43200', t('inDays', { days: 30 })]]} />
    </FormDialog>
  );
}

/** One-time passwords and shared secrets of a template: made here, shown once. */
export function Credentials({ template, kinds }: { template: string; kinds: readonly Credential['kind'][] }) {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Credential>();
  const [ending, setEnding] = useState<Credential>();
  const [version, setVersion] = useState(0);
  const columns: Column<Credential>[] = [
    { id: 'kind', title: t('kind'), text: (c) => c.kind, cell: (c) => kindName(c.kind) },
    { id: 'name', title: t('name'), text: (c) => c.name || c.label, cell: (c) => c.name || c.label || '–' },
    { id: 'state', title: t('state'), text: (c) => c.state, cell: (c) => <StateLabel state={c.state} /> },
    { id: 'uses', title: t('uses'), text: (c) => String(c.used), cell: (c) => `${c.used} / ${c.uses === 0 ? '∞' : c.uses}` },
    { id: 'maker', title: t('actor'), text: (c) => c.maker.name, cell: (c) => c.maker.name },
    { id: 'expires', title: t('expires'), text: (c) => c.expiresAt ?? '', cell: (c) => (c.expiresAt === null ? t('never') : <When at={c.expiresAt} />) },
    { id: 'acts', title: t('acts'), text: () => '', cell: (c) => c.state === 'available' && <Button size="sm" variant="link" onClick={() => setEnding(c)}>{t('end')}</Button> },
  ];
  const done = () => setVersion(version + 1);
  return (
    <>
      {may('requests:create') && <div><Button onClick={() => setMaking(true)}>{t('newCredential')}</Button></div>}
      <DataList name="credentials" label={t('credentials')} path={`/templates/${template}/credentials`} columns={columns} id={(c) => c.id} empty={t('noCredential')} version={version} />
      {making && <NewCredential template={template} kinds={kinds} close={() => setMaking(false)} made={(one) => { setMaking(false); setMade(one); done(); }} />}
      {made !== undefined && <Once title={kindName(made.kind)} close={() => setMade(undefined)} secrets={[...(made.name === '' ? [] : [[t('reference'), made.name] as const]), [t('secret'), made.secret ?? '']]} />}
      {ending !== undefined && <Confirm title={t('end')} act={t('end')} run={() => api.delete(`/credentials/${ending.id}`)} close={(ok) => { setEnding(undefined); if (ok) done(); }}>{t('endTokenSays')}</Confirm>}
    </>
  );
}
