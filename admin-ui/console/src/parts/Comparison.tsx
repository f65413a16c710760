import { Alert, ExpandableSection, Label } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { api, type Problem, type Schema } from '../api/client';
import { t } from '../texts';
import { asProblem } from './load';
import { CodeText } from './small';

interface Extension { oid: string; name: string; critical: boolean; text: string }
interface Details {
  subject?: string; sans?: string[]; keyType?: string; notBefore?: string; notAfter?: string;
  requestedExtensions?: Extension[]; extensions?: Extension[];
}

export interface Compared {
  csr: Details | undefined;
  csrText: string;
  made: Details | undefined;
  previewed: Schema['Previewed'] | undefined;
  problem: Problem | undefined;
}
const empty: Compared = { csr: undefined, csrText: '', made: undefined, previewed: undefined, problem: undefined };

async function look(csr: string, template: string, overrides: object): Promise<Compared> {
  const asked = await api.post<Schema['Inspection']>('/inspect', { data: csr });
  const own = { ...empty, csr: asked.items[0]?.details as Details | undefined, csrText: asked.items[0]?.text ?? '' };
  if (template === '') return own;
  try {
    const previewed = await api.post<Schema['Previewed']>(`/templates/${template}/preview`, { csr, ...overrides });
    const made = await api.post<Schema['Inspection']>('/inspect', { data: previewed.pem });
    return { ...own, previewed, made: made.items[0]?.details as Details | undefined };
  } catch (reason) {
    return { ...own, problem: asProblem(reason) };
  }
}

/** What a CSR asks for and what the template makes of it, as one types. */
export function useCompared(csr: string, template: string, overrides: object = {}): Compared {
  const [state, setState] = useState<Compared>(empty);
  const key = JSON.stringify(overrides);
  useEffect(() => {
    if (csr.trim() === '') { setState(empty); return undefined; }
    let current = true;
    const timer = setTimeout(() => {
      look(csr, template, JSON.parse(key) as object).then((next) => current && setState(next), (reason: unknown) => current && setState({ ...empty, problem: asProblem(reason) }));
    }, 400);
    return () => { current = false; clearTimeout(timer); };
  }, [csr, template, key]);
  return state;
}

type Row = [name: string, asked: string, made: string];
const said = (one: Extension | undefined): string => (one === undefined ? '' : `${one.critical ? `${t('critical')}: ` : ''}${one.text}`);
const shortName = (name: string) => name.replace(/^X509v3 /, '');
/** Subject and SANs have rows of their own; what only names keys and addresses is the same in all. */
const elsewhere = new Set(['2.5.29.17', '2.5.29.14', '2.5.29.35']);

function rowsOf({ csr, made }: Compared): Row[] {
  const asked = new Map((csr?.requestedExtensions ?? []).map((one) => [one.oid, one]));
  const given = new Map((made?.extensions ?? []).map((one) => [one.oid, one]));
  const oids = [...new Set([...asked.keys(), ...given.keys()])].filter((oid) => !elsewhere.has(oid));
  return [
    [t('subject'), csr?.subject ?? '', made?.subject ?? ''],
    [t('sans'), (csr?.sans ?? []).join('\n'), (made?.sans ?? []).join('\n')],
    [t('key'), csr?.keyType ?? '', made?.keyType ?? ''],
    [t('validity'), '', made === undefined ? '' : `${made.notBefore ?? ''}\n${made.notAfter ?? ''}`],
    ...oids.map((oid): Row => [shortName((given.get(oid) ?? asked.get(oid))?.name ?? oid), said(asked.get(oid)), said(given.get(oid))]),
  ];
}

const kindOf = ([, asked, made]: Row): 'same' | 'added' | 'left-out' | 'changed' => (asked === made ? 'same' : asked === '' ? 'added' : made === '' ? 'left-out' : 'changed');
const colours = { same: 'grey', added: 'blue', 'left-out': 'red', changed: 'orange' } as const;

/** Request and certificate side by side; every difference is marked. */
export function Comparison({ compared }: { compared: Compared }) {
  const { csr, made, previewed, problem } = compared;
  if (csr === undefined) return problem === undefined ? null : <Alert isInline variant="warning" title={problem.message} />;
  return (
    <div className="gh-stack">
      {problem !== undefined && <Alert isInline variant="warning" title={problem.message} />}
      {previewed?.blocked != null && <Alert isInline variant="danger" title={t('previewBlocked')}>{previewed.blocked}</Alert>}
      {previewed?.notes.map((one) => <Alert key={one} isInline isPlain variant="info" title={one} />)}
      <div className="gh-wide" tabIndex={0} role="group" aria-label={t('askedAndMade')}>
        <table className="gh-table gh-compare" aria-label={t('askedAndMade')}>
          <thead><tr><th scope="col">{t('field')}</th><th scope="col">{t('askedFor')}</th><th scope="col">{t('willBecome')}</th></tr></thead>
          <tbody>{rowsOf(compared).map((row) => {
            const kind = made === undefined ? 'same' : kindOf(row);
            return (
              <tr key={row[0]} data-kind={kind}>
                <th scope="row">{row[0]}{kind !== 'same' && <> <Label isCompact color={colours[kind]}>{t(`compare-${kind}`)}</Label></>}</th>
                <td>{row[1] || '–'}</td><td>{row[2] || '–'}</td>
              </tr>
            );
          })}</tbody>
        </table>
      </div>
      {previewed !== undefined && <ExpandableSection toggleText={t('willBecomeText')}><CodeText label={t('willBecomeText')} text={previewed.text} /></ExpandableSection>}
      {compared.csrText !== '' && <ExpandableSection toggleText="CSR"><CodeText label="CSR" text={compared.csrText} /></ExpandableSection>}
    </div>
  );
}
