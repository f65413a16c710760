/* DER (X.690) written from its end to its beginning: every length is known when its header is written, so
 * nothing moves and nothing is measured first. For what is made thousands of times a second (tokens); all
 * that is read goes through OpenSSL's templates.
 *
 *     size_t mark = der_mark(&d);
 *     der_put(&d, 0x04, bytes);           the last member first
 *     der_int(&d, 1);
 *     der_wrap(&d, 0x30, mark);           SEQUENCE { INTEGER 1, OCTET STRING bytes }
 */
#ifndef GATEHOUSE_TSP_DER_H
#define GATEHOUSE_TSP_DER_H

#include "base/arena.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OCTETS = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8 = 0x0c,
    DER_UTC_TIME = 0x17,
    DER_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_TAG_0 = 0xa0,
    DER_TAG_1 = 0xa1,
    DER_TAG_2 = 0xa2,
};

struct der {
    struct arena *arena;
    uint8_t *start, *at, *end;
};

/* `capacity` is a guess; the buffer grows. */
struct der der_on(struct arena *arena, size_t capacity);
/* Octets written so far. */
static inline size_t der_mark(const struct der *d) {
    return (size_t)(d->end - d->at);
}
void der_raw(struct der *d, struct view bytes);
/* Header for what was written since the mark. */
void der_wrap(struct der *d, uint8_t tag, size_t mark);
void der_put(struct der *d, uint8_t tag, struct view content);
void der_int(struct der *d, int64_t value); /* value >= 0 */
static inline struct view der_view(const struct der *d) {
    return (struct view){d->at, (size_t)(d->end - d->at)};
}

#endif
