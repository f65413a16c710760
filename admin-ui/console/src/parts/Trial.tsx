import { Alert, Button, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useSession } from '../session';
import { t } from '../texts';
import { asProblem } from './load';
import { ProblemAlert } from './small';

type Connection = Schema['Connection'];
export interface Look { name?: string; kind: Schema['ConnectionTest']['kind']; targets: string[]; view?: { resolvers?: string[]; proxy?: string } }

/** The gateway looks once at places outside: what each said, or why nothing came. */
function Trial({ run, label }: { run: () => Promise<(Connection & { from?: string })[]>; label: string }) {
  const [found, setFound] = useState<(Connection & { from?: string })[]>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    setProblem(undefined);
    try { setFound(await run()); } catch (reason) { setProblem(asProblem(reason)); }
    setBusy(false);
  };
  return (
    <div className="gh-stack">
      <div><Button variant="secondary" isLoading={busy} isDisabled={busy} onClick={() => void look()}>{label}</Button></div>
      <ProblemAlert problem={problem} />
      <div role="status" className="gh-stack">
        {found?.length === 0 && <Alert isInline variant="info" title={t('nothingToTest')} />}
        {found?.map((one, index) => (
          <Alert key={index} isInline variant={one.ok ? 'success' : 'danger'} title={`${one.from === undefined ? '' : `${one.from}: `}${one.target} – ${one.ok ? t('answers') : t('doesNotAnswer')}`}>
            <p lang="en">{one.says} ({one.milliseconds} ms)</p>
          </Alert>
        ))}
      </div>
    </div>
  );
}

/** For settings that name what is to be looked at. */
export function Test({ looks, label = t('test') }: { looks: () => Look[]; label?: string }) {
  const { may } = useSession();
  if (!may('settings:manage')) return null;
  const run = async () => {
    const all = await Promise.all(looks().filter((one) => one.targets.length > 0).map(async ({ name, ...look }) =>
      (await api.post<List<Connection>>('/connections/test', look)).items.map((one) => ({ ...one, ...(name === undefined ? {} : { from: name }) }))));
    return all.flat();
  };
  return <Trial run={run} label={label} />;
}

/** The same for an address that is typed. */
export function TestOf({ id, label, first, looks }: { id: string; label: string; first: string; looks: (text: string) => Look[] }) {
  const { may } = useSession();
  const [text, setText] = useState(first);
  if (!may('settings:manage')) return null;
  return (
    <div className="gh-form gh-stack">
      <FormGroup label={label} fieldId={id}><TextInput id={id} value={text} onChange={(_, value) => setText(value)} /></FormGroup>
      <Test looks={() => (text.trim() === '' ? [] : looks(text.trim()))} />
    </div>
  );
}

/** The places that an authority's lists go to. */
export const TestPublishing = ({ ca }: { ca: string }) => (
  <Trial label={t('testPublishing')} run={async () => (await api.post<List<Connection>>(`/cas/${ca}/publish/test`)).items} />
);
