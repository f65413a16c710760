/** One catalogue, two languages. A text is a key; {name} stands for a value. */
import { de } from './de';
import { en } from './en';
import { operation } from './operation';
import { germanState } from './states';

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

export function chooseLanguage(next: Language): void {
  localStorage.setItem(STORED, next);
  location.reload();
}

export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const pair: readonly string[] | undefined = key in operation ? operation[key as keyof typeof operation] : undefined;
  const text = pair === undefined ? (language === 'de' ? de : en)[key as keyof typeof en] : pair[language === 'de' ? 1 : 0] ?? '';
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A state or outcome of the API in the reader's language. */
export const stateText = (state: string): string => (language === 'de' ? germanState(state) : state);
