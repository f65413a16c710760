#include "store/mail.h"

#include "base/clock.h"
#include "store/query.h"

#define LIST 'm'

static const char sql_insert[] =
    "INSERT INTO mail_queue (id, organisation_id, template, recipient, once, content, state, attempts, "
    "next_us, created_us, done_us, problem) VALUES (?, ?, ?, ?, ?, ?, 1, 0, ?, ?, 0, '')";
static const char sql_due[] =
    "SELECT m.id, m.organisation_id, m.template, m.recipient, m.content, m.state, m.attempts, m.next_us, "
    "m.created_us, m.done_us, m.problem FROM mail_queue m WHERE m.state = 1 AND m.next_us <= ? "
    "ORDER BY m.next_us, m.id LIMIT ?";
static const char sql_take[] = "UPDATE mail_queue SET attempts = attempts + 1, next_us = ? "
                               "WHERE id = ? AND state = 1 AND next_us = ? AND attempts = ?";
static const char sql_sent[] = "UPDATE mail_queue SET state = 2, content = '', done_us = ?, problem = ? "
                               "WHERE id = ? AND state = 1";
static const char sql_given_up[] =
    "UPDATE mail_queue SET state = 3, done_us = ?, problem = ? WHERE id = ? AND state = 1";
static const char sql_postpone[] =
    "UPDATE mail_queue SET next_us = ?, problem = ? WHERE id = ? AND state = 1";
static const char sql_again[] = "UPDATE mail_queue SET state = 1, attempts = 0, next_us = ?, done_us = 0 "
                                "WHERE id = ? AND state <> 2";
static const char sql_state[] = "SELECT m.state FROM mail_queue m WHERE m.id = ?";
static const char sql_list[] =
    "SELECT m.id, m.organisation_id, m.template, m.recipient, '', m.state, m.attempts, m.next_us, "
    "m.created_us, m.done_us, m.problem FROM mail_queue m WHERE m.id < ?";
static const char sql_purge[] =
    "DELETE FROM mail_queue WHERE state IN (2, 3) AND done_us < ? LIMIT 10000";

static const char sql_wording[] =
    "SELECT t.organisation_id, t.subject, t.body, t.html, t.version, t.changed_us FROM mail_templates t "
    "WHERE t.name = ? AND t.organisation_id IN (?, ?) ORDER BY t.organisation_id DESC LIMIT 1";
static const char sql_wording_add[] =
    "INSERT INTO mail_templates (organisation_id, name, subject, body, html, version, changed_us) "
    "VALUES (?, ?, ?, ?, ?, 1, ?)";
static const char sql_wording_change[] =
    "UPDATE mail_templates SET subject = ?, body = ?, html = ?, version = version + 1, changed_us = ? "
    "WHERE organisation_id = ? AND name = ? AND version = ?";
static const char sql_wording_remove[] =
    "DELETE FROM mail_templates WHERE organisation_id = ? AND name = ?";

static const struct uuid nobody;

bool mail_insert(struct tx *tx, const struct mail_message *m, bool *ret_duplicate, struct error *err) {
    return tx_insert(tx, sql_insert,
                     PARAMS(p_uuid(&m->id), p_uuid_or_null(&m->organisation_id), p_text(m->template),
                            p_text(m->recipient), m->once == NULL ? p_null() : p_bytes(m->once, 32),
                            p_text(m->content), p_int(m->next_us), p_int(m->created_us)),
                     ret_duplicate, err);
}

static void read_row(struct rows *rows, struct mail_message *ret) {
    *ret = (struct mail_message){.id = rows_uuid(rows)};
    ret->organisation_id = rows_uuid(rows);
    ret->template = rows_text(rows);
    ret->recipient = rows_text(rows);
    ret->content = rows_text(rows);
    ret->state = (enum mail_state)rows_int(rows);
    ret->attempts = rows_int(rows);
    ret->next_us = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->done_us = rows_int(rows);
    ret->problem = rows_text(rows);
}

bool mail_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
              struct mail_message **ret_items, size_t *ret_count, struct error *err) {
    struct mail_message *items = arena_array(arena, limit, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_due, PARAMS(p_int(now_us), p_int(limit)), &rows, err));
    while (count < limit && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool mail_take(struct tx *tx, const struct mail_message *m, int64_t until_us, bool *ret_mine,
               struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_take,
                   PARAMS(p_int(until_us), p_uuid(&m->id), p_int(m->next_us), p_int(m->attempts)), &matched,
                   err));
    *ret_mine = matched == 1;
    return true;
}

bool mail_settle(struct tx *tx, struct uuid id, enum mail_state state, int64_t at_us, const char *problem,
                 struct error *err) {
    const char *sql = state == MAIL_SENT       ? sql_sent
                      : state == MAIL_GIVEN_UP ? sql_given_up
                                               : sql_postpone;
    return tx_execute(tx, sql, PARAMS(p_int(at_us), p_text(problem), p_uuid(&id)), NULL, err);
}

bool mail_again(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct rows rows;
    bool found;
    int64_t matched;
    TRY(rows_first(tx, arena, sql_state, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no mail %s.", uuid_text(arena, id));
    (void)rows_int(&rows);
    TRY(rows_close(&rows, err));
    TRY(tx_execute(tx, sql_again, PARAMS(p_int(now_us), p_uuid(&id)), &matched, err));
    return matched == 1 || fail(err, ERROR_CONFLICT, "mail-sent",
                                "That mail has been sent and is not kept; it cannot go out again.");
}

bool mail_list(struct tx *tx, struct arena *arena, enum mail_state state, const struct page *page,
               struct mail_message **ret_items, size_t *ret_count, const char **ret_next,
               struct error *err) {
    struct query query = query_on(arena);
    struct uuid before;
    struct rows rows;
    size_t count = 0;
    TRY(page_before(arena, page, LIST, &before, err));
    query_add(&query, sql_list);
    query_bind(&query, p_uuid(&before));
    if (state != 0) {
        query_add(&query, " AND m.state = ?");
        query_bind(&query, p_int(state));
    }
    query_add(&query, " ORDER BY m.id DESC LIMIT ?");
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct mail_message *items = arena_array(arena, page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (count <= page->limit && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, LIST, view_of(items[count - 1].id.bytes, sizeof before.bytes));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool mail_purge(struct tx *tx, int64_t before_us, struct error *err) {
    return tx_execute(tx, sql_purge, PARAMS(p_int(before_us)), NULL, err);
}

bool mail_wording_find(struct tx *tx, struct arena *arena, struct uuid organisation_id, const char *name,
                       struct mail_wording *ret, struct error *err) {
    struct mail_wording wording = {.name = name};
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_wording, PARAMS(p_text(name), p_uuid(&organisation_id), p_uuid(&nobody)),
                   &rows, &found, err));
    if (found) {
        wording.organisation_id = rows_uuid(&rows);
        wording.subject = rows_text(&rows);
        wording.text = rows_text(&rows);
        wording.html = rows_text(&rows);
        wording.version = rows_int(&rows);
        wording.changed_us = rows_int(&rows);
        TRY(rows_close(&rows, err));
    }
    *ret = wording;
    return true;
}

bool mail_wording_put(struct tx *tx, const struct mail_wording *w, struct error *err) {
    int64_t now = clock_now_us(), matched = 0;
    bool duplicate = false;
    if (w->version == 0)
        TRY(tx_insert(tx, sql_wording_add,
                      PARAMS(p_uuid(&w->organisation_id), p_text(w->name), p_text(w->subject),
                             p_text(w->text), p_text(w->html), p_int(now)),
                      &duplicate, err));
    else
        TRY(tx_execute(tx, sql_wording_change,
                       PARAMS(p_text(w->subject), p_text(w->text), p_text(w->html), p_int(now),
                              p_uuid(&w->organisation_id), p_text(w->name), p_int(w->version)),
                       &matched, err));
    return (w->version == 0 ? !duplicate : matched == 1) ||
           fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "The wording of %s was changed meanwhile; read it again, then repeat the change.", w->name);
}

bool mail_wording_remove(struct tx *tx, struct uuid organisation_id, const char *name, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_wording_remove, PARAMS(p_uuid(&organisation_id), p_text(name)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "%s has the built-in wording here.", name);
}
