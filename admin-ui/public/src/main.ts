// One small page for all public addresses; each part is loaded when it is needed.
import { h, message, show } from './dom';
import { Problem } from './api';
import { choose, language, t } from './texts';

export function failed(error: unknown): HTMLElement {
  const text = error instanceof Error ? error.message : String(error);
  const title = !(error instanceof Problem) ? t('That did not work')
    : error.type === 'pages-closed' ? t('These pages are closed')
      : error.status === 404 ? t('There is nothing here')
        : error.status === 429 ? t('Too much at once') : error.status === 0 ? t('No connection') : t('That did not work');
  const said = message('bad', title, error instanceof Problem ? error.own ?? text : text);
  if (error instanceof Problem && error.own) said.append(h('p', { lang: 'en' }, text));
  return said;
}

async function start(): Promise<void> {
  const [, kind, name = ''] = location.pathname.split('/').map(decodeURIComponent);
  try {
    if (kind === 'request') await (await import('./request')).request(name);
    else if (kind === 'claim') await (await import('./claim')).claim(name);
    else if (kind === 'cps') await (await import('./cps')).cps(name);
    else show(t('Nothing here'), message('bad', t('There is nothing at this address')));
  } catch (error) {
    show(t('Certificates'), failed(error));
  }
}

const other = language === 'de' ? 'en' : 'de';
document.querySelector('.bar')?.append(h('button', { class: 'language', type: 'button', lang: other, click: () => choose(other) }, other === 'de' ? 'Deutsch' : 'English'));
window.addEventListener('hashchange', () => void start());
void start();
