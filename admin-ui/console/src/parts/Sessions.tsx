import { Button } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../api/client';
import { t, type TextKey } from '../texts';
import { Confirm } from './Confirm';
import { DataList, type Column } from './DataList';
import { programName } from './names';
import { When } from './small';

type Item = Schema['SessionItem'];
const methods: Readonly<Record<string, TextKey>> = { password: 'password', certificate: 'certificate', ldap: 'directory', oidc: 'openIdProvider' };
const methodName = (method: string): string => { const key = methods[method]; return key === undefined ? method : t(key); };

/** Where somebody is logged in; one's own sessions can be ended one by one, those of others together. */
export function Sessions({ path, own }: { path: string; own: boolean }) {
  const [ending, setEnding] = useState<Item | 'all'>();
  const [version, setVersion] = useState(0);
  const columns: Column<Item>[] = [
    { id: 'agent', title: t('program'), text: (s) => s.agent ?? '', cell: (s) => <><span title={s.agent ?? ''}>{s.agent === null ? '–' : programName(s.agent)}</span>{s.current && <> ({t('thisOne')})</>}</> },
    { id: 'method', title: t('loggedInBy'), text: (s) => s.method, cell: (s) => methodName(s.method) },
    { id: 'address', title: t('address'), text: (s) => s.address ?? '', cell: (s) => s.address ?? '–' },
    { id: 'created', title: t('since'), text: (s) => s.createdAt, cell: (s) => <When at={s.createdAt} /> },
    { id: 'seen', title: t('lastUsed'), text: (s) => s.lastSeenAt ?? '', cell: (s) => <When at={s.lastSeenAt} /> },
    ...(own ? [{ id: 'acts', title: t('acts'), text: () => '', cell: (s: Item) => !s.current && <Button size="sm" variant="link" onClick={() => setEnding(s)}>{t('end')}</Button> }] : []),
  ];
  const what = own ? t('endOthers') : t('endSessions');
  return (
    <>
      <div><Button variant="secondary" onClick={() => setEnding('all')}>{what}</Button></div>
      <DataList paged={false} name="sessions" label={t('sessions')} path={path} columns={columns} id={(s) => s.id} empty={t('noSession')} version={version} />
      {ending !== undefined && (
        <Confirm title={ending === 'all' ? what : t('end')} act={t('end')} close={(done) => { setEnding(undefined); if (done) setVersion(version + 1); }}
          run={() => api.delete(ending === 'all' ? path : `${path}/${ending.id}`)}>{t('endSessionSays')}</Confirm>
      )}
    </>
  );
}
