// The console's pages about running the instance: directories, tokens, agents, audit, notices, log, keys, settings, help.
import { readFileSync } from 'node:fs';
import { assert, dialog, field, lookTwice as look, open, prepare, save, url, withBrowser } from './browser.mjs';

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const within = (page, name) => dialog(page).getByRole('button', { name, exact: true }).last().click();
const gone = (page) => dialog(page).waitFor({ state: 'detached' });

async function directories(page, { api }) {
  await open(page, 'identity-providers', 'Identity providers');
  await press(page, 'New directory (LDAP)');
  await field(page, 'Id (small letters').fill('staff');
  await field(page, 'Name, as people see it').fill('Staff');
  await page.locator('#idp-settings-url').fill('ldaps://127.0.0.1:1');
  await field(page, 'Service account that searches').fill('cn=reader,dc=example,dc=com');
  await field(page, 'Secret: password').fill('reader password');
  await field(page, 'Where people are searched for').fill('dc=example,dc=com');
  await press(page, 'Add a row');
  await field(page, 'Group 1').fill('cn=pki,ou=groups,dc=example,dc=com');
  await field(page, 'Role 1').selectOption('auditor');
  await press(page, 'Create');
  await page.getByRole('heading', { level: 1, name: 'Staff' }).waitFor();
  const [made] = (await api('GET', '/identity-providers')).items;
  assert.deepEqual([made.id, made.kind, made.hasSecret, made.settings.roles], ['staff', 'ldap', true, [{ group: 'cn=pki,ou=groups,dc=example,dc=com', role: 'auditor', scope: 'instance' }]]);
  await field(page, 'Name, as people see it').fill('People of the house');
  await save(page);
  await page.getByRole('heading', { level: 1, name: 'People of the house' }).waitFor();
  await press(page, 'Test');
  await page.locator('#main .pf-m-danger').getByText(/127\.0\.0\.1|directory/).first().waitFor(); // nothing listens there, and it says so
  await look(page, 'o01-directory');
  await open(page, 'identity-providers', 'Identity providers');
  await look(page, 'o02-identity-providers');
  await page.goto(`${url}/console/identity-providers/new?kind=oidc`);
  await field(page, 'Client id').waitFor();
  await look(page, 'o03-new-openid');
  await page.goto(`${url}/console/identity-providers/staff`);
  await press(page, 'Delete');
  await dialog(page).getByLabel('Type staff to confirm').fill('staff');
  await within(page, 'Delete');
  await page.getByText('People log in with passwords of this instance alone.').waitFor();
}

async function tokens(page, { api }) {
  await open(page, 'tokens', 'Tokens');
  const [token] = (await api('GET', '/tokens')).items;
  await page.getByRole('button', { name: `Check: ${token.label}` }).click();
  await dialog(page).getByRole('cell', { name: 'done' }).first().waitFor();
  await look(page, 'o10-token-check');
  await page.keyboard.press('Escape');
  await look(page, 'o11-tokens');
  await page.getByRole('link', { name: `Keys in ${token.label}` }).click();
  await press(page, 'New key');
  await field(page, 'Id of the key').fill('a1');
  await field(page, 'Label').fill('signing');
  await field(page, 'Common Name').fill('signing.example');
  await look(page, 'o12-new-token-key');
  await within(page, 'Create');
  await dialog(page).getByText('BEGIN CERTIFICATE REQUEST').waitFor();
  await within(page, 'Close');
  await page.getByRole('button', { name: 'CSR: signing' }).click();
  await within(page, 'Create');
  await dialog(page).getByText('BEGIN CERTIFICATE REQUEST').waitFor();
  await within(page, 'Close');
  await look(page, 'o13-token-keys');
  await page.getByRole('button', { name: 'Delete: signing' }).click();
  await dialog(page).getByLabel('Type signing to confirm').fill('signing');
  await within(page, 'Delete');
  await page.getByRole('button', { name: 'Delete: signing' }).waitFor({ state: 'detached' });
}

async function agents(page, { api }) {
  await open(page, 'tokens?tab=agents', 'Tokens');
  await press(page, 'Invite an agent');
  await field(page, 'Name').fill('warehouse');
  await within(page, 'Create');
  await page.getByText('Shown this once').waitFor();
  assert.match(await dialog(page).getByLabel('One-time code').inputValue(), /^GH1-/);
  await look(page, 'o14-agent-code');
  await within(page, 'Close');
  await page.getByRole('button', { name: 'New one-time code: warehouse' }).click();
  await within(page, 'Create');
  await page.getByText('Shown this once').waitFor();
  await within(page, 'Close');
  await gone(page);
  await look(page, 'o15-agents');
  await page.getByRole('button', { name: 'Remove: warehouse' }).click();
  await dialog(page).getByLabel('Type warehouse to confirm').fill('warehouse');
  await within(page, 'Remove');
  await page.getByText('No machine elsewhere lends its tokens.').waitFor();
  assert.deepEqual((await api('GET', '/agents')).items, []);
}

async function audit(page, { api }) {
  await open(page, 'audit', 'Audit trail');
  await press(page, 'Verify all seals in this browser');
  await page.getByText(/\d+ seals: every signature is right/).waitFor();
  const { last } = await api('GET', '/audit/seals');
  assert.ok(last > 0);
  await page.getByRole('button', { name: `Verify the events of seal ${last}`, exact: true }).click();
  await page.getByText('valid', { exact: true }).first().waitFor();
  await look(page, 'o20-audit');
  // A trail in which one statement was changed does not pass.
  await page.route('**/api/v1/audit/seals?*', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/events=(\d)/, 'events=9$1') });
  });
  await press(page, 'Verify all seals in this browser');
  await page.getByText(/seals are wrong: 1\b/).waitFor();
  await page.unroute('**/api/v1/audit/seals?*');
  await page.getByRole('tab', { name: 'Streams' }).click();
  await press(page, 'New stream');
  await field(page, 'Id (small letters').fill('siem');
  await field(page, 'Host').fill('127.0.0.1');
  await field(page, 'Port (empty: 6514)').fill('1');
  await within(page, 'Create');
  await page.getByRole('button', { name: 'Test: siem' }).click();
  await page.locator('#main .pf-m-danger').first().waitFor(); // nothing listens there
  await page.getByRole('button', { name: 'Edit: siem' }).click();
  await field(page, 'Kind').selectOption('log');
  await within(page, 'Save');
  await gone(page);
  await page.getByRole('button', { name: 'Test: siem' }).click();
  await page.getByText('siem took a made-up event.').waitFor();
  await look(page, 'o21-streams');
  await page.getByRole('button', { name: 'Remove: siem' }).click();
  await within(page, 'Remove');
  await page.getByText('Events stay here.').waitFor();
  assert.deepEqual((await api('GET', '/audit/streams')).items, []);
}

async function events(page, { api }) {
  await api('POST', '/roles', { id: 'watchers', name: 'Watchers', permissions: ['events:read'] });
  await api('PUT', '/roles/watchers', { name: 'Who watches', permissions: ['events:read', 'cas:read'] });
  await open(page, 'events?code=role.changed', 'Events');
  await page.getByRole('button', { name: 'role.changed' }).click();
  await dialog(page).getByRole('cell', { name: 'Who watches' }).waitFor(); // after, beside before
  for (let i = 0; await dialog(page).getByText('Not sealed yet').isVisible().catch(() => false) || i === 0; i++) {
    assert.ok(i < 20, 'the event is sealed in time');
    await page.waitForTimeout(1500);
    if (await dialog(page).getByText('Not sealed yet').isVisible()) await dialog(page).getByRole('button', { name: 'Refresh' }).click();
    await page.waitForTimeout(500);
  }
  await dialog(page).getByText(/Sealed: the event is in seal \d+/).waitFor();
  await look(page, 'o22-event');
  await page.keyboard.press('Escape');
  await page.getByLabel('Outcome').selectOption('refused');
  await page.getByText('Nothing here').waitFor(); // no change of a role was refused
  await page.getByLabel('Outcome').selectOption('');
  await page.getByRole('button', { name: 'Saved views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view' }).click();
  await field(page, 'Name').fill('Roles');
  await within(page, 'Save');
  await open(page, 'events', 'Events');
  await page.getByRole('button', { name: 'Saved views' }).click();
  await page.getByRole('menuitem', { name: 'Roles' }).click();
  await page.waitForURL(/code=role\.changed/);
}

async function notices(page, { api }) {
  await open(page, 'notices?tab=webhooks', 'Notices and reports');
  await press(page, 'New webhook');
  await field(page, 'Id (small letters').fill('chat');
  await field(page, 'Address (https)').fill('https://127.0.0.1:1/hook');
  await field(page, 'Who is called').selectOption('slack');
  await field(page, 'Secret that calls are signed with').fill('sixteen octets or more');
  await within(page, 'Create');
  await gone(page);
  await page.getByRole('button', { name: 'Test: chat' }).click();
  await page.locator('#main .pf-m-danger').first().waitFor();
  await page.getByRole('tab', { name: 'Rules' }).click();
  await press(page, 'New rule');
  await field(page, 'Id (small letters').fill('ends');
  await field(page, 'Mails go to').fill('pki@example.com');
  await field(page, 'Days before the end').fill('60\n7');
  await dialog(page).getByLabel('Webhook').selectOption('chat');
  await look(page, 'o30-new-rule');
  await within(page, 'Create');
  await gone(page);
  await page.getByRole('button', { name: 'Edit: ends' }).click();
  await field(page, 'Tag').fill('shop');
  await within(page, 'Save');
  await gone(page);
  await press(page, 'New rule');
  await field(page, 'Id (small letters').fill('gone');
  await field(page, 'Tells of').selectOption('trouble');
  await dialog(page).getByLabel('Agents', { exact: true }).check();
  await field(page, 'Minutes that it lasts').fill('5');
  await field(page, 'Mails go to').fill('pki@example.com');
  await within(page, 'Create');
  await gone(page);
  await press(page, 'Look now');
  await page.getByText('The rules were looked at').waitFor();
  await look(page, 'o31-rules');
  await page.getByRole('tab', { name: 'Reports' }).click();
  await press(page, 'New report');
  await field(page, 'Id (small letters').fill('month');
  await field(page, 'Mails go to').fill('boss@example.com');
  await field(page, 'Ends within').fill('60');
  await within(page, 'Create');
  await gone(page);
  await look(page, 'o32-reports');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download: month' }).click()]);
  assert.match(saved.suggestedFilename(), /\.csv$/);
  const { version: _version, ...document } = await api('GET', '/notices');
  assert.deepEqual(document, {
    webhooks: [{ id: 'chat', url: 'https://127.0.0.1:1/hook', shape: 'slack', hasSecret: true }],
    rules: [{ id: 'ends', on: 'certificate.expiring', days: [60, 7], tag: 'shop', to: ['pki@example.com'], webhook: 'chat' },
      { id: 'gone', on: 'trouble', kinds: ['agent'], minutes: 5, to: ['pki@example.com'] }],
    reports: [{ id: 'month', every: 'month', format: 'csv', expiresWithinDays: 60, to: ['boss@example.com'] }],
  });
}

async function log(page, { api }) {
  await open(page, 'log', 'Log');
  await page.getByText(/GET \/api\/v1\/log\/levels/).first().waitFor();
  await press(page, 'Levels');
  await dialog(page).getByLabel('Room').fill('http');
  await dialog(page).getByLabel('Level', { exact: true }).selectOption('debug');
  await within(page, 'Set for this room');
  await within(page, 'Save');
  await page.getByText('Other levels are in effect').waitFor();
  assert.match((await api('GET', '/log/levels')).levels, /http=debug/);
  await page.getByLabel('Level', { exact: true }).selectOption('warn');
  await page.getByLabel('Level', { exact: true }).selectOption('info');
  await page.getByLabel('Search').last().fill('/api/v1/log/levels');
  await look(page, 'o40-log');
  await api('PUT', '/log/levels', { levels: '' });
}

async function keys(page, { api }) {
  const before = (await api('GET', '/kek')).keks;
  await open(page, 'keys?tab=kek', 'Keys');
  await press(page, 'Rotate');
  await within(page, 'Rotate');
  await page.getByText('done', { exact: true }).waitFor();
  await look(page, 'o50-kek');
  const after = (await api('GET', '/kek')).keks;
  assert.equal(after.length, before.length + 1);
  assert.ok(after.find((one) => one.active).keys > 0, 'the new key wraps what the old one did');
  await page.getByRole('tab', { name: 'Inventory' }).click();
  await page.getByRole('cell', { name: /example-root|Example Root/ }).first().waitFor();
  await look(page, 'o51-key-inventory');
}

async function protocols(page, { api, template }) {
  await open(page, 'protocols/cmp', 'CMP');
  await field(page, 'Least strength of keys').selectOption('192');
  await field(page, 'Least bits of digests').selectOption('384');
  await save(page);
  const { settings } = await api('GET', `/templates/${template}/cmp`);
  assert.deepEqual([settings.leastKeyStrength, settings.leastDigestBits], [192, 384]);
  await open(page, 'protocols/scep?tab=profiles', 'SCEP');
  await press(page, 'New profile');
  await field(page, 'Common Name (CN)').fill('alba@example.com');
  await field(page, 'Wi-Fi network').fill('house');
  await look(page, 'o60-new-profile');
  await within(page, 'Create');
  assert.match(await dialog(page).getByLabel('URL').inputValue(), /^https:/);
  await within(page, 'Close');
  await page.getByRole('button', { name: 'End: alba@example.com' }).click();
  await within(page, 'End');
  await page.getByText('revoked', { exact: true }).waitFor();
  await look(page, 'o61-profiles');
  // Anchors can be brought before any template lets EST in.
  const one = await api('GET', `/templates/${template}`);
  await api('PUT', `/templates/${template}`, { name: one.name, version: one.version, document: { ...one.document, doors: ['rest', 'console'] } });
  await open(page, 'protocols/est', 'EST');
  await press(page, 'New trust anchor');
  await within(page, 'Cancel');
  await look(page, 'o62-anchors-beforehand');
}

async function stamps(page, { api, ca }) {
  await open(page, 'timestamping?tab=evidence', 'Timestamping');
  await press(page, 'New evidence');
  await dialog(page).locator('#evidence-files').setInputFiles([{ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') }, { name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('b') }]);
  await page.waitForFunction(() => document.querySelector('#evidence-imprints').value.split('\n').length === 2);
  await within(page, 'Create');
  await gone(page);
  await press(page, 'Renew');
  await within(page, 'Renew');
  await gone(page);
  const [one] = (await api('GET', `/cas/${ca}/evidence`)).items;
  assert.deepEqual([one.imprints, one.renewals], [2, 1]);
  await press(page, 'Record');
  await dialog(page).locator('#record-file').setInputFiles({ name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('b') });
  await page.waitForFunction(() => document.querySelector('#record-imprint').value.length === 64);
  const [saved] = await Promise.all([page.waitForEvent('download'), within(page, 'Download')]);
  const record = readFileSync(await saved.path());
  await gone(page);
  await press(page, 'Verify a record');
  await dialog(page).locator('#verify-record').setInputFiles({ name: 'b.ers', mimeType: 'application/octet-stream', buffer: record });
  await dialog(page).locator('#verify-file').setInputFiles({ name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('b') });
  await page.waitForFunction(() => document.querySelector('#verify-imprint').value.length === 64);
  await within(page, 'Verify');
  await page.getByText('It holds: 2 timestamps').waitFor();
  await look(page, 'o70-evidence');
  await within(page, 'Cancel');
  await open(page, 'timestamping?tab=certificates', 'Timestamping');
  await press(page, 'New certificate from elsewhere');
  await dialog(page).locator('#tsac-name').fill('Qualified');
  await field(page, 'Common Name (CN)').fill('Stamp of the house');
  await within(page, 'Make a CSR');
  await dialog(page).getByText('BEGIN CERTIFICATE REQUEST').waitFor();
  await within(page, 'Close');
  await page.getByRole('button', { name: 'Remove: Qualified' }).click();
  await within(page, 'Remove');
  await gone(page);
  await open(page, 'timestamping?tab=clock', 'Timestamping');
  await page.getByText('Servers asked, answered, agreed').waitFor();
  await look(page, 'o71-clock');
}

async function settings(page, { api }) {
  await open(page, 'settings?tab=limits', 'Settings');
  await field(page, 'Certificates are archived').fill('400');
  await save(page);
  assert.equal((await api('GET', '/settings/retention')).archiveExpiredDays, 400);
  await press(page, 'Do what is due now');
  await page.getByText('0 certificates archived').waitFor();
  await look(page, 'o80-limits');
  await page.getByRole('tab', { name: 'Network' }).click();
  await page.getByRole('cell', { name: 'trusted-proxy' }).waitFor();
  await look(page, 'o81-network');
  await page.getByRole('tab', { name: 'Appearance' }).click();
  await field(page, 'Light or dark').selectOption('dark');
  assert.ok(await page.evaluate(() => document.documentElement.classList.contains('pf-v6-theme-dark')));
  await field(page, 'Light or dark').selectOption('system');
  await look(page, 'o82-appearance');
}

/** Help is the document of the page one comes from, and can be searched. */
async function help(page) {
  for (const [place, title] of [['audit', 'The audit trail'], ['protocols/scep', 'SCEP'], ['tokens?tab=agents', 'Agents: tokens of other machines'], ['identity-providers', 'Access'], ['', 'The web console']]) {
    await page.goto(`${url}/console/${place}`);
    await page.getByRole('link', { name: 'Help' }).click();
    await page.getByRole('heading', { level: 2, name: title, exact: true }).waitFor();
  }
  await page.locator('.gh-document img').first().waitFor();
  await look(page, 'o90-help');
  await page.getByLabel('Search the documents').fill('redirect');
  await page.getByRole('link', { name: 'Access', exact: true }).last().waitFor();
}

/** The second language on every new page: no page breaks, and none is left in English. */
async function german(page) {
  await page.evaluate(() => localStorage.setItem('gatehouse-language', 'de'));
  for (const [place, words] of [['identity-providers', 'Anmeldedienste'], ['audit', 'Prüfspur'], ['notices', 'Hinweise und Berichte'], ['log', 'Protokoll'], ['keys?tab=kek', 'Schlüssel für Schlüssel'], ['settings?tab=network', 'Lauscher']]) {
    await page.goto(`${url}/console/${place}`);
    await page.getByText(words).first().waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForTimeout(350);
    await page.screenshot({ path: `${process.env.GATEHOUSE_SCREENSHOTS}/o99-de-${place.replace(/\W+/g, '-')}-phone.png` });
    await page.setViewportSize({ width: 1280, height: 800 });
  }
  await page.evaluate(() => localStorage.removeItem('gatehouse-language'));
}

// GATEHOUSE_STEPS: some of the steps, while they are written.
const only = process.env.GATEHOUSE_STEPS || undefined;

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  for (const steps of [directories, tokens, agents, audit, events, notices, log, keys, protocols, stamps, settings, help, german].filter((one) => only === undefined || only.split(',').includes(one.name))) {
    const begun = Date.now();
    await steps(page, made);
    console.log(`${steps.name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  }
});
console.log('operation: ok');
