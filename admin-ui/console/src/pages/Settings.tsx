import { Card, CardBody, CardTitle, DescriptionList } from '@patternfly/react-core';
import { api, type Schema } from '../api/client';
import { useLoad } from '../parts/load';
import { asStored, SettingsForm, type Field } from '../parts/SettingsForm';
import { Copy, Page, ProblemAlert, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { t } from '../texts';
import { Row } from './Authority';
import { MailQueue, MailServer, MailWordings } from './SettingsMail';

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
        { key: 'mail', title: t('mailServer'), body: () => <MailServer /> },
        { key: 'texts', title: t('mailTexts'), body: () => <MailWordings /> },
        { key: 'queue', title: t('mails'), body: () => <MailQueue /> },
        { key: 'public', title: t('publicPages'), body: () => <PublicPages /> },
      ]} />
    </Page>
  );
}
