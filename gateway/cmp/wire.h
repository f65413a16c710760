/* Writing DER by hand: what goes out is put together from pieces. All on the arena. */
#ifndef GATEHOUSE_CMP_WIRE_H
#define GATEHOUSE_CMP_WIRE_H

#include "x509/handles.h"

#define WIRE_SEQUENCE 0x30u
#define WIRE_UTF8 0x0cu
#define WIRE_OCTETS 0x04u
#define WIRE_EXPLICIT(number) (0xa0u | (number)) /* a context tag, constructed: numbers up to 30 */

struct view wire_wrap(struct arena *arena, unsigned tag, struct view content);
struct view wire_join(struct arena *arena, const struct view *parts, size_t count);
/* A SEQUENCE of what is there: empty parts are OPTIONAL ones that are absent. */
#define WIRE_SEQ(arena, ...)                                                                        \
    wire_wrap(arena, WIRE_SEQUENCE,                                                                  \
             wire_join(arena, (const struct view[]){__VA_ARGS__},                                   \
                      sizeof((const struct view[]){__VA_ARGS__}) / sizeof(struct view)))
/* Empty stays empty. */
struct view wire_tagged(struct arena *arena, unsigned number, struct view content);
struct view wire_int(struct arena *arena, int64_t value);
struct view wire_octets(struct arena *arena, struct view octets);
struct view wire_utf8(struct arena *arena, const char *text);
struct view wire_time(struct arena *arena, int64_t us); /* GeneralizedTime, seconds */
struct view wire_oid(struct arena *arena, int nid);
struct view wire_null(void);
/* BIT STRING with one named bit set (PKIFailureInfo). */
struct view wire_bit(struct arena *arena, unsigned bit);
struct view wire_bits(struct arena *arena, struct view octets);

/* The content of one TLV that fills `der`, whatever its tag; false when it does not. */
bool wire_unwrap(struct view der, unsigned *ret_tag, struct view *ret_content);
/* The first TLV of `*rest` with its tag and all; *rest is what follows. */
bool wire_next(struct view *rest, struct view *ret_tlv);

#endif
