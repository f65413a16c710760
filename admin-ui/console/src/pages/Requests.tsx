import { Alert, Button, FormGroup, FormSelect, FormSelectOption, TextInput, ToolbarItem } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { TemplateLink } from '../parts/names';
import { Pick, useTemplates } from '../parts/pick';
import { counted, Page, StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { stateText, t } from '../texts';
import { fieldName } from '../texts/fields';
import { Outcomes, type Outcome } from './RequestActs';

type Request = Schema['Request'];

const columns: Column<Request>[] = [
  { id: 'subject', title: t('subject'), text: (r) => r.subject, cell: (r) => <Link to={`/requests/${r.id}`}>{r.subject || r.sans[0] || r.id}</Link> },
  { id: 'state', title: t('state'), text: (r) => r.state, cell: (r) => <StateLabel state={r.state} /> },
  { id: 'sans', title: t('sans'), text: (r) => r.sans.join(' '), cell: (r) => <span className="gh-names">{r.sans.slice(0, 3).join(', ') + (r.sans.length > 3 ? ` +${r.sans.length - 3}` : '')}</span> },
  { id: 'template', title: t('template'), text: (r) => r.template, cell: (r) => <TemplateLink of={r.template} /> },
  { id: 'door', title: t('door'), text: (r) => r.door, cell: (r) => fieldName('doors', r.door), hidden: true },
  { id: 'requester', title: t('requester'), text: (r) => r.requester ?? '', cell: (r) => r.requester ?? '–' },
  { id: 'key', title: t('key'), text: (r) => r.keyType, cell: (r) => r.keyType, hidden: true },
  { id: 'created', title: t('askedAt'), sort: 'createdAt', text: (r) => r.createdAt, cell: (r) => <When at={r.createdAt} /> },
];

type Act = 'sign' | 'decline' | 'move';

/** Calls of at most a hundred, and what became of each request. */
function Bulk({ items, action, close }: { items: Request[]; action: Act; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('');
  const [template, setTemplate] = useState('');
  const [outcome, setOutcome] = useState<Outcome[]>();
  const templates = useTemplates();
  const cas = new Set(items.map((one) => one.ca));
  // A request stays with its authority.
  const able = action === 'move' && cas.size === 1 ? templates.list.filter((one) => cas.has(one.ca)) : [];
  const chosen = template === '' ? able[0]?.id ?? '' : template;
  const run = async () => {
    const results: Outcome[] = [];
    for (let i = 0; i < items.length; i += 100) {
      const part = items.slice(i, i + 100);
      const answer = await api.post<Schema['BatchResult']>('/requests/batch', { action, ids: part.map((one) => one.id), ...(action === 'decline' ? { reason } : {}), ...(action === 'move' ? { template: chosen } : {}) });
      for (const one of answer.items) {
        const was = part.find((item) => item.id === one.id);
        results.push({ id: one.id, name: was?.subject || was?.sans[0] || one.id, ok: one.ok, detail: one.problem?.detail ?? one.request?.state ?? '' });
      }
    }
    setOutcome(results);
  };
  if (outcome !== undefined) return <Outcomes title={t(action)} items={outcome} place="/requests" close={() => close(true)} />;
  if (action === 'move')
    return (
      <FormDialog title={t('moveRequest')} act={t('move')} ready={chosen !== ''} run={run} close={close} stays>
        <p>{t('moveSays')}</p>
        {cas.size > 1 ? <Alert isInline variant="warning" title={t('moveOneAuthority')} /> : <Pick id="bulk-template" label={t('template')} value={chosen} set={setTemplate} choices={able.map((one) => [one.id, one.name] as const)} />}
      </FormDialog>
    );
  return (
    <FormDialog title={t(action)} act={t(action)} ready run={run} close={close} stays>
      <p>{t('bulkSays', { count: items.length, action: t(action) })}</p>
      {action === 'decline' && <FormGroup label={t('reason')} fieldId="bulk-reason"><TextInput id="bulk-reason" value={reason} onChange={(_, value) => setReason(value)} /></FormGroup>}
    </FormDialog>
  );
}

export default function Requests() {
  const [parameters, setParameters] = useSearchParams();
  const { ca } = useScope();
  const { may } = useSession();
  const [bulk, setBulk] = useState<{ items: Request[]; action: Act; done: () => void }>();
  const state = parameters.get('state') ?? '';
  const total = useLoad(() => api.get<Schema['Count']>('/requests/count', { ca, state }), `requests-count?${ca}?${state}`, 30000);
  return (
    <Page title={t('requests')} actions={may('requests:create') && <Button component={(props) => <Link {...props} to="/request" />}>{t('newRequest')}</Button>}>
      <DataList name="requests" label={t('requests')} path={ca === '' ? '/requests' : `/cas/${ca}/requests`} query={{ state }} views columns={columns} id={(r) => r.id} empty={t('noRequest')} total={total.value === undefined ? undefined : counted(total.value)}
        bulk={may('requests:decide') ? (items, done) => (
          <>
            <Button size="sm" onClick={() => setBulk({ items, action: 'sign', done })}>{t('sign')} ({items.length})</Button>{' '}
            <Button size="sm" variant="secondary" onClick={() => setBulk({ items, action: 'decline', done })}>{t('decline')} ({items.length})</Button>{' '}
            <Button size="sm" variant="secondary" onClick={() => setBulk({ items, action: 'move', done })}>{t('move')} ({items.length})</Button>
          </>
        ) : undefined}
        filters={(
          <ToolbarItem>
            <FormSelect aria-label={t('state')} value={state} onChange={(_, value) => { const next = new URLSearchParams(parameters); if (value === '') next.delete('state'); else next.set('state', value); setParameters(next); }}>
              <FormSelectOption value="" label={t('everyState')} />
              {['pending', 'approved', 'awaiting-csr', 'issued', 'declined', 'cancelled', 'expired'].map((one) => <FormSelectOption key={one} value={one} label={stateText(one)} />)}
            </FormSelect>
          </ToolbarItem>
        )} />
      {bulk !== undefined && <Bulk items={bulk.items} action={bulk.action} close={(done) => { setBulk(undefined); if (done) bulk.done(); }} />}
    </Page>
  );
}
