#include "store/templates.h"

#include "store/hold.h"
#include "store/query.h"
#include "store/requests.h"

#define LIST 't'
#define COLUMNS                                                                                    \
    "t.id, t.ca_id, a.slug, t.slug, v.name, v.version, v.document, t.created_us, t.changed_us, "  \
    "t.starter "
#define CURRENT                                                                                    \
    "SELECT " COLUMNS "FROM templates t JOIN cas a ON a.id = t.ca_id "                             \
    "JOIN template_versions v ON v.template_id = t.id AND v.version = t.version "                  \
    "WHERE t.deleted_us = 0 AND "

/* Only into a CA that is there, which stays until this transaction ends (the shared lock). */
static const char sql_insert[] =
    "INSERT INTO templates (id, ca_id, slug, name, version, created_us, changed_us, deleted_us, starter) "
    "SELECT ?, a.id, ?, ?, 1, ?, ?, 0, ? FROM cas a WHERE a.id = ? AND a.deleted_us = 0 "
    "LOCK IN SHARE MODE";
static const char sql_insert_version[] =
    "INSERT INTO template_versions (template_id, version, name, document, created_us) "
    "VALUES (?, ?, ?, ?, ?)";
static const char sql_by_slug[] = CURRENT "t.slug = ? AND ";
static const char sql_list[] = CURRENT "t.slug > ? AND ";
static const char sql_newest[] =
    "SELECT " COLUMNS "FROM templates t JOIN cas a ON a.id = t.ca_id "
    "JOIN template_versions v ON v.template_id = t.id AND v.version = t.version WHERE t.id = ?";
static const char sql_version[] =
    "SELECT " COLUMNS "FROM templates t JOIN cas a ON a.id = t.ca_id "
    "JOIN template_versions v ON v.template_id = t.id WHERE t.id = ? AND v.version = ?";
static const char sql_started[] = CURRENT "t.ca_id = ? AND t.starter <> '' ORDER BY t.starter LIMIT 500";
static const char sql_versions[] =
    "SELECT v.version, v.name, v.created_us FROM template_versions v WHERE v.template_id = ? "
    "ORDER BY v.version DESC LIMIT 500";
static const char sql_update[] = "UPDATE templates SET version = ?, name = ?, changed_us = ? "
                                 "WHERE id = ? AND version = ? AND deleted_us = 0";
static const char sql_exists[] =
    "SELECT EXISTS (SELECT 1 FROM templates t WHERE t.id = ? AND t.deleted_us = 0)";
static const char sql_lock[] =
    "SELECT t.version FROM templates t WHERE t.id = ? AND t.deleted_us = 0 FOR UPDATE";
static const char sql_open_requests[] =
    "SELECT IF(q.subject = '', LEFT(q.sans, 100), q.subject) FROM requests q "
    "WHERE q.template_id = ? AND q.state IN (?, ?, 6) LIMIT " NAMES_ASKED;
/* 6, 8: CRLReason certificateHold and removeFromCRL; a held certificate may come back. */
static const char sql_live_certificates[] =
    "SELECT IF(c.subject = '', LEFT(c.sans, 100), c.subject) FROM certificates c FORCE INDEX (certificates_by_template) "
    "WHERE c.template_id = ? AND c.not_after_us > ? "
    "AND COALESCE((SELECT r.reason FROM revocations r WHERE r.certificate_id = c.id "
    "ORDER BY r.ordinal DESC LIMIT 1), 8) IN (6, 8) LIMIT " NAMES_ASKED;
static const char sql_delete[] = "UPDATE templates SET deleted_us = ? WHERE id = ?";

static void read_row(struct rows *rows, struct template_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->ca_slug = rows_text(rows);
    ret->slug = rows_text(rows);
    ret->name = rows_text(rows);
    ret->version = rows_int(rows);
    ret->document = rows_text(rows);
    ret->created_us = rows_int(rows);
    ret->changed_us = rows_int(rows);
    ret->starter = rows_text(rows);
}

static bool no_template(struct uuid id, struct error *err) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no template %s.", text);
}

bool template_insert(struct tx *tx, const struct template_record *template, struct error *err) {
    enum inserted inserted;
    TRY(tx_insert_select(tx, sql_insert,
                         PARAMS(p_uuid(&template->id), p_text(template->slug),
                                p_text(template->name), p_int(template->created_us),
                                p_int(template->changed_us),
                                p_text(template->starter == NULL ? "" : template->starter),
                                p_uuid(&template->ca_id)),
                         &inserted, err));
    if (inserted == INSERTED_DUPLICATE)
        return fail(err, ERROR_CONFLICT, "exists", "The template \"%s\" exists already.",
                    template->slug);
    if (inserted == INSERTED_NOTHING)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The CA of the template is not there.");
    return tx_execute(tx, sql_insert_version,
                      PARAMS(p_uuid(&template->id), p_int(1), p_text(template->name),
                             p_text(template->document), p_int(template->created_us)),
                      NULL, err);
}

static bool read_one(struct rows *rows, bool found, struct template_record *ret,
                     struct error *err) {
    struct template_record template;
    if (!found)
        return true;
    read_row(rows, &template);
    TRY(rows_close(rows, err));
    *ret = template;
    return true;
}

bool template_by_slug(struct tx *tx, struct arena *arena, const struct scope *scope,
                      const char *slug, struct template_record *ret, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    bool found;
    query_add(&query, sql_by_slug);
    query_bind(&query, p_text(slug));
    query_scope(&query, scope, "a.organisation_id", "a.id");
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, &found, err));
    TRY(read_one(&rows, found, ret, err));
    return found || fail(err, ERROR_NOT_FOUND, "not-found", "There is no template \"%s\".", slug);
}

bool template_version(struct tx *tx, struct arena *arena, struct uuid id, int64_t version,
                      struct template_record *ret, struct error *err) {
    struct rows rows;
    bool found;
    struct params both = PARAMS(p_uuid(&id), p_int(version));
    if (version == 0)
        both.count = 1;
    TRY(rows_first(tx, arena, version == 0 ? sql_newest : sql_version, both, &rows, &found, err));
    TRY(read_one(&rows, found, ret, err));
    return found || no_template(id, err);
}

bool template_list(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid ca_id,
                   const struct page *page, struct template_record **ret_items, size_t *ret_count,
                   const char **ret_next, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    struct view after;
    size_t count = 0;

    TRY(page_start(arena, page, LIST, 0, &after, err));
    query_add(&query, sql_list);
    query_bind(&query, p_text(arena_text(arena, after)));
    query_scope(&query, scope, "a.organisation_id", "a.id");
    if (!uuid_is_nil(ca_id)) {
        query_add(&query, " AND t.ca_id = ?");
        query_bind(&query, p_uuid(&ca_id));
    }
    query_add(&query, " ORDER BY t.slug LIMIT ?");
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct template_record *items = arena_array(arena, page->limit + 1, sizeof *items);
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

bool template_update(struct tx *tx, struct uuid id, int64_t old_version, const char *name,
                     const char *document, int64_t now_us, struct error *err) {
    int64_t matched, there;
    tx_changes_rules(tx);
    TRY(tx_execute(tx, sql_update,
                   PARAMS(p_int(old_version + 1), p_text(name), p_int(now_us), p_uuid(&id),
                          p_int(old_version)),
                   &matched, err));
    if (matched == 1)
        return tx_execute(tx, sql_insert_version,
                          PARAMS(p_uuid(&id), p_int(old_version + 1), p_text(name),
                                 p_text(document), p_int(now_us)),
                          NULL, err);
    TRY(tx_number(tx, sql_exists, PARAMS(p_uuid(&id)), &there, err));
    if (there == 0)
        return no_template(id, err);
    return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "The template was changed by somebody else meanwhile; read it again and repeat.");
}

bool template_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    struct rows rows;
    bool found;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *names;
    TRY(rows_first(tx, NULL, sql_lock, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return no_template(id, err);
    rows_int(&rows);
    TRY(rows_close(&rows, err));
    TRY(names_of(tx, arena, sql_open_requests,
                 PARAMS(p_uuid(&id), p_int(REQUEST_PENDING), p_int(REQUEST_APPROVED)), &names, err));
    if (names[0] != '\0')
        return fail(err, ERROR_CONFLICT, "template-in-use",
                    "The template has open requests (%s); decide or cancel them first.", names);
    TRY(names_of(tx, arena, sql_live_certificates, PARAMS(p_uuid(&id), p_int(now_us)), &names, err));
    if (names[0] != '\0')
        return fail(err, ERROR_CONFLICT, "template-in-use",
                    "Certificates of the template are neither expired nor revoked (%s); revoke them first.", names);
    tx_changes_rules(tx);
    return tx_execute(tx, sql_delete, PARAMS(p_int(now_us), p_uuid(&id)), NULL, err);
}

bool template_started(struct tx *tx, struct arena *arena, struct uuid ca_id,
                      struct template_record **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    struct template_record *items = arena_array(arena, 501, sizeof *items);
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_started, PARAMS(p_uuid(&ca_id)), &rows, err));
    while (count < 500 && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool template_versions(struct tx *tx, struct arena *arena, struct uuid id,
                       struct template_record **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    struct template_record *items = arena_array(arena, 501, sizeof *items);
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_versions, PARAMS(p_uuid(&id)), &rows, err));
    while (count < 500 && rows_next(&rows)) {
        items[count].id = id;
        items[count].version = rows_int(&rows);
        items[count].name = rows_text(&rows);
        items[count++].created_us = rows_int(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
