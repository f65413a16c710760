/** Light or dark: the system's choice until the viewer makes one. */
const STORED = 'gatehouse-theme';

const wantsDark = (): boolean => {
  const stored = localStorage.getItem(STORED);
  return stored === null ? matchMedia('(prefers-color-scheme: dark)').matches : stored === 'dark';
};

export function applyTheme(): void {
  document.documentElement.classList.toggle('pf-v6-theme-dark', wantsDark());
}

export function toggleTheme(): void {
  localStorage.setItem(STORED, wantsDark() ? 'light' : 'dark');
  applyTheme();
}
