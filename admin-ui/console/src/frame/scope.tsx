import { createContext, useContext, useState, type ReactNode } from 'react';
import { api, narrowTo, type Page, type Schema } from '../api/client';
import { useLoad, type Loaded } from '../parts/load';
import { useSession } from '../session';

type Ca = Schema['Ca'];
type Organisation = Schema['Organisation'];

interface Scope {
  organisations: Loaded<Organisation[]>;
  /** The organisation that everything is narrowed to; '' for all. */
  organisation: string;
  chooseOrganisation: (organisation: string) => void;
  /** Those of the organisation. */
  cas: Loaded<Ca[]>;
  /** The CA that lists are narrowed to; '' for all. */
  ca: string;
  choose: (ca: string) => void;
}

const Context = createContext<Scope | null>(null);
const CA = 'gatehouse-ca';
const ORGANISATION = 'gatehouse-organisation';

/** A link may say where it looks: ?scope=organisation or ?scope=organisation/ca; otherwise it is as before in this tab. */
function begin(): { organisation: string; ca: string } {
  const scope = new URLSearchParams(location.search).get('scope');
  const [organisation = '', ca = ''] = scope === null ? [sessionStorage.getItem(ORGANISATION) ?? '', sessionStorage.getItem(CA) ?? ''] : scope.split('/');
  sessionStorage.setItem(ORGANISATION, organisation);
  sessionStorage.setItem(CA, ca);
  narrowTo(organisation);
  return { organisation, ca };
}

export function ScopeProvider({ children }: { children: ReactNode }) {
  const { may } = useSession();
  const [{ organisation, ca: chosen }, set] = useState(begin);
  const organisations = useLoad(async () => {
    const found = may('cas:read') ? (await api.get<Page<Organisation>>('/organisations')).items : [];
    // Another user's choice, or an old link.
    if (organisation !== '' && !found.some((one) => one.id === organisation)) chooseOrganisation('');
    return found;
  }, 'organisations', 300000);
  const cas = useLoad(() => api.all<Ca>('/cas'), `cas-${organisation}`, 60000);
  const ca = cas.value === undefined || cas.value.some((one) => one.id === chosen) ? chosen : '';
  const choose = (next: string) => {
    sessionStorage.setItem(CA, next);
    set({ organisation, ca: next });
  };
  const chooseOrganisation = (next: string) => {
    sessionStorage.setItem(ORGANISATION, next);
    sessionStorage.setItem(CA, '');
    narrowTo(next);
    set({ organisation: next, ca: '' });
  };
  return <Context.Provider value={{ organisations, organisation, chooseOrganisation, cas, ca, choose }}>{children}</Context.Provider>;
}

export function useScope(): Scope {
  const scope = useContext(Context);
  if (scope === null) throw new Error('no scope provider');
  return scope;
}
