/* What lists have in common: statements put together from constant pieces and bound values, scopes, pages
 * and cursors. Private to this room. */
#ifndef GATEHOUSE_STORE_QUERY_H
#define GATEHOUSE_STORE_QUERY_H

#include "base/buffer.h"
#include "store/scope.h"
#include "store/sql.h"

/* Room for one more item after `count`: the array, or a larger copy of it. */
void *grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t item_size)
    __attribute__((returns_nonnull));

struct query {
    struct buffer sql;
    struct param *params;
    size_t count, capacity;
};

static inline struct query query_on(struct arena *arena) {
    return (struct query){.sql = buffer_on(arena)};
}
/* A constant piece; the values for its question marks follow by query_bind. */
void query_add(struct query *query, const char *sql);
void query_bind(struct query *query, struct param param);
/* "(?,?,...)" with the ids; the number of marks is rounded up (the last id is repeated), so that few
 * different statements are prepared. At least one id. */
void query_ids(struct query *query, const struct uuid *ids, size_t count);
/* A condition: the row belongs to one of the scope's organisations or CAs. ca_column NULL: what belongs to
 * no CA, only whole organisations show it. Both columns are constants. */
void query_scope(struct query *query, const struct scope *scope, const char *organisation_column,
                 const char *ca_column);
const char *query_sql(struct query *query);
static inline struct params query_params(const struct query *query) {
    return (struct params){query->params, query->count};
}

/* The CAs of the scope, deleted ones too unless live_only; `only` not nil: at most that one. */
MUST_USE bool scope_cas(struct tx *tx, struct arena *arena, const struct scope *scope,
                        struct uuid only, bool live_only, struct uuid **ret_ids, size_t *ret_count,
                        struct error *err);

/* Who uses something, for the refusal to delete it: the names that the query gives (one column, NAMES_ASKED rows at most) as
 * "a, b, c and others"; "" when there are none. */
#define NAMES_ASKED "4"
MUST_USE bool names_of(struct tx *tx, struct arena *arena, const char *sql, struct params params, const char **ret_names,
                       struct error *err);

/* Cursors: base64url of a letter (which list) and the sort key of the last item that was shown. */
#define PAGE_MAX 500
/* Checks the limit (ERROR_MALFORMED "bad-limit") and reads the cursor (ERROR_MALFORMED "bad-cursor"): the
 * key is empty for the first page, else of key_len octets; key_len 0: text of up to 255 octets. */
MUST_USE bool page_start(struct arena *arena, const struct page *page, char list, size_t key_len,
                         struct view *ret_key, struct error *err);
/* The same for lists by id: the id before which the page begins (behind which, where the page is oldest first). Pages of
 * the two directions do not take each other's cursors. */
MUST_USE bool page_before(struct arena *arena, const struct page *page, char list,
                          struct uuid *ret_before, struct error *err);
const char *page_next(struct arena *arena, char list, struct view key);
/* The list's letter in cursors of that direction. */
char page_letter(const struct page *page, char list);

/* Sort keys of lists that show the newest first: a time (0 where the id alone sorts) and an id. */
#define KEY_TIME_SIZE 8
struct key {
    uint8_t bytes[24];
};
struct key key_of(int64_t at_us, struct uuid id);
struct uuid key_id(const struct key *key);
int64_t key_time(const struct key *key);

/* Collects keys of several sources, each newest first, or each oldest first. */
struct keys {
    struct arena *arena;
    bool oldest_first;
    struct key *at;
    size_t count, capacity;
};
/* Runs a query of two columns (time, id) or one (id) and adds its rows. */
MUST_USE bool keys_collect(struct keys *keys, struct tx *tx, struct query *query, bool with_time,
                           struct error *err);
/* Drops what is not behind the key, in the direction of the keys. */
void keys_behind(struct keys *keys, const struct key *after);
/* Sorts, drops doubles, cuts to the page; *ret_next is the next page's cursor or NULL. The
 * cursor leaves the first key_skip octets of the key out (KEY_TIME_SIZE where the time is always 0). */
void keys_page(struct keys *keys, const struct page *page, char list, size_t key_skip,
               const char **ret_next);
struct uuid *keys_ids(const struct keys *keys);

#endif
