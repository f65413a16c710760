// A PKCS#12 file (RFC 7292) with a key, its certificate and the issuers, made in this browser.
//   modern: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 8018), MAC with SHA-256: OpenSSL 1.1, Java 8u301, NSS,
//           Windows 10 1709, macOS 14 and newer
//   legacy: triple DES and SHA-1, for what reads nothing else
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, context, integer, join, nothing, octets, oid, sequence, set, tlv, utf16 } from './der';

const DATA = '1.2.840.113549.1.7.1', ENCRYPTED = '1.2.840.113549.1.7.6';
const KEY_BAG = '1.2.840.113549.1.12.10.1.2', CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3', X509 = '1.2.840.113549.1.9.22.1';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20', LOCAL_KEY_ID = '1.2.840.113549.1.9.21';
const ROUNDS = 100000, MAC_ROUNDS = 20000, LEGACY_ROUNDS = 2048;

/** RFC 7292 appendix B.2; both digests work on blocks of 64 octets. */
function derive(hash: typeof sha256 | typeof sha1, password: Uint8Array, salt: Uint8Array, rounds: number, id: number, size: number): Bytes {
  const block = 64;
  const fill = (from: Uint8Array) => {
    const out = new Uint8Array(Math.ceil(from.length / block) * block);
    for (let i = 0; i < out.length; i++) out[i] = from[i % from.length] as number;
    return out;
  };
  const input = join(fill(salt), fill(password));
  const out = new Uint8Array(size);
  for (let at = 0; at < size;) {
    let a: Uint8Array = hash(join(new Uint8Array(block).fill(id), input));
    for (let i = 1; i < rounds; i++) a = hash(a);
    out.set(a.subarray(0, size - at), at);
    at += a.length;
    const b = fill(a).subarray(0, block);
    for (let start = 0; start < input.length; start += block) {
      let carry = 1;
      for (let i = block - 1; i >= 0; i--) {
        carry += (input[start + i] as number) + (b[i] as number);
        input[start + i] = carry & 255;
        carry >>= 8;
      }
    }
  }
  return out;
}

type Sealer = (plain: Bytes) => Promise<{ algorithm: Bytes; sealed: Bytes }>;
const random = (size: number): Bytes => crypto.getRandomValues(new Uint8Array(size));

function modern(password: string): Sealer {
  return async (plain) => {
    const salt = random(16), iv = random(16);
    const base = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, ['deriveKey']);
    const key = await crypto.subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ROUNDS }, base, { name: 'AES-CBC', length: 256 }, false, ['encrypt']);
    const kdf = sequence(oid('1.2.840.113549.1.5.12'), sequence(octets(salt), integer(ROUNDS), sequence(oid('1.2.840.113549.2.9'), nothing())));
    const cipher = sequence(oid('2.16.840.1.101.3.4.1.42'), octets(iv));
    return { algorithm: sequence(oid('1.2.840.113549.1.5.13'), sequence(kdf, cipher)), sealed: new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, key, plain)) };
  };
}

/** pbeWithSHAAnd3-KeyTripleDES-CBC. */
function legacy(password: Bytes): Sealer {
  return async (plain) => {
    const des = await import('des.js');
    const salt = random(8);
    const key = derive(sha1, password, salt, LEGACY_ROUNDS, 1, 24), iv = derive(sha1, password, salt, LEGACY_ROUNDS, 2, 8);
    const cipher = des.CBC.instantiate(des.EDE).create({ type: 'encrypt', key: [...key], iv: [...iv] });
    return { algorithm: sequence(oid('1.2.840.113549.1.12.1.3'), sequence(octets(salt), integer(LEGACY_ROUNDS))), sealed: new Uint8Array([...cipher.update([...plain]), ...cipher.final()]) };
  };
}

function bag(type: string, value: Bytes, attributes: Bytes[]): Bytes {
  return sequence(oid(type), context(0, value), ...(attributes.length ? [set(...attributes)] : []));
}

function certificateBag(der: Bytes, attributes: Bytes[]): Bytes {
  return bag(CERTIFICATE_BAG, sequence(oid(X509), context(0, octets(der))), attributes);
}

export interface Contents { pkcs8: Bytes; chain: Bytes[]; name: string; password: string; legacy: boolean }

export async function makePkcs12(c: Contents): Promise<Bytes> {
  const own = c.chain[0] as Bytes;
  const password = join(utf16(c.password), new Uint8Array(2)); // with its terminating zero
  const seal = c.legacy ? legacy(password) : modern(c.password);
  const attributes = [
    sequence(oid(FRIENDLY_NAME), set(tlv(0x1e, utf16(c.name)))),
    sequence(oid(LOCAL_KEY_ID), set(octets(sha1(own)))),
  ].sort((a, b) => a.length - b.length || (a[0] as number) - (b[0] as number));
  const certificates = await seal(sequence(certificateBag(own, attributes), ...c.chain.slice(1).map((der) => certificateBag(der, []))));
  const key = await seal(c.pkcs8);
  const safe = sequence(
    sequence(oid(ENCRYPTED), context(0, sequence(integer(0), sequence(oid(DATA), certificates.algorithm, tlv(0x80, certificates.sealed))))),
    sequence(oid(DATA), context(0, octets(sequence(bag(KEY_BAG, sequence(key.algorithm, octets(key.sealed)), attributes))))),
  );
  const hash = c.legacy ? sha1 : sha256;
  const salt = random(16), rounds = c.legacy ? LEGACY_ROUNDS : MAC_ROUNDS;
  const mac = hmac(hash, derive(hash, password, salt, rounds, 3, hash.outputLen), safe);
  const digest = sequence(oid(c.legacy ? '1.3.14.3.2.26' : '2.16.840.1.101.3.4.2.1'), nothing());
  return sequence(integer(3), sequence(oid(DATA), context(0, octets(safe))), sequence(sequence(digest, octets(mac)), octets(salt), integer(rounds)));
}
