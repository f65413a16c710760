/** The audit trail verified in the browser (docs/audit.md): signatures, chain, and the tree over the events of a seal. */
import { api, type Schema } from '../api/client';

export type Seal = Schema['Seal'];
type Octets = Uint8Array<ArrayBuffer>;

const text = (value: string): Octets => new TextEncoder().encode(value) as Octets;
const decoded = (base64: string): Octets => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
const hex = (value: Octets): string => [...value].map((one) => one.toString(16).padStart(2, '0')).join('');

async function sha256(...parts: readonly Octets[]): Promise<Octets> {
  const all = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) { all.set(one, at); at += one.length; }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}

/** ECDSA-Sig-Value (rfc3279#2.2.3), as OpenSSL writes it, to the two numbers side by side that WebCrypto wants. */
export function plainSignature(der: Octets): Octets {
  const number = (at: number): [Octets, number] => {
    const length = der[at + 1] ?? 0;
    const value = der.slice(at + 2, at + 2 + length);
    const octets = new Uint8Array(32);
    const short = value.slice(Math.max(0, value.length - 32));
    octets.set(short, 32 - short.length);
    return [octets, at + 2 + length];
  };
  const [r, next] = number(2);
  const [s] = number(next);
  const both = new Uint8Array(64);
  both.set(r);
  both.set(s, 32);
  return both;
}

export const readKey = (pem: string): Promise<CryptoKey> =>
  crypto.subtle.importKey('spki', decoded(pem.replace(/-----[^-]*-----|\s/g, '')), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);

/** One value of a statement. */
const stated = (statement: string, name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(statement)?.[1] ?? '';

/** Whether the seal is signed by the key, and says of itself what is listed. */
export async function isSigned(seal: Seal, key: CryptoKey): Promise<boolean> {
  const good = await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, plainSignature(decoded(seal.signature)), text(seal.statement));
  return good && stated(seal.statement, 'number') === String(seal.number) && stated(seal.statement, 'root') === seal.root && stated(seal.statement, 'events') === String(seal.events);
}

/** Whether the later seal names the earlier one. */
export async function follows(earlier: Seal, later: Seal): Promise<boolean> {
  return later.number === earlier.number + 1 && stated(later.statement, 'previous') === hex(await sha256(text(earlier.statement)));
}

/** rfc6962#2.1: the root over the lines; a tree splits at the largest power of two below its size. */
export async function rootOf(lines: readonly string[]): Promise<string> {
  const tree = async (leaves: readonly Octets[]): Promise<Octets> => {
    const [only] = leaves;
    if (leaves.length === 1 && only !== undefined) return only;
    const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
    return sha256(Uint8Array.of(1), await tree(leaves.slice(0, half)), await tree(leaves.slice(half)));
  };
  return hex(await tree(await Promise.all(lines.map((line) => sha256(Uint8Array.of(0), text(line))))));
}

export interface Progress { seals: number; last: number; wrong: number[] }

/** All seals, oldest first: every signature, and that each names the one before. */
export async function verifyChain(tell: (progress: Progress) => void, stopped: () => boolean): Promise<Progress> {
  const progress: Progress = { seals: 0, last: 0, wrong: [] };
  let before: Seal | undefined;
  for (;;) {
    const page = await api.get<Schema['SealList']>('/audit/seals', { from: progress.seals + 1 });
    const key = await readKey(page.publicKey);
    progress.last = page.last;
    for (const seal of page.items) {
      const chained = before === undefined ? seal.number === 1 && /^0+$/.test(stated(seal.statement, 'previous')) : await follows(before, seal);
      if (!chained || !(await isSigned(seal, key))) progress.wrong.push(seal.number);
      before = seal;
      progress.seals = seal.number;
    }
    tell({ ...progress });
    if (page.items.length === 0 || stopped()) return progress;
  }
}

export interface Proof { kind: 'sealed' | 'changed' | 'archived' | 'unsealed'; seal?: Seal }

/** The seal that holds an event, its signature and its tree; `changed` when they do not fit. */
export async function prove(event: { id: string; at: string }): Promise<Proof> {
  const page = await api.get<Schema['SealList']>('/audit/seals', { since: event.at });
  const key = await readKey(page.publicKey);
  for (const seal of page.items.slice(0, 4)) {
    const { lines } = await api.get<Schema['SealedEvents']>(`/audit/seals/${seal.number}/events`);
    if (!lines.some((line) => (JSON.parse(line) as { id: string }).id === event.id)) continue;
    if (lines.length < seal.events) return { kind: 'archived', seal };
    return { kind: (await isSigned(seal, key)) && (await rootOf(lines)) === seal.root ? 'sealed' : 'changed', seal };
  }
  return { kind: 'unsealed' };
}
