// /request/{template}: asking, confirming the address, and how it stands.
import { api, type Asked, type Offer } from './api';
import { card, choices, chosen, dropArea, facts, field, h, message, place, save, show, when } from './dom';
import { failed } from './main';
import { solve } from './puzzle';
import { t } from './texts';

const NAMES: Record<string, [string, string]> = {
  CN: [t('Name'), t('for example www.example.org, or Alice Smith')], O: [t('Organisation'), t('for example Example Ltd')],
  OU: [t('Department'), t('for example Network')], L: [t('Town'), ''], ST: [t('State or province'), ''],
  C: [t('Country'), t('two letters, for example DE')], serialNumber: [t('Serial number'), ''],
  emailAddress: [t('E-mail address in the certificate'), 'name@example.org'], UID: [t('User id'), ''], GN: [t('Given name'), ''],
  SN: [t('Family name'), ''],
};
const SAN_HINTS: Record<string, string> = {
  dns: t('host names (www.example.org)'), ip: t('addresses (192.0.2.1)'), email: t('e-mail addresses (name@example.org)'),
  uri: t('addresses of pages (https://example.org/x)'), upn: 'UPN:name@realm', rid: 'RID:1.2.3', dirName: 'dirName:CN=...',
};

export async function request(template: string): Promise<void> {
  const [kind, secret] = location.hash.slice(1).split('=');
  if (kind === 'status' && secret) return standing(template, secret);
  if (kind === 'confirm' && secret) return confirm(template, secret);
  const offer = await api.offer(template);
  place(offer.caName);
  form(offer);
}

function about(offer: Offer): HTMLElement {
  return h('p', { class: 'quiet' }, offer.description || t('A certificate signed by {ca}.', { ca: offer.caName }), ' ', t('It is valid for {days} days.', { days: offer.days }),
    offer.approval && ` ${t('A person looks at each request.')}`);
}

function sansField(offer: Offer, area: HTMLTextAreaElement): HTMLElement | null {
  if (offer.sans.max === 0 || offer.sans.types.length === 0) return null;
  const kinds = offer.sans.types.map((type) => SAN_HINTS[type] ?? type).join(', ');
  return field(offer.sans.min > 0 ? t('Names it is for') : t('{label} (if any)', { label: t('Names it is for') }), area, t('One a line: {kinds}.', { kinds }));
}

/** What the form says, as the API wants it. */
function formBody(fields: Map<string, HTMLInputElement>, sans: HTMLTextAreaElement): Record<string, unknown> {
  const subject = Object.fromEntries([...fields].map(([type, input]) => [type, input.value.trim()]).filter(([, value]) => value));
  const names = sans.value.split(/[\s,]+/).filter(Boolean);
  return { ...(Object.keys(subject).length ? { subject } : {}), ...(names.length ? { sans: names } : {}) };
}

function form(offer: Offer): void {
  const fields = new Map(offer.subject.map((f) => [f.type, h('input', { autocomplete: 'off', required: f.required })]));
  const sans = h('textarea', { autocomplete: 'off', spellcheck: 'false' });
  const csr = dropArea(t('Certificate request (CSR)'), t('Paste it, or drop the file here. Your key stays with you.'), '-----BEGIN CERTIFICATE REQUEST-----');
  const byForm = h('div', {}, ...offer.subject.map((f) => {
    const [label, hint] = NAMES[f.type] ?? [f.type, ''];
    return field(f.required ? label : t('{label} (if any)', { label }), fields.get(f.type) as HTMLElement, hint || undefined);
  }), sansField(offer, sans));
  const way = choices('way', t('How do you ask?'), [
    { value: 'form', label: t('I fill in a form'), about: t('Your browser makes the key later, when the request is approved.') },
    { value: 'csr', label: t('I have a certificate request (CSR)'), about: t('Made with openssl, a device or a server.') },
  ], offer.form ? 'form' : 'csr');
  const both = offer.csr && offer.form;
  const turn = () => { const c = both ? chosen(way) === 'csr' : offer.csr; byForm.hidden = c; csr.element.hidden = !c; };
  way.addEventListener('change', turn);
  const email = h('input', { type: 'email', autocomplete: 'email', required: offer.verifyEmail });
  const person = h('input', { autocomplete: 'name' });
  const comment = h('textarea', { maxlength: 2000 });
  const result = h('div', { 'aria-live': 'polite' });
  const button = h('button', { type: 'submit' }, t('Ask for the certificate'));
  const submit = (event: Event) => {
    event.preventDefault();
    const body = csr.element.hidden ? formBody(fields, sans) : { csr: csr.value() };
    void send(offer, { ...body, ...(email.value ? { email: email.value.trim() } : {}), ...(person.value ? { name: person.value.trim() } : {}), ...(comment.value ? { comment: comment.value } : {}) }, button, result);
  };
  turn();
  show(offer.name, about(offer), offer.note && card(null, h('p', { class: 'note' }, offer.note)),
    h('form', { submit },
      card(t('The certificate'), both && way, byForm, h('div', { class: 'field' }, csr.element)),
      card(t('You'), field(offer.verifyEmail ? t('Your e-mail address') : t('Your e-mail address (if you want news)'), email,
        offer.verifyEmail ? t('You get a mail with a link that confirms it.') : undefined),
      field(t('Your name (if you like)'), person), offer.comment && field(t('A word to who decides (if you like)'), comment)),
      result, h('div', { class: 'row' }, button)));
}

async function send(offer: Offer, body: Record<string, unknown>, button: HTMLButtonElement, result: HTMLElement): Promise<void> {
  const bar = h('progress', { max: 1, value: 0, 'aria-label': t('Working') });
  button.disabled = true;
  result.replaceChildren(h('p', { class: 'quiet' }, t('A moment: your browser solves a small puzzle, which keeps robots away.')), bar);
  try {
    const { puzzle, bits } = await api.puzzle();
    const solution = await solve(puzzle, bits, (part) => { bar.value = part; });
    after(offer.id, await api.ask(offer.id, { ...body, puzzle, solution }));
  } catch (error) {
    result.replaceChildren(failed(error));
    button.disabled = false;
  }
}

function after(template: string, asked: Asked): void {
  if (asked.secret) location.hash = `status=${asked.secret}`;
  else show(t('Look into your mail'), card(null, message('wait', t('Your address must be confirmed')),
    h('p', {}, t('We have sent you a mail with a link. Open it within two days, and the request goes on. Nothing there? Look among the unwanted mail.')),
    h('p', {}, h('a', { href: `/request/${template}` }, t('Ask again')))));
}

/** A mail scanner follows links too, so a person presses the button. */
function confirm(template: string, secret: string): void {
  const result = h('div', { 'aria-live': 'polite' });
  const button = h('button', {
    click: async () => {
      button.disabled = true;
      try { after(template, await api.confirm(secret)); } catch (error) { result.replaceChildren(failed(error)); button.disabled = false; }
    },
  }, t('Yes, it was me'));
  show(t('Confirm your address'), card(null, h('p', {}, t('Somebody asked for a certificate and gave your address. Was it you?')), result,
    h('div', { class: 'row' }, button), h('p', { class: 'quiet' }, t('If not, close this page: nothing will happen.'))));
}

const WORDS: Record<string, ['good' | 'bad' | 'wait', string, string]> = {
  pending: ['wait', t('Waiting for a decision'), t('Somebody has to look at it. You need not wait here: keep this link.')],
  approved: ['wait', t('Approved by one, a second person has to agree'), t('You need not wait here: keep this link.')],
  'awaiting-csr': ['good', t('Approved'), t('Get your certificate now: your browser makes the key.')],
  issued: ['good', t('Your certificate is ready'), ''],
  declined: ['bad', t('Declined'), ''], cancelled: ['bad', t('Cancelled'), ''],
  expired: ['bad', t('Too late'), t('Nobody came for the certificate in time. Ask again.')],
};

function actions(template: string, secret: string, s: Awaited<ReturnType<typeof api.standing>>, result: HTMLElement): HTMLElement {
  const act = (work: () => Promise<void>) => async () => { try { await work(); } catch (error) { result.replaceChildren(failed(error)); } };
  const open = ['pending', 'approved', 'awaiting-csr'].includes(s.state);
  return h('div', { class: 'row' },
    s.state === 'awaiting-csr' && h('button', { click: act(async () => { location.href = `/claim/${(await api.claimOf(secret)).secret}`; }) }, t('Get the certificate')),
    s.certificate && h('button', { click: () => save(`${s.certificate?.serial}.pem`, 'application/x-pem-file', s.certificate?.chain ?? '') }, t('Download certificate and chain')),
    open && h('button', { class: 'second', click: act(() => standing(template, secret)) }, t('Look again')),
    open && h('button', { class: 'danger', click: act(async () => { if (window.confirm(t('Take the request back?'))) { await api.cancel(secret); await standing(template, secret); } }) }, t('Take it back')));
}

async function standing(template: string, secret: string): Promise<void> {
  const s = await api.standing(secret);
  const [kind, title, text] = WORDS[s.state] ?? ['wait', s.state, ''];
  const result = h('div', { 'aria-live': 'polite' });
  place(s.caName);
  show(t('Your request'), s.certificate?.revoked ? message('bad', t('The certificate is revoked')) : message(kind, title, s.reason ? `${text} ${s.reason}`.trim() : text || undefined),
    card(null, facts([[t('Kind'), s.template], [t('Signed by'), s.caName], [t('Subject'), s.subject], [t('Names'), s.sans.join(', ')], [t('Asked'), when(s.createdAt)],
      [t('Last change'), when(s.changedAt)], [t('Serial number'), s.certificate?.serial], [t('Valid until'), s.certificate && when(s.certificate.notAfter)]])),
    result, actions(template, secret, s, result),
    h('p', { class: 'quiet' }, t('Keep the address of this page for yourself: who has it can do what you can.')));
}
