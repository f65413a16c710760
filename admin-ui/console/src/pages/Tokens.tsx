import type { Schema } from '../api/client';
import { DataList, type Column } from '../parts/DataList';
import { Page, StateLabel } from '../parts/small';
import { t } from '../texts';

type Token = Schema['Token'];

const columns: Column<Token>[] = [
  { id: 'label', title: t('name'), text: (k) => k.label, cell: (k) => k.label },
  { id: 'state', title: t('state'), text: (k) => k.problem ?? '', cell: (k) => (k.problem === null ? <StateLabel state="active" /> : <><StateLabel state="failure" /> {k.problem}</>) },
  { id: 'use', title: t('use'), text: (k) => String(k.managed), cell: (k) => (k.managed ? t('managedToken') : t('plainToken')) },
  { id: 'login', title: t('loggedIn'), text: (k) => String(k.loggedIn), cell: (k) => (k.loggedIn ? t('yes') : t('no')) },
  { id: 'module', title: t('module'), text: (k) => k.module, cell: (k) => k.module },
  { id: 'model', title: t('model'), text: (k) => `${k.manufacturer} ${k.model}`, cell: (k) => `${k.manufacturer} ${k.model}` },
  { id: 'serial', title: t('serial'), text: (k) => k.serial, cell: (k) => <code>{k.serial}</code> },
  { id: 'uri', title: 'URI', text: (k) => k.id, cell: (k) => <code>{k.id}</code>, hidden: true },
];

export default function Tokens() {
  return (
    <Page title={t('tokens')}>
      <DataList paged={false} name="tokens" label={t('tokens')} path="/tokens" columns={columns} id={(k) => k.id} empty={t('noToken')} />
    </Page>
  );
}
