import { Label } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { api, type Problem, type Schema } from '../api/client';
import { t } from '../texts';
import { asProblem } from './load';

export type Checked = Schema['TemplateTextChecked'];

/** What the server makes of a text in OpenSSL's form, as it is typed; nothing is stored. `path` '': nothing is asked. */
export function useTextCheck(path: string, openssl: string, more: object = {}): { checked: Checked | undefined; problem: Problem | undefined } {
  const [state, setState] = useState<{ checked: Checked | undefined; problem: Problem | undefined; of: string }>({ checked: undefined, problem: undefined, of: '' });
  const key = JSON.stringify([path, { ...more, openssl }]);
  useEffect(() => {
    const [where, body] = JSON.parse(key) as [string, object];
    if (where === '') return undefined;
    let current = true;
    const timer = setTimeout(() => {
      api.post<Checked>(where, body).then((checked) => current && setState({ checked, problem: undefined, of: key }),
        (reason: unknown) => current && setState({ checked: undefined, problem: asProblem(reason), of: key }));
    }, 300);
    return () => { current = false; clearTimeout(timer); };
  }, [key]);
  // What was said of an older text is not said of this one.
  return path === '' || state.of !== key ? { checked: undefined, problem: undefined } : state;
}

/** By line: what cannot be read, and what says nothing to a template. */
export function TextFindings({ findings, go }: { findings: Checked['findings']; go?: (line: number) => void }) {
  if (findings.length === 0) return null;
  const where = (line: number | null) => (line === null ? t('wholeText') : t('lineNumber', { line }));
  return (
    <ul className="gh-plain" aria-label={t('findings')}>
      {findings.map((one) => (
        <li key={`${String(one.line)}-${one.text}`}>
          <Label isCompact color={one.severity === 'error' ? 'red' : 'blue'}>{one.severity}</Label>{' '}
          {one.line !== null && go !== undefined ? <button type="button" className="pf-v6-c-button pf-m-link pf-m-inline" onClick={() => go(one.line ?? 1)}>{where(one.line)}</button> : where(one.line)}{' '}
          {one.text}
        </li>
      ))}
    </ul>
  );
}
