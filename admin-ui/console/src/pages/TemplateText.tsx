import { ActionGroup, Alert, Button, FormGroup } from '@patternfly/react-core';
import { useRef, useState } from 'react';
import { api, saveFile, type Problem, type Schema } from '../api/client';
import { ChangeTable, shownChanges } from '../parts/DocumentDiff';
import { asProblem, useLoad } from '../parts/load';
import { ProblemAlert, Waiting } from '../parts/small';
import { TextFindings, useTextCheck } from '../parts/TextCheck';
import { t } from '../texts';
import { Preview } from './TemplateViews';

type Template = Schema['Template'];

interface EditorProps { text: string; set: (next: string) => void; fixed: boolean; marked: ReadonlySet<number>; box: React.RefObject<HTMLTextAreaElement> }

/** A text with numbered lines; a file that is dropped takes its place. */
function Editor({ text, set, fixed, marked, box }: EditorProps) {
  const numbers = useRef<HTMLDivElement>(null);
  const drop = (event: React.DragEvent) => {
    const file = event.dataTransfer.files[0];
    if (fixed || file === undefined) return;
    event.preventDefault();
    void file.text().then(set);
  };
  return (
    <div className="gh-editor" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <div ref={numbers} aria-hidden="true">{text.split('\n').map((_, index) => <span key={index} className={marked.has(index + 1) ? 'gh-marked' : undefined}>{index + 1}</span>)}</div>
      <textarea id="openssl-text" ref={box} wrap="off" rows={26} spellCheck="false" readOnly={fixed} value={text} onChange={(event) => set(event.currentTarget.value)}
        onScroll={(event) => { if (numbers.current !== null) numbers.current.scrollTop = event.currentTarget.scrollTop; }} />
    </div>
  );
}

function showLine(area: HTMLTextAreaElement | null, line: number) {
  if (area === null) return;
  const lines = area.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, line - 6);
}

interface Props { template: Template; text: string | undefined; set: (next: string | undefined) => void; fixed: boolean; waits: boolean; saved: () => void }

/** The template in the words of OpenSSL's configuration: shown, edited, checked as it is typed, from and to files, and rendered
    with the values of its variables. `text`: what is not saved yet; `waits`: other tabs have changes that are not saved. */
export default function TemplateText({ template, text, set, fixed, waits, saved }: Props) {
  const loaded = useLoad(() => api.text(`/templates/${template.id}/openssl`), `openssl-${template.id}-${template.version}`);
  const [refused, setRefused] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const locked = fixed || waits;
  const shown = text ?? loaded.value ?? '';
  const { checked, problem } = useTextCheck(text === undefined || locked ? '' : `/templates/${template.id}/openssl`, shown);
  if (loaded.value === undefined) return loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />;
  const edit = (next: string) => { setRefused(undefined); set(next === loaded.value ? undefined : next); };
  const document = text === undefined ? template.document : checked?.document ?? undefined;
  const marked = new Set((checked?.findings ?? []).filter((one) => one.severity === 'error').map((one) => one.line ?? 0));
  const save = () => {
    setBusy(true);
    api.put(`/templates/${template.id}/openssl`, { openssl: shown, version: template.version }).then(() => { setBusy(false); saved(); }, (reason: unknown) => { setRefused(asProblem(reason)); setBusy(false); });
  };
  const changes = shownChanges(checked?.changes ?? []);
  return (
    <>
      <p>{t('opensslSays')}</p>
      {waits && <Alert isInline variant="info" title={t('saveOthersFirst')} />}
      <ProblemAlert problem={refused ?? problem} />
      <div className="gh-two gh-text">
        <div className="gh-stack">
          <FormGroup label={t('opensslText')} fieldId="openssl-text"><Editor text={shown} set={edit} fixed={locked} marked={marked} box={area} /></FormGroup>
          {!locked && <FormGroup label={t('fromFile')} fieldId="openssl-file"><input id="openssl-file" type="file" onChange={(event) => void event.currentTarget.files?.[0]?.text().then(edit)} /></FormGroup>}
          <ActionGroup>
            {!locked && <Button isDisabled={text === undefined || changes.length === 0 || document === undefined} isLoading={busy} onClick={save}>{t('save')}</Button>}
            {!locked && text !== undefined && <Button variant="link" onClick={() => { setRefused(undefined); set(undefined); }}>{t('discard')}</Button>}
            <Button variant="secondary" onClick={() => saveFile(new Blob([shown], { type: 'text/plain' }), `${template.id}.cnf`)}>{t('download')}</Button>
          </ActionGroup>
        </div>
        <section aria-label={t('changes')} className="gh-stack">
          <h2>{t('changes')}</h2>
          {text === undefined ? <p>{t('nothingChanged')}</p> : checked === undefined ? problem === undefined && <Waiting /> : (
            <>
              <TextFindings findings={checked.findings} go={(line) => showLine(area.current, line)} />
              {document !== undefined && (changes.length === 0 ? <p>{t('nothingChanged')}</p> : <ChangeTable changes={changes} />)}
            </>
          )}
        </section>
      </div>
      {document !== undefined && <><h2>{t('preview')}</h2><Preview key={JSON.stringify(document.variables)} template={{ ...template, document }} /></>}
    </>
  );
}
