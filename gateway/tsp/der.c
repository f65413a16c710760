#include "tsp/der.h"

#include <string.h>

struct der der_on(struct arena *arena, size_t capacity) {
    uint8_t *start = arena_alloc(arena, capacity);
    return (struct der){arena, start, start + capacity, start + capacity};
}

/* Room for `more` octets before what there is. */
static void reserve(struct der *d, size_t more) {
    size_t used = der_mark(d);
    if ((size_t)(d->at - d->start) >= more)
        return;
    size_t capacity = 2 * (used + more);
    uint8_t *start = arena_alloc(d->arena, capacity);
    memcpy(start + capacity - used, d->at, used);
    *d = (struct der){d->arena, start, start + capacity - used, start + capacity};
}

void der_raw(struct der *d, struct view bytes) {
    if (bytes.len == 0)
        return;
    reserve(d, bytes.len);
    d->at -= bytes.len;
    memcpy(d->at, bytes.at, bytes.len);
}

/* Definite form, the shortest (X.690 10.1). */
void der_wrap(struct der *d, uint8_t tag, size_t mark) {
    size_t len = der_mark(d) - mark;
    reserve(d, 2 + sizeof len);
    if (len < 128) {
        *--d->at = (uint8_t)len;
    } else {
        uint8_t octets = 0;
        for (; len > 0; len >>= 8, octets++)
            *--d->at = (uint8_t)(len & 0xff);
        *--d->at = 0x80 | octets;
    }
    *--d->at = tag;
}

void der_put(struct der *d, uint8_t tag, struct view content) {
    size_t mark = der_mark(d);
    der_raw(d, content);
    der_wrap(d, tag, mark);
}

void der_int(struct der *d, int64_t value) {
    uint8_t octets[9];
    size_t at = sizeof octets;
    do {
        octets[--at] = (uint8_t)(value & 0xff);
        value >>= 8;
    } while (value > 0);
    if ((octets[at] & 0x80) != 0)
        octets[--at] = 0;
    der_put(d, DER_INTEGER, view_of(octets + at, sizeof octets - at));
}
