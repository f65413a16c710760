// The routes of /api/v1 that are open to everybody.
import { language, t } from './texts';

export class Problem extends Error {
  /** `own`: what it is in the reader's language, where that is not the server's. */
  constructor(readonly type: string, readonly status: number, detail: string, readonly own?: string) { super(detail); }
}

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method, credentials: 'omit', cache: 'no-store', redirect: 'error',
      ...(method === 'GET' ? {} : body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem('offline', 0, t('The server cannot be reached. Look at your connection and try again.'));
  }
  const value = await answer.json().catch(() => null) as Record<string, unknown> | null;
  if (answer.ok && value) return value;
  const type = String(value?.['type'] ?? '').replace('/problems/', '');
  const own = language === 'de' ? (await import('./problems')).problems[type] : undefined;
  throw new Problem(type, answer.status, String(value?.['detail'] ?? t('The server answered {status}.', { status: answer.status })), own);
}

export interface Offer {
  id: string; name: string; description: string; ca: string; caName: string; note: string;
  csr: boolean; form: boolean; verifyEmail: boolean; comment: boolean; approval: boolean; days: number;
  keys: string[]; subject: { type: string; required: boolean }[]; sans: { types: string[]; min: number; max: number };
}
export interface Asked { state: string; secret: string | null }
export interface Standing {
  state: string; template: string; ca: string; caName: string; subject: string; sans: string[]; reason: string | null;
  createdAt: string; changedAt: string;
  certificate: { serial: string; notBefore: string; notAfter: string; revoked: boolean; chain: string } | null;
}
export interface ClaimOffer { ca: string; caName: string; template: string; templateName: string; subject: string; sans: string[]; keys: string[]; expiresAt: string }
export interface Claimed { chain: string; request: { certificate: { serial: string; notAfter: string } } }
export interface Authority {
  id: string; name: string; subject: string; contact: string | null; statement: string | null; statementUrl: string | null;
  written: boolean; certificate: string; fingerprint: string; notAfter: string;
}
export interface Challenge { challenge: string; keyType: string; digest: boolean; subject: string; sans: string[]; notAfter: string }

export const api = {
  offer: (template: string) => call('GET', `/public/templates/${encodeURIComponent(template)}`) as Promise<Offer>,
  puzzle: () => call('POST', '/public/puzzle') as Promise<{ puzzle: string; bits: number }>,
  ask: (template: string, body: unknown) => call('POST', `/public/templates/${encodeURIComponent(template)}/requests`, body) as Promise<Asked>,
  confirm: (secret: string) => call('POST', '/public/requests/confirm', { secret }) as Promise<Asked>,
  standing: (secret: string) => call('POST', '/public/requests/show', { secret }) as Promise<Standing>,
  cancel: (secret: string) => call('POST', '/public/requests/cancel', { secret }) as Promise<Standing>,
  claimOf: (secret: string) => call('POST', '/public/requests/claim', { secret }) as Promise<{ secret: string }>,
  claimShow: (secret: string) => call('POST', '/claims/show', { secret }) as Promise<ClaimOffer>,
  claim: (secret: string, csr: string) => call('POST', '/claims', { secret, csr }) as Promise<Claimed>,
  authority: (ca: string) => call('GET', `/public/cas/${encodeURIComponent(ca)}`) as Promise<Authority>,
  challenge: (ca: string, certificate: string) => call('POST', `/public/cas/${encodeURIComponent(ca)}/challenge`, { certificate }) as Promise<Challenge>,
  renew: (ca: string, body: unknown) => call('POST', `/public/cas/${encodeURIComponent(ca)}/renewals`, body) as Promise<Asked>,
};
