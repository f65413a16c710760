// A headless Chromium on the private gateway; what every browser test needs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
export const url = process.env.GATEHOUSE_URL;
const shots = process.env.GATEHOUSE_SCREENSHOTS;
const programs = ['chromium', 'chromium-browser', 'google-chrome'];

function program() {
  for (const name of programs)
    try { return execFileSync('which', [name], { encoding: 'utf8' }).trim(); } catch { /* the next */ }
  throw new Error('no Chromium is installed');
}

const launch = () => chromium.launch({ executablePath: program(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** Runs `test(page, context)`; any error of the page itself fails it, too. */
export async function withBrowser(test) {
  const browser = await launch();
  const complaints = [];
  try {
    // axe is put into the page from outside, which the page's own policy would refuse.
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', bypassCSP: false });
    const page = await context.newPage();
    page.setDefaultTimeout(30000);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // A refused log-in and the question whether there is a session are expected to fail.
      if (message.type() === 'error' && !/status of (400|401|403|404|409|422|429|503)/.test(message.text())) complaints.push(message.text());
    });
    try {
      await test(page, context);
    } catch (error) {
      await page.screenshot({ path: `${shots}/failure.png` });
      console.error(`at ${page.url()}`, complaints);
      throw error;
    }
  } finally {
    await browser.close();
  }
  assert.deepEqual(complaints, [], 'the page complained');
}

const sizes = [['desktop', 1280, 800], ['phone', 390, 844]];

async function shoot(page, name, pause, kinds = sizes) {
  for (const [kind, width, height] of kinds) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(pause);
    await page.screenshot({ path: `${shots}/${name}-${kind}.png`, fullPage: kind === 'desktop' });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    const culprits = wide <= 1 ? [] : await page.evaluate(() => [...document.querySelectorAll('body *')]
      .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 6).map((e) => `${e.tagName}.${e.className}`));
    assert.ok(wide <= 1, `${name}: the page is ${wide} pixels wider than a ${kind}: ${culprits.join(', ')}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}

async function accessible(page, name, only = {}) {
  await page.evaluate(axe);
  const findings = await page.evaluate((options) => window.axe.run(document, { resultTypes: ['violations'], ...options }), only);
  const serious = findings.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(' | ')}`), [], `${name}: axe-core`);
}

/** Screenshots at desktop and phone width, and axe-core without serious findings; `dark`: all that in the dark, too. */
export async function look(page, name, { dark = false } = {}) {
  await page.waitForLoadState('networkidle');
  await shoot(page, name, 500);
  await accessible(page, name);
  if (!dark) return;
  const turn = () => page.evaluate(() => document.documentElement.classList.toggle('pf-v6-theme-dark'));
  await turn();
  await shoot(page, `${name}-dark`, 500);
  await accessible(page, `${name} in the dark`);
  await turn();
}

/** The same in light and dark, quicker: for pages that load nothing late. What differs in the dark is contrast alone. */
export async function lookTwice(page, name) {
  const turn = (dark) => page.evaluate((on) => document.documentElement.classList.toggle('pf-v6-theme-dark', on), dark);
  await turn(true);
  await shoot(page, `${name}-dark`, 350, sizes.slice(0, 1));
  await accessible(page, `${name}, dark`, { runOnly: ['color-contrast'] });
  await turn(false);
  await shoot(page, `${name}-light`, 350);
  await accessible(page, name);
}

export function csr(name) {
  return execFileSync('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

export const PASSWORD = 'a long enough pass phrase';

/** Calls of the REST API as the first administrator, apart from the browser's session. */
export function rest(context) {
  return async (method, path, data) => {
    const answer = await context.request.fetch(`${url}/api/v1${path}`, { method, data, headers: { Authorization: `Bearer ${process.env.GATEHOUSE_TOKEN}` } });
    assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.status() === 204 ? null : answer.json();
  };
}

export async function logIn(page, username, password) {
  await page.getByLabel('User name').fill(username);
  await page.locator('#password').fill(password);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}

/** The administrator's first log-in, to the dashboard. */
export async function enter(page) {
  await page.goto(`${url}/console/`);
  await logIn(page, process.env.GATEHOUSE_USER, process.env.GATEHOUSE_PASSWORD);
  await page.locator('#old').fill(process.env.GATEHOUSE_PASSWORD);
  await page.locator('#new').fill(PASSWORD);
  await page.locator('#again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
}

/** A root and a template that every door leads to, and the administrator on the dashboard. */
export async function prepare(page, context) {
  const api = rest(context);
  const ca = await api('POST', '/cas', { name: 'Example Root', key: { type: 'EC', curve: 'P-384' } });
  const template = await api('POST', `/cas/${ca.id}/templates`, { name: 'Devices', document: { doors: ['rest', 'console', 'public', 'acme', 'scep', 'est', 'cmp'] } });
  await enter(page);
  return { api, ca: ca.id, template: template.id };
}

/** A page of somebody else's browser. */
export async function fresh(page, options = {}) {
  const other = await (await page.context().browser().newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', ...options })).newPage();
  other.setDefaultTimeout(30000);
  return other;
}

export const open = async (page, place, heading) => {
  await page.goto(`${url}/console/${place}`);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
};
export const save = async (page) => {
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved.').waitFor();
};
export const dialog = (page) => page.getByRole('dialog');
/** In the dialog when one is open, else on the page, without the frame around it. */
export const field = (page, label) => page.locator('#main, [role=dialog]').getByLabel(label).last();

export { assert };
