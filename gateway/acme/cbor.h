/* CBOR (RFC 8949), as much as attestation statements use: definite lengths, integers, strings,
 * arrays, maps. */
#ifndef GATEHOUSE_ACME_CBOR_H
#define GATEHOUSE_ACME_CBOR_H

#include "base/arena.h"
#include "base/error.h"

enum cbor_type { CBOR_UNSIGNED, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP };
struct cbor {
    enum cbor_type type;
    uint64_t number;    /* CBOR_NEGATIVE: -1 - number */
    struct view bytes;  /* of strings; borrowed */
    struct cbor *items; /* CBOR_MAP: key, value, key, value ... */
    size_t count;       /* of items */
};
/* Nothing may follow. ERROR_MALFORMED "malformed-cbor". */
MUST_USE bool cbor_parse(struct arena *arena, struct view bytes, struct cbor *ret,
                         struct error *err);
/* The value of a text key, or NULL. */
const struct cbor *cbor_get(const struct cbor *map, const char *key);
/* The bytes under a key; false when there are none. */
bool cbor_bytes(const struct cbor *map, const char *key, struct view *ret);

#endif
