/* The OCSP responder as a client reaches it: a first byte 'P' posts the rest, anything else is the
 * tail of a GET's path. Decoding, look-up, signing and cache run as in the gateway. */
#include "fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    static struct fixture *fixture;
    if (fixture == NULL)
        fixture = fixture_new("fixed");
    if (len == 0)
        return 0;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    if (at[0] == 'P')
        fixture_post(fixture, arena, "demo", view_of(at + 1, len - 1), &reply);
    else
        fixture_get(fixture, arena, "demo", arena_text(arena, view_of(at, len)), NULL, &reply);
    if (reply.status != 200 || reply.body.len < 5)
        abort();
    return 0;
}
