import { Button, FormGroup, FormSelect, FormSelectOption, TextInput, ToolbarItem } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { Page, StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type Request = Schema['Request'];

const columns: Column<Request>[] = [
  { id: 'subject', title: t('subject'), text: (r) => r.subject, cell: (r) => <Link to={`/requests/${r.id}`}>{r.subject || r.sans[0] || r.id}</Link> },
  { id: 'state', title: t('state'), text: (r) => r.state, cell: (r) => <StateLabel state={r.state} /> },
  { id: 'sans', title: t('sans'), text: (r) => r.sans.join(' '), cell: (r) => r.sans.slice(0, 3).join(', ') },
  { id: 'template', title: t('template'), text: (r) => r.template, cell: (r) => <Link to={`/templates/${r.template}`}>{r.template}</Link> },
  { id: 'door', title: t('door'), text: (r) => r.door, cell: (r) => r.door },
  { id: 'requester', title: t('requester'), text: (r) => r.requester ?? '', cell: (r) => r.requester ?? '–' },
  { id: 'key', title: t('key'), text: (r) => r.keyType, cell: (r) => r.keyType },
  { id: 'created', title: t('askedAt'), text: (r) => r.createdAt, cell: (r) => <When at={r.createdAt} /> },
];

/** One call for many, and what became of each. */
function Bulk({ items, action, close }: { items: Request[]; action: 'sign' | 'decline'; close: (done: boolean) => void }) {
  const [reason, setReason] = useState('');
  const run = async () => {
    const answer = await api.post<Schema['BatchResult']>('/requests/batch', { action, ids: items.map((one) => one.id), ...(action === 'decline' ? { reason } : {}) });
    const failed = answer.items.filter((one) => !one.ok);
    if (failed.length > 0) throw new Error(t('someFailed', { failed: failed.length, count: items.length, first: failed[0]?.problem?.detail ?? '' }));
  };
  return (
    <Confirm title={t(action)} act={t(action)} run={run} close={close}>
      <p>{t('bulkSays', { count: items.length, action: t(action) })}</p>
      {action === 'decline' && <FormGroup label={t('reason')} fieldId="bulk-reason"><TextInput id="bulk-reason" value={reason} onChange={(_, value) => setReason(value)} /></FormGroup>}
    </Confirm>
  );
}

export default function Requests() {
  const [parameters, setParameters] = useSearchParams();
  const { ca } = useScope();
  const { may } = useSession();
  const [bulk, setBulk] = useState<{ items: Request[]; action: 'sign' | 'decline'; done: () => void }>();
  const state = parameters.get('state') ?? '';
  return (
    <Page title={t('requests')} actions={may('requests:create') && <Button component={(props) => <Link {...props} to="/request" />}>{t('newRequest')}</Button>}>
      <DataList name="requests" label={t('requests')} path={ca === '' ? '/requests' : `/cas/${ca}/requests`} query={{ state }} columns={columns} id={(r) => r.id} empty={t('noRequest')}
        bulk={may('requests:decide') ? (items, done) => (
          <>
            <Button size="sm" onClick={() => setBulk({ items, action: 'sign', done })}>{t('sign')} ({items.length})</Button>{' '}
            <Button size="sm" variant="secondary" onClick={() => setBulk({ items, action: 'decline', done })}>{t('decline')} ({items.length})</Button>
          </>
        ) : undefined}
        filters={(
          <ToolbarItem>
            <FormSelect aria-label={t('state')} value={state} onChange={(_, value) => setParameters(value === '' ? {} : { state: value })}>
              <FormSelectOption value="" label={t('everyState')} />
              {['pending', 'approved', 'awaiting-csr', 'issued', 'declined', 'cancelled', 'expired'].map((one) => <FormSelectOption key={one} value={one} label={one} />)}
            </FormSelect>
          </ToolbarItem>
        )} />
      {bulk !== undefined && <Bulk items={bulk.items} action={bulk.action} close={(done) => { setBulk(undefined); if (done) bulk.done(); }} />}
    </Page>
  );
}
