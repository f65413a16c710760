import { EmptyState, EmptyStateBody } from '@patternfly/react-core';
import { Link } from 'react-router-dom';
import { Page } from '../parts/small';
import { t } from '../texts';

export default function Nothing() {
  return (
    <Page title={t('noSuchPage')}>
      <EmptyState titleText={t('noSuchPage')} headingLevel="h2"><EmptyStateBody><Link to="/">{t('toDashboard')}</Link></EmptyStateBody></EmptyState>
    </Page>
  );
}
