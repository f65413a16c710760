/* The timestamping authority as a client reaches it: RFC 3161 and Authenticode, decoded, stamped and answered as in
 * the gateway; a first byte 'E' reads an evidence record, 'N' and 'C' an NTP server's and chronyd's answer.
 * Links: tsp_fixture */
#include "fixture.h"

#include "tsp/ers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void read_others(struct arena *arena, uint8_t kind, struct view bytes) {
    static const uint8_t hash[32];
    struct ers_verdict verdict;
    struct clock_sample sample;
    struct error err = {0};
    struct ers_imprint imprints[] = {{NULL, view_of(hash, sizeof hash)}, {"SHA-256", view_of(hash, sizeof hash)}};
    if (kind == 'E' && ers_verify(arena, bytes, imprints, 2, &verdict, &err))
        abort(); /* nobody has signed evidence about zeros */
    if (kind == 'N' && ntp_read(bytes, 0, 0, 1, &sample, &err) && sample.bound_us < 0)
        abort();
    if (kind == 'C' && chrony_read(bytes, 0, &sample, &err) && sample.bound_us < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    static struct fixture *fixture;
    struct http_response reply;
    struct error err = {0};
    if (fixture == NULL)
        fixture = fixture_new("EC");
    SCOPED_ARENA struct arena *arena = arena_new();
    if (len > 0 && (at[0] == 'E' || at[0] == 'N' || at[0] == 'C')) {
        read_others(arena, at[0], view_of(at + 1, len - 1));
        return 0;
    }
    if (fixture_post(fixture, arena, view_of(at, len), &reply, &err) && (reply.status != 200 || reply.body.len < 5))
        abort();
    return 0;
}
