import { useEffect, useRef } from 'react';
import { t } from '../texts';

/** Leaving the page with unsaved changes asks first. The result lets go without asking. */
export function useGuard(changed: boolean): () => void {
  const on = useRef(false);
  on.current = changed;
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => { if (on.current) event.preventDefault(); };
    const click = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
      if (on.current && link !== null && !event.defaultPrevented && !window.confirm(t('unsaved'))) {
        event.preventDefault();
        event.stopPropagation();
      }
    };
    window.addEventListener('beforeunload', ask);
    document.addEventListener('click', click, true);
    return () => {
      window.removeEventListener('beforeunload', ask);
      document.removeEventListener('click', click, true);
    };
  }, []);
  return () => { on.current = false; };
}
