// /claim/{secret}: the key is made here, the certificate comes from the server, the file is saved here.
import { api, type ClaimOffer, type Claimed } from './api';
import { allowed, KEY_TYPES, makeCsr, makeKey } from './crypto/keys';
import { fromPem, pem } from './crypto/der';
import { card, choices, chosen, dropArea, facts, field, h, message, place, save, show, when } from './dom';
import { failed } from './main';
import { Problem } from './api';
import { t } from './texts';

export async function claim(secret: string): Promise<void> {
  let offer: ClaimOffer;
  try {
    offer = await api.claimShow(secret);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
    show(t('This link opens nothing'), message('bad', t('The link was used already, is over, or is not complete')),
      card(null, h('p', {}, t('A link works once and for some days. If you copied it, look whether all of it is there. Otherwise ask whoever sent it for a new one.'))));
    return;
  }
  place(offer.caName);
  choose(secret, offer);
}

function who(offer: ClaimOffer): HTMLElement {
  return card(t('What you get'), facts([[t('Subject'), offer.subject], [t('Names'), offer.sans.join(', ')], [t('Kind'), offer.templateName], [t('Signed by'), offer.caName], [t('Link works until'), when(offer.expiresAt)]]));
}

function choose(secret: string, offer: ClaimOffer): void {
  const types = KEY_TYPES.filter((k) => allowed(k.type, offer.keys));
  const select = h('select', {}, ...types.map((k) => h('option', { value: k.type }, k.label)));
  const password = h('input', { type: 'password', autocomplete: 'new-password', minlength: 8, required: true });
  const again = h('input', { type: 'password', autocomplete: 'new-password', required: true });
  const format = choices('format', t('Kind of file'), [
    { value: 'modern', label: t('Modern (AES-256)'), about: t('Take this one, unless something refuses it.') },
    { value: 'legacy', label: t('For old software (triple DES)'), about: t('Windows before 2018, old Java and macOS. Weak: use a long password, delete the file after import.') },
  ], 'modern');
  const byKey = h('div', {}, field(t('Kind of key'), select, t('Made by your browser on this device. It is never sent.')),
    field(t('Password for the file'), password, t('At least 8 characters, without umlauts and accents. You need it to import the file; nobody can tell you later.')), field(t('Password again'), again), format);
  const csr = dropArea(t('Certificate request (CSR)'), t('Its names do not matter: the approved ones count.'), '-----BEGIN CERTIFICATE REQUEST-----');
  const way = choices('way', t('Where is the key?'), [
    { value: 'make', label: t('Make one here'), about: t('You get a file with key and certificate (.p12), to import.') },
    { value: 'csr', label: t('I have one, and a CSR'), about: t('You get the certificate.') },
  ], types.length ? 'make' : 'csr');
  const turn = () => { const own = chosen(way) === 'csr'; csr.element.hidden = !own; byKey.hidden = own; for (const i of [password, again]) i.disabled = own; };
  way.addEventListener('change', turn);
  const result = h('div', { 'aria-live': 'polite' });
  const button = h('button', { type: 'submit' }, t('Get the certificate'));
  const submit = (event: Event) => {
    event.preventDefault();
    if (!csr.element.hidden) void deliver(secret, csr.value(), button, result);
    else if (password.value.length < 8) result.replaceChildren(message('bad', t('The password has fewer than 8 characters')));
    // Java and others open no file whose password has more than ASCII.
    else if (!/^[\x20-\x7e]+$/.test(password.value)) result.replaceChildren(message('bad', t('The password has signs that some programs cannot read'), t('Take letters without accents, digits and signs of an English keyboard.')));
    else if (password.value !== again.value) result.replaceChildren(message('bad', t('The two passwords differ')));
    else void make(secret, select.value, password.value, chosen(format) === 'legacy', button, result);
  };
  turn();
  show(t('Your certificate'), who(offer), h('form', { submit }, card(t('The key'), types.length > 0 && way, byKey, h('div', { class: 'field' }, csr.element)), result, h('div', { class: 'row' }, button)));
}

async function deliver(secret: string, csr: string, button: HTMLButtonElement, result: HTMLElement): Promise<void> {
  button.disabled = true;
  try {
    const claimed = await api.claim(secret, csr);
    done(claimed, null);
  } catch (error) {
    result.replaceChildren(failed(error));
    button.disabled = false;
  }
}

function steps(result: HTMLElement): (at: number, text: string) => Promise<void> {
  const bar = h('progress', { max: 4, value: 0, 'aria-label': t('Progress') }), text = h('p', { class: 'quiet' });
  result.replaceChildren(text, bar);
  return (at, words) => {
    bar.value = at;
    text.textContent = words;
    return new Promise((resolve) => setTimeout(resolve, 30));
  };
}

/** Once the server has taken the request the link is spent, so nothing may get lost from there on. */
async function make(secret: string, type: string, password: string, legacy: boolean, button: HTMLButtonElement, result: HTMLElement): Promise<void> {
  const step = steps(result);
  button.disabled = true;
  try {
    const { makePkcs12 } = await import('./crypto/pkcs12');
    await step(0, t('Making the key …'));
    const key = await makeKey(type);
    await step(1, t('Signing the request …'));
    const csr = pem('CERTIFICATE REQUEST', await makeCsr(key));
    await step(2, t('Getting the certificate …'));
    const stay = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', stay);
    try {
      const claimed = await api.claim(secret, csr);
      await step(3, t('Making the file …'));
      const chain = fromPem(claimed.chain, 'CERTIFICATE');
      const name = `certificate-${claimed.request.certificate.serial.slice(0, 8)}`;
      const file = await makePkcs12({ pkcs8: key.pkcs8, chain, name, password, legacy });
      done(claimed, () => { save(`${name}.p12`, 'application/x-pkcs12', file); window.removeEventListener('beforeunload', stay); });
    } catch (error) {
      window.removeEventListener('beforeunload', stay);
      throw error;
    }
  } catch (error) {
    result.replaceChildren(failed(error));
    button.disabled = false;
  }
}

function done(claimed: Claimed, saveKey: (() => void) | null): void {
  const serial = claimed.request.certificate.serial;
  saveKey?.();
  show(t('Your certificate is ready'), message('good', saveKey ? t('The file was saved with your downloads') : t('The certificate is made'),
    saveKey ? t('Import it with the password you chose. Keep a copy: the key is nowhere else, and this link is used up.') : t('This link is used up.')),
  card(null, facts([[t('Serial number'), serial], [t('Valid until'), when(claimed.request.certificate.notAfter)]])),
  h('div', { class: 'row' },
    saveKey && h('button', { click: saveKey }, t('Save the file again')),
    h('button', { class: 'second', click: () => save(`${serial}.pem`, 'application/x-pem-file', claimed.chain) }, t('Save certificate and chain (PEM)'))));
}
