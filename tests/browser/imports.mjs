// Authorities from elsewhere come in by the console: a key alone, key and certificate in several files, one that worked with
// openssl ca, an external root; then what is given out of several chains, and what goes with one that is deleted.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, csr, dialog, field, look, open, prepare, url, withBrowser } from './browser.mjs';
import { OPENSSL, run } from './files.mjs';

const work = mkdtempSync(join(tmpdir(), 'gatehouse-imports.'));
const at = (name) => join(work, name);
const openssl = (...words) => run(OPENSSL, words, { cwd: work });
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const CA = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-days', '900'];

/** Opens the wizard and chooses what one has. */
async function begin(page, way) {
  await open(page, 'cas', 'Certificate authorities');
  await page.getByRole('link', { name: 'Import an authority' }).click();
  await page.getByRole('heading', { level: 1, name: 'Import an authority' }).waitFor();
  await page.getByLabel(way, { exact: true }).check();
}
const give = (page, id, file) => page.locator(`#${id}`).locator('xpath=ancestor::div[contains(@class,"file-upload")]').locator('input[type=file]').setInputFiles(file);
const finish = async (page, name) => {
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
};

/** An encrypted key and its certificate in one PKCS#12 file; the wrong password is told before anything is stored. */
async function pkcs12(page, { api }) {
  openssl('req', '-x509', ...EC, '-subj', '/O=Old House/CN=Old Root', ...CA, '-noenc', '-keyout', 'old.key', '-out', 'old.pem');
  openssl('pkcs12', '-export', '-inkey', 'old.key', '-in', 'old.pem', '-out', 'old.p12', '-passout', 'pass:four little words');
  await begin(page, 'Its key and its certificate');
  await look(page, 'i01-import', { dark: true });
  await give(page, 'import-key', at('old.p12'));
  await page.getByText('It is encrypted; give its password.').waitFor();
  await field(page, 'Password of the file').fill('not this');
  await page.getByText('The password does not open it').waitFor();
  await field(page, 'Password of the file').fill('four little words');
  await page.getByText('The key is that of O=Old House,CN=Old Root').or(page.getByText('The key is that of CN=Old Root,O=Old House')).waitFor();
  await look(page, 'i02-pkcs12', { dark: true });
  await finish(page, 'Old Root');
  const ca = await api('GET', '/cas/old-root');
  assert.deepEqual([ca.state, ca.certificate.pem.trim()], ['active', readFileSync(at('old.pem'), 'utf8').trim()]);
}

/** An encrypted PKCS#8 key, DER, and a certificate of another key: seen at once; and refused by the server, too. */
async function pair(page, { api }) {
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-subj', '/CN=Paired', ...CA, '-noenc', '-keyout', 'pair.key', '-out', 'pair.pem');
  openssl('pkcs8', '-topk8', '-in', 'pair.key', '-outform', 'DER', '-out', 'pair.der', '-passout', 'pass:four little words');
  await begin(page, 'Its key and its certificate');
  await give(page, 'import-key', at('pair.der'));
  await field(page, 'Password of the file').fill('four little words');
  await give(page, 'import-certificate', at('old.pem'));
  await page.getByText('The key is not that of the certificate.').waitFor();
  await field(page, 'Name').fill('Paired');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.locator('form .pf-v6-c-alert').waitFor();
  await look(page, 'i03-not-its-key');
  await give(page, 'import-certificate', at('pair.pem'));
  await page.getByText('The key is that of CN=Paired').waitFor();
  await finish(page, 'Paired');
  assert.equal((await api('GET', '/cas/paired')).state, 'active');
}

async function keyAlone(page, { api }) {
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384', '-out', 'alone.key');
  for (const [name, by, state] of [['Alone', '', 'active'], ['Alone Below', 'example-root', 'active'], ['Alone Elsewhere', '*', 'waiting']]) {
    if (name !== 'Alone') openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384', '-out', 'alone.key');
    await begin(page, 'A key alone');
    await give(page, 'import-key', at('alone.key'));
    await field(page, 'Name').fill(name);
    await page.locator('#import-issuer').selectOption(by);
    if (by === '') await look(page, 'i04-key-alone');
    await finish(page, name);
    const ca = await api('GET', `/cas/${name.toLowerCase().replaceAll(' ', '-')}`);
    assert.deepEqual([ca.state, ca.keyType], [state, 'P-384']);
  }
  // The key must be the one of the request that goes elsewhere.
  const answer = await page.request.get(`${url}/api/v1/cas/alone-elsewhere/csr`);
  writeFileSync(at('alone.csr'), await answer.body());
  assert.equal(openssl('req', '-in', 'alone.csr', '-noout', '-pubkey').trim(), openssl('pkey', '-in', 'alone.key', '-pubout').trim());
}

/** A CA of openssl ca with two certificates, one of them revoked, and its CRL number 4096: all of it goes on here. */
async function working(page, { api }) {
  writeFileSync(at('index'), '');
  writeFileSync(at('serial'), '1000\n');
  writeFileSync(at('number'), '1000\n');
  writeFileSync(at('ca.cnf'), '[ca]\ndefault_ca=x\n[x]\ndatabase=index\nserial=serial\ncrlnumber=number\nnew_certs_dir=.\ndefault_md=sha256\ndefault_days=90\ndefault_crl_days=7\npolicy=p\n[p]\ncommonName=supplied\n');
  openssl('req', '-x509', ...EC, '-subj', '/CN=Busy CA', ...CA, '-noenc', '-keyout', 'busy.key', '-out', 'busy.pem');
  const sign = ['ca', '-config', 'ca.cnf', '-batch', '-cert', 'busy.pem', '-keyfile', 'busy.key'];
  for (const name of ['good.example', 'bad.example']) {
    writeFileSync(at('one.csr'), csr(name));
    openssl(...sign, '-in', 'one.csr', '-out', `${name}.pem`, '-notext');
  }
  openssl('ca', '-config', 'ca.cnf', '-cert', 'busy.pem', '-keyfile', 'busy.key', '-revoke', 'bad.example.pem', '-crl_reason', 'keyCompromise');
  openssl('ca', '-config', 'ca.cnf', '-cert', 'busy.pem', '-keyfile', 'busy.key', '-gencrl', '-out', 'busy.crl');
  writeFileSync(at('all.pem'), readFileSync(at('good.example.pem'), 'utf8') + readFileSync(at('bad.example.pem'), 'utf8'));
  await begin(page, 'A working authority with its history');
  await give(page, 'import-key', at('busy.key'));
  await give(page, 'import-certificate', at('busy.pem'));
  await give(page, 'import-index', at('index'));
  await give(page, 'import-crl', at('busy.crl'));
  await give(page, 'import-issued', at('all.pem'));
  await page.getByText('The key is that of CN=Busy CA').waitFor();
  await look(page, 'i05-working', { dark: true });
  await finish(page, 'Busy CA');
  await look(page, 'i06-imported', { dark: true });
  const list = (await api('GET', '/cas/busy-ca/certificates')).items.filter((one) => /^100[01]$/.test(one.serial));
  assert.deepEqual(list.map((one) => [one.serial, one.state]).sort(), [['1000', 'valid'], ['1001', 'revoked']]);
  assert.ok((await api('GET', '/cas/busy-ca/crl')).number > 0x1000, 'the number of its list goes on');
}

/** A root that is offline: a certificate alone; and its cross-certificate from a root here, the chain then given out. */
async function external(page, { api }) {
  openssl('req', '-x509', ...EC, '-subj', '/CN=Offline Root', ...CA, '-noenc', '-keyout', 'offline.key', '-out', 'offline.pem');
  await begin(page, 'A certificate alone: an offline or foreign root');
  await give(page, 'import-certificate', at('offline.pem'));
  await page.getByText('Without its key it completes chains').waitFor();
  await look(page, 'i07-external');
  await finish(page, 'Offline Root');
  assert.equal((await api('GET', '/cas/offline-root')).state, 'certificate-only');
  // The old root, cross-signed by the offline one elsewhere.
  openssl('x509', '-new', '-force_pubkey', 'old.pub', '-subj', '/O=Old House/CN=Old Root', '-CA', 'offline.pem', '-CAkey', 'offline.key', '-days', '500', '-extfile', 'ext', '-out', 'cross.pem');
  await open(page, 'cas/old-root?tab=chains', 'Old Root');
  await page.getByRole('button', { name: 'Cross-certificate' }).click();
  await dialog(page).getByLabel('Signed elsewhere').check();
  await give(page, 'cross-certificate', at('cross.pem'));
  await look(page, 'i08-cross');
  await dialog(page).getByRole('button', { name: 'Cross-certificate' }).click();
  await page.getByRole('cell', { name: 'CN=Offline Root' }).waitFor();
  const chains = (await api('GET', '/cas/old-root/chains')).items;
  assert.deepEqual(chains.map((one) => [one.kind, one.issuer.includes('Offline')]), [['current', false], ['cross', true]]);
  await look(page, 'i09-chains', { dark: true });
}

/** One whose issuer is nowhere: the page says which, and takes the certificate again together with it. */
async function incomplete(page, { api }) {
  openssl('req', '-x509', ...EC, '-subj', '/CN=Far Root', ...CA, '-noenc', '-keyout', 'far.key', '-out', 'far.pem');
  openssl('req', '-new', ...EC, '-subj', '/CN=Far Sub', '-noenc', '-keyout', 'sub.key', '-out', 'sub.csr');
  openssl('x509', '-req', '-in', 'sub.csr', '-CA', 'far.pem', '-CAkey', 'far.key', '-days', '500', '-extfile', 'ext', '-out', 'sub.pem');
  await begin(page, 'A certificate alone: an offline or foreign root');
  await give(page, 'import-certificate', at('sub.pem'));
  await finish(page, 'Far Sub');
  const warning = page.getByText('The issuer "CN=Far Root" of "CN=Far Sub" is not known');
  await warning.waitFor();
  await look(page, 'i12-incomplete', { dark: true });
  await page.getByRole('button', { name: 'Import the signed certificate' }).click();
  writeFileSync(at('both.pem'), readFileSync(at('sub.pem'), 'utf8') + readFileSync(at('far.pem'), 'utf8'));
  await give(page, 'import', at('both.pem'));
  await dialog(page).getByRole('button', { name: 'Import', exact: true }).click();
  await warning.waitFor({ state: 'detached' });
  const ca = await api('GET', '/cas/far-sub');
  assert.ok(ca.state === 'certificate-only' && !ca.warnings.some((one) => one.type === 'chain-incomplete'));
}

/** What goes with an authority is named before its own name is asked for. */
async function deletion(page, { api }) {
  await open(page, 'cas/paired', 'Paired');
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await dialog(page).getByText('Web Server').first().waitFor();
  assert.ok(await dialog(page).getByRole('button', { name: 'Delete' }).isDisabled(), 'the name has to be typed');
  await look(page, 'i10-delete', { dark: true });
  await field(page, /Type Paired/).fill('Paired');
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { level: 1, name: 'Certificate authorities' }).waitFor();
  assert.ok(!(await api('GET', '/cas')).items.some((one) => one.id === 'paired'));
  // One that others stand below stays, and they are named.
  await open(page, 'cas/example-root', 'Example Root');
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await dialog(page).getByRole('link', { name: 'Alone Below' }).waitFor();
  await look(page, 'i11-not-deleted');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
}

try {
  await withBrowser(async (page, context) => {
    const made = await prepare(page, context);
    await pkcs12(page, made);
    writeFileSync(at('old.pub'), openssl('x509', '-in', 'old.pem', '-noout', '-pubkey'));
    writeFileSync(at('ext'), 'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
    await pair(page, made);
    await keyAlone(page, made);
    await working(page, made);
    await external(page, made);
    await incomplete(page, made);
    await deletion(page, made);
  });
} finally {
  rmSync(work, { recursive: true });
}
console.log('imports: ok');
