import { FormGroup, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { api, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { t } from '../texts';
import { useLoad } from './load';

type Template = Schema['Template'];

/** The templates of the CA that is chosen at the top, or of all. */
export function useTemplates(): { list: Template[]; loading: boolean } {
  const { cas, ca } = useScope();
  const of = (cas.value ?? []).filter((one) => ca === '' || one.id === ca).map((one) => one.id);
  const loaded = useLoad(async () => (await Promise.all(of.map((one) => api.all<Template>(`/cas/${one}/templates`)))).flat(), `templates-${of.join()}`);
  return { list: loaded.value ?? [], loading: loaded.value === undefined && loaded.problem === undefined };
}

export function Pick({ id, label, value, choices, set }: { id: string; label: string; value: string; choices: readonly (readonly [string, string])[]; set: (value: string) => void }) {
  return (
    <FormGroup label={label} fieldId={id}>
      <FormSelect id={id} value={value} onChange={(_, next) => set(next)}>{choices.map(([one, shown]) => <FormSelectOption key={one} value={one} label={shown} />)}</FormSelect>
    </FormGroup>
  );
}

export const PickTemplate = ({ list, value, set }: { list: Template[]; value: string; set: (value: string) => void }) => (
  <Pick id="template" label={t('template')} value={value} set={set} choices={list.map((one) => [one.id, `${one.name} (${one.ca})`] as const)} />
);
