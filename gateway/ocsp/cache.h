/* Ready OCSP answers, bounded in bytes, sharded so that threads seldom meet. The key is the CA and
 * the bytes of the whole request: what was decoded and answered once is found again without
 * decoding. */
#ifndef GATEHOUSE_OCSP_CACHE_H
#define GATEHOUSE_OCSP_CACHE_H

#include "base/clock.h"
#include "base/uuid.h"
#include "ca/status.h"
#include "http/types.h"

#include <stdatomic.h>

/* A request about one certificate has about 70 to 190 bytes; longer ones are not kept. */
#define OCSP_CACHE_KEY_MAX 256

struct ocsp_answer {
    /* --- set by who makes it --- */
    _Atomic int64_t epoch; /* of the CA when the status was read */
    int64_t made_us;       /* before then it is not served: the clock was ahead */
    int64_t refresh_us;    /* from then on a new one is made */
    int64_t next_update_us;
    struct status_answer status;
    char etag[2 + 32 + 1];                                       /* with its quotes */
    char last_modified[HTTP_DATE_SIZE], expires[HTTP_DATE_SIZE]; /* IMF-fixdate, rfc9110#5.6.7 */
    char slug[64]; /* of the CA */
    /* --- the cache's --- */
    atomic_uint references;
    atomic_uint hits; /* since it was made */
    struct uuid ca_id;
    uint64_t hash;
    struct ocsp_answer *chain, *newer, *older;
    size_t key_len, der_len;
    uint8_t bytes[]; /* the key, then the response */
};

static inline struct view ocsp_answer_der(const struct ocsp_answer *answer) {
    return view_of(answer->bytes + answer->key_len, answer->der_len);
}

struct ocsp_cache;

struct ocsp_cache *ocsp_cache_new(size_t max_bytes);
void ocsp_cache_free(struct ocsp_cache *cache);

/* One reference for the caller. Copies key and response. */
struct ocsp_answer *ocsp_answer_new(struct uuid ca_id, struct view key, struct view der);
void ocsp_answer_release(struct ocsp_answer *answer);

/* With a reference for the caller, or NULL. The caller decides whether epoch and time still do. */
struct ocsp_answer *ocsp_cache_find(struct ocsp_cache *cache, struct uuid ca_id, struct view key);
/* Takes a reference of its own; replaces what stood under the same key, drops the longest unused.
 */
void ocsp_cache_put(struct ocsp_cache *cache, struct ocsp_answer *answer);
/* Up to `max` answers that were found at least `hits` times and are to be made anew before `before_us`, each with a
 * reference for the caller. */
size_t ocsp_cache_busy(struct ocsp_cache *cache, unsigned hits, int64_t before_us,
                       struct ocsp_answer **ret_answers, size_t max);
/* Bytes held now; for tests. */
size_t ocsp_cache_bytes(struct ocsp_cache *cache);

#endif
