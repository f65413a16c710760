#ifndef GATEHOUSE_TLS_INTERNAL_H
#define GATEHOUSE_TLS_INTERNAL_H

#include "ca/own_tls.h"
#include "rest/handler.h"
#include "tls/tls.h"

/* manage.c */
HANDLER(tls_show);
HANDLER(tls_set);
HANDLER(tls_make_csr);
HANDLER(tls_import);
HANDLER(tls_renew_now);
/* challenge.c */
HANDLER(tls_challenge);

/* Answers to http-01 challenges (rfc8555#8.3): kept for a few minutes where every node finds them. */
#define CHALLENGES_MAX 50
struct challenge {
    const char *token, *answer;
};
MUST_USE bool challenges_put(struct core *core, struct arena *arena, const struct challenge *items, size_t count,
                             struct error *err);

/* acme.c: a certificate for use->names, ordered, validated by http-01 and fetched (RFC 8555). Its key is made in the
 * signer. Takes as long as the server does, a minute at most. ERROR_UNAVAILABLE "tls-acme" when the server is away or too
 * slow, ERROR_POLICY "tls-acme" with its words when it refuses. */
struct acme_client_result {
    struct key_record key;
    X509 *certificate; /* the arena drops it */
    struct view chain; /* as in ca_record */
};
MUST_USE bool acme_client_order(struct core *core, struct arena *arena, const struct own_tls_settings *use,
                         struct acme_client_result *ret, struct error *err);

/* acme_jws.c: signed requests to the ACME server. */
struct acme_client {
    struct core *core;
    struct arena *arena;
    const struct own_tls_settings *use;
    const char *new_nonce, *new_account, *new_order; /* of the directory */
    EVP_PKEY *key;          /* the account's, P-256, remote */
    const char *jwk;        /* canonical */
    const char *thumbprint; /* base64url */
    const char *account;    /* its URL; NULL: not known yet */
    const char *nonce;      /* the next one; NULL: ask */
    int64_t until_us;       /* monotonic: then it has taken too long */
};
struct acme_client_answer {
    int status;
    const struct json *document; /* NULL: no JSON object */
    struct view body;
    const char *location;
    int64_t retry_s; /* Retry-After in seconds; 0: none */
};
/* Directory, account key (made the first time) and account. */
MUST_USE bool acme_client_open(struct core *core, struct arena *arena, const struct own_tls_settings *use,
                                struct acme_client *ret, struct error *err);
/* payload NULL: POST-as-GET (rfc8555#6.3). Any status but 2xx is ERROR_POLICY "tls-acme"; step is for the message. */
MUST_USE bool acme_client_post(struct acme_client *session, const char *step, const char *url, const char *payload,
                        struct acme_client_answer *ret, struct error *err);
/* Before asking again; ERROR_UNAVAILABLE when it has taken too long. */
MUST_USE bool acme_client_wait(struct acme_client *session, const char *step, int64_t seconds, struct error *err);

#endif
