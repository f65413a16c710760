// The console's pages for protocols, validation and timestamps: each is used, looked at and accessible, in both languages.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, dialog, field, look, open, prepare, save, url, withBrowser } from './browser.mjs';

// A client's order whose name cannot be looked up: the list and the order tell why, in words.
const CLIENT = `
import sys, time
from acme_client import Client
directory, ca, kid, key = sys.argv[1:]
client = Client(directory, ca)
assert client.register(kid, key).status == 201
authz = client.order(["shop.example.org"]).json["authorizations"][0]
client.post([one for one in client.post(authz).json["challenges"] if one["type"] == "http-01"][0]["url"], {})
until = time.monotonic() + 60
while client.post(authz).json["status"] == "pending" and time.monotonic() < until:
    time.sleep(0.2)
`;
async function failedOrder(page, api, template) {
  const document = { templates: [template], dns: { resolvers: ['127.0.0.1@1'] }, validation: { attempts: 1, timeoutSeconds: 1 } };
  const policy = await api('POST', '/acme/policies', { name: 'Shops', document });
  const { kid, hmacKey } = await api('POST', `/acme/policies/${policy.id}/bindings`, { name: 'shop' });
  execFileSync('python3', ['-B', '-W', 'ignore', '-c', CLIENT, `${url}/acme/directory`, process.env.GATEHOUSE_TLS_CERT, kid, hmacKey],
    { env: { ...process.env, PYTHONPATH: join(process.env.GATEHOUSE_ROOT, 'tests/interop') } });
  await open(page, 'acme?tab=orders', 'ACME');
  const row = page.getByRole('row', { name: /shop\.example\.org/ });
  await row.getByText(/DNS/).waitFor();
  await row.getByRole('button', { name: 'shop.example.org' }).click();
  await dialog(page).getByRole('row', { name: /http-01 invalid 1 .*DNS/ }).waitFor();
  await look(page, 'a06-acme-order');
  await dialog(page).getByRole('link').first().click();
  await page.getByRole('heading', { level: 1, name: 'a@example.org' }).waitFor();
  await page.getByRole('button', { name: 'shop.example.org' }).waitFor();
  await look(page, 'a07-acme-account');
  await changedTerms(page, api);
}

// Terms that have changed: a person notes at the account that its holder agrees.
async function changedTerms(page, api) {
  const settings = await api('GET', '/acme/settings');
  await api('PUT', '/acme/settings', { ...settings, terms: 'https://example.org/terms/2' });
  await page.reload();
  await page.getByRole('button', { name: 'Agree to the terms of service' }).click();
  await dialog(page).getByText('https://example.org/terms/2').waitFor();
  await look(page, 'a08-acme-terms');
  await dialog(page).getByRole('button', { name: 'Agree to the terms of service' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Agree to the terms of service' }).waitFor({ state: 'detached' });
  const { items } = await api('GET', '/acme/accounts');
  assert(items.some((one) => one.terms === 'https://example.org/terms/2'));
  await api('PUT', '/acme/settings', settings);
}

async function acme(page, { api, template }) {
  await open(page, 'acme', 'ACME');
  await look(page, 'a01-acme');
  await page.getByRole('button', { name: 'New policy' }).click();
  await field(page, 'Name').fill('Web servers');
  await look(page, 'a02-new-policy');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await page.getByRole('link', { name: 'Web servers' }).click();
  await page.getByRole('heading', { level: 1, name: 'Web servers' }).waitFor();
  await field(page, 'What may be ordered').fill('*.example.org');
  await field(page, 'Wildcards may be ordered').uncheck();
  await save(page);
  await look(page, 'a03-policy');
  const [policy] = (await api('GET', '/acme/policies')).items;
  assert.deepEqual([policy.document.identifiers, policy.document.wildcards], [['*.example.org'], false]);
  await page.getByRole('tab', { name: /Bindings/ }).click();
  await page.getByRole('button', { name: 'New binding' }).click();
  await field(page, 'Name').fill('shop');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await page.getByText('Shown this once').waitFor();
  await look(page, 'a04-binding');
  await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  await page.getByRole('button', { name: 'End', exact: true }).click();
  await dialog(page).getByRole('button', { name: 'End', exact: true }).click();
  await page.getByText('revoked').waitFor();
  for (const tab of ['accounts', 'orders', 'settings']) {
    await open(page, `acme?tab=${tab}`, 'ACME');
    await look(page, `a05-acme-${tab}`);
  }
  await failedOrder(page, api, template);
  await open(page, 'acme?tab=settings', 'ACME');
  await field(page, 'Address of the terms of service').fill('https://example.org/terms');
  await save(page);
  assert.equal((await api('GET', '/acme/settings')).terms, 'https://example.org/terms');
}

/** Calls openssl in a directory of its own: `steps(run, path)`. */
function withOpenssl(steps) {
  const home = mkdtempSync(join(tmpdir(), 'gatehouse-openssl.'));
  const run = (...words) => execFileSync('openssl', words, { cwd: home, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try { return steps(run, (name) => join(home, name)); } finally { rmSync(home, { recursive: true }); }
}

const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A maker's CA: its certificate and its first CRL, PEM. */
const makeMaker = () => withOpenssl((run, path) => {
  run('req', '-x509', ...ecKey, '-days', '30', '-subj', '/CN=Maker Root', '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-keyout', 'key.pem', '-out', 'ca.pem');
  writeFileSync(path('index'), '');
  writeFileSync(path('ca.cnf'), '[ca]\ndefault_ca=x\n[x]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=7\n');
  const crl = run('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'key.pem', '-cert', 'ca.pem');
  return { pem: readFileSync(path('ca.pem'), 'utf8'), crl };
});

/** Trust anchors: added from a file, seen under EST and CMP, a revocation list put there, removed. */
async function anchors(page, { api, template }) {
  const { pem, crl } = makeMaker();
  const file = (name, text) => dialog(page).locator('input[type=file]').setInputFiles({ name, mimeType: 'application/x-pem-file', buffer: Buffer.from(text) });
  const known = async () => (await api('GET', `/templates/${template}/anchors`)).items;
  await open(page, 'protocols/est?tab=anchors', 'EST');
  await page.getByRole('button', { name: 'New trust anchor' }).click();
  await file('maker.pem', pem);
  await page.waitForFunction(() => document.querySelector('textarea#anchor-certificate').value.includes('BEGIN CERTIFICATE'));
  await dialog(page).locator('#anchor-check').selectOption('required');
  await field(page, 'Addresses of revocation lists').fill('http://crl.example/maker.crl\n\n');
  await look(page, 'a14-new-anchor');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: 'Maker Root' }).waitFor();
  const [made] = await known();
  assert.deepEqual([made.name, made.role, made.crlCheck, made.crlUrls], ['Maker Root', 'device', 'required', ['http://crl.example/maker.crl']]);
  await page.getByRole('button', { name: 'New trust anchor' }).click();
  await dialog(page).locator('textarea#anchor-certificate').fill(pem);
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await dialog(page).locator('.pf-v6-c-alert').waitFor(); // twice is refused
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await open(page, 'protocols/cmp?tab=anchors', 'CMP');
  await page.getByRole('button', { name: 'Put a revocation list here' }).click();
  await file('maker.crl', crl);
  await dialog(page).getByRole('button', { name: 'Store' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  await look(page, 'a14-anchors');
  await page.getByRole('button', { name: 'Maker Root' }).click();
  await dialog(page).getByRole('cell', { name: 'CN=Maker Root' }).waitFor();
  await look(page, 'a14-anchor');
  await dialog(page).getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await dialog(page).getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText('No certificate from elsewhere lets anybody in.').waitFor();
  assert.deepEqual(await known(), []);
}

/** A CMP transaction of a real client: listed, and its messages readable. */
async function transactions(page, { api, template }) {
  const { name, secret } = await api('POST', `/templates/${template}/credentials`, { kind: 'mac', name: 'gateway-7', validMinutes: 60, uses: 1 });
  withOpenssl((run) => {
    run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem');
    run('cmp', '-config', '', '-cmd', 'ir', '-server', new URL(process.env.GATEHOUSE_HTTP_URL).host, '-path', `.well-known/cmp/p/${template}`, '-ref', name, '-secret', `pass:${secret}`,
      '-mac', 'hmacWithSHA256', '-newkey', 'key.pem', '-subject', '/CN=gateway-7.example.org', '-sans', 'gateway-7.example.org', '-certout', 'cert.pem');
  });
  await open(page, 'protocols/cmp?tab=transactions', 'CMP');
  const [{ transactionId }] = (await api('GET', `/templates/${template}/cmp/transactions`)).items;
  await page.getByRole('button', { name: transactionId }).click();
  await dialog(page).getByRole('heading', { name: '1. Received: ir' }).waitFor();
  await dialog(page).getByText(`transactionID: ${transactionId}`).first().waitFor();
  await look(page, 'a15-transaction');
  await dialog(page).getByRole('link', { name: 'Certificate' }).click();
  await page.getByRole('heading', { level: 1, name: 'gateway-7.example.org' }).waitFor();
}

async function others(page, { api, template }) {
  const change = {
    scep: async () => { await field(page, 'Days before the end').fill('21'); return (s) => s.renewal.windowDays === 21; },
    est: async () => { await field(page, 'Come again after').fill('77'); return (s) => s.retryAfterSeconds === 77; },
    cmp: async () => { await field(page, 'Waits for approval').fill('9'); return (s) => s.waitDays === 9; },
  };
  for (const name of ['scep', 'est', 'cmp']) {
    await open(page, `protocols/${name}`, name.toUpperCase());
    await page.getByRole('button', { name: 'Save', exact: true }).waitFor();
    const good = await change[name]();
    await save(page);
    assert.ok(good((await api('GET', `/templates/${template}/${name}`)).settings), `${name}: what was saved counts`);
    await look(page, `a10-${name}`);
    await page.getByRole('tab', { name: 'Credentials' }).click();
    await page.getByRole('button', { name: 'New credential' }).click();
    await dialog(page).locator('#credential-name').fill('printer');
    await look(page, `a11-${name}-new-credential`);
    await dialog(page).getByRole('button', { name: 'Create' }).click();
    await page.getByText('Shown this once').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByText('available').first().waitFor();
    await look(page, `a12-${name}-credentials`);
    for (const tab of name === 'scep' ? ['captures'] : name === 'est' ? ['anchors', 'usual'] : ['transactions', 'usual']) {
      await open(page, `protocols/${name}?tab=${tab}`, name.toUpperCase());
      await page.getByRole('tab', { selected: true }).waitFor();
      await look(page, `a13-${name}-${tab}`);
    }
  }
  await field(page, 'Usual template').selectOption(template);
  await save(page);
  assert.equal((await api('GET', '/cmp')).defaultTemplate, template);
}

async function validation(page, { api, ca }) {
  await open(page, 'validation', 'Validation');
  const before = (await api('GET', `/cas/${ca}/crl`)).number;
  await page.getByRole('button', { name: 'Publish now: Example Root' }).click();
  await page.getByRole('cell', { name: String(before), exact: true }).waitFor({ state: 'detached' });
  const after = (await api('GET', `/cas/${ca}/crl`)).number;
  assert.ok(after > before, 'there is a newer list');
  await page.getByRole('cell', { name: String(after), exact: true }).waitFor();
  await look(page, 'a20-validation');
  const pem = await (await page.request.get(`${url}/api/v1/cas/${ca}/certificate?format=pem`)).text();
  await open(page, 'validation?tab=foreign', 'Validation');
  await page.getByRole('button', { name: 'Answer for a foreign authority' }).click();
  await field(page, 'Name').fill('Elsewhere');
  await page.locator('#v-certificate').fill(pem);
  await look(page, 'a21-new-foreign');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await look(page, 'a22-foreign');
}

async function timestamping(page, { api, ca }) {
  await open(page, 'timestamping', 'Timestamping');
  await page.getByRole('link', { name: 'Clock', exact: true }).waitFor();
  await page.getByRole('button', { name: 'New issuer' }).click();
  await field(page, 'Name in the address').fill('code');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await page.getByRole('link', { name: 'code' }).waitFor();
  await look(page, 'a30-timestamping');
  await page.getByRole('link', { name: 'code' }).click();
  await field(page, 'Tokens are kept').check();
  await save(page);
  assert.equal((await api('GET', `/cas/${ca}/timestamping/code`)).document.logTokens, true);
  await look(page, 'a31-issuer');
  for (const tab of ['tokens', 'certificates']) {
    await open(page, `timestamping?tab=${tab}`, 'Timestamping');
    await page.getByText('nobody compares it').first().waitFor(); // this gateway is told of no reference
    await look(page, `a32-timestamping-${tab}`);
  }
}

/** The second language on every new page: no key is left over, no page breaks. */
async function german(page) {
  await page.evaluate(() => localStorage.setItem('gatehouse-language', 'de'));
  for (const place of ['acme', 'protocols/scep', 'protocols/est', 'protocols/cmp', 'protocols/cmp?tab=anchors', 'validation', 'timestamping']) {
    await page.goto(`${url}/console/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look(page, `a80-de-${place.replace(/\W+/g, '-')}`);
  }
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  await acme(page, made);
  await others(page, made);
  await anchors(page, made);
  await transactions(page, made);
  await validation(page, made);
  await timestamping(page, made);
  await german(page);
});
console.log('administration: ok');
