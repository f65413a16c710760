/** One catalogue, two languages. A text is a key; {name} stands for a value. */
import { en } from './en';
import { operation } from './operation';

export type TextKey = keyof typeof en | keyof typeof operation;
export const languages = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof languages;

const STORED = 'gatehouse-language';

function chosen(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === 'en' || stored === 'de') return stored;
  return navigator.language.startsWith('de') ? 'de' : 'en';
}

export const language: Language = chosen();
document.documentElement.lang = language;
/** Only German readers load German. */
const german = language !== 'de' ? undefined : await Promise.all([import('./de'), import('./states'), import('./server-de')]).then(([{ de }, states, server]) => ({ de, states, server }));

export function chooseLanguage(next: Language): void {
  localStorage.setItem(STORED, next);
  location.reload();
}

export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const pair: readonly string[] | undefined = key in operation ? operation[key as keyof typeof operation] : undefined;
  const text = pair === undefined ? (german?.de ?? en)[key as keyof typeof en] : pair[language === 'de' ? 1 : 0] ?? '';
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A state or outcome of the API in the reader's language. */
export const stateText = (state: string): string => german?.states.germanState(state) ?? state;
/** What the server says in English under a stable code, in the reader's language: undefined where that is English or not known. */
type Said = 'warnings' | 'mails' | 'roles' | 'problems';
export const said = (what: Said, code: string): string | undefined => german?.server[what][code];
export const saidSet = (id: string): readonly [string, string] | undefined => german?.server.sets[id];
export const roleName = (id: string, name = id): string => said('roles', id) ?? name;
