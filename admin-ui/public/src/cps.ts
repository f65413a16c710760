// /cps/{ca}: what an authority says about itself, and renewal by the key of a certificate.
import { api, type Authority, type Challenge } from './api';
import { card, dropArea, facts, field, h, place, save, show, when } from './dom';
import { failed } from './main';
import { t } from './texts';

export async function cps(ca: string): Promise<void> {
  const authority = await api.authority(ca);
  place(authority.name);
  if (location.hash === '#renew') return renewal(authority);
  show(authority.name, facts([[t('Subject'), authority.subject], [t('Contact'), authority.contact], [t('Valid until'), when(authority.notAfter)]]),
    certificates(authority), statement(authority),
    card(t('Renew a certificate'), h('p', {}, t('You hold a certificate of this authority and its key? Get the next one by proving that.')),
      h('div', { class: 'row' }, h('a', { class: 'button second', href: '#renew' }, t('Renew')))));
}

function certificates(a: Authority): HTMLElement {
  const fingerprint = (a.fingerprint.match(/../g) ?? []).join(':').toUpperCase();
  return card(t('Certificate of the authority'), h('p', { class: 'quiet' }, t('Who wants to verify certificates of this authority imports this one. Compare the fingerprint with one that reached you another way.')),
    h('pre', {}, `SHA-256 ${fingerprint}`),
    h('div', { class: 'row' }, h('button', { click: () => save(`${a.id}.pem`, 'application/x-pem-file', a.certificate) }, t('Certificate (PEM)')),
      h('a', { class: 'button second', href: `/ca/${a.id}.crt` }, t('Certificate (DER)')), h('a', { class: 'button second', href: `/ca/${a.id}.p7c` }, t('With its issuers (PKCS #7)')),
      h('a', { class: 'button second', href: `/crl/${a.id}.crl` }, t('Revocation list'))));
}

function statement(a: Authority): HTMLElement {
  if (a.statement === null) return card(t('Practice statement'), h('p', {}, h('a', { href: a.statementUrl ?? '#', rel: 'noreferrer' }, a.statementUrl ?? '')));
  return card(t('Practice statement'), !a.written && h('p', { class: 'quiet' }, t('A start made from the settings of the authority.')),
    h('pre', { class: 'statement', tabindex: 0 }, a.statement), h('p', {}, h('a', { href: `/cps/${a.id}.txt` }, t('As a text file'))));
}

function renewal(a: Authority): void {
  const certificate = dropArea(t('Your present certificate'), t('The certificate alone, without its key.'), '-----BEGIN CERTIFICATE-----');
  const result = h('div', { 'aria-live': 'polite' });
  const button = h('button', { type: 'submit' }, t('Go on'));
  show(t('Renew a certificate'), h('p', { class: 'quiet' }, t('For certificates of {name}. The new one gets the same names.', { name: a.name })),
    h('form', {
      submit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        try { prove(a, certificate.value(), await api.challenge(a.id, certificate.value())); } catch (error) { result.replaceChildren(failed(error)); }
        button.disabled = false;
      },
    }, card(null, certificate.element), result, h('div', { class: 'row' }, button, h('a', { href: `/cps/${a.id}` }, t('Back')))));
}

function commands(c: Challenge): string {
  const sign = c.digest
    ? 'openssl dgst -sha256 -sign key.pem challenge.txt | openssl base64 -A'
    : 'openssl pkeyutl -sign -rawin -inkey key.pem -in challenge.txt | openssl base64 -A';
  return `printf %s '${c.challenge}' > challenge.txt\n${sign}`;
}

function prove(a: Authority, certificate: string, c: Challenge): void {
  const signature = h('textarea', { class: 'code', spellcheck: 'false', required: true });
  const csr = dropArea(t('A new certificate request (CSR)'), t('For a new key, or for the old one. Its names do not matter.'), '-----BEGIN CERTIFICATE REQUEST-----');
  const result = h('div', { 'aria-live': 'polite' });
  const button = h('button', { type: 'submit' }, t('Renew'));
  show(t('Prove that you hold the key'), card(null, facts([[t('Subject'), c.subject], [t('Names'), c.sans.join(', ')], [t('Valid until'), when(c.notAfter)], [t('Key'), c.keyType]])),
    h('form', {
      submit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        try {
          const asked = await api.renew(a.id, { certificate, challenge: c.challenge, signature: signature.value.trim(), csr: csr.value() });
          location.href = `/request/renewal#status=${asked.secret}`;
        } catch (error) { result.replaceChildren(failed(error)); button.disabled = false; }
      },
    }, card(t('1. Sign this within ten minutes'), h('p', {}, t('Where the key is, with its file in the place of key.pem:')), h('pre', { tabindex: 0 }, commands(c)),
      field(t('The signature'), signature, t('What the second command printed.'))),
    card(t('2. Ask for the new one'), h('p', {}, t('For a new key:')), h('pre', { tabindex: 0 }, 'openssl req -new -newkey rsa:3072 -noenc -keyout new.key -subj /CN=x -out new.csr'), csr.element),
    result, h('div', { class: 'row' }, button)));
}
