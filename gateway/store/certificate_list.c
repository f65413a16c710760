/* Lists of certificates, quick on a million of them: first the ids of one page, by walking narrow
 * indexes newest first, CA by CA; then the rows of these ids. Which index is walked depends on the
 * filter:
 *
 *   revoked, held    revocations, which are few
 *   expires_before   the index by expiry: the window is small, and sorted afterwards
 *   text             certificate_search, one narrow row a certificate: a text that matches often
 *                    fills the page at once; one that matches nothing reads all of a CA's rows (a million:
 *                    about half a second). With "expired" or an end, a text that matches often is looked
 *                    up for each certificate instead
 *   other filters    see certificate_search.c
 *   else             certificates_by_ca or, for the whole instance, certificates_by_time
 *
 * Other orders than newest first: see list_sorted.
 * A text of hexadecimal digits is also looked up as a serial number or the beginning of a
 * fingerprint. */
#include "store/certificate_rows.h"
#include "store/text.h"

#include <string.h>

#define LIST 'c'
#define LIST_BY_END 'x'

/* The reason of the newest row, 8 (not revoked) when there is none. */
#define REASON_NOW                                                                                 \
    "COALESCE((SELECT n.reason FROM revocations n WHERE n.certificate_id = c.id "                  \
    "ORDER BY n.ordinal DESC LIMIT 1), 8)"

static const char sql_walk_time[] =
    "SELECT c.id FROM certificates c FORCE INDEX (certificates_by_time) WHERE c.id < ?";
static const char sql_walk_ca[] =
    "SELECT c.id FROM certificates c FORCE INDEX (certificates_by_ca) WHERE c.id < ?";
static const char sql_walk_expiry[] =
    "SELECT c.id FROM certificates c FORCE INDEX (certificates_by_expiry) WHERE c.id < ?";
#define MATCHES "s.words LIKE ? ESCAPE '!'"
static const char sql_walk_search[] =
    "SELECT DISTINCT s.certificate_id FROM certificate_search s FORCE INDEX (PRIMARY) "
    "WHERE s.certificate_id < ? AND " MATCHES;
static const char sql_search_certificate[] =
    " AND EXISTS (SELECT 1 FROM certificates c FORCE INDEX (certificates_by_ca) "
    "WHERE c.ca_id = s.ca_id AND c.id = s.certificate_id";
static const char sql_walk_serial[] =
    "SELECT c.id FROM certificates c FORCE INDEX (certificates_by_serial) WHERE c.id < ?";
static const char sql_walk_fingerprint[] =
    "SELECT c.id FROM certificates c FORCE INDEX (certificates_by_fingerprint) WHERE c.id < ?";
/* Named c, so that the conditions on certificates fit. Only the newest row of a certificate counts.
 */
static const char sql_walk_revoked[] =
    "SELECT c.certificate_id FROM revocations c FORCE INDEX (revocations_by_ca) "
    "WHERE c.certificate_id < ?";
static const char sql_walk_revoked_all[] =
    "SELECT c.certificate_id FROM revocations c FORCE INDEX (PRIMARY) WHERE c.certificate_id < ?";
static const char sql_newest_row[] =
    " AND NOT EXISTS (SELECT 1 FROM revocations n WHERE n.certificate_id = c.certificate_id "
    "AND n.ordinal = c.ordinal + 1)";
static const char sql_search_revoked[] =
    " AND EXISTS (SELECT 1 FROM certificate_search s WHERE s.ca_id = c.ca_id "
    "AND s.certificate_id = c.certificate_id AND " MATCHES ")";
static const char sql_certificate_matches[] =
    " AND EXISTS (SELECT 1 FROM certificate_search s WHERE s.ca_id = c.ca_id "
    "AND s.certificate_id = c.id AND " MATCHES ")";
/* What is put away is not shown; few are, so this is a look into a small table. */
static const char sql_not_archived[] =
    " AND NOT EXISTS (SELECT 1 FROM certificate_notes o WHERE o.certificate_id = c.id "
    "AND o.archived_us > 0)";
static const char sql_search_not_archived[] =
    " AND NOT EXISTS (SELECT 1 FROM certificate_notes o WHERE o.certificate_id = s.certificate_id "
    "AND o.archived_us > 0)";
static const char sql_revoked_not_archived[] =
    " AND NOT EXISTS (SELECT 1 FROM certificate_notes o WHERE o.certificate_id = c.certificate_id "
    "AND o.archived_us > 0)";
static const char sql_by_ids[] = CERTIFICATE_SELECT("''", "PRIMARY") "c.id IN ";
static const char sql_by_ids_whole[] = CERTIFICATE_SELECT("c.der", "PRIMARY") "c.id IN ";

struct search {
    struct tx *tx;
    struct arena *arena;
    const struct certificate_filter *filter;
    struct uuid before;
    unsigned limit;
    struct view text; /* folded, as a LIKE pattern; empty: none */
    struct view hex;  /* the text as octets; empty when it is no hexadecimal number */
    struct keys *keys;
};

static bool is_status_filter(const struct search *search) {
    return search->filter->state == CERTIFICATE_REVOKED ||
           search->filter->state == CERTIFICATE_HELD;
}

static void add_ca(struct query *query, const struct uuid *ca, const char *condition) {
    if (uuid_is_nil(*ca))
        return;
    query_add(query, condition);
    query_bind(query, p_uuid(ca));
}

static void add_expiry(const struct search *search, struct query *query) {
    const struct certificate_filter *filter = search->filter;
    if (filter->expires_before_us != 0) {
        query_add(query, " AND c.not_after_us < ?");
        query_bind(query, p_int(filter->expires_before_us));
    }
    if (filter->state == CERTIFICATE_VALID) {
        query_add(query, " AND c.not_after_us > ?");
        query_bind(query, p_int(filter->now_us));
    }
    if (filter->state == CERTIFICATE_EXPIRED) {
        query_add(query, " AND c.not_after_us <= ?");
        query_bind(query, p_int(filter->now_us));
    }
}

/* Conditions on certificates c. */
static void add_state(const struct search *search, struct query *query) {
    add_expiry(search, query);
    switch (search->filter->state) {
    case CERTIFICATE_ANY:
        break;
    case CERTIFICATE_VALID:
    case CERTIFICATE_EXPIRED:
        query_add(query, " AND " REASON_NOW " = 8");
        break;
    case CERTIFICATE_REVOKED:
        query_add(query, " AND " REASON_NOW " NOT IN (6, 8)");
        break;
    case CERTIFICATE_HELD:
        query_add(query, " AND " REASON_NOW " = 6");
        break;
    }
}

static bool finish(const struct search *search, struct query *query, const char *order,
                   struct error *err) {
    query_add(query, order);
    query_bind(query, p_int((int64_t)search->limit + 1));
    return keys_collect(search->keys, search->tx, query, false, err);
}

static void add_text(const struct search *search, struct query *query) {
    if (search->text.len == 0)
        return;
    query_add(query, sql_certificate_matches);
    query_bind(query, p_blob(search->text));
}

/* The ids of a window of expiry come from the index alone and are sorted; what became of each
 * certificate is looked up piece by piece, until the page is full. The window is read once for all ids that it
 * may take, so what is rare in it does not read it again and again. */
#define WINDOW_FIRST 500
#define WINDOW_MOST 32000
#define PIECE 500

static bool read_window(const struct search *search, const struct uuid *ca, struct uuid before, size_t most,
                        struct keys *window, struct error *err) {
    struct query query = query_on(search->arena);
    query_add(&query, sql_walk_expiry);
    query_bind(&query, p_uuid(&before));
    add_ca(&query, ca, " AND c.ca_id = ?");
    add_expiry(search, &query);
    query_add(&query, " ORDER BY c.id DESC LIMIT ?");
    query_bind(&query, p_int((int64_t)most));
    return keys_collect(window, search->tx, &query, false, err);
}

static bool add_piece(const struct search *search, const struct uuid *ids, size_t count, struct error *err) {
    struct query query = query_on(search->arena);
    query_add(&query, "SELECT c.id FROM certificates c FORCE INDEX (PRIMARY) WHERE c.id IN ");
    query_ids(&query, ids, count);
    query_add(&query, " AND " REASON_NOW " = 8");
    query_add(&query, sql_not_archived);
    add_text(search, &query);
    return finish(search, &query, " ORDER BY c.id DESC LIMIT ?", err);
}

static bool walk_window(const struct search *search, const struct uuid *ca, struct error *err) {
    struct uuid before = search->before;
    size_t had = search->keys->count, most = WINDOW_FIRST;
    struct keys window;
    do {
        window = (struct keys){.arena = search->arena};
        TRY(read_window(search, ca, before, most, &window, err));
        struct uuid *ids = keys_ids(&window);
        for (size_t from = 0; from < window.count; from += PIECE) {
            size_t count = window.count - from < PIECE ? window.count - from : PIECE;
            TRY(add_piece(search, ids + from, count, err));
            if (search->keys->count - had > search->limit)
                return true;
        }
        if (window.count < most)
            return true;
        before = ids[window.count - 1];
        most = most < WINDOW_MOST / 4 ? most * 4 : WINDOW_MOST;
    } while (true);
}

static bool walk_certificates(const struct search *search, const struct uuid *ca,
                              struct error *err) {
    struct query query = query_on(search->arena);
    if (search->filter->expires_before_us != 0 && search->filter->state == CERTIFICATE_VALID)
        return walk_window(search, ca, err);
    query_add(&query, uuid_is_nil(*ca) ? sql_walk_time : sql_walk_ca);
    query_bind(&query, p_uuid(&search->before));
    add_ca(&query, ca, " AND c.ca_id = ?");
    add_state(search, &query);
    query_add(&query, sql_not_archived);
    add_text(search, &query);
    return finish(search, &query, " ORDER BY c.id DESC LIMIT ?", err);
}

static bool walk_revocations(const struct search *search, const struct uuid *ca,
                             struct error *err) {
    struct query query = query_on(search->arena);
    query_add(&query, uuid_is_nil(*ca) ? sql_walk_revoked_all : sql_walk_revoked);
    query_bind(&query, p_uuid(&search->before));
    add_ca(&query, ca, " AND c.ca_id = ?");
    query_add(&query, search->filter->state == CERTIFICATE_HELD ? " AND c.reason = 6"
                                                                : " AND c.reason NOT IN (6, 8)");
    add_expiry(search, &query);
    query_add(&query, sql_newest_row);
    query_add(&query, sql_revoked_not_archived);
    if (search->text.len > 0) {
        query_add(&query, sql_search_revoked);
        query_bind(&query, p_blob(search->text));
    }
    return finish(search, &query, " ORDER BY c.certificate_id DESC LIMIT ?", err);
}

static bool walk_search(const struct search *search, const struct uuid *ca, struct error *err) {
    struct query query = query_on(search->arena);
    query_add(&query, sql_walk_search);
    query_bind(&query, p_uuid(&search->before));
    query_bind(&query, p_blob(search->text));
    add_ca(&query, ca, " AND s.ca_id = ?");
    if (search->filter->state != CERTIFICATE_ANY || search->filter->expires_before_us != 0) {
        query_add(&query, sql_search_certificate);
        add_state(search, &query);
        query_add(&query, ")");
    }
    query_add(&query, sql_search_not_archived);
    return finish(search, &query, " ORDER BY s.certificate_id DESC LIMIT ?", err);
}

/* The least octets above every one that begins with the prefix. */
static struct view after_prefix(struct arena *arena, struct view prefix) {
    uint8_t *next = arena_alloc(arena, prefix.len + 33);
    memcpy(next, prefix.at, prefix.len);
    memset(next + prefix.len, 0xff, 33); /* longer than any fingerprint: nothing is equal */
    return view_of(next, prefix.len + 33);
}

static bool walk_numbers(const struct search *search, const struct uuid *ca, struct error *err) {
    struct query serial = query_on(search->arena), fingerprint = query_on(search->arena);
    if (search->hex.len == 0)
        return true;
    query_add(&serial, sql_walk_serial);
    query_bind(&serial, p_uuid(&search->before));
    query_add(&serial, " AND c.serial = ?");
    query_bind(&serial, p_blob(der_number(search->arena, search->hex)));
    add_ca(&serial, ca, " AND c.ca_id = ?");
    add_state(search, &serial);
    query_add(&serial, sql_not_archived);
    TRY(finish(search, &serial, " ORDER BY c.id DESC LIMIT ?", err));

    if (search->hex.len > 32)
        return true;
    query_add(&fingerprint, sql_walk_fingerprint);
    query_bind(&fingerprint, p_uuid(&search->before));
    query_add(&fingerprint, " AND c.fingerprint_sha256 >= ? AND c.fingerprint_sha256 < ?");
    query_bind(&fingerprint, p_blob(search->hex));
    query_bind(&fingerprint, p_blob(after_prefix(search->arena, search->hex)));
    add_ca(&fingerprint, ca, " AND c.ca_id = ?");
    add_state(search, &fingerprint);
    query_add(&fingerprint, sql_not_archived);
    return finish(search, &fingerprint, " ORDER BY c.id DESC LIMIT ?", err);
}

bool search_is_frequent(struct tx *tx, struct arena *arena, const struct uuid *ca, struct view pattern, bool *ret_frequent,
                        struct error *err) {
    struct query query = query_on(arena);
    int64_t count = 0;
    query_add(&query, "SELECT COUNT(*) FROM (SELECT c.id, c.ca_id FROM certificates c FORCE INDEX (");
    query_add(&query, uuid_is_nil(*ca) ? "certificates_by_time) WHERE TRUE" : "certificates_by_ca) WHERE TRUE");
    add_ca(&query, ca, " AND c.ca_id = ?");
    query_add(&query, " ORDER BY c.id DESC LIMIT 1000) k STRAIGHT_JOIN certificate_search s FORCE INDEX (PRIMARY) "
                      "ON s.ca_id = k.ca_id AND s.certificate_id = k.id WHERE " MATCHES);
    query_bind(&query, p_blob(pattern));
    TRY(tx_number(tx, query_sql(&query), query_params(&query), &count, err));
    *ret_frequent = count >= 10;
    return true;
}

static bool walk(const struct search *search, const struct uuid *ca, struct error *err) {
    bool by_text = search->text.len > 0, frequent = false;
    if (by_text)
        TRY(walk_numbers(search, ca, err));
    if (is_status_filter(search))
        return walk_revocations(search, ca, err);
    /* Most of the newest are valid. */
    if (by_text && (search->filter->state == CERTIFICATE_EXPIRED || search->filter->expires_before_us != 0))
        TRY(search_is_frequent(search->tx, search->arena, ca, search->text, &frequent, err));
    return by_text && !frequent ? walk_search(search, ca, err) : walk_certificates(search, ca, err);
}

/* "%text%", with "!" before what LIKE would understand. */
struct view search_pattern(struct arena *arena, const char *text) {
    struct buffer pattern = buffer_on(arena);
    buffer_add_byte(&pattern, '%');
    for (; *text != '\0'; text++) {
        if (strchr("!%_", *text) != NULL)
            buffer_add_byte(&pattern, '!');
        buffer_add_byte(&pattern, (uint8_t)*text);
    }
    buffer_add_byte(&pattern, '%');
    return buffer_view(&pattern);
}

/* The filter's text: folded for names; as octets when it is a hexadecimal number of four digits or
 * more, as people copy them ("0A:1B:2C", "0a 1b 2c"). */
static bool read_text(struct search *search, struct error *err) {
    const char *text = search->filter->text;
    if (text == NULL || text[0] == '\0')
        return true;
    const char *folded = text_fold(search->arena, text);
    if (strlen(text) > SEARCH_TEXT_MAX || strlen(folded) > SEARCH_TEXT_MAX)
        return fail(err, ERROR_MALFORMED, "too-long",
                    "The search text is longer than %zu octets; shorten it.", SEARCH_TEXT_MAX);
    search->text = search_pattern(search->arena, folded);
    char *digits = arena_alloc(search->arena, strlen(text) + 1);
    size_t count = 0;
    for (; *text != '\0'; text++)
        if (strchr(": -", *text) == NULL)
            digits[count++] = *text;
    if (count < 4 || !hex_decode(search->arena, view_of(digits, count), &search->hex))
        search->hex = (struct view){NULL, 0};
    return true;
}

static bool collect(const struct search *search, const struct scope *scope, struct error *err) {
    const struct uuid nil = {{0}};
    struct uuid *cas;
    size_t count;
    /* The text search walks a table that is sorted by CA first, so it goes CA by CA even for
     * everything. */
    bool by_ca = !scope->everything || !uuid_is_nil(search->filter->ca_id) ||
                 (search->text.len > 0 && !is_status_filter(search));
    if (!by_ca)
        return walk(search, &nil, err);
    TRY(scope_cas(search->tx, search->arena, scope, search->filter->ca_id, false, &cas, &count,
                  err));
    for (size_t i = 0; i < count; i++)
        TRY(walk(search, &cas[i], err));
    return true;
}

bool certificate_by_ids(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count, bool want_der,
                        struct certificate_record **ret_items, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    size_t found = 0;
    struct certificate_record *items = arena_array(arena, count + 1, sizeof *items);
    if (count > 0) {
        query_add(&query, want_der ? sql_by_ids_whole : sql_by_ids);
        query_ids(&query, ids, count);
        query_add(&query, " ORDER BY c.id DESC");
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (found < count && rows_next(&rows))
            certificate_row_read(&rows, &items[found++]);
        TRY(rows_close(&rows, err));
    }
    *ret_items = items;
    *ret_count = found;
    return true;
}

/* --- other orders
 * -------------------------------------------------------------------------------------------- */

/* What so many at most fit is taken whole and sorted; of what more fit a page fills quickly along the order's index. */
#define FEW 5000

static bool is_plain(const struct search *search, const struct scope *scope) {
    const struct certificate_filter *filter = search->filter;
    return !scope->own_only && !certificate_filter_is_rich(filter) && search->text.len == 0 && !is_status_filter(search) &&
           (certificate_sorts_by_end(filter) || filter->expires_before_us == 0);
}

static bool find_few(struct search *search, const struct scope *scope, bool *ret_many, struct error *err) {
    memset(search->before.bytes, 0xff, sizeof search->before.bytes);
    search->limit = FEW;
    if (scope->own_only || certificate_filter_is_rich(search->filter))
        TRY(certificate_search(search->tx, scope, search->filter, search->before, FEW, search->keys, err));
    else
        TRY(collect(search, scope, err));
    *ret_many = search->keys->count > FEW;
    return true;
}

/* The keys of these ids in the filter's order, of those behind `after` alone. */
static bool sort_few(const struct search *search, const struct uuid *ids, size_t count, const struct key *after,
                     struct keys *keys, struct error *err) {
    for (size_t from = 0; from < count; from += PAGE_MAX) {
        struct query query = query_on(search->arena);
        query_add(&query, certificate_sorts_by_end(search->filter)
                              ? "SELECT " SORT_TIME ", c.id FROM certificates c FORCE INDEX (PRIMARY) WHERE c.id IN "
                              : "SELECT 0, c.id FROM certificates c FORCE INDEX (PRIMARY) WHERE c.id IN ");
        query_ids(&query, ids + from, count - from < PAGE_MAX ? count - from : PAGE_MAX);
        TRY(keys_collect(keys, search->tx, &query, true, err));
    }
    keys_behind(keys, after);
    return true;
}

static bool list_sorted(struct search *search, const struct scope *scope, const struct page *page, struct keys *keys,
                        const char **ret_next, struct error *err) {
    struct page by = *page;
    char list = certificate_sorts_by_end(search->filter) ? LIST_BY_END : LIST;
    struct view cursor;
    struct key after;
    bool many = true;
    by.oldest_first = keys->oldest_first =
        search->filter->sort == CERTIFICATE_OLDEST || search->filter->sort == CERTIFICATE_ENDS_FIRST;
    TRY(page_start(search->arena, &by, page_letter(&by, list), sizeof after.bytes, &cursor, err));
    memset(after.bytes, by.oldest_first ? 0 : 0xff, sizeof after.bytes);
    if (cursor.len > 0)
        memcpy(after.bytes, cursor.at, sizeof after.bytes);
    TRY(read_text(search, err));
    if (!is_plain(search, scope))
        TRY(find_few(search, scope, &many, err));
    if (many)
        TRY(certificate_search_along(search->tx, scope, search->filter, &after, page->limit, keys, err));
    else
        TRY(sort_few(search, keys_ids(search->keys), search->keys->count, &after, keys, err));
    keys_page(keys, &by, list, 0, ret_next);
    return true;
}

/* Rows come newest first. */
static void put_in_order(struct arena *arena, const struct keys *keys, struct certificate_record *items, size_t count) {
    struct certificate_record *old = arena_array(arena, count + 1, sizeof *old);
    size_t put = 0;
    if (count > 0)
        memcpy(old, items, count * sizeof *old);
    for (size_t i = 0; i < keys->count; i++)
        for (size_t k = 0; k < count; k++)
            if (uuid_equal(old[k].id, key_id(&keys->at[i])))
                items[put++] = old[k];
}

static bool list_newest(struct search *search, const struct scope *scope, const struct page *page, const char **ret_next,
                        struct error *err) {
    TRY(page_before(search->arena, page, LIST, &search->before, err));
    if (scope->own_only || certificate_filter_is_rich(search->filter)) {
        TRY(certificate_search(search->tx, scope, search->filter, search->before, page->limit, search->keys, err));
    } else {
        TRY(read_text(search, err));
        TRY(collect(search, scope, err));
    }
    keys_page(search->keys, page, LIST, KEY_TIME_SIZE, ret_next);
    return true;
}

bool certificate_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                      const struct certificate_filter *filter, const struct page *page,
                      struct certificate_record **ret_items, size_t *ret_count,
                      const char **ret_next, struct error *err) {
    struct keys keys = {.arena = arena};
    struct search search = {
        .tx = tx, .arena = arena, .filter = filter, .limit = page->limit, .keys = &keys};
    struct keys sorted = {.arena = arena};
    const char *next;
    if (filter->sort == CERTIFICATE_NEWEST) {
        TRY(list_newest(&search, scope, page, &next, err));
        sorted = keys;
    } else {
        TRY(list_sorted(&search, scope, page, &sorted, &next, err));
    }
    TRY(certificate_by_ids(tx, arena, keys_ids(&sorted), sorted.count, false, ret_items, ret_count, err));
    if (filter->sort != CERTIFICATE_NEWEST)
        put_in_order(arena, &sorted, *ret_items, *ret_count);
    *ret_next = next;
    return true;
}
