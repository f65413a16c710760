// One small page for all public addresses; each part is loaded when it is needed.
import { message, show } from './dom';
import { Problem } from './api';

export function failed(error: unknown): HTMLElement {
  const text = error instanceof Error ? error.message : String(error);
  const title = !(error instanceof Problem) ? 'That did not work'
    : error.type === 'pages-closed' ? 'These pages are closed'
      : error.status === 404 ? 'There is nothing here'
        : error.status === 429 ? 'Too much at once' : error.status === 0 ? 'No connection' : 'That did not work';
  return message('bad', title, text);
}

async function start(): Promise<void> {
  const [, kind, name = ''] = location.pathname.split('/').map(decodeURIComponent);
  try {
    if (kind === 'request') await (await import('./request')).request(name);
    else if (kind === 'claim') await (await import('./claim')).claim(name);
    else if (kind === 'cps') await (await import('./cps')).cps(name);
    else show('Nothing here', message('bad', 'There is nothing at this address'));
  } catch (error) {
    show('Certificates', failed(error));
  }
}

window.addEventListener('hashchange', () => void start());
void start();
