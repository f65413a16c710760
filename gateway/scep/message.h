/* The messages of SCEP (RFC 8894 section 3): a SignedData whose content is an EnvelopedData. Free of HTTP, of the
 * core and of policy: what is understood here is judged elsewhere. */
#ifndef GATEHOUSE_SCEP_MESSAGE_H
#define GATEHOUSE_SCEP_MESSAGE_H

#include "x509/handles.h"

#include <openssl/cms.h>

DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)

#define SCEP_MESSAGE_MAX ((size_t)512 * 1024)
#define SCEP_TRANSACTION_MAX 255 /* characters */
#define SCEP_NONCE_MAX 64

enum scep_type { /* rfc8894#3.2.1.2 */
    SCEP_CERT_REP = 3,
    SCEP_RENEWAL_REQ = 17,
    SCEP_PKCS_REQ = 19,
    SCEP_CERT_POLL = 20,
    SCEP_GET_CERT = 21,
    SCEP_GET_CRL = 22,
};
const char *scep_type_name(enum scep_type type); /* "PKCSReq" ... */

enum scep_status { SCEP_SUCCESS = 0, SCEP_FAILURE = 2, SCEP_PENDING = 3 }; /* rfc8894#3.2.1.3 */
enum scep_fail {                                                          /* rfc8894#3.2.1.4 */
    SCEP_BAD_ALG = 0,
    SCEP_BAD_MESSAGE_CHECK = 1,
    SCEP_BAD_REQUEST = 2,
    SCEP_BAD_TIME = 3,
    SCEP_BAD_CERT_ID = 4,
};

struct scep_message {
    enum scep_type type;
    const char *transaction;  /* 1-255 printable characters */
    struct view sender_nonce; /* 1-64 octets */
    X509 *signer;             /* whose key has signed; nobody has looked at who vouches for it */
    struct view signer_der;
    int digest;               /* NID of the signature's digest */
    int cipher;               /* NID of the content encryption; NID_undef when not known */
    struct view envelope;     /* DER of a ContentInfo with EnvelopedData */
};
/* Everything lives as long as the arena or `bytes`. The signature has been verified. DER or BER, nothing
 * after it. ERROR_MALFORMED "scep-message" names the rule; ERROR_TOO_LARGE. */
MUST_USE bool scep_message_decode(struct arena *arena, struct view bytes, struct scep_message *ret,
                                  struct error *err);
/* Are digest and cipher good enough? 3DES and SHA-1 only when legacy is true, single DES and MD5 never.
 * ERROR_POLICY "scep-algorithm". */
MUST_USE bool scep_message_algorithms(const struct scep_message *message, bool legacy,
                                      struct error *err);

struct scep_recipient {
    X509 *certificate;
    EVP_PKEY *key;
};
/* The content of the envelope, decrypted by the recipient it names. Whatever is wrong with it - another
 * recipient, the padding of RSA or of the cipher, the length - there is one error, ERROR_MALFORMED
 * "scep-envelope", and the same work is done for it once a recipient was found: the answer is no oracle
 * (Bleichenbacher, Vaudenay). */
MUST_USE bool scep_message_open(struct arena *arena, const struct scep_message *message,
                                const struct scep_recipient *recipients, size_t count,
                                struct view *ret_content, struct error *err);
/* The same for the CSR of an enrolment. The ciphers have no integrity of their own; what shows that a CSR is whole is
 * its signature. So until that is verified - with the CSR's own key or, when `self`, with the signer's, which must be
 * the same (rfc8894#2.3) - each fault has the one error, after as much work: padding, a CSR that cannot be parsed, a
 * key of no known type, another's CSR. tests/bench/scep_open.c measures the work. */
MUST_USE bool scep_message_open_csr(struct arena *arena, const struct scep_message *message,
                                    const struct scep_recipient *recipients, size_t count, bool self,
                                    X509_REQ **ret_csr, struct view *ret_der, struct error *err);
/* The same error, for content that decrypts to nonsense. */
bool scep_envelope_error(struct error *err);

struct scep_reply {
    const struct scep_message *to;
    enum scep_status status;
    enum scep_fail fail;       /* of SCEP_FAILURE */
    const char *fail_text;     /* rfc8894#3.2.1.5, UTF-8, or NULL */
    const struct view *certificates; /* of SCEP_SUCCESS, DER, the asked one first */
    size_t certificate_count;
    struct view crl;           /* or a CRL, DER */
    const char *password;      /* the challenge password, for signers whose key cannot be encrypted to
                                  (rfc8894#3.2): or NULL */
};
/* A CertRep signed by the recipient, encrypted to the asker with the cipher the asker used. ERROR_POLICY
 * "scep-recipient-key" when nothing can be encrypted to the asker. */
MUST_USE bool scep_reply_build(struct arena *arena, const struct scep_reply *reply,
                               const struct scep_recipient *signer, struct view *ret_der,
                               struct error *err);

/* Certificates and CRL in a degenerate SignedData (rfc8894#3.4), DER. */
MUST_USE bool scep_degenerate(struct arena *arena, const struct view *ders, size_t count,
                              struct view crl, struct view *ret_der, struct error *err);
/* rfc8894#4.7.1: the degenerate SignedData, signed. */
MUST_USE bool scep_sign(struct arena *arena, struct view content, const struct scep_recipient *signer,
                        struct view *ret_der, struct error *err);

/* What CertPoll (rfc8894#3.3.3) and GetCert, GetCRL (rfc8894#3.3.4) ask about. Serial as in certificates. */
struct scep_subject {
    X509_NAME *issuer, *subject;
    struct view serial;
};
MUST_USE bool scep_issuer_and_subject(struct arena *arena, struct view der, struct scep_subject *ret,
                                      struct error *err);
MUST_USE bool scep_issuer_and_serial(struct arena *arena, struct view der, struct scep_subject *ret,
                                     struct error *err);

/* internal.c: the attributes' object identifiers, by their last number under 2.16.840.1.113733.1.9 */
enum scep_attribute {
    SCEP_MESSAGE_TYPE = 2,
    SCEP_PKI_STATUS = 3,
    SCEP_FAIL_INFO = 4,
    SCEP_SENDER_NONCE = 5,
    SCEP_RECIPIENT_NONCE = 6,
    SCEP_TRANSACTION_ID = 7,
};
#define SCEP_FAIL_INFO_TEXT "1.3.6.1.5.5.7.24.1"
ASN1_OBJECT *scep_oid(enum scep_attribute attribute); /* the caller frees it */

#endif
