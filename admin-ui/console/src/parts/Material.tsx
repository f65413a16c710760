import { Alert, FileUpload, FormGroup, FormHelperText, HelperText, HelperTextItem, Label } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { api, type Problem, type Schema } from '../api/client';
import { figure, t } from '../texts';
import { asProblem } from './load';
import { When } from './small';

/** Text as it was pasted, or a file: PEM as text, anything else as base64 of its octets. */
export interface Material { text: string; file: string; octets: number }
export const nothing: Material = { text: '', file: '', octets: 0 };

const isText = (bytes: Uint8Array) => !bytes.subarray(0, 4096).some((octet) => octet < 9);

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

async function materialOf(file: File): Promise<Material> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { text: isText(bytes) ? new TextDecoder().decode(bytes) : base64(bytes), file: file.name, octets: bytes.length };
}

/** Drop, choose or paste. A long or binary file is named instead of shown. */
export function MaterialField({ id, label, value, set, help, isRequired = false }: { id: string; label: string; value: Material; set: (next: Material) => void; help?: string; isRequired?: boolean }) {
  const hidden = value.file !== '' && (!/^[\x09-\x7e]*$/.test(value.text.slice(0, 1000)) || value.text.length > 20000 || !value.text.includes('\n'));
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <FileUpload id={id} type="text" value={value.text} filename={value.file} allowEditingUploadedText hideDefaultPreview={hidden} filenamePlaceholder={t('dropFile')} browseButtonText={t('browse')} clearButtonText={t('clear')}
        onFileInputChange={(_, file) => void materialOf(file).then(set)} onTextChange={(_, text) => set({ text, file: '', octets: text.length })} onClearClick={() => set(nothing)} />
      <FormHelperText><HelperText><HelperTextItem>{value.octets > 0 ? t('octets', { count: figure(value.octets) }) : help}</HelperTextItem></HelperText></FormHelperText>
    </FormGroup>
  );
}

export type Found = Schema['InspectItem'];

/** What the server sees in the material, as it is typed; nothing is stored. */
export function useFound(texts: readonly string[], password = ''): { found: Found[]; problem: Problem | undefined; asking: boolean } {
  const [state, setState] = useState<{ found: Found[]; problem: Problem | undefined; asking: boolean }>({ found: [], problem: undefined, asking: false });
  const key = JSON.stringify([texts, password]);
  useEffect(() => {
    const asked = texts.filter((text) => text.trim() !== '');
    if (asked.length === 0) { setState({ found: [], problem: undefined, asking: false }); return undefined; }
    let current = true;
    setState((old) => ({ ...old, asking: true }));
    const timer = setTimeout(() => {
      Promise.all(asked.map((data) => api.post<Schema['Inspection']>('/inspect', { data, ...(password === '' ? {} : { password }) }))).then(
        (answers) => current && setState({ found: answers.flatMap((one) => one.items), problem: undefined, asking: false }),
        (reason: unknown) => current && setState({ found: [], problem: asProblem(reason), asking: false }));
    }, 400);
    return () => { current = false; clearTimeout(timer); };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key stands for the texts
  }, [key]);
  return state;
}

const detail = (item: Found, name: string): string => String((item.details as Record<string, unknown>)[name] ?? '');
export const spkiOf = (item: Found): string => detail(item, 'spkiSha256');
export const subjectOf = (item: Found): string => detail(item, 'subject');
export const isCa = (item: Found): boolean => detail(item, 'ca') === 'true';

const kinds: Partial<Record<Found['type'], Parameters<typeof t>[0]>> = { certificate: 'certificate', 'private-key': 'privateKey', crl: 'crl', 'certificate-request': 'request', pkcs12: 'pkcs12File' };

/** One line for each thing that was found. */
export function FoundList({ found }: { found: readonly Found[] }) {
  return (
    <ul className="gh-plain" aria-label={t('whatIsInIt')}>
      {found.map((item) => {
        const kind = kinds[item.type];
        return (
          <li key={`${item.type}-${item.sha256}`}>
            <Label isCompact color={item.type === 'private-key' ? 'orange' : 'blue'}>{kind === undefined ? item.type : t(kind)}</Label>{' '}
            <strong>{subjectOf(item) || detail(item, 'issuer') || detail(item, 'keyType')}</strong>
            {subjectOf(item) !== '' && <> · {detail(item, 'keyType')} · {t('until')} <When at={detail(item, 'notAfter')} dateOnly /></>}
            {item.type === 'certificate' && subjectOf(item) !== detail(item, 'issuer') && <div>{t('issuer')}: {detail(item, 'issuer')}</div>}
            {item.findings.filter((one) => one.level !== 'info' && spkiOf(item) === '').map((one) => <Alert key={one.message} isInline isPlain variant={one.level === 'error' ? 'danger' : 'warning'} title={one.message} />)}
          </li>
        );
      })}
    </ul>
  );
}
