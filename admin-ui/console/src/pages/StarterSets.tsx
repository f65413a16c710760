import { Alert, Card, CardBody, CardTitle, Label, SearchInput, Switch } from '@patternfly/react-core';
import { useState } from 'react';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { asProblem, useLoad } from '../parts/load';
import { Pick } from '../parts/pick';
import { ProblemAlert, Waiting } from '../parts/small';
import { useSession } from '../session';
import { saidSet, t } from '../texts';

type SetState = Schema['StarterSetState'];

/** Templates by what they are for: one switch makes them for an authority, and takes away those that nothing needs. */
export function StarterSets({ changed }: { changed: () => void }) {
  const { cas, ca: scoped } = useScope();
  const { may } = useSession();
  const able = (cas.value ?? []).filter((one) => one.state === 'active');
  const [chosen, setChosen] = useState('');
  const ca = chosen !== '' ? chosen : scoped !== '' ? scoped : able[0]?.id ?? '';
  const sets = useLoad(async () => (ca === '' ? [] : (await api.get<List<SetState>>(`/cas/${ca}/starter-sets`)).items), `sets-${ca}`);
  const [wanted, setWanted] = useState('');
  const [busy, setBusy] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [said, setSaid] = useState('');
  const turn = async (set: SetState, on: boolean) => {
    setBusy(set.id);
    setProblem(undefined);
    try {
      const now = on ? await api.put<SetState>(`/cas/${ca}/starter-sets/${set.id}`, {}) : await api.delete<SetState>(`/cas/${ca}/starter-sets/${set.id}`);
      setSaid(on ? t('setIsOn', { name: set.name, count: now.enabled }) : now.made > 0 ? t('setStays', { name: set.name, count: now.made }) : t('setIsOff', { name: set.name }));
      sets.reload();
      changed();
    } catch (reason) {
      setProblem(asProblem(reason));
    }
    setBusy('');
  };
  const shown = (sets.value ?? []).map((one) => { const own = saidSet(one.id); return own === undefined ? one : { ...one, name: own[0], description: own[1] }; }).filter((one) => `${one.name} ${one.description} ${one.starters.join(' ')}`.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <>
      <p>{t('setsSay')}</p>
      <div className="gh-two">
        <Pick id="sets-ca" label={t('authority')} value={ca} set={setChosen} choices={able.map((one) => [one.id, one.name] as const)} />
        <div className="gh-end"><SearchInput aria-label={t('search')} placeholder={t('search')} value={wanted} onChange={(_, value) => setWanted(value)} onClear={() => setWanted('')} /></div>
      </div>
      <ProblemAlert problem={problem ?? sets.problem} retry={sets.reload} />
      <div role="status">{said !== '' && <Alert isInline variant="success" title={said} />}</div>
      {sets.value === undefined ? sets.problem === undefined && <Waiting /> : (
        <div className="gh-two">
          {shown.map((set) => (
            <Card key={set.id} isCompact>
              <CardTitle component="h2">
                <div className="gh-spread">
                  {set.name}
                  <Switch aria-label={set.name} isChecked={set.on} isDisabled={busy !== '' || !may('templates:manage')} onChange={(_, on) => void turn(set, on)} />
                </div>
              </CardTitle>
              <CardBody>
                <p>{set.description}</p>
                <small>{t('setCounts', { count: set.starters.length, made: set.made, enabled: set.enabled })}</small>{' '}
                {set.made > 0 && !set.on && <Label isCompact>{t('partly')}</Label>}
              </CardBody>
            </Card>
          ))}
        </div>
      )}
    </>
  );
}
