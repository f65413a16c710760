/* The relying party's side of WebAuthn Level 2 (section 7): what a browser sends is held against the challenge, the
 * origin and the key. Signatures are verified by libfido2: ES256, EdDSA, RS256; attestation "none" or "packed"
 * (self or with a certificate; whose, is not judged). */
#ifndef GATEHOUSE_CA_WEBAUTHN_H
#define GATEHOUSE_CA_WEBAUTHN_H

#include "base/json.h"

struct webauthn_site {
    const char *rp_id;  /* host of the console: "pki.example.com" */
    const char *origin; /* "https://pki.example.com", without a port: any port of that host */
};
/* From the public HTTPS URL. */
struct webauthn_site webauthn_site(struct arena *arena, const char *url);

struct webauthn_key {
    struct view credential; /* id */
    struct view public_key; /* as libfido2 has it */
    int type;               /* COSE algorithm: -7, -8, -257 */
    int64_t counter;
    const char *aaguid;     /* hex */
    const char *format;     /* "none", "packed" */
};
/* credential: {"id", "response": {"clientDataJSON", "attestationObject"}}, base64url.
 * ERROR_POLICY "bad-credential" says what is wrong. */
MUST_USE bool webauthn_register(struct arena *arena, const struct webauthn_site *site,
                                const char *challenge, const struct json *credential,
                                struct webauthn_key *ret, struct error *err);
/* credential: {"id", "response": {"clientDataJSON", "authenticatorData", "signature"}}. verified: the person must
 * have been verified by the authenticator (PIN, fingerprint). */
MUST_USE bool webauthn_assert(struct arena *arena, const struct webauthn_site *site,
                              const char *challenge, const struct json *credential,
                              const struct webauthn_key *key, bool verified, int64_t *ret_counter,
                              struct error *err);
/* The id of the credential that was used. */
MUST_USE bool webauthn_credential_id(struct arena *arena, const struct json *credential,
                                     struct view *ret_id, struct error *err);

/* The parts of an attestation object: CBOR (RFC 8949), a map of "fmt", "attStmt" and "authData". */
struct attestation_parts {
    const char *format;
    struct view statement; /* CBOR as it came */
    struct view auth_data;
};
MUST_USE bool attestation_read(struct arena *arena, struct view bytes, struct attestation_parts *ret);

#endif
