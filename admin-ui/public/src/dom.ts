// Elements from code alone: text is always text, so that nothing anybody wrote becomes markup.
import { locale, t } from './texts';

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => unknown)>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

const main = document.getElementById('main') as HTMLElement;

export function show(title: string, ...children: Child[]): void {
  document.title = title;
  main.replaceChildren(h('h1', {}, title), ...children.filter((c): c is Node | string => !!c));
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

export function place(text: string): void {
  (document.getElementById('place') as HTMLElement).textContent = text;
}

export function card(title: string | null, ...children: Child[]): HTMLElement {
  return h('section', { class: 'card' }, title && h('h2', {}, title), ...children);
}

export function message(kind: 'good' | 'bad' | 'wait', title: string, text?: string): HTMLElement {
  return h('div', { class: `message ${kind}`, role: kind === 'bad' ? 'alert' : 'status' },
    h('p', {}, h('strong', {}, title)), text && h('p', {}, text));
}

let ids = 0;
/** A labelled control, its hint tied to it. */
export function field(label: string, control: HTMLElement, hint?: string): HTMLElement {
  const id = `f${++ids}`;
  control.id = id;
  if (hint) control.setAttribute('aria-describedby', `${id}-hint`);
  return h('div', { class: 'field' }, h('label', { for: id }, label),
    hint && h('p', { class: 'hint', id: `${id}-hint` }, hint), control);
}

export function choices(name: string, legend: string, options: { value: string; label: string; about?: string }[], chosen: string): HTMLFieldSetElement {
  return h('fieldset', {}, h('legend', {}, legend), ...options.map((o) =>
    h('label', { class: 'choice' }, h('input', { type: 'radio', name, value: o.value, checked: o.value === chosen }),
      h('span', {}, o.label, o.about && h('small', {}, o.about)))));
}
export function chosen(set: HTMLFieldSetElement): string {
  return set.querySelector<HTMLInputElement>('input:checked')?.value ?? '';
}

export function facts(list: [string, string | null | undefined][]): HTMLElement {
  return h('dl', {}, ...list.filter(([, value]) => value).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value as string)]));
}

export function when(text: string): string {
  return new Date(text).toLocaleString(locale, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });
}

/** Paste or drop: a text area and a file beside it. */
export function dropArea(label: string, hint: string, placeholder: string): { element: HTMLElement; value: () => string } {
  const area = h('textarea', { class: 'code', spellcheck: 'false', autocomplete: 'off', placeholder });
  const take = async (file: File | undefined) => { if (file && file.size < 200000) area.value = await asPem(file); };
  const input = h('input', { type: 'file', 'aria-label': t('{label}: choose a file', { label }), change: () => void take(input.files?.[0]) });
  const box: HTMLDivElement = h('div', {
    class: 'drop',
    dragover: (e) => { e.preventDefault(); box.classList.add('over'); },
    dragleave: () => box.classList.remove('over'),
    drop: (e) => { e.preventDefault(); box.classList.remove('over'); void take((e as DragEvent).dataTransfer?.files[0]); },
  }, field(label, area, hint), input);
  return { element: box, value: () => area.value.trim() };
}

async function asPem(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  if (text.includes('-----BEGIN')) return text;
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return bytes[0] === 0x30 ? btoa(binary) : text;
}

/** Saves bytes as a file; nothing leaves the browser. */
export function save(name: string, type: string, bytes: BlobPart): void {
  const link = h('a', { href: URL.createObjectURL(new Blob([bytes], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
