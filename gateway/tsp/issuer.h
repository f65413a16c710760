/* Issuers as they are in use: rules and key ready to sign, read again every second, and what an issuer
 * remembers in this process (rates, the clients' passwords that were right a moment ago). */
#ifndef GATEHOUSE_TSP_ISSUER_H
#define GATEHOUSE_TSP_ISSUER_H

#include "tsp/token.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the source gives. */
struct tsp_loaded {
    struct uuid ca_id, organisation_id;
    struct uuid owner_id;    /* of the order: the issuer's id, or the CA's */
    const char *document;    /* the rules, JSON */
    struct uuid identity_id; /* changes with the certificate; nil: compare the certificate */
    struct tsp_identity identity;
};

struct tsp_issuer {
    atomic_uint references;
    struct arena *arena; /* everything below lives on it */
    const char *ca_slug, *name;
    struct uuid ca_id, organisation_id, owner_id;
    struct tsp_profile profile;
    struct tsp_signer signer;
    const char *document;
    int digits;          /* of genTime */
    struct tsp_place *place;
};

/* A token to be kept. */
struct tsp_kept {
    struct view serial, hash, token;
    int64_t at_us;
    const char *address;
};

struct tsp_source;
struct tsp_issuers;

struct tsp_issuers *tsp_issuers_new(void);
void tsp_issuers_free(struct tsp_issuers *issuers);
/* With a reference that the arena drops. ERROR_NOT_FOUND, ERROR_UNAVAILABLE; while the database is away the
 * issuer that was read last goes on for a minute. */
MUST_USE bool tsp_issuer_get(struct tsp_issuers *issuers, const struct tsp_source *source,
                             struct arena *arena, const char *ca_slug, const char *name,
                             struct tsp_issuer **ret, struct error *err);
/* After a change of this node: the next look reads again. */
void tsp_issuers_forget(struct tsp_issuers *issuers);

/* rates.c: ERROR_TOO_MANY "tsa-rate". Per node. */
MUST_USE bool tsp_rate_take(struct tsp_issuer *issuer, const char *address, struct error *err);
/* True when these credentials were right within the last minute; kept as a hash under a key of the process. */
bool tsp_password_known(struct tsp_place *place, const char *username, const char *password);
void tsp_password_learn(struct tsp_place *place, const char *username, const char *password);

/* What stays of an issuer while its rules are read again. Private to issuer.c and rates.c. */
#define TSP_BUCKETS 1024
#define TSP_PASSWORDS 64
struct tsp_bucket {
    uint64_t who; /* keyed hash of the address */
    int64_t filled_us;
    double tokens;
};
struct tsp_place {
    pthread_mutex_t mutex;
    struct tsp_issuer *current; /* or NULL */
    char *ca_slug, *name;
    int64_t loaded_us; /* monotonic */
    unsigned generation;
    bool loading;
    struct tsp_place *next;
    pthread_mutex_t rates;
    struct tsp_bucket whole, buckets[TSP_BUCKETS];
    struct {
        uint8_t hash[32];
        int64_t until_us;
    } passwords[TSP_PASSWORDS];
};

#endif
