/** WebAuthn with the JSON of its Level 3, which not every browser translates by itself yet. */
type Json = Record<string, unknown>;

function octets(text: string): ArrayBuffer {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes.buffer;
}

const base64url = (buffer: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

const named = (list: unknown): PublicKeyCredentialDescriptor[] =>
  (Array.isArray(list) ? (list as Json[]) : []).map((one) => ({ ...one, type: 'public-key', id: octets(String(one['id'])) }));

function whole(credential: Credential | null): PublicKeyCredential {
  if (!(credential instanceof PublicKeyCredential)) throw new Error('The browser gave no credential.');
  return credential;
}

const common = (credential: PublicKeyCredential): Json => ({
  id: credential.id,
  rawId: base64url(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  clientExtensionResults: credential.getClientExtensionResults(),
});

export const hasSecurityKeys = (): boolean => 'PublicKeyCredential' in window;

/** A new key pair in a security key or passkey. */
export async function makeCredential(options: Json): Promise<Json> {
  const user = options['user'] as Json;
  const publicKey = {
    ...options, challenge: octets(String(options['challenge'])), user: { ...user, id: octets(String(user['id'])) },
    excludeCredentials: named(options['excludeCredentials']),
  } as unknown as PublicKeyCredentialCreationOptions;
  const credential = whole(await navigator.credentials.create({ publicKey }));
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    ...common(credential),
    response: { clientDataJSON: base64url(response.clientDataJSON), attestationObject: base64url(response.attestationObject), transports: response.getTransports() },
  };
}

/** A signature by one that was made before. */
export async function showCredential(options: Json): Promise<Json> {
  const publicKey = {
    ...options, challenge: octets(String(options['challenge'])), allowCredentials: named(options['allowCredentials']),
  } as unknown as PublicKeyCredentialRequestOptions;
  const credential = whole(await navigator.credentials.get({ publicKey }));
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    ...common(credential),
    response: {
      clientDataJSON: base64url(response.clientDataJSON), authenticatorData: base64url(response.authenticatorData), signature: base64url(response.signature),
      ...(response.userHandle === null ? {} : { userHandle: base64url(response.userHandle) }),
    },
  };
}
