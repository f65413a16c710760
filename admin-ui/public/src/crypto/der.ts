// Writing DER (X.690), as much as a CSR and a PKCS#12 file need; and reading where an element ends.

export type Bytes = Uint8Array<ArrayBuffer>;

export function join(...parts: Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
}

export function tlv(tag: number, ...content: Uint8Array[]): Bytes {
  const body = join(...content);
  if (body.length < 128) return join(new Uint8Array([tag, body.length]), body);
  const length: number[] = [];
  for (let n = body.length; n > 0; n = Math.floor(n / 256)) length.unshift(n % 256);
  return join(new Uint8Array([tag, 0x80 | length.length, ...length]), body);
}

export const sequence = (...items: Uint8Array[]): Bytes => tlv(0x30, ...items);
export const set = (...items: Uint8Array[]): Bytes => tlv(0x31, ...items);
export const octets = (bytes: Uint8Array): Bytes => tlv(0x04, bytes);
export const bits = (bytes: Uint8Array): Bytes => tlv(0x03, new Uint8Array([0]), bytes);
export const nothing = (): Bytes => tlv(0x05);
/** [n], constructed. */
export const context = (n: number, ...items: Uint8Array[]): Bytes => tlv(0xa0 | n, ...items);

/** A whole number that is not negative, big-endian. */
export function unsigned(bytes: Uint8Array): Bytes {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const rest = bytes.subarray(at);
  return tlv(0x02, (rest[0] ?? 0) & 0x80 ? new Uint8Array([0]) : new Uint8Array(), rest);
}
export function integer(n: number): Bytes {
  const bytes: number[] = [];
  for (let rest = n; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return unsigned(new Uint8Array(bytes.length ? bytes : [0]));
}

export function oid(text: string): Bytes {
  const [a = 0, b = 0, ...rest] = text.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [a * 40 + b, ...rest]) {
    const digits = [arc % 128];
    for (let n = Math.floor(arc / 128); n > 0; n = Math.floor(n / 128)) digits.unshift(n % 128 | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, new Uint8Array(bytes));
}

/** BMPString without its tag: UTF-16, big-endian. */
export function utf16(text: string): Bytes {
  const out = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) { out[2 * i] = text.charCodeAt(i) >> 8; out[2 * i + 1] = text.charCodeAt(i) & 255; }
  return out;
}

export function pem(label: string, der: Uint8Array): string {
  let binary = '';
  for (const byte of der) binary += String.fromCharCode(byte);
  return `-----BEGIN ${label}-----\n${(btoa(binary).match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;
}

export function fromPem(text: string, label: string): Bytes[] {
  const blocks = text.matchAll(new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, 'g'));
  return [...blocks].map((m) => Uint8Array.from(atob((m[1] ?? '').replace(/\s/g, '')), (c) => c.charCodeAt(0)));
}
