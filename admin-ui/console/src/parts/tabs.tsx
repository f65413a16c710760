import { Tab, Tabs, TabTitleText } from '@patternfly/react-core';
import { useEffect, useRef, type ReactNode } from 'react';
import { useSearchParams } from 'react-router-dom';
import { mayLeave } from './guard';

export interface Pane { key: string; title: string; body: () => ReactNode }

/** On a phone a row of tabs is longer than the page: the one that is open is moved into view. */
export function TabRow({ at, children }: { at: string | undefined; children: ReactNode }) {
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    row.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'center' }); // a promise in new browsers
  }, [at]);
  return <div ref={row}>{children}</div>;
}

/** Tabs that stand in the address, so that each can be linked to and browser back works. */
export function Panes({ label, panes }: { label: string; panes: readonly Pane[] }) {
  const [parameters, setParameters] = useSearchParams();
  const at = panes.find((pane) => pane.key === parameters.get('tab')) ?? panes[0];
  const choose = (key: string) => { const next = new URLSearchParams(parameters); next.set('tab', key); next.delete('find'); next.delete('sort'); setParameters(next); };
  return (
    <>
      <TabRow at={at?.key}><Tabs activeKey={at?.key} onSelect={(_, key) => key !== at?.key && mayLeave() && choose(String(key))} aria-label={label}>
        {panes.map((pane) => <Tab key={pane.key} eventKey={pane.key} tabContentId="pane" title={<TabTitleText>{pane.title}</TabTitleText>} />)}
      </Tabs></TabRow>
      <div id="pane" role="tabpanel" aria-label={at?.title} className="gh-stack" key={at?.key}>{at?.body()}</div>
    </>
  );
}
