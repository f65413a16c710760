#include "store/users.h"

#include "store/grants.h"
#include "store/query.h"
#include "store/text.h"

#define LIST 'u'
#define COLUMNS                                                                                    \
    "u.id, u.organisation_id, u.username, u.display_name, u.email, u.password_hash, "              \
    "u.must_change_password, u.state, u.failed_logins, u.retry_after_us, u.created_us, "           \
    "u.last_login_us, u.provider, u.subject "

static const char sql_insert[] =
    "INSERT INTO users (id, organisation_id, username, username_folded, display_name, email, "
    "password_hash, must_change_password, state, failed_logins, retry_after_us, created_us, "
    "last_login_us, provider, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_by_name[] = "SELECT " COLUMNS "FROM users u WHERE u.username_folded = ?";
static const char sql_by_id[] = "SELECT " COLUMNS "FROM users u WHERE u.id = ? AND ";
static const char sql_list[] = "SELECT " COLUMNS "FROM users u WHERE u.username_folded > ? AND ";
static const char sql_deciders[] =
    "SELECT DISTINCT u.email FROM role_grants g JOIN users u ON u.id = g.user_id LEFT JOIN roles r ON r.number = g.role "
    "WHERE u.state = 1 AND u.email <> '' AND (g.role IN (1, 2) OR (r.permissions & ?) <> 0) AND (g.scope = 1 OR "
    "(g.scope = 2 AND g.object_id = ?) OR (g.scope = 3 AND g.object_id = ?)) ORDER BY u.email LIMIT 1000";
static const char sql_count[] = "SELECT COUNT(*) FROM users";
static const char sql_set_password[] =
    "UPDATE users SET password_hash = ?, must_change_password = ? WHERE id = ?";
static const char sql_by_subject[] =
    "SELECT " COLUMNS "FROM users u WHERE u.provider = ? AND u.subject = ?";
static const char sql_count_state[] = "SELECT COUNT(*) FROM users WHERE state = ?";
static const char sql_all_must_change[] =
    "UPDATE users SET must_change_password = 1 WHERE password_hash <> ''";
static const char sql_must_change[] = "UPDATE users SET must_change_password = ? WHERE id = ?";
static const char sql_set_state[] = "UPDATE users SET state = ? WHERE id = ?";
static const char sql_set_profile[] = "UPDATE users SET display_name = ?, email = ? WHERE id = ?";
static const char sql_login_success[] = "UPDATE users SET failed_logins = 0, retry_after_us = 0, "
                                        "last_login_us = ? WHERE id = ?";
static const char sql_login_failure[] =
    "UPDATE users SET failed_logins = LEAST(failed_logins + 1, 1000000), retry_after_us = ? "
    "WHERE id = ?";

static void read_row(struct rows *rows, struct user *ret) {
    ret->id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->username = rows_text(rows);
    ret->display_name = rows_text(rows);
    ret->email = rows_text(rows);
    ret->password_hash = rows_text(rows);
    ret->must_change_password = rows_bool(rows);
    ret->state = (enum user_state)rows_int(rows);
    ret->failed_logins = (int)rows_int(rows);
    ret->retry_after_us = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->last_login_us = rows_int(rows);
    ret->provider = rows_text(rows);
    ret->subject = rows_text(rows);
}

static bool no_user(struct uuid id, struct error *err) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no user %s.", text);
}

bool user_insert(struct tx *tx, const struct user *user, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&user->id), p_uuid(&user->organisation_id), p_text(user->username),
                         p_text(text_fold(arena, user->username)), p_text(user->display_name),
                         p_text(user->email), p_text(user->password_hash),
                         p_int(user->must_change_password), p_int(user->state),
                         p_int(user->failed_logins), p_int(user->retry_after_us),
                         p_int(user->created_us), p_int(user->last_login_us),
                         p_text(user->provider), p_text(user->subject)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists",
                "The user name \"%s\" is taken (capitals do not matter); take another.",
                user->username);
}

/* Reads the only row, or says that there is none. */
static bool read_one(struct rows *rows, bool found, struct user *ret, struct error *err) {
    struct user user;
    if (!found)
        return true;
    read_row(rows, &user);
    TRY(rows_close(rows, err));
    *ret = user;
    return true;
}

bool user_by_name(struct tx *tx, struct arena *arena, const char *username, struct user *ret,
                  struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_name, PARAMS(p_text(text_fold(arena, username))), &rows,
                   &found, err));
    TRY(read_one(&rows, found, ret, err));
    return found || fail(err, ERROR_NOT_FOUND, "not-found", "There is no user \"%s\".", username);
}

bool user_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                struct user *ret, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    bool found;
    query_add(&query, sql_by_id);
    query_bind(&query, p_uuid(&id));
    query_scope(&query, scope, "u.organisation_id", NULL);
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, &found, err));
    TRY(read_one(&rows, found, ret, err));
    return found || no_user(id, err);
}

bool user_list(struct tx *tx, struct arena *arena, const struct scope *scope,
               const struct page *page, struct user **ret_items, size_t *ret_count,
               const char **ret_next, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    struct view after;
    size_t count = 0;

    TRY(page_start(arena, page, LIST, 0, &after, err));
    query_add(&query, sql_list);
    query_bind(&query, p_text(arena_text(arena, after)));
    query_scope(&query, scope, "u.organisation_id", NULL);
    query_add(&query, " ORDER BY u.username_folded LIMIT ?");
    query_bind(&query, p_int((int64_t)page->limit + 1));
    struct user *items = arena_array(arena, page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, query_sql(&query), query_params(&query), &rows, err));
    while (count <= page->limit && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next = page_next(arena, LIST, view_text(text_fold(arena, items[count - 1].username)));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool user_deciders(struct tx *tx, struct arena *arena, struct uuid organisation_id, struct uuid ca_id,
                   int64_t permissions, struct deciders *ret, struct error *err) {
    struct rows rows;
    struct deciders found = {0};
    size_t capacity = 0;
    TRY(rows_open(tx, arena, sql_deciders, PARAMS(p_int(permissions), p_uuid(&organisation_id), p_uuid(&ca_id)), &rows, err));
    while (rows_next(&rows)) {
        found.emails = grow(arena, found.emails, found.count, &capacity, sizeof *found.emails);
        found.emails[found.count++] = rows_text(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret = found;
    return true;
}

bool user_count(struct tx *tx, int64_t *ret_count, struct error *err) {
    return tx_number(tx, sql_count, NO_PARAMS, ret_count, err);
}

/* An UPDATE of one user. */
static bool change(struct tx *tx, const char *sql, struct params params, struct uuid id,
                   struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql, params, &matched, err));
    return matched == 1 || no_user(id, err);
}

bool user_set_password(struct tx *tx, struct uuid id, const char *password_hash, bool must_change,
                       struct error *err) {
    return change(tx, sql_set_password,
                  PARAMS(p_text(password_hash), p_int(must_change), p_uuid(&id)), id, err);
}

bool user_set_state(struct tx *tx, struct uuid id, enum user_state state, struct error *err) {
    int64_t before, after;
    TRY(administrators_count(tx, &before, err));
    TRY(change(tx, sql_set_state, PARAMS(p_int(state), p_uuid(&id)), id, err));
    TRY(administrators_count(tx, &after, err));
    return after > 0 || before == 0 || last_administrator(err);
}

bool user_set_profile(struct tx *tx, struct uuid id, const char *display_name, const char *email,
                      struct error *err) {
    return change(tx, sql_set_profile, PARAMS(p_text(display_name), p_text(email), p_uuid(&id)), id,
                  err);
}

bool user_record_login(struct tx *tx, struct uuid id, bool success, int64_t now_us,
                       int64_t retry_after_us, struct error *err) {
    return success
               ? change(tx, sql_login_success, PARAMS(p_int(now_us), p_uuid(&id)), id, err)
               : change(tx, sql_login_failure, PARAMS(p_int(retry_after_us), p_uuid(&id)), id, err);
}

bool user_require_password_change(struct tx *tx, int64_t *ret_count, struct error *err) {
    return tx_execute(tx, sql_all_must_change, NO_PARAMS, ret_count, err);
}

bool user_set_must_change(struct tx *tx, struct uuid id, bool must_change, struct error *err) {
    return change(tx, sql_must_change, PARAMS(p_int(must_change), p_uuid(&id)), id, err);
}

bool user_by_subject(struct tx *tx, struct arena *arena, const char *provider, const char *subject,
                     struct user *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_subject, PARAMS(p_text(provider), p_text(subject)), &rows,
                   &found, err));
    TRY(read_one(&rows, found, ret, err));
    return found || fail(err, ERROR_NOT_FOUND, "not-found", "There is no user \"%s\" of %s.", subject,
                         provider);
}

bool user_count_state(struct tx *tx, enum user_state state, int64_t *ret_count, struct error *err) {
    return tx_number(tx, sql_count_state, PARAMS(p_int(state)), ret_count, err);
}
