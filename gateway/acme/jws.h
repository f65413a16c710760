/* Signed messages of ACME: flattened JWS with one signature and no unprotected header
 * (rfc8555#6.2). */
#ifndef GATEHOUSE_ACME_JWS_H
#define GATEHOUSE_ACME_JWS_H

#include "x509/jwk.h"

struct jws {
    const char *alg;
    const char *nonce; /* NULL: none (inner JWS) */
    const char *url;
    const char *kid;           /* NULL: there is a jwk */
    const struct json *jwk;    /* NULL: there is a kid */
    struct view payload;       /* decoded */
    struct view signing_input; /* what is signed: BASE64URL(protected) "." BASE64URL(payload) */
    struct view signature;
};
/* Reads, verifies nothing. ERROR_MALFORMED "bad-jws" names what is wrong. */
MUST_USE bool jws_read(struct arena *arena, struct view body, struct jws *ret, struct error *err);
/* The same for one inside another's payload (key change, external account binding). */
MUST_USE bool jws_read_json(struct arena *arena, const struct json *document, struct jws *ret,
                            struct error *err);
/* HMAC with SHA-256, -384 or -512 (rfc7518#3.2): external account bindings alone. */
bool jws_verify_mac(const struct jws *jws, struct view key);

#endif
