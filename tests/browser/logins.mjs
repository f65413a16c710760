// The other ways in: a client certificate at the listener that asks for one, and an OpenID provider.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, field, fresh, look, open, prepare, save, url, withBrowser } from './browser.mjs';
import { OPENSSL, run } from './files.mjs';

const root = process.env.GATEHOUSE_ROOT;
const work = mkdtempSync(join(tmpdir(), 'gatehouse-logins.'));
const at = (name) => join(work, name);

/** A certificate of an authority that may log people in: the browser shows it, the page takes it. */
async function certificate(page, { api, ca }) {
  run(OPENSSL, ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', at('me.key'), '-out', at('me.csr'), '-subj', '/CN=newcomer']);
  await api('POST', '/users', { username: 'newcomer', displayName: 'New Comer' });
  const template = await api('POST', `/cas/${ca}/templates`, { name: 'People', starter: 'tls-client' });
  const made = await api('POST', `/templates/${template.id}/requests`, { csr: readFileSync(at('me.csr'), 'utf8'), issue: true });
  await open(page, 'roles?tab=rules', 'Roles and log-in');
  await field(page, 'Example Root').check();
  await page.locator('#access-certificateLogin-match').selectOption('commonName');
  await save(page);
  const origin = `https://localhost:${process.env.GATEHOUSE_MTLS_PORT}`;
  const without = await fresh(page);
  await without.goto(`${origin}/console/`);
  await without.getByRole('button', { name: 'With a certificate' }).click();
  await without.getByText('No client certificate came with the TLS connection').waitFor();
  await look(without, 'p24-no-certificate');
  await without.context().close();
  // Asked for no password: whoever comes so need not change the first one, either.
  const known = await fresh(page, { clientCertificates: [{ origin, cert: Buffer.from(made.certificate.pem), key: readFileSync(at('me.key')) }] });
  await known.goto(`${origin}/console/account`);
  await known.getByRole('button', { name: 'With a certificate' }).click();
  await known.getByRole('heading', { level: 1, name: 'My account' }).waitFor();
  await known.getByRole('button', { name: 'newcomer' }).waitFor();
  await look(known, 'p25-by-certificate');
  // A revoked one lets nobody in.
  await api('POST', `/certificates/${made.certificate.id}/revoke`, { reason: 'keyCompromise' });
  await known.context().clearCookies();
  await known.reload();
  await known.getByRole('button', { name: 'With a certificate' }).click();
  await known.getByText(/revoked/).waitFor();
  await look(known, 'p25-revoked');
  await known.context().close();
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

async function provider() {
  const here = join(root, 'tests/interop');
  const modules = execFileSync('bash', ['-c', 'die() { echo "$*" >&2; exit 1; }; here=$1; . "$here/npm.sh"; npm_packages; printf %s "$modules"', 'x', here], { encoding: 'utf8' });
  cpSync(join(here, 'npm/openid_provider.mjs'), at('provider.mjs'));
  symlinkSync(join(modules, 'node_modules'), at('node_modules'));
  writeFileSync(at('who'), 'alba\n');
  run(OPENSSL, ['req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-subj', '/CN=id', '-addext', 'subjectAltName=DNS:localhost', '-days', '2', '-out', at('id.pem'), '-keyout', at('id.key')]);
  const port = await freePort();
  const child = spawn(process.execPath, ['provider.mjs', String(port), 'id.key', 'id.pem', url], { cwd: work, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => { child.stdout.once('data', resolve); child.once('exit', reject); });
  return { child, issuer: `https://localhost:${port}` };
}

/** The button leads to the provider and back to the page where one wanted to go; log-out tells the provider, too. */
async function openid(page, { api }) {
  const { child, issuer } = await provider();
  try {
    await api('POST', '/identity-providers', { id: 'rs', kind: 'oidc', name: 'Example ID', secret: 'a secret of 32 octets, at the least',
      settings: { issuer, clientId: 'rs', ca: readFileSync(at('id.pem'), 'utf8'), scope: 'openid profile email groups', requiredGroup: 'staff', roles: [{ group: 'pki-officers', role: 'officer', scope: 'instance' }] } });
    await open(page, 'identity-providers/rs', 'Example ID');
    await page.getByRole('button', { name: 'Test', exact: true }).click();
    await page.getByText('Its configuration and keys can be read.').waitFor();
    const alba = await fresh(page);
    await alba.goto(`${url}/console/requests?state=pending`);
    await alba.getByRole('button', { name: 'Log in with Example ID' }).waitFor();
    await look(alba, 'p26-log-in', { dark: true });
    await alba.getByRole('button', { name: 'Log in with Example ID' }).click();
    await alba.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
    assert.equal(alba.url(), `${url}/console/requests?state=pending`);
    // Made at the log-in, with the role that the group gives.
    const session = await (await alba.request.get(`${url}/api/v1/session`)).json();
    assert.deepEqual(session.roles.map((one) => one.role), ['officer']);
    await alba.getByRole('button', { name: 'alba' }).click();
    await alba.getByRole('menuitem', { name: 'Log out' }).click();
    await alba.waitForURL((place) => place.origin === issuer);
    await alba.getByRole('button', { name: 'Yes, sign me out' }).click();
    await alba.getByRole('button', { name: 'Log in with Example ID' }).waitFor();
    assert.equal(alba.url(), `${url}/console/`);
    const user = (await api('GET', '/users?limit=100')).items.find((one) => one.username === 'alba');
    assert.deepEqual([user.displayName, user.email, user.provider], ['Alba Amber', 'alba@example.test', 'rs']);
    await alba.context().close();
    // Who is not in the group stays out, and is told why.
    writeFileSync(at('who'), 'bruno\n');
    const bruno = await fresh(page);
    await bruno.goto(`${url}/console/`);
    await bruno.getByRole('button', { name: 'Log in with Example ID' }).click();
    await bruno.waitForURL(new RegExp(`^${url}/console/?$`));
    await bruno.locator('.pf-v6-c-alert').waitFor();
    await look(bruno, 'p27-not-in-the-group');
    await bruno.context().close();
  } finally {
    child.kill();
  }
}

/** The walls that a browser is told of, on the console's pages and on the public ones; nothing comes from elsewhere. */
async function walls(page, { ca }) {
  const visitor = await fresh(page);
  const elsewhere = [];
  visitor.on('request', (request) => { if (/^https?:/.test(request.url()) && new URL(request.url()).origin !== url) elsewhere.push(request.url()); });
  for (const place of ['console/', `cps/${ca}`, 'claim/nothing', 'start']) {
    const headers = await (await visitor.goto(`${url}/${place}`)).allHeaders();
    const policy = headers['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/, place);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/, place);
    assert.match(headers['strict-transport-security'] ?? '', /max-age=31536000/, place);
    assert.equal(headers['x-content-type-options'], 'nosniff', place);
    await visitor.waitForLoadState('networkidle');
  }
  assert.deepEqual(elsewhere, [], 'no request to anybody else');
  await visitor.context().close();
}

try {
  await withBrowser(async (page, context) => {
    const made = await prepare(page, context);
    await walls(page, made);
    await certificate(page, made);
    await openid(page, made);
  });
} finally {
  rmSync(work, { recursive: true });
}
console.log('logins: ok');
