import { Alert, Button } from '@patternfly/react-core';
import { useState } from 'react';
import { useParams, useSearchParams } from 'react-router-dom';
import { api, type Problem, type Schema } from '../../api/client';
import { DataList, type Column } from '../../parts/DataList';
import { asProblem, useLoad } from '../../parts/load';
import { PickTemplate, useTemplates } from '../../parts/pick';
import { SettingsForm, type Field } from '../../parts/SettingsForm';
import { Copy, Page, ProblemAlert, Waiting, When } from '../../parts/small';
import { Panes, type Pane } from '../../parts/tabs';
import { useSession } from '../../session';
import { t } from '../../texts';
import Nothing from '../Nothing';
import { Anchors } from './Anchors';
import { Credentials } from './Credentials';
import { Profiles } from './Profiles';
import { Transactions } from './Transactions';

type Name = 'scep' | 'est' | 'cmp';
interface Settings { version: number; url: string; settings: object }

const own = () => [['sameNames', t('ownSameNames')], ['any', t('ownAny')], ['none', t('no')]] as const;

function fieldsOf(name: Name): Field[] {
  switch (name) {
    case 'scep': return [
      { path: 'validation.challenge', kind: 'yes', group: t('whoMay') }, { path: 'validation.passphrase', kind: 'yes', group: t('whoMay') },
      { path: 'validation.insecureAcceptAnyone', kind: 'yes', group: t('whoMay') }, { path: 'access.scep', kind: 'lines', group: t('whoMay') },
      { path: 'renewal.enabled', kind: 'yes', group: t('renewal') }, { path: 'renewal.windowDays', kind: 'number', group: t('renewal') }, { path: 'renewal.sameSubject', kind: 'yes', group: t('renewal') },
      { path: 'legacyAlgorithms', kind: 'yes', group: t('forDevices') }, { path: 'stripRoot', kind: 'yes', group: t('forDevices') },
      { path: 'ndes.enabled', kind: 'yes', group: 'NDES' }, { path: 'ndes.minutes', kind: 'number', group: 'NDES' }, { path: 'access.ndes', kind: 'lines', group: 'NDES' },
    ];
    case 'est': return [
      { path: 'basic', kind: 'yes', group: t('whoMay') }, { path: 'challenge', kind: 'yes', group: t('whoMay') }, { path: 'ownCertificates', kind: 'one', of: own(), group: t('whoMay') },
      { path: 'approveDevices', kind: 'yes', group: t('whoMay') }, { path: 'names', kind: 'one', of: [['any', t('namesAny')], ['caller', t('namesCaller')]], group: t('whoMay') },
      { path: 'channelBinding', kind: 'one', of: [['required', t('required')], ['ifPresent', t('ifPresent')], ['ignore', t('ignored')]], group: t('more') },
      { path: 'retryAfterSeconds', kind: 'number', group: t('more') }, { path: 'serverKeyGeneration', kind: 'yes', group: t('more') },
    ];
    default: return [
      { path: 'protection', kind: 'some', of: [['signature', t('bySignature')], ['pbm', 'PasswordBasedMac'], ['pbmac1', 'PBMAC1']], group: t('whoMay') },
      { path: 'ownCertificates', kind: 'one', of: own(), group: t('whoMay') }, { path: 'approveDevices', kind: 'yes', group: t('whoMay') },
      { path: 'leastKeyStrength', kind: 'choice', of: ['112', '128', '192', '256'], group: t('strength') }, { path: 'leastDigestBits', kind: 'choice', of: ['224', '256', '384', '512'], group: t('strength') },
      { path: 'sha1', kind: 'yes', group: t('forDevices') }, { path: 'maxIterations', kind: 'number', group: t('forDevices') }, { path: 'implicitConfirm', kind: 'yes', group: t('forDevices') },
      { path: 'confirmSeconds', kind: 'number', group: t('limits') }, { path: 'waitDays', kind: 'number', group: t('limits') }, { path: 'pollSeconds', kind: 'number', group: t('limits') }, { path: 'clockToleranceSeconds', kind: 'number', group: t('limits') },
      { path: 'centralKeyGeneration', kind: 'yes', group: t('more') }, { path: 'keyPackage', kind: 'one', of: [['rfc5958', 'RFC 5958'], ['bare', t('bareKey')]], group: t('more') },
    ];
  }
}

const captures: Column<Schema['ScepCapture']>[] = [
  { id: 'at', title: t('time'), text: (x) => x.at, cell: (x) => <When at={x.at} /> },
  { id: 'address', title: t('address'), text: (x) => x.address, cell: (x) => x.address },
  { id: 'details', title: t('details'), text: (x) => JSON.stringify(x.details), cell: (x) => <code>{JSON.stringify(x.details)}</code> },
];

/** Asks the service behind a SCEP template (Intune, a webhook) whether it answers. */
function Check({ template }: { template: string }) {
  const [answer, setAnswer] = useState<Schema['ScepCheck']>();
  const [problem, setProblem] = useState<Problem>();
  const test = () => api.post<Schema['ScepCheck']>(`/templates/${template}/scep/check`).then(setAnswer, (reason: unknown) => setProblem(asProblem(reason)));
  const text = answer === undefined ? '' : answer.service === 'none' ? t('noService') : answer.message ?? (answer.ok ? t('works') : t('unreachable'));
  return (
    <>
      <Button variant="secondary" onClick={() => void test()}>{t('test')}</Button>
      <ProblemAlert problem={problem} />
      {answer !== undefined && <Alert isInline variant={answer.ok ? 'success' : answer.service === 'none' ? 'info' : 'danger'} title={text} />}
    </>
  );
}

function Rules({ name, template }: { name: Name; template: string }) {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Settings>(`/templates/${template}/${name}`), `${name}-${template}`);
  if (loaded.value === undefined) return loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />;
  const { version, settings, url } = loaded.value;
  return (
    <>
      <Copy label="URL" text={url} />
      <SettingsForm name={name} document={settings} fields={fieldsOf(name)} fixed={!may('templates:manage')} whole more={name === 'scep' && <Check template={template} />}
        save={(document) => api.put(`/templates/${template}/${name}`, { settings: document, ...(version > 0 ? { version } : {}) }).then(loaded.reload)} />
    </>
  );
}

/** Which template answers where the address names none. */
function Usual({ name }: { name: 'est' | 'cmp' }) {
  const { may } = useSession();
  const templates = useTemplates();
  const loaded = useLoad(() => api.get<{ defaultTemplate: string | null }>(`/${name}`), `usual-${name}`);
  return (
    <>
      <p>{t('usualSays')}</p>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value !== undefined && (
        <SettingsForm name="usual" document={loaded.value} fixed={!may('settings:manage')} save={(document) => api.put(`/${name}`, { defaultTemplate: document['defaultTemplate'] ?? null }).then(loaded.reload)}
          fields={[{ path: 'defaultTemplate', kind: 'one', of: [['', t('none')], ...templates.list.map((one) => [one.id, `${one.name} (${one.ca})`] as const)] }]} />
      )}
    </>
  );
}

function Of({ name, template }: { name: Name; template: string }) {
  const panes: Pane[] = [{ key: 'rules', title: t('general'), body: () => <Rules name={name} template={template} /> }];
  panes.push({ key: 'credentials', title: t('credentials'), body: () => <Credentials template={template} kinds={name === 'cmp' ? ['mac'] : ['challenge']} /> });
  if (name !== 'scep') panes.push({ key: 'anchors', title: t('anchors'), body: () => <Anchors template={template} /> });
  if (name === 'cmp') panes.push({ key: 'transactions', title: t('transactions'), body: () => <Transactions template={template} /> });
  if (name === 'scep') panes.push({ key: 'profiles', title: t('profiles'), body: () => <Profiles template={template} /> });
  if (name === 'scep') panes.push({ key: 'captures', title: t('captures'), body: () => <DataList name="scep-captures" label={t('captures')} path={`/templates/${template}/scep/captures`} columns={captures} id={(x) => x.id} empty={t('noCapture')} /> });
  else panes.push({ key: 'usual', title: t('usualTemplate'), body: () => <Usual name={name} /> });
  return <Panes label={name.toUpperCase()} panes={panes} />;
}

/** No template lets this protocol in yet; anchors can be brought beforehand. */
function Closed({ name, list, named, set }: { name: Name; list: Schema['Template'][]; named: string; set: (template: string) => void }) {
  const chosen = list.find((one) => one.id === named) ?? list[0];
  return (
    <>
      <Alert isInline variant="info" title={t('noDoor', { protocol: name.toUpperCase() })} />
      {name !== 'scep' && chosen !== undefined && (
        <>
          <h2>{t('anchors')}</h2>
          <div className="gh-form"><PickTemplate list={list} value={chosen.id} set={set} /></div>
          <Anchors key={chosen.id} template={chosen.id} />
        </>
      )}
    </>
  );
}

export default function Protocol() {
  const { protocol = '' } = useParams();
  const [parameters, setParameters] = useSearchParams();
  const templates = useTemplates();
  if (protocol !== 'scep' && protocol !== 'est' && protocol !== 'cmp') return <Nothing />;
  const able = templates.list.filter((one) => one.document.doors?.includes(protocol) === true);
  const named = parameters.get('template') ?? '';
  const chosen = able.some((one) => one.id === named) ? named : able[0]?.id;
  const choose = (next: string) => { const all = new URLSearchParams(parameters); all.set('template', next); setParameters(all); };
  return (
    <Page title={protocol.toUpperCase()}>
      {templates.loading ? <Waiting /> : chosen === undefined ? <Closed name={protocol} list={templates.list} named={named} set={choose} /> : (
        <>
          <div className="gh-form"><PickTemplate list={able} value={chosen} set={choose} /></div>
          <Of key={`${protocol}-${chosen}`} name={protocol} template={chosen} />
        </>
      )}
    </Page>
  );
}
