// People ask for an account and are admitted; an administrator ends their sessions, and after the next log-in they are back on
// the page where they were.
import { assert, dialog, field, fresh, logIn, look, open, prepare, save, url, withBrowser } from './browser.mjs';

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

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  const stranger = await registration(page, made);
  await loggedOut(page, stranger, made);
});
console.log('people: ok');
