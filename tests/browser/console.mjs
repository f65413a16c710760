// An administrator's first hour in the console: log in, first authority, first certificate, and a look at every page.
import { assert, csr, fresh, look, url, withBrowser } from './browser.mjs';

const PASSWORD = 'a long enough pass phrase';

async function logIn(page) {
  await page.goto(`${url}/`);
  assert.ok(page.url().startsWith(`${url}/console/`), 'the root leads to the console');
  await page.getByLabel('User name').waitFor();
  const first = await page.evaluate(() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const ready = Math.max(...all.filter((entry) => /\/(console|assets)\//.test(entry.name)).map((entry) => entry.responseEnd));
    return { octets: all.reduce((sum, entry) => sum + entry.encodedBodySize, 0), milliseconds: Math.round(ready) };
  });
  console.log(`first load: ${first.octets} octets, everything there after ${first.milliseconds} ms`);
  assert.ok(first.octets < 370000, `the first load takes ${first.octets} octets`);
  await look(page, '01-log-in');
  await page.getByLabel('User name').fill(process.env.GATEHOUSE_USER);
  await page.locator('#password').fill('not the password');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('User name or password is wrong').waitFor();
  await page.locator('#password').fill(process.env.GATEHOUSE_PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByLabel('Old password').waitFor();
  await look(page, '02-first-password');
  await page.locator('#old').fill(process.env.GATEHOUSE_PASSWORD);
  await page.locator('#new').fill(PASSWORD);
  await page.locator('#again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByRole('heading', { name: 'What comes next' }).waitFor();
  await look(page, '03-empty-dashboard');
}

async function firstAuthority(page) {
  await page.getByRole('link', { name: 'Create your first certificate authority' }).click();
  await page.locator('#name').fill('Example Root');
  await page.getByLabel('Key type').selectOption('P-384');
  await page.getByText('CN=Example Root').waitFor();
  await look(page, '04-new-authority');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: 'Example Root', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Test' }).first().click();
  await page.getByText('Works').first().waitFor();
  await look(page, '05-authority');
}

async function firstCertificate(page) {
  await page.getByRole('link', { name: 'New request' }).click();
  await page.locator('textarea').first().fill(csr('www.example.com'));
  await page.getByRole('heading', { name: 'What the template makes of it' }).waitFor();
  await look(page, '06-new-request');
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('heading', { name: 'www.example.com', level: 1 }).waitFor();
  await look(page, '07-certificate');
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByLabel('Reason').selectOption('keyCompromise');
  const confirm = page.getByRole('dialog').getByRole('button', { name: 'Revoke' });
  assert.ok(await confirm.isDisabled(), 'the name has to be typed');
  await page.getByLabel(/Type .* to confirm/).fill('www.example.com');
  await look(page, '08-revoke');
  await confirm.click();
  await page.getByText('The key is compromised').first().waitFor();
}

async function decide(page) {
  await page.goto(`${url}/console/request`);
  await page.locator('textarea').first().fill(csr('pending.example.com'));
  await page.getByLabel('Sign at once').uncheck();
  await page.getByRole('button', { name: 'Submit' }).click();
  await page.getByRole('heading', { level: 1, name: /pending\.example\.com/ }).waitFor();
  await look(page, '09-request');
  await page.goto(`${url}/console/requests?state=pending`);
  await page.getByRole('checkbox').nth(1).check();
  await look(page, '10-requests');
  await page.getByRole('button', { name: /Sign \(1\)/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign' }).click();
  await page.getByText('All 1 are done').waitFor();
  await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  await page.getByRole('heading', { name: 'Nothing here' }).waitFor();
}

async function templates(page) {
  await page.goto(`${url}/console/templates`);
  await page.getByRole('link', { name: 'Web Server' }).click();
  await look(page, '11-template');
  await page.getByLabel('Description').fill('Web servers of the example');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Version 2').waitFor();
  for (const tab of ['Names', 'Usage', 'JSON', 'Preview', 'Service URLs']) {
    await page.getByRole('tab', { name: tab }).click();
    await look(page, `12-template-${tab.toLowerCase().replace(' ', '-')}`);
  }
}

async function people(page) {
  await page.goto(`${url}/console/users`);
  await page.getByRole('button', { name: 'New user' }).click();
  await page.getByLabel('User name').fill('olivia');
  await page.getByLabel('Role').selectOption('officer');
  await look(page, '13-new-user');
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
  await page.getByText('Shown this once').waitFor();
  await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  await page.getByText('olivia', { exact: true }).waitFor();
}

async function tokens(page) {
  await page.goto(`${url}/console/account`);
  await page.getByLabel('Label').fill('ci');
  await page.getByRole('button', { name: 'New API token' }).click();
  const secret = await page.locator('input[value^="gh_"]').inputValue();
  const answer = await page.request.get(`${url}/api/v1/cas`, { headers: { Authorization: `Bearer ${secret}` } });
  assert.equal(answer.status(), 200, 'the new token works');
}

async function everyPage(page) {
  const places = ['', 'cas', 'templates', 'certificates', 'requests', 'tokens', 'users', 'account', 'events', 'inspect', 'settings', 'no/such/page'];
  for (const place of places) {
    await page.goto(`${url}/console/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look(page, `20-${place.replaceAll('/', '-') || 'dashboard'}`);
  }
  await page.getByRole('button', { name: 'Light or dark' }).click();
  await page.goto(`${url}/console/`);
  await look(page, '30-dark');
}

async function search(page) {
  await page.goto(`${url}/console/`);
  const box = page.getByRole('banner').getByRole('textbox');
  await box.fill('www.example.com');
  await box.press('Enter');
  await page.getByRole('link', { name: 'www.example.com' }).waitFor();
  assert.match(page.url(), /certificates\?q=www\.example\.com/);
  await page.goBack();
  assert.equal(new URL(page.url()).pathname, '/console/');
}

/** Tab until the element has the focus; what has it must be seen to have it. */
async function tabTo(page, target, most = 80) {
  const reached = () => target.evaluate((one) => one === document.activeElement).catch(() => false);
  for (let i = 0; i < most && !(await reached()); i++) await page.keyboard.press('Tab');
  assert.ok(await reached(), `by Tab alone: ${target}`);
}

/** That the focus shows: the place looks otherwise than without it. */
async function visible(page, target) {
  const place = await target.boundingBox();
  const clip = { x: Math.max(0, place.x - 6), y: Math.max(0, place.y - 6), width: place.width + 12, height: place.height + 12 };
  await page.waitForTimeout(250);
  const focused = await page.screenshot({ clip, caret: 'hide' });
  await target.evaluate((one) => one.blur());
  await page.waitForTimeout(250);
  assert.ok(!focused.equals(await page.screenshot({ clip, caret: 'hide' })), `the focus shows: ${target}`);
  await target.focus();
}

/** Without a mouse: log-in, skip link, one authority alone, navigation, a row, a menu, a dialog, and back to where one was. */
async function keyboard(page) {
  const other = await fresh(page);
  await other.goto(`${url}/console/`);
  await other.getByLabel('User name').waitFor();
  await tabTo(other, other.getByLabel('User name'));
  await other.keyboard.type(process.env.GATEHOUSE_USER);
  await tabTo(other, other.locator('#password'));
  await other.keyboard.type(PASSWORD);
  await other.keyboard.press('Enter');
  await other.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
  await other.goto(`${url}/console/certificates`);
  await other.getByRole('heading', { level: 1, name: 'Certificates' }).waitFor();
  const skip = other.getByRole('link', { name: 'Skip to content' });
  await other.keyboard.press('Tab');
  assert.ok(await skip.evaluate((one) => one === document.activeElement), 'the first stop skips to the content');
  await visible(other, skip);
  await other.keyboard.press('Enter');
  await other.waitForFunction(() => document.activeElement?.closest('#main') !== null || document.activeElement?.id === 'main');
  await other.keyboard.press('Tab');
  assert.ok(await other.evaluate(() => document.activeElement.closest('#main') !== null), 'what comes next is in the content');
  await other.goto(`${url}/console/`);
  await other.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
  const scope = other.getByRole('banner').getByLabel('Certificate authority');
  await tabTo(other, scope);
  await visible(other, scope);
  await other.keyboard.type('Example');
  assert.equal(await scope.inputValue(), 'example-root');
  const place = other.getByRole('navigation').getByRole('link', { name: 'Issued' });
  await tabTo(other, place);
  await visible(other, place);
  await other.keyboard.press('Enter');
  await other.getByRole('heading', { level: 1, name: 'Certificates' }).waitFor();
  const row = other.getByRole('link', { name: 'pending.example.com' });
  await row.waitFor();
  const views = other.getByRole('button', { name: 'Columns' });
  await tabTo(other, views);
  await visible(other, views);
  await other.keyboard.press('Enter');
  await other.waitForFunction(() => document.activeElement?.closest('[role=menu]') !== null);
  await other.keyboard.press('ArrowDown');
  await other.keyboard.press('Escape');
  await other.getByRole('menu').waitFor({ state: 'detached' });
  assert.ok(await views.evaluate((one) => one === document.activeElement), 'a closed menu gives the focus back');
  await tabTo(other, row);
  await visible(other, row);
  await other.keyboard.press('Enter');
  await other.getByRole('heading', { level: 1, name: 'pending.example.com' }).waitFor();
  const revoke = other.getByRole('button', { name: 'Revoke' });
  await tabTo(other, revoke);
  await visible(other, revoke);
  await other.keyboard.press('Enter');
  await other.getByRole('dialog').waitFor();
  const inside = () => other.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null);
  await other.waitForFunction(() => document.activeElement?.closest('[role=dialog]') !== null);
  for (let i = 0; i < 12; i++) { await other.keyboard.press('Tab'); assert.ok(await inside(), 'the focus stays in the dialog'); }
  await other.keyboard.press('Escape');
  await other.getByRole('dialog').waitFor({ state: 'detached' });
  await other.waitForFunction((one) => one === document.activeElement, await revoke.elementHandle());
  await other.context().close();
}

await withBrowser(async (page, context) => {
  await logIn(page);
  await firstAuthority(page);
  await firstCertificate(page);
  await decide(page);
  await templates(page);
  await people(page);
  await tokens(page);
  await search(page);
  await keyboard(page);
  await everyPage(page);
  // An expired session shows the log-in in place and leads back to the same page.
  await page.goto(`${url}/console/events`);
  await page.getByRole('button', { name: 'Refresh' }).waitFor();
  await page.waitForLoadState('networkidle');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.getByLabel('User name').fill(process.env.GATEHOUSE_USER);
  await page.locator('#password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Events', level: 1 }).waitFor();
});
console.log('the console: every page works, looks its part and is accessible');
