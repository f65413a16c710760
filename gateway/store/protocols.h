/* How a protocol treats a template: one JSON document per template and protocol, read and written whole. The
 * protocol's room knows the document; the store does not. */
#ifndef GATEHOUSE_STORE_PROTOCOLS_H
#define GATEHOUSE_STORE_PROTOCOLS_H

#include "store/db.h"
#include "store/limits.h"

struct protocol_record {
    struct uuid template_id;
    const char *protocol;  /* "scep", "est", "cmp" ... */
    int64_t version;       /* 1, 2 ...; 0: never set */
    const char *document;  /* JSON; "{}" when never set */
    int64_t changed_us;
};
/* Never ERROR_NOT_FOUND: what was never set has version 0. */
MUST_USE bool protocol_get(struct tx *tx, struct arena *arena, struct uuid template_id,
                           const char *protocol, struct protocol_record *ret, struct error *err);
/* record->version is the one the edit is based on; it is stored as the next one. ERROR_CONFLICT
 * "changed-meanwhile". */
MUST_USE bool protocol_put(struct tx *tx, const struct protocol_record *record, struct error *err);

#endif
