/* The timestamping authority:
 *   POST /tsa/{ca}, /tsa/{ca}/{issuer}   application/timestamp-query (RFC 3161), or the base64 of an
 *                                        Authenticode request, told apart by content
 *   GET  the same                        a page of help
 * Every active CA has an issuer without a name that works by itself; more of them, and their rules, are made
 * over REST (manage.c). */
#ifndef GATEHOUSE_TSP_TSP_H
#define GATEHOUSE_TSP_TSP_H

#include "ca/service.h"
#include "http/types.h"
#include "tsp/clock.h"
#include "tsp/issuer.h"

struct tsp;

/* What the authority asks of the core; a table, so that tests and the fuzzer stand in its place. */
struct tsp_source {
    /* The issuer's rules and key; everything in it lives on the arena. */
    bool (*load)(void *context, struct arena *arena, const char *ca_slug, const char *issuer,
                 struct tsp_loaded *ret, struct error *err);
    /* The next time of an issuer that keeps an order. */
    bool (*order)(void *context, struct arena *arena, struct uuid owner_id, int64_t now_us,
                  int64_t *ret_us, struct error *err);
    /* Keeps a token before it is handed out. */
    bool (*keep)(void *context, const struct tsp_issuer *issuer, const struct tsp_kept *kept,
                 struct error *err);
    /* ERROR_UNAUTHENTICATED, ERROR_FORBIDDEN. */
    bool (*password)(void *context, const struct http_request *request, const char *username,
                     const char *password, struct error *err);
    /* A client certificate that this CA has issued and not revoked; else ERROR_FORBIDDEN. */
    bool (*client)(void *context, struct arena *arena, struct view der, const char *ca_slug,
                   struct error *err);
    void *context;
};
struct tsp_source tsp_source_core(struct core *core);

/* The clock is borrowed. */
struct tsp *tsp_new(const struct tsp_source *source, struct tsp_clock *clock);
void tsp_free(struct tsp *tsp); /* after the listeners have stopped; NULL is accepted */
struct http_room tsp_room(struct tsp *tsp);
/* After a change of an issuer or its certificate on this node. */
void tsp_forget(struct tsp *tsp);
struct tsp_clock *tsp_clock_of(struct tsp *tsp);

/* Since the start, of this node. */
struct tsp_counts {
    uint64_t granted, authenticode, refused, unavailable, denied;
};
struct tsp_counts tsp_counts(struct tsp *tsp);

/* One token for a hash, as if asked over HTTP by somebody who may: for evidence records. */
MUST_USE bool tsp_stamp(struct tsp *tsp, struct arena *arena, const char *ca_slug, const char *issuer,
                        const struct tsp_query *query, const char *address, struct view *ret_token,
                        int64_t *ret_time_us, struct error *err);

/* What a change of the clock leaves in the event stream; a changed function of tsp_clock_new, its context is
 * the core. */
void tsp_clock_note(void *core, const struct clock_state *state);

#endif
