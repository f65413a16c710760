// Key pairs made in this browser, and requests signed with them (PKCS#10, RFC 2986). The key leaves only in the file
// that the person saves.
import { type Bytes, bits, context, integer, join, octets, oid, sequence, nothing, tlv, unsigned } from './der';

export interface MadeKey {
  type: string;
  pkcs8: Bytes;
  spki: Bytes;
  sign(data: Bytes): Promise<Bytes>;
  algorithm: Bytes; // AlgorithmIdentifier of the signature
}

const ML_DSA: Record<string, string> = { 'ML-DSA-44': '2.16.840.1.101.3.4.3.17', 'ML-DSA-65': '2.16.840.1.101.3.4.3.18', 'ML-DSA-87': '2.16.840.1.101.3.4.3.19' };
const EC: Record<string, { hash: string; oid: string; size: number }> = {
  'P-256': { hash: 'SHA-256', oid: '1.2.840.10045.4.3.2', size: 32 },
  'P-384': { hash: 'SHA-384', oid: '1.2.840.10045.4.3.3', size: 48 },
  'P-521': { hash: 'SHA-512', oid: '1.2.840.10045.4.3.4', size: 66 },
};
export const KEY_TYPES: { type: string; label: string }[] = [
  { type: 'P-256', label: 'EC P-256: small and quick, understood nearly everywhere' },
  { type: 'P-384', label: 'EC P-384' }, { type: 'P-521', label: 'EC P-521' },
  { type: 'RSA-3072', label: 'RSA 3072: for older software' }, { type: 'RSA-2048', label: 'RSA 2048' }, { type: 'RSA-4096', label: 'RSA 4096: takes a while' },
  { type: 'Ed25519', label: 'Ed25519' },
  { type: 'ML-DSA-65', label: 'ML-DSA-65: safe from quantum computers, for new software alone' },
  { type: 'ML-DSA-44', label: 'ML-DSA-44' }, { type: 'ML-DSA-87', label: 'ML-DSA-87' },
];

/** As the templates of the server mean it: a family, or RSA of that size and larger. */
export function allowed(type: string, list: string[]): boolean {
  if (list.length === 0) return true;
  const size = Number(type.split('-')[1]);
  return list.some((entry) => entry === type || (entry === 'EC' && type in EC) || (entry === 'ML-DSA' && type in ML_DSA) ||
    (entry === 'RSA' && type.startsWith('RSA-')) || (/^RSA-\d+$/.test(entry) && type.startsWith('RSA-') && size >= Number(entry.slice(4))));
}

function exported(bytes: ArrayBuffer): Bytes { return new Uint8Array(bytes); }

async function rsa(type: string): Promise<MadeKey> {
  const name = 'RSASSA-PKCS1-v1_5';
  const pair = await crypto.subtle.generateKey({ name, modulusLength: Number(type.slice(4)), publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify']);
  return {
    type, pkcs8: exported(await crypto.subtle.exportKey('pkcs8', pair.privateKey)), spki: exported(await crypto.subtle.exportKey('spki', pair.publicKey)),
    sign: async (data) => exported(await crypto.subtle.sign(name, pair.privateKey, data)),
    algorithm: sequence(oid('1.2.840.113549.1.1.11'), nothing()),
  };
}

async function ec(type: string): Promise<MadeKey> {
  const { hash, oid: id, size } = EC[type] as { hash: string; oid: string; size: number };
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: type }, true, ['sign', 'verify']);
  return {
    type, pkcs8: exported(await crypto.subtle.exportKey('pkcs8', pair.privateKey)), spki: exported(await crypto.subtle.exportKey('spki', pair.publicKey)),
    // WebCrypto gives r and s one after the other, X.509 wants them as two INTEGERs (RFC 3279, 2.2.3).
    sign: async (data) => {
      const raw = exported(await crypto.subtle.sign({ name: 'ECDSA', hash }, pair.privateKey, data));
      return sequence(unsigned(raw.subarray(0, size)), unsigned(raw.subarray(size)));
    },
    algorithm: sequence(oid(id)),
  };
}

async function ed25519(): Promise<MadeKey> {
  let pair: CryptoKeyPair;
  try {
    pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']) as CryptoKeyPair;
  } catch {
    throw new Error('This browser cannot make Ed25519 keys yet; take another type.');
  }
  return {
    type: 'Ed25519', pkcs8: exported(await crypto.subtle.exportKey('pkcs8', pair.privateKey)), spki: exported(await crypto.subtle.exportKey('spki', pair.publicKey)),
    sign: async (data) => exported(await crypto.subtle.sign('Ed25519', pair.privateKey, data)),
    algorithm: sequence(oid('1.3.101.112')),
  };
}

/** RFC 9881: the private key is kept as its seed. */
async function mlDsa(type: string): Promise<MadeKey> {
  const { ml_dsa44, ml_dsa65, ml_dsa87 } = await import('@noble/post-quantum/ml-dsa.js');
  const scheme = type === 'ML-DSA-44' ? ml_dsa44 : type === 'ML-DSA-65' ? ml_dsa65 : ml_dsa87;
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const pair = scheme.keygen(seed);
  const algorithm = sequence(oid(ML_DSA[type] as string));
  return {
    type, algorithm, spki: sequence(algorithm, bits(pair.publicKey)),
    pkcs8: sequence(integer(0), algorithm, octets(tlv(0x80, seed))),
    sign: async (data) => join(scheme.sign(pair.secretKey, data)),
  };
}

export function makeKey(type: string): Promise<MadeKey> {
  return type.startsWith('RSA-') ? rsa(type) : type in EC ? ec(type) : type in ML_DSA ? mlDsa(type) : ed25519();
}

/** Without names: the approved ones count. */
export async function makeCsr(key: MadeKey): Promise<Bytes> {
  const info = sequence(integer(0), sequence(), key.spki, context(0));
  return sequence(info, key.algorithm, bits(await key.sign(info)));
}

