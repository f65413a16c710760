/** Light or dark: the system's choice until the viewer makes one. */
const STORED = 'gatehouse-theme';

export type Theme = 'system' | 'light' | 'dark';

export function chosenTheme(): Theme {
  const stored = localStorage.getItem(STORED);
  return stored === 'dark' || stored === 'light' ? stored : 'system';
}

const wantsDark = (): boolean => {
  const chosen = chosenTheme();
  return chosen === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
};

export function applyTheme(): void {
  document.documentElement.classList.toggle('pf-v6-theme-dark', wantsDark());
}

export function chooseTheme(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, theme);
  applyTheme();
}

export function toggleTheme(): void {
  chooseTheme(wantsDark() ? 'light' : 'dark');
}
