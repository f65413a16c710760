// How long a person waits in the console when there are many certificates: called by tests/bench/inventory --browser. From the key
// or click until the list that was asked for is shown; fails when a list takes longer than a second, or the first load of the
// console (nothing in the browser's cache) or the dashboard with all its numbers longer than two.
import { assert, enter, url, withBrowser } from './browser.mjs';

const LIMIT_MS = 1000;
const FIRST_MS = 2000;
const DASHBOARD_MS = 2000;
const ROUNDS = 3;
const slow = [];

const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];

function tell(what, times, limit) {
  console.log(`${what.padEnd(52)} ${String(median(times)).padStart(6)} ms ${String(Math.max(...times)).padStart(6)} ms`);
  if (limit !== undefined && median(times) > limit) slow.push(what);
}

/** The answer to the list's own request, and then its rows on the page. */
async function shown(page, act, address) {
  const begun = Date.now();
  const [answer] = await Promise.all([page.waitForResponse((one) => one.url().includes('/api/v1/certificates?') && address.test(one.url())), act()]);
  const first = (await answer.json()).items[0];
  await page.locator(`tbody a[href$="/certificates/${first.id}"]`).waitFor();
  return Date.now() - begun;
}

async function firstLoad(page) {
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    const context = await page.context().browser().newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' });
    const other = await context.newPage();
    const begun = Date.now();
    await other.goto(`${url}/console/`);
    await other.getByLabel('User name').waitFor();
    times.push(Date.now() - begun);
    await context.close();
  }
  tell('first load, until one can log in', times, FIRST_MS);
}

const list = `${url}/console/certificates`;
const ACTS = [ // what, where one is before, what one does, the address that is asked
  ['the list', `${url}/console/account`, (page) => page.getByRole('link', { name: 'Issued' }).click(), /certificates\?limit=50$/],
  ['next page', list, (page) => page.getByRole('button', { name: 'Next' }).click(), /cursor=/],
  ['filter: revoked', list, (page) => page.getByLabel('State', { exact: true }).selectOption('revoked'), /state=revoked/],
  ['filter: ends within 30 days', list, (page) => page.getByLabel('Expiring').selectOption('30'), /expiresWithin=30/],
  ['sort: ends first', list, (page) => page.getByRole('button', { name: 'Valid until' }).click(), /sort=notAfter/],
  ['sort: ends last', `${list}?sort=notAfter`, (page) => page.getByRole('button', { name: 'Valid until' }).click(), /sort=-notAfter/],
  ['revoked ones, sorted by end', `${list}?state=revoked`, (page) => page.getByRole('button', { name: 'Valid until' }).click(), /sort=notAfter/],
  ['search: a frequent part of names', list, (page) => search(page, 'example'), /q=example/],
  ['search: one name', list, (page) => search(page, `host-${process.env.BENCH_ROWS >> 1}.example.com`), /q=host/, 3000],
];

async function search(page, text) {
  await page.locator('#main').getByRole('textbox', { name: 'Search', exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

await withBrowser(async (page) => {
  await firstLoad(page);
  await enter(page);
  for (const [what, before, act, address, limit] of ACTS) {
    const times = [];
    for (let i = 0; i < ROUNDS; i++) {
      await page.goto(before);
      await page.locator('#main h1').waitFor();
      await page.waitForLoadState('networkidle');
      times.push(await shown(page, () => act(page), address));
    }
    tell(what, times, limit ?? LIMIT_MS);
  }
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    await page.goto(`${url}/console/account`);
    await page.locator('#main h1').waitFor();
    await page.waitForLoadState('networkidle');
    const begun = Date.now();
    await page.getByRole('link', { name: 'Dashboard' }).click();
    await page.locator('.gh-number').first().waitFor();
    await page.waitForFunction(() => {
      const main = document.querySelector('#main');
      return main.querySelector('.pf-v6-c-spinner') === null && [...main.querySelectorAll('.gh-number')].every((one) => one.textContent !== '…');
    });
    times.push(Date.now() - begun);
  }
  tell('dashboard, with all its numbers', times, DASHBOARD_MS);
  const calls = await page.evaluate(() => performance.getEntriesByType('resource').filter((one) => one.name.includes('/api/v1/'))
    .map((one) => [one.name.replace(/^.*\/api\/v1/, ''), Math.round(one.startTime), Math.round(one.duration), one.encodedBodySize]));
  for (const [what, from, took, octets] of calls.sort((a, b) => b[2] - a[2]).slice(0, 5)) console.log(`  the slowest calls: ${took} ms from ${from} ms, ${octets} octets: ${what}`);
});
assert.deepEqual(slow, [], 'over the limit');
