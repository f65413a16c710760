/* A timestamping authority with a key in this process and a clock that the test sets. */
#ifndef TSP_FIXTURE_H
#define TSP_FIXTURE_H

#include "tsp/tsp.h"

struct fixture {
    EVP_PKEY *key;
    X509 *certificate;
    struct tsp_clock *clock;
    struct tsp *tsp;
    const char *document; /* the issuer's rules */
    int64_t last_us;      /* of the order */
    struct uuid id;
    int loads, kept;
    bool away;            /* the database is */
};

/* "EC", "RSA", "Ed25519", "ML-DSA-65". Ends the process when it cannot. */
struct fixture *fixture_new(const char *key_type);
void fixture_free(struct fixture *f);
/* POST to /tsa/demo; false: the error became the answer. */
bool fixture_post(struct fixture *f, struct arena *arena, struct view body, struct http_response *ret,
                  struct error *err);
/* DER of a TimeStampReq over 32 octets 'h' with SHA-256, a nonce and certReq. */
struct view fixture_query(struct arena *arena);

#endif
