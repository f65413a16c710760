#include "ocsp/internal.h"

#include "base/log.h"

#define BUSY_HITS 4
#define BUSY_MAX 10000

static void make_again(struct ocsp_responder *responder, const struct ocsp_answer *old) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response response = {.arena = arena};
    struct exchange x = {.responder = responder,
                         .response = &response,
                         .arena = arena,
                         .slug = old->slug,
                         .der = view_of(old->bytes, old->key_len),
                         .now_us = clock_now_us(),
                         .ahead = true};
    struct error err = {0};
    if (!ocsp_exchange(&x, &err)) /* who asks will be told; the old one goes on to its half */
        log_failure(LOG_DEBUG, "ocsp", old->slug, &err);
}

bool ocsp_make_ahead(void *context, struct arena *arena, struct error *err) {
    struct ocsp_responder *responder = context;
    struct ocsp_answer **busy = arena_array(arena, BUSY_MAX, sizeof(struct ocsp_answer *));
    size_t count = ocsp_cache_busy(responder->cache, BUSY_HITS, clock_now_us() + 2 * OCSP_AHEAD_US, busy, BUSY_MAX);
    (void)err;
    for (size_t i = 0; i < count; i++) {
        make_again(responder, busy[i]);
        ocsp_answer_release(busy[i]);
    }
    return true;
}
