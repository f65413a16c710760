// One catalogue: the browser's language decides until the reader chooses.
import { german } from './german';

const STORED = 'gatehouse-language';
const stored = localStorage.getItem(STORED);
export const language: 'en' | 'de' = stored === 'de' || stored === 'en' ? stored : navigator.language.startsWith('de') ? 'de' : 'en';
document.documentElement.lang = language;
/** Times as the reader's own country writes them, when the browser says which. */
export const locale: string = navigator.language.split('-')[0] === language ? navigator.language : language;

/** {name} stands for a value. */
export function t(text: keyof typeof german, values: Record<string, string | number> = {}): string {
  const words: string = language === 'de' ? german[text] : text;
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function choose(next: 'en' | 'de'): void {
  localStorage.setItem(STORED, next);
  location.reload();
}
