// A request is looked at, changed, moved and signed in the console: asked and made side by side, validity in both ways, comments
// and history, two people under four eyes, many at once with a result for each.
import { assert, csr, dialog, field, logIn, look, open, prepare, url, withBrowser } from './browser.mjs';

const inDays = (days) => new Date(Date.now() + days * 86400000);
const local = (date) => new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
const row = (page, name) => page.getByRole('table', { name: 'Asked for, and what it becomes' }).getByRole('row', { name });

/** As one pastes: what is asked for beside what becomes of it, every difference marked. */
async function pasted(page, { template }) {
  await open(page, 'request', 'New request');
  await page.locator('#request-template').selectOption(template);
  await page.locator('textarea').first().fill(csr('pasted.example'));
  await row(page, /Extended Key Usage/).getByText('added').waitFor();
  await page.getByLabel('Days', { exact: true }).check();
  await page.locator('#request-number').fill('33');
  await row(page, /Validity/).getByText(inDays(33).toISOString().slice(0, 10)).waitFor();
  await look(page, 's01-pasted', { dark: true });
  await page.locator('textarea').first().fill('-----BEGIN NONSENSE-----');
  await page.locator('section .pf-v6-c-alert').first().waitFor();
  await look(page, 's02-nonsense');
}

const ask = (api, template, name) => api('POST', `/templates/${template}/requests`, { csr: csr(name) });

async function signed(page, { api, template }) {
  const one = await ask(api, template, 'sign.example');
  await open(page, `requests/${one.id}`, /sign\.example/);
  await page.getByTitle('request.submitted').waitFor();
  await page.locator('#comment').fill('The name is to be another one.');
  await page.getByRole('button', { name: 'Add the comment' }).click();
  await page.getByTitle('request.commented').waitFor();
  await look(page, 's03-request', { dark: true });
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await field(page, 'Subject').fill('CN=other.example,O=Example');
  await field(page, 'Alternative names').fill('DNS:other.example\nIP:192.0.2.7');
  await row(dialog(page), /Subject/).getByText('O=Example').waitFor();
  await row(dialog(page), /Subject/).first().getByText('changed').waitFor();
  await dialog(page).getByLabel('From and to').check();
  await dialog(page).getByLabel('Start', { exact: true }).fill(local(inDays(1)));
  await dialog(page).getByLabel('End', { exact: true }).fill(local(inDays(11)));
  await row(dialog(page), /Validity/).getByText(inDays(11).toISOString().slice(0, 10)).waitFor();
  await look(page, 's04-sign', { dark: true });
  await dialog(page).getByRole('button', { name: 'Sign', exact: true }).click();
  await dialog(page).waitFor({ state: 'detached' });
  const { certificate } = await api('GET', `/requests/${one.id}`);
  assert.deepEqual([certificate.commonName, certificate.sans, certificate.notBefore.slice(0, 10), certificate.notAfter.slice(0, 10)],
    ['other.example', ['DNS:other.example', 'IP:192.0.2.7'], inDays(1).toISOString().slice(0, 10), inDays(11).toISOString().slice(0, 10)]);
  // What the template forbids is told before and after one tries.
  const two = await ask(api, template, 'long.example');
  await open(page, `requests/${two.id}`, /long\.example/);
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await dialog(page).getByLabel('Days', { exact: true }).check();
  await dialog(page).getByLabel('Validity (days)').fill('9999');
  await dialog(page).locator('section .pf-v6-c-alert').waitFor();
  await dialog(page).getByRole('button', { name: 'Sign', exact: true }).click();
  await dialog(page).locator('form .pf-v6-c-alert').waitFor();
  await look(page, 's05-refused');
  assert.equal((await api('GET', `/requests/${two.id}`)).state, 'pending');
  return two;
}

async function moved(page, { api }, request) {
  await open(page, `requests/${request.id}`, /long\.example/);
  await page.getByRole('button', { name: 'Move', exact: true }).click();
  await dialog(page).getByLabel('Template').selectOption({ label: 'Two people' });
  await row(dialog(page), /Validity/).waitFor();
  await look(page, 's06-move');
  await dialog(page).getByRole('button', { name: 'Move', exact: true }).click();
  await dialog(page).waitFor({ state: 'detached' });
  assert.equal((await api('GET', `/requests/${request.id}`)).template, 'example-root-two-people');
}

async function fourEyes(page, context, { api }, request) {
  await open(page, `requests/${request.id}`, /long\.example/);
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await dialog(page).getByRole('button', { name: 'Sign', exact: true }).click();
  await page.getByText('You have approved it.').waitFor();
  await look(page, 's07-four-eyes', { dark: true });
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await dialog(page).getByRole('button', { name: 'Sign', exact: true }).click();
  await dialog(page).locator('form .pf-v6-c-alert').waitFor(); // the same person is not a second one
  const second = await api('POST', '/users', { username: 'sandra', roles: [{ role: 'officer', scope: 'instance', object: null }] });
  const other = await (await context.browser().newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' })).newPage();
  await other.goto(`${url}/console/requests/${request.id}`);
  await logIn(other, 'sandra', second.oneTimePassword);
  await other.locator('#old').fill(second.oneTimePassword);
  await other.locator('#new').fill('another long pass phrase');
  await other.locator('#again').fill('another long pass phrase');
  await other.getByRole('button', { name: 'Change the password' }).click();
  // The log-in leads to where one wanted to go.
  await other.getByText('One person has approved it.').waitFor();
  await other.getByRole('button', { name: 'Sign', exact: true }).click();
  await other.getByRole('dialog').getByRole('button', { name: 'Sign', exact: true }).click();
  await other.getByRole('link', { name: 'Show' }).waitFor();
  await other.context().close();
  assert.equal((await api('GET', `/requests/${request.id}`)).state, 'issued');
}

/** Each of many has its own result; one that was withdrawn meanwhile says so. */
async function many(page, { api, template }) {
  const made = [];
  for (const name of ['one.bulk.example', 'two.bulk.example', 'three.bulk.example']) made.push(await ask(api, template, name));
  await open(page, 'requests?state=pending', 'Requests');
  for (const one of made) await page.getByRole('row', { name: new RegExp(one.sans[0].slice(4)) }).getByRole('checkbox').check();
  await api('POST', `/requests/${made[2].id}/cancel`, {});
  await page.getByRole('button', { name: 'Decline (3)' }).click();
  await field(page, 'Reason').fill('Not this month');
  await dialog(page).getByRole('button', { name: 'Decline' }).click();
  await dialog(page).getByText('1 of 3 failed').waitFor();
  await look(page, 's08-results', { dark: true });
  await dialog(page).getByRole('row', { name: /three\.bulk\.example failure/ }).waitFor();
  await dialog(page).getByRole('button', { name: 'Close' }).last().click();
  assert.deepEqual((await Promise.all(made.map((one) => api('GET', `/requests/${one.id}`)))).map((one) => one.state), ['declined', 'declined', 'cancelled']);
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  await made.api('POST', `/cas/${made.ca}/templates`, { name: 'Two people', document: { doors: ['rest', 'console'], approval: 'four-eyes' } });
  await pasted(page, made);
  const request = await signed(page, made);
  await moved(page, made, request);
  await fourEyes(page, context, made, request);
  await many(page, made);
});
console.log('signing: ok');
