import { Button, Checkbox, FormFieldGroup, FormFieldGroupHeader, FormGroup, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../api/client';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { ProblemAlert, Waiting } from '../parts/small';
import { t } from '../texts';

type Field = Schema['CertificateField'];
type Fields = Schema['CertificateFields'];
const kinds = ['text', 'list', 'number', 'date'] as const;

/** The values of an organisation's own fields of one certificate. */
export function FieldInputs({ fields, values, set }: { fields: readonly Field[]; values: Record<string, string>; set: (next: Record<string, string>) => void }) {
  return <>{fields.map((one) => {
    const id = `field-${one.name}`;
    const change = (value: string) => set({ ...values, [one.name]: value });
    const value = values[one.name] ?? '';
    return (
      <FormGroup key={one.name} label={one.label === undefined || one.label === '' ? one.name : one.label} fieldId={id} isRequired={one.required === true}>
        {one.type === 'list' ? (
          <FormSelect id={id} value={value} onChange={(_, next) => change(next)}>
            <FormSelectOption value="" label="–" />
            {(one.values ?? []).map((item) => <FormSelectOption key={item} value={item} label={item} />)}
          </FormSelect>
        ) : <TextInput id={id} type={one.type === 'number' ? 'number' : one.type === 'date' ? 'date' : 'text'} value={value} onChange={(_, next) => change(next)} />}
      </FormGroup>
    );
  })}</>;
}

function Definition({ field, set, remove }: { field: Field; set: (next: Field) => void; remove: () => void }) {
  const id = `definition-${field.name}`;
  return (
    <FormFieldGroup header={<FormFieldGroupHeader titleText={{ text: field.name, id }} actions={<Button size="sm" variant="link" isDanger aria-label={`${t('remove')}: ${field.name}`} onClick={remove}>{t('remove')}</Button>} />}>
      <FormGroup label={t('label')} fieldId={`${id}-label`}><TextInput id={`${id}-label`} value={field.label ?? ''} onChange={(_, label) => set({ ...field, label })} /></FormGroup>
      <Pick id={`${id}-kind`} label={t('kind')} value={field.type} set={(type) => set({ ...field, type: type as Field['type'] })} choices={kinds.map((one) => [one, t(`field-${one}`)] as const)} />
      {field.type === 'list' && <FormGroup label={t('choicesCommas')} fieldId={`${id}-values`}><TextInput id={`${id}-values`} defaultValue={(field.values ?? []).join(', ')} onBlur={(event) => set({ ...field, values: event.currentTarget.value.split(',').map((one: string) => one.trim()).filter((one: string) => one !== '') })} /></FormGroup>}
      {field.type === 'text' && <FormGroup label={t('patternOptional')} fieldId={`${id}-pattern`}><TextInput id={`${id}-pattern`} value={field.pattern ?? ''} onChange={(_, pattern) => set({ ...field, pattern })} /></FormGroup>}
      <Checkbox id={`${id}-required`} label={t('requiredField')} isChecked={field.required} onChange={(_, required) => set({ ...field, required })} />
    </FormFieldGroup>
  );
}

/** What a field has besides its name and kind only counts for its kind. */
const clean = ({ values, pattern, ...field }: Field): Field => ({
  ...field, ...(field.type === 'list' ? { values: values ?? [] } : {}), ...(field.type === 'text' && pattern !== undefined && pattern !== '' ? { pattern } : {}),
});

/** Which fields of its own the organisation gives its certificates. */
export function FieldDefinitions({ close }: { close: (done: boolean) => void }) {
  const loaded = useLoad(() => api.get<Fields>('/certificate-fields'), 'certificate-fields');
  const [draft, setDraft] = useState<Field[]>();
  const [name, setName] = useState('');
  const fields = draft ?? loaded.value?.fields ?? [];
  const able = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/.test(name) && !fields.some((one) => one.name === name);
  return (
    <FormDialog title={t('ownFields')} act={t('save')} ready={draft !== undefined} close={close} run={() => api.put('/certificate-fields', { fields: fields.map(clean), version: loaded.value?.version ?? 0 })}>
      <p>{t('ownFieldsSay')}</p>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value === undefined ? <Waiting /> : fields.map((field, at) => (
        <Definition key={field.name} field={field} set={(next) => setDraft(fields.map((one, i) => (i === at ? next : one)))} remove={() => setDraft(fields.filter((_, i) => i !== at))} />
      ))}
      <FormGroup label={t('newField')} fieldId="field-new">
        <div className="gh-actions">
          <div><TextInput id="field-new" value={name} placeholder="costCentre" onChange={(_, value) => setName(value)} /></div>
          <Button variant="secondary" isDisabled={!able} onClick={() => { setDraft([...fields, { name, type: 'text', required: false }]); setName(''); }}>{t('addField')}</Button>
        </div>
      </FormGroup>
    </FormDialog>
  );
}
