import { Button, DescriptionList, Modal, ModalBody, ModalHeader } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Schema } from '../../api/client';
import { DataList, type Column } from '../../parts/DataList';
import { useLoad } from '../../parts/load';
import { CodeText, ProblemAlert, StateLabel, Waiting, When } from '../../parts/small';
import { t } from '../../texts';
import { Row } from '../Authority';

type Transaction = Schema['CmpTransaction'];
type Detail = Schema['CmpTransactionDetail'];

function Results({ results }: { results: Detail['certificates'] }) {
  if (results.length === 0) return null;
  return (
    <div className="gh-wide" tabIndex={0} role="group" aria-label={t('certificates')}>
      <table className="gh-table">
        <thead><tr>{['certReqId', t('state'), t('request'), t('certificate'), t('reason')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
        <tbody>
          {results.map((one) => (
            <tr key={one.certReqId}>
              <td>{one.certReqId}</td>
              <td><StateLabel state={one.state} /></td>
              <td>{one.request === null ? '–' : <Link to={`/requests/${one.request}`}>{t('request')}</Link>}</td>
              <td>{one.certificate === null ? '–' : <Link to={`/certificates/${one.certificate}`}>{t('certificate')}</Link>}</td>
              <td>{one.reason ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function One({ path, close }: { path: string; close: () => void }) {
  const loaded = useLoad(() => api.get<Detail>(path), path);
  const one = loaded.value;
  return (
    <Modal isOpen variant="large" onClose={close} aria-labelledby="transaction-title">
      <ModalHeader title={t('transaction')} labelId="transaction-title" />
      <ModalBody>
        <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
        {one === undefined ? loaded.loading && <Waiting /> : (
          <div className="gh-stack">
            <DescriptionList isHorizontal>
              <Row term="transactionID"><code>{one.transactionId}</code></Row>
              <Row term={t('state')}><StateLabel state={one.state} /> {one.reason}</Row>
              <Row term={t('peer')}>{one.peer}</Row>
              <Row term={t('changedAt')}><When at={one.changedAt} /></Row>
              {one.deadline !== null && <Row term={t('expires')}><When at={one.deadline} /></Row>}
            </DescriptionList>
            <Results results={one.certificates} />
            {one.messages.map((message, index) => {
              const title = `${index + 1}. ${message.direction === 'sent' ? t('messageSent') : t('messageReceived')}: ${message.body}`;
              return (
                <section key={title}>
                  <h2>{title}</h2>
                  <p><When at={message.at} />, {t('octets', { count: message.octets })}</p>
                  <CodeText label={title} text={message.text} />
                </section>
              );
            })}
          </div>
        )}
      </ModalBody>
    </Modal>
  );
}

/** CMP transactions of a template, each with its messages as text. */
export function Transactions({ template }: { template: string }) {
  const [shown, setShown] = useState<string>();
  const path = `/templates/${template}/cmp/transactions`;
  const columns: Column<Transaction>[] = [
    { id: 'at', title: t('time'), text: (x) => x.createdAt, cell: (x) => <When at={x.createdAt} /> },
    { id: 'id', title: t('transaction'), text: (x) => x.transactionId, cell: (x) => <Button variant="link" isInline onClick={() => setShown(x.id)}><code>{x.transactionId}</code></Button> },
    { id: 'state', title: t('state'), text: (x) => x.state, cell: (x) => <StateLabel state={x.state} /> },
    { id: 'body', title: t('kind'), text: (x) => x.body, cell: (x) => x.body },
    { id: 'peer', title: t('peer'), text: (x) => x.peer, cell: (x) => x.peer },
    { id: 'reason', title: t('reason'), text: (x) => x.reason ?? '', cell: (x) => x.reason ?? '–' },
  ];
  return (
    <>
      <DataList name="cmp-transactions" label={t('transactions')} path={path} columns={columns} id={(x) => x.id} empty={t('noTransaction')} />
      {shown !== undefined && <One path={`${path}/${shown}`} close={() => setShown(undefined)} />}
    </>
  );
}
