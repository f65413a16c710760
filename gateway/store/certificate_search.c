/* Lists of certificates by name, owner, tag, template, key, door, requester and their combinations.
 * One index leads, the narrowest by its nature; every other condition is looked up for what the
 * index gives. */
#include "store/certificate_rows.h"
#include "store/text.h"

#include <string.h>

/* So many matches of a beginning are sorted; when there are more, pages fill quickly from the
 * newest. */
#define FEW 5000

#define JOIN_CERTIFICATES(id) " STRAIGHT_JOIN certificates c FORCE INDEX (PRIMARY) ON c.id = " id
#define REASON_NOW                                                                                 \
    "COALESCE((SELECT n.reason FROM revocations n WHERE n.certificate_id = c.id "                  \
    "ORDER BY n.ordinal DESC LIMIT 1), 8)"

struct search {
    struct tx *tx;
    struct arena *arena;
    const struct scope *scope;
    const struct certificate_filter *filter;
    struct query query;
    struct view from, to; /* the range of a name's beginning or (reversed) end */
    bool reversed, frequent;
    bool few_revoked; /* few are revoked (or held), and that state is asked for */
    bool rare_text;
    bool counts;        /* a number is asked for, in no order */
    bool thin;          /* c has the columns of revocations alone */
    const char *narrow; /* the index of a column whose value few certificates have, or NULL */
    const char *leading;
};

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

bool certificate_filter_is_rich(const struct certificate_filter *f) {
    return is_given(f->name) || is_given(f->subject) || is_given(f->email) || f->serial.len > 0 ||
           f->fingerprint_sha256.len > 0 || !uuid_is_nil(f->template_id) || is_given(f->key_type) ||
           is_given(f->door) || is_given(f->requester) || is_given(f->owner) || is_given(f->tag) ||
           f->use != 0 || f->archived != ARCHIVED_HIDDEN || !uuid_is_nil(f->requester_id) ||
           f->expires_after_us != 0;
}

struct view name_key(struct arena *arena, const char *name) {
    struct view key = view_text(text_fold(arena, name));
    if (key.len > NAME_KEY_MAX)
        key.len = NAME_KEY_MAX;
    return key;
}

struct view name_key_reversed(struct arena *arena, struct view key) {
    uint8_t *reversed = arena_alloc(arena, key.len + 1);
    for (size_t i = 0; i < key.len; i++)
        reversed[i] = key.at[key.len - 1 - i];
    return view_of(reversed, key.len);
}

/* Above everything that begins with the prefix. */
static struct view after(struct arena *arena, struct view prefix) {
    uint8_t *next = arena_alloc(arena, NAME_KEY_MAX + 1);
    memset(next, 0xff, NAME_KEY_MAX + 1);
    memcpy(next, prefix.at, prefix.len);
    return view_of(next, NAME_KEY_MAX + 1);
}

static void add(struct search *s, const char *sql, struct param param) {
    query_add(&s->query, sql);
    query_bind(&s->query, param);
}

/* --- the index that leads
 * ------------------------------------------------------------------------- */

static bool count_matches(struct search *s, const char *sql, struct view from, struct view to,
                          bool *ret_many, struct error *err) {
    int64_t count = 0;
    TRY(tx_number(s->tx, sql, PARAMS(p_blob(from), p_blob(to), p_int(FEW + 1)), &count, err));
    *ret_many = count > FEW;
    return true;
}

/* Rare beginnings and ends lead by their index. Frequent ones (s->frequent) do not: then pages fill
 * quickly from the newest certificate, each looked up. */
static bool read_part(struct search *s, struct error *err) {
    static const char count_name[] =
        "SELECT COUNT(*) FROM (SELECT 1 FROM certificate_names d "
        "FORCE INDEX (certificate_names_by_name) WHERE d.name >= ? AND d.name < ? LIMIT ?) k";
    static const char count_reversed[] =
        "SELECT COUNT(*) FROM (SELECT 1 FROM certificate_names d FORCE INDEX "
        "(certificate_names_by_reversed) WHERE d.reversed >= ? AND d.reversed < ? LIMIT ?) k";
    if (!is_given(s->filter->name) || s->filter->match == NAME_EXACT)
        return true;
    s->reversed = s->filter->match == NAME_SUFFIX;
    s->from = name_key(s->arena, s->filter->name);
    if (s->reversed)
        s->from = name_key_reversed(s->arena, s->from);
    s->to = after(s->arena, s->from);
    return count_matches(s, s->reversed ? count_reversed : count_name, s->from, s->to, &s->frequent,
                         err);
}

static void lead_by_part(struct search *s) {
    query_add(&s->query, "SELECT DISTINCT d.certificate_id FROM certificate_names d FORCE INDEX (");
    query_add(&s->query,
              s->reversed ? "certificate_names_by_reversed" : "certificate_names_by_name");
    query_add(&s->query, ")" JOIN_CERTIFICATES("d.certificate_id"));
    add(s, s->reversed ? " WHERE d.reversed >= ?" : " WHERE d.name >= ?", p_blob(s->from));
    add(s, s->reversed ? " AND d.reversed < ?" : " AND d.name < ?", p_blob(s->to));
}

static void lead_by_name(struct search *s) {
    if (s->filter->match != NAME_EXACT)
        lead_by_part(s);
    else
        add(s,
            "SELECT DISTINCT d.certificate_id FROM certificate_names d "
            "FORCE INDEX (certificate_names_by_name)" JOIN_CERTIFICATES(
                "d.certificate_id") " WHERE d.name = ?",
            p_blob(name_key(s->arena, s->filter->name)));
}

/* A state that few are in leads, whatever else is asked. */
static bool read_status(struct search *s, struct error *err) {
    static const char count_held[] = "SELECT COUNT(*) FROM (SELECT 1 FROM revocations r FORCE INDEX (revocations_by_reason) "
                                     "WHERE r.reason = 6 LIMIT ?) k";
    static const char count_revoked[] = "SELECT COUNT(*) FROM (SELECT 1 FROM revocations r FORCE INDEX (revocations_by_reason) "
                                        "WHERE r.reason NOT IN (6, 8) LIMIT ?) k";
    enum certificate_state state = s->filter->state;
    int64_t count = 0;
    if (state != CERTIFICATE_REVOKED && state != CERTIFICATE_HELD)
        return true;
    if (!s->counts)
        TRY(tx_number(s->tx, state == CERTIFICATE_HELD ? count_held : count_revoked, PARAMS(p_int(FEW + 1)), &count, err));
    s->few_revoked = s->counts || count <= FEW;
    return true;
}

/* To be counted no certificate is read, for its row is wide: what else is asked, narrow indexes know. */
static void lead_by_status_alone(struct search *s) {
    s->thin = true;
    query_add(&s->query, "SELECT c.id FROM (SELECT r.certificate_id AS id, r.ca_id, r.serial, r.not_after_us FROM revocations r "
                         "FORCE INDEX (revocations_by_reason) WHERE NOT EXISTS (SELECT 1 FROM revocations n "
                         "WHERE n.certificate_id = r.certificate_id AND n.ordinal = r.ordinal + 1) AND r.reason ");
    query_add(&s->query, s->filter->state == CERTIFICATE_HELD ? "= 6) c WHERE TRUE" : "NOT IN (6, 8)) c WHERE TRUE");
}

static void lead_by_status(struct search *s) {
    if (s->counts && s->filter->use == 0 && !is_given(s->filter->subject)) {
        lead_by_status_alone(s);
        return;
    }
    query_add(&s->query, "SELECT DISTINCT d.certificate_id FROM revocations d FORCE INDEX "
                         "(revocations_by_reason)" JOIN_CERTIFICATES("d.certificate_id"));
    query_add(&s->query, s->filter->state == CERTIFICATE_HELD ? " WHERE d.reason = 6" : " WHERE d.reason NOT IN (6, 8)");
}

/* A text that hardly any certificate has leads, too: it reads a narrow row of each certificate, and no wide one. A number in
 * hexadecimal may be a serial number, which is not among the words. */
static bool read_rarity(struct search *s, struct error *err) {
    const char *text = s->filter->text;
    struct view digits;
    bool frequent = true;
    if (is_given(text) && strlen(text) <= SEARCH_TEXT_MAX && !hex_decode(s->arena, view_text(text), &digits))
        TRY(search_is_frequent(s->tx, s->arena, &s->filter->ca_id, search_pattern(s->arena, text_fold(s->arena, text)),
                               &frequent, err));
    s->rare_text = !frequent;
    return true;
}

static void lead_by_text(struct search *s) {
    add(s,
        "SELECT DISTINCT d.certificate_id FROM certificate_search d FORCE INDEX (PRIMARY)" JOIN_CERTIFICATES(
            "d.certificate_id") " WHERE d.words LIKE ? ESCAPE '!'",
        p_blob(search_pattern(s->arena, text_fold(s->arena, s->filter->text))));
    if (!uuid_is_nil(s->filter->ca_id))
        add(s, " AND d.ca_id = ?", p_uuid(&s->filter->ca_id));
}

/* A table of its own that leads to certificates; its id column is d.certificate_id. */
static void lead_by_table(struct search *s) {
    const struct certificate_filter *f = s->filter;
    if (is_given(f->name) && !s->frequent)
        lead_by_name(s);
    else if (is_given(f->email))
        add(s,
            "SELECT DISTINCT d.certificate_id FROM certificate_names d FORCE INDEX "
            "(certificate_names_by_name)" JOIN_CERTIFICATES(
                "d.certificate_id") " WHERE d.kind = 3 AND d.name = ?",
            p_blob(name_key(s->arena, f->email)));
    else if (is_given(f->tag))
        add(s,
            "SELECT d.certificate_id FROM certificate_tags d FORCE INDEX "
            "(PRIMARY)" JOIN_CERTIFICATES("d.certificate_id") " WHERE d.tag = ?",
            p_text(f->tag));
    else if (is_given(f->owner))
        add(s,
            "SELECT d.certificate_id FROM certificate_notes d FORCE INDEX "
            "(certificate_notes_by_owner)" JOIN_CERTIFICATES(
                "d.certificate_id") " WHERE d.owner_folded = ?",
            p_text(text_fold(s->arena, f->owner)));
    else if (f->archived == ARCHIVED_ONLY)
        query_add(&s->query, "SELECT d.certificate_id FROM certificate_notes d FORCE INDEX "
                             "(certificate_notes_by_archive)" JOIN_CERTIFICATES(
                                 "d.certificate_id") " WHERE d.archived_us > 0");
    else if (uuid_is_nil(f->requester_id) && !s->scope->own_only)
        s->few_revoked ? lead_by_status(s) : lead_by_text(s);
    else
        add(s,
            "SELECT d.certificate_id FROM requests d FORCE INDEX "
            "(requests_by_requester)" JOIN_CERTIFICATES(
                "d.certificate_id") " WHERE d.requester_id = ?",
            p_uuid(uuid_is_nil(f->requester_id) ? &s->scope->actor : &f->requester_id));
}

/* Of several columns one may have a value that few certificates have. */
static bool read_columns(struct search *s, struct error *err) {
    const struct certificate_filter *f = s->filter;
    const struct {
        const char *index, *sql;
        struct param value;
        bool given;
    } columns[] = {
        {"certificates_by_requester",
         "SELECT COUNT(*) FROM (SELECT 1 FROM certificates c FORCE INDEX (certificates_by_requester) "
         "WHERE c.requester = ? LIMIT ?) k",
         p_text(f->requester), is_given(f->requester)},
        {"certificates_by_template_time",
         "SELECT COUNT(*) FROM (SELECT 1 FROM certificates c FORCE INDEX (certificates_by_template_time) "
         "WHERE c.template_id = ? LIMIT ?) k",
         p_uuid(&f->template_id), !uuid_is_nil(f->template_id)},
        {"certificates_by_door",
         "SELECT COUNT(*) FROM (SELECT 1 FROM certificates c FORCE INDEX (certificates_by_door) WHERE c.door = ? LIMIT ?) k",
         p_text(f->door), is_given(f->door)},
        {"certificates_by_key_type",
         "SELECT COUNT(*) FROM (SELECT 1 FROM certificates c FORCE INDEX (certificates_by_key_type) "
         "WHERE c.key_type = ? LIMIT ?) k",
         p_text(f->key_type), is_given(f->key_type)},
    };
    size_t given = 0;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        given += columns[i].given;
    given += given > 0 && (is_given(f->text) || s->frequent || f->state != CERTIFICATE_ANY ||
                           (f->expires_after_us != 0 && f->expires_before_us != 0));
    for (size_t i = 0; given > 1 && s->narrow == NULL && i < sizeof columns / sizeof columns[0]; i++) {
        int64_t count = FEW + 1;
        if (columns[i].given)
            TRY(tx_number(s->tx, columns[i].sql, PARAMS(columns[i].value, p_int(FEW + 1)), &count, err));
        if (count <= FEW)
            s->narrow = columns[i].index;
    }
    return true;
}

/* Of service certificates, unlike those that are issued, there are few. */
static bool has_narrow_index(const struct certificate_filter *f) {
    return f->serial.len > 0 || f->fingerprint_sha256.len > 0 || (f->use != 0 && f->use != CERTIFICATE_END_ENTITY);
}

static bool leads_by_table(const struct search *s) {
    const struct certificate_filter *f = s->filter;
    return (is_given(f->name) && !s->frequent) || is_given(f->email) || is_given(f->tag) ||
           is_given(f->owner) || f->archived == ARCHIVED_ONLY || !uuid_is_nil(f->requester_id) ||
           s->scope->own_only || ((s->few_revoked || s->rare_text) && !has_narrow_index(f));
}

/* Without an order the window of an end, too, is quicker than a column that many have in common. */
static const char *leading_index(const struct search *s) {
    const struct certificate_filter *f = s->filter;
    bool ends = s->counts && ((f->expires_after_us && f->expires_before_us) || f->state == CERTIFICATE_EXPIRED);
    return f->serial.len > 0                             ? "certificates_by_serial"
           : f->fingerprint_sha256.len > 0               ? "certificates_by_fingerprint"
           : has_narrow_index(f)                         ? "certificates_by_use"
           : s->narrow != NULL                           ? s->narrow
           : ends                                        ? "certificates_by_expiry"
           : is_given(f->requester)                      ? "certificates_by_requester"
           : !uuid_is_nil(f->template_id)                ? "certificates_by_template_time"
           : is_given(f->door)                           ? "certificates_by_door"
           : is_given(f->key_type)                       ? "certificates_by_key_type"
           : f->expires_after_us && f->expires_before_us ? "certificates_by_expiry"
           : !uuid_is_nil(f->ca_id)                      ? "certificates_by_ca"
                                                         : "certificates_by_time";
}

static bool lead(struct search *s, const char **ret_id, struct error *err) {
    TRY(read_part(s, err) && read_status(s, err));
    if (!has_narrow_index(s->filter) && !s->few_revoked)
        TRY(read_rarity(s, err));
    if (leads_by_table(s)) {
        *ret_id = "d.certificate_id";
        lead_by_table(s);
        return true;
    }
    TRY(read_columns(s, err));
    *ret_id = "c.id";
    s->leading = leading_index(s);
    query_add(&s->query, "SELECT c.id FROM certificates c FORCE INDEX (");
    query_add(&s->query, s->leading);
    query_add(&s->query, ") WHERE TRUE");
    return true;
}

/* --- every condition on c
 * ------------------------------------------------------------------------- */

/* The index of that column leads, or tells when certificates are counted: a page looks at few rows, a count at many. */
static void add_column(struct search *s, const char *column, const char *index, struct param value) {
    bool leads = s->leading != NULL && strcmp(s->leading, index) == 0;
    bool aside = s->counts && !leads;
    const char *sql =
        aside ? arena_printf(s->arena,
                             " AND EXISTS (SELECT 1 FROM certificates x FORCE INDEX (%s) WHERE x.%s = ? AND x.id = c.id)",
                             index, column)
              : arena_printf(s->arena, " AND c.%s = ?", column);
    add(s, sql, value);
}

static void add_own_columns(struct search *s) {
    const struct certificate_filter *f = s->filter;
    if (!uuid_is_nil(f->ca_id))
        add(s, " AND c.ca_id = ?", p_uuid(&f->ca_id));
    if (f->serial.len > 0)
        add(s, " AND c.serial = ?", p_blob(f->serial));
    if (f->fingerprint_sha256.len > 0)
        add(s, " AND c.fingerprint_sha256 = ?", p_blob(f->fingerprint_sha256));
    if (!uuid_is_nil(f->template_id))
        add_column(s, "template_id", "certificates_by_template_time", p_uuid(&f->template_id));
    if (is_given(f->subject))
        add(s, " AND c.subject = ?", p_text(f->subject));
    if (is_given(f->key_type))
        add_column(s, "key_type", "certificates_by_key_type", p_text(f->key_type));
    if (is_given(f->door))
        add_column(s, "door", "certificates_by_door", p_text(f->door));
    if (is_given(f->requester))
        add_column(s, "requester", "certificates_by_requester", p_text(f->requester));
    if (f->use != 0)
        add(s, " AND c.purpose = ?", p_int(f->use));
    if (f->expires_before_us != 0)
        add(s, " AND c.not_after_us < ?", p_int(f->expires_before_us));
    if (f->expires_after_us != 0)
        add(s, " AND c.not_after_us >= ?", p_int(f->expires_after_us));
}

static void add_state(struct search *s) {
    if (s->thin) /* it leads */
        return;
    switch (s->filter->state) {
    case CERTIFICATE_ANY:
        return;
    case CERTIFICATE_VALID:
        add(s, " AND c.not_after_us > ? AND " REASON_NOW " = 8", p_int(s->filter->now_us));
        return;
    case CERTIFICATE_EXPIRED:
        add(s, " AND c.not_after_us <= ? AND " REASON_NOW " = 8", p_int(s->filter->now_us));
        return;
    case CERTIFICATE_REVOKED:
        query_add(&s->query, " AND " REASON_NOW " NOT IN (6, 8)");
        return;
    case CERTIFICATE_HELD:
        query_add(&s->query, " AND " REASON_NOW " = 6");
        return;
    }
}

static void add_part(struct search *s) {
    add(s,
        s->reversed
            ? " AND EXISTS (SELECT 1 FROM certificate_names p WHERE p.certificate_id = c.id "
              "AND p.reversed >= ?"
            : " AND EXISTS (SELECT 1 FROM certificate_names p WHERE p.certificate_id = c.id "
              "AND p.name >= ?",
        p_blob(s->from));
    add(s, s->reversed ? " AND p.reversed < ?)" : " AND p.name < ?)", p_blob(s->to));
}

static void add_other_tables(struct search *s) {
    const struct certificate_filter *f = s->filter;
    const struct uuid *requester = s->scope->own_only ? &s->scope->actor : &f->requester_id;
    if (s->frequent)
        add_part(s);
    if (is_given(f->email))
        add(s,
            " AND EXISTS (SELECT 1 FROM certificate_names m WHERE m.certificate_id = c.id "
            "AND m.kind = 3 AND m.name = ?)",
            p_blob(name_key(s->arena, f->email)));
    if (is_given(f->tag))
        add(s,
            " AND EXISTS (SELECT 1 FROM certificate_tags g WHERE g.tag = ? AND g.certificate_id = "
            "c.id)",
            p_text(f->tag));
    if (is_given(f->owner))
        add(s,
            " AND EXISTS (SELECT 1 FROM certificate_notes w WHERE w.certificate_id = c.id "
            "AND w.owner_folded = ?)",
            p_text(text_fold(s->arena, f->owner)));
    if (f->archived != ARCHIVED_SHOWN) {
        query_add(&s->query, f->archived == ARCHIVED_ONLY ? " AND EXISTS" : " AND NOT EXISTS");
        query_add(&s->query, " (SELECT 1 FROM certificate_notes a WHERE a.certificate_id = c.id "
                             "AND a.archived_us > 0)");
    }
    if (!uuid_is_nil(*requester))
        add(s,
            " AND EXISTS (SELECT 1 FROM requests q WHERE q.id = c.request_id AND q.requester_id = "
            "?)",
            p_uuid(requester));
}

static bool add_text(struct search *s, struct error *err) {
    const char *text = s->filter->text;
    if (!is_given(text))
        return true;
    const char *folded = text_fold(s->arena, text);
    struct view digits;
    if (strlen(text) > SEARCH_TEXT_MAX || strlen(folded) > SEARCH_TEXT_MAX)
        return fail(err, ERROR_MALFORMED, "too-long",
                    "The search text is longer than %zu octets; shorten it.", SEARCH_TEXT_MAX);
    add(s,
        " AND (EXISTS (SELECT 1 FROM certificate_search s WHERE s.ca_id = c.ca_id "
        "AND s.certificate_id = c.id AND s.words LIKE ? ESCAPE '!')",
        p_blob(search_pattern(s->arena, folded)));
    if (strlen(text) >= 4 && hex_decode(s->arena, view_text(text), &digits))
        add(s, " OR c.serial = ?", p_blob(der_number(s->arena, digits)));
    query_add(&s->query, ")");
    return true;
}

static bool add_scope(struct search *s) {
    if (s->scope->everything)
        return true;
    query_add(&s->query, s->thin ? " AND EXISTS (SELECT 1 FROM cas z WHERE z.id = c.ca_id AND " : " AND ");
    query_scope(&s->query, s->scope, s->thin ? "z.organisation_id" : "c.organisation_id", "c.ca_id");
    query_add(&s->query, s->thin ? ")" : "");
    return true;
}

static bool compose(struct search *s, const char **ret_id, struct error *err) {
    s->query = query_on(s->arena);
    TRY(lead(s, ret_id, err));
    add_own_columns(s);
    add_state(s);
    add_other_tables(s);
    return add_text(s, err) && add_scope(s);
}

bool certificate_search(struct tx *tx, const struct scope *scope,
                        const struct certificate_filter *filter, struct uuid before, unsigned limit,
                        struct keys *keys, struct error *err) {
    struct search s = {.tx = tx, .arena = keys->arena, .scope = scope, .filter = filter};
    const char *id;
    TRY(compose(&s, &id, err));
    query_add(&s.query, " AND ");
    query_add(&s.query, id);
    add(&s, " < ?", p_uuid(&before));
    query_add(&s.query, " ORDER BY ");
    query_add(&s.query, id);
    add(&s, " DESC LIMIT ?", p_int((int64_t)limit + 1));
    return keys_collect(keys, tx, &s.query, false, err);
}

static void begin_along(struct search *s) {
    const struct certificate_filter *f = s->filter;
    s->query = query_on(s->arena);
    query_add(&s->query, certificate_sorts_by_end(f)
                             ? "SELECT " SORT_TIME ", c.id FROM certificates c FORCE INDEX (certificates_by_expiry) WHERE TRUE"
                         : uuid_is_nil(f->ca_id)
                             ? "SELECT 0, c.id FROM certificates c FORCE INDEX (certificates_by_time) WHERE TRUE"
                             : "SELECT 0, c.id FROM certificates c FORCE INDEX (certificates_by_ca) WHERE TRUE");
}

static void end_along(struct search *s, const struct key *after, unsigned limit) {
    static const char *const forms[] = {
        [CERTIFICATE_NEWEST] = " AND c.id < ? ORDER BY c.id DESC LIMIT ?",
        [CERTIFICATE_OLDEST] = " AND c.id > ? ORDER BY c.id LIMIT ?",
        [CERTIFICATE_ENDS_FIRST] = " AND c.not_after_us >= ? AND (c.not_after_us > ? OR c.id > ?) "
                                   "ORDER BY c.not_after_us, c.id LIMIT ?",
        [CERTIFICATE_ENDS_LAST] = " AND c.not_after_us <= ? AND (c.not_after_us < ? OR c.id < ?) "
                                  "ORDER BY c.not_after_us DESC, c.id DESC LIMIT ?",
    };
    struct uuid *id = arena_alloc(s->arena, sizeof *id);
    *id = key_id(after);
    query_add(&s->query, forms[s->filter->sort]);
    if (certificate_sorts_by_end(s->filter)) {
        query_bind(&s->query, p_int(key_time(after) - SORT_TIME_BEGINS));
        query_bind(&s->query, p_int(key_time(after) - SORT_TIME_BEGINS));
    }
    query_bind(&s->query, p_uuid(id));
    query_bind(&s->query, p_int((int64_t)limit + 1));
}

bool certificate_search_along(struct tx *tx, const struct scope *scope, const struct certificate_filter *filter,
                              const struct key *after, unsigned limit, struct keys *keys, struct error *err) {
    struct search s = {.tx = tx, .arena = keys->arena, .scope = scope, .filter = filter};
    TRY(read_part(&s, err));
    s.frequent = is_given(filter->name) && filter->match != NAME_EXACT;
    begin_along(&s);
    add_own_columns(&s);
    add_state(&s);
    if (is_given(filter->name) && filter->match == NAME_EXACT)
        add(&s, " AND EXISTS (SELECT 1 FROM certificate_names p WHERE p.certificate_id = c.id AND p.name = ?)",
            p_blob(name_key(s.arena, filter->name)));
    add_other_tables(&s);
    TRY(add_text(&s, err) && add_scope(&s));
    end_along(&s, after, limit);
    return keys_collect(keys, tx, &s.query, true, err);
}

bool certificate_count(struct tx *tx, struct arena *arena, const struct scope *scope,
                       const struct certificate_filter *filter, int64_t most, int64_t *ret_count,
                       struct error *err) {
    struct search s = {.tx = tx, .arena = arena, .scope = scope, .filter = filter, .counts = true};
    const char *id;
    if (most > COUNT_BOUNDED && !scope->own_only && certificate_filter_is_plain(filter)) {
        TRY(certificate_count_plain(tx, arena, scope, filter, ret_count, err));
        *ret_count = *ret_count > most ? most + 1 : *ret_count;
        return true;
    }
    TRY(compose(&s, &id, err));
    add(&s, " LIMIT ?", p_int(most + 1));
    const char *sql = arena_printf(arena, "SELECT COUNT(*) FROM (%s) k", query_sql(&s.query));
    return tx_number(tx, sql, query_params(&s.query), ret_count, err);
}

bool certificate_line(struct tx *tx, struct arena *arena, struct uuid id,
                      struct uuid *ret_predecessor, struct uuid **ret_successors, size_t *ret_count,
                      struct error *err) {
    static const char sql_before[] =
        "SELECT q.renews_id FROM certificates c STRAIGHT_JOIN requests q ON q.id = c.request_id "
        "WHERE c.id = ?";
    static const char sql_after[] =
        "SELECT q.certificate_id FROM requests q FORCE INDEX (requests_by_renewed) "
        "WHERE q.renews_id = ? AND q.certificate_id IS NOT NULL ORDER BY q.id LIMIT 100";
    struct rows rows;
    struct uuid predecessor = {{0}}, *successors = arena_array(arena, 100, sizeof *successors);
    size_t count = 0;
    bool found;
    TRY(rows_first(tx, arena, sql_before, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (found) {
        predecessor = rows_uuid(&rows);
        TRY(rows_close(&rows, err));
    }
    TRY(rows_open(tx, arena, sql_after, PARAMS(p_uuid(&id)), &rows, err));
    while (count < 100 && rows_next(&rows))
        successors[count++] = rows_uuid(&rows);
    TRY(rows_close(&rows, err));
    *ret_predecessor = predecessor;
    *ret_successors = successors;
    *ret_count = count;
    return true;
}

#define RENEWED_PIECE ((size_t)512)

bool certificates_renewed(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count, bool **ret_renewed,
                          struct error *err) {
    static const char sql[] = "SELECT DISTINCT q.renews_id FROM requests q FORCE INDEX (requests_by_renewed) "
                              "WHERE q.certificate_id IS NOT NULL AND q.renews_id IN ";
    bool *renewed = arena_array(arena, count + 1, sizeof *renewed);
    for (size_t from = 0; from < count; from += RENEWED_PIECE) {
        size_t some = count - from < RENEWED_PIECE ? count - from : RENEWED_PIECE;
        struct query query = query_on(arena);
        struct rows rows;
        query_add(&query, sql);
        query_ids(&query, ids + from, some);
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (rows_next(&rows)) {
            struct uuid id = rows_uuid(&rows);
            for (size_t i = from; i < from + some; i++)
                renewed[i] = renewed[i] || uuid_equal(ids[i], id);
        }
        TRY(rows_close(&rows, err));
    }
    *ret_renewed = renewed;
    return true;
}
