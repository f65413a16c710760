import { Alert, Button, ClipboardCopy, Content, Label, Spinner, Tooltip } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import type { Problem } from '../api/client';
import { figure, locale, said, stateText, t } from '../texts';

export function ProblemAlert({ problem, retry }: { problem: Problem | undefined; retry?: () => void }) {
  if (problem === undefined) return null;
  const own = said('problems', problem.type);
  return (
    <Alert
      variant="danger"
      isInline
      title={own ?? problem.message}
      actionLinks={retry && <Button variant="link" isInline onClick={retry}>{t('retry')}</Button>}
    >
      {own !== undefined && problem.status !== 0 && <p lang="en">{problem.message}</p>}
      {problem.instance !== undefined && <small>{t('requestId', { id: problem.instance })}</small>}
    </Alert>
  );
}

const local = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });

/** The viewer's own time; UTC as the gateway gave it when one points at it. */
export function When({ at, dateOnly = false }: { at: string | null | undefined; dateOnly?: boolean }) {
  if (at === null || at === undefined) return <>–</>;
  const date = new Date(at);
  return (
    <Tooltip content={at}>
      <time dateTime={at} tabIndex={0}>{(dateOnly ? day : local).format(date)}</time>
    </Tooltip>
  );
}

const colours: Record<string, 'green' | 'red' | 'orange' | 'grey' | 'blue'> = {
  valid: 'green', active: 'green', issued: 'green', confirmed: 'green', success: 'green', available: 'green',
  revoked: 'red', declined: 'red', rejected: 'red', disabled: 'red', suspended: 'red', failure: 'red', refused: 'red',
  held: 'orange', pending: 'blue', approved: 'blue', waiting: 'blue', asked: 'blue', done: 'green', connected: 'green', running: 'blue', database: 'green', token: 'blue', destroyed: 'red', next: 'blue', changed: 'red', invited: 'blue', failed: 'red', away: 'red',
};

export const StateLabel = ({ state }: { state: string }) => (
  <Label isCompact color={colours[state] ?? 'grey'}>{stateText(state)}</Label>
);

export const Copy = ({ text, label }: { text: string; label: string }) => (
  <ClipboardCopy isReadOnly isCode hoverTip={t('copy')} clickTip={t('copied')} textAriaLabel={label}>
    {text}
  </ClipboardCopy>
);

export const CodeText = ({ text, label }: { text: string; label: string }) => (
  <pre className="gh-code" tabIndex={0} aria-label={label}>{text}</pre>
);

export const Waiting = () => <Spinner size="lg" aria-label={t('loading')} />;

/** A number as the server counted it. */
export const counted = (one: { count: number; more: boolean }): string => `${figure(one.count)}${one.more ? '+' : ''}`;

export function Page({ title, actions, children }: { title: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <>
      <header className="gh-head">
        <Content component="h1">{title}</Content>
        {actions !== undefined && <div className="gh-actions">{actions}</div>}
      </header>
      <div className="gh-body">{children}</div>
    </>
  );
}
