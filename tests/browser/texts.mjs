// A template as the text of OpenSSL's configuration: edited with its faults by line and its changes before it is saved, guarded,
// dropped from a file, rendered by the values of its variables, imported onto a template that is there, and exported.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { assert, dialog, look, open, prepare, withBrowser } from './browser.mjs';

const place = join(tmpdir(), `gatehouse-${process.pid}.cnf`);
const box = (page) => page.locator('#openssl-text');
const save = (page) => page.getByRole('button', { name: 'Save', exact: true });
const REQ = `[req]
distinguished_name = d
default_bits = 2048
default_days = 90
[d]
O = Organisation
O_default = Example
CN = Your name
CN_min = 1
[v3_ext]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = @names
[names]
DNS.1 = a.example
DNS.2 = b.example
`;

async function edit(page, { api, template }) {
  await open(page, `templates/${template}?tab=openssl`, 'Devices');
  await box(page).filter({ hasText: /keyUsage/ }).waitFor();
  await page.getByText('Nothing changes.').waitFor();
  const written = await box(page).inputValue();
  const wrong = `${written}nsComment = by hand\nkeyUsage = everything\n`;
  await box(page).fill(wrong);
  const line = written.split('\n').length;
  await page.getByRole('button', { name: `Line ${line}`, exact: true }).waitFor();
  await page.getByText(`says keyUsage a second time`).waitFor();
  assert.ok(await save(page).isDisabled(), 'what has faults is not saved');
  await look(page, 'o01-faults', { dark: true });
  await page.getByRole('button', { name: `Line ${line}`, exact: true }).click();
  assert.equal(await box(page).evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), 'nsComment = by hand');
  // The forms wait for the text, and leaving asks.
  await box(page).fill(written.replace('default_days = 397', 'default_days = 41'));
  await page.getByRole('row', { name: /validity\.days 397 41/ }).waitFor();
  assert.equal(await page.getByRole('row').count(), 2, 'nothing else changes');
  await page.getByRole('tab', { name: 'General' }).click();
  await page.getByText('The OpenSSL text has changes').waitFor();
  assert.ok(await page.locator('#days').isDisabled());
  let asked = 0;
  page.once('dialog', (question) => { asked++; void question.dismiss(); });
  await page.locator('nav').getByRole('link', { name: 'Dashboard' }).click();
  assert.equal(asked, 1, 'unsaved changes are asked about');
  await page.getByRole('tab', { name: 'OpenSSL' }).click();
  await save(page).click();
  await page.getByText(/· Version 2/).waitFor();
  await page.getByText('Nothing changes.').waitFor();
  assert.match(await box(page).inputValue(), /default_days = 41/);
  assert.equal((await api('GET', `/templates/${template}`)).document.validity.days, 41);
  // And the text for the forms.
  await page.getByRole('tab', { name: 'General' }).click();
  await page.locator('#days').fill('42');
  await page.getByRole('tab', { name: 'OpenSSL' }).click();
  await page.getByText('Other tabs have changes').waitFor();
  assert.ok(await box(page).evaluate((area) => area.readOnly));
  await page.getByRole('tab', { name: 'General' }).click();
  await page.getByRole('button', { name: 'Discard changes' }).click();
}

/** A configuration that was written for openssl req: what it would ask for is a form, and the form renders the certificate. */
async function drop(page, { api, template }) {
  await page.getByRole('tab', { name: 'OpenSSL' }).click();
  await box(page).filter({ hasText: /keyUsage/ }).waitFor();
  const file = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'req.cnf', { type: 'text/plain' }));
    return data;
  }, REQ);
  await box(page).dispatchEvent('drop', { dataTransfer: file });
  await page.getByText('default_bits is left out').waitFor();
  await page.getByRole('row', { name: /extendedKeyUsage/ }).waitFor();
  await page.getByLabel(/Your name/).fill('Some Body');
  await page.locator('pre').filter({ hasText: /Subject:.*Some Body/ }).filter({ hasText: 'O=Example' }).filter({ hasText: 'DNS:b.example' }).waitFor();
  await look(page, 'o02-dropped', { dark: true });
  await save(page).click();
  await page.getByText(/· Version 3/).waitFor();
  const { document } = await api('GET', `/templates/${template}`);
  assert.deepEqual(document.variables.map((one) => [one.name, one.required, one.default]), [['O', false, 'Example'], ['CN', true, '']]);
  assert.ok(document.doors.includes('scep'), 'who may use it is not in such a text');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
  await saved.saveAs(place);
  assert.match(readFileSync(place, 'utf8'), /^# A template of Gatehouse: Devices, version 3\n#gatehouse: /);
}

/** The same by the dialog: onto one that is there, with what changes; or as a new one. */
async function importText(page, { api, template }) {
  writeFileSync(place, readFileSync(place, 'utf8').replace('default_days = 90', 'default_days = 91'));
  for (const [over, days] of [[template, 91], ['', 91]]) {
    await open(page, 'templates', 'Templates');
    await page.getByRole('button', { name: 'Import' }).click();
    await page.locator('#import-file').setInputFiles(place);
    await page.getByLabel('Import as').selectOption(over);
    if (over === '') await page.locator('#import-name').fill('From a text');
    else await dialog(page).getByRole('row', { name: /validity\.days 90 91/ }).waitFor();
    if (over !== '') await look(page, 'o03-import');
    await dialog(page).getByRole('button', { name: 'Import' }).click();
    await dialog(page).waitFor({ state: 'detached' });
    await page.getByRole('heading', { level: 1, name: over === '' ? 'From a text' : 'Devices' }).waitFor();
    const made = await api('GET', `/templates/${page.url().split('/').pop().split('?')[0]}`);
    assert.deepEqual([made.document.validity.days, made.version], [days, over === '' ? 1 : 4]);
  }
}

try {
  await withBrowser(async (page, context) => {
    const made = await prepare(page, context);
    await edit(page, made);
    await drop(page, made);
    await importText(page, made);
  });
} finally {
  rmSync(place, { force: true });
}
console.log('texts: ok');
