/* One request on its way through the room. Knows nothing of HTTP. Private to the room. */
#ifndef GATEHOUSE_EST_EXCHANGE_H
#define GATEHOUSE_EST_EXCHANGE_H

#include "ca/enrol.h"
#include "ca/credentials.h"
#include "ca/person_key.h"
#include "est/message.h"
#include "est/settings.h"
#include "store/est.h"

/* How the client has shown who it is; what is not there is NULL or empty. */
struct est_digest {
    const char *realm, *nonce, *uri, *response, *algorithm, *qop, *nc, *cnonce; /* rfc7616#3.4 */
    bool stale;
};
struct est_proof {
    const char *name, *password;   /* rfc7617; of Digest the name alone */
    const char *path;              /* of the request, as it came */
    struct est_digest *digest;     /* or NULL: see digest.h */
    struct view certificate;       /* of TLS: the client holds its key */
    const struct view *chain;      /* what came beside it */
    size_t chain_count;
    struct view tls_exporter, tls_unique;
};

enum est_caller_kind {
    EST_NOBODY,
    EST_USER,       /* by name and password */
    EST_CREDENTIAL, /* by a challenge password */
    EST_OWN,        /* by a certificate of this template */
    EST_DEVICE,     /* by a certificate under a trust anchor */
    EST_RA,
};
struct est_caller {
    enum est_caller_kind kind;
    const char *name;           /* what people see: "est: alice" */
    const char *rule;           /* "user", "challenge", "certificate", "device", "ra" */
    struct actor actor;
    struct uuid requester_id;
    struct credential credential;
    struct certificate_record certificate; /* of EST_OWN */
    X509 *x509;                 /* the client's, or NULL */
    bool approved;
};

struct est_exchange {
    struct core *core;
    struct arena *arena;
    const char *address, *request_id;
    struct est_proof proof;
    struct enrolment_target target;
    struct est_settings settings;
    bool renewal; /* simplereenroll */
    /* of the CSR */
    enum est_form form;
    struct view csr_der;
    X509_REQ *csr;
    const char *challenge; /* its challengePassword when that is no channel binding; a secret; or NULL */
    bool bound;            /* to this TLS connection */
    struct est_caller caller;
    /* of serverkeygen */
    bool keygen;
    struct view symmetric, asymmetric; /* which key is to encrypt the new one (rfc7030#4.4.1), or empty */
    struct person_key key;             /* the one made now */
    struct view key_csr;
    struct est_key_record held;        /* what is stored of it; held.sealed NULL: nothing */
};

/* ERROR_NOT_FOUND when EST is no door of the template. */
MUST_USE bool est_open(struct est_exchange *x, const char *slug, struct error *err);
/* caller.c: which way in the client has chosen, without checking it: EST_USER, EST_CREDENTIAL, or, for any
 * certificate, EST_DEVICE. ERROR_UNAUTHENTICATED "authentication-needed". */
MUST_USE bool est_choose(struct est_exchange *x, enum est_caller_kind *ret_kind, struct error *err);
/* Fills x->caller. ERROR_UNAUTHENTICATED, ERROR_FORBIDDEN, ERROR_TOO_MANY. */
MUST_USE bool est_authenticate(struct est_exchange *x, enum est_caller_kind kind, struct error *err);
/* names.c: may this caller ask for the names in the CSR? *ret_proposal: the names to keep, or NULL.
 * ERROR_POLICY "est-names". */
MUST_USE bool est_check_names(struct est_exchange *x, const struct json **ret_proposal, struct error *err);

/* simpleenroll and simplereenroll. ret_certificate stays empty while somebody has to approve: ask again with the
 * same CSR after settings.retry_s. Every refusal is an event. */
MUST_USE bool est_enrol(struct est_exchange *x, struct view body, struct view *ret_certificate,
                        struct error *err);
/* serverkeygen: the same with a key that is made here (x->keygen). */
struct est_made {
    struct view certificate; /* empty: waiting, as above */
    struct view key;         /* PKCS#8, or ContentInfo when `encrypted`; a secret */
    bool encrypted;
};
MUST_USE bool est_make(struct est_exchange *x, struct view body, struct est_made *ret, struct error *err);

/* keygen.c, steps of it: what the CSR says beside names; */
MUST_USE bool est_read_wishes(struct est_exchange *x, struct error *err);
/* the key, and the CSR that stands for it; */
MUST_USE bool est_prepare_key(struct est_exchange *x, struct error *err);
/* its row, with the request; */
MUST_USE bool est_store_key(struct tx *tx, struct est_exchange *x, struct uuid request_id,
                            struct error *err);
/* x->held for a request that was made before; */
MUST_USE bool est_find_key(struct est_exchange *x, struct uuid request_id, struct error *err);
/* true: it was given out long ago, so who asks again gets another; */
bool est_key_is_over(const struct est_exchange *x);
/* whoever asks again must be who asked before: a key is worth more than the certificate that simpleenroll repeats; */
MUST_USE bool est_same_caller(struct est_exchange *x, enum est_caller_kind kind, struct error *err);
/* and the key on its way. */
MUST_USE bool est_deliver_key(struct est_exchange *x, struct est_made *ret, struct error *err);

/* message.h's csrattrs and serverkeygen: the type that stands first in the template, or NULL. */
const char *est_wanted_key(const struct template *template);

/* The CA's chain, and what a roll-over needs (rfc7030#4.1.3), as certs-only PKCS #7 in DER. */
MUST_USE bool est_ca_certificates(struct est_exchange *x, struct view *ret_der, struct error *err);

#endif
