/** The kinds of keys that are offered; the server knows more. */
export const keyTypes = ['ML-DSA-65', 'ML-DSA-87', 'ML-DSA-44', 'P-384', 'P-256', 'P-521', 'RSA-3072', 'RSA-4096', 'RSA-2048', 'Ed25519', 'Ed448', 'SLH-DSA-SHA2-128s', 'SLH-DSA-SHA2-192s', 'SLH-DSA-SHA2-256s'] as const;

export function keyOf(type: string): { type: string; bits?: number; curve?: string } {
  if (type.startsWith('RSA-')) return { type: 'RSA', bits: Number(type.slice(4)) };
  if (type.startsWith('P-')) return { type: 'EC', curve: type };
  return { type };
}

export function nameOfKey(key: { type: string; bits?: number; curve?: string }): string {
  return key.curve ?? (key.bits === undefined ? key.type : `${key.type}-${key.bits}`);
}
