import { useCallback, useEffect, useRef, useState } from 'react';
import { Problem } from '../api/client';

export interface Loaded<T> {
  value: T | undefined;
  problem: Problem | undefined;
  loading: boolean;
  reload: () => void;
}

export const asProblem = (reason: unknown): Problem =>
  reason instanceof Problem ? reason : new Problem(0, 'console', reason instanceof Error ? reason.message : String(reason), undefined);

/** Loads when `key` changes, and again every `refreshMs` while the page is visible. */
export function useLoad<T>(load: () => Promise<T>, key: string, refreshMs = 0): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({ value: undefined, problem: undefined, loading: true });
  const newest = useRef(0);
  const loader = useRef(load);
  loader.current = load;
  const reload = useCallback(() => {
    const mine = ++newest.current;
    setState((old) => ({ ...old, loading: true }));
    loader.current().then(
      (value) => mine === newest.current && setState({ value, problem: undefined, loading: false }),
      (reason: unknown) =>
        mine === newest.current && setState((old) => ({ value: old.value, problem: asProblem(reason), loading: false })),
    );
  }, []);
  useEffect(() => {
    setState({ value: undefined, problem: undefined, loading: true });
    reload();
    return () => void newest.current++;
  }, [key, reload]);
  useEffect(() => {
    if (refreshMs === 0) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), refreshMs);
    return () => clearInterval(timer);
  }, [refreshMs, reload]);
  return { ...state, reload };
}
