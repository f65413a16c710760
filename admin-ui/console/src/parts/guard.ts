import { useEffect, useRef, type RefObject } from 'react';
import { t } from '../texts';

/** The forms on the page, each with whether it has unsaved changes. */
const guards = new Set<RefObject<boolean>>();
const changed = (): boolean => [...guards].some((one) => one.current);

/** True when nothing would be lost, or the person says so. Links and browser back ask by themselves. */
export const mayLeave = (): boolean => !changed() || window.confirm(t('unsaved'));

const place = (): number => (history.state as { idx?: number } | null)?.idx ?? 0;
let at = place();
let returning = false;
/** Told of every place that is shown. */
export const arrived = (): void => { at = place(); };

/** Before the router hears of it: going back to where the changes are, unless they may be lost. */
function moved(event: PopStateEvent): void {
  const to = place();
  if (!returning && to !== at && !mayLeave()) {
    event.stopImmediatePropagation();
    returning = true;
    history.go(at - to);
    return;
  }
  if (returning) event.stopImmediatePropagation();
  returning = false;
  at = to;
}
window.addEventListener('popstate', moved, true);

/** Leaving the page with unsaved changes asks first. The result lets go without asking. */
export function useGuard(dirty: boolean): () => void {
  const on = useRef(false);
  on.current = dirty;
  useEffect(() => {
    guards.add(on);
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
      guards.delete(on);
      window.removeEventListener('beforeunload', ask);
      document.removeEventListener('click', click, true);
    };
  }, []);
  return () => { on.current = false; };
}
