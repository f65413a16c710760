import { Button, FormGroup, FormSelect, FormSelectOption, Label, SearchInput, TextInput, ToolbarItem } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, type Page as List, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { AuthorityLink, TemplateLink } from '../parts/names';
import { Pick } from '../parts/pick';
import { counted, Page, StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { stateText, t } from '../texts';
import { FieldDefinitions } from './CertificateFields';
import { ActOnAll } from './CertificateJobs';
import { Outcomes, type Outcome } from './RequestActs';

type Certificate = Schema['Certificate'];

const columns: Column<Certificate>[] = [
  { id: 'name', title: t('name'), text: (c) => c.commonName ?? c.subject, cell: (c) => <Link className="gh-names" to={`/certificates/${c.id}`}>{c.commonName ?? (c.subject || c.sans[0] || c.serial)}</Link> },
  { id: 'state', title: t('state'), text: (c) => c.state, cell: (c) => <StateLabel state={c.state} /> },
  { id: 'sans', title: t('sans'), text: (c) => c.sans.join(' '), cell: (c) => c.sans.length > 0 && <span className="gh-names">{c.sans.slice(0, 3).join(', ') + (c.sans.length > 3 ? ` +${c.sans.length - 3}` : '')}</span> },
  { id: 'ca', title: t('authority'), text: (c) => c.ca ?? '', cell: (c) => <AuthorityLink of={c.ca} /> },
  { id: 'template', title: t('template'), text: (c) => c.template ?? '', cell: (c) => (c.template === null ? c.use.toUpperCase() : <TemplateLink of={c.template} />) },
  { id: 'key', title: t('key'), text: (c) => c.keyType, cell: (c) => c.keyType },
  { id: 'until', title: t('validUntil'), sort: 'notAfter', text: (c) => c.notAfter, cell: (c) => <When at={c.notAfter} dateOnly /> },
  { id: 'created', title: t('issuedAt'), sort: 'createdAt', text: (c) => c.createdAt, cell: (c) => <When at={c.createdAt} />, hidden: true },
  { id: 'serial', title: t('serial'), text: (c) => c.serial, cell: (c) => <code>{c.serial}</code>, hidden: true },
  { id: 'tags', title: t('tags'), text: (c) => c.tags.join(' '), cell: (c) => c.tags.join(', ') || '–', hidden: true },
  { id: 'owner', title: t('owner'), text: (c) => c.owner ?? '', cell: (c) => c.owner ?? '–', hidden: true },
  { id: 'requester', title: t('requester'), text: (c) => c.requester ?? '', cell: (c) => c.requester ?? '–', hidden: true },
];

type View = Schema['View'];

/** Filters that were given a name; they belong to the user and are there in every browser. */
function Views({ filter, open }: { filter: string; open: (filter: string) => void }) {
  const views = useLoad(() => api.get<List<View>>('/views'), 'views');
  const [saving, setSaving] = useState(false);
  const [name, setName] = useState('');
  const items = (views.value?.items ?? []).filter((one) => !one.filter.startsWith('list='));
  const shown = items.find((one) => one.filter === filter);
  return (
    <>
      <ToolbarItem>
        <FormSelect aria-label={t('savedViews')} value={shown?.id ?? ''} onChange={(_, id) => open(items.find((one) => one.id === id)?.filter ?? '')}>
          <FormSelectOption value="" label={t('savedViews')} />
          {items.map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}
        </FormSelect>
      </ToolbarItem>
      <ToolbarItem>
        {shown === undefined
          ? <Button variant="secondary" isDisabled={filter === ''} onClick={() => setSaving(true)}>{t('saveView')}</Button>
          : <Button variant="secondary" onClick={() => void api.delete(`/views/${shown.id}`).then(views.reload)}>{t('deleteView')}</Button>}
      </ToolbarItem>
      {saving && (
        <FormDialog title={t('saveView')} act={t('save')} ready={name.trim() !== ''} close={(done) => { setSaving(false); if (done) views.reload(); }} run={() => api.post('/views', { name, filter })}>
          <FormGroup label={t('name')} fieldId="view-name" isRequired><TextInput id="view-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
        </FormDialog>
      )}
    </>
  );
}

type Action = 'revoke' | 'hold' | 'unhold' | 'archive' | 'tag';

/** One call for many; each certificate is changed by itself. */
function Bulk({ items, action, close }: { items: Certificate[]; action: Action; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('unspecified');
  const [tag, setTag] = useState('');
  const [outcome, setOutcome] = useState<Outcome[]>();
  const title = t(`bulk-${action}`);
  const run = async () => {
    const order = action === 'tag' ? { action: 'edit', addTags: tag.split(/[\s,]+/).filter((one) => one !== '') } : { action, ...(action === 'revoke' ? { reason } : {}) };
    const answer = await api.post<Schema['CertificateBatchResult']>('/certificates/batch', { ...order, ids: items.map((one) => one.id) });
    if (answer.items.every((one) => one.ok)) { close(true); return; }
    setOutcome(answer.items.map((one) => {
      const was = items.find((item) => item.id === one.id);
      return { id: one.id, name: was?.commonName ?? was?.serial ?? one.id, ok: one.ok, detail: one.problem?.detail ?? '' };
    }));
  };
  if (outcome !== undefined) return <Outcomes title={title} items={outcome} place="/certificates" close={() => close(true)} />;
  return (
    <Confirm title={title} act={title} danger={action === 'revoke'} name={action === 'revoke' ? String(items.length) : undefined} run={run} close={close}>
      <p>{t('bulkCertificatesSay', { action: title, count: items.length })}</p>
      {action === 'revoke' && <Pick id="bulk-reason" label={t('reason')} value={reason} set={setReason} choices={(['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn'] as const).map((one) => [one, t(`reason-${one}`)] as const)} />}
      {action === 'tag' && <FormGroup label={t('tags')} fieldId="bulk-tags"><TextInput id="bulk-tags" value={tag} onChange={(_, value) => setTag(value)} /></FormGroup>}
    </Confirm>
  );
}

export default function Certificates() {
  const [parameters, setParameters] = useSearchParams();
  const { ca, organisation } = useScope();
  const q = parameters.get('q') ?? '';
  const state = parameters.get('state') ?? '';
  const days = parameters.get('expiresWithin') ?? '';
  const tag = parameters.get('tag') ?? '';
  const [text, setText] = useState(q);
  const [tagText, setTagText] = useState(tag);
  useEffect(() => setText(q), [q]);
  useEffect(() => setTagText(tag), [tag]);
  const keyType = parameters.get('keyType') ?? '';
  const archived = parameters.get('archived') ?? '';
  const [whole, setWhole] = useState(false);
  const [defining, setDefining] = useState(false);
  const { may } = useSession();
  const [bulk, setBulk] = useState<{ items: Certificate[]; action: Action; done: () => void }>();
  // What ends within some days is valid now: the two filters exclude each other.
  const query = { q, state: days === '' ? state : '', tag, keyType, expiresWithin: days, archived };
  // Of the orders those that the server knows: a view and a file are for more than what is on the page.
  const sort = parameters.get('sort') ?? '';
  const sorted = columns.some((one) => one.sort !== undefined && one.sort === sort.replace(/^-/, ''));
  const viewed = new URLSearchParams(parameters);
  viewed.delete('scope'); // of a link: where it looks is the selector's
  if (!sorted) viewed.delete('sort');
  const total = useLoad(() => api.get<Schema['Count']>('/certificates/count', { ...query, ca, most: '5000' }), `count-${ca}-${JSON.stringify(query)}`, 30000);
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(parameters);
    if (name === 'state') next.delete('expiresWithin');
    if (name === 'expiresWithin') next.delete('state');
    if (value === '') next.delete(name);
    else next.set(name, value);
    setParameters(next);
  };
  return (
    <Page title={t('certificates')} actions={(
      <>
        {may('settings:manage') && <Button variant="secondary" onClick={() => setDefining(true)}>{t('ownFields')}</Button>}
        <Button variant="secondary" component={(props) => <Link {...props} to="/certificates/jobs" />}>{t('jobs')}</Button>
        {total.value !== undefined && total.value.count > 0 && <Button variant="secondary" onClick={() => setWhole(true)}>{t('actOnFound', { count: counted(total.value) })}</Button>}
      </>
    )}>
      <DataList name="certificates" label={t('certificates')} path={ca === '' ? '/certificates' : `/cas/${ca}/certificates`} query={query} columns={columns} id={(c) => c.id} empty={t('noCertificate')} total={total.value === undefined ? undefined : counted(total.value)}
        exports={['csv', 'json', 'zip'].map((format) => [format.toUpperCase(), api.href('/certificates/export', { ...query, ca, format, sort: sorted ? sort : '' })] as const)}
        bulk={may('certificates:edit') ? (items, done) => (
          <div className="gh-actions">{(['revoke', 'hold', 'unhold', 'tag', 'archive'] as const).filter((one) => one === 'tag' || one === 'archive' || may('certificates:revoke')).map((action) => (
            <Button key={action} size="sm" variant={action === 'revoke' ? 'danger' : 'secondary'} onClick={() => setBulk({ items, action, done })}>{t(`bulk-${action}`)} ({items.length})</Button>
          ))}</div>
        ) : undefined}
        filters={(
          <>
            <ToolbarItem><SearchInput aria-label={t('search')} placeholder={t('findCertificate')} value={text} onChange={(_, value) => setText(value)} onSearch={() => set('q', text.trim())} onClear={() => set('q', '')} /></ToolbarItem>
            <ToolbarItem>
              <FormSelect aria-label={t('state')} value={state} onChange={(_, value) => set('state', value)}>
                <FormSelectOption value="" label={t('everyState')} />
                {['valid', 'expired', 'revoked', 'held'].map((one) => <FormSelectOption key={one} value={one} label={stateText(one)} />)}
              </FormSelect>
            </ToolbarItem>
            <ToolbarItem>
              <FormSelect aria-label={t('expiring')} value={days} onChange={(_, value) => set('expiresWithin', value)}>
                <FormSelectOption value="" label={t('anyEnd')} />
                {['1', '7', '15', '30', '90'].map((one) => <FormSelectOption key={one} value={one} label={one === '1' ? t('expiringInOne') : t('expiringIn', { days: one })} />)}
              </FormSelect>
            </ToolbarItem>
            <ToolbarItem>
              <FormSelect aria-label={t('archived')} value={archived} onChange={(_, value) => set('archived', value)}>
                {([['', t('archivedHidden')], ['shown', t('archivedShown')], ['only', t('archivedOnly')]] as const).map(([one, text]) => <FormSelectOption key={one} value={one} label={text} />)}
              </FormSelect>
            </ToolbarItem>
            {keyType !== '' && <ToolbarItem><Label onClose={() => set('keyType', '')} closeBtnAriaLabel={`${t('remove')}: ${keyType}`}>{t('key')}: {keyType}</Label></ToolbarItem>}
            <ToolbarItem><SearchInput aria-label={t('tag')} placeholder={t('tag')} value={tagText} onChange={(_, value) => setTagText(value)} onSearch={() => set('tag', tagText.trim())} onClear={() => set('tag', '')} /></ToolbarItem>
            <Views filter={viewed.toString()} open={(filter) => setParameters(new URLSearchParams(filter))} />
          </>
        )} />
      {whole && <ActOnAll filter={{ ...query, ca, ...(ca === '' ? { organisation } : {}) }} close={() => setWhole(false)} />}
      {defining && <FieldDefinitions close={() => setDefining(false)} />}
      {bulk !== undefined && <Bulk items={bulk.items} action={bulk.action} close={(done) => { setBulk(undefined); if (done) { bulk.done(); total.reload(); } }} />}
    </Page>
  );
}
