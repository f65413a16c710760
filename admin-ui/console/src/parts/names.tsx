import { useEffect, useState } from 'react';
import { Link } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { useSession } from '../session';
import { t, type TextKey } from '../texts';

/** The name of an authority as people gave it; its short name where it is not known here. */
export function useAuthorityName(of: string | null): string {
  const { cas } = useScope();
  return of === null ? '–' : cas.value?.find((one) => one.id === of)?.name ?? of;
}

export function AuthorityLink({ of }: { of: string | null }) {
  const name = useAuthorityName(of);
  return of === null ? <>–</> : <Link className="gh-names gh-short" to={`/cas/${of}`}>{name}</Link>;
}

/** Asked once for each template that is shown; a rename is seen when the page is loaded anew. */
const names = new Map<string, Promise<string>>();

function nameOf(template: string): Promise<string> {
  const known = names.get(template);
  if (known !== undefined) return known;
  const asked = api.get<Schema['Template']>(`/templates/${template}`).then((one) => one.name, () => { names.delete(template); return template; });
  names.set(template, asked);
  return asked;
}

export function TemplateLink({ of }: { of: string }) {
  const { may } = useSession();
  const [name, setName] = useState('');
  const reads = may('templates:read');
  useEffect(() => {
    let current = true;
    if (reads) void nameOf(of).then((found) => { if (current) setName(found); });
    return () => { current = false; };
  }, [of, reads]);
  return reads ? <Link className="gh-names gh-short" to={`/templates/${of}`}>{name === '' ? of : name}</Link> : <span className="gh-names gh-short">{of}</span>;
}

const happenings: Readonly<Record<string, TextKey>> = {
  'certificate.issued': 'happenedIssued', 'certificate.revoked': 'happenedRevoked', 'certificate.held': 'happenedHeld', 'certificate.released': 'happenedReleased',
  'certificate.edited': 'happenedEdited', 'certificate.logged': 'happenedLogged', 'certificate.submitted': 'happenedLogged', 'certificate.expiring': 'happenedExpiring',
  'request.submitted': 'happenedSubmitted', 'request.approved': 'happenedApproved', 'request.declined': 'happenedDeclined', 'request.cancelled': 'happenedCancelled',
  'request.claimed': 'happenedClaimed', 'request.commented': 'happenedCommented', 'request.expired': 'happenedExpired', 'request.invited': 'happenedInvited',
  'request.link-renewed': 'happenedLink', 'request.moved': 'happenedMoved', 'request.refused': 'happenedRefused', 'request.waits-for-logs': 'happenedWaitsForLogs',
};

/** What happened to a certificate or request, in a word; the code of the event where there is none. */
export function happened(code: string): string {
  const key = happenings[code];
  return key === undefined ? code : t(key);
}

const systems: readonly (readonly [RegExp, string])[] = [[/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux|X11/, 'Linux']];
const browsers: readonly (readonly [RegExp, string])[] = [[/Edg(?:e|A|iOS)?\/(\d+)/, 'Edge'], [/OPR\/(\d+)/, 'Opera'], [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'], [/(?:Headless)?(?:Chrome|CriOS)\/(\d+)/, 'Chrome'], [/Version\/(\d+)\S* .*Safari/, 'Safari']];

/** A browser as people call it; what is none stays as it named itself. */
export function programName(agent: string): string {
  for (const [pattern, name] of browsers) {
    const found = pattern.exec(agent);
    if (found === null) continue;
    const system = systems.find(([one]) => one.test(agent))?.[1];
    return `${name} ${found[1] ?? ''}${system === undefined ? '' : ` (${system})`}`;
  }
  return agent;
}
