import { Button, FormGroup, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { Page, When } from '../parts/small';
import { t } from '../texts';

type Organisation = Schema['Organisation'];

function Editor({ of, close }: { of: Organisation | undefined; close: (done: boolean) => void }) {
  const [name, setName] = useState(of?.name ?? '');
  return (
    <FormDialog title={of === undefined ? t('newOrganisation') : t('renameName', { name: of.name })} act={t('save')} ready={name.trim() !== ''} close={close}
      run={() => (of === undefined ? api.post('/organisations', { name: name.trim() }) : api.patch(`/organisations/${of.id}`, { name: name.trim() }))}>
      <FormGroup label={t('name')} fieldId="organisation-name" isRequired><TextInput id="organisation-name" value={name} maxLength={100} onChange={(_, value) => setName(value)} /></FormGroup>
    </FormDialog>
  );
}

/** Who owns authorities and users; everything can be narrowed to one of them at the top. */
export default function Organisations() {
  const { organisations, chooseOrganisation } = useScope();
  const [editing, setEditing] = useState<Organisation | 'new'>();
  const [version, setVersion] = useState(0);
  const done = (ok: boolean) => { setEditing(undefined); if (ok) { setVersion(version + 1); organisations.reload(); } };
  const columns: Column<Organisation>[] = [
    { id: 'name', title: t('name'), text: (o) => o.name, cell: (o) => o.name },
    { id: 'id', title: t('shortName'), text: (o) => o.id, cell: (o) => <code>{o.id}</code> },
    { id: 'created', title: t('createdAt'), text: (o) => o.createdAt, cell: (o) => <When at={o.createdAt} /> },
    { id: 'acts', title: t('acts'), text: () => '', cell: (o) => (
      <>
        <Button size="sm" variant="link" aria-label={`${t('lookAt')}: ${o.name}`} onClick={() => chooseOrganisation(o.id)}>{t('lookAt')}</Button>
        <Button size="sm" variant="link" aria-label={`${t('rename')}: ${o.name}`} onClick={() => setEditing(o)}>{t('rename')}</Button>
      </>
    ) },
  ];
  return (
    <Page title={t('organisations')} actions={<Button onClick={() => setEditing('new')}>{t('newOrganisation')}</Button>}>
      <p>{t('organisationsSay')}</p>
      <DataList paged={false} name="organisations" label={t('organisations')} path="/organisations" columns={columns} id={(o) => o.id} empty={t('nothingHere')} version={version} />
      {editing !== undefined && <Editor of={editing === 'new' ? undefined : editing} close={done} />}
    </Page>
  );
}
