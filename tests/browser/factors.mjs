// Second factors in the console: an authenticator app by its QR code, a security key, a passkey, recovery codes, a role that
// demands one, and the administrator who helps whoever has lost them.
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, dialog, field, logIn, look, open, PASSWORD, prepare, save, url, withBrowser } from './browser.mjs';

const USER = process.env.GATEHOUSE_USER;

/** RFC 6238 with SHA-1, as authenticator apps do it; `ahead`: so many steps of 30 seconds. */
function totp(secret, ahead = 0) {
  let bits = '';
  for (const letter of secret.replace(/=+$/, '')) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + ahead));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

async function readQrCode(page) {
  const picture = join(tmpdir(), `gatehouse-qr-${process.pid}.png`);
  writeFileSync(picture, await page.getByRole('img', { name: 'QR code for the app' }).screenshot());
  return execFileSync('zbarimg', ['--quiet', '--raw', picture], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

async function leave(page) {
  await page.getByRole('button', { name: USER, exact: true }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByLabel('User name').waitFor();
}

const dashboard = (page) => page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();

/** Answers the secret and the recovery codes. */
async function setUpApp(page) {
  await page.getByRole('button', { name: 'Authenticator app' }).click();
  await field(page, 'Label').fill('Phone');
  await dialog(page).getByRole('button', { name: 'Next' }).click();
  const secret = await dialog(page).locator('.pf-v6-c-clipboard-copy input').inputValue();
  await look(page, 'f01-qr-code');
  const address = new URL(await readQrCode(page));
  assert.deepEqual([address.protocol, address.host, address.searchParams.get('secret')], ['otpauth:', 'totp', secret]);
  await dialog(page).locator('#factor-code').fill('000000');
  await dialog(page).getByRole('button', { name: 'Confirm' }).click();
  await dialog(page).getByText(/code/i).filter({ hasText: /wrong|not/i }).first().waitFor();
  await dialog(page).locator('#factor-code').fill(totp(secret));
  await dialog(page).getByRole('button', { name: 'Confirm' }).click();
  const codes = (await dialog(page).locator('pre').innerText()).trim().split('\n');
  await look(page, 'f02-recovery-codes');
  assert.equal(codes.length, 10);
  await dialog(page).getByRole('button', { name: 'I have kept them' }).click();
  return { secret, codes };
}

async function app(page) {
  await open(page, 'account', 'My account');
  const made = await setUpApp(page);
  await page.getByText('Recovery codes that are left: 10').waitFor();
  await look(page, 'f03-account');
  await leave(page);
  await page.goto(`${url}/console/events`);
  await logIn(page, USER, PASSWORD);
  await page.getByLabel('Code of the authenticator app').waitFor();
  await look(page, 'f04-second-step');
  await page.locator('#second-code').fill('123');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('heading', { name: /code/i }).first().waitFor();
  await page.locator('#second-code').fill(totp(made.secret, 1));
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Events' }).waitFor();
  await leave(page);
  await logIn(page, USER, PASSWORD);
  await page.getByRole('button', { name: 'Use a recovery code' }).click();
  await page.getByLabel('Recovery code').fill(made.codes[3]);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Events' }).waitFor();
  await open(page, 'account', 'My account');
  await page.getByText('Recovery codes that are left: 9').waitFor();
}

/** A security key that Chromium makes believe is plugged in. */
async function key(page, context) {
  const devices = await context.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await page.getByRole('button', { name: 'Security key or passkey' }).click();
  await field(page, 'Label').fill('Blue key');
  await look(page, 'f05-security-key');
  await dialog(page).getByRole('button', { name: 'Next' }).click();
  await page.getByRole('cell', { name: 'Blue key' }).waitFor();
  await look(page, 'f06-factors');
  await leave(page);
  await logIn(page, USER, PASSWORD);
  await look(page, 'f07-key-or-code');
  await page.getByRole('button', { name: 'Use the security key' }).click();
  await page.getByRole('heading', { level: 1, name: 'My account' }).waitFor();
  await leave(page);
  await page.getByRole('button', { name: 'With a passkey' }).click();
  await page.getByRole('heading', { level: 1, name: 'My account' }).waitFor();
  const session = await (await page.request.get(`${url}/api/v1/session`)).json();
  assert.deepEqual([session.user.username, session.secondFactor], [USER, true], 'a passkey that verifies the person is both factors');
}

/** A role demands a second factor of somebody who has none, and an administrator helps when it is lost. */
async function demanded(page, { api }) {
  const made = await api('POST', '/users', { username: 'olivia', displayName: 'Olivia', roles: [{ role: 'officer', scope: 'instance', object: null }] });
  await open(page, 'roles?tab=rules', 'Roles and log-in');
  await field(page, 'officer').check();
  await save(page);
  assert.deepEqual((await api('GET', '/access')).secondFactorRoles, ['officer']);
  const own = await page.context().browser().newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' });
  const hers = await own.newPage();
  await hers.goto(`${url}/console/`);
  await logIn(hers, 'olivia', made.oneTimePassword);
  await hers.locator('#old').fill(made.oneTimePassword);
  await hers.locator('#new').fill(PASSWORD);
  await hers.locator('#again').fill(PASSWORD);
  await hers.getByRole('button', { name: 'Change the password' }).click();
  await hers.getByRole('heading', { name: 'Set up a second factor' }).waitFor();
  await look(hers, 'f08-demanded');
  assert.equal((await hers.request.get(`${url}/api/v1/cas`)).status(), 403, 'nothing else is open');
  await setUpApp(hers);
  await dashboard(hers);
  await open(page, `users/${made.id}`, 'Olivia');
  await page.getByRole('button', { name: 'Remove second factors' }).click();
  await look(page, 'f09-help');
  await dialog(page).getByRole('button', { name: 'Remove second factors' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  await hers.goto(`${url}/console/`);
  await hers.getByLabel('User name').waitFor();
  await own.close();
}

await withBrowser(async (page, context) => {
  const made = await prepare(page, context);
  await app(page);
  await key(page, context);
  await demanded(page, made);
});
console.log('factors: ok');
