import { Tab, Tabs, TabTitleText } from '@patternfly/react-core';
import { useEffect, useRef, type ReactNode } from 'react';
import { useSearchParams } from 'react-router-dom';

export interface Pane { key: string; title: string; body: () => ReactNode }

/** Tabs that stand in the address, so that each can be linked to and browser back works. */
export function Panes({ label, panes }: { label: string; panes: readonly Pane[] }) {
  const [parameters, setParameters] = useSearchParams();
  const at = panes.find((pane) => pane.key === parameters.get('tab')) ?? panes[0];
  // On a phone the row of tabs is longer than the page.
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    row.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'center' }); // a promise in new browsers
  }, [at?.key]);
  const choose = (key: string) => { const next = new URLSearchParams(parameters); next.set('tab', key); next.delete('find'); setParameters(next); };
  return (
    <>
      <div ref={row}><Tabs activeKey={at?.key} onSelect={(_, key) => choose(String(key))} aria-label={label}>
        {panes.map((pane) => <Tab key={pane.key} eventKey={pane.key} tabContentId="pane" title={<TabTitleText>{pane.title}</TabTitleText>} />)}
      </Tabs></div>
      <div id="pane" role="tabpanel" aria-label={at?.title} className="gh-stack" key={at?.key}>{at?.body()}</div>
    </>
  );
}
