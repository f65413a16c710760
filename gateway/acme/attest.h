/* device-attest-01 (draft-ietf-acme-device-attest): what a device's secure hardware says of itself
 * and of a key. Formats: "apple" (managed device attestation), "tpm" (TPM 2.0), "step" (PIV
 * attestation of a YubiKey, as step's client sends it). Nothing here trusts the certificates: the
 * caller builds their path. */
#ifndef GATEHOUSE_ACME_ATTEST_H
#define GATEHOUSE_ACME_ATTEST_H

#include "base/error.h"
#include "x509/handles.h"

#define ATTEST_CHAIN_MAX 8
#define ATTEST_NAMES_MAX 8

struct attestation {
    const char *format;
    struct view certificate; /* DER: the first of x5c, whose path is to be checked */
    struct view chain[ATTEST_CHAIN_MAX];
    size_t chain_count;
    const char *names[ATTEST_NAMES_MAX]; /* permanent identifiers that it vouches for */
    size_t name_count;
    uint8_t spki_sha256[32]; /* of the key that it vouches for */
};
/* The statement is for this challenge, and its signature by the key of its first certificate is
 * right. ERROR_POLICY "acme:badAttestationStatement" says which rule is broken. */
MUST_USE bool attest_read(struct arena *arena, struct view object, const char *token,
                          const char *key_authorization, struct attestation *ret,
                          struct error *err);

/* --- between the files */
bool attest_bad(struct error *err, const char *format, const char *why);
MUST_USE bool attest_key(struct attestation *attestation, struct arena *arena, EVP_PKEY *key,
                         struct error *err);
/* Adds a name, printable and of at most 255 octets. */
MUST_USE bool attest_name(struct attestation *attestation, struct arena *arena, struct view name,
                          struct error *err);
/* The permanent identifiers (rfc4043) and serial numbers of hardware modules (rfc4108#5) among the
 * names. */
MUST_USE bool attest_names_of(struct attestation *attestation, struct arena *arena,
                              const X509 *certificate, struct error *err);
/* A permanentIdentifier's identifierValue, or a hardwareModuleName's serial number in hex. False
 * when the name is neither. */
bool permanent_of_name(struct arena *arena, const GENERAL_NAME *name, const char **ret);
struct cbor;
MUST_USE bool attest_tpm(struct attestation *attestation, struct arena *arena,
                         const struct cbor *statement, X509 *certificate,
                         const char *key_authorization, struct error *err);

#endif
