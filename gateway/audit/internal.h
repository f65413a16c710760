/* What the files of this room share. */
#ifndef GATEHOUSE_AUDIT_INTERNAL_H
#define GATEHOUSE_AUDIT_INTERNAL_H

#include "audit/audit.h"

#include "base/json.h"
#include "ca/access.h"
#include "rest/handler.h"
#include "x509/handles.h"

/* What is signed: one value a line. */
const char *seal_statement(struct arena *arena, const struct seal *seal,
                           const uint8_t previous[static 32]);
/* SHA-256 of a statement: what the next one names, and what a timestamp token is about. */
void statement_hash(const char *statement, uint8_t ret_hash[static 32]);
MUST_USE bool statement_signed(struct arena *arena, const char *statement, struct view signature,
                               EVP_PKEY *key, struct error *err);

/* Settings of the room, setting "audit". */
struct audit_settings {
    const char *tsa_url; /* NULL: no timestamps */
    int64_t tsa_minutes; /* at most one in so many minutes */
    int64_t version;
};
MUST_USE bool audit_settings_read(struct tx *tx, struct arena *arena, struct audit_settings *ret,
                                  struct error *err);
void audit_settings_write(struct json_writer *w, const struct audit_settings *settings);
MUST_USE bool audit_settings_parse(const struct json *document, struct audit_settings *ret,
                                   struct error *err);

/* Whether a token is about the hash and signed by its own signer (whose chain is for the reader to judge). */
bool timestamp_fits(struct view token, const uint8_t hash[static 32]);

/* Delivers these lines. */
MUST_USE bool stream_deliver(struct core *core, struct arena *arena, const struct event_stream *stream,
                             const struct event *events, size_t count, struct error *err);
/* systemd's journal, in its native protocol: a field a line, found again with `journalctl GATEHOUSE_CODE=...`. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
MUST_USE bool journal_deliver(struct arena *arena, const char *path, const struct event *events, size_t count,
                              struct error *err);
MUST_USE bool stream_check(struct arena *arena, const char *kind, const struct json *settings,
                           struct error *err);
MUST_USE bool audit_streams_run(void *core, struct arena *arena, struct error *err);
const char *stream_secret_place(struct arena *arena, const char *slug);

/* REST of seals: the list, and the lines that one is over. */
HANDLER(seals_list);
HANDLER(seal_events);

#endif
