// By hand: every page and tab of the console, light and dark, at desktop and phone width, in both languages, and sheets
// of many to look at: GATEHOUSE_SCREENSHOTS=DIR tests/browser/run tests/browser/gallery.mjs. GATEHOUSE_PLACES: a pattern of
// those wanted; GATEHOUSE_LANGUAGES, GATEHOUSE_THEMES: "en de", "light dark" or some of these.
import { writeFileSync } from 'node:fs';
import { assert, csr, fresh, prepare, url, withBrowser } from './browser.mjs';

const shots = process.env.GATEHOUSE_SCREENSHOTS;
const wanted = new RegExp(process.env.GATEHOUSE_PLACES ?? '');
const languages = (process.env.GATEHOUSE_LANGUAGES ?? 'en de').split(' ');
const themes = (process.env.GATEHOUSE_THEMES ?? 'light dark').split(' ');

/** An instance in which every list has something. */
async function fill({ api: ask, ca, template }, request) {
  // What cannot be made leaves its page empty, and is told.
  const api = (...what) => ask(...what).catch((error) => { console.log(String(error.message).slice(0, 200)); return {}; });
  const sub = await api('POST', '/cas', { name: 'Example Issuing CA for Servers and Devices', issuer: ca, key: { type: 'EC', curve: 'P-256' } });
  const long = await api('POST', `/cas/${sub.id}/templates`, { name: 'Machines of the warehouse at the harbour', document: { doors: ['rest', 'console', 'public', 'preapproved'], approval: 'always' } });
  const certificates = [];
  for (const name of ['www.example.com', 'a-rather-long-name.second-hall.warehouse.harbour.example.com', 'mail.example.com', 'old.example.com', 'held.example.com'])
    certificates.push((await api('POST', `/templates/${template}/requests`, { csr: csr(name), issue: true })).certificate?.id);
  await api('POST', `/certificates/${certificates[3]}/revoke`, { reason: 'keyCompromise' });
  await api('POST', `/certificates/${certificates[4]}/revoke`, { reason: 'certificateHold' });
  const waiting = [];
  for (const name of ['waiting.example.com', 'declined.example.com', 'other.example.com']) waiting.push((await api('POST', `/templates/${long.id}/requests`, { csr: csr(name) })).id);
  await api('POST', `/requests/${waiting[1]}/decline`, { reason: 'Machines of the second hall are asked for by the second hall.' });
  const policy = await api('POST', '/acme/policies', { name: 'Servers of the house', document: { templates: [template], identifiers: ['example.com'] } });
  await api('POST', `/acme/policies/${policy.id}/bindings`, { name: 'cluster' });
  const issuer = await api('POST', `/cas/${ca}/timestamping`, { id: 'stamps' });
  await api('POST', `/cas/${ca}/evidence`, { digest: 'SHA-256', imprints: ['aa'.repeat(32), 'bb'.repeat(32)] });
  const olivia = await api('POST', '/users', { username: 'olivia', displayName: 'Olivia of the warehouse', roles: [{ role: 'officer', scope: 'instance', object: null }] });
  await api('POST', '/agents', { name: 'warehouse' });
  await api('POST', '/audit/streams', { id: 'siem', kind: 'log' });
  await api('PUT', '/notices', { webhooks: [{ id: 'chat', url: 'https://127.0.0.1:1/hook', shape: 'slack' }], rules: [{ id: 'ends', on: 'certificate.expiring', days: [60, 7], to: ['pki@example.com'], webhook: 'chat' }], reports: [{ id: 'month', every: 'month', format: 'csv', expiresWithinDays: 60, to: ['boss@example.com'] }] });
  await api('POST', '/keys', { name: 'Code signing', key: { type: 'EC', curve: 'P-256' } });
  await api('POST', '/identity-providers', { id: 'house', kind: 'oidc', name: 'Example ID', settings: { issuer: 'https://id.example.com', clientId: 'gatehouse' } });
  await api('POST', `/templates/${template}/credentials`, { kind: 'mac', name: 'gateway-7', validMinutes: 60, uses: 1 });
  const pem = await (await request.get(`${url}/api/v1/cas/${ca}/certificate?format=pem`, { headers: { Authorization: `Bearer ${process.env.GATEHOUSE_TOKEN}` } })).text();
  const foreign = await api('POST', '/validators', { name: 'Another company', certificate: pem });
  await api('POST', '/organisations', { name: 'Harbour authority' });
  const { count } = await api('GET', '/certificates/count?state=valid');
  const job = await api('POST', '/certificate-jobs', { action: 'edit', addTags: ['harbour'], filter: 'state=valid', count });
  const token = (await api('GET', '/tokens')).items?.[0]?.id;
  const invited = await api('POST', `/templates/${long.id}/requests/form`, { subject: { CN: 'crane.example.com' }, sans: ['DNS:crane.example.com'], preApproved: true });
  return { claim: invited.claim?.secret, job: job.id, token, sub: sub.id, long: long.id, certificates, waiting, policy: policy.id, issuer: issuer.id ?? 'stamps', olivia: olivia.user?.id ?? olivia.id, foreign: foreign.id };
}

const tabs = (place, names) => names.map((tab) => `${place}?tab=${tab}`);

const places = (made, some) => [
  '', 'cas', 'cas/new', 'cas/import', ...tabs(`cas/${made.ca}`, ['overview', 'chains', 'settings']), `cas/${some.sub}`, ...tabs('templates', ['templates', 'uses']),
  ...tabs(`templates/${made.template}`, ['general', 'names', 'usage', 'json', 'preview', 'openssl', 'versions', 'urls', 'public']),
  'certificates', 'certificates/jobs', `certificates/jobs/${some.job}`, ...some.certificates.slice(1, 2).map((id) => `certificates/${id}`), `certificates/${some.certificates[3]}`, 'requests', `requests/${some.waiting[0]}`, `requests/${some.waiting[1]}`, ...tabs('request', ['csr', 'invite', 'key']),
  ...tabs('acme', ['policies', 'accounts', 'orders', 'settings']), ...tabs(`acme/${some.policy}`, ['rules', 'bindings']),
  ...tabs('protocols/scep', ['rules', 'credentials', 'profiles', 'captures']), ...tabs('protocols/est', ['rules', 'credentials', 'anchors', 'usual']), ...tabs('protocols/cmp', ['rules', 'credentials', 'anchors', 'transactions', 'usual']),
  ...tabs('validation', ['crl', 'foreign']), ...(some.foreign === undefined ? [] : [`validation/${some.foreign}`]), ...tabs('timestamping', ['issuers', 'tokens', 'certificates', 'evidence', 'clock']), `timestamping/${made.ca}/${some.issuer}`,
  ...tabs('keys', ['mine', 'authorities', 'inventory', 'recovery', 'kek']), ...tabs('tokens', ['here', 'agents']), `tokens/keys?uri=${encodeURIComponent(some.token ?? '')}`, 'users', ...tabs(`users/${some.olivia}`, ['roles', 'sessions', 'certificates', 'tokens']), ...tabs('roles', ['roles', 'rules']), 'account',
  'organisations', 'identity-providers', 'identity-providers/house', 'events', ...tabs('audit', ['seals', 'streams']), ...tabs('notices', ['rules', 'webhooks', 'reports']), 'log', 'inspect',
  ...tabs('settings', ['instance', 'mail', 'texts', 'queue', 'public', 'doors', 'limits', 'network', 'appearance', 'configuration']), 'help', 'nowhere',
].filter((place) => wanted.test(place));

/** Pages outside the console: their own root, and no frame. */
const outside = (made, some) => [`/request/${some.long}`, `/request/${made.template}`, '/request/nothing', `/claim/${some.claim}`, '/claim/nothing', `/cps/${made.ca}`, `/cps/${made.ca}#renew`, '/start'].filter((place) => wanted.test(place));

const kinds = [['desktop', 1280, 800], ['phone', 390, 844]];

/** Which words are cut off or stick out, so that nobody has to find them by eye. */
const cut = () => [...document.querySelectorAll('#main :is(h1, h2, h3, p, td, th, dt, dd, label, button, code, a)')]
  .filter((one) => one.scrollWidth > one.clientWidth + 2 && one.clientWidth > 0 && !['auto', 'scroll'].includes(getComputedStyle(one).overflowX) && getComputedStyle(one).display !== 'inline' && one.closest('.gh-wide, pre') === null)
  .map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`).slice(0, 4);

async function shoot(page, place, language) {
  const name = place.replace(/^\//, 'outside-').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'one').replace(/[\w-]{43}|pkcs11%3A.*/, 'one').replace(/\W+/g, '-').replace(/^-$/, '') || 'dashboard';
  await page.goto(place.startsWith('/') ? `${url}${place}` : `${url}/console/${place}`);
  await page.locator('h1').first().waitFor();
  await page.waitForLoadState('networkidle', { timeout: 4000 }).catch(() => undefined); // the log never rests
  for (const [kind, width, height] of kinds) {
    await page.setViewportSize({ width, height });
    // The page scrolls inside its frame: the window grows to what is in it.
    const inside = await page.evaluate(() => Math.max(...[...document.querySelectorAll('.pf-v6-c-page, .pf-v6-c-page__main-container, #main')].map((one) => one.scrollHeight)));
    await page.setViewportSize({ width, height: Math.min(Math.max(height, inside + 120), 2600) });
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme });
      await page.evaluate((dark) => document.documentElement.classList.toggle('pf-v6-theme-dark', dark), theme === 'dark');
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${shots}/${language}-${kind}-${theme}-${name}.png`, fullPage: true });
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    const words = await page.evaluate(cut);
    if (wide > 1 || words.length > 0) console.log(`${language} ${kind} ${place}: ${wide > 1 ? `${wide} pixels too wide ` : ''}${words.join(' | ')}`);
  }
  return name;
}

/** Sheets of many: `across` by `down`, each cut to the height of a cell. */
async function sheets(page, names, group, across, down, width, height) {
  const each = across * down;
  await page.setViewportSize({ width: across * (width + 8), height: down * (height + 26) });
  for (let i = 0; i * each < names.length; i++) {
    const cells = names.slice(i * each, (i + 1) * each).map((name) => `<figure><figcaption>${name}</figcaption><div><img src="file://${shots}/${group}-${name}.png"></div></figure>`).join('');
    writeFileSync(`${shots}/sheet.html`, `<style>body{margin:0;display:flex;flex-wrap:wrap;font:13px sans-serif;background:#888}figure{margin:4px;width:${width}px;height:${height + 18}px}figcaption{height:18px;background:#ff8}figure div{height:${height}px;overflow:hidden}img{width:100%}</style>${cells}`);
    await page.goto(`file://${shots}/sheet.html`);
    await page.screenshot({ path: `${shots}/sheet-${group}-${String(i).padStart(2, '0')}.png` });
  }
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  const some = await fill(made, context.request);
  const names = new Set();
  for (const language of languages) {
    await page.evaluate((one) => localStorage.setItem('gatehouse-language', one), language);
    for (const place of [...places(made, some), ...outside(made, some)]) names.add(await shoot(page, place, language));
  }
  assert.ok(names.size > 0);
  const plain = await fresh(page);
  for (const language of languages) {
    for (const theme of themes) {
      await sheets(plain, [...names], `${language}-desktop-${theme}`, 4, 2, 460, 560);
      await sheets(plain, [...names], `${language}-phone-${theme}`, 8, 2, 230, 600);
    }
  }
});
console.log('gallery: ok');
