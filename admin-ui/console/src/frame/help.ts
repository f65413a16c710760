/** Which page of docs/ tells of a page of the console; the first that fits. */
const pages: readonly (readonly [RegExp, string])[] = [
  [/^\/cas/, 'authorities'], [/^\/templates/, 'templates'], [/^\/certificates|^\/validation/, 'status'], [/^\/requests?/, 'public-pages'],
  [/^\/acme/, 'acme'], [/^\/protocols\/scep/, 'scep'], [/^\/protocols\/est/, 'est'], [/^\/protocols\/cmp/, 'cmp'], [/^\/timestamping/, 'timestamping'],
  [/^\/tokens.*tab=agents/, 'agent'], [/^\/tokens/, 'keys#keys-in-tokens'], [/^\/keys.*tab=(inventory|kek)/, 'keys#the-instances-keys'], [/^\/keys/, 'keys'],
  [/^\/identity-providers.*oidc/, 'access#openid-connect'], [/^\/identity-providers/, 'access#ldap-and-active-directory'], [/^\/(users|roles|account|organisations)/, 'access'],
  [/^\/(events|audit)/, 'audit'], [/^\/notices/, 'notices'], [/^\/log/, 'operations'], [/^\/settings.*tab=(mail|texts|queue)/, 'mail'], [/^\/settings.*tab=public/, 'public-pages'], [/^\/settings/, 'configuration'],
];

export const helpOf = (address: string): string => `/help/${pages.find(([fits]) => fits.test(address))?.[1] ?? 'console'}`;
