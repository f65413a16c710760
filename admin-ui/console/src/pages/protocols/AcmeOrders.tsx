import { Button, DescriptionList, Modal, ModalBody, ModalHeader } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Schema } from '../../api/client';
import { DataList, type Column } from '../../parts/DataList';
import { useLoad } from '../../parts/load';
import { ProblemAlert, StateLabel, Waiting, When } from '../../parts/small';
import { t } from '../../texts';
import { Row } from '../Authority';

type Order = Schema['AcmeOrder'];
type Detail = Schema['AcmeOrderDetail'];

const namesOf = (order: Order): string => order.identifiers.map((one) => one.value).join(', ');

function Challenges({ authorizations }: { authorizations: Detail['authorizations'] }) {
  return (
    <div className="gh-wide" tabIndex={0} role="group" aria-label={t('challenges')}>
      <table className="gh-table">
        <thead><tr>{[t('name'), t('state'), t('challenge'), t('state'), t('attempts'), t('expectedAndSeen')].map((one, at) => <th key={at} scope="col">{one}</th>)}</tr></thead>
        <tbody>
          {authorizations.flatMap((authz) => (authz.challenges.length === 0 ? [undefined] : authz.challenges).map((one, at, all) => (
            <tr key={`${authz.id}${one?.type ?? ''}`}>
              {at === 0 && <td rowSpan={all.length}>{authz.identifier.value}</td>}
              {at === 0 && <td rowSpan={all.length}><StateLabel state={authz.status} /></td>}
              <td>{one?.type ?? t('preapprovedName')}</td>
              <td>{one === undefined ? '–' : <StateLabel state={one.status} />}</td>
              <td>{one?.attempts ?? '–'}</td>
              <td>{one?.problem?.detail ?? '–'}</td>
            </tr>
          )))}
        </tbody>
      </table>
    </div>
  );
}

function One({ id, close }: { id: string; close: () => void }) {
  const loaded = useLoad(() => api.get<Detail>(`/acme/orders/${id}`), `acme-order-${id}`, 5000);
  const order = loaded.value;
  return (
    <Modal isOpen variant="large" onClose={close} aria-labelledby="acme-order-title">
      <ModalHeader title={order === undefined ? t('order') : namesOf(order)} labelId="acme-order-title" />
      <ModalBody>
        <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
        {order === undefined ? loaded.loading && <Waiting /> : (
          <div className="gh-stack">
            <DescriptionList isHorizontal>
              <Row term={t('state')}><StateLabel state={order.status} /></Row>
              {order.problem !== null && <Row term={t('reason')}>{order.problem.detail}</Row>}
              <Row term={t('clientAccount')}><Link to={`/acme/accounts/${order.account}`}>{t('show')}</Link></Row>
              <Row term={t('policy')}><Link to={`/acme/${order.policy}`}>{t('show')}</Link></Row>
              {order.profile !== null && <Row term={t('profile')}>{order.profile}</Row>}
              {order.certificate !== null && <Row term={t('certificate')}><Link to={`/certificates/${order.certificate}`}>{t('show')}</Link></Row>}
              {order.replaces !== null && <Row term={t('replacesCertificate')}><Link to={`/certificates/${order.replaces}`}>{t('show')}</Link></Row>}
              <Row term={t('createdAt')}><When at={order.createdAt} /></Row>
              <Row term={t('changedAt')}><When at={order.changedAt} /></Row>
              <Row term={t('expires')}><When at={order.expiresAt} /></Row>
            </DescriptionList>
            <Challenges authorizations={order.authorizations} />
          </div>
        )}
      </ModalBody>
    </Modal>
  );
}

/** Orders, the newest first; each opens with its challenges and what was seen of them. */
export function AcmeOrders({ path }: { path: string }) {
  const [shown, setShown] = useState<string>();
  const columns: Column<Order>[] = [
    { id: 'names', title: t('names'), text: namesOf, cell: (o) => <Button variant="link" isInline onClick={() => setShown(o.id)}>{namesOf(o)}</Button> },
    { id: 'state', title: t('state'), text: (o) => o.status, cell: (o) => <StateLabel state={o.status} /> },
    { id: 'problem', title: t('reason'), text: (o) => o.problem?.detail ?? '', cell: (o) => o.problem?.detail ?? '–' },
    { id: 'certificate', title: t('certificate'), text: (o) => o.certificate ?? '', cell: (o) => (o.certificate === null ? '–' : <Link to={`/certificates/${o.certificate}`}>{t('show')}</Link>) },
    { id: 'created', title: t('createdAt'), sort: 'createdAt', text: (o) => o.createdAt, cell: (o) => <When at={o.createdAt} /> },
    { id: 'expires', title: t('expires'), text: (o) => o.expiresAt, cell: (o) => <When at={o.expiresAt} /> },
  ];
  return (
    <>
      <DataList name="acme-orders" label={t('orders')} path={path} columns={columns} id={(o) => o.id} empty={t('noOrder')} />
      {shown !== undefined && <One id={shown} close={() => setShown(undefined)} />}
    </>
  );
}
