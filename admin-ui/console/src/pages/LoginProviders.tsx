import { Button } from '@patternfly/react-core';
import { useEffect } from 'react';
import { useLocation, useNavigate } from 'react-router-dom';
import { api, Problem, type Schema } from '../api/client';
import { asProblem } from '../parts/load';
import { t } from '../texts';
import type { Answer } from './Login';

const RETURN = 'gatehouse-return';

interface Props {
  providers: Schema['LoginProvider'][];
  begin: (ask: () => Promise<Answer>) => Promise<void>;
  onProblem: (problem: Problem) => void;
}

/** Buttons for OpenID providers; also the way back from one, with what its answer is good for (a session, or the ticket of a second step). */
export function LoginProviders({ providers, begin, onProblem }: Props) {
  const { pathname, search, hash } = useLocation();
  const navigate = useNavigate();
  useEffect(() => {
    const place = /^\/login\/([a-z0-9-]+)$/.exec(pathname);
    const query = new URLSearchParams(search);
    if (place === null) return;
    const [provider, code, state] = [place[1], query.get('code'), query.get('state')];
    // The code is good once: it leaves the address before anything else happens.
    navigate(sessionStorage.getItem(RETURN) ?? '/', { replace: true });
    sessionStorage.removeItem(RETURN);
    if (code === null || state === null) {
      onProblem(new Problem(0, 'console', t('providerRefused'), undefined));
      return;
    }
    void begin(() => api.post<Answer>('/session/openid/finish', { provider, code, state }));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, as the page opens
  }, []);
  const leave = async (provider: string) => {
    try {
      const { url } = await api.post<{ url: string }>('/session/openid', { provider });
      sessionStorage.setItem(RETURN, pathname + search + hash);
      window.location.assign(url);
    } catch (reason) {
      onProblem(asProblem(reason));
    }
  };
  return (
    <>
      {providers.filter((provider) => provider.kind === 'oidc').map((provider) => (
        <Button key={provider.id} variant="secondary" isBlock onClick={() => void leave(provider.id)}>
          {t('logInBy')} {provider.name}
        </Button>
      ))}
    </>
  );
}
