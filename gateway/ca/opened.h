/* Templates, their CAs and the doors that are closed, as requests want them, read and parsed once: a request that
 * comes while nothing has changed costs neither the database nor the parser. For files of this room alone.
 *
 * What this process changes is seen at once (db_rules_changed), what another changes within a second; and what was
 * judged by an older state is not stored: request_insert() refuses it, and the flow judges again. */
#ifndef GATEHOUSE_CA_OPENED_H
#define GATEHOUSE_CA_OPENED_H

#include "ca/request_flow.h"

struct opened_cache;
struct opened_cache *opened_cache_new(void);
void opened_cache_free(struct opened_cache *cache);
struct opened_cache *core_opened_cache(struct core *core);

/* The template of that name with its CA, opened (see flow_open), whoever asks. What ret points to is shared and lives
 * as long as the arena. ERROR_NOT_FOUND; errors of flow_open. */
MUST_USE bool opened_target(struct core *core, struct arena *arena, const char *slug,
                            struct request_context *ret, struct error *err);
/* True when a request was refused because it was judged by an older state: the cache is empty then, and the same may
 * be tried once more. */
bool opened_was_old(struct core *core, const struct error *err);

#endif
