import { Button, FormGroup, Modal, ModalBody, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { DataList, type Column } from '../parts/DataList';
import { FormDialog, Once } from '../parts/Dialog';
import { Pick } from '../parts/pick';
import { StateLabel, When } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';
import { tokenColumns } from './Tokens';

type Agent = Schema['Agent'];

const lives = () => [['60', t('oneHour')], ['1440', t('oneDay')], ['10080', t('oneWeek')]] as const;

function Invite({ close, made }: { close: () => void; made: (agent: Agent) => void }) {
  const [name, setName] = useState('');
  const [minutes, setMinutes] = useState('60');
  return (
    <FormDialog title={t('newAgent')} act={t('create')} ready={name.trim() !== ''} close={close} stays run={() => api.post<Agent>('/agents', { name: name.trim(), codeMinutes: Number(minutes) }).then(made)}>
      <FormGroup label={t('name')} fieldId="agent-name" isRequired><TextInput id="agent-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
      <Pick id="agent-minutes" label={t('codeLives')} value={minutes} set={setMinutes} choices={lives()} />
    </FormDialog>
  );
}

function NewCode({ agent, close, made }: { agent: Agent; close: () => void; made: (agent: Agent) => void }) {
  const [minutes, setMinutes] = useState('60');
  return (
    <FormDialog title={`${t('newCode')}: ${agent.name}`} act={t('create')} ready close={close} stays run={() => api.post<Agent>(`/agents/${agent.id}/code`, { codeMinutes: Number(minutes) }).then(made)}>
      <p>{t('newCodeSays')}</p>
      <Pick id="code-minutes" label={t('codeLives')} value={minutes} set={setMinutes} choices={lives()} />
    </FormDialog>
  );
}

/** The code, and what is done with it at the other machine. */
function Code({ agent, close }: { agent: Agent; close: () => void }) {
  const code = agent.code ?? '';
  return (
    <Once title={agent.name} close={close} secrets={[
      [t('oneTimeCode'), code],
      [t('agentConfiguration'), `gateway = ${location.hostname}:8445`],
      [t('agentCommand'), `echo ${code} | runuser -u gatehouse-agent -- gatehouse-agent --config /etc/gatehouse/agent.conf --enrol && systemctl enable --now gatehouse-agent`],
    ]}>{t('agentGatewaySays', { host: location.hostname })}</Once>
  );
}

function Held({ agent, close }: { agent: Agent; close: () => void }) {
  return (
    <Modal isOpen variant="large" onClose={close} aria-labelledby="held-title">
      <ModalHeader title={t('tokensOfAgent', { name: agent.name })} labelId="held-title" />
      <ModalBody>
        {agent.tokens.length === 0 ? <p>{t('noTokenThere')}</p> : (
          <div className="gh-wide" tabIndex={0} role="group" aria-label={t('tokens')}>
            <table className="gh-table">
              <thead><tr>{tokenColumns.map((one) => <th key={one.id} scope="col">{one.title}</th>)}</tr></thead>
              <tbody>{agent.tokens.map((token) => <tr key={token.id}>{tokenColumns.map((one) => <td key={one.id}>{one.cell(token)}</td>)}</tr>)}</tbody>
            </table>
          </div>
        )}
      </ModalBody>
    </Modal>
  );
}

/** Machines elsewhere that lend their tokens. */
export function Agents() {
  const { may } = useSession();
  const [open, setOpen] = useState<{ act: 'invite' } | { act: 'code' | 'made' | 'held' | 'remove'; agent: Agent }>();
  const [version, setVersion] = useState(0);
  const manage = may('settings:manage');
  const made = (agent: Agent) => { setVersion(version + 1); setOpen({ act: 'made', agent }); };
  const act = (what: 'code' | 'held' | 'remove', text: string, agent: Agent) => <Button size="sm" variant="link" aria-label={`${text}: ${agent.name}`} onClick={() => setOpen({ act: what, agent })}>{text}</Button>;
  const columns: Column<Agent>[] = [
    { id: 'name', title: t('name'), text: (a) => a.name, cell: (a) => a.name },
    { id: 'state', title: t('state'), text: (a) => a.state, cell: (a) => <StateLabel state={a.state} /> },
    { id: 'tokens', title: t('tokens'), text: (a) => String(a.tokens.length), cell: (a) => <Button variant="link" isInline aria-label={`${a.tokens.length} ${t('tokensOfAgent', { name: a.name })}`} onClick={() => setOpen({ act: 'held', agent: a })}>{a.tokens.length}</Button> },
    { id: 'address', title: t('address'), text: (a) => a.address ?? '', cell: (a) => a.address ?? '–' },
    { id: 'seen', title: t('lastSeen'), text: (a) => a.lastSeenAt ?? '', cell: (a) => <When at={a.lastSeenAt} /> },
    { id: 'program', title: t('program'), text: (a) => a.program ?? '', cell: (a) => a.program ?? '–', hidden: true },
    { id: 'enrolled', title: t('enrolledAt'), text: (a) => a.enrolledAt ?? '', cell: (a) => <When at={a.enrolledAt} />, hidden: true },
    { id: 'code', title: t('codeUntil'), text: (a) => a.codeExpiresAt ?? '', cell: (a) => <When at={a.codeExpiresAt} />, hidden: true },
    ...(manage ? [{ id: 'acts', title: t('acts'), text: () => '', cell: (a: Agent) => <>{act('code', t('newCode'), a)}{act('remove', t('remove'), a)}</> }] : []),
  ];
  return (
    <>
      <p>{t('agentsSay')}</p>
      {manage && <div><Button onClick={() => setOpen({ act: 'invite' })}>{t('newAgent')}</Button></div>}
      <DataList paged={false} name="agents" label={t('agents')} path="/agents" columns={columns} id={(a) => a.id} empty={t('noAgent')} version={version} />
      {open?.act === 'invite' && <Invite close={() => setOpen(undefined)} made={made} />}
      {open?.act === 'code' && <NewCode agent={open.agent} close={() => setOpen(undefined)} made={made} />}
      {open?.act === 'made' && <Code agent={open.agent} close={() => setOpen(undefined)} />}
      {open?.act === 'held' && <Held agent={open.agent} close={() => setOpen(undefined)} />}
      {open?.act === 'remove' && <Confirm title={t('removeName', { name: open.agent.name })} act={t('remove')} danger name={open.agent.name} run={() => api.delete(`/agents/${open.agent.id}`)} close={(done) => { setOpen(undefined); if (done) setVersion(version + 1); }}>{t('removeAgentSays')}</Confirm>}
    </>
  );
}
