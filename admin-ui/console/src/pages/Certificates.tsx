import { FormSelect, FormSelectOption, SearchInput, ToolbarItem } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import type { Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { DataList, type Column } from '../parts/DataList';
import { Page, StateLabel, When } from '../parts/small';
import { t } from '../texts';

type Certificate = Schema['Certificate'];
const DAY = 86400000;

const columns: Column<Certificate>[] = [
  { id: 'name', title: t('name'), text: (c) => c.commonName ?? c.subject, cell: (c) => <Link to={`/certificates/${c.id}`}>{c.commonName ?? (c.subject || c.sans[0] || c.serial)}</Link> },
  { id: 'state', title: t('state'), text: (c) => c.state, cell: (c) => <StateLabel state={c.state} /> },
  { id: 'sans', title: t('sans'), text: (c) => c.sans.join(' '), cell: (c) => c.sans.slice(0, 3).join(', ') + (c.sans.length > 3 ? ` +${c.sans.length - 3}` : '') },
  { id: 'ca', title: t('authority'), text: (c) => c.ca ?? '', cell: (c) => (c.ca === null ? '–' : <Link to={`/cas/${c.ca}`}>{c.ca}</Link>) },
  { id: 'template', title: t('template'), text: (c) => c.template ?? '', cell: (c) => (c.template === null ? c.use : <Link to={`/templates/${c.template}`}>{c.template}</Link>) },
  { id: 'key', title: t('key'), text: (c) => c.keyType, cell: (c) => c.keyType },
  { id: 'until', title: t('validUntil'), text: (c) => c.notAfter, cell: (c) => <When at={c.notAfter} dateOnly /> },
  { id: 'created', title: t('issuedAt'), text: (c) => c.createdAt, cell: (c) => <When at={c.createdAt} />, hidden: true },
  { id: 'serial', title: t('serial'), text: (c) => c.serial, cell: (c) => <code>{c.serial}</code>, hidden: true },
  { id: 'requester', title: t('requester'), text: (c) => c.requester ?? '', cell: (c) => c.requester ?? '–', hidden: true },
];

export default function Certificates() {
  const [parameters, setParameters] = useSearchParams();
  const { ca } = useScope();
  const q = parameters.get('q') ?? '';
  const state = parameters.get('state') ?? '';
  const days = parameters.get('days') ?? '';
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(parameters);
    if (value === '') next.delete(name);
    else next.set(name, value);
    setParameters(next);
  };
  // To the day: a time that moves with every drawing would be another list each time.
  const before = days === '' ? undefined : new Date(Math.floor(Date.now() / DAY) * DAY + (Number(days) + 1) * DAY).toISOString();
  return (
    <Page title={t('certificates')}>
      <DataList name="certificates" label={t('certificates')} path={ca === '' ? '/certificates' : `/cas/${ca}/certificates`} query={{ q, state, expiresBefore: before }} columns={columns} id={(c) => c.id} empty={t('noCertificate')}
        filters={(
          <>
            <ToolbarItem><SearchInput aria-label={t('search')} placeholder={t('findCertificate')} value={text} onChange={(_, value) => setText(value)} onSearch={() => set('q', text.trim())} onClear={() => set('q', '')} /></ToolbarItem>
            <ToolbarItem>
              <FormSelect aria-label={t('state')} value={state} onChange={(_, value) => set('state', value)}>
                <FormSelectOption value="" label={t('everyState')} />
                {['valid', 'expired', 'revoked', 'held'].map((one) => <FormSelectOption key={one} value={one} label={one} />)}
              </FormSelect>
            </ToolbarItem>
            <ToolbarItem>
              <FormSelect aria-label={t('expiring')} value={days} onChange={(_, value) => set('days', value)}>
                <FormSelectOption value="" label={t('anyEnd')} />
                {['1', '7', '15', '30', '90'].map((one) => <FormSelectOption key={one} value={one} label={t('expiringIn', { days: one })} />)}
              </FormSelect>
            </ToolbarItem>
          </>
        )} />
    </Page>
  );
}
