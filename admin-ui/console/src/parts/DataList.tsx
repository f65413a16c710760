import { Button, EmptyState, EmptyStateBody, FormSelect, FormSelectOption, MenuToggle, SearchInput, Select, SelectList, SelectOption, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem } from '@patternfly/react-core';
import { ColumnsIcon, DownloadIcon, SyncAltIcon } from '@patternfly/react-icons';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { useSearchParams } from 'react-router-dom';
import { api, saveFile, type Page, type Problem, type Query } from '../api/client';
import { t } from '../texts';
import { asProblem, useLoad } from './load';
import { ProblemAlert, Waiting } from './small';
import { ListViews } from './Views';

export interface Column<T> {
  id: string;
  title: string;
  cell: (item: T) => ReactNode;
  /** What sorting and the CSV export use. */
  text: (item: T) => string;
  /** The member by which the server puts the whole list in order. Lists that have one are too long to be sorted here. */
  sort?: string;
  hidden?: boolean;
}

interface Props<T> {
  /** Names the list: its columns are remembered under it. */
  name: string;
  label: string;
  path: string;
  query?: Query;
  columns: Column<T>[];
  id: (item: T) => string;
  filters?: ReactNode;
  empty: string;
  /** Ticks in front of the rows, and what can be done with the ticked ones. */
  bulk?: (items: T[], done: () => void) => ReactNode;
  version?: number;
  /** How many there are in all, when the server says. */
  total?: string;
  /** Files of the whole filtered list that the server makes: name and address. */
  exports?: readonly (readonly [string, string])[];
  /** False for the few lists that come whole. */
  paged?: boolean;
  /** Loads a list that is a part of another document; `path` then only tells lists apart. */
  load?: () => Promise<Page<T>>;
  /** Saved views beside filters of the list's own. */
  views?: boolean;
}

/** How many rows are looked at when a text is searched in a list, and how many go into a file. */
const MOST_SEARCHED = 2000;
const MOST_SAVED = 10000;
const ROWS = 'gatehouse-rows';

const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);

/** A spreadsheet must not take a cell for a formula. */
const harmless = (text: string) => (/^[=+\-@\t]/.test(text) ? `'${text}` : text);

function saveCsv<T>(name: string, columns: Column<T>[], items: T[]): void {
  const rows = [columns.map((c) => quoted(c.title)), ...items.map((item) => columns.map((c) => quoted(harmless(c.text(item)))))];
  saveFile(new Blob([rows.map((row) => row.join(',')).join('\r\n')], { type: 'text/csv' }), `${name}.csv`);
}

function useColumns<T>(name: string, columns: Column<T>[]): [Column<T>[], (id: string) => void, Set<string>] {
  const key = `gatehouse-columns-${name}`;
  const [shown, setShown] = useState<Set<string>>(() => {
    const stored = localStorage.getItem(key);
    return new Set(stored !== null ? stored.split(',') : columns.filter((c) => c.hidden !== true).map((c) => c.id));
  });
  const toggle = (id: string) => {
    const next = new Set(shown);
    if (next.has(id) && next.size > 1) next.delete(id);
    else next.add(id);
    localStorage.setItem(key, [...next].join(','));
    setShown(next);
  };
  return [columns.filter((c) => shown.has(c.id)), toggle, shown];
}

export function DataList<T>({ name, label, path, query = {}, columns, id, filters, empty, bulk, version = 0, paged = true, total, exports = [], load, views = false }: Props<T>) {
  const [cursors, setCursors] = useState<(string | undefined)[]>([undefined]);
  const [limit, setLimit] = useState(() => Number(localStorage.getItem(ROWS) ?? 50));
  const [ticked, setTicked] = useState<Set<string>>(new Set());
  const [menu, setMenu] = useState(false);
  const [visible, toggle, shown] = useColumns(name, columns);
  const [parameters, setParameters] = useSearchParams();
  const [problem, setProblem] = useState<Problem>();
  // Lists without filters of their own are searched here, in every column that can be shown.
  const searched = filters === undefined;
  const needle = searched ? (parameters.get('find') ?? '').toLowerCase() : '';
  const [find, setFind] = useState(needle);
  useEffect(() => setFind(needle), [needle]);
  const put = (what: string, text: string) => {
    const next = new URLSearchParams(parameters);
    if (text === '') next.delete(what);
    else next.set(what, text);
    setParameters(next, { replace: true });
  };
  const search = (text: string) => put('find', text);
  // The order stands in the address: a column's member or id, with "-" before it the other way round.
  const long = paged && load === undefined && columns.some((one) => one.sort !== undefined);
  const order = parameters.get('sort') ?? '';
  const down = order.startsWith('-');
  const by = columns.find((one) => (one.sort ?? one.id) === (down ? order.slice(1) : order));
  const served = long && by?.sort !== undefined;
  const asked = served ? { ...query, sort: order } : query;
  const everything = paged && load === undefined && (needle !== '' || (by !== undefined && !long));
  const base = `${path}?${JSON.stringify(asked)}?${everything ? 'all' : ''}`;
  useEffect(() => { setCursors([undefined]); setTicked(new Set()); }, [base, limit]);
  const cursor = cursors[cursors.length - 1];
  const loadAll = async (most: number): Promise<Page<T>> => ({ items: await api.all<T>(path, asked, most), next: null });
  const page = useLoad<Page<T>>(load ?? (() => (everything ? loadAll(MOST_SEARCHED) : api.get(path, paged ? { ...asked, limit, cursor } : query))), `${base}#${cursor ?? ''}#${limit}#${version}`, 30000);
  // Sorted here is what is here: a page among many would only look sorted.
  const whole = page.value?.next == null && cursors.length === 1;
  const items = useMemo(() => {
    const list = (page.value?.items ?? []).filter((item) => needle === '' || columns.some((one) => one.text(item).toLowerCase().includes(needle)));
    if (by !== undefined && whole && !served)
      list.sort((a, b) => by.text(a).localeCompare(by.text(b), undefined, { numeric: true }) * (down ? -1 : 1));
    return list;
  }, [page.value, whole, by, down, served, needle, columns]);
  const sortable = (column: Column<T>) => column.id !== 'acts' && (whole || !long || column.sort !== undefined);
  const arrangeable = visible.filter(sortable);
  // What nobody has put in order comes newest first.
  const shownBy = by !== undefined && sortable(by) ? by : order === '' && long ? columns.find((one) => one.sort === 'createdAt' || one.sort === 'at') : undefined;
  const sortBy = shownBy === undefined ? {} : { index: visible.indexOf(shownBy), direction: down || by === undefined ? 'desc' as const : 'asc' as const };
  const chosen = items.filter((item) => ticked.has(id(item)));
  const done = () => { setTicked(new Set()); page.reload(); };
  // A short list that is empty has nothing to arrange.
  const bare = !paged && searched && needle === '' && items.length === 0;
  const save = async () => {
    const more = paged && exports.length === 0 && page.value?.next != null;
    try { saveCsv(name, visible, more ? (await loadAll(MOST_SAVED)).items : items); } catch (reason) { setProblem(asProblem(reason)); }
  };
  return (
    <>
      {!bare && <Toolbar>
        <ToolbarContent>
          <ToolbarGroup>
            {filters}
            {arrangeable.length > 0 && !bare && (
              <ToolbarItem className="gh-phone-sort">
                <FormSelect aria-label={t('sortBy')} value={order} onChange={(_, value) => put('sort', value)}>
                  <FormSelectOption value="" label={t('sortBy')} />
                  {arrangeable.flatMap((one) => ['', '-'].map((way) => <FormSelectOption key={way + one.id} value={`${way}${one.sort ?? one.id}`} label={`${one.title} ${way === '' ? '↑' : '↓'}`} />))}
                </FormSelect>
              </ToolbarItem>
            )}
            {searched && <ToolbarItem><SearchInput aria-label={t('searchList', { name: label })} placeholder={t('search')} value={find} onChange={(_, value) => { setFind(value); if (!paged) search(value); }} onSearch={() => search(find.trim())} onClear={() => search('')} /></ToolbarItem>}
          </ToolbarGroup>
          {bulk !== undefined && chosen.length > 0 && <ToolbarItem>{bulk(chosen, done)}</ToolbarItem>}
          <ToolbarGroup align={{ default: 'alignEnd' }}>
            <Select
              role="menu"
              shouldFocusFirstItemOnOpen
              isOpen={menu}
              onOpenChange={setMenu}
              onSelect={(_, value) => toggle(String(value))}
              toggle={(ref) => <MenuToggle ref={ref} variant="plain" aria-label={t('columns')} onClick={() => setMenu(!menu)} isExpanded={menu}><ColumnsIcon /></MenuToggle>}
            >
              <SelectList>
                {columns.map((c) => <SelectOption key={c.id} value={c.id} hasCheckbox isSelected={shown.has(c.id)}>{c.title}</SelectOption>)}
              </SelectList>
            </Select>
            {(searched || views) && <ListViews list={name} />}
            {exports.map(([title, href]) => <Button key={title} component="a" variant="link" size="sm" href={href} download={`${name}.${title.toLowerCase()}`} aria-label={t('exportAll', { format: title })}>{title}</Button>)}
            <Button variant="plain" aria-label={exports.length > 0 ? t('exportCsv') : t('exportList')} icon={<DownloadIcon />} onClick={() => void save()} />
            <Button variant="plain" aria-label={t('refresh')} icon={<SyncAltIcon />} onClick={page.reload} />
          </ToolbarGroup>
        </ToolbarContent>
      </Toolbar>}
      <ProblemAlert problem={problem ?? page.problem} retry={page.reload} />
      {page.value === undefined && page.loading ? <Waiting /> : items.length === 0 && page.problem === undefined ? (
        <EmptyState titleText={needle === '' ? t('nothingHere') : t('nothingFound')} headingLevel="h2">{needle === '' && empty !== t('nothingHere') && <EmptyStateBody>{empty}</EmptyStateBody>}</EmptyState>
      ) : (
        <div className="gh-wide" tabIndex={0} role="group" aria-label={label}><Table role="table" aria-label={label} variant="compact">
          <Thead>
            <Tr>
              {bulk !== undefined && <Th aria-label={t('select')} select={{ isSelected: chosen.length === items.length && items.length > 0, onSelect: (_, on) => setTicked(new Set(on ? items.map(id) : [])) }} />}
              {visible.map((column, index) => (
                <Th key={column.id} modifier="nowrap" sort={!sortable(column) ? undefined : { columnIndex: index, sortBy, onSort: (_event, _index, direction) => put('sort', `${direction === 'desc' ? '-' : ''}${column.sort ?? column.id}`) }}>
                  {column.title}
                </Th>
              ))}
            </Tr>
          </Thead>
          <Tbody>
            {items.map((item, row) => (
              <Tr key={id(item)}>
                {bulk !== undefined && <Td select={{ rowIndex: row, isSelected: ticked.has(id(item)), onSelect: (_, on) => setTicked((old) => { const next = new Set(old); if (on) next.add(id(item)); else next.delete(id(item)); return next; }) }} />}
                {visible.map((column) => <Td key={column.id} dataLabel={column.title} className={column.id === 'acts' ? 'gh-acts' : undefined}>{column.cell(item)}</Td>)}
              </Tr>
            ))}
          </Tbody>
        </Table></div>
      )}
      {paged && (items.length > 0 || cursors.length > 1) && <div className="gh-pager">
        <label>
          {t('perPage')}{' '}
          <select value={limit} onChange={(event) => { localStorage.setItem(ROWS, event.target.value); setLimit(Number(event.target.value)); }}>
            {[20, 50, 100, 500].map((n) => <option key={n} value={n}>{n}</option>)}
          </select>
        </label>
        {total !== undefined && <span>{t('inAll', { count: total })}</span>}
        <Button size="sm" variant="secondary" isDisabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>{t('previous')}</Button>
        <span>{t('pageNumber', { number: cursors.length })}</span>
        <Button size="sm" variant="secondary" isDisabled={page.value?.next == null} onClick={() => setCursors([...cursors, page.value?.next ?? undefined])}>{t('next')}</Button>
      </div>}
    </>
  );
}
