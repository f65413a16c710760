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
/** Dates and numbers as the reader's own country writes them, when the browser says which. */
export const locale: string = navigator.language.split('-')[0] === language ? navigator.language : language;
/** Only German readers load German. */
const german = language !== 'de' ? undefined
  : await Promise.all([import('./de'), import('./operation-de'), import('./fields-de'), import('./states'), import('./server-de'), import('./problems-de')]).then(
    ([{ de }, { operationDe }, { fieldWordsDe }, states, server, { problems }]) => ({ texts: { ...de, ...operationDe }, fields: fieldWordsDe, states, server: { ...server, problems } }));
const texts: Readonly<Record<TextKey, string>> = german?.texts ?? { ...en, ...operation };

export function chooseLanguage(next: Language): void {
  localStorage.setItem(STORED, next);
  location.reload();
}

export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  return texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A state or outcome of the API in the reader's language. */
export const stateText = (state: string): string => german?.states.germanState(state) ?? state.replace('csr', 'CSR').replaceAll('-', ' ');
/** What a member of a settings document is called in the reader's language: undefined where that is English. */
export const fieldIn = (key: string): readonly [string, string?] | undefined => german?.fields[key as keyof typeof german.fields];
/** A number as the reader writes it. */
export const figure = (value: number): string => value.toLocaleString(locale);
/** What the server says in English under a stable code, in the reader's language: undefined where that is English or not known. */
type Said = 'warnings' | 'mails' | 'roles' | 'problems';
export const said = (what: Said, code: string): string | undefined => german?.server[what][code];
export const saidSet = (id: string): readonly [string, string] | undefined => german?.server.sets[id];
export const roleName = (id: string, name = id): string => said('roles', id) ?? name;
