/* Related certificates (RFC 9763): a CSR that names another certificate of the same holder and proves its key, too. */
#ifndef GATEHOUSE_X509_RELATED_H
#define GATEHOUSE_X509_RELATED_H

#include "base/arena.h"
#include "x509/handles.h"

#define RELATED_ATTRIBUTE "1.2.840.113549.1.9.16.2.60" /* id-aa-relatedCertRequest */

/* What the attribute says, on the arena. The locations of the certificate are read and not followed. */
struct related_request {
    const X509_NAME *issuer;
    struct view serial;       /* big-endian, as in certificates */
    int64_t at_us;            /* when it was made (rfc6019: seconds) */
    struct view proven;       /* what is signed: the DER of name with number, and of the time */
    struct view signature;
};
/* *ret_there false: the CSR has no such attribute. ERROR_MALFORMED "related-certificate". */
MUST_USE bool related_read(struct arena *arena, const X509_REQ *csr, struct related_request *ret,
                           bool *ret_there, struct error *err);
bool related_asked(const X509_REQ *csr);
/* rfc9763#3: the certificate is the one named, its key has signed, not more than `fresh_seconds` from now, and it is
 * another key than the CSR's. ERROR_POLICY "related-certificate". */
MUST_USE bool related_check(const struct related_request *request, const X509 *certificate,
                            const X509_REQ *csr, int64_t now_us, int64_t fresh_seconds,
                            struct error *err);

#endif
