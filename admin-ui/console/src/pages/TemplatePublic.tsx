import { Alert } from '@patternfly/react-core';
import { api, type Schema } from '../api/client';
import { useLoad } from '../parts/load';
import { SettingsForm, type Field } from '../parts/SettingsForm';
import { Copy, ProblemAlert } from '../parts/small';
import { t } from '../texts';

const fields = (): Field[] => [
  { path: 'ways', kind: 'some', of: [['form', t('wayForm')], ['csr', t('wayCsr')]] }, { path: 'verifyEmail', kind: 'yes' }, { path: 'comment', kind: 'yes' },
  { path: 'note', kind: 'area' }, { path: 'fields', kind: 'lines' }, { path: 'notify', kind: 'lines' },
];

/** What strangers see of a template at /request/{template}. */
export function TemplatePublic({ template, open, fixed }: { template: string; open: boolean; fixed: boolean }) {
  const loaded = useLoad(() => api.get<Schema['PublicRules']>(`/templates/${template}/public`), `public-${template}`);
  return (
    <>
      {open ? <Copy label={t('publicPage')} text={`${location.origin}/request/${template}`} /> : <Alert isInline variant="info" title={t('publicDoorShut')} />}
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value !== undefined && (
        <SettingsForm name="public-rules" document={loaded.value.settings} fields={fields()} fixed={fixed}
          save={(settings) => api.put(`/templates/${template}/public`, { settings, ...((loaded.value?.version ?? 0) > 0 ? { version: loaded.value?.version } : {}) }).then(loaded.reload)} />
      )}
    </>
  );
}
