import { ActionGroup, Alert, Button, Checkbox, Form, FormFieldGroup, FormFieldGroupHeader, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, TextArea, TextInput } from '@patternfly/react-core';
import { useEffect, useState, type ReactNode } from 'react';
import type { Problem } from '../api/client';
import { t } from '../texts';
import { fieldHelp, fieldName } from '../texts/fields';
import { useGuard } from './guard';
import { asProblem } from './load';
import { ProblemAlert } from './small';

/** One member of a document: `path` with dots where it is inside another. Its name is in texts/fields.ts. */
export interface Field {
  path: string;
  kind: 'yes' | 'number' | 'text' | 'secret' | 'area' | 'lines' | 'one' | 'choice' | 'some';
  /** The choices of 'one', 'choice' (numbers) and 'some'; a pair is a value and what is shown. */
  of?: readonly (string | readonly [string, string])[];
  /** Shown above the first field of a group. */
  group?: string;
}
export type Json = Record<string, unknown>;

/** What was never stored has version 0, and is stored without one. */
export const asStored = ({ version, ...rest }: Json): Json => (Number(version) > 0 ? { ...rest, version } : rest);

export function valueAt(document: Json, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => (at as Json | null | undefined)?.[name], document);
}

/** A copy of the document with another value there; undefined takes the member away. */
export function withValue(document: Json, path: string, value: unknown): Json {
  const [first = '', ...rest] = path.split('.');
  const next = { ...document };
  const inner = rest.length === 0 ? value : withValue((next[first] ?? {}) as Json, rest.join('.'), value);
  if (inner === undefined) delete next[first];
  else next[first] = inner;
  return next;
}

const pair = (one: string | readonly [string, string]): readonly [string, string] => (typeof one === 'string' ? [one, one] : one);
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function Control({ field, id, value, set, fixed, help }: { field: Field; id: string; value: unknown; set: (value: unknown) => void; fixed: boolean; help: string | undefined }) {
  const common = { id, isDisabled: fixed, 'aria-describedby': help === undefined ? undefined : `${id}-help` };
  switch (field.kind) {
    case 'number':
      return <TextInput {...common} type="number" value={value === undefined || value === null ? '' : String(value)} onChange={(_, text) => set(/^-?\d+$/.test(text) ? Number(text) : undefined)} />;
    case 'area':
      return <TextArea {...common} rows={5} value={String(value ?? '')} onChange={(_, text) => set(text)} />;
    case 'lines':
      return <TextArea {...common} rows={3} defaultValue={list(value).join('\n')} onBlur={(event) => set(event.currentTarget.value.split('\n').map((line) => line.trim()).filter((line) => line !== ''))} />;
    case 'one':
      return (
        <FormSelect {...common} value={String(value ?? '')} onChange={(_, text) => set(text === '' ? undefined : text)}>
          {(field.of ?? []).map(pair).map(([one, shown]) => <FormSelectOption key={one} value={one} label={shown} />)}
        </FormSelect>
      );
    case 'choice':
      return (
        <FormSelect {...common} value={String(value ?? '')} onChange={(_, text) => set(Number(text))}>
          {(field.of ?? []).map(pair).map(([one, shown]) => <FormSelectOption key={one} value={one} label={shown} />)}
        </FormSelect>
      );
    case 'some': {
      const chosen = list(value);
      const all = (field.of ?? []).map(pair);
      const known = [...all, ...chosen.filter((one) => !all.some(([name]) => name === one)).map((one) => [one, one] as const)];
      return <>{known.map(([one, shown]) => (
        <Checkbox key={one} id={`${id}-${one}`} label={shown} isDisabled={fixed} isChecked={chosen.includes(one)} onChange={(_, on) => set(on ? [...chosen, one] : chosen.filter((c) => c !== one))} />
      ))}</>;
    }
    case 'secret':
      return <TextInput {...common} type="password" autoComplete="new-password" value={String(value ?? '')} onChange={(_, text) => set(text === '' ? undefined : text)} />;
    default:
      return <TextInput {...common} value={String(value ?? '')} onChange={(_, text) => set(text)} />;
  }
}

export function DocumentFields({ name, fields, document, set, fixed = false }: { name: string; fields: readonly Field[]; document: Json; set: (next: Json) => void; fixed?: boolean }) {
  const one = (field: Field) => {
    const id = `${name}-${field.path.replaceAll('.', '-')}`;
    const help = fieldHelp(name, field.path);
    const change = (value: unknown) => set(withValue(document, field.path, value));
    const value = valueAt(document, field.path);
    const below = help !== undefined && <FormHelperText><HelperText id={`${id}-help`}><HelperTextItem>{help}</HelperTextItem></HelperText></FormHelperText>;
    if (field.kind === 'yes')
      return <FormGroup key={id} fieldId={id}><Checkbox id={id} label={fieldName(name, field.path)} description={help} isDisabled={fixed} isChecked={value === true} onChange={(_, on) => change(on)} /></FormGroup>;
    return (
      <FormGroup key={id} label={fieldName(name, field.path)} fieldId={id} role={field.kind === 'some' ? 'group' : undefined}>
        <Control field={field} id={id} value={value} set={change} fixed={fixed} help={help} />{below}
      </FormGroup>
    );
  };
  const groups = new Map<string, Field[]>();
  for (const field of fields) groups.set(field.group ?? '', [...(groups.get(field.group ?? '') ?? []), field]);
  return <>{[...groups].map(([group, inside]) => (group === '' ? inside.map(one) : (
    <FormFieldGroup key={group} header={<FormFieldGroupHeader titleText={{ text: group, id: `${name}-${group.replaceAll(/\W/g, '-')}` }} />}>{inside.map(one)}</FormFieldGroup>
  )))}</>;
}

/** Everything of the document as JSON, for what has no field of its own. */
function Whole({ document, set, fixed }: { document: Json; set: (next: Json) => void; fixed: boolean }) {
  const [text, setText] = useState(() => JSON.stringify(document, null, 2));
  const [wrong, setWrong] = useState('');
  const read = () => {
    try { set(JSON.parse(text) as Json); setWrong(''); } catch (reason) { setWrong(String(reason)); }
  };
  return (
    <FormGroup label={t('document')} fieldId="whole">
      <TextArea id="whole" rows={24} className="gh-mono" spellCheck="false" value={text} readOnly={fixed} onChange={(_, value) => setText(value)} onBlur={read} validated={wrong === '' ? 'default' : 'error'} />
      {wrong !== '' && <div role="alert">{wrong}</div>}
    </FormGroup>
  );
}

interface Props {
  name: string;
  document: object;
  fields: readonly Field[];
  fixed: boolean;
  /** Resolves when it is stored; the page loads it anew. */
  save: (document: Json) => Promise<unknown>;
  /** Offers the whole document as JSON as well. */
  whole?: boolean;
  more?: ReactNode;
  /** Parts of the document that need controls of their own. */
  also?: (document: Json, set: (next: Json) => void) => ReactNode;
  /** Says what the form does, where it is not to save. */
  act?: string;
}

/** A document on fields: guarded while it has unsaved changes, with the server's refusal beside the button. */
export function SettingsForm({ name, document, fields, fixed, save, whole = false, more, also, act }: Props) {
  const [draft, setDraft] = useState<Json>();
  const [problem, setProblem] = useState<Problem>();
  const [saved, setSaved] = useState(false);
  const [json, setJson] = useState(false);
  const [round, setRound] = useState(0);
  const release = useGuard(draft !== undefined);
  useEffect(() => { setDraft(undefined); setRound((old) => old + 1); }, [document]);
  const now = draft ?? (document as Json);
  const set = (next: Json) => { setSaved(false); setDraft(next); };
  const submit = () =>
    save(now).then(() => { release(); setProblem(undefined); setDraft(undefined); setSaved(true); }, (reason: unknown) => setProblem(asProblem(reason)));
  return (
    <Form onSubmit={(event) => { event.preventDefault(); void submit(); }} className="gh-form">
      {json ? <Whole key={`json-${round}`} document={now} set={set} fixed={fixed} /> : <DocumentFields key={round} name={name} fields={fields} document={now} set={set} fixed={fixed} />}
      {!json && also?.(now, set)}
      <ProblemAlert problem={problem} />
      {saved && draft === undefined && <Alert isInline variant="success" title={t('saved')} />}
      <ActionGroup>
        {!fixed && <Button type="submit" isDisabled={draft === undefined}>{act ?? t('save')}</Button>}
        {!fixed && draft !== undefined && <Button variant="link" onClick={() => { setDraft(undefined); setProblem(undefined); setRound(round + 1); }}>{t('discard')}</Button>}
        {whole && <Button variant="link" onClick={() => setJson(!json)}>{json ? t('asFields') : t('asJson')}</Button>}
        {more}
      </ActionGroup>
    </Form>
  );
}
