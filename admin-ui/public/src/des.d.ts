declare module 'des.js' {
  interface Cipher { update(data: number[]): number[]; final(): number[] }
  type Kind = { create(options: { type: 'encrypt' | 'decrypt'; key: number[]; iv?: number[] }): Cipher };
  export const EDE: Kind;
  export const CBC: { instantiate(kind: Kind): Kind };
}
