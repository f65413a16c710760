/* A SCEP client for tests, made of OpenSSL's CMS alone: it shares no code with the server. */
#ifndef GATEHOUSE_TESTS_SCEP_CLIENT_H
#define GATEHOUSE_TESTS_SCEP_CLIENT_H

#include "base/arena.h"

#include <openssl/cms.h>
#include <openssl/x509v3.h>

struct scep_device {
    EVP_PKEY *key;
    X509 *certificate; /* self-signed, or the one to renew */
};
/* RSA-2048 (or another type) and a self-signed certificate. Ends the test when something fails. */
struct scep_device device_new(const char *key_type, const char *common_name);
void device_free(struct scep_device *device);

/* DER of a PKCS#10 for this key; challenge and dns may be NULL. */
struct view device_csr(struct arena *arena, EVP_PKEY *key, const char *common_name, const char *dns,
                       const char *challenge);

struct scep_wish {
    int type;                 /* 19 ... */
    const char *transaction;  /* NULL: the attribute is left out */
    struct view content;      /* what is encrypted */
    X509 *recipient;
    const EVP_CIPHER *cipher; /* NULL: AES-128-CBC */
    const EVP_MD *digest;     /* NULL: SHA-256 */
    bool no_nonce;
    const uint8_t *nonce;     /* 16 octets; NULL: zeros */
};
struct view device_seal(struct arena *arena, const struct scep_wish *wish);
/* signs what is already an envelope */
struct view device_sign(struct arena *arena, const struct scep_device *device,
                        const struct scep_wish *wish, struct view envelope);
struct view device_message(struct arena *arena, const struct scep_device *device,
                           const struct scep_wish *wish);

struct scep_answer {
    int status, fail;         /* -1: absent */
    const char *text, *transaction;
    struct view recipient_nonce;
    STACK_OF(X509) *certificates;
    STACK_OF(X509_CRL) *crls;
};
/* Verified with ra's key; decrypted by the device. False when it is none. */
bool device_read(struct arena *arena, const struct scep_device *device, X509 *ra, struct view der,
                 struct scep_answer *ret);
void answer_free(struct scep_answer *answer);

struct view issuer_and_serial(struct arena *arena, const X509_NAME *issuer,
                              const ASN1_INTEGER *serial);
struct view issuer_and_subject(struct arena *arena, const X509_NAME *issuer,
                               const X509_NAME *subject);

#endif
