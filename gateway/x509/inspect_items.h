/* What the files of inspect.c share. */
#ifndef GATEHOUSE_X509_INSPECT_ITEMS_H
#define GATEHOUSE_X509_INSPECT_ITEMS_H

#include "x509/inspect.h"

#include <openssl/cms.h>
#include <openssl/ct.h>
#include <openssl/ts.h>

#define INSPECT_MAX_OPENED 5

enum inspect_kind {
    KIND_CERTIFICATE,
    KIND_CSR,
    KIND_CRL,
    KIND_CMS,
    KIND_PKCS12,
    KIND_OCSP_REQUEST,
    KIND_OCSP_RESPONSE,
    KIND_TS_REQUEST,
    KIND_TS_RESPONSE,
    KIND_PRIVATE_KEY,
    KIND_PUBLIC_KEY,
    KIND_SCT_LIST,
    KIND_COUNT,
};

struct inspect_item {
    enum inspect_kind kind;
    const char *label; /* of the PEM block, or NULL */
    int within;        /* the item that held it, or -1 */
    struct view der;
    void *object;        /* of the kind's OpenSSL type; NULL when it could not be opened */
    EVP_PKEY *key;       /* the public key in it; borrowed; NULL when there is none that is known */
    const char *problem; /* why it could not be opened; NULL */
    int signer;          /* of a certificate or CRL: the item whose key has signed it, or -1 */
    bool issuer_named;   /* some item has the issuer's name */
};

struct inspection {
    struct arena *arena;
    const char *password;
    int64_t now_us;
    struct inspect_item items[INSPECT_MAX_ITEMS];
    size_t count;
    unsigned opened; /* things opened with the password so far: deriving keys costs time */
    struct error *err;
};

/* inspect_recognise.c: adds the DER and what it holds. False when it is nothing that is known, or
 * when there is no room (then the error says so). */
MUST_USE bool inspect_add(struct inspection *in, struct view der, const char *label, int within);
/* An item that its holder has decoded: a certificate or CRL of a bag. */
MUST_USE bool inspect_add_certificate(struct inspection *in, X509 *certificate, int within);
MUST_USE bool inspect_add_crl(struct inspection *in, X509_CRL *crl, int within);
MUST_USE bool inspect_add_key(struct inspection *in, EVP_PKEY *key, const char *label, int within);

/* inspect_text.c: for people */
const char *inspect_text(struct arena *arena, const struct inspect_item *item);
/* inspect_details.c: the members of an open object */
void inspect_details(struct json_writer *w, const struct inspection *in,
                     const struct inspect_item *item);
/* inspect_findings.c: the items of an open array */
void inspect_findings(struct json_writer *w, const struct inspection *in,
                      const struct inspect_item *item);
/* inspect_relate.c: fills signer and issuer_named of every item; then the members "chains" and
 * "sameKey" of an open object */
void inspect_find_signers(struct inspection *in);
void inspect_relate(struct json_writer *w, const struct inspection *in);

#endif
