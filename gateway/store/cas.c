#include "store/cas.h"

#include "store/certificates.h"
#include "store/hold.h"
#include "store/query.h"
#include "store/requests.h"

#define LIST 'a'
#define SELECT                                                                                     \
    "SELECT a.id, a.organisation_id, a.slug, a.name, a.issuer_id, a.state, a.key_id, "             \
    "a.key_type, a.certificate, a.chain, a.csr, a.subject, a.not_before_us, a.not_after_us, "      \
    "a.settings, e.epoch, a.revision, a.created_us, a.generation, "                \
    "a.expiry_warned, a.next_key_id "                                                              \
    "FROM cas a JOIN ca_epochs e ON e.ca_id = a.id WHERE a.deleted_us = 0 AND "

static const char sql_insert[] =
    "INSERT INTO cas (id, organisation_id, slug, name, issuer_id, state, key_id, key_type, "
    "certificate, chain, csr, subject, not_before_us, not_after_us, settings, revision, "
    "created_us, deleted_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)";
static const char sql_insert_epoch[] = "INSERT INTO ca_epochs (ca_id, epoch) VALUES (?, ?)";
static const char sql_by_slug[] = SELECT "a.slug = ? AND ";
static const char sql_by_id[] = SELECT "a.id = ? AND ";
static const char sql_ids_of[] = "SELECT a.id FROM cas a WHERE a.organisation_id = ? AND a.deleted_us = 0 AND a.id IN ";
static const char sql_list[] = SELECT "a.slug > ? AND ";
static const char sql_set_certificate[] =
    "UPDATE cas SET state = ?, certificate = ?, chain = ?, not_before_us = ?, not_after_us = ?, "
    "subject = ? WHERE id = ? AND state = ? AND deleted_us = 0";
static const char sql_set_issuer[] =
    "UPDATE cas SET issuer_id = ? WHERE id = ? AND deleted_us = 0";
static const char sql_set_warned[] =
    "UPDATE cas SET expiry_warned = ? WHERE id = ? AND expiry_warned = ? AND deleted_us = 0";
/* Waiting ends by a certificate alone, and nothing becomes waiting again. */
static const char sql_update[] =
    "UPDATE cas SET name = ?, settings = ?, state = ?, revision = revision + 1 "
    "WHERE id = ? AND revision = ? AND deleted_us = 0 AND (state = ?) = (? = ?)";
static const char sql_state[] =
    "SELECT a.state, a.revision FROM cas a WHERE a.id = ? AND a.deleted_us = 0";
static const char sql_epoch[] = "SELECT e.epoch FROM ca_epochs e WHERE e.ca_id = ?";

/* Locked, so that nothing is issued or asked for while the answers are looked at (requests and
 * certificates take a shared lock on their CA). */
static const char sql_lock[] =
    "SELECT a.certificate FROM cas a WHERE a.id = ? AND a.deleted_us = 0 FOR UPDATE";
static const char sql_subordinates[] =
    "SELECT a.name FROM cas a WHERE a.issuer_id = ? AND a.id <> ? AND a.deleted_us = 0 ORDER BY a.name LIMIT " NAMES_ASKED;
static const char sql_open_requests[] =
    "SELECT IF(q.subject = '', LEFT(q.sans, 100), q.subject) FROM requests q "
    "WHERE q.ca_id = ? AND q.state IN (?, ?, 6) LIMIT " NAMES_ASKED;
/* Its own certificate and those of its own services do not count. 6, 8: CRLReason certificateHold and
 * removeFromCRL; a held certificate may come back. */
static const char sql_live_certificates[] =
    "SELECT IF(c.subject = '', LEFT(c.sans, 100), c.subject) FROM certificates c FORCE INDEX (certificates_by_ca) "
    "WHERE c.ca_id = ? AND c.not_after_us > ? AND c.purpose IN (?, ?, ?) AND c.der <> ? "
    "AND COALESCE((SELECT r.reason FROM revocations r WHERE r.certificate_id = c.id "
    "ORDER BY r.ordinal DESC LIMIT 1), 8) IN (6, 8) LIMIT " NAMES_ASKED;
static const char sql_delete[] = "UPDATE cas SET deleted_us = ? WHERE id = ?";
static const char sql_delete_templates[] =
    "UPDATE templates SET deleted_us = ? WHERE ca_id = ? AND deleted_us = 0";
static const char sql_delete_services[] =
    "UPDATE service_certificates SET deleted_us = ? WHERE ca_id = ? AND deleted_us = 0";

static const char sql_below_templates[] =
    "SELECT t.slug FROM templates t WHERE t.ca_id = ? AND t.deleted_us = 0 ORDER BY t.slug LIMIT 1000";
static const char sql_below_services[] =
    "SELECT COUNT(*) FROM service_certificates s WHERE s.ca_id = ? AND s.deleted_us = 0";
static const char sql_below_certificates[] =
    "SELECT COUNT(*) FROM certificates c FORCE INDEX (certificates_by_ca) WHERE c.ca_id = ?";

static void read_row(struct rows *rows, struct ca_record *ret) {
    ret->id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->slug = rows_text(rows);
    ret->name = rows_text(rows);
    ret->issuer_id = rows_uuid(rows);
    ret->state = (enum ca_state)rows_int(rows);
    ret->key_id = rows_uuid(rows);
    ret->key_type = rows_text(rows);
    ret->certificate = rows_blob(rows);
    ret->chain = rows_blob(rows);
    ret->csr = rows_blob(rows);
    ret->subject = rows_text(rows);
    ret->not_before_us = rows_int(rows);
    ret->not_after_us = rows_int(rows);
    ret->settings = rows_text(rows);
    ret->epoch = rows_int(rows);
    ret->revision = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->generation = rows_int(rows);
    ret->expiry_warned = rows_int(rows);
    ret->next_key_id = rows_uuid(rows);
    ret->missing_issuer = NULL;
}

bool ca_insert(struct tx *tx, const struct ca_record *ca, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&ca->id), p_uuid(&ca->organisation_id), p_text(ca->slug),
                         p_text(ca->name), p_uuid_or_null(&ca->issuer_id), p_int(ca->state),
                         p_uuid(&ca->key_id), p_text(ca->key_type), p_blob(ca->certificate),
                         p_blob(ca->chain), p_blob(ca->csr), p_text(ca->subject),
                         p_int(ca->not_before_us), p_int(ca->not_after_us), p_text(ca->settings),
                         p_int(ca->revision), p_int(ca->created_us)),
                  &duplicate, err));
    if (duplicate)
        return fail(err, ERROR_CONFLICT, "exists", "The CA \"%s\" exists already.", ca->slug);
    return tx_execute(tx, sql_insert_epoch, PARAMS(p_uuid(&ca->id), p_int(ca->epoch)), NULL, err);
}

static bool no_ca(struct uuid id, struct error *err) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no CA %s.", text);
}

static bool find(struct tx *tx, struct arena *arena, const struct scope *scope, const char *sql,
                 struct param by, struct ca_record *ret, bool *ret_found, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    struct ca_record ca;
    query_add(&query, sql);
    query_bind(&query, by);
    query_scope(&query, scope, "a.organisation_id", "a.id");
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, ret_found, err));
    if (!*ret_found)
        return true;
    read_row(&rows, &ca);
    TRY(rows_close(&rows, err));
    *ret = ca;
    return true;
}

bool ca_by_slug(struct tx *tx, struct arena *arena, const struct scope *scope, const char *slug,
                struct ca_record *ret, struct error *err) {
    bool found;
    TRY(find(tx, arena, scope, sql_by_slug, p_text(slug), ret, &found, err));
    return found || fail(err, ERROR_NOT_FOUND, "not-found", "There is no CA \"%s\".", slug);
}

bool ca_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
              struct ca_record *ret, struct error *err) {
    bool found;
    TRY(find(tx, arena, scope, sql_by_id, p_uuid(&id), ret, &found, err));
    return found || no_ca(id, err);
}

bool ca_ids_of(struct tx *tx, struct arena *arena, struct uuid organisation_id, const struct uuid *ids, size_t count,
               struct uuid **ret_ids, size_t *ret_count, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    size_t found = 0;
    struct uuid *items = arena_array(arena, count + 1, sizeof *items);
    if (count > 0) {
        query_add(&query, sql_ids_of);
        query_bind(&query, p_uuid(&organisation_id));
        query_ids(&query, ids, count);
        TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
        while (found < count && rows_next(&rows))
            items[found++] = rows_uuid(&rows);
        TRY(rows_close(&rows, err));
    }
    *ret_ids = items;
    *ret_count = found;
    return true;
}

bool ca_list(struct tx *tx, struct arena *arena, const struct scope *scope, const struct page *page,
             struct ca_record **ret_items, size_t *ret_count, const char **ret_next,
             struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    struct view after;
    size_t count = 0;

    TRY(page_start(arena, page, LIST, 0, &after, err));
    query_add(&query, sql_list);
    query_bind(&query, p_text(arena_text(arena, after)));
    query_scope(&query, scope, "a.organisation_id", "a.id");
    query_add(&query, " ORDER BY a.slug LIMIT ?");
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct ca_record *items = arena_array(arena, page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (count <= page->limit && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, LIST, view_text(items[count - 1].slug));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* The state and revision of a CA that an UPDATE has not matched; ERROR_NOT_FOUND when it is not there. */
static bool look_again(struct tx *tx, struct uuid id, int64_t *ret_state, int64_t *ret_revision,
                       struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, NULL, sql_state, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return no_ca(id, err);
    *ret_state = rows_int(&rows);
    *ret_revision = rows_int(&rows);
    return rows_close(&rows, err);
}

bool ca_set_certificate(struct tx *tx, struct uuid id, struct view certificate, struct view chain,
                        int64_t not_before_us, int64_t not_after_us, const char *subject,
                        struct error *err) {
    int64_t matched, state, revision;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_set_certificate,
                   PARAMS(p_int(CA_ACTIVE), p_blob(certificate), p_blob(chain),
                          p_int(not_before_us), p_int(not_after_us), p_text(subject), p_uuid(&id),
                          p_int(CA_WAITING)),
                   &matched, err));
    if (matched == 1)
        return true;
    TRY(look_again(tx, id, &state, &revision, err));
    return fail(err, ERROR_CONFLICT, "ca-state",
                "The CA is not waiting for a certificate: it has one already.");
}

bool ca_set_issuer(struct tx *tx, struct uuid id, struct uuid issuer_id, struct error *err) {
    tx_changes_rules(tx);
    return tx_execute(tx, sql_set_issuer, PARAMS(p_uuid_or_null(&issuer_id), p_uuid(&id)), NULL, err);
}

bool ca_set_warned(struct tx *tx, struct uuid id, int64_t before, int64_t now, bool *ret_taken,
                   struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_set_warned, PARAMS(p_int(now), p_uuid(&id), p_int(before)), &matched, err));
    *ret_taken = matched == 1;
    return true;
}

bool ca_update(struct tx *tx, struct uuid id, int64_t revision, const char *name,
               const char *settings, enum ca_state state, struct error *err) {
    int64_t matched, current, now_revision;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_text(name), p_text(settings), p_int(state), p_uuid(&id),
                          p_int(revision), p_int(CA_WAITING), p_int(state), p_int(CA_WAITING)),
                   &matched, err));
    if (matched == 1)
        return true;
    TRY(look_again(tx, id, &current, &now_revision, err));
    if (now_revision != revision)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The CA was changed by somebody else meanwhile; read it again and repeat.");
    return fail(err, ERROR_CONFLICT, "ca-state",
                current == CA_WAITING ? "The CA waits for its certificate; import that first."
                                      : "A CA that has its certificate cannot wait for it again.");
}

/* Refuses with the first thing that keeps the CA alive. */
static bool check_unused(struct tx *tx, struct uuid id, struct view own, int64_t now_us,
                         struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *names;
    TRY(names_of(tx, arena, sql_subordinates, PARAMS(p_uuid(&id), p_uuid(&id)), &names, err));
    if (names[0] != '\0')
        return fail(err, ERROR_CONFLICT, "ca-in-use", "The CA has subordinate CAs (%s); delete them first.", names);
    TRY(names_of(tx, arena, sql_open_requests,
                 PARAMS(p_uuid(&id), p_int(REQUEST_PENDING), p_int(REQUEST_APPROVED)), &names, err));
    if (names[0] != '\0')
        return fail(err, ERROR_CONFLICT, "ca-in-use", "The CA has open requests (%s); decide or cancel them first.", names);
    TRY(names_of(tx, arena, sql_live_certificates,
                 PARAMS(p_uuid(&id), p_int(now_us), p_int(CERTIFICATE_END_ENTITY), p_int(CERTIFICATE_CA),
                        p_int(CERTIFICATE_TLS), p_blob(own)),
                 &names, err));
    return names[0] == '\0' ||
           fail(err, ERROR_CONFLICT, "ca-in-use",
                "The CA has certificates that are neither expired nor revoked (%s); revoke them first.", names);
}

bool ca_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_lock, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return no_ca(id, err);
    struct view own = rows_blob(&rows);
    TRY(rows_close(&rows, err));
    TRY(check_unused(tx, id, own, now_us, err));
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_delete, PARAMS(p_int(now_us), p_uuid(&id)), NULL, err));
    TRY(tx_execute(tx, sql_delete_templates, PARAMS(p_int(now_us), p_uuid(&id)), NULL, err));
    return tx_execute(tx, sql_delete_services, PARAMS(p_int(now_us), p_uuid(&id)), NULL, err);
}

bool ca_epoch(struct tx *tx, struct uuid id, int64_t *ret_epoch, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, NULL, sql_epoch, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return no_ca(id, err);
    int64_t epoch = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret_epoch = epoch;
    return true;
}

bool ca_below(struct tx *tx, struct arena *arena, struct uuid id, struct ca_below *ret,
              struct error *err) {
    struct ca_below below = {.template_count = 0};
    struct rows rows;
    size_t capacity = 16;
    below.templates = arena_array(arena, capacity, sizeof(char *));
    TRY(rows_open(tx, arena, sql_below_templates, PARAMS(p_uuid(&id)), &rows, err));
    while (rows_next(&rows)) {
        below.templates =
            grow(arena, below.templates, below.template_count, &capacity, sizeof(char *));
        below.templates[below.template_count++] = rows_text(&rows);
    }
    TRY(rows_close(&rows, err));
    TRY(tx_number(tx, sql_below_services, PARAMS(p_uuid(&id)), &below.services, err));
    TRY(tx_number(tx, sql_below_certificates, PARAMS(p_uuid(&id)), &below.certificates, err));
    *ret = below;
    return true;
}
