/* HTTP Digest (RFC 7616) with the secrets of the template's MAC credentials, which are kept sealed and not hashed:
 * for clients that send no password even inside of TLS. Private to the room. */
#ifndef GATEHOUSE_EST_DIGEST_H
#define GATEHOUSE_EST_DIGEST_H

#include "est/exchange.h"

#define EST_REALM "Gatehouse EST"

/* The value of Authorization behind "Digest ". ERROR_UNAUTHENTICATED "authentication-needed" for what rfc7616#3.4
 * does not allow, or an algorithm that the template does not take. */
MUST_USE bool est_digest_read(struct est_exchange *x, const char *text, struct error *err);
/* What `response` must be under this secret, in lower-case hexadecimal. */
const char *est_digest_response(const struct est_exchange *x, struct view secret);
/* x->proof.digest under this secret? ERROR_UNAUTHENTICATED "bad-challenge"; x->proof.digest->stale when the nonce
 * is too old or nobody's, and a client may try again with a new one. */
MUST_USE bool est_digest_verify(struct est_exchange *x, struct view secret, struct error *err);
/* Values of WWW-Authenticate, best first; *ret_count 0 when the template takes no Digest. */
MUST_USE bool est_digest_challenges(struct est_exchange *x, const char *ret[static 2], size_t *ret_count,
                                    struct error *err);

#endif
