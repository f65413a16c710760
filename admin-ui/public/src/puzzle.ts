// A little work before a request: what costs a person a second costs a spammer a machine.
import { sha256 } from '@noble/hashes/sha2.js';

function zeros(hash: Uint8Array): number {
  let bits = 0;
  for (const byte of hash) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}

/** Gives the page room to breathe; `progress` from 0 to 1 is a guess. */
export async function solve(puzzle: string, bits: number, progress: (part: number) => void): Promise<string> {
  const encoder = new TextEncoder();
  for (let n = 0; ; n++) {
    if (zeros(sha256(encoder.encode(`${puzzle}:${n}`))) >= bits) return String(n);
    if (n % 4000 === 3999) {
      progress(1 - Math.exp(-n / 2 ** bits));
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}
