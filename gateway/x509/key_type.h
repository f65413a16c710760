/* Key types by one string (see pkcs11/provider/signer.h for the list), and what we demand of a
 * public key. */
#ifndef GATEHOUSE_X509_KEY_TYPE_H
#define GATEHOUSE_X509_KEY_TYPE_H

#include "base/json.h"

#include <openssl/x509.h>

#define KEY_TYPE_SIZE 32

/* The canonical spelling of a known key type, or NULL ("rsa-2048" -> "RSA-2048"). */
const char *key_type_canonical(const char *name);
/* The REST form: {"type":"RSA","bits":3072}, {"type":"EC","curve":"P-384"}, {"type":"Ed25519"},
 * {"type":"ML-DSA-65"}, {"type":"SLH-DSA-SHA2-128s"}; also the canonical string itself. */
MUST_USE bool key_type_from_json(const struct json *value, const char **ret_type,
                                 struct error *err);
void key_type_write_json(struct json_writer *w, const char *key_type);
/* NIST/OID spelling of a key; unknown keys give false. RSA of odd sizes: "RSA-2056". */
MUST_USE bool key_type_of(EVP_PKEY *key, char ret_type[static KEY_TYPE_SIZE]);
/* The same of an encoded key. A point on a named curve is not looked at. */
MUST_USE bool key_type_of_spki(const X509_PUBKEY *spki, char ret_type[static KEY_TYPE_SIZE]);
/* True when the type is in the list; an entry "RSA" allows every RSA size >= 2048, "RSA-3072" that
 * size and larger; "EC" every curve; "ML-DSA", "SLH-DSA" every set. An empty list allows all known
 * types. */
bool key_type_allowed(const char *key_type, const char *const *allowed, size_t count);
/* Keys nobody may certify: unknown types, RSA under 2048 or over 8192 bits or with an even modulus
 * or an exponent even, under 65537 or over 256 bits (NIST SP 800-56B), points off the curve or at
 * infinity, explicit curve parameters (rfc5480#2.1.1). `object` names it in the error ("CSR");
 * ERROR_POLICY "weak-key". */
MUST_USE bool key_check(EVP_PKEY *key, const char *object, struct error *err);
/* The default digest of signatures by such a key: P-384 SHA-384, P-521 SHA-512, RSA-4096 and more
 * SHA-512, else SHA-256; NULL for keys that sign the whole message (EdDSA, ML-DSA, SLH-DSA). */
const EVP_MD *key_type_digest(const char *key_type);
bool key_type_is_ec(const char *key_type);
/* Security strength in bits as NIST SP 800-57 part 1 table 2 and FIPS 204/205 have it; 0: unknown. */
int key_type_strength(const char *key_type);
/* ML-DSA, SLH-DSA and ML-KEM. */
bool key_type_is_quantum_safe(const char *key_type);
MUST_USE bool key_spki(struct arena *arena, EVP_PKEY *key, struct view *ret_der, struct error *err);
MUST_USE bool key_from_spki(struct view der, EVP_PKEY **ret_key, struct error *err);

#endif
