/* The audit trail behind the events: seals (batches of events under one signature), archives, streams. */
#ifndef GATEHOUSE_STORE_SEALS_H
#define GATEHOUSE_STORE_SEALS_H

#include "store/events.h"

#define SEAL_MOST_EVENTS 5000

struct seal {
    int64_t number; /* 1, 2, 3 ... */
    int64_t created_us, first_us, last_us;
    int64_t events;
    struct view ids; /* 16 octets each, in the order of the leaves */
    uint8_t root[32];
    const char *statement;
    struct uuid key_id;
    struct view signature, token; /* token empty: none */
};
/* ERROR_CONFLICT "exists" when another node has made that number. */
MUST_USE bool seal_insert(struct tx *tx, const struct seal *seal, struct error *err);
/* number 0 in *ret when there is none. */
MUST_USE bool seal_last(struct tx *tx, struct arena *arena, struct seal *ret, struct error *err);
/* From this number on, at most `limit`, oldest first. */
MUST_USE bool seal_list(struct tx *tx, struct arena *arena, int64_t from, unsigned limit,
                        struct seal **ret_items, size_t *ret_count, struct error *err);
/* Those whose last event is not before this time, at most `limit`, oldest first. */
MUST_USE bool seal_list_since(struct tx *tx, struct arena *arena, int64_t since_us, unsigned limit,
                              struct seal **ret_items, size_t *ret_count, struct error *err);
/* When the last one with a token was made; 0: never. */
MUST_USE bool seal_last_token(struct tx *tx, int64_t *ret_us, struct error *err);

struct event_key {
    struct uuid id;
    int64_t at_us;
};
/* Ids and times of the events in (since, until], oldest first, at most `limit`. */
MUST_USE bool event_keys(struct tx *tx, struct arena *arena, int64_t since_us, int64_t until_us,
                         unsigned limit, struct event_key **ret_items, size_t *ret_count,
                         struct error *err);

struct event_archive {
    int64_t first_seal, last_seal, events;
    uint8_t sha256[32];
    int64_t created_us;
};
MUST_USE bool archive_list(struct tx *tx, struct arena *arena, struct event_archive **ret_items,
                           size_t *ret_count, struct error *err);
/* Needs the schema's owner: the application's account may neither add archives nor delete events. */
MUST_USE bool archive_insert(struct tx *tx, const struct event_archive *archive, struct error *err);

struct event_stream {
    const char *slug, *kind; /* "syslog", "http", "journal", "log" */
    bool enabled;
    const char *settings;    /* JSON */
    const char *secret;      /* sealed, or "" */
    int64_t position;        /* the last seal that was delivered */
    const char *failure;     /* "" when the last delivery went well */
    int64_t failed_us, delivered_us, created_us;
};
MUST_USE bool stream_insert(struct tx *tx, const struct event_stream *stream, struct error *err);
MUST_USE bool stream_update(struct tx *tx, const struct event_stream *stream, struct error *err);
MUST_USE bool stream_delete(struct tx *tx, const char *slug, struct error *err);
MUST_USE bool stream_all(struct tx *tx, struct arena *arena, struct event_stream **ret_items,
                         size_t *ret_count, struct error *err);
MUST_USE bool stream_by_slug(struct tx *tx, struct arena *arena, const char *slug,
                             struct event_stream *ret, struct error *err);
/* Notes a delivery (failure "") or a failure. */
MUST_USE bool stream_note(struct tx *tx, const char *slug, int64_t position, const char *failure,
                          int64_t now_us, struct error *err);

#endif
