/* A PKIMessage (RFC 9810): taken apart, and put together. Knows neither HTTP nor the database. */
#ifndef GATEHOUSE_CMP_MESSAGE_H
#define GATEHOUSE_CMP_MESSAGE_H

#include "base/json.h"
#include "cmp/asn1.h"
#include "cmp/wire.h"

#define CMP_MESSAGE_MAX ((size_t)512 * 1024)
#define CMP_CERTS_MAX 16         /* in extraCerts */
#define CMP_TRANSACTION_MAX 64   /* octets */
#define CMP_NONCE_MAX 64
#define CMP_REQUESTS_MAX 16      /* in one message: certificates asked for, confirmed, polled, revoked */
#define CMP_NESTED_MAX 8

enum cmp_body { /* tags of PKIBody */
    CMP_IR = 0, CMP_IP = 1, CMP_CR = 2, CMP_CP = 3, CMP_P10CR = 4, CMP_KUR = 7, CMP_KUP = 8,
    CMP_RR = 11, CMP_RP = 12, CMP_PKICONF = 19, CMP_NESTED = 20, CMP_GENM = 21, CMP_GENP = 22,
    CMP_ERROR_BODY = 23, CMP_CERTCONF = 24, CMP_POLLREQ = 25, CMP_POLLREP = 26,
    CMP_BODY_COUNT = 27,
};
const char *cmp_body_name(int body); /* "ir" ...; "body 5" is "unknown" */

enum cmp_status { CMP_ACCEPTED = 0, CMP_MODIFIED = 1, CMP_REJECTED = 2, CMP_WAITING = 3 };
enum cmp_fail { /* bits of PKIFailureInfo, rfc9810#5.2.3 */
    CMP_BAD_ALG = 0, CMP_BAD_MESSAGE_CHECK = 1, CMP_BAD_REQUEST = 2, CMP_BAD_TIME = 3, CMP_BAD_CERT_ID = 4,
    CMP_BAD_DATA_FORMAT = 5, CMP_WRONG_AUTHORITY = 6, CMP_INCORRECT_DATA = 7, CMP_MISSING_TIME_STAMP = 8,
    CMP_BAD_POP = 9, CMP_CERT_REVOKED = 10, CMP_CERT_CONFIRMED = 11, CMP_WRONG_INTEGRITY = 12,
    CMP_BAD_RECIPIENT_NONCE = 13, CMP_BAD_SENDER_NONCE = 18, CMP_BAD_CERT_TEMPLATE = 19,
    CMP_SIGNER_NOT_TRUSTED = 20, CMP_TRANSACTION_IN_USE = 21, CMP_UNSUPPORTED_VERSION = 22,
    CMP_NOT_AUTHORIZED = 23, CMP_SYSTEM_UNAVAIL = 24, CMP_SYSTEM_FAILURE = 25, CMP_DUPLICATE_CERT_REQ = 26,
    CMP_NO_FAIL = -1,
};
const char *cmp_fail_name(int fail);

/* A received message. Everything lives on the arena it was decoded with. */
struct cmp_message {
    struct view der;
    CMP_MESSAGE *whole;
    CMP_HEADER *header;
    int body;            /* tag of PKIBody */
    struct view content; /* what is inside that tag, DER */
    int version;
    struct view transaction_id, sender_nonce, recip_nonce, sender_kid; /* empty when absent */
    bool implicit_confirm; /* asked for in generalInfo */
};
/* DER alone and all of it. ERROR_MALFORMED "malformed-cmp" names the part that cannot be read, ERROR_TOO_LARGE
 * "malformed-cmp". Of the body only tag and outer length are looked at. */
MUST_USE bool cmp_decode(struct arena *arena, struct view der, struct cmp_message *ret, struct error *err);
/* The header's rules for what a client sends, rfc9483#3.1 and 3.5: version 2 or 3, transaction ID and sender nonce
 * of 8 to 64 octets. ret_fail: which PKIFailureInfo says so. */
MUST_USE bool cmp_check_header(const struct cmp_message *message, int64_t now_us, int64_t tolerance_s,
                               enum cmp_fail *ret_fail, struct error *err);

/* --- answers: pieces of bodies, DER ------------------------------------------------------------------ */

/* PKIStatusInfo; text NULL: none; fail CMP_NO_FAIL: none. */
struct view cmp_status_info(struct arena *arena, enum cmp_status status, const char *text, enum cmp_fail fail);
struct view cmp_error_body(struct arena *arena, enum cmp_fail fail, const char *text);
/* CertResponse. key_pair: CertifiedKeyPair or empty. */
struct view cmp_cert_response(struct arena *arena, int64_t id, struct view status, struct view key_pair);
struct view cmp_cert_rep(struct arena *arena, const struct view *ca_pubs, size_t ca_pub_count,
                         struct view responses);
/* PollRepContent's one entry. */
struct view cmp_poll_rep(struct arena *arena, int64_t id, int64_t check_after_s, const char *reason);
struct view cmp_info(struct arena *arena, int nid, struct view value); /* InfoTypeAndValue; empty: none */
struct view cmp_directory_name(struct arena *arena, const X509_NAME *name); /* GeneralName */

struct cmp_answer {
    int version;
    int body;
    struct view content; /* inside the body's tag */
    struct view sender, recipient; /* GeneralName, DER */
    struct view transaction_id, sender_nonce, recip_nonce, sender_kid;
    bool implicit_confirm;
    int64_t confirm_until_us; /* 0: no confirmWaitTime */
    int64_t now_us;
    struct view extra_certs;  /* certificates, DER, one after the other */
};
/* Header with the AlgorithmIdentifier of the protection (empty: none), and the body, ready for cmp_seal. */
struct view cmp_header_der(struct arena *arena, const struct cmp_answer *answer, struct view algorithm);
struct view cmp_body_der(struct arena *arena, const struct cmp_answer *answer);
struct view cmp_assemble(struct arena *arena, const struct cmp_answer *answer, struct view header,
                         struct view body, struct view protection);

#endif
