import { createContext, useContext, useState, type ReactNode } from 'react';
import { api, type Schema } from '../api/client';
import { useLoad, type Loaded } from '../parts/load';

type Ca = Schema['Ca'];

interface Scope {
  cas: Loaded<Ca[]>;
  /** The CA that lists are narrowed to; '' for all. */
  ca: string;
  choose: (ca: string) => void;
}

const Context = createContext<Scope | null>(null);
const STORED = 'gatehouse-ca';

export function ScopeProvider({ children }: { children: ReactNode }) {
  const cas = useLoad(() => api.all<Ca>('/cas'), 'cas', 60000);
  const [chosen, setChosen] = useState(sessionStorage.getItem(STORED) ?? '');
  const ca = cas.value === undefined || cas.value.some((one) => one.id === chosen) ? chosen : '';
  const choose = (next: string) => {
    sessionStorage.setItem(STORED, next);
    setChosen(next);
  };
  return <Context.Provider value={{ cas, ca, choose }}>{children}</Context.Provider>;
}

export function useScope(): Scope {
  const scope = useContext(Context);
  if (scope === null) throw new Error('no scope provider');
  return scope;
}
