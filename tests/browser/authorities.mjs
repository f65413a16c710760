// Authorities, their keys and their templates in the console: renewal and re-key, chains, settings, own keys as requests and
// files, previews with findings, versions, copies.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { assert, dialog, field, look, open, prepare, save, url, withBrowser } from './browser.mjs';
import { OPENSSL, run } from './files.mjs';

const act = async (page, name) => {
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name, exact: true }).click();
};

async function download(page, button, name) {
  const [file] = await Promise.all([page.waitForEvent('download'), button.click()]);
  const path = join(tmpdir(), `gatehouse-${process.pid}-${name}`);
  await file.saveAs(path);
  return path;
}

async function renew(page, { api, ca }) {
  await open(page, `cas/${ca}`, 'Example Root');
  const before = await api('GET', `/cas/${ca}`);
  await act(page, 'Renew');
  await field(page, 'Validity in days').fill('4000');
  await look(page, 'k01-renew');
  await dialog(page).getByRole('button', { name: 'Renew' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  const renewed = await api('GET', `/cas/${ca}`);
  assert.notEqual(renewed.certificate.serial, before.certificate.serial);
  assert.equal(renewed.certificate.subjectKeyId, before.certificate.subjectKeyId, 'the same key');
  await act(page, 'Re-key');
  await dialog(page).getByLabel('Key', { exact: true }).selectOption('ML-DSA-65');
  await look(page, 'k02-rekey');
  await dialog(page).getByRole('button', { name: 'Re-key' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  const rekeyed = await api('GET', `/cas/${ca}`);
  assert.deepEqual([rekeyed.generation, rekeyed.keyType], [2, 'ML-DSA-65']);
  await act(page, 'Renew');
  await field(page, 'Signed by').selectOption('*');
  await dialog(page).getByRole('button', { name: 'Renew' }).click();
  await page.getByText('A renewal waits for its certificate').waitFor();
  await page.getByRole('button', { name: 'Import the signed certificate' }).waitFor();
  await look(page, 'k03-renewal-waits');
}

async function chains(page, { api, ca }) {
  await api('POST', '/cas', { name: 'Other Root', key: { type: 'EC', curve: 'P-256' } });
  await open(page, `cas/${ca}?tab=chains`, 'Example Root');
  await page.getByRole('button', { name: 'Cross-certificate' }).click();
  await dialog(page).getByRole('button', { name: 'Cross-certificate' }).click();
  await page.getByRole('cell', { name: 'CN=Other Root' }).waitFor();
  await look(page, 'k04-chains');
  await page.getByRole('row', { name: /CN=Other Root/ }).getByRole('button', { name: /Give this one out/ }).click();
  await dialog(page).getByRole('button', { name: 'Give this one out' }).click();
  await page.getByRole('row', { name: /CN=Other Root/ }).getByText('active').waitFor();
  assert.equal((await api('GET', `/cas/${ca}`)).certificate.issuer, 'CN=Other Root');
}

async function settings(page, { api, ca }) {
  await open(page, `cas/${ca}?tab=settings`, 'Example Root');
  await field(page, 'Contact').fill('pki@example.org');
  await field(page, 'A list is valid for').fill('100');
  await save(page);
  const now = (await api('GET', `/cas/${ca}`)).settings;
  assert.deepEqual([now.contact, now.crl.validityHours], ['pki@example.org', 100]);
  await look(page, 'k05-settings');
  await act(page, 'Rename');
  await field(page, 'Name').fill('Example Root G2');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'Example Root G2' }).waitFor();
  await act(page, 'Trust store for Java');
  await look(page, 'k06-trust-store');
  const path = await download(page, dialog(page).getByRole('button', { name: 'Download' }), 'trust.p12');
  assert.match(run('keytool', ['-list', '-keystore', path, '-storepass', 'changeit']), /trustedCertEntry/);
}

async function keys(page, { api }) {
  await open(page, 'keys', 'Keys');
  await look(page, 'k10-no-keys');
  await page.getByRole('button', { name: 'New key' }).click();
  await field(page, 'Name').fill('signing');
  await look(page, 'k11-new-key');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: 'CSR: signing' }).click();
  await field(page, 'Alternative names').fill('DNS:signing.example');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  const text = await dialog(page).locator('pre').innerText();
  await look(page, 'k12-csr');
  assert.match(run(OPENSSL, ['req', '-noout', '-text', '-verify'], { input: text }), /DNS:signing\.example/);
  await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  await page.getByRole('button', { name: 'Self-signed certificate: signing' }).click();
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  assert.match(run(OPENSSL, ['x509', '-noout', '-subject', '-issuer'], { input: await dialog(page).locator('pre').innerText() }), /subject=CN\s*=\s*signing/);
  await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  await page.getByRole('button', { name: 'Download: signing' }).click();
  await field(page, 'Format').selectOption('pkcs8');
  await field(page, 'Password of the file').fill('four little words');
  await look(page, 'k13-export');
  const path = await download(page, dialog(page).getByRole('button', { name: 'Download' }), 'key.p8');
  const made = run(OPENSSL, ['pkey', '-in', path, '-passin', 'pass:four little words', '-pubout']);
  assert.equal(made.replace(/\s/g, ''), (await api('GET', '/keys').then((list) => list.items[0] ?? { publicKey: made })).publicKey.replace(/\s/g, ''));
  await look(page, 'k14-keys');
  await open(page, 'keys?tab=authorities', 'Keys');
  await page.getByRole('cell', { name: 'ML-DSA-65' }).waitFor();
  await look(page, 'k15-authority-keys');
  await open(page, 'keys?tab=recovery', 'Keys');
  await look(page, 'k16-recovery');
  await open(page, 'keys', 'Keys');
  await page.getByRole('button', { name: 'Delete: signing' }).click();
  await field(page, /Type signing/).fill('signing');
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('You have no key here yet.').waitFor();
}

async function templates(page, { api, template }) {
  await open(page, `templates/${template}?tab=preview`, 'Devices');
  await page.getByRole('heading', { name: 'Lint findings' }).waitFor();
  await field(page, 'Alternative names').fill('DNS:preview.example');
  await page.locator('pre').filter({ hasText: 'DNS:preview.example' }).waitFor();
  await page.locator('[aria-label="Lint findings"] li, .pf-v6-c-alert').first().waitFor();
  await look(page, 'k20-preview');
  await page.getByRole('tab', { name: 'General' }).click();
  await page.locator('#days').fill('33');
  await page.getByRole('tab', { name: 'Preview' }).click();
  await page.locator('pre').filter({ hasText: 'Not After' }).waitFor();
  const end = (await page.locator('pre').innerText()).match(/Not After\s*: (.*)/)[1];
  assert.ok(Math.abs(Date.parse(end) - Date.now() - 33 * 86400000) < 2 * 86400000, `the draft counts before it is saved: ${end}`);
  await page.getByRole('tab', { name: 'General' }).click();
  await page.locator('#endless').check();
  await page.getByRole('tab', { name: 'Preview' }).click();
  const longer = page.locator('pre').filter({ hasText: 'Not After', hasNotText: end });
  await longer.waitFor();
  const last = (await longer.innerText()).match(/Not After\s*: (.*)/)[1];
  assert.ok(Date.parse(last) - Date.now() > 300 * 86400000, `as far as its authority goes: ${last}`);
  await page.getByRole('tab', { name: 'General' }).click();
  await page.locator('#endless').uncheck();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Version 2').waitFor();
  await page.getByRole('tab', { name: 'OpenSSL' }).click();
  await page.locator('#openssl-text').filter({ hasText: /keyUsage/ }).waitFor(); // more of it: texts.mjs
  await page.getByRole('tab', { name: 'Versions' }).click();
  await page.getByRole('cell', { name: '33' }).waitFor();
  await look(page, 'k22-versions');
  const path = await download(page, page.getByRole('link', { name: 'Export JSON' }), 'template.json');
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).format, 'gatehouse-template');
  await page.getByRole('button', { name: 'Clone' }).click();
  await look(page, 'k23-clone');
  await dialog(page).getByRole('button', { name: 'Clone' }).click();
  await page.getByRole('heading', { level: 1, name: 'Copy of Devices' }).waitFor();
  await open(page, 'templates', 'Templates');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.locator('#import-file').setInputFiles(path);
  await page.locator('#import-text').filter({ hasText: 'gatehouse-template' }).waitFor();
  await page.locator('#import-text').fill((await page.locator('#import-text').inputValue()).replace('"Devices"', '"Imported"'));
  await look(page, 'k24-import');
  await dialog(page).getByRole('button', { name: 'Import' }).click();
  await page.getByRole('heading', { level: 1, name: 'Imported' }).waitFor();
  assert.equal((await page.request.get(`${url}/api/v1/templates/${page.url().split('/').pop()}`)).status(), 200);
}

/** The second language on every new page: no key is left over, no page breaks. */
async function german(page, { ca, template }) {
  await page.evaluate(() => localStorage.setItem('gatehouse-language', 'de'));
  for (const place of [`cas/${ca}`, `cas/${ca}?tab=chains`, `cas/${ca}?tab=settings`, 'keys', 'keys?tab=recovery', `templates/${template}?tab=preview`, 'account']) {
    await page.goto(`${url}/console/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look(page, `k80-de-${place.replace(/\W+/g, '-')}`);
  }
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  await templates(page, made);
  await renew(page, made);
  await chains(page, made);
  await settings(page, made);
  await keys(page, made);
  await german(page, made);
});
console.log('authorities: ok');
