import { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from 'react';
import { api, Problem, sessionEnd, type Schema } from './api/client';

export type Session = Schema['Session'];

interface SessionState {
  session: Session | null | undefined; // undefined: not known yet, null: nobody
  refresh: () => Promise<void>;
  leave: () => Promise<void>;
  may: (permission: string) => boolean;
}

const Context = createContext<SessionState | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const refresh = useCallback(async () => {
    try {
      const found = await api.get<Session>('/session');
      // A certificate that the connection shows is a way to log in, not a session that can be left again.
      setSession(found.by === 'certificate' ? null : found);
    } catch (reason) {
      if (reason instanceof Problem && reason.status === 401) setSession(null);
      else throw reason;
    }
  }, []);
  const leave = useCallback(async () => {
    const ended = await api.delete<Schema['LoggedOut'] | undefined>('/session');
    if (ended !== undefined) window.location.assign(ended.logoutUrl);
    else setSession(null);
  }, []);
  useEffect(() => {
    const end = () => setSession(null);
    sessionEnd.addEventListener('end', end);
    refresh().catch(() => setSession(null));
    return () => sessionEnd.removeEventListener('end', end);
  }, [refresh]);
  const may = useCallback(
    (permission: string) => (session?.permissions as readonly string[] | undefined)?.includes(permission) === true,
    [session],
  );
  return <Context.Provider value={{ session, refresh, leave, may }}>{children}</Context.Provider>;
}

export function useSession(): SessionState {
  const state = useContext(Context);
  if (state === null) throw new Error('no session provider');
  return state;
}
