// Whole flows in the console: the first curl command, an invitation by mail, a key made here, many requests and certificates at
// once, hold and release; and what every list and form promises: numbers that lead to their list, columns, exports, refresh by
// itself, unsaved changes, the effective configuration.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, csr, dialog, field, look, open, prepare, save, url, withBrowser } from './browser.mjs';
import { checkWithOpenssl } from './files.mjs';
import { mailServer } from './mails.mjs';

const mails = await mailServer();

/** The command that the page of an authority shows is run as it stands. */
async function curl(page, { api, ca }) {
  await open(page, `cas/${ca}`, 'Example Root');
  const command = await page.getByLabel('Example', { exact: true }).last().inputValue();
  writeFileSync(join(tmpdir(), 'request.csr'), csr('curl.example'));
  const answer = JSON.parse(execFileSync('sh', ['-c', `${command} -sS --cacert "$GATEHOUSE_TLS_CERT"`], { cwd: tmpdir(), encoding: 'utf8', env: { ...process.env, TOKEN: process.env.GATEHOUSE_TOKEN } }));
  assert.ok(['pending', 'issued'].includes(answer.state), JSON.stringify(answer));
  assert.equal((await api('GET', `/requests/${answer.id}`)).sans[0], 'DNS:curl.example');
}

async function invitation(page, { api, template }) {
  await api('PUT', '/mail/settings', { server: '127.0.0.1', port: mails.port, security: 'none', from: 'pki@example.org' });
  const now = await api('GET', `/templates/${template}`);
  await api('PUT', `/templates/${template}`, { name: now.name, version: now.version, document: { ...now.document, doors: [...now.document.doors, 'preapproved'] } });
  await open(page, 'request?tab=invite', 'New request');
  await page.locator('#request-template').selectOption(template);
  await field(page, 'Subject').fill('CN=printer.example');
  await field(page, 'Alternative names').fill('DNS:printer.example');
  await field(page, 'Mail the link to').fill('not an address');
  await page.getByRole('button', { name: 'Make the link' }).click();
  await field(page, 'Mail the link to').fill('somebody@example.org');
  await look(page, 'w01-invite');
  await page.getByRole('button', { name: 'Make the link' }).click();
  await page.getByText('The link goes to somebody@example.org by mail.').waitFor();
  await look(page, 'w02-invited');
  const link = await page.getByLabel('Claim link').inputValue();
  const mail = await mails.wait('somebody@example.org', /ready for you/);
  assert.ok(mail.text.includes(link), 'the mail has the same link');
  // The old link is void as soon as there is a new one.
  await page.getByRole('link', { name: 'To the request' }).click();
  await page.getByRole('heading', { level: 1, name: /printer\.example/ }).waitFor();
  await page.locator('#comment').fill('Called them: they wait for it.');
  await page.getByRole('button', { name: 'Add the comment' }).click();
  await page.locator('div', { hasText: 'Called them: they wait for it.' }).last().waitFor();
  await page.getByRole('button', { name: 'New link' }).click();
  await field(page, 'Mail the link to').fill('other@example.org');
  await dialog(page).getByRole('button', { name: 'New link' }).click();
  await page.getByText('Shown this once').waitFor();
  await page.getByRole('button', { name: 'Close', exact: true }).last().click();
  const fresh = (await mails.wait('other@example.org', /ready for you/)).text.match(/https:\S+/)[0];
  assert.notEqual(fresh, link);
  await look(page, 'w03-request');
  const stranger = await (await page.context().browser().newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' })).newPage();
  await stranger.goto(link);
  await stranger.getByText(/no longer|not work|void|used|expired/i).first().waitFor();
  await stranger.goto('about:blank');
  await stranger.goto(fresh);
  await stranger.getByText('printer.example').first().waitFor();
  await stranger.context().close();
}

/** Key and certificate in a PKCS#12 file that OpenSSL opens. */
async function keyMadeHere(page, { template }) {
  await open(page, 'request?tab=key', 'New request');
  await page.locator('#request-template').selectOption(template);
  await field(page, 'Subject').fill('CN=laptop.example');
  await field(page, 'Alternative names').fill('DNS:laptop.example');
  await field(page, 'Password of the file').fill('four little words');
  await look(page, 'w10-key-made-here');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Create and download' }).click()]);
  assert.equal(file.suggestedFilename(), 'laptop.example.p12');
  const path = join(tmpdir(), `gatehouse-${process.pid}.p12`);
  await file.saveAs(path);
  await page.getByRole('heading', { level: 1, name: 'laptop.example' }).waitFor();
  checkWithOpenssl(path, 'four little words', false, 'laptop.example');
  await page.getByRole('list', { name: 'Chain' }).getByText('Example Root').waitFor();
  await page.getByTitle('certificate.issued').waitFor();
  await look(page, 'w11-certificate');
}

async function hold(page) {
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByLabel('Reason').selectOption('certificateHold');
  await dialog(page).getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('held').first().waitFor();
  await look(page, 'w12-held');
  await page.getByRole('button', { name: 'Release' }).click();
  await dialog(page).getByRole('button', { name: 'Release' }).click();
  await page.getByText('valid', { exact: true }).first().waitFor();
}

async function manyRequests(page, { api, template }) {
  const made = [];
  for (const name of ['a.many.example', 'b.many.example', 'c.many.example']) made.push(await api('POST', `/templates/${template}/requests`, { csr: csr(name) }));
  await open(page, 'requests?state=pending', 'Requests');
  for (const one of made) await page.getByRole('row', { name: new RegExp(one.sans[0].slice(4)) }).getByRole('checkbox').check();
  // One of them is declined meanwhile: the others are signed, and the page says what went wrong.
  await api('POST', `/requests/${made[2].id}/decline`, { reason: 'no' });
  await page.getByRole('button', { name: 'Sign (3)' }).click();
  await look(page, 'w20-sign-many');
  await dialog(page).getByRole('button', { name: 'Sign' }).click();
  await page.getByText(/1 of 3 failed/).waitFor();
  await look(page, 'w21-one-failed');
  await dialog(page).getByRole('button', { name: 'Close' }).last().click();
  for (const one of made.slice(0, 2)) assert.equal((await api('GET', `/requests/${one.id}`)).state, 'issued');
}

async function manyCertificates(page, { api }) {
  await open(page, 'certificates?q=many.example', 'Certificates');
  await page.getByText('2 in all').waitFor();
  await page.getByRole('row').nth(0).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Add tags (2)' }).click();
  await field(page, 'Tags').fill('fleet');
  await dialog(page).getByRole('button', { name: 'Add tags' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByRole('row').nth(0).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Hold (2)' }).click();
  await dialog(page).getByRole('button', { name: 'Hold' }).click();
  await page.getByRole('cell', { name: 'held' }).first().waitFor();
  await page.getByRole('row').nth(0).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Revoke (2)' }).click();
  await look(page, 'w22-revoke-many');
  assert.ok(await dialog(page).getByRole('button', { name: 'Revoke' }).isDisabled(), 'their number has to be typed');
  await field(page, /Type 2/).fill('2');
  await dialog(page).getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('cell', { name: 'revoked' }).nth(1).waitFor();
  await look(page, 'w23-revoked-many');
  assert.equal((await api('GET', '/certificates?tag=fleet&state=revoked')).items.length, 2);
}

async function lists(page, { api, template }) {
  // Columns are remembered.
  await open(page, 'certificates', 'Certificates');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menuitem', { name: 'Serial number' }).or(page.getByRole('checkbox', { name: 'Serial number' })).first().click();
  await page.keyboard.press('Escape');
  await page.getByRole('columnheader', { name: 'Serial number' }).waitFor();
  await page.reload();
  await page.getByRole('columnheader', { name: 'Serial number' }).waitFor();
  // Of the page, and of the whole list by the server.
  for (const [name, start] of [['Export this page as CSV', /^Name,/], ['Export the whole list as CSV', /serial/i]]) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).or(page.getByRole('link', { name })).click()]);
    assert.match(readFileSync(await file.path(), 'utf8'), start);
  }
}

/** Lists and dashboard come anew by themselves, within half a minute; the clock is put forward so long. */
async function byThemselves(page, { api, template }) {
  await page.clock.install();
  await open(page, 'certificates', 'Certificates');
  await page.getByRole('button', { name: 'Refresh' }).waitFor();
  await page.waitForLoadState('networkidle');
  await api('POST', `/templates/${template}/requests`, { csr: csr('later.example'), issue: true });
  await page.clock.fastForward(31000);
  await page.getByRole('link', { name: 'later.example' }).waitFor();
  await open(page, '', 'Dashboard');
  const pending = page.getByRole('link', { name: /^Pending requests: \d/ });
  const before = Number(await pending.innerText());
  await page.waitForLoadState('networkidle');
  await api('POST', `/templates/${template}/requests`, { csr: csr('waits.example') });
  await page.clock.fastForward(61000);
  await page.getByRole('link', { name: `Pending requests: ${before + 1}` }).waitFor();
  await page.clock.resume();
}

async function numbers(page, { api }) {
  const places = [[/Expiring within 30 days/, /expiresWithin=30/], [/Pending requests/, /requests\?state=pending/], [/By state: revoked/, /certificates\?state=revoked/], [/By key type: P-256/, /keyType=P-256/], [/Issued in the last seven days: /, /events\?code=certificate\.issued/]];
  for (const [name, place] of places) {
    await open(page, '', 'Dashboard');
    const link = page.getByRole('link', { name }).last();
    const shown = (await link.innerText()).trim();
    await link.click();
    await page.waitForURL(place);
    await page.getByRole('heading', { level: 1 }).waitFor();
    if (/state=revoked/.test(String(place.source))) assert.equal(Number(shown), (await api('GET', '/certificates?state=revoked')).items.length);
    if (/keyType/.test(place.source)) await page.getByText(`${shown} in all`).waitFor();
  }
  await open(page, '', 'Dashboard');
  await page.locator('.gh-number').first().waitFor();
  const bare = await page.evaluate(() => [...document.querySelectorAll('#main .gh-number, #main .gh-column, #main .gh-ring li')].filter((one) => one.closest('a[href]') === null && one.querySelector('a[href]') === null).map((one) => one.textContent));
  assert.deepEqual(bare, [], 'every number leads to its list');
  await look(page, 'w30-dashboard');
}

async function unsaved(page, { template }) {
  await open(page, `templates/${template}`, 'Devices');
  await page.getByLabel('Description').fill('changed');
  page.once('dialog', (ask) => { assert.match(ask.message(), /unsaved changes/); void ask.dismiss(); });
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await page.getByRole('heading', { level: 1, name: 'Devices' }).waitFor();
  assert.equal(await page.getByLabel('Description').inputValue(), 'changed', 'one stays, and nothing is lost');
  page.once('dialog', (ask) => void ask.accept());
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
}

async function configuration(page, { api }) {
  await open(page, 'settings?tab=configuration', 'Settings');
  await page.getByRole('cell', { name: 'Database:' }).waitFor();
  const shown = await api('GET', '/configuration');
  assert.ok(shown.items.some((one) => one.name === 'db' && one.values.length === 1 && one.source !== 'default'));
  const secret = /:\/\/[^/@]*:([^@*]+)@/.exec(process.env.GATEHOUSE_DB ?? '');
  assert.ok(secret === null || !JSON.stringify(shown).includes(secret[1]), 'no password is shown');
  await look(page, 'w40-configuration');
  await open(page, 'settings?tab=doors', 'Settings');
  await field(page, 'SCEP').uncheck();
  await save(page);
  assert.equal((await api('GET', '/settings/doors')).scep, false);
  await look(page, 'w41-ways-in');
}

/** The second language on every new page: no key is left over, no page breaks. */
async function german(page) {
  await page.evaluate(() => localStorage.setItem('gatehouse-language', 'de'));
  for (const place of ['', 'certificates', 'request?tab=invite', 'request?tab=key', 'settings?tab=configuration']) {
    await page.goto(`${url}/console/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look(page, `w80-de-${place.replace(/\W+/g, '-') || 'dashboard'}`);
  }
}

try {
  await withBrowser(async (page, context) => {
    const made = await prepare(page, context);
    await curl(page, made);
    await invitation(page, made);
    await keyMadeHere(page, made);
    await hold(page);
    await manyRequests(page, made);
    await manyCertificates(page, made);
    await lists(page, made);
    await byThemselves(page, made);
    await numbers(page, made);
    await unsaved(page, made);
    await configuration(page, made);
    await german(page);
  });
} finally {
  mails.stop();
}
console.log('flows: ok');
