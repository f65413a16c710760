import { t } from '../texts';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Each member by its path; lists and what is empty stand for themselves. */
function flat(value: unknown, path: string, into: Map<string, string>): Map<string, string> {
  if (isObject(value) && Object.keys(value).length > 0)
    for (const [name, inner] of Object.entries(value)) flat(inner, path === '' ? name : `${path}.${name}`, into);
  else into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  return into;
}

export interface Change { path: string; before: string; after: string }

export function changesOf(before: object, after: object): Change[] {
  const [old, next] = [flat(before, '', new Map()), flat(after, '', new Map())];
  return [...new Set([...old.keys(), ...next.keys()])].filter((path) => old.get(path) !== next.get(path)).sort()
    .map((path) => ({ path, before: old.get(path) ?? '', after: next.get(path) ?? '' }));
}

/** Changes as the server tells them, in words. */
export const shownChanges = (changes: readonly { path: string; before?: unknown; after?: unknown }[]): Change[] => {
  const word = (value: unknown) => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value));
  return changes.map(({ path, before, after }) => ({ path, before: word(before), after: word(after) }));
};

export function ChangeTable({ changes }: { changes: readonly Change[] }) {
  return (
    <div className="gh-wide" tabIndex={0} role="group" aria-label={t('changes')}>
      <table className="gh-table" aria-label={t('changes')}>
        <thead><tr>{[t('field'), t('before'), t('after')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
        <tbody>{changes.map((one) => <tr key={one.path}><td><code>{one.path}</code></td><td>{one.before || '–'}</td><td>{one.after || '–'}</td></tr>)}</tbody>
      </table>
    </div>
  );
}
