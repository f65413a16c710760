/* What the files of this room share; nobody else includes it. */
#ifndef GATEHOUSE_X509_INTERNAL_H
#define GATEHOUSE_X509_INTERNAL_H

#include "base/arena.h"
#include "x509/handles.h"

#include <openssl/err.h>

/* A refusal after an OpenSSL call failed: OpenSSL's error queue is per thread, and what is left in
 * it would be told about the next request. */
#define REFUSE(...) (ERR_clear_error(), fail(__VA_ARGS__))

/* DER of an object of an ASN.1 template, on the arena; the empty view when it cannot be encoded. */
struct view item_der(struct arena *arena, const void *object, const ASN1_ITEM *item);
/* Decodes and consumes everything, or gives NULL (and an empty error queue). The caller owns it. */
void *item_decode(struct view der, const ASN1_ITEM *item);
/* PEM with one of the NULL-terminated labels, or DER as it is. `object` names it in errors. */
MUST_USE bool pem_or_der(struct arena *arena, struct view bytes, const char *object,
                         const char *const *labels, struct view *ret_der, struct error *err);

/* A private key did not sign: it is remote, so most often its signer or token is away. The reasons
 * that OpenSSL collected go to the detail. */
bool signing_failed(struct error *err, const char *object);

/* The public half of a key as one of OpenSSL's own. A key of another provider would stay inside the
 * certificate or request that it is put into, and verify with itself. NULL when it cannot be read.
 */
EVP_PKEY *public_half(EVP_PKEY *key);

/* What a memory BIO holds, as text on the arena. */
const char *bio_text(struct arena *arena, BIO *bio);

/* Dotted form of an OID. */
const char *oid_text(struct arena *arena, const ASN1_OBJECT *object);
/* A dotted OID or, where `names` allows it, a short or long name known to OpenSSL. NULL when it is
 * none. */
ASN1_OBJECT *oid_parse(const char *text, bool names);

/* The extension of that type when there is exactly one, else NULL; no cache of the certificate is
 * touched, so it is safe on certificates that are not signed yet. */
const X509_EXTENSION *extension_find(const EXTENSION_LIST *list, int nid);

#endif
