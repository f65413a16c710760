/* Counting by authority, state, end and use, and by text: a number of certificates that an index alone gives, less those
 * whose state is another one. Every other filter is counted as it is listed, see certificate_search.c. */
#include "store/certificate_rows.h"
#include "store/text.h"

#include <string.h>

struct count {
    const struct certificate_filter *filter;
    const struct uuid *ca; /* nil: all */
    struct query query;
};

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

/* No serial number and no fingerprint, which are not among the words. */
static bool is_word(const char *text) {
    return strlen(text) <= SEARCH_TEXT_MAX && strspn(text, "0123456789abcdefABCDEF:- ") != strlen(text);
}

bool certificate_filter_is_plain(const struct certificate_filter *filter) {
    struct certificate_filter rest = *filter;
    rest.use = (enum certificate_use)0;
    rest.expires_after_us = 0;
    if (rest.archived == ARCHIVED_SHOWN)
        rest.archived = ARCHIVED_HIDDEN;
    if (certificate_filter_is_rich(&rest))
        return false;
    return !is_given(filter->text) ||
           (is_word(filter->text) && filter->use == 0 && filter->state == CERTIFICATE_ANY && filter->expires_before_us == 0 &&
            filter->expires_after_us == 0);
}

static bool asks_status(const struct certificate_filter *filter) {
    return filter->state == CERTIFICATE_REVOKED || filter->state == CERTIFICATE_HELD;
}

static bool asks_time(const struct certificate_filter *filter) {
    return filter->state == CERTIFICATE_VALID || filter->state == CERTIFICATE_EXPIRED;
}

static void add(struct count *count, const char *sql, struct param param) {
    query_add(&count->query, sql);
    query_bind(&count->query, param);
}

/* Of certificates, and of revocations, which have these columns, too. */
static void add_window(struct count *count) {
    const struct certificate_filter *f = count->filter;
    if (!uuid_is_nil(*count->ca))
        add(count, " AND c.ca_id = ?", p_uuid(count->ca));
    if (f->expires_before_us != 0)
        add(count, " AND c.not_after_us < ?", p_int(f->expires_before_us));
    if (f->expires_after_us != 0)
        add(count, " AND c.not_after_us >= ?", p_int(f->expires_after_us));
    if (f->state == CERTIFICATE_VALID)
        add(count, " AND c.not_after_us > ?", p_int(f->now_us));
    if (f->state == CERTIFICATE_EXPIRED)
        add(count, " AND c.not_after_us <= ?", p_int(f->now_us));
}

static const char *covering_index(const struct count *count) {
    const struct certificate_filter *f = count->filter;
    return f->use != 0                                    ? "certificates_by_use"
           : !uuid_is_nil(*count->ca)                     ? "certificates_by_ca"
           : f->expires_before_us != 0 || f->expires_after_us != 0 || asks_time(f) ? "certificates_by_expiry"
                                                                                   : "certificates_by_time";
}

static void add_all(struct count *count) {
    query_add(&count->query, "(SELECT COUNT(*) FROM certificates c FORCE INDEX (");
    query_add(&count->query, covering_index(count));
    query_add(&count->query, ") WHERE TRUE");
    if (count->filter->use != 0)
        add(count, " AND c.purpose = ?", p_int(count->filter->use));
    add_window(count);
    query_add(&count->query, ")");
}

/* Of those that are revoked or held now: the newest row of a certificate counts. Service certificates are few and lead, as
 * those that are revoked may be many; `uses` is their condition, NULL: all uses. */
static void add_rows(struct count *count, const char *reasons, const char *uses) {
    if (uses != NULL) {
        query_add(&count->query, "(SELECT COUNT(*) FROM certificates u FORCE INDEX (certificates_by_use) STRAIGHT_JOIN "
                                 "revocations c FORCE INDEX (PRIMARY) ON c.certificate_id = u.id WHERE u.purpose ");
        add(count, uses, p_int(count->filter->use));
    } else {
        query_add(&count->query, uuid_is_nil(*count->ca)
                                     ? "(SELECT COUNT(*) FROM revocations c FORCE INDEX (PRIMARY) WHERE TRUE"
                                     : "(SELECT COUNT(*) FROM revocations c FORCE INDEX (revocations_by_ca) WHERE TRUE");
    }
    query_add(&count->query, " AND c.reason ");
    query_add(&count->query, reasons);
    query_add(&count->query, " AND NOT EXISTS (SELECT 1 FROM revocations n WHERE n.certificate_id = c.certificate_id "
                             "AND n.ordinal = c.ordinal + 1)");
    add_window(count);
    if (asks_status(count->filter) && count->filter->archived == ARCHIVED_HIDDEN)
        query_add(&count->query, " AND NOT EXISTS (SELECT 1 FROM certificate_notes o "
                                 "WHERE o.certificate_id = c.certificate_id AND o.archived_us > 0)");
    query_add(&count->query, ")");
}

static void add_status(struct count *count, const char *reasons) {
    enum certificate_use use = count->filter->use;
    query_add(&count->query, "(");
    add_rows(count, reasons, use == 0 || use == CERTIFICATE_END_ENTITY ? NULL : "= ?");
    if (use == CERTIFICATE_END_ENTITY) {
        query_add(&count->query, " - ");
        add_rows(count, reasons, "> ?");
    }
    query_add(&count->query, ")");
}

/* What is put away, in that state. */
static void add_archived(struct count *count) {
    query_add(&count->query, " - (SELECT COUNT(*) FROM certificate_notes o FORCE INDEX (certificate_notes_by_archive) "
                             "STRAIGHT_JOIN certificates c FORCE INDEX (PRIMARY) ON c.id = o.certificate_id "
                             "WHERE o.archived_us > 0");
    if (count->filter->use != 0)
        add(count, " AND c.purpose = ?", p_int(count->filter->use));
    add_window(count);
    if (asks_time(count->filter))
        query_add(&count->query, " AND COALESCE((SELECT n.reason FROM revocations n WHERE n.certificate_id = c.id "
                                 "ORDER BY n.ordinal DESC LIMIT 1), 8) = 8");
    query_add(&count->query, ")");
}

static void compose(struct count *count) {
    const struct certificate_filter *f = count->filter;
    query_add(&count->query, "SELECT ");
    if (asks_status(f)) {
        add_status(count, f->state == CERTIFICATE_HELD ? "= 6" : "NOT IN (6, 8)");
        return;
    }
    add_all(count);
    if (asks_time(f)) {
        query_add(&count->query, " - ");
        add_status(count, "<> 8");
    }
    if (f->archived == ARCHIVED_HIDDEN)
        add_archived(count);
}

/* All that have a text: a narrow row of each tells. */
static void compose_text(struct count *count, struct arena *arena) {
    add(count, "SELECT COUNT(DISTINCT s.certificate_id) FROM certificate_search s FORCE INDEX (PRIMARY) WHERE s.words LIKE ? "
               "ESCAPE '!'",
        p_blob(search_pattern(arena, text_fold(arena, count->filter->text))));
    if (!uuid_is_nil(*count->ca))
        add(count, " AND s.ca_id = ?", p_uuid(count->ca));
    if (count->filter->archived == ARCHIVED_HIDDEN)
        query_add(&count->query, " AND NOT EXISTS (SELECT 1 FROM certificate_notes o "
                                 "WHERE o.certificate_id = s.certificate_id AND o.archived_us > 0)");
}

static bool count_one(struct tx *tx, struct arena *arena, const struct uuid *ca, const struct certificate_filter *filter,
                      int64_t *sum, struct error *err) {
    struct count count = {.filter = filter, .ca = ca, .query = query_on(arena)};
    int64_t number = 0;
    if (is_given(filter->text))
        compose_text(&count, arena);
    else
        compose(&count);
    TRY(tx_number(tx, query_sql(&count.query), query_params(&count.query), &number, err));
    *sum += number;
    return true;
}

bool certificate_count_plain(struct tx *tx, struct arena *arena, const struct scope *scope,
                             const struct certificate_filter *filter, int64_t *ret_count, struct error *err) {
    const struct uuid nil = {{0}};
    struct uuid *cas;
    size_t count;
    int64_t sum = 0;
    if (scope->everything) {
        TRY(count_one(tx, arena, uuid_is_nil(filter->ca_id) ? &nil : &filter->ca_id, filter, &sum, err));
        *ret_count = sum;
        return true;
    }
    TRY(scope_cas(tx, arena, scope, filter->ca_id, false, &cas, &count, err));
    for (size_t i = 0; i < count; i++)
        TRY(count_one(tx, arena, &cas[i], filter, &sum, err));
    *ret_count = sum;
    return true;
}
