// The public pages in Firefox: asking with a CSR, and claims with keys made in the browser, whose files OpenSSL opens.
import { rmSync } from 'node:fs';
import { csr, url } from './browser.mjs';
import { withFirefox } from './bidi.mjs';
import { checkWithJava, checkWithNss, checkWithOpenssl, run } from './files.mjs';

const PASSWORD = 'open \'sesame\' & "key" 12';

function api(method, path, data) {
  const args = ['--silent', '--show-error', '--fail-with-body', '--cacert', process.env.GATEHOUSE_TLS_CERT, '-X', method, '-H', `Authorization: Bearer ${process.env.GATEHOUSE_TOKEN}`];
  return JSON.parse(run('curl', [...args, '-H', 'Content-Type: application/json', '--data-binary', JSON.stringify(data), `${url}/api/v1${path}`]));
}

function prepare() {
  const ca = api('POST', '/cas', { name: 'Example Root', key: { type: 'EC', curve: 'P-384' } });
  const made = api('POST', `/cas/${ca.id}/templates`, { name: 'At once', document: { doors: ['rest', 'public', 'preapproved'], approval: 'none', keys: ['EC', 'RSA-2048', 'Ed25519', 'ML-DSA'] } });
  return made.id;
}

async function ask(page, template) {
  await page.goto(`${url}/request/${template}`);
  await page.text('At once');
  await page.fill('I have a certificate request (CSR)', '');
  await page.until('a place for the CSR', () => page.run((text) => {
    const area = document.querySelector('textarea.code');
    if (area === null) return false;
    area.value = text;
    area.dispatchEvent(new Event('input', { bubbles: true }));
    return true;
  }, csr('asked.example')));
  await page.press('Ask for the certificate');
  await page.text('Your certificate is ready');
}

async function claim(page, template, type, legacy) {
  const name = `${type.toLowerCase()}.example`;
  const invited = api('POST', `/templates/${template}/requests/form`, { sans: [`DNS:${name}`], preApproved: true });
  await page.goto(`${url}/claim/${invited.claim.secret}`);
  await page.fill('Kind of key', type);
  await page.fill('Password for the file', PASSWORD);
  await page.fill('Password again', PASSWORD);
  if (legacy) await page.fill('For old software', '');
  await page.press('Get the certificate');
  const path = await page.download(/^certificate-[0-9a-f]{8}\.p12$/i);
  await page.text('Your certificate is ready');
  checkWithOpenssl(path, PASSWORD, legacy, name);
  const read = ['OpenSSL'];
  if (type === 'P-256') {
    await page.goto(`${url}/claim/${invited.claim.secret}`);
    await page.text('The link was used already');
  }
  if (!type.startsWith('ML-DSA')) { checkWithJava(path, PASSWORD); read.push('Java'); }
  if (/^(RSA|P)-/.test(type)) { checkWithNss(path, PASSWORD); read.push('NSS'); }
  rmSync(path);
  console.log(`Firefox: ${type}${legacy ? ', for old software' : ''}: read by ${read.join(', ')}`);
}

await withFirefox(async (page, version) => {
  const template = prepare();
  await ask(page, template);
  for (const [type, legacy] of [['P-256', false], ['P-384', true], ['P-521', false], ['RSA-2048', false], ['RSA-4096', true], ['Ed25519', false], ['ML-DSA-44', false], ['ML-DSA-65', true]])
    await claim(page, template, type, legacy);
  console.log(`firefox: ok (${version})`);
});
