import { Button, DescriptionList } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useParams } from 'react-router-dom';
import { api, type Schema } from '../../api/client';
import { Confirm } from '../../parts/Confirm';
import { useLoad } from '../../parts/load';
import { Page, ProblemAlert, StateLabel, Waiting, When } from '../../parts/small';
import { useSession } from '../../session';
import { t } from '../../texts';
import { Row } from '../Authority';
import { AcmeOrders } from './AcmeOrders';

type Account = Schema['AcmeAccount'];

/** A client's account, and what it has ordered. */
export default function AcmeAccount() {
  const { id = '' } = useParams();
  const loaded = useLoad(() => api.get<Account>(`/acme/accounts/${id}`), `acme-account-${id}`);
  const settings = useLoad(() => api.get<Schema['AcmeSettings']>('/acme/settings'), 'acme-settings');
  const { may } = useSession();
  const [agreeing, setAgreeing] = useState(false);
  const account = loaded.value;
  if (account === undefined) return <Page title={t('clientAccount')}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const behind = (settings.value?.terms ?? '') !== '' && account.terms !== settings.value?.terms;
  return (
    <Page title={account.contacts.join(', ') || t('clientAccount')}>
      <DescriptionList isHorizontal>
        <Row term={t('state')}><StateLabel state={account.state} /></Row>
        <Row term={t('policy')}><Link to={`/acme/${account.policy}`}>{t('show')}</Link></Row>
        <Row term={t('keyThumbprint')}><code>{account.keyThumbprint}</code></Row>
        <Row term={t('orderable')}>{account.scope.join(', ') || '–'}</Row>
        <Row term={t('createdAt')}><When at={account.createdAt} /></Row>
        {behind && (
          <Row term={t('termsAgreed')}>
            {account.terms ?? '–'} {may('templates:manage') && <Button size="sm" variant="link" isInline onClick={() => setAgreeing(true)}>{t('agreeTerms')}</Button>}
          </Row>
        )}
      </DescriptionList>
      {agreeing && (
        <Confirm title={t('agreeTerms')} act={t('agreeTerms')} run={() => api.post(`/acme/accounts/${id}/agree`)} close={(done) => { setAgreeing(false); if (done) loaded.reload(); }}>{t('agreeTermsSays', { terms: settings.value?.terms ?? '' })}</Confirm>
      )}
      <AcmeOrders path={`/acme/accounts/${id}/orders`} />
    </Page>
  );
}
