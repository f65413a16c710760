import { Alert, Button, Card, CardBody, CardTitle, FormGroup, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { chosenTheme, chooseTheme, type Theme } from '../frame/theme';
import { asProblem, useLoad } from '../parts/load';
import { SettingsForm, type Field } from '../parts/SettingsForm';
import { ProblemAlert, Waiting } from '../parts/small';
import { TestOf } from '../parts/Trial';
import { useSession } from '../session';
import { chooseLanguage, language, languages, t, type Language, type TextKey } from '../texts';

type Option = Schema['ConfiguredOption'];
type Retention = Schema['Retention'];

/** Options of the node that answers, under headings: what is in effect, and what the option means. */
function Options({ groups }: { groups: readonly (readonly [TextKey, readonly string[]])[] }) {
  const loaded = useLoad(() => api.get<List<Option>>('/configuration'), 'configuration');
  if (loaded.value === undefined) return loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />;
  const known = new Map(loaded.value.items.map((one) => [one.name, one]));
  return (
    <>{groups.map(([title, names]) => (
      <Card key={title}>
        <CardTitle component="h2">{t(title)}</CardTitle>
        <CardBody>
          <div className="gh-wide" tabIndex={0} role="group" aria-label={t(title)}>
            <table className="gh-table gh-stacking">
              <thead><tr>{[t('name'), t('value'), t('description')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
              <tbody>{names.flatMap((name) => known.get(name) ?? []).map((one) => (
                <tr key={one.name}><td data-label={t('name')}><code>{one.name}</code></td><td data-label={t('value')}>{one.values.length === 0 ? '–' : one.values.map((value) => <div key={value}><code>{value}</code></div>)}</td><td data-label={t('description')} className="gh-small">{one.help}</td></tr>
              ))}</tbody>
            </table>
          </div>
        </CardBody>
      </Card>
    ))}</>
  );
}

export const Network = () => (
  <>
    <p>{t('networkSays')} <Link to="/settings?tab=configuration">{t('configuration')}</Link></p>
    <Options groups={[
      ['listeners', ['http', 'https', 'mtls', 'listen', 'agents', 'public-name', 'public-url', 'public-https-url']],
      ['proxyBefore', ['trusted-proxy', 'proxy-header']],
      ['proxyBehind', ['outgoing-proxy', 'outgoing-direct', 'outgoing-ca-file']],
    ]} />
    <TestOf id="test-url" label={t('testAddress')} first="https://example.com/" looks={(text) => [{ kind: 'url', targets: [text] }]} />
  </>
);

const retentionFields: Field[] = [{ path: 'archiveExpiredDays', kind: 'number' }, { path: 'eraseRequestsDays', kind: 'number' }];

export function Limits() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Retention>('/settings/retention'), 'retention');
  const [done, setDone] = useState<Schema['RetentionResult']>();
  const [problem, setProblem] = useState<Problem>();
  const apply = () => { void api.post<Schema['RetentionResult']>('/settings/retention/apply').then((result) => { setDone(result); setProblem(undefined); }, (reason: unknown) => setProblem(asProblem(reason))); };
  const manage = may('settings:manage');
  return (
    <>
      <h2>{t('retention')}</h2>
      <p>{t('retentionSays')}</p>
      <ProblemAlert problem={loaded.problem ?? problem} retry={loaded.reload} />
      {loaded.value !== undefined && (
        <SettingsForm name="retention" document={loaded.value} fields={retentionFields} fixed={!manage} save={(document) => api.put('/settings/retention', document).then(loaded.reload)}
          more={manage && <Button variant="link" onClick={apply}>{t('applyNow')}</Button>} />
      )}
      {done !== undefined && <Alert isInline variant="success" title={t('retentionDone', { archived: done.archived, erased: done.erased })}>{done.more && t('retentionMore')}</Alert>}
      <p>{t('limitsElsewhere')} <Link to="/settings?tab=public">{t('publicPages')}</Link>, <Link to="/roles?tab=rules">{t('logInRules')}</Link></p>
      <Options groups={[['limitsOfPrograms', ['token-requests', 'token-certificates', 'organisation-requests', 'organisation-certificates']], ['limitsOfConnections', ['threads', 'request-timeout', 'db-pool']]]} />
    </>
  );
}

/** How the console looks in this browser; nobody else is concerned. */
export function Appearance() {
  const [theme, setTheme] = useState<Theme>(chosenTheme());
  return (
    <div className="gh-form gh-stack">
      <p>{t('appearanceSays')}</p>
      <FormGroup label={t('theme')} fieldId="theme">
        <FormSelect id="theme" value={theme} onChange={(_, next) => { chooseTheme(next as Theme); setTheme(next as Theme); }}>
          {(['system', 'light', 'dark'] as const).map((one) => <FormSelectOption key={one} value={one} label={t(`theme-${one}`)} />)}
        </FormSelect>
      </FormGroup>
      <FormGroup label={t('language')} fieldId="language">
        <FormSelect id="language" value={language} onChange={(_, next) => chooseLanguage(next as Language)}>
          {(Object.keys(languages) as Language[]).map((one) => <FormSelectOption key={one} value={one} label={languages[one]} />)}
        </FormSelect>
      </FormGroup>
    </div>
  );
}
