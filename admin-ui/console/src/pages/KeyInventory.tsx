import { Button, Card, CardBody, CardTitle, DescriptionList, FormGroup, Progress as Bar, TextInput } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';
import { api, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { nameOfKey } from '../parts/keys';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { Copy, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { useSession } from '../session';
import { figure, t } from '../texts';
import { Row } from './Authority';

type Key = Schema['PrivateKey'];
type Status = Schema['KekStatus'];
type Kek = Schema['Kek'];

/** The key's fingerprint has to be typed: at least its first characters, as with a name. */
function Destroy({ of, close }: { of: Key; close: (done: boolean) => void }) {
  return (
    <Confirm title={t('destroyKey')} act={t('destroy')} danger name={of.fingerprint.slice(0, 16)} run={() => api.post(`/private-keys/${of.id}/destroy`, { fingerprint: of.fingerprint })} close={close}>
      <p>{t('destroySays')}</p>
      <Copy label={t('fingerprint')} text={of.fingerprint} />
    </Confirm>
  );
}

/** Every private key of the instance: where it is, what uses it, how often it was used. */
export function Inventory() {
  const { may } = useSession();
  const [destroying, setDestroying] = useState<Key>();
  const [version, setVersion] = useState(0);
  const columns: Column<Key>[] = [
    { id: 'used', title: t('usedBy'), text: (k) => k.usedBy.join(' '), cell: (k) => k.usedBy.join(', ') || k.name || '–' },
    { id: 'type', title: t('keyType'), text: (k) => nameOfKey(k.key), cell: (k) => nameOfKey(k.key) },
    { id: 'kind', title: t('kind'), text: (k) => k.kind, cell: (k) => (k.kind === 'person' ? `${t('ofPerson')}: ${k.owner ?? ''}` : t('ofService')) },
    { id: 'where', title: t('where'), text: (k) => k.location, cell: (k) => <StateLabel state={k.location} /> },
    { id: 'uses', title: t('signatures'), text: (k) => String(k.uses), cell: (k) => figure(k.uses) },
    { id: 'last', title: t('lastUsed'), text: (k) => k.lastUsedAt ?? '', cell: (k) => <When at={k.lastUsedAt} /> },
    { id: 'created', title: t('createdAt'), text: (k) => k.createdAt, cell: (k) => <When at={k.createdAt} dateOnly />, hidden: true },
    { id: 'kek', title: t('wrappedBy'), text: (k) => k.kek ?? '', cell: (k) => <code>{k.kek === null ? '–' : `${k.kek.slice(0, 8)}…`}</code>, hidden: true },
    { id: 'uri', title: 'URI', text: (k) => k.uri ?? '', cell: (k) => <code className="gh-small">{k.uri ?? '–'}</code>, hidden: true },
    { id: 'fingerprint', title: t('fingerprint'), text: (k) => k.fingerprint, cell: (k) => <code>{k.fingerprint.slice(0, 16)}…</code> },
    ...(may('cas:manage') ? [{ id: 'acts', title: t('acts'), text: () => '', cell: (k: Key) => k.usedBy.length === 0 && k.location === 'database' && <Button size="sm" variant="link" aria-label={`${t('destroy')}: ${k.fingerprint.slice(0, 16)}`} onClick={() => setDestroying(k)}>{t('destroy')}</Button> }] : []),
  ];
  return (
    <>
      <p>{t('inventorySays')}</p>
      <DataList name="private-keys" label={t('keyInventory')} path="/private-keys" columns={columns} id={(k) => k.id} empty={t('nothingHere')} version={version} />
      {destroying !== undefined && <Destroy of={destroying} close={(done) => { setDestroying(undefined); if (done) setVersion(version + 1); }} />}
    </>
  );
}

function Rotate({ keks, close }: { keks: readonly Kek[]; close: (done: boolean) => void }) {
  const [kek, setKek] = useState('');
  return (
    <FormDialog title={t('rotateKek')} act={t('rotate')} ready close={close} run={() => api.post('/kek/rotation', kek === '' ? {} : { kek })}>
      <p>{t('rotateSays')}</p>
      <Pick id="kek-next" label={t('nextKek')} value={kek} set={setKek} choices={[['', t('freshKek')], ...keks.filter((one) => one.here && !one.active).map((one) => [one.id, one.id] as const)]} />
    </FormDialog>
  );
}

function Rotation({ status }: { status: Status }) {
  const { rotation } = status;
  return (
    <DescriptionList isHorizontal>
      <Row term={t('rotation')}><StateLabel state={rotation.state} /></Row>
      {rotation.state === 'done' && <Row term={t('keysWrapped')}>{figure(rotation.done)}</Row>}
      {(rotation.state === 'waiting' || rotation.state === 'running') && <Row term={t('keysWrapped')}><Bar aria-label={t('keysWrapped')} value={rotation.done} max={Math.max(1, rotation.keys)} label={`${rotation.done} / ${rotation.keys}`} /></Row>}
      {rotation.by !== null && <Row term={t('actor')}>{rotation.by}</Row>}
      {rotation.startedAt !== null && <Row term={t('since')}><When at={rotation.startedAt} /></Row>}
      {rotation.endedAt !== null && <Row term={t('ended')}><When at={rotation.endedAt} /></Row>}
      {rotation.problem !== null && <Row term={t('reason')}>{rotation.problem}</Row>}
    </DescriptionList>
  );
}

function Forget({ close }: { close: (done: boolean) => void }) {
  const [name, setName] = useState('');
  return (
    <FormDialog title={t('forgetNode')} act={t('forget')} ready={name.trim() !== ''} close={close} run={() => api.post('/kek/nodes/forget', { name: name.trim() })}>
      <p>{t('forgetSays')}</p>
      <FormGroup label={t('node')} fieldId="kek-node" isRequired><TextInput id="kek-node" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
    </FormDialog>
  );
}

/** The keys that wrap all managed keys: which node holds which, and the way from one to the next. */
export function WrappingKeys() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Status>('/kek'), 'kek', 3000);
  const [open, setOpen] = useState<{ act: 'rotate' | 'forget' } | { act: 'remove'; kek: Kek }>();
  const [problem, setProblem] = useState<Problem>();
  const status = loaded.value;
  const manage = may('settings:manage');
  const close = (done: boolean) => { setOpen(undefined); if (done) loaded.reload(); };
  if (status === undefined) return loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />;
  const going = status.rotation.state === 'waiting' || status.rotation.state === 'running';
  const cancel = () => { void api.delete('/kek/rotation').then(loaded.reload, (reason: unknown) => setProblem(asProblem(reason))); };
  const table = (label: string, heads: string[], rows: [string, ReactNode[]][]) => (
    <div className="gh-wide" tabIndex={0} role="group" aria-label={label}>
      <table className="gh-table gh-stacking"><thead><tr>{heads.map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
        <tbody>{rows.map(([key, cells]) => <tr key={key}>{cells.map((cell, index) => <td key={heads[index]} data-label={heads[index]}>{cell}</td>)}</tr>)}</tbody></table>
    </div>
  );
  return (
    <>
      <p>{t('kekSays')}</p>
      <ProblemAlert problem={problem ?? loaded.problem} />
      {manage && (
        <div className="gh-actions">
          <Button isDisabled={going} onClick={() => setOpen({ act: 'rotate' })}>{t('rotateKek')}</Button>
          {status.rotation.state === 'waiting' && <Button variant="secondary" onClick={cancel}>{t('cancelRotation')}</Button>}
          {status.nodes.length > 1 && <Button variant="link" onClick={() => setOpen({ act: 'forget' })}>{t('forgetNode')}</Button>}
        </div>
      )}
      <Card><CardTitle component="h2">{t('rotation')}</CardTitle><CardBody><Rotation status={status} /></CardBody></Card>
      <h2>{t('keks')}</h2>
      {table(t('keks'), ['Id', t('state'), t('here'), t('keysWrapped'), t('acts')], status.keks.map((kek) => [kek.id, [
        <code key="id" className="gh-small">{kek.id}</code>, <StateLabel key="state" state={kek.active ? 'active' : kek.next ? 'next' : 'retired'} />, kek.here ? t('yes') : t('no'), figure(kek.keys),
        manage && !kek.active && !kek.next && kek.keys === 0 && kek.here ? <Button key="act" size="sm" variant="link" aria-label={t('removeName', { name: kek.id })} onClick={() => setOpen({ act: 'remove', kek })}>{t('remove')}</Button> : '–',
      ]]))}
      <h2>{t('nodes')}</h2>
      {table(t('nodes'), [t('node'), t('lastSeen'), t('state'), t('keks')], status.nodes.map((node) => [node.name, [
        node.name, <When key="seen" at={node.seenAt} />, node.lacksKek ? <><StateLabel state="waiting" /> {t('lacksKek')}</> : <StateLabel state="active" />, node.keks.map((one) => `${one.slice(0, 8)}…`).join(', '),
      ]]))}
      <h2>{t('shares')}</h2>
      <p>{t('sharesSay')}</p>
      <Copy label={t('splitKek')} text="gatehouse kek split 3/5" />
      <Copy label={t('joinKek')} text="gatehouse kek join kek-share-1-of-5.txt kek-share-3-of-5.txt kek-share-4-of-5.txt" />
      {open?.act === 'rotate' && <Rotate keks={status.keks} close={close} />}
      {open?.act === 'forget' && <Forget close={close} />}
      {open?.act === 'remove' && <Confirm title={t('removeName', { name: open.kek.id.slice(0, 8) })} act={t('remove')} danger name={open.kek.id.slice(0, 8)} run={() => api.delete(`/keks/${open.kek.id}`)} close={close}>{t('removeKekSays')}</Confirm>}
    </>
  );
}
