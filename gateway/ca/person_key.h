/* Keys that are made here for people and devices outside. The signer makes them, they sign like keys of our own
 * (EVP_PKEY), and they leave encrypted to their owner; in this process they are never seen, but for EXPORT_PLAIN.
 * Whoever has blob and public key can have the key: keep them as the secret they are. */
#ifndef GATEHOUSE_CA_PERSON_KEY_H
#define GATEHOUSE_CA_PERSON_KEY_H

#include "ca/authority.h"
#include "provider/signer.h"
#include "x509/pkcs12.h"

struct person_key {
    const char *key_type;   /* canonical */
    struct view blob, spki; /* wrapped by the managed token; SubjectPublicKeyInfo */
};
/* Known types; RSA of 4096 bits at most, since larger ones take many seconds to find. ERROR_POLICY "key-type". */
MUST_USE bool person_key_type_check(const char *key_type, struct error *err);
MUST_USE bool person_key_make(struct core *core, struct arena *arena, const char *key_type,
                              struct person_key *ret, struct error *err);
/* For signing with it; the arena drops it. */
MUST_USE bool person_key_open(struct core *core, struct arena *arena, const struct person_key *key,
                              EVP_PKEY **ret, struct error *err);
/* subject NULL: empty; sans may be NULL. */
MUST_USE bool person_key_csr(struct core *core, struct arena *arena, const struct person_key *key,
                             const X509_NAME *subject, const GENERAL_NAMES *sans,
                             struct view *ret_csr, struct error *err);
/* Blob and public key as one string of bytes, and back. ERROR_INTERNAL. */
struct view person_key_pack(struct arena *arena, const struct person_key *key);
MUST_USE bool person_key_unpack(struct arena *arena, struct view packed, struct person_key *ret,
                                struct error *err);

/* --- on the way out ------------------------------------------------------------------------------------ */

struct person_file {
    const char *password;
    enum pkcs12_protection protection;
    const char *name;        /* friendlyName, or NULL */
    const struct view *ders; /* the first is the key's certificate: ERROR_POLICY "wrong-certificate" */
    size_t count;
};
MUST_USE bool person_key_pkcs12(struct core *core, struct arena *arena, const struct person_key *key,
                                const struct person_file *file, struct view *ret_der,
                                struct error *err);
/* EncryptedPrivateKeyInfo (PBES2). */
MUST_USE bool person_key_pkcs8(struct core *core, struct arena *arena, const struct person_key *key,
                               const char *password, struct view *ret_der, struct error *err);
/* The bare PKCS#8: inside of TLS to its owner, and nowhere else (rfc7030#4.4.2). Wipe it. */
MUST_USE bool person_key_plain(struct core *core, struct arena *arena, const struct person_key *key,
                               struct view *ret_der, struct error *err);

struct person_envelope {
    enum export_form form; /* EXPORT_CERTIFICATE, EXPORT_PASSWORD, EXPORT_KEY */
    struct view secret, recipient; /* as in signer.h */
    bool bare; /* PKCS#8 instead of an AsymmetricKeyPackage */
};
/* rfc5958, rfc9483#4.1.6, rfc7030#4.4.2: the key in a SignedData by the CA's service key for made keys (SERVICE_CMP,
 * cmKGA), in an EnvelopedData. ret_der: ContentInfo. */
MUST_USE bool person_key_envelope(struct core *core, struct arena *arena,
                                  const struct person_key *key, const struct ca_record *ca,
                                  const struct person_envelope *envelope, struct view *ret_der,
                                  struct error *err);

#endif
