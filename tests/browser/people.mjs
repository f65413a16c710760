// People ask for an account and are admitted; an administrator ends their sessions, and after the next log-in they are back on
// the page where they were. A second organisation: everything can be narrowed to one of them.
import { assert, csr, dialog, field, fresh, logIn, look, open, prepare, save, url, withBrowser } from './browser.mjs';

const MINE = 'the newcomer has a pass phrase';

async function registration(page, { api }) {
  const stranger = await fresh(page);
  await stranger.goto(`${url}/console/register`);
  await stranger.getByText('Strangers cannot ask for an account here.').waitFor();
  await open(page, 'roles?tab=rules', 'Roles and log-in');
  await field(page, 'People may register themselves').check();
  await field(page, 'Idle sessions end after').fill('45');
  await save(page);
  assert.deepEqual((await api('GET', '/access')).idleMinutes, 45);
  await stranger.goto(`${url}/console/requests`);
  await stranger.getByRole('link', { name: 'No account? Ask for one' }).click();
  await look(stranger, 'p20-register', { dark: true });
  await stranger.getByLabel('User name').fill('newcomer');
  await stranger.getByLabel('Name to show').fill('New Comer');
  await stranger.locator('#register-mail').fill('new@example.org');
  await stranger.locator('#register-password').fill(MINE);
  await stranger.locator('#register-again').fill('something else');
  assert.ok(await stranger.getByRole('button', { name: 'Register' }).isDisabled(), 'both passwords are the same');
  await stranger.locator('#register-again').fill(MINE);
  await stranger.getByRole('button', { name: 'Register' }).click();
  await stranger.getByText('Thank you, newcomer.').waitFor();
  await look(stranger, 'p21-registered');
  await stranger.getByRole('link', { name: 'To the log-in' }).click();
  await logIn(stranger, 'newcomer', MINE);
  await stranger.locator('.pf-v6-c-alert').waitFor(); // not yet
  await open(page, 'users', 'Users');
  await page.getByText('One person waits to be admitted').waitFor();
  await look(page, 'p22-waiting', { dark: true });
  await page.getByRole('button', { name: 'Admit: newcomer' }).click();
  await dialog(page).locator('footer button').first().click();
  await page.getByText('One person waits to be admitted').waitFor({ state: 'detached' });
  await logIn(stranger, 'newcomer', MINE);
  await stranger.getByRole('button', { name: 'newcomer' }).waitFor();
  return stranger;
}

/** An administrator ends the sessions of somebody, who meets the log-in at once and is back on the same page afterwards. */
async function loggedOut(page, stranger, { api }) {
  const user = (await api('GET', '/users?limit=100')).items.find((one) => one.username === 'newcomer');
  await stranger.goto(`${url}/console/requests?state=pending`);
  await stranger.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
  await open(page, `users/${user.id}`, 'New Comer');
  await look(page, 'p23-user', { dark: true });
  await page.getByRole('button', { name: 'End all sessions' }).click();
  await dialog(page).getByRole('button').first().waitFor();
  await dialog(page).locator('footer button').first().click();
  await dialog(page).waitFor({ state: 'detached' });
  await stranger.getByRole('button', { name: 'Refresh' }).click();
  await stranger.getByLabel('User name').waitFor();
  await logIn(stranger, 'newcomer', MINE);
  await stranger.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();
  assert.equal(new URL(stranger.url()).search, '?state=pending', 'the same address');
  await stranger.context().close();
}

const selector = (page) => page.getByRole('banner').getByLabel('Organisation');

/** One of them is made, narrowed to, and everything made then is its own. */
async function secondOrganisation(page, { api }) {
  await open(page, 'organisations', 'Organisations');
  assert.equal(await selector(page).count(), 0, 'one organisation needs no selector');
  await page.getByRole('button', { name: 'New organisation' }).click();
  await dialog(page).getByLabel('Name').fill('Harbour');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await selector(page).waitFor();
  await page.mouse.move(5, 5); // a tooltip that fades has no contrast
  await look(page, 'p24-organisations', { dark: true });
  await page.getByRole('button', { name: 'Rename: Harbour' }).click();
  await dialog(page).getByLabel('Name').fill('The harbour');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await selector(page).getByRole('option', { name: 'The harbour' }).waitFor({ state: 'attached' });
  await selector(page).selectOption('harbour');
  await open(page, 'cas/new', 'New certificate authority');
  await field(page, 'Name').first().fill('Quay');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Quay' }).waitFor();
  const quay = (await api('GET', '/cas?organisation=harbour')).items;
  assert.deepEqual(quay.map((one) => [one.id, one.organisation]), [['quay', 'harbour']]);
}

async function narrowed(page, { api }) {
  const template = await api('POST', '/cas/quay/templates', { name: 'Cranes', document: {} });
  await api('POST', `/templates/${template.id}/requests`, { csr: csr('crane.example.com'), issue: true });
  await open(page, 'cas', 'Certificate authorities');
  await page.getByRole('link', { name: 'Quay' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Example Root' }).count(), 0, 'the other organisation\'s is not shown');
  await open(page, 'certificates', 'Certificates');
  await page.getByRole('link', { name: 'crane.example.com' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Example Root' }).count(), 0);
  const here = (await api('GET', '/certificates/count?organisation=harbour')).count;
  await page.getByText(`${here} in all`).waitFor();
  await selector(page).selectOption('default');
  await page.getByRole('link', { name: 'Example Root' }).first().waitFor();
  assert.equal(await page.getByRole('link', { name: 'crane.example.com' }).count(), 0);
  // A link says where it looks; the choice stays with the tab.
  await open(page, 'requests?scope=harbour/quay', 'Requests');
  await page.getByRole('link', { name: 'CN=crane.example.com' }).waitFor();
  assert.equal(await page.getByRole('banner').getByLabel('Certificate authority').inputValue(), 'quay');
  await open(page, 'events', 'Events');
  await page.getByText('ca.created').first().waitFor();
  assert.equal(await page.getByText('user.registered').count(), 0, 'of the other organisation');
}

/** Unsaved changes are asked about by the selector and by browser back, too. */
async function guarded(page) {
  await open(page, 'cas', 'Certificate authorities');
  await page.getByRole('link', { name: 'New certificate authority' }).or(page.getByRole('button', { name: 'New certificate authority' })).first().click();
  await field(page, 'Name').first().fill('Half done');
  const questions = [];
  const refuse = (question) => { questions.push(question.message()); void question.dismiss(); };
  page.on('dialog', refuse);
  await page.goBack();
  await page.waitForFunction(() => location.pathname.endsWith('/cas/new'));
  assert.equal(questions.length, 1, 'back asks');
  await selector(page).selectOption('default');
  assert.equal(questions.length, 2, 'the selector asks');
  assert.equal(await field(page, 'Name').first().inputValue(), 'Half done');
  page.off('dialog', refuse);
  page.once('dialog', (question) => void question.accept());
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'Certificate authorities' }).waitFor();
}

/** On a phone the heads of columns are not there; the order is chosen beside the search. */
async function sortedOnPhone(page) {
  await selector(page).selectOption('');
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, 'cas', 'Certificate authorities');
  const first = (name) => page.locator('#main tbody tr').first().getByRole('link', { name }).waitFor();
  await page.getByLabel('Sort by').selectOption({ label: 'Name ↓' });
  await page.waitForFunction(() => new URLSearchParams(location.search).get('sort') === '-name');
  await first('Quay');
  await page.getByLabel('Sort by').selectOption({ label: 'Name ↑' });
  await page.waitForFunction(() => new URLSearchParams(location.search).get('sort') === 'name');
  await first('Example Root');
  await page.mouse.move(5, 5);
  await look(page, 'p25-sorted');
  await page.setViewportSize({ width: 1280, height: 800 });
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  const stranger = await registration(page, made);
  await loggedOut(page, stranger, made);
  await secondOrganisation(page, made);
  await narrowed(page, made);
  await guarded(page);
  await sortedOnPhone(page);
});
console.log('people: ok');
