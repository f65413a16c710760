// A newcomer's first quarter of an hour: the one-time password, the first authority, and the commands that its page shows, run
// as they stand; then templates by their use, one that asks for values of its own, and one that comes back from a file.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, csr, dialog, field, logIn, look, open, PASSWORD, rest, url, withBrowser } from './browser.mjs';
import { OPENSSL, run } from './files.mjs';

const work = mkdtempSync(join(tmpdir(), 'gatehouse-newcomer.'));

async function firstAuthority(page) {
  await page.goto(`${url}/`);
  await logIn(page, process.env.GATEHOUSE_USER, process.env.GATEHOUSE_PASSWORD);
  await page.locator('#old').fill(process.env.GATEHOUSE_PASSWORD);
  await page.locator('#new').fill(PASSWORD);
  await page.locator('#again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByRole('link', { name: 'Create your first certificate authority' }).click();
  await page.getByText('CN=…').waitFor();
  await page.locator('#name').fill('House CA');
  await page.getByText('CN=House CA').waitFor(); // the preview follows
  await page.getByLabel('Key type').selectOption('P-256');
  await look(page, 'n01-new-authority', { dark: true });
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { level: 1, name: 'House CA' }).waitFor();
  await page.getByRole('heading', { name: 'What comes next' }).waitFor();
  await page.getByLabel(/Ask for a certificate under/).waitFor();
  await look(page, 'n02-what-next', { dark: true });
}

/** The steps are run in a shell in their order; the last one gets a certificate for the key of the second. */
async function commands(page, api) {
  const shown = async (label) => page.getByLabel(label).locator('visible=true').last().inputValue();
  const shell = (command) => execFileSync('sh', ['-c', command], { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TOKEN: process.env.GATEHOUSE_TOKEN, CURL_CA_BUNDLE: process.env.GATEHOUSE_TLS_CERT } });
  shell(await shown(/Give its certificate/));
  assert.match(run(OPENSSL, ['x509', '-noout', '-subject', '-inform', 'DER'], { input: readFileSync(join(work, 'house-ca.crt')) }), /House CA/);
  shell(await shown(/Make a key and a request/));
  const answer = JSON.parse(shell(await shown(/Ask for a certificate under/)));
  assert.equal((await api('GET', `/requests/${answer.id}`)).sans[0], 'DNS:www.example.com');
  if (answer.state === 'pending') await api('POST', `/requests/${answer.id}/sign`, {});
}

async function byUse(page, api) {
  await open(page, 'templates?tab=uses', 'Templates');
  await page.getByRole('switch', { name: 'MQTT and IoT' }).waitFor();
  await look(page, 'n10-by-use', { dark: true });
  const turn = (name) => page.locator('.pf-v6-c-switch', { has: page.getByRole('switch', { name }) }).click();
  await turn('MQTT and IoT');
  await page.getByText('MQTT and IoT: 2 templates are there.').waitFor();
  await turn('Kubernetes');
  await page.getByText(/Kubernetes: \d+ templates are there/).waitFor();
  await page.getByRole('switch', { name: 'Kubernetes', checked: true }).waitFor();
  await turn('Kubernetes');
  await page.getByText('Kubernetes: its templates are gone.').waitFor();
  const names = (await api('GET', '/cas/house-ca/templates?limit=100')).items;
  assert.ok(names.some((one) => /MQTT/i.test(one.name)) && !names.some((one) => /Kubernetes/i.test(one.name)), names.map((one) => one.name).join());
  await look(page, 'n11-one-set');
}

/** What a template asks for besides names is a form; what it makes of the values is shown before anything is sent. */
async function values(page, api) {
  const asked = await api('POST', '/cas/house-ca/templates', { name: 'Sensors', document: { doors: ['rest', 'console'], sans: { types: ['dns', 'uri'], add: ['URI:urn:sensor:{site}:{number}'] },
    variables: [{ name: 'site', description: 'Where it stands', values: ['north', 'south'], default: 'north' }, { name: 'number', description: 'Number on its label', required: true, pattern: '[0-9]{4}' }] } });
  await open(page, 'request', 'New request');
  await page.locator('#request-template').selectOption(asked.id);
  await page.locator('textarea').first().fill(csr('sensor.example'));
  assert.ok(await page.getByRole('button', { name: 'Submit' }).isDisabled(), 'the number is needed');
  await page.getByLabel(/Number on its label/).fill('0042');
  await page.getByLabel(/Where it stands/).selectOption('south');
  await page.getByText('URI:urn:sensor:south:0042').first().waitFor();
  await look(page, 'n12-values', { dark: true });
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('heading', { level: 1, name: 'sensor.example' }).waitFor();
  await page.getByText('URI:urn:sensor:south:0042').first().waitFor();
  return asked;
}

/** An export that was edited elsewhere comes back as the next version; what it changes is seen before. */
async function back(page, api, template) {
  const file = await api('GET', `/templates/${template.id}/export`);
  file.document.validity.days = 12;
  const path = join(work, 'sensors.json');
  writeFileSync(path, JSON.stringify(file));
  await open(page, 'templates', 'Templates');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.locator('#import-file').setInputFiles(path);
  await page.getByText('There is a template Sensors already').waitFor();
  await page.getByLabel('Import as').selectOption(template.id);
  await dialog(page).getByRole('row', { name: /validity\.days 397 12/ }).waitFor();
  assert.equal(await dialog(page).getByRole('row').count(), 2, 'nothing else changes');
  await look(page, 'n13-import', { dark: true });
  await dialog(page).getByRole('button', { name: 'Import' }).click();
  await page.getByText('Version 2').first().waitFor();
  assert.equal((await api('GET', `/templates/${template.id}`)).document.validity.days, 12);
  // One that is needed stays, and who needs it is said.
  await page.getByRole('button', { name: 'Delete' }).click();
  await field(page, /Type Sensors/).fill('Sensors');
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await dialog(page).locator('.pf-v6-c-alert.pf-m-danger').filter({ hasText: 'sensor.example' }).waitFor();
  await look(page, 'n14-in-use');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
}

/** Fields of the organisation's own, and the archive. */
async function inventory(page, api) {
  await open(page, 'certificates', 'Certificates');
  await page.getByRole('button', { name: 'Own fields' }).click();
  await field(page, /New field/).fill('site');
  await dialog(page).getByRole('button', { name: 'Add the field' }).click();
  await field(page, 'Label').fill('Building');
  await dialog(page).getByLabel('Kind').selectOption('list');
  await field(page, /Choices/).fill('North, South');
  await look(page, 'n20-own-fields', { dark: true });
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'sensor.example' }).click();
  await page.getByRole('button', { name: 'Owner and tags' }).click();
  await field(page, 'Building').selectOption('South');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByText('South', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Archive', exact: true }).click();
  await dialog(page).getByRole('button', { name: 'Archive' }).click();
  await page.getByRole('button', { name: 'Take out of the archive' }).waitFor();
  await look(page, 'n21-archived');
  await open(page, 'certificates?archived=only', 'Certificates');
  await page.getByRole('link', { name: 'sensor.example' }).waitFor();
  assert.ok((await api('GET', '/certificates?archived=hidden')).items.every((one) => one.commonName !== 'sensor.example'));
}

/** The public pages in the second language, which a stranger's browser asks for by itself. */
async function stranger(page, api) {
  const made = await api('POST', '/cas/house-ca/templates', { name: 'Guests', document: { doors: ['rest', 'console', 'public', 'preapproved'], approval: 'always' } });
  const german = await (await page.context().browser().newContext({ ignoreHTTPSErrors: true, locale: 'de-DE' })).newPage();
  await german.goto(`${url}/request/${made.id}`);
  await german.getByRole('button', { name: 'Das Zertifikat beantragen' }).waitFor();
  await look(german, 'n30-request-de');
  await german.getByLabel('Ich habe einen Zertifikatsantrag (CSR)').check();
  await german.locator('textarea.code').fill(csr('gast.example'));
  await german.getByRole('button', { name: 'Das Zertifikat beantragen' }).click();
  await german.getByText('Wartet auf eine Entscheidung').waitFor();
  await look(german, 'n31-waiting-de');
  const invited = await api('POST', `/templates/${made.id}/requests/form`, { sans: ['DNS:gast.example'], preApproved: true });
  await german.goto(invited.claim.url);
  await german.getByRole('heading', { level: 1, name: 'Ihr Zertifikat' }).waitFor();
  await look(german, 'n32-claim-de');
  await german.goto(`${url}/cps/house-ca`);
  await german.getByRole('heading', { name: 'Erklärung zum Zertifizierungsbetrieb' }).waitFor();
  await look(german, 'n33-cps-de');
  await german.getByRole('button', { name: 'English' }).click();
  await german.getByRole('heading', { name: 'Practice statement' }).waitFor();
  assert.equal(await german.evaluate(() => document.documentElement.lang), 'en');
  await german.context().close();
}

try {
  await withBrowser(async (page, context) => {
    const api = rest(context);
    await firstAuthority(page);
    await commands(page, api);
    await byUse(page, api);
    await back(page, api, await values(page, api));
    await stranger(page, api);
    await inventory(page, api);
  });
} finally {
  rmSync(work, { recursive: true });
}
console.log('newcomer: ok');
