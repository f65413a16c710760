import { Card, CardBody, CardTitle, DescriptionList, Label } from '@patternfly/react-core';
import { api, type Schema } from '../api/client';
import { DataList, type Column } from '../parts/DataList';
import { useLoad } from '../parts/load';
import { asStored, SettingsForm, type Field } from '../parts/SettingsForm';
import { Copy, Page, ProblemAlert, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { t } from '../texts';
import { Row } from './Authority';
import { Appearance, Limits, Network } from './SettingsMore';
import { MailQueue, MailServer, MailWordings } from './SettingsMail';
import { TlsCertificate } from './SettingsTls';

function Instance() {
  const settings = useLoad(() => api.get<Schema['Settings']>('/settings'), 'settings');
  const status = useLoad(() => api.get<Schema['Status']>('/status'), 'status', 30000);
  return (
    <>
      <ProblemAlert problem={settings.problem ?? status.problem} retry={settings.reload} />
      <Card>
        <CardTitle component="h2">{t('instance')}</CardTitle>
        <CardBody>
          <DescriptionList isHorizontal>
            <Row term={t('publicHttp')}><Copy label={t('publicHttp')} text={settings.value?.publicHttp ?? ''} /></Row>
            <Row term={t('publicHttps')}><Copy label={t('publicHttps')} text={settings.value?.publicHttps ?? ''} /></Row>
            <Row term={t('softwareVersion')}>{status.value?.name} {status.value?.version}</Row>
            <Row term={t('time')}><When at={status.value?.time} /></Row>
            <Row term={t('restApi')}><a href="/api/v1/">/api/v1/</a></Row>
          </DescriptionList>
        </CardBody>
      </Card>
    </>
  );
}

type Option = Schema['ConfiguredOption'];
const options: Column<Option>[] = [
  { id: 'name', title: t('name'), text: (o) => o.name, cell: (o) => <code>{o.name}</code> },
  { id: 'value', title: t('value'), text: (o) => o.values.join(' '), cell: (o) => (o.values.length === 0 ? '–' : o.values.map((one) => <div key={one}><code>{one}</code></div>)) },
  { id: 'source', title: t('setBy'), text: (o) => o.source, cell: (o) => <Label isCompact color={o.source === 'default' ? 'grey' : 'blue'}>{t(`source-${o.source === 'command line' ? 'command' : o.source}`)}</Label> },
  { id: 'help', title: t('description'), text: (o) => o.help, cell: (o) => <span className="gh-small">{o.help}</span> },
];

const Configuration = () => (
  <>
    <p>{t('configurationSays')}</p>
    <DataList paged={false} name="configuration" label={t('configuration')} path="/configuration" columns={options} id={(o) => o.name} empty={t('nothingHere')} />
  </>
);

function Doors() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Schema['Doors']>('/settings/doors'), 'doors');
  const fields: Field[] = ['rest', 'console', 'public', 'preapproved', 'acme', 'scep', 'est', 'cmp'].map((one) => ({ path: one, kind: 'yes' }));
  return (
    <>
      <p>{t('doorsSay')}</p>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value !== undefined && <SettingsForm name="doors" document={loaded.value} fields={fields} fixed={!may('settings:manage')} save={(document) => api.put('/settings/doors', document).then(loaded.reload)} />}
    </>
  );
}

const publicFields: Field[] = [{ path: 'open', kind: 'yes' }, { path: 'puzzleBits', kind: 'number' }, { path: 'perAddress', kind: 'number' }, { path: 'perEmail', kind: 'number' }];

function PublicPages() {
  const { may } = useSession();
  const loaded = useLoad(() => api.get<Schema['PublicSettings']>('/public/settings'), 'public-settings');
  return (
    <>
      <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
      {loaded.value !== undefined && (
        <SettingsForm name="public" document={loaded.value} fields={publicFields} fixed={!may('settings:manage')}
          save={(document) => api.put('/public/settings', asStored(document)).then(loaded.reload)} />
      )}
    </>
  );
}

export default function Settings() {
  return (
    <Page title={t('settings')}>
      <Panes label={t('settings')} panes={[
        { key: 'instance', title: t('instance'), body: () => <Instance /> },
        { key: 'tls', title: t('tlsCertificate'), body: () => <TlsCertificate /> },
        { key: 'mail', title: t('mailServer'), body: () => <MailServer /> },
        { key: 'texts', title: t('mailTexts'), body: () => <MailWordings /> },
        { key: 'queue', title: t('mails'), body: () => <MailQueue /> },
        { key: 'public', title: t('publicPages'), body: () => <PublicPages /> },
        { key: 'doors', title: t('doors'), body: () => <Doors /> },
        { key: 'limits', title: t('limits'), body: () => <Limits /> },
        { key: 'network', title: t('network'), body: () => <Network /> },
        { key: 'appearance', title: t('appearance'), body: () => <Appearance /> },
        { key: 'configuration', title: t('configuration'), body: () => <Configuration /> },
      ]} />
    </Page>
  );
}
