/** Calls of the REST API with the session's cookie; every failure is a Problem (RFC 9457). */
import type { components } from './schema';

export type Schema = components['schemas'];

export interface Page<T> {
  items: T[];
  next: string | null;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly instance: string | undefined,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | undefined>;

/** The organisation that lists are narrowed to; '' for all. */
let organisation = '';
export const narrowTo = (slug: string): void => { organisation = slug; };
/** What the server can narrow; the history of one object is that object's, whoever owns it. */
const lists = /^\/(cas|requests(\/count)?|certificates(\/(count|export))?|events|users|validators|private-keys|timestamping-certificates|post-quantum|acme\/(policies|accounts|orders))$/;

function address(path: string, query?: Query, narrowed = true): string {
  const parameters = new URLSearchParams();
  if (narrowed && organisation !== '' && lists.test(path) && (query?.object ?? '') === '') parameters.set('organisation', organisation);
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  const text = parameters.toString();
  return `/api/v1${path}${text === '' ? '' : `?${text}`}`;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as { type?: string; detail?: string; title?: string; instance?: string };
    const type = (body.type ?? '').split('/').pop() ?? '';
    return new Problem(response.status, type, body.detail ?? body.title ?? response.statusText, body.instance);
  } catch {
    return new Problem(response.status, '', `HTTP ${response.status} ${response.statusText}`, undefined);
  }
}

/** Told when the session is over, so that the log-in page comes and leads back afterwards. */
export const sessionEnd = new EventTarget();

async function send(method: string, path: string, query?: Query, body?: unknown): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path, query, method === 'GET'), {
      method,
      credentials: 'same-origin',
      headers: {
        Accept: 'application/json',
        'X-Gatehouse-CSRF': '1',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, 'unreachable', 'The gateway cannot be reached. Check the network and try again.', undefined);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.status === 401 && path !== '/session') sessionEnd.dispatchEvent(new Event('end'));
    throw problem;
  }
  return response;
}

async function json<T>(method: string, path: string, query?: Query, body?: unknown): Promise<T> {
  const response = await send(method, path, query, body);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export function saveFile(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

export const api = {
  get: <T>(path: string, query?: Query) => json<T>('GET', path, query),
  post: <T>(path: string, body?: unknown, query?: Query) => json<T>('POST', path, query, body ?? {}),
  /** For what takes a document of another kind, or none. */
  postNothing: <T>(path: string) => json<T>('POST', path),
  put: <T>(path: string, body: unknown) => json<T>('PUT', path, undefined, body),
  patch: <T>(path: string, body: unknown) => json<T>('PATCH', path, undefined, body),
  delete: <T>(path: string, query?: Query) => json<T>('DELETE', path, query),
  /** Posts, and lets the browser save the file that comes back. */
  async save(path: string, body: unknown, name: string): Promise<void> {
    saveFile(await (await send('POST', path, undefined, body)).blob(), name);
  },
  text: async (path: string, query?: Query) => (await send('GET', path, query)).text(),
  /** All items of a short list (users, CAs, templates), page by page, at most `most`. */
  async all<T>(path: string, query: Query = {}, most = 2000): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<T> = await json('GET', path, { ...query, limit: 500, cursor });
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined && items.length < most);
    return items;
  },
  /** The address of a download: the browser saves it by itself. */
  href: (path: string, query?: Query) => address(path, query),
};
