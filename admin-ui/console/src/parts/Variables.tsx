import { FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';
import type { Schema } from '../api/client';
import { t } from '../texts';

type Variable = Schema['TemplateVariable'];

/** What a template asks of each request besides its names: a form of its variables, and the values that were given. */
export function useVariables(id: string, variables: readonly Variable[]): { body: { variables?: Record<string, string> }; fields: ReactNode; ready: boolean } {
  const [given, setGiven] = useState<Record<string, string>>({});
  const values = Object.fromEntries(variables.map((one): [string, string] => [one.name, given[one.name] ?? '']).filter(([, value]) => value !== ''));
  const set = (name: string, value: string) => setGiven((old) => ({ ...old, [name]: value }));
  const needed = (one: Variable) => one.required === true && (one.default ?? '') === '';
  const fields = variables.map((one) => {
    const field = `${id}-variable-${one.name}`;
    const help = [one.default !== undefined && one.default !== '' ? t('usually', { value: one.default }) : '', one.pattern != null ? t('lookLike', { pattern: one.pattern }) : ''].filter((text) => text !== '').join(' ');
    return (
      <FormGroup key={one.name} label={one.description === undefined || one.description === '' ? one.name : `${one.description} (${one.name})`} fieldId={field} isRequired={needed(one)}>
        {(one.values ?? []).length > 0 ? (
          <FormSelect id={field} value={given[one.name] ?? ''} onChange={(_, value) => set(one.name, value)}>
            <FormSelectOption value="" label={one.default ?? t('choose')} />
            {(one.values ?? []).map((value) => <FormSelectOption key={value} value={value} label={value} />)}
          </FormSelect>
        ) : <TextInput id={field} value={given[one.name] ?? ''} placeholder={one.default} onChange={(_, value) => set(one.name, value)} />}
        {help !== '' && <FormHelperText><HelperText><HelperTextItem>{help}</HelperTextItem></HelperText></FormHelperText>}
      </FormGroup>
    );
  });
  return {
    body: Object.keys(values).length === 0 ? {} : { variables: values },
    fields: variables.length === 0 ? null : fields,
    ready: variables.every((one) => !needed(one) || values[one.name] !== undefined),
  };
}
