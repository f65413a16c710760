import { Button, Modal, ModalBody, ModalHeader, SearchInput, ToolbarItem } from '@patternfly/react-core';
import { useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import type { Schema } from '../api/client';
import { DataList, type Column } from '../parts/DataList';
import { CodeText, Page, StateLabel, When } from '../parts/small';
import { t } from '../texts';

type Event = Schema['Event'];
const who = (e: Event) => (e.actor as { name?: string }).name ?? '';

export default function Events() {
  const [parameters, setParameters] = useSearchParams();
  const [shown, setShown] = useState<Event>();
  const [code, setCode] = useState(parameters.get('code') ?? '');
  const [object, setObject] = useState(parameters.get('object') ?? '');
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(parameters);
    if (value === '') next.delete(name);
    else next.set(name, value);
    setParameters(next);
  };
  const columns: Column<Event>[] = [
    { id: 'at', title: t('time'), text: (e) => e.at, cell: (e) => <When at={e.at} /> },
    { id: 'code', title: t('event'), text: (e) => e.code, cell: (e) => <Button variant="link" isInline onClick={() => setShown(e)}>{e.code}</Button> },
    { id: 'outcome', title: t('outcome'), text: (e) => e.outcome, cell: (e) => <StateLabel state={e.outcome} /> },
    { id: 'actor', title: t('actor'), text: who, cell: who },
    { id: 'object', title: t('object'), text: (e) => e.object ?? '', cell: (e) => <>{e.objectKind} {e.object}</> },
    { id: 'address', title: t('address'), text: (e) => e.address ?? '', cell: (e) => e.address ?? '–' },
    { id: 'request', title: t('request'), text: (e) => e.requestId ?? '', cell: (e) => <code>{e.requestId}</code>, hidden: true },
  ];
  return (
    <Page title={t('events')}>
      <DataList name="events" label={t('events')} path="/events" query={{ code: parameters.get('code') ?? '', object: parameters.get('object') ?? '', since: parameters.get('since') ?? '', until: parameters.get('until') ?? '' }} columns={columns} id={(e) => e.id} empty={t('nothingHere')}
        filters={(
          <>
            <ToolbarItem><SearchInput aria-label={t('event')} placeholder={t('event')} value={code} onChange={(_, value) => setCode(value)} onSearch={() => set('code', code.trim())} onClear={() => { setCode(''); set('code', ''); }} /></ToolbarItem>
            <ToolbarItem><SearchInput aria-label={t('object')} placeholder={t('object')} value={object} onChange={(_, value) => setObject(value)} onSearch={() => set('object', object.trim())} onClear={() => { setObject(''); set('object', ''); }} /></ToolbarItem>
            {(['since', 'until'] as const).map((name) => (
              <ToolbarItem key={name}><label className="gh-day">{t(name)}{' '}<input type="date" value={(parameters.get(name) ?? '').slice(0, 10)} onChange={(event) => set(name, event.target.value === '' ? '' : `${event.target.value}T00:00:00Z`)} /></label></ToolbarItem>
            ))}
          </>
        )} />
      {shown !== undefined && (
        <Modal isOpen variant="medium" onClose={() => setShown(undefined)} aria-labelledby="event-title">
          <ModalHeader title={shown.code} labelId="event-title" />
          <ModalBody><CodeText label={shown.code} text={JSON.stringify(shown, null, 2)} /></ModalBody>
        </Modal>
      )}
    </Page>
  );
}
