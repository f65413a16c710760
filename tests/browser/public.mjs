// The public pages as a stranger meets them: asking, confirming, claiming with a key made in the browser, renewing;
// and the files that come out, read by OpenSSL, Java and NSS.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, csr, fresh, look, url, withBrowser } from './browser.mjs';
import { checkWithJava, checkWithNss, checkWithOpenssl, OPENSSL, run } from './files.mjs';
import { mailServer } from './mails.mjs';

const KEYS = ['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'];
const PASSWORD = 'open \'sesame\' & "key" 12';
const work = mkdtempSync(join(tmpdir(), 'gatehouse-public.'));
const mails = await mailServer();

/** The REST API as the administrator. */
function rest(context) {
  return async (method, path, data) => {
    const answer = await context.request.fetch(`${url}/api/v1${path}`, { method, data, headers: { Authorization: `Bearer ${process.env.GATEHOUSE_TOKEN}` } });
    assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.status() === 204 ? null : answer.json();
  };
}

async function prepare(api) {
  await api('PUT', '/mail/settings', { server: '127.0.0.1', port: mails.port, security: 'none', from: 'pki@example.org' });
  const ca = await api('POST', '/cas', { name: 'Example Root', key: { type: 'EC', curve: 'P-384' } });
  const template = (name, more) => api('POST', `/cas/${ca.id}/templates`, { name, document: { doors: ['rest', 'console', 'public', 'preapproved'], description: 'Web servers of the example company.', keys: ['EC', 'RSA-2048', 'Ed25519', 'ML-DSA'], renewal: { copyNames: true, revokeOld: true }, ...more } });
  const asked = await template('Web servers', { approval: 'always' });
  await api('PUT', `/templates/${asked.id}/public`, { settings: { verifyEmail: true, note: 'For servers of the example company alone.', notify: ['approver@example.org'] } });
  const quick = await template('At once', { approval: 'none' });
  return { ca: ca.id, template: asked.id, quick: quick.id };
}

const linkIn = (mail) => /https:\/\/\S+/.exec(mail.text)[0];

async function ask(page, made) {
  await page.goto(`${url}/request/${made.template}`);
  await page.getByRole('heading', { name: 'Web servers', level: 1 }).waitFor();
  const octets = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((e) => !e.name.includes('/api/')).reduce((sum, e) => sum + e.encodedBodySize, 0));
  assert.ok(octets > 1000 && octets < 200000, `the first load takes ${octets} octets`);
  console.log(`first load of /request: ${octets} octets, compressed`);
  await look(page, 'p01-request');
  await page.getByLabel('I have a certificate request (CSR)').check();
  await look(page, 'p02-request-csr');
  await page.getByLabel('I fill in a form').check();
  await page.getByLabel('Names it is for').fill('shop.example.com');
  await page.getByLabel(/^Name \(/).fill('shop.example.com');
  await page.getByLabel('Your e-mail address').fill('alice@example.org');
  await page.getByLabel(/Your name/).fill('Alice <b>Smith</b>');
  await page.getByRole('button', { name: 'Ask for the certificate' }).click();
  await page.getByRole('heading', { name: 'Look into your mail' }).waitFor();
  await look(page, 'p03-look-into-mail');
  await page.goto(linkIn(await mails.wait('alice@example.org', /confirm/i)));
  await page.getByRole('heading', { name: 'Confirm your address' }).waitFor();
  await look(page, 'p04-confirm');
  await page.getByRole('button', { name: 'Yes, it was me' }).click();
  await page.getByText('Waiting for a decision').waitFor();
  await look(page, 'p05-waiting');
  assert.ok(linkIn(await mails.wait('alice@example.org', /arrived/)).startsWith(`${url}/request/`));
  const told = await mails.wait('approver@example.org', /waits/);
  assert.ok(told.text.includes('shop.example.com') && !told.html.includes('<b>Smith'), 'the approver is told, and text stays text');
}

async function approve(page, api) {
  const waiting = (await api('GET', '/requests?state=pending')).items;
  assert.equal(waiting.length, 1);
  await api('POST', `/requests/${waiting[0].id}/approve`, {});
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByRole('button', { name: 'Get the certificate' }).waitFor();
  await look(page, 'p06-approved');
  const mail = await mails.wait('alice@example.org', /approved/);
  assert.match(linkIn(mail), new RegExp(`^${url}/claim/[A-Za-z0-9_-]{43}$`));
  await page.getByRole('button', { name: 'Get the certificate' }).click();
  await page.getByRole('heading', { name: 'Your certificate', exact: true }).waitFor();
}

/** On the claim page: makes a key of that type and saves the file. */
async function claim(page, type, legacy, shot) {
  await page.getByLabel('Kind of key').selectOption(type);
  await page.getByLabel('Password for the file').fill(PASSWORD);
  await page.getByLabel('Password again').fill(PASSWORD);
  if (legacy) await page.getByLabel(/For old software/).check();
  if (shot) {
    await look(page, shot);
    await page.getByLabel('Password for the file').fill('schlüssel 12');
    await page.getByRole('button', { name: 'Get the certificate' }).click();
    await page.getByText('signs that some programs cannot read').waitFor();
    await page.getByLabel('Password for the file').fill(PASSWORD);
  }
  // The key never leaves the browser: what is sent is looked at.
  const sent = [];
  const listen = (request) => { if (request.method() === 'POST') sent.push(request.postData() ?? ''); };
  page.on('request', listen);
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: 120000 }), page.getByRole('button', { name: 'Get the certificate' }).click()]);
  page.off('request', listen);
  assert.ok(sent.length > 0 && sent.every((body) => !body.includes('PRIVATE KEY') && !body.includes(PASSWORD)));
  assert.match(download.suggestedFilename(), /^certificate-[0-9a-f]{8}\.p12$/i);
  const path = join(work, `${type}-${legacy}.p12`);
  await download.saveAs(path);
  await page.getByRole('heading', { name: 'Your certificate is ready' }).waitFor();
  return path;
}

async function claimed(page, path, shot, used) {
  checkWithOpenssl(path, PASSWORD, false, 'shop.example.com');
  await look(page, shot);
  await page.goto(used);
  await page.getByText('The link was used already').waitFor();
  await look(page, 'p09-used-link');
  const mail = await mails.wait('alice@example.org', /issued/);
  await page.goto(linkIn(mail));
  await page.getByText('Your certificate is ready').waitFor();
  await look(page, 'p10-issued');
}

/** Every kind of key in both kinds of file, and what other programs say about them. */
async function everyKey(page, api, made, types, where) {
  for (const type of types)
    for (const legacy of [false, true]) {
      const name = `${type.toLowerCase()}.example`;
      const invited = await api('POST', `/templates/${made.template}/requests/form`, { sans: [`DNS:${name}`], preApproved: true });
      await page.goto(`${url}/claim/${invited.claim.secret}`);
      const path = await claim(page, type, legacy, null);
      checkWithOpenssl(path, PASSWORD, legacy, name);
      const read = ['OpenSSL'];
      // Java 17 knows no ML-DSA, NSS of Debian 12 neither that nor Ed25519.
      if (!type.startsWith('ML-DSA')) { checkWithJava(path, PASSWORD); read.push('Java'); }
      if (/^(RSA|P)-/.test(type)) { checkWithNss(path, PASSWORD); read.push('NSS'); }
      console.log(`${where}: ${type}${legacy ? ', for old software' : ''}: read by ${read.join(', ')}`);
    }
}

async function ownCsr(page, api, made) {
  const invited = await api('POST', `/templates/${made.template}/requests/form`, { sans: ['DNS:own.example'], preApproved: true });
  await page.goto(`${url}/claim/${invited.claim.secret}`);
  await page.getByLabel('I have one, and a CSR').check();
  await look(page, 'p11-claim-csr');
  await page.locator('textarea').fill(csr('evil.example'));
  await page.getByRole('button', { name: 'Get the certificate' }).click();
  await page.getByRole('heading', { name: 'Your certificate is ready' }).waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /chain \(PEM\)/ }).click()]);
  const path = join(work, 'own.pem');
  await download.saveAs(path);
  const text = run(OPENSSL, ['x509', '-in', path, '-noout', '-ext', 'subjectAltName']);
  assert.ok(text.includes('own.example') && !text.includes('evil'), 'the approved names count');
}

async function declineAndCancel(page, api, made) {
  const rules = await api('GET', `/templates/${made.template}/public`);
  await api('PUT', `/templates/${made.template}/public`, { settings: { ...rules.settings, verifyEmail: false }, version: rules.version });
  for (const end of ['declined', 'cancelled']) {
    await page.goto(`${url}/request/${made.template}`);
    await page.getByLabel('I have a certificate request (CSR)').check();
    await page.locator('textarea.code').fill(csr(`${end}.example`));
    await page.getByLabel('Your e-mail address').fill('bob@example.org');
    await page.getByRole('button', { name: 'Ask for the certificate' }).click();
    await page.getByText('Waiting for a decision').waitFor();
    if (end === 'declined') {
      const [waiting] = (await api('GET', '/requests?state=pending')).items;
      await api('POST', `/requests/${waiting.id}/decline`, { reason: 'Not one of <ours>' });
      await page.getByRole('button', { name: 'Look again' }).click();
      await page.getByText('Not one of <ours>').waitFor();
      assert.ok((await mails.wait('bob@example.org', /declined/)).html.includes('Not one of &lt;ours&gt;'));
    } else {
      page.once('dialog', (dialog) => dialog.accept());
      await page.getByRole('button', { name: 'Take it back' }).click();
      await page.getByText('Cancelled', { exact: true }).waitFor();
      await mails.wait('bob@example.org', /cancelled/);
    }
    await look(page, `p12-${end}`);
  }
}

async function renewal(page, made) {
  const key = join(work, 'key.pem'), request = join(work, 'request.csr');
  run(OPENSSL, ['req', '-new', '-newkey', 'rsa:2048', '-noenc', '-keyout', key, '-out', request, '-subj', '/CN=renew.example', '-addext', 'subjectAltName=DNS:renew.example']);
  await page.goto(`${url}/request/${made.quick}`);
  await page.getByLabel('I have a certificate request (CSR)').check();
  await page.setInputFiles('input[type=file]', request);
  await page.getByRole('button', { name: 'Ask for the certificate' }).click();
  await page.getByText('Your certificate is ready').waitFor();
  const first = page.url();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /Download certificate/ }).click()]);
  const old = join(work, 'old.pem');
  await download.saveAs(old);
  await page.goto(`${url}/cps/${made.ca}`);
  await page.getByText('1. INTRODUCTION').waitFor();
  await look(page, 'p13-cps');
  await page.getByRole('link', { name: 'Renew' }).click();
  await page.getByRole('heading', { name: 'Renew a certificate', level: 1 }).waitFor();
  await look(page, 'p14-renew');
  await page.setInputFiles('input[type=file]', old);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Prove that you hold the key' }).waitFor();
  await look(page, 'p15-prove');
  // The commands of the page, as a person would run them.
  const commands = await page.locator('pre').first().innerText();
  const signature = execFileSync('sh', ['-ec', commands], { cwd: work, encoding: 'utf8' });
  await page.getByLabel('The signature').fill(signature);
  await page.setInputFiles('input[type=file]', request);
  await page.getByRole('button', { name: 'Renew' }).click();
  await page.getByText('Your certificate is ready').waitFor();
  await page.getByText('renew.example').first().waitFor();
  const [second] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /Download certificate/ }).click()]);
  const renewed = join(work, 'renewed.pem');
  await second.saveAs(renewed);
  await page.goto(first);
  await page.getByText('The certificate is revoked').waitFor();
  renewByTls(made, { old, renewed, key, request });
}

/** The other way to show the key: the client's certificate of the TLS connection. */
function renewByTls(made, files) {
  const address = `https://localhost:${process.env.GATEHOUSE_MTLS_PORT}/api/v1/public/cas/${made.ca}/renewals`;
  const body = join(work, 'renewal.json');
  writeFileSync(body, JSON.stringify({ csr: readFileSync(files.request, 'utf8') }));
  const post = (...more) => JSON.parse(run('curl', ['--silent', '--show-error', '--cacert', process.env.GATEHOUSE_TLS_CERT, '-H', 'Content-Type: application/json', '--data-binary', `@${body}`, ...more, address]));
  assert.match(post().type, /missing-field/, 'without a certificate a signature is wanted');
  assert.equal(post('--cert', files.old, '--key', files.key).status >= 400, true, 'a revoked certificate renews nothing');
  assert.equal(post('--cert', files.renewed, '--key', files.key).state, 'issued');
  assert.equal(post('--cert', files.renewed, '--key', files.key).status >= 400, true, 'it is revoked now, too');
}

async function wrongPlaces(page, api) {
  for (const [place, words] of [['request/nothing', 'There is nothing here'], ['claim/nothing', 'This link opens nothing'], ['cps/nothing', 'There is nothing here']]) {
    await page.goto(`${url}/${place}`);
    await page.getByText(words).waitFor();
    await look(page, `p16-${place.replace('/', '-')}`);
  }
  // One switch closes them all, for browsers and programs.
  const settings = await api('GET', '/public/settings');
  const closed = await api('PUT', '/public/settings', { open: false, ...(settings.version > 0 ? { version: settings.version } : {}) });
  for (const place of ['request/x', 'claim/x', 'cps/x', 'cps/x.txt', 'api/v1/public/templates/x'])
    assert.equal((await page.request.get(`${url}/${place}`)).status(), 403, place);
  await api('PUT', '/public/settings', { open: true, version: closed.version });
}

/** What the server refuses is said in the reader's language, with its own sentence below. */
async function german(page, made) {
  const visitor = await fresh(page, { locale: 'de-DE' });
  await visitor.goto(`${url}/request/${made.quick}`);
  await visitor.locator('input[type=radio][value=csr]').check();
  await visitor.locator('textarea.code').fill('nothing of that kind');
  await visitor.locator('button[type=submit]').click();
  await visitor.locator('.message.bad p[lang=en]').waitFor();
  assert.match(await visitor.locator('.message.bad').innerText(), /Das ist (kein CSR|weder PEM noch)/);
  await look(visitor, 'p18-german');
  await visitor.context().close();
}

async function dark(page, made) {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(`${url}/request/${made.template}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await look(page, 'p17-dark');
  await page.emulateMedia({ colorScheme: 'light' });
}

try {
  let made;
  await withBrowser(async (page, context) => {
    const api = rest(context);
    made = await prepare(api);
    await ask(page, made);
    await approve(page, api);
    const used = page.url();
    await claimed(page, await claim(page, 'P-256', false, 'p07-claim'), 'p08-claimed', used);
    await everyKey(page, api, made, KEYS, 'Chromium');
    await ownCsr(page, api, made);
    await declineAndCancel(page, api, made);
    await renewal(page, made);
    await dark(page, made);
    await german(page, made);
    await wrongPlaces(page, api);
  });
} finally {
  mails.stop();
  rmSync(work, { recursive: true });
}
console.log('the public pages: ok');
