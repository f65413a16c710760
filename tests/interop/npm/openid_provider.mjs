// node openid_provider.mjs PORT KEY CERT PEOPLE: oidc-provider over TLS. Whoever comes is the person in the file "who".
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const [port, key, cert, home] = process.argv.slice(2);
const issuer = `https://localhost:${port}`;
const people = {
  alba: { name: 'Alba Amber', email: 'alba@example.test', groups: ['pki-officers', 'staff'] },
  bruno: { name: 'Bruno Birch', email: 'bruno@example.test', groups: ['strangers'] },
};
const jwk = (type, options, alg) => ({
  ...createPrivateKey(generateKeyPairSync(type, options).privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' }),
  alg, use: 'sig', kid: alg });
const client = (id, alg, more) => ({
  client_id: id, id_token_signed_response_alg: alg, grant_types: ['authorization_code'], response_types: ['code'],
  redirect_uris: [`${home}/console/login/${id}`], post_logout_redirect_uris: [`${home}/console/`],
  ...(more ?? { client_secret: 'a secret of 32 octets, at the least' }) });
const provider = new Provider(issuer, {
  clients: [client('rs', 'RS256'), client('ps', 'PS256', { token_endpoint_auth_method: 'none' }), client('es', 'ES256'), client('ed', 'EdDSA')],
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  jwks: { keys: [jwk('rsa', { modulusLength: 2048 }, 'RS256'), jwk('rsa', { modulusLength: 2048 }, 'PS256'),
    jwk('ec', { namedCurve: 'P-256' }, 'ES256'), jwk('ed25519', {}, 'EdDSA')] },
  cookies: { keys: ['test'] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/enter/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, email_verified: true, ...people[id] }) }),
});

async function enter(request, response) {
  const { prompt, session, params } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: readFileSync('who', 'utf8').trim() } });
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

const serve = provider.callback();
createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
  if (request.url.startsWith('/enter/')) enter(request, response).catch((reason) => { console.error(reason); response.destroy(); });
  else serve(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
