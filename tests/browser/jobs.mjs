// Acts on everything that a filter finds go on in the background and are found again; long lists are not sorted by halves; the
// dashboard counts it all.
import { readFileSync } from 'node:fs';
import { assert, csr, dialog, field, look, open, prepare, url, withBrowser } from './browser.mjs';

const NAMES = ['north.example', 'east.example', 'south.example'];

/** What a filter finds is told before the act; the job's page tells how it went, also to who comes back. */
async function jobs(page, { api }) {
  await open(page, 'certificates?q=.example', 'Certificates');
  await page.getByRole('button', { name: 'Act on all' }).click();
  await dialog(page).getByLabel('What is to be done').selectOption('edit');
  await field(page, 'New owner').fill('Facilities');
  await field(page, 'Add tags').fill('site, door');
  await look(page, 'j01-act-on-all', { dark: true });
  await dialog(page).getByRole('button', { name: 'Change owner and tags' }).click();
  await page.getByRole('heading', { level: 1, name: 'Change owner and tags' }).waitFor();
  await page.locator('#main').getByText('done', { exact: true }).waitFor();
  await look(page, 'j02-done', { dark: true });
  for (const one of (await api('GET', '/certificates?owner=Facilities')).items) assert.deepEqual([...one.tags].sort(), ['door', 'site']);
  // One of them cannot be put on hold: it is on hold already.
  const [first] = (await api('GET', `/certificates?name=${NAMES[0]}`)).items;
  await api('POST', `/certificates/${first.id}/revoke`, { reason: 'certificateHold' });
  await open(page, 'certificates?tag=site', 'Certificates');
  await look(page, 'j05-certificates');
  const table = page.getByRole('group', { name: 'Certificates' });
  assert.ok(await table.evaluate((one) => one.scrollWidth <= one.clientWidth + 1), 'every column is to be seen at 1280 pixels');
  await page.getByRole('button', { name: `Act on all ${NAMES.length}` }).click();
  await dialog(page).getByLabel('What is to be done').selectOption('hold');
  await dialog(page).locator('footer button').first().click();
  await page.getByRole('heading', { level: 2, name: 'Refused' }).waitFor();
  await page.getByRole('link', { name: first.id }).waitFor();
  await look(page, 'j03-refused');
  await page.getByRole('link', { name: 'Acts on many certificates' }).click();
  await page.getByRole('link', { name: 'Put on hold' }).waitFor();
  await look(page, 'j04-jobs', { dark: true });
  assert.equal((await api('GET', '/certificates/count?state=held')).count, NAMES.length);
  // A file of them all, made by the server.
  await open(page, 'certificates?tag=site', 'Certificates');
  await page.getByRole('button', { name: 'Act on all' }).click();
  await dialog(page).getByRole('button', { name: 'Export' }).click();
  const waiting = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download' }).click();
  const text = readFileSync(await (await waiting).path(), 'utf8');
  for (const name of NAMES) assert.match(text, new RegExp(name));
}

/** A page among many is not sorted here: it would only look so. The server puts the whole list in order, by time. */
async function sorting(page, { api, template }) {
  for (let i = 0; i < 21; i++) await api('POST', `/templates/${template}/requests`, { csr: csr(`waiting-${i}.example`) });
  await page.evaluate(() => localStorage.setItem('gatehouse-rows', '20'));
  await open(page, 'requests?state=pending', 'Requests');
  await page.getByText('21 in all').waitFor();
  assert.deepEqual(await page.locator('th button').allTextContents(), ['Asked'], 'nothing else to sort by');
  assert.equal(await page.getByRole('columnheader', { name: 'Asked' }).getAttribute('aria-sort'), 'descending', 'the newest come first');
  await page.getByRole('button', { name: 'Asked' }).click();
  await page.waitForURL(/sort=createdAt/);
  await page.getByRole('link', { name: 'CN=waiting-0.example' }).waitFor();
  assert.equal(await page.getByRole('columnheader', { name: 'Asked' }).getAttribute('aria-sort'), 'ascending');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('link', { name: 'CN=waiting-20.example' }).waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1, 'the second page goes on where the first ended');
  // The order is in the address, and a saved view keeps it.
  await page.reload();
  await page.getByRole('link', { name: 'CN=waiting-0.example' }).waitFor();
  await page.getByRole('button', { name: 'Saved views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view' }).click();
  await field(page, 'Name').fill('Longest waiting');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  await open(page, 'requests', 'Requests');
  await page.getByRole('button', { name: 'Saved views' }).click();
  await page.getByRole('menuitem', { name: 'Longest waiting' }).click();
  await page.waitForURL(/state=pending&sort=createdAt/);
  await page.getByRole('link', { name: 'CN=waiting-0.example' }).waitFor();
  // Other lists are sorted by any column, as a whole.
  await open(page, 'templates', 'Templates');
  for (const [order, first] of [['ascending', 'Devices'], ['descending', 'Web Server']]) {
    await page.getByRole('button', { name: 'Name', exact: true }).click();
    await page.locator(`th[aria-sort=${order}]`).waitFor();
    assert.equal(await page.locator('tbody tr td a').first().textContent(), first);
  }
  // Certificates by their end, through all pages.
  await open(page, 'certificates?sort=-notAfter', 'Certificates');
  await page.getByRole('link', { name: NAMES[0] }).waitFor();
  const ends = (await api('GET', '/certificates?sort=-notAfter')).items;
  assert.deepEqual(await page.locator('tbody tr td:nth-child(2) a').allTextContents(), ends.map((one) => one.commonName ?? one.subject).slice(0, 20));
  await open(page, 'requests?state=pending', 'Requests');
  await page.locator('.gh-pager select').selectOption('50');
  await page.getByRole('button', { name: 'Subject' }).click();
  const shown = await page.locator('tbody tr td:nth-child(2) a').allTextContents();
  assert.equal(shown.length, 21);
  assert.deepEqual(shown, [...shown].sort((a, b) => a.localeCompare(b, undefined, { numeric: true })), 'a whole list is sorted');
}

async function dashboard(page) {
  await open(page, '', 'Dashboard');
  await page.getByRole('list', { name: 'Health' }).getByText('Database').waitFor();
  await page.getByRole('link', { name: 'Pending requests: 21' }).waitFor();
  await look(page, 'j10-dashboard', { dark: true });
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  for (const name of NAMES) await made.api('POST', `/templates/${made.template}/requests`, { csr: csr(name), issue: true });
  await jobs(page, made);
  await sorting(page, made);
  await dashboard(page);
});
console.log('jobs: ok');
