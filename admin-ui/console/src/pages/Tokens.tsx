import { Button, FormGroup, Modal, ModalBody, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog } from '../parts/Dialog';
import { useLoad } from '../parts/load';
import { Page, ProblemAlert, StateLabel, Waiting } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { t } from '../texts';
import { Agents } from './Agents';

type Token = Schema['Token'];
type Held = Omit<Token, 'managed'>;

function stateOf(k: Held) {
  if (k.waitsFor !== null) return <><StateLabel state="pending" /> {k.waitsFor}</>;
  return k.problem === null ? <StateLabel state="active" /> : <><StateLabel state="failure" /> {k.problem}</>;
}

/** What a token here and a token of an agent have in common. */
export const tokenColumns: Column<Held>[] = [
  { id: 'label', title: t('name'), text: (k) => k.label, cell: (k) => k.label },
  { id: 'state', title: t('state'), text: (k) => k.waitsFor ?? k.problem ?? '', cell: stateOf },
  { id: 'login', title: t('loggedIn'), text: (k) => String(k.loggedIn), cell: (k) => (k.loggedIn ? t('yes') : t('no')) },
  { id: 'model', title: t('model'), text: (k) => `${k.manufacturer} ${k.model}`, cell: (k) => `${k.manufacturer} ${k.model}` },
  { id: 'serial', title: t('serial'), text: (k) => k.serial, cell: (k) => <code>{k.serial}</code> },
  { id: 'module', title: t('module'), text: (k) => k.module, cell: (k) => k.module },
];

function LogIn({ token, close }: { token: Token; close: (done: boolean) => void }) {
  const [pin, setPin] = useState('');
  return (
    <FormDialog title={t('tokenPin', { name: token.label })} act={t('logInToken')} ready={pin !== ''} close={close} run={() => api.post('/tokens/login', { token: token.id, pin })}>
      <p>{t('tokenPinSays')}</p>
      <FormGroup label="PIN" fieldId="token-pin" isRequired><TextInput id="token-pin" type="password" autoComplete="off" value={pin} onChange={(_, value) => setPin(value)} /></FormGroup>
    </FormDialog>
  );
}

/** Tries a token, or one of its keys, and shows every step. */
export function TokenCheck({ uri, name, close }: { uri: string; name: string; close: () => void }) {
  const loaded = useLoad(() => api.post<Schema['TokenCheck']>('/tokens/check', { uri }), uri);
  return (
    <Modal isOpen variant="medium" onClose={close} aria-labelledby="check-title">
      <ModalHeader title={t('checkOf', { name })} labelId="check-title" />
      <ModalBody>
        <ProblemAlert problem={loaded.problem} retry={loaded.reload} />
        {loaded.value === undefined ? loaded.loading && <Waiting /> : (
          <div className="gh-wide" tabIndex={0} role="group" aria-label={t('checkOf', { name })}>
            <table className="gh-table">
              <thead><tr>{[t('step'), t('state'), t('result')].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
              <tbody>{loaded.value.items.map((one) => <tr key={`${one.step}${one.text}`}><td>{one.step}</td><td><StateLabel state={one.outcome} /></td><td>{one.text}</td></tr>)}</tbody>
            </table>
          </div>
        )}
      </ModalBody>
    </Modal>
  );
}

function Here() {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'login' | 'check'; token: Token }>();
  const [version, setVersion] = useState(0);
  const act = (what: 'login' | 'check', text: string, token: Token) => <Button size="sm" variant="link" aria-label={`${text}: ${token.label}`} onClick={() => setOpen({ act: what, token })}>{text}</Button>;
  const place = (token: Token) => `/tokens/keys?uri=${encodeURIComponent(token.id)}`;
  const columns: Column<Token>[] = [
    { id: 'label', title: t('name'), text: (k) => k.label, cell: (k) => <Link to={place(k)}>{k.label}</Link> },
    ...tokenColumns.slice(1, 3),
    { id: 'use', title: t('use'), text: (k) => String(k.managed), cell: (k) => (k.managed ? t('managedToken') : t('plainToken')) },
    ...tokenColumns.slice(3).map((one) => ({ ...one, hidden: one.id === 'module' })),
    { id: 'uri', title: 'URI', text: (k) => k.id, cell: (k) => <code>{k.id}</code>, hidden: true },
    {
      id: 'acts', title: t('acts'), text: () => '', cell: (k) => (
        <>
          {!k.loggedIn && may('settings:manage') && act('login', t('logInToken'), k)}
          {act('check', t('checkToken'), k)}
          <Link className="pf-v6-c-button pf-m-link pf-m-small" to={place(k)} aria-label={t('tokenKeys', { name: k.label })}>{t('showKeys')}</Link>
        </>
      ),
    },
  ];
  return (
    <>
      <DataList paged={false} name="tokens" label={t('tokens')} path="/tokens" columns={columns} id={(k) => k.id} empty={t('noToken')} version={version} />
      {open?.act === 'login' && <LogIn token={open.token} close={(done) => { setOpen(undefined); if (done) setVersion(version + 1); }} />}
      {open?.act === 'check' && <TokenCheck uri={open.token.id} name={open.token.label} close={() => setOpen(undefined)} />}
    </>
  );
}

export default function Tokens() {
  return (
    <Page title={t('tokens')}>
      <Panes label={t('tokens')} panes={[{ key: 'here', title: t('tokens'), body: () => <Here /> }, { key: 'agents', title: t('agents'), body: () => <Agents /> }]} />
    </Page>
  );
}
