// The console's pages for roles, users, settings, mail, the public side of a template and the inventory: each is used,
// looked at and accessible.
import { assert, csr, dialog, field, look, open, prepare, save, url, withBrowser } from './browser.mjs';
import { mailServer } from './mails.mjs';

const mails = await mailServer();

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
    await german(page);
  });
} finally {
  mails.stop();
}
console.log('access: ok');
