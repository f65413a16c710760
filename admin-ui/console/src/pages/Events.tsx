import { Alert, Button, DescriptionList, FormSelect, FormSelectOption, Modal, ModalBody, ModalHeader, SearchInput, ToolbarItem } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { DataList, type Column } from '../parts/DataList';
import { useLoad } from '../parts/load';
import { prove, type Proof } from '../parts/seals';
import { CodeText, Page, ProblemAlert, StateLabel, Waiting, When } from '../parts/small';
import { stateText, t } from '../texts';
import { Row } from './Authority';

type Event = Schema['Event'];
type Members = Record<string, unknown>;
const who = (e: Event) => (e.actor as { name?: string }).name ?? '';

/** Where the object of an event has a page. */
const places: Record<string, (object: string) => string> = {
  ca: (id) => `/cas/${id}`, template: (id) => `/templates/${id}`, certificate: (id) => `/certificates/${id}`, request: (id) => `/requests/${id}`, user: (id) => `/users/${id}`,
};

function Thing({ of }: { of: Event }) {
  if (of.object === null) return <>{of.objectKind ?? '–'}</>;
  const place = places[of.objectKind ?? '']?.(of.object);
  return <span className="gh-names">{of.objectKind} {place === undefined ? of.object : <Link to={place}>{of.object}</Link>}</span>;
}

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Paths of a document and their values: {"a":{"b":1}} is a.b = 1. */
function flat(value: unknown, path = ''): [string, string][] {
  if (isMembers(value) && Object.keys(value).length > 0) return Object.entries(value).flatMap(([name, inner]) => flat(inner, path === '' ? name : `${path}.${name}`));
  return [[path, typeof value === 'string' ? value : JSON.stringify(value) ?? '']];
}

interface Change { path: string; before?: string; after?: string }

/** What an event says of a change: "before" and "after", or a list of changes with both. */
function changesOf(details: Members): Change[] {
  if (Array.isArray(details['changes']))
    return (details['changes'] as Members[]).map((one) => ({ path: String(one['path'] ?? ''), before: one['before'] === undefined ? undefined : JSON.stringify(one['before']), after: one['after'] === undefined ? undefined : JSON.stringify(one['after']) }));
  if (!('before' in details || 'after' in details)) return [];
  const [before, after] = [new Map(flat(details['before'] ?? {})), new Map(flat(details['after'] ?? {}))];
  return [...new Set([...before.keys(), ...after.keys()])].map((path) => ({ path, before: before.get(path), after: after.get(path) })).filter((one) => one.before !== one.after);
}

function Changes({ of }: { of: Change[] }) {
  return (
    <div className="gh-wide" tabIndex={0} role="group" aria-label={t('changes')}>
      <table className="gh-table">
        <thead><tr>{[t('field'), t('asItWas'), t('asItIs')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
        <tbody>{of.map((one) => <tr key={one.path}><td><code>{one.path || '–'}</code></td><td className="gh-was">{one.before ?? '–'}</td><td className="gh-is">{one.after ?? '–'}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

/** Proves in this browser that the event is under a seal. */
function Mark({ of }: { of: Event }) {
  const proof = useLoad<Proof>(() => prove(of), `proof-${of.id}`);
  if (proof.problem !== undefined) return <ProblemAlert problem={proof.problem} retry={proof.reload} />;
  if (proof.value === undefined) return <Waiting />;
  const number = proof.value.seal?.number ?? 0;
  switch (proof.value.kind) {
    case 'sealed': return <Alert isInline isPlain variant="success" title={t('chainSealed', { number })} />;
    case 'changed': return <Alert isInline variant="danger" title={t('chainChanged', { number })} />;
    case 'archived': return <Alert isInline isPlain variant="info" title={t('chainArchived', { number })} />;
    default: return <Alert isInline isPlain variant="info" title={t('chainUnsealed')} actionLinks={<Button variant="link" isInline onClick={proof.reload}>{t('refresh')}</Button>} />;
  }
}

function One({ of, close }: { of: Event; close: () => void }) {
  const details = of.details as Members;
  const changes = changesOf(details);
  const told = flat(Object.fromEntries(Object.entries(details).filter(([name]) => changes.length === 0 || !['before', 'after', 'changes'].includes(name)))).filter(([path]) => path !== '');
  return (
    <Modal isOpen variant="large" onClose={close} aria-labelledby="event-title">
      <ModalHeader title={of.code} labelId="event-title" />
      <ModalBody className="gh-stack">
        <Mark of={of} />
        <DescriptionList isHorizontal isCompact>
          <Row term={t('time')}><When at={of.at} /></Row>
          <Row term={t('outcome')}><StateLabel state={of.outcome} /></Row>
          <Row term={t('actor')}>{who(of)}</Row>
          <Row term={t('object')}><Thing of={of} /></Row>
          {of.address !== null && <Row term={t('address')}>{of.address}</Row>}
          {told.map(([path, value]) => <Row key={path} term={path}><span className="gh-broken">{value}</span></Row>)}
        </DescriptionList>
        {changes.length > 0 && <><h2>{t('changes')}</h2><Changes of={changes} /></>}
        <details><summary>{t('wholeEvent')}</summary><CodeText label={of.code} text={JSON.stringify(of, null, 2)} /></details>
      </ModalBody>
    </Modal>
  );
}

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
  const outcome = parameters.get('outcome') ?? '';
  const columns: Column<Event>[] = [
    { id: 'at', title: t('time'), sort: 'at', text: (e) => e.at, cell: (e) => <When at={e.at} /> },
    { id: 'code', title: t('event'), text: (e) => e.code, cell: (e) => <Button variant="link" isInline onClick={() => setShown(e)}>{e.code}</Button> },
    { id: 'outcome', title: t('outcome'), text: (e) => e.outcome, cell: (e) => <StateLabel state={e.outcome} /> },
    { id: 'actor', title: t('actor'), text: who, cell: who },
    { id: 'object', title: t('object'), text: (e) => `${e.objectKind ?? ''} ${e.object ?? ''}`, cell: (e) => <Thing of={e} /> },
    { id: 'address', title: t('address'), text: (e) => e.address ?? '', cell: (e) => e.address ?? '–' },
    { id: 'request', title: t('request'), text: (e) => e.requestId ?? '', cell: (e) => <code>{e.requestId}</code>, hidden: true },
  ];
  const query = { code: parameters.get('code') ?? '', object: parameters.get('object') ?? '', since: parameters.get('since') ?? '', until: parameters.get('until') ?? '' };
  // Outcomes are told apart here: a page of them is filled from as many events as it takes, two thousand at most.
  const load = outcome === '' ? undefined : async () => ({ items: (await api.all<Event>('/events', query)).filter((one) => one.outcome === outcome), next: null });
  return (
    <Page title={t('events')}>
      <DataList key={outcome} name="events" label={t('events')} path="/events" query={query} load={load} paged={load === undefined} views columns={columns} id={(e) => e.id} empty={t('nothingHere')}
        filters={(
          <>
            <ToolbarItem><SearchInput aria-label={t('event')} placeholder={t('event')} value={code} onChange={(_, value) => setCode(value)} onSearch={() => set('code', code.trim())} onClear={() => { setCode(''); set('code', ''); }} /></ToolbarItem>
            <ToolbarItem><SearchInput aria-label={t('object')} placeholder={t('object')} value={object} onChange={(_, value) => setObject(value)} onSearch={() => set('object', object.trim())} onClear={() => { setObject(''); set('object', ''); }} /></ToolbarItem>
            <ToolbarItem>
              <FormSelect aria-label={t('outcome')} value={outcome} onChange={(_, value) => set('outcome', value)}>
                <FormSelectOption value="" label={t('anyOutcome')} />
                {['success', 'failure', 'refused'].map((one) => <FormSelectOption key={one} value={one} label={stateText(one)} />)}
              </FormSelect>
            </ToolbarItem>
            {(['since', 'until'] as const).map((name) => (
              <ToolbarItem key={name}><label className="gh-day">{t(name)}{' '}<input type="date" value={(parameters.get(name) ?? '').slice(0, 10)} onChange={(event) => set(name, event.target.value === '' ? '' : `${event.target.value}T00:00:00Z`)} /></label></ToolbarItem>
            ))}
          </>
        )} />
      {shown !== undefined && <One of={shown} close={() => setShown(undefined)} />}
    </Page>
  );
}
