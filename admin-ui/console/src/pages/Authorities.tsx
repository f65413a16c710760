import { Button } from '@patternfly/react-core';
import { Link } from 'react-router-dom';
import type { Schema } from '../api/client';
import { DataList, type Column } from '../parts/DataList';
import { AuthorityLink } from '../parts/names';
import { Page, StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type Ca = Schema['Ca'];

const columns: Column<Ca>[] = [
  { id: 'name', title: t('name'), text: (ca) => ca.name, cell: (ca) => <Link to={`/cas/${ca.id}`}>{ca.name}</Link> },
  { id: 'state', title: t('state'), text: (ca) => ca.state, cell: (ca) => <StateLabel state={ca.state} /> },
  { id: 'subject', title: t('subject'), text: (ca) => ca.subject, cell: (ca) => ca.subject },
  { id: 'issuer', title: t('issuer'), text: (ca) => ca.issuer ?? '', cell: (ca) => <AuthorityLink of={ca.issuer} /> },
  { id: 'key', title: t('key'), text: (ca) => ca.keyType, cell: (ca) => ca.keyType },
  { id: 'until', title: t('validUntil'), text: (ca) => ca.notAfter ?? '', cell: (ca) => <When at={ca.notAfter} dateOnly /> },
  { id: 'organisation', title: t('organisation'), text: (ca) => ca.organisation, cell: (ca) => ca.organisation, hidden: true },
];

export default function Authorities() {
  const { may } = useSession();
  const make = may('cas:manage') && (
    <>
      <Button variant="secondary" component={(props) => <Link {...props} to="/cas/import" />}>{t('importAuthority')}</Button>
      <Button component={(props) => <Link {...props} to="/cas/new" />}>{t('newAuthority')}</Button>
    </>
  );
  return (
    <Page title={t('authorities')} actions={make}>
      <DataList name="cas" label={t('authorities')} path="/cas" columns={columns} id={(ca) => ca.id} empty={t('noAuthority')} />
    </Page>
  );
}
