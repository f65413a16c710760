#include "acme/cbor.h"

#define MAX_DEPTH 8

struct reader {
    struct arena *arena;
    struct view rest;
    struct error *err;
};

static bool broken(struct reader *r, const char *what) {
    return fail(r->err, ERROR_MALFORMED, "malformed-cbor", "The attestation is no CBOR: %s.", what);
}

/* rfc8949#3: major type and argument; shortest forms are not asked for, indefinite ones refused. */
static bool head(struct reader *r, unsigned *ret_major, uint64_t *ret_argument) {
    if (r->rest.len == 0)
        return broken(r, "it ends early");
    unsigned first = r->rest.at[0], info = first & 31;
    size_t more = info < 24 ? 0 : (size_t)1 << (info - 24);
    if (info > 27)
        return broken(r, "it has an item of indefinite length");
    if (r->rest.len < 1 + more)
        return broken(r, "it ends early");
    uint64_t argument = more == 0 ? info : 0;
    for (size_t i = 0; i < more; i++)
        argument = argument << 8 | r->rest.at[1 + i];
    r->rest = view_of(r->rest.at + 1 + more, r->rest.len - 1 - more);
    *ret_major = first >> 5;
    *ret_argument = argument;
    return true;
}

static bool item(struct reader *r, unsigned depth, struct cbor *ret) {
    unsigned major;
    uint64_t argument;
    TRY(head(r, &major, &argument));
    *ret = (struct cbor){.type = (enum cbor_type)major, .number = argument};
    if (major > CBOR_MAP)
        return broken(r, "it has a tag or a simple value");
    if (major == CBOR_UNSIGNED || major == CBOR_NEGATIVE)
        return true;
    /* each octet of a string and each item needs at least one octet of the rest */
    if (argument > r->rest.len)
        return broken(r, "it ends early");
    if (major == CBOR_BYTES || major == CBOR_TEXT) {
        ret->bytes = view_of(r->rest.at, (size_t)argument);
        r->rest = view_of(r->rest.at + argument, r->rest.len - (size_t)argument);
        return true;
    }
    if (depth == MAX_DEPTH)
        return broken(r, "it is nested too deeply");
    ret->count = (size_t)argument * (major == CBOR_MAP ? 2 : 1);
    ret->items = arena_array(r->arena, ret->count, sizeof *ret->items);
    for (size_t i = 0; i < ret->count; i++)
        TRY(item(r, depth + 1, &ret->items[i]));
    return true;
}

bool cbor_parse(struct arena *arena, struct view bytes, struct cbor *ret, struct error *err) {
    struct reader r = {.arena = arena, .rest = bytes, .err = err};
    TRY(item(&r, 0, ret));
    return r.rest.len == 0 || broken(&r, "something follows it");
}

const struct cbor *cbor_get(const struct cbor *map, const char *key) {
    if (map == NULL || map->type != CBOR_MAP)
        return NULL;
    for (size_t i = 0; i + 1 < map->count; i += 2)
        if (map->items[i].type == CBOR_TEXT && view_is(map->items[i].bytes, key))
            return &map->items[i + 1];
    return NULL;
}

bool cbor_bytes(const struct cbor *map, const char *key, struct view *ret) {
    const struct cbor *found = cbor_get(map, key);
    if (found == NULL || found->type != CBOR_BYTES)
        return false;
    *ret = found->bytes;
    return true;
}
