import { Card, CardBody, CardTitle, DescriptionList } from '@patternfly/react-core';
import { api, type Schema } from '../api/client';
import { useLoad } from '../parts/load';
import { Copy, Page, ProblemAlert, Waiting, When } from '../parts/small';
import { t } from '../texts';
import { Row } from './Authority';

export default function Settings() {
  const settings = useLoad(() => api.get<Schema['Settings']>('/settings'), 'settings');
  const status = useLoad(() => api.get<Schema['Status']>('/status'), 'status', 30000);
  if (settings.value === undefined && settings.loading) return <Waiting />;
  return (
    <Page title={t('settings')}>
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
    </Page>
  );
}
