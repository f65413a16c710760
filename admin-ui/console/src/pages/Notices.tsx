import { Alert, Button } from '@patternfly/react-core';
import { useEffect, useState, type ReactNode } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { asProblem, useLoad, type Loaded } from '../parts/load';
import { asStored, DocumentFields, type Field, type Json } from '../parts/SettingsForm';
import { Page, ProblemAlert, StateLabel } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { stateText, t } from '../texts';
import { fieldName } from '../texts/fields';

type Document = Schema['Notices'];
type Rule = Schema['NoticeRule'];
type Webhook = Schema['NoticeWebhook'];
type Report = Schema['NoticeReport'];
type Part = 'rules' | 'webhooks' | 'reports';
type Item = Rule | Webhook | Report;

const blanks: Record<Part, Json> = { rules: { id: '', on: 'certificate.expiring', to: [] }, webhooks: { id: '', url: 'https://', shape: 'json' }, reports: { id: '', every: 'month', format: 'csv', to: [] } };

function fieldsOf(part: Part, draft: Json, document: Document, cas: readonly (readonly [string, string])[], fresh: boolean): Field[] {
  const authorities: Field = { path: 'ca', kind: 'one', of: [['', t('allAuthorities')], ...cas], group: t('whichOnes') };
  const text = (path: string, group?: string): Field => ({ path, kind: 'text', group });
  const id: Field[] = fresh ? [text('id')] : [];
  switch (part) {
    case 'webhooks': return [...id, text('url'), { path: 'shape', kind: 'one', of: [['json', 'JSON'], ['slack', 'Slack, Mattermost, Rocket.Chat'], ['teams', 'Microsoft Teams'], ['matrix', 'Matrix (hookshot)']] }, { path: 'secret', kind: 'secret' }, { path: 'ca', kind: 'area' }];
    case 'reports': return [...id, { path: 'every', kind: 'one', of: [['day', t('every-day')], ['week', t('every-week')], ['month', t('every-month')]] }, { path: 'hour', kind: 'number' }, { path: 'format', kind: 'one', of: [['csv', 'CSV'], ['xlsx', 'Excel (XLSX)'], ['html', 'HTML']] }, { path: 'to', kind: 'lines' }, { path: 'skipEmpty', kind: 'yes' },
      { path: 'state', kind: 'one', of: [['', 'valid'], 'any', 'expired', 'revoked'], group: t('whichOnes') }, { path: 'expiresWithinDays', kind: 'number', group: t('whichOnes') }, authorities, text('template', t('whichOnes')), text('tag', t('whichOnes')), text('owner', t('whichOnes'))];
    default: {
      const told: Field[] = [{ path: 'to', kind: 'lines', group: t('whoIsTold') }, ...(draft['on'] === 'certificate.expiring' || draft['on'] === 'secret.expiring' ? [{ path: 'toOwner', kind: 'yes', group: t('whoIsTold') } as const] : []), ...(draft['on'] === 'event' ? [{ path: 'toApprovers', kind: 'yes', group: t('whoIsTold') } as const] : []), { path: 'webhook', kind: 'one', of: [['', t('none')], ...document.webhooks.map((one) => one.id)], group: t('whoIsTold') }];
      const head: Field[] = [...id, { path: 'on', kind: 'one', of: [['certificate.expiring', t('on-certificate')], ['authority.expiring', t('on-authority')], ['secret.expiring', t('on-secret')], ['trouble', t('on-trouble')], ['event', t('on-event')]] }];
      if (draft['on'] === 'trouble') return [...head, { path: 'kinds', kind: 'some', of: [['token', t('kind-token')], ['agent', t('kind-agent')], ['job', t('kind-job')]], group: t('whichOnes') }, { path: 'minutes', kind: 'number', group: t('whichOnes') }, ...told];
      if (draft['on'] === 'event') return [...head, { path: 'codes', kind: 'lines', group: t('whichOnes') }, ...told];
      if (draft['on'] === 'secret.expiring') return [...head, { path: 'days', kind: 'lines', group: t('whichOnes') }, ...told];
      return [...head, { path: 'days', kind: 'lines', group: t('whichOnes') }, authorities, ...(draft['on'] === 'certificate.expiring' ? [text('template', t('whichOnes')), text('tag', t('whichOnes')), text('owner', t('whichOnes'))] : []), ...told];
    }
  }
}

/** What is left of a draft for its kind: without what is empty or belongs to another kind. */
function stored(part: Part, draft: Json, fields: readonly Field[]): Json {
  const names = new Set(['id', ...fields.map((one) => one.path)]);
  const kept = Object.entries(draft).filter(([name, value]) => names.has(name) && value !== '' && value !== undefined && !(Array.isArray(value) && value.length === 0 && name !== 'to'));
  return Object.fromEntries(kept.map(([name, value]) => [name, part === 'rules' && name === 'days' ? (value as unknown[]).map(Number) : value]));
}

/** The whole document with one item in another state; secrets of webhooks stay as they are when they are not sent. */
async function put(document: Document, part: Part, id: string, item: Json | undefined): Promise<void> {
  const { version: _version, ...rest } = document;
  const webhooks = rest.webhooks.map(({ hasSecret: _has, ...one }): Json => one);
  const all: Record<Part, Json[]> = { rules: rest.rules, webhooks, reports: rest.reports };
  const at = all[part].findIndex((one) => one['id'] === id);
  const next = item === undefined ? all[part].filter((one) => one['id'] !== id) : at < 0 ? [...all[part], item] : all[part].map((one, index) => (index === at ? item : one));
  await api.put('/notices', asStored({ ...all, [part]: next, version: document.version }));
}

function Editor({ document, part, of, close }: { document: Document; part: Part; of?: Item; close: (done: boolean) => void }) {
  const { cas } = useScope();
  const [draft, setDraft] = useState<Json>(of === undefined ? blanks[part] : { ...of });
  const fields = fieldsOf(part, draft, document, (cas.value ?? []).map((one) => [one.id, one.name] as const), of === undefined);
  const id = String(draft['id'] ?? '');
  const title = { rules: t('newRule'), webhooks: t('newWebhook'), reports: t('newReport') }[part];
  const taken = of === undefined && document[part].some((one) => one.id === id);
  return (
    <FormDialog title={of === undefined ? title : `${t('edit')}: ${of.id}`} act={of === undefined ? t('create') : t('save')} ready={/^[a-z0-9-]{1,63}$/.test(id) && !taken} close={close} run={() => put(document, part, id, stored(part, draft, fields))}>
      {taken && <Alert isInline variant="warning" title={t('idTaken', { id })} />}
      <DocumentFields key={String(draft['on'] ?? '')} name={`notice-${part}`} fields={fields} document={draft} set={setDraft} />
    </FormDialog>
  );
}

interface ListProps { part: Part; loaded: Loaded<Document>; say: string; empty: string; columns: Column<Item>[]; acts: (item: Item) => ReactNode; more?: ReactNode }

function PartList({ part, loaded, say, empty, columns, acts, more }: ListProps) {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'new' } | { act: 'edit' | 'remove'; of: Item }>();
  const [version, setVersion] = useState(0);
  const manage = may('settings:manage');
  const label = { rules: t('rules'), webhooks: t('webhooks'), reports: t('reports') }[part];
  const close = (done: boolean) => { setOpen(undefined); if (done) { loaded.reload(); setVersion(version + 1); } };
  const act = (text: string, of: Item, run: () => void) => <Button size="sm" variant="link" aria-label={`${text}: ${of.id}`} onClick={run}>{text}</Button>;
  const all: Column<Item>[] = [...columns, ...(manage ? [{ id: 'acts', title: t('acts'), text: () => '', cell: (one: Item) => <>{acts(one)}{act(t('edit'), one, () => setOpen({ act: 'edit', of: one }))}{act(t('remove'), one, () => setOpen({ act: 'remove', of: one }))}</> }] : [])];
  const load = async () => ({ items: (await api.get<Document>('/notices'))[part] as Item[], next: null });
  return (
    <>
      <p>{say}</p>
      {manage && <div className="gh-actions"><Button isDisabled={loaded.value === undefined} onClick={() => setOpen({ act: 'new' })}>{{ rules: t('newRule'), webhooks: t('newWebhook'), reports: t('newReport') }[part]}</Button>{more}</div>}
      <DataList paged={false} name={`notice-${part}`} label={label} path={`/notices#${part}`} load={load} columns={all} id={(one) => one.id} empty={empty} version={version} />
      {open?.act === 'new' && loaded.value !== undefined && <Editor document={loaded.value} part={part} close={close} />}
      {open?.act === 'edit' && loaded.value !== undefined && <Editor document={loaded.value} part={part} of={open.of} close={close} />}
      {open?.act === 'remove' && loaded.value !== undefined && <Confirm title={t('removeName', { name: open.of.id })} act={t('remove')} danger run={() => put(loaded.value as Document, part, open.of.id, undefined)} close={close}>{t('removeNoticeSays')}</Confirm>}
    </>
  );
}

const shownOf = (one: Rule): string => (one.on === 'event' ? (one.codes ?? []).join(', ') : one.on === 'trouble' ? (one.kinds ?? ['token', 'agent', 'job']).join(', ') : [...(one.ca === undefined ? [] : [one.ca]), ...(one.template === undefined ? [] : [one.template]), ...(one.tag === undefined ? [] : [`#${one.tag}`]), t('daysBefore', { days: (one.days ?? [30, 15, 7, 2, 1]).join(', ') })].join('; '));
const toldOf = (one: Rule): string => [...(one.to ?? []), ...(one.toOwner === true ? [t('theOwner')] : []), ...(one.toApprovers === true ? [t('theApprovers')] : []), ...(one.webhook === undefined ? [] : [one.webhook])].join(', ');

const id: Column<Item> = { id: 'id', title: t('name'), text: (one) => one.id, cell: (one) => one.id };
const ruleColumns: Column<Rule>[] = [
  { id: 'on', title: t('toldOf'), text: (r) => r.on, cell: (r) => ({ 'certificate.expiring': t('on-certificate'), 'authority.expiring': t('on-authority'), 'secret.expiring': t('on-secret'), trouble: t('on-trouble'), event: t('on-event') })[r.on] },
  { id: 'which', title: t('whichOnes'), text: shownOf, cell: shownOf },
  { id: 'told', title: t('whoIsTold'), text: toldOf, cell: toldOf },
];
const shapes: Readonly<Record<string, string>> = { json: 'JSON', slack: 'Slack', teams: 'Microsoft Teams' };
const webhookColumns: Column<Webhook>[] = [
  { id: 'url', title: 'URL', text: (w) => w.url, cell: (w) => <code>{w.url}</code> },
  { id: 'shape', title: t('kind'), text: (w) => w.shape ?? 'json', cell: (w) => shapes[w.shape ?? 'json'] ?? w.shape },
  { id: 'signed', title: t('signedCalls'), text: (w) => String(w.hasSecret), cell: (w) => (w.hasSecret ? t('yes') : t('no')) },
];
const filterText = (name: string, value: string): string => (name === 'state' ? stateText(value) : name === 'expiresWithin' ? t('expiringIn', { days: value }) : `${fieldName('notice-reports', name)}: ${value}`);
const filterOf = (r: Report) => ({ state: r.state === 'any' || r.expiresWithinDays !== undefined ? undefined : r.state ?? 'valid', ca: r.ca, template: r.template, tag: r.tag, owner: r.owner, expiresWithin: r.expiresWithinDays });
const reportColumns: Column<Report>[] = [
  { id: 'every', title: t('schedule'), text: (r) => r.every, cell: (r) => `${t(`every-${r.every}`)}, ${String(r.hour ?? 6).padStart(2, '0')}:00 UTC` },
  { id: 'which', title: t('whichOnes'), text: (r) => JSON.stringify(filterOf(r)), cell: (r) => {
    const filter = Object.entries(filterOf(r)).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]);
    return <Link to={`/certificates?${new URLSearchParams(filter).toString()}`}>{filter.map(([name, value]) => filterText(name ?? '', value ?? '')).join('; ') || t('certificates')}</Link>;
  } },
  { id: 'format', title: t('format'), text: (r) => r.format ?? 'csv', cell: (r) => (r.format ?? 'csv').toUpperCase() },
  { id: 'to', title: t('mailTo'), text: (r) => r.to.join(' '), cell: (r) => r.to.join(', ') },
];

export default function Notices() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Document>('/notices'), 'notices');
  const [answer, setAnswer] = useState<{ text?: string; problem?: Problem }>({});
  const ask = (path: string, text: string) => { setAnswer({}); void api.post(path).then(() => setAnswer({ text }), (reason: unknown) => setAnswer({ problem: asProblem(reason) })); };
  const tab = useSearchParams()[0].get('tab');
  useEffect(() => setAnswer({}), [tab]);
  const button = (text: string, of: string, run: () => void) => <Button size="sm" variant="link" aria-label={`${text}: ${of}`} onClick={run}>{text}</Button>;
  const columnsOf = <T extends Item>(columns: Column<T>[]): Column<Item>[] => [id, ...(columns as unknown as Column<Item>[])];
  return (
    <Page title={t('notices')}>
      <ProblemAlert problem={loaded.problem ?? answer.problem} />
      {answer.text !== undefined && <Alert isInline variant="success" title={answer.text} />}
      <Panes label={t('notices')} panes={[
        { key: 'rules', title: t('rules'), body: () => (
          <PartList part="rules" loaded={loaded} say={t('rulesSay')} empty={t('noRule')} columns={columnsOf(ruleColumns)} acts={() => null}
            more={may('settings:manage') && <Button variant="secondary" onClick={() => ask('/notices/run', t('rulesLookedAt'))}>{t('lookNow')}</Button>} />
        ) },
        { key: 'webhooks', title: t('webhooks'), body: () => (
          <PartList part="webhooks" loaded={loaded} say={t('webhooksSay')} empty={t('noWebhook')} columns={columnsOf(webhookColumns)} acts={(one) => button(t('test'), one.id, () => ask(`/notices/webhooks/${one.id}/test`, t('webhookTested', { id: one.id })))} />
        ) },
        { key: 'reports', title: t('reports'), body: () => (
          <PartList part="reports" loaded={loaded} say={t('reportsSay')} empty={t('noReport')} columns={columnsOf(reportColumns)} acts={(one) => (
            <>
              {button(t('sendNow'), one.id, () => ask(`/notices/reports/${one.id}/send`, t('reportSent', { id: one.id })))}
              <Button size="sm" variant="link" component="a" download={`${one.id}.csv`} href={api.href('/certificates/export', { format: 'csv', ...filterOf(one as Report) })} aria-label={`${t('download')}: ${one.id}`}>{t('download')}</Button>
            </>
          )} />
        ) },
      ]} />
      {loaded.value !== undefined && loaded.value.rules.length > 0 && <small><StateLabel state="active" /> {t('everyMinute')}</small>}
    </Page>
  );
}
