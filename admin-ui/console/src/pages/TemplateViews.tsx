import { Alert, FormGroup, Label, TextArea, TextInput } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { FormDialog } from '../parts/Dialog';
import { ChangeTable, changesOf, shownChanges } from '../parts/DocumentDiff';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { CodeText, ProblemAlert, Waiting, When } from '../parts/small';
import { TextFindings, useTextCheck } from '../parts/TextCheck';
import { useVariables } from '../parts/Variables';
import { t } from '../texts';

type Template = Schema['Template'];
type Finding = Schema['LintFinding'];

const colours = { notice: 'blue', warning: 'orange', error: 'red', fatal: 'red' } as const;

export function Findings({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return <Alert isInline isPlain variant="success" title={t('noFinding')} />;
  return (
    <ul className="gh-plain" aria-label={t('findings')}>
      {findings.map((one) => (
        <li key={`${one.rule}-${one.text}`}><Label isCompact color={colours[one.severity]}>{one.severity}</Label> {one.text} <small>{one.rule}{one.source === '' ? '' : ` · ${one.source}`}</small></li>
      ))}
    </ul>
  );
}

/** Names that the template may take, so that there is something to see at once. */
function sampleOf(document: Template['document']): { subject: string; sans: string } {
  const types = document.sans?.types ?? ['dns'];
  const person = !types.includes('dns') && types.includes('email');
  const from = document.subject?.from ?? 'csr';
  return {
    subject: from === 'csr' ? `CN=${person ? 'Some Body' : 'www.example.com'}` : '',
    sans: types.includes('dns') ? 'DNS:www.example.com' : person ? 'email:some.body@example.com' : '',
  };
}

/** The exact certificate, of the template as it stands on the tabs, saved or not; with a CSR or with a sample key. */
export function Preview({ template }: { template: Template }) {
  const [csr, setCsr] = useState('');
  const variables = useVariables('preview', template.document.variables ?? []);
  const given = JSON.stringify(variables.body);
  const [sample] = useState(() => sampleOf(template.document));
  const [subject, setSubject] = useState(sample.subject);
  const [sans, setSans] = useState(sample.sans);
  const [shown, setShown] = useState<Schema['Previewed']>();
  const [problem, setProblem] = useState<Problem>();
  const document = JSON.stringify(template.document);
  useEffect(() => {
    let current = true;
    // A CSR brings its own names; what was typed goes before them, the sample does not.
    const typed = (text: string, other: string) => (csr.trim() !== '' && text === other ? '' : text.trim());
    const names = typed(sans, sample.sans).split(/[\n,]+/).map((one) => one.trim()).filter((one) => one !== '');
    const timer = setTimeout(() => {
      api.post<Schema['Previewed']>(`/templates/${template.id}/preview`, {
        document: JSON.parse(document) as object, ...(csr.trim() === '' ? {} : { csr }), ...(typed(subject, sample.subject) === '' ? {} : { subject: typed(subject, sample.subject) }), ...(names.length === 0 ? {} : { sans: names }), ...(JSON.parse(given) as object),
      }).then((answer) => { if (current) { setShown(answer); setProblem(undefined); } }, (reason: unknown) => { if (current) { setProblem(asProblem(reason)); setShown(undefined); } });
    }, 400);
    return () => { current = false; clearTimeout(timer); };
  }, [template.id, document, csr, subject, sans, sample, given]);
  return (
    <div className="gh-two">
      <div className="gh-stack">
        <p>{t('previewHelp')}</p>
        <FormGroup label={t('subject')} fieldId="preview-subject"><TextInput id="preview-subject" value={subject} placeholder="CN=www.example.com" onChange={(_, value) => setSubject(value)} /></FormGroup>
        <FormGroup label={t('sansOneALine')} fieldId="preview-sans"><TextArea id="preview-sans" value={sans} placeholder="DNS:www.example.com" onChange={(_, value) => setSans(value)} /></FormGroup>
        {variables.fields}
        <FormGroup label={t('csrOrSample')} fieldId="preview-csr"><TextArea id="preview-csr" rows={8} value={csr} onChange={(_, value) => setCsr(value)} className="gh-mono" /></FormGroup>
      </div>
      <section aria-label={t('preview')} className="gh-stack">
        <ProblemAlert problem={problem} />
        {shown === undefined ? problem === undefined && <Waiting /> : (
          <>
            {shown.blocked !== null && <Alert isInline variant="danger" title={t('previewBlocked')}>{shown.blocked}</Alert>}
            {shown.notes.map((one) => <Alert key={one} isInline isPlain variant="info" title={one} />)}
            <h2>{t('findings')}</h2>
            <Findings findings={shown.findings} />
            <h2>{t('certificate')}</h2>
            <CodeText label={t('certificate')} text={shown.text} />
          </>
        )}
      </section>
    </div>
  );
}

/** Which versions there were, and what changed between two of them. */
export function Versions({ template }: { template: Template }) {
  const loaded = useLoad(() => api.get<Schema['TemplateVersionList']>(`/templates/${template.id}/versions`), `versions-${template.id}-${template.version}`);
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const items = loaded.value?.items ?? [];
  const a = from === '' ? String(items[1]?.version ?? '') : from;
  const b = to === '' ? String(items[0]?.version ?? '') : to;
  const diff = useLoad(async () => (a === '' || b === '' || a === b ? undefined : await api.get<Schema['TemplateDiff']>(`/templates/${template.id}/diff`, { from: a, to: b })), `diff-${template.id}-${a}-${b}`);
  const choices = items.map((one) => [String(one.version), t('version', { version: one.version })] as const);
  const shown = (value: unknown) => (value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value));
  return (
    <>
      <ProblemAlert problem={loaded.problem ?? diff.problem} retry={loaded.reload} />
      <ul className="gh-plain">{items.slice(0, 20).map((one) => <li key={one.version}>{t('version', { version: one.version })}: {one.name}, <When at={one.createdAt} /></li>)}</ul>
      {items.length > 1 && (
        <>
          <div className="gh-two"><Pick id="diff-from" label={t('from')} value={a} set={setFrom} choices={choices} /><Pick id="diff-to" label={t('to')} value={b} set={setTo} choices={choices} /></div>
          <div className="gh-wide" tabIndex={0} role="group" aria-label={t('changes')}>
            <table className="gh-table">
              <thead><tr>{[t('field'), t('before'), t('after')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
              <tbody>{(diff.value?.changes ?? []).map((one) => <tr key={one.path}><td><code>{one.path}</code></td><td>{shown(one.before)}</td><td>{shown(one.after)}</td></tr>)}</tbody>
            </table>
          </div>
        </>
      )}
    </>
  );
}

export function Clone({ template, close }: { template: Template; close: () => void }) {
  const { cas } = useScope();
  const navigate = useNavigate();
  const [name, setName] = useState(t('copyOf', { name: template.name }));
  const [ca, setCa] = useState(template.ca);
  return (
    <FormDialog title={`${t('clone')}: ${template.name}`} act={t('clone')} ready={name.trim() !== ''} close={close} stays
      run={() => api.post<Template>(`/templates/${template.id}/clone`, { name, ca }).then((made) => { close(); navigate(`/templates/${made.id}`); })}>
      <FormGroup label={t('name')} fieldId="clone-name" isRequired><TextInput id="clone-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="clone-ca" label={t('authority')} value={ca} set={setCa} choices={(cas.value ?? []).filter((one) => one.state === 'active').map((one) => [one.id, one.name] as const)} />
    </FormDialog>
  );
}

/** What a file says, when it is an export that can be read. */
function exportIn(text: string): { name: string; document: Template['document'] } | undefined {
  try {
    const read = JSON.parse(text) as { name?: string; document?: Template['document'] };
    return read.document === undefined ? undefined : { name: read.name ?? '', document: read.document };
  } catch {
    return undefined;
  }
}

/** A new template, or a new version of one that is there: then with what changes. */
export function ImportTemplate({ close }: { close: () => void }) {
  const { cas, ca: scoped } = useScope();
  const navigate = useNavigate();
  const able = (cas.value ?? []).filter((one) => one.state === 'active');
  const [ca, setCa] = useState(scoped !== '' ? scoped : able[0]?.id ?? '');
  const [text, setText] = useState('');
  const [name, setName] = useState('');
  const [over, setOver] = useState('');
  const known = useLoad(() => (ca === '' ? Promise.resolve([]) : api.all<Template>(`/cas/${ca}/templates`)), `import-templates-${ca}`);
  const read = (file: File | undefined) => void file?.text().then(setText);
  const openssl = text.trim() !== '' && !text.trimStart().startsWith('{');
  const exported = exportIn(text);
  const old = known.value?.find((one) => one.id === over);
  const same = known.value?.find((one) => one.name === exported?.name);
  const { checked, problem } = useTextCheck(!openssl || ca === '' ? '' : old === undefined ? `/cas/${ca}/templates/import` : `/templates/${old.id}/openssl`, text, old === undefined ? { name: 'x', dryRun: true } : {});
  const readable = !openssl || (checked !== undefined && checked.document !== null);
  const run = async () => {
    if (old !== undefined && openssl) {
      await api.put(`/templates/${old.id}/openssl`, { openssl: text, version: old.version });
      close();
      navigate(`/templates/${old.id}?tab=versions`);
      return;
    }
    if (old !== undefined && exported !== undefined) {
      await api.put(`/templates/${old.id}`, { name: old.name, document: exported.document, version: old.version });
      close();
      navigate(`/templates/${old.id}?tab=versions`);
      return;
    }
    const body = openssl ? { name, openssl: text } : { ...(JSON.parse(text) as object), ...(name.trim() === '' ? {} : { name }) };
    const made = await api.post<Template>(`/cas/${ca}/templates/import`, body);
    close();
    navigate(`/templates/${made.id}`);
  };
  return (
    <FormDialog title={t('importTemplate')} act={t('import')} ready={text.trim() !== '' && ca !== '' && readable && (!openssl || old !== undefined || name.trim() !== '')} close={close} stays run={run}>
      <Pick id="import-ca" label={t('authority')} value={ca} set={(next) => { setCa(next); setOver(''); }} choices={able.map((one) => [one.id, one.name] as const)} />
      <FormGroup label={t('exportedFile')} fieldId="import-file"><input id="import-file" type="file" onChange={(event) => read(event.currentTarget.files?.[0])} /></FormGroup>
      <FormGroup label={t('exportOrOpenssl')} fieldId="import-text">
        <TextArea id="import-text" rows={12} className="gh-mono" value={text} onChange={(_, value) => setText(value)}
          onDrop={(event) => { const file = event.dataTransfer.files[0]; if (file !== undefined) { event.preventDefault(); read(file); } }} />
      </FormGroup>
      <ProblemAlert problem={problem} />
      {checked !== undefined && <TextFindings findings={checked.findings} />}
      {exported !== undefined && same !== undefined && over === '' && <Alert isInline variant="info" title={t('sameNameThere', { name: same.name })} />}
      {(exported !== undefined || openssl) && <Pick id="import-over" label={t('importAs')} value={over} set={setOver} choices={[['', t('asNewTemplate')], ...(known.value ?? []).map((one) => [one.id, t('asVersionOf', { name: one.name })] as const)]} />}
      {old !== undefined && exported !== undefined && <ChangeTable changes={changesOf(old.document, exported.document)} />}
      {old !== undefined && checked !== undefined && checked.document !== null && <ChangeTable changes={shownChanges(checked.changes)} />}
      {over === '' && text.trim() !== '' && <FormGroup label={t('name')} fieldId="import-name" isRequired={openssl}><TextInput id="import-name" value={name} placeholder={exported?.name} onChange={(_, value) => setName(value)} /></FormGroup>}
    </FormDialog>
  );
}
