// The console's pages for roles, users, settings, mail, the public side of a template and the inventory, and the tests of
// connections: each is used, looked at and accessible.
import { generateKeyPairSync } from 'node:crypto';
import { assert, csr, dialog, field, look, open, prepare, save, url, withBrowser } from './browser.mjs';
import { mailServer } from './mails.mjs';
import { placesOutside } from './outside.mjs';

const mails = await mailServer();
const logKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

async function access(page, { api }) {
  await open(page, 'roles', 'Roles and log-in');
  await page.getByRole('button', { name: 'New role' }).click();
  await field(page, 'Short name').fill('desk');
  await dialog(page).locator('#role-name').fill('Help desk');
  await field(page, 'certificates:read').check();
  await field(page, 'requests:read').check();
  await look(page, 'a40-new-role');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'Help desk', exact: true }).waitFor();
  await look(page, 'a41-roles');
  await page.getByRole('tab', { name: 'Log-in' }).click();
  await field(page, 'Idle sessions end after').fill('45');
  await save(page);
  assert.equal((await api('GET', '/access')).idleMinutes, 45);
  await look(page, 'a42-log-in-rules');
  const user = await api('POST', '/users', { username: 'olivia', displayName: 'Olivia', roles: [] });
  await open(page, `users/${user.id}`, 'Olivia');
  await page.locator('#grant-role').selectOption('desk');
  await page.getByRole('button', { name: 'Add the role' }).click();
  await page.getByRole('button', { name: 'Remove: desk' }).waitFor();
  assert.equal((await api('GET', `/users/${user.id}`)).roles[0].role, 'desk');
  await look(page, 'a43-user');
  await page.getByRole('button', { name: 'Suspend' }).click();
  await dialog(page).getByRole('button', { name: 'Suspend' }).click();
  await page.getByText('suspended').waitFor();
  await open(page, 'account', 'My account');
  await field(page, 'Label').fill('narrow');
  await field(page, 'Example Root').check();
  await page.getByRole('button', { name: 'New API token' }).click();
  const secret = await page.locator('input[value^="gh_"]').inputValue();
  const may = async (path) => (await page.request.get(`${url}/api/v1${path}`, { headers: { Authorization: `Bearer ${secret}` } })).status();
  assert.deepEqual([await may('/cas'), await may('/settings')], [200, 403], 'the token has less than its owner');
  await look(page, 'a44-account');
}

async function settings(page) {
  await open(page, 'settings?tab=mail', 'Settings');
  await page.locator('#mail-server').fill('127.0.0.1');
  await field(page, 'Port').fill(String(mails.port));
  await field(page, 'Encryption').selectOption('none');
  await field(page, 'Sender').fill('pki@example.org');
  await save(page);
  await field(page, 'Test mail to').fill('me@example.org');
  await page.getByRole('button', { name: 'Send a test mail' }).click();
  await page.getByText('took the test mail to me@example.org').waitFor();
  await field(page, 'Port').fill('1');
  await save(page);
  await tried(page, 'Send a test mail', { bad: ['127.0.0.1'] });
  await field(page, 'Port').fill(String(mails.port));
  await save(page);
  await mails.wait('me@example.org', /./);
  await look(page, 'a50-mail');
  await open(page, 'settings?tab=texts', 'Settings');
  await page.getByRole('button', { name: 'Edit: request.submitted' }).click();
  await field(page, 'Subject line').fill('We have it: {subject}');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByLabel('Preview', { exact: true }).last().waitFor();
  await look(page, 'a51-mail-text');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'We have it: {subject}' }).waitFor();
  await look(page, 'a52-mail-texts');
  await open(page, 'settings?tab=queue', 'Settings');
  await look(page, 'a53-queue');
  await open(page, 'settings?tab=public', 'Settings');
  await field(page, 'The public pages are open').uncheck();
  await save(page);
  assert.equal((await page.request.get(`${url}/request/x`)).status(), 403, 'the switch closes them');
  await field(page, 'The public pages are open').check();
  await save(page);
  await look(page, 'a54-public');
}

const NOBODY = 'http://127.0.0.1:1';

/** What a test of places outside said: each with whether it is good and a sentence. */
async function tried(page, button, { good = [], bad = [] }) {
  await page.locator('#main, [role=dialog]').getByRole('button', { name: button, exact: true }).last().click();
  for (const sentence of good) await page.locator('.pf-v6-c-alert.pf-m-success').filter({ hasText: sentence }).last().waitFor();
  for (const sentence of bad) await page.locator('.pf-v6-c-alert.pf-m-danger').filter({ hasText: sentence }).last().waitFor();
}

/** "Test" beside every connection: it works, or says in a sentence what is wrong. */
async function connections(page, { api, ca, template }) {
  const places = await placesOutside();
  try {
    await open(page, `cas/${ca}`, 'Example Root');
    await page.route('**/ca/*.crt', (route) => route.fulfill({ status: 503, body: '' }));
    for (const [n, says] of [[0, 'Works'], [1, 'HTTP 503'], [2, 'Works'], [3, 'Works']]) {
      await page.locator('#main').getByRole('button', { name: 'Test', exact: true }).nth(n).click();
      await page.locator('#main').getByRole('status').nth(n).getByText(says, { exact: true }).waitFor();
    }
    await page.unroute('**/ca/*.crt');

    const one = await api('GET', `/cas/${ca}`);
    await api('PATCH', `/cas/${ca}`, { settings: { ...one.settings, crl: { ...one.settings?.crl, publish: [`${places.http}/lists/`, `${NOBODY}/lists/`] } }, version: one.version });
    await open(page, `cas/${ca}?tab=settings`, 'Example Root');
    await tried(page, 'Test the places that lists go to', { good: [`${places.http}/lists/`], bad: [`${NOBODY}/lists/`] });
    assert.ok(places.taken.every((path) => path.startsWith('/lists/')), 'lists go where they are to go');
    await look(page, 'a90-publishing');

    const { name, document, version } = await api('GET', `/templates/${template}`);
    await api('PUT', `/templates/${template}`, { name, version, document: { ...document, caa: { check: true, identities: ['ca.example'], resolvers: [places.resolver] }, hook: { url: 'https://127.0.0.1:1/ask' },
      ct: { minimum: [{ days: 36525, scts: 1 }], logs: [`${places.http}/log/`, `${NOBODY}/log/`].map((address, n) => ({ name: `Log ${n + 1}`, url: address, key: logKey() })) } } });
    await open(page, `templates/${template}?tab=usage`, name);
    await tried(page, 'Test the transparency logs', { good: ['takes chains to 2 roots'], bad: [NOBODY] });
    await field(page, 'DNS name to look at').fill('www.example.com');
    await tried(page, 'Test', { good: ['192.0.2.7; CAA records: 0'] });
    await field(page, 'DNS name to look at').fill('broken.example.com');
    await tried(page, 'Test', { bad: ['broken.example.com'] });
    await look(page, 'a91-template');
    await page.getByRole('tab', { name: 'General' }).click();
    await tried(page, 'Test the service that is asked', { bad: ['https://127.0.0.1:1/ask'] });

    const policy = await api('POST', '/acme/policies', { name: 'Servers', document: { templates: [template], dns: { resolvers: [places.resolver] } } });
    await open(page, `acme/${policy.id}?tab=test`, 'Servers');
    for (const [text, outcome] of [['www.example.com', { good: ['From here: www.example.com'] }], ['broken.example.com', { bad: ['From here: broken.example.com'] }]]) {
      await field(page, 'DNS name to look at').fill(text);
      await tried(page, 'Test', outcome);
    }

    await open(page, 'protocols/scep', 'SCEP');
    await tried(page, 'Test', {});
    await page.getByText('This template asks no service.').waitFor();

    for (const [where, outcome] of [[`${process.env.GATEHOUSE_HTTP_URL}/tsa/${ca}`, { good: ['a timestamp of'] }], [NOBODY, { bad: [NOBODY] }]]) {
      const { version: seen, ...settings } = await api('GET', '/audit');
      await api('PUT', '/audit', { tsaMinutes: settings.tsaMinutes, tsaUrl: where, ...(seen > 0 ? { version: seen } : {}) });
      await open(page, 'audit?tab=settings', 'Audit trail');
      await tried(page, 'Test the timestamping authority', outcome);
    }

    await page.route('**/api/v1/configuration', async (route) => {
      const answer = await (await route.fetch()).json();
      await route.fulfill({ json: { ...answer, items: answer.items.map((option) => (option.name === 'ntp-server' ? { ...option, values: [places.timeServer, '127.0.0.1:1'] } : option)) } });
    });
    await open(page, 'timestamping?tab=clock', 'Timestamping');
    await tried(page, 'Test the time servers', { good: ['us from this clock'], bad: ['127.0.0.1:1'] });
    await page.unroute('**/api/v1/configuration');

    await open(page, 'settings?tab=network', 'Settings');
    for (const [where, outcome] of [[`${places.http}/`, { good: ['HTTP 200 from 127.0.0.1'] }], [`${NOBODY}/`, { bad: [NOBODY] }]]) {
      await field(page, 'Address to fetch').fill(where);
      await tried(page, 'Test', outcome);
    }
    await look(page, 'a92-network');
    await ownCertificate(page, { api, ca, places });
  } finally {
    places.stop();
  }
}

/** The instance's own certificate: an ACME server tried before anything is saved, then an authority of the instance. */
async function ownCertificate(page, { api, ca, places }) {
  await open(page, 'settings?tab=tls', 'Settings');
  await field(page, 'Source').selectOption('acme');
  for (const [where, outcome] of [[`${places.http}/directory`, { good: ['an ACME directory'] }], [`${places.http}/`, { bad: ['is no ACME directory'] }], [NOBODY, { bad: [NOBODY] }]]) {
    await field(page, 'Directory of the ACME server').fill(where);
    await tried(page, 'Test the ACME server', outcome);
  }
  await look(page, 'a93-own-certificate');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('#main .pf-m-danger').filter({ hasText: 'https URL' }).waitFor();
  await page.getByRole('button', { name: 'Discard changes' }).click();
  await page.getByText('https URL').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Make a CSR' }).click();
  await field(page, 'Host names and addresses').fill('pki.example.org\n192.0.2.9');
  await dialog(page).getByRole('button', { name: 'Make a CSR' }).click();
  await dialog(page).getByText('BEGIN CERTIFICATE REQUEST').waitFor();
  await dialog(page).getByRole('button', { name: 'Close', exact: true }).last().click();
  await field(page, 'Source').selectOption('authority');
  await field(page, 'Certificate authority').selectOption(ca);
  await field(page, 'Valid for (days)').fill('47');
  await save(page);
  await page.getByText('CN=Example Root').waitFor();
  const { settings, certificate } = await api('GET', '/tls');
  assert.deepEqual([settings.source, settings.ca, settings.days, certificate.issuer], ['authority', ca, 47, 'CN=Example Root']);
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByText(certificate.serial).waitFor({ state: 'detached' });
  assert.notEqual((await api('GET', '/tls')).certificate.serial, certificate.serial);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await dialog(page).locator('textarea#tls-certificate').fill('nothing of that kind');
  await dialog(page).getByRole('button', { name: 'Import', exact: true }).click();
  await dialog(page).locator('.pf-m-danger').waitFor();
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
}

async function templatePage(page, { api, template }) {
  await open(page, `templates/${template}`, 'Devices');
  await page.getByRole('tab', { name: 'Public page' }).click();
  await field(page, 'Text above the form').fill('For devices of the house.');
  await save(page);
  assert.equal((await api('GET', `/templates/${template}/public`)).settings.note, 'For devices of the house.');
  await look(page, 'a60-template-public');
}

async function inventory(page, { api, template }) {
  const made = await api('POST', `/templates/${template}/requests`, { csr: csr('one.example'), issue: true });
  await open(page, `certificates/${made.certificate.id}`, 'one.example');
  await page.getByRole('button', { name: 'Owner and tags' }).click();
  await field(page, 'Owner').fill('olivia');
  await field(page, 'Tags').fill('web shop');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByText('shop', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Renew' }).click();
  await look(page, 'a70-renew');
  await dialog(page).getByRole('button', { name: 'Renew' }).click();
  await page.getByText('Renews').waitFor();
  assert.ok(!page.url().endsWith(made.certificate.id), 'the new one is shown');
  await look(page, 'a71-renewed');
  await open(page, 'certificates?tag=shop', 'Certificates');
  await page.getByRole('link', { name: 'one.example' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'one.example' }).count(), 1);
  await page.getByRole('button', { name: 'Save this view' }).click();
  await field(page, 'Name').fill('Shop');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Delete this view' }).waitFor();
  await look(page, 'a72-view');
  await open(page, 'certificates', 'Certificates');
  await field(page, 'Saved views').selectOption({ label: 'Shop' });
  await page.waitForURL(/tag=shop/);
}

/** The second language on every new page: no key is left over, no page breaks. */
async function german(page) {
  await page.evaluate(() => localStorage.setItem('gatehouse-language', 'de'));
  for (const place of ['users', 'roles?tab=rules', 'settings?tab=mail', 'settings?tab=public']) {
    await page.goto(`${url}/console/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look(page, `a80-de-${place.replace(/\W+/g, '-')}`);
  }
  await page.getByLabel('Die öffentlichen Seiten sind offen').waitFor();
}

try {
  await withBrowser(async (page, context) => {
    const made = await prepare(page, context);
    await access(page, made);
    await settings(page);
    await templatePage(page, made);
    await inventory(page, made);
    await connections(page, made);
    await german(page);
  });
} finally {
  mails.stop();
}
console.log('access: ok');
