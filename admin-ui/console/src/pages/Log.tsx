import { Alert, Button, FormGroup, FormSelect, FormSelectOption, SearchInput, TextInput, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core';
import { useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { api, saveFile, type Problem, type Schema } from '../api/client';
import { FormDialog } from '../parts/Dialog';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { Page, ProblemAlert, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type Lines = Schema['LogLines'];
interface Line { number: number; at: string; level: string; room: string; text: string }

const KEPT = 2000;
const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
const WAIT = 20;

/** "2026-11-21T22:19:53.638145Z info gatehouse/http 2ea79ad5: text"; what has another form is shown whole. */
function parse({ number, line }: Lines['items'][number]): Line {
  const found = /^(\S+Z) (\w+) (?:gatehouse\/)?(\S+) (.*)$/s.exec(line);
  return found === null ? { number, at: '', level: 'info', room: '', text: line } : { number, at: found[1] ?? '', level: found[2] ?? '', room: found[3] ?? '', text: found[4] ?? '' };
}

const OWN = /^\S+ GET \/api\/v1\/log\/lines /;
const PAUSE_MS = 1000;

/** Follows the log of the node that answers; another node begins anew, since its numbers are others. */
function useLog(following: boolean): { lines: Line[]; node: string; problem: Problem | undefined; clear: () => void } {
  const [lines, setLines] = useState<Line[]>([]);
  const [node, setNode] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const after = useRef<number>();
  useEffect(() => {
    if (!following) return undefined;
    let over = false;
    let known = '';
    const next = async () => {
      while (!over) {
        try {
          const page = await api.get<Lines>('/log/lines', after.current === undefined ? { limit: 500 } : { after: after.current, wait: WAIT, limit: 500 });
          if (over) return;
          const anew = known !== '' && known !== page.node;
          known = page.node;
          after.current = page.next;
          setNode(page.node);
          setProblem(undefined);
          // This page's own questions are left out: each would be a line, and so the next question.
          const others = page.items.map(parse).filter((one) => !OWN.test(one.text));
          if (others.length > 0 || anew) setLines((old) => [...(anew ? [] : old), ...others].slice(-KEPT));
          await new Promise((done) => { setTimeout(done, PAUSE_MS); });
        } catch (reason) {
          if (over) return;
          setProblem(asProblem(reason));
          await new Promise((done) => { setTimeout(done, 5000); });
        }
      }
    };
    void next();
    return () => { over = true; };
  }, [following]);
  return { lines, node, problem, clear: () => setLines([]) };
}

/** The level of all rooms and of single ones, for a while. */
function Levels({ close, now }: { close: (done: boolean) => void; now: Schema['LogLevels'] }) {
  const [levels, setLevels] = useState(now.levels);
  const [minutes, setMinutes] = useState('60');
  const [room, setRoom] = useState('');
  const [level, setLevel] = useState('debug');
  const add = () => { setLevels([...levels.split(',').filter((one) => one !== '' && !one.startsWith(`${room}=`)), `${room}=${level}`].join(',')); setRoom(''); };
  return (
    <FormDialog title={t('levels')} act={t('save')} ready close={close} run={() => api.put('/log/levels', { levels, minutes: Number(minutes) })}>
      <p>{t('levelsSay', { configured: now.configured })}</p>
      <FormGroup label={t('levels')} fieldId="log-levels"><TextInput id="log-levels" className="gh-mono" value={levels} onChange={(_, value) => setLevels(value)} /></FormGroup>
      <div className="gh-actions">
        <TextInput aria-label={t('room')} placeholder="http, acme, ca …" value={room} onChange={(_, value) => setRoom(value.trim())} style={{ maxWidth: '12rem' }} />
        <FormSelect aria-label={t('level')} value={level} onChange={(_, value) => setLevel(value)} style={{ width: '8rem' }}>{LEVELS.map((one) => <FormSelectOption key={one} value={one} label={one} />)}</FormSelect>
        <Button variant="secondary" isDisabled={!/^[a-z0-9-]+$/.test(room)} onClick={add}>{t('addRoom')}</Button>
      </div>
      <Pick id="log-minutes" label={t('forHowLong')} value={minutes} set={setMinutes} choices={[['10', t('minutes', { count: 10 })], ['60', t('oneHour')], ['1440', t('oneDay')], ['10080', t('oneWeek')]]} />
    </FormDialog>
  );
}

export default function Log() {
  const { may } = useSession();
  const [parameters, setParameters] = useSearchParams();
  const [following, setFollowing] = useState(true);
  const [changing, setChanging] = useState(false);
  const { lines, node, problem, clear } = useLog(following && may('settings:manage'));
  const levels = useLoad(() => api.get<Schema['LogLevels']>('/log/levels'), 'levels', 15000);
  const view = useRef<HTMLDivElement>(null);
  const level = parameters.get('level') ?? 'debug';
  const room = parameters.get('room') ?? '';
  const needle = (parameters.get('find') ?? '').toLowerCase();
  const set = (name: string, value: string) => { const next = new URLSearchParams(parameters); if (value === '') next.delete(name); else next.set(name, value); setParameters(next, { replace: true }); };
  const worst = LEVELS.indexOf(level as (typeof LEVELS)[number]);
  const shown = lines.filter((one) => LEVELS.indexOf(one.level as (typeof LEVELS)[number]) <= worst && (room === '' || one.room === room || one.room.startsWith(`${room} `)) && (needle === '' || one.text.toLowerCase().includes(needle)));
  const rooms = [...new Set(lines.map((one) => one.room.split(' ')[0] ?? '').filter((one) => one !== ''))].sort();
  useEffect(() => { if (following && view.current !== null) view.current.scrollTop = view.current.scrollHeight; }, [shown.length, following]);
  const save = () => saveFile(new Blob([shown.map((one) => `${one.at} ${one.level} ${one.room} ${one.text}`).join('\n')], { type: 'text/plain' }), 'gatehouse.log');
  return (
    <Page title={t('log')} actions={may('settings:manage') && levels.value !== undefined && <Button variant="secondary" onClick={() => setChanging(true)}>{t('levels')}</Button>}>
      <ProblemAlert problem={problem ?? levels.problem} />
      {levels.value?.until != null && <Alert isInline variant="info" title={t('levelsUntil', { levels: levels.value.levels })}><When at={levels.value.until} /></Alert>}
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem><FormSelect aria-label={t('level')} value={level} onChange={(_, value) => set('level', value)}>{LEVELS.map((one) => <FormSelectOption key={one} value={one} label={one === 'debug' ? t('everyLevel') : t('levelAndWorse', { level: one })} />)}</FormSelect></ToolbarItem>
          <ToolbarItem><FormSelect aria-label={t('room')} value={room} onChange={(_, value) => set('room', value)}><FormSelectOption value="" label={t('everyRoom')} />{[...new Set([...rooms, ...(room === '' ? [] : [room])])].map((one) => <FormSelectOption key={one} value={one} label={one} />)}</FormSelect></ToolbarItem>
          <ToolbarItem><SearchInput aria-label={t('search')} placeholder={t('search')} value={parameters.get('find') ?? ''} onChange={(_, value) => set('find', value)} onClear={() => set('find', '')} /></ToolbarItem>
          <ToolbarItem><Button variant={following ? 'secondary' : 'primary'} onClick={() => setFollowing(!following)}>{following ? t('pause') : t('follow')}</Button></ToolbarItem>
          <ToolbarItem><Button variant="link" onClick={clear}>{t('clear')}</Button></ToolbarItem>
          <ToolbarItem><Button variant="link" onClick={save}>{t('download')}</Button></ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <div ref={view} className="gh-code gh-log" role="log" aria-live="off" aria-label={t('log')} tabIndex={0}>
        {shown.map((one) => <div key={one.number} className={`gh-level-${one.level}`}><span className="gh-log-time">{one.at.slice(11, 23)}</span> <b>{one.level}</b> <i>{one.room}</i> {one.text}</div>)}
        {shown.length === 0 && t('noLine')}
      </div>
      <small>{t('logOf', { node, count: shown.length, kept: KEPT })}</small>
      {changing && levels.value !== undefined && <Levels now={levels.value} close={(done) => { setChanging(false); if (done) levels.reload(); }} />}
    </Page>
  );
}
