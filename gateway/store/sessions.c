#include "store/query.h"
#include "store/text.h"
#include "store/users.h"

static const char sql_insert[] =
    "INSERT INTO sessions (hash, user_id, created_us, expires_us, method, strong, address, agent, "
    "idle_us, last_seen_us, hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_find[] = "SELECT s.user_id, s.created_us, s.expires_us, s.strong, s.idle_us, "
                               "s.last_seen_us, s.method = 'certificate' FROM sessions s WHERE s.hash = ? AND s.expires_us > ? "
                               "AND (s.idle_us = 0 OR s.last_seen_us + s.idle_us > ?)";
static const char sql_touch[] = "UPDATE sessions SET last_seen_us = ? WHERE hash = ?";
static const char sql_list[] =
    "SELECT s.hash, s.created_us, s.expires_us, s.method, s.strong, s.address, s.agent, s.idle_us, "
    "s.last_seen_us, s.hint FROM sessions s WHERE s.user_id = ? AND s.expires_us > ? "
    "AND (s.idle_us = 0 OR s.last_seen_us + s.idle_us > ?) ORDER BY s.created_us DESC LIMIT 500";
static const char sql_delete_one[] = "DELETE FROM sessions WHERE user_id = ? AND LEFT(hash, 16) = ?";
static const char sql_delete_others[] = "DELETE FROM sessions WHERE user_id = ? AND hash <> ?";
static const char sql_delete[] = "DELETE FROM sessions WHERE hash = ?";
static const char sql_delete_user[] = "DELETE FROM sessions WHERE user_id = ?";
static const char sql_delete_expired[] = "DELETE FROM sessions WHERE expires_us <= ? LIMIT 10000";

#define COLUMNS                                                                                    \
    "t.id, t.user_id, t.label, t.hash, t.created_us, t.expires_us, t.last_used_us, t.revoked, t.limits "

static const char sql_token_insert[] =
    "INSERT INTO api_tokens (id, user_id, label, hash, created_us, expires_us, last_used_us, "
    "revoked, limits) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_token_find[] =
    "SELECT " COLUMNS "FROM api_tokens t "
    "WHERE t.hash = ? AND t.revoked = 0 AND (t.expires_us = 0 OR t.expires_us > ?)";
static const char sql_token_list[] =
    "SELECT " COLUMNS "FROM api_tokens t WHERE t.user_id = ? ORDER BY t.id DESC";
/* A busy client does not write a row for every call. */
static const char sql_token_touch[] =
    "UPDATE api_tokens SET last_used_us = ? WHERE id = ? AND last_used_us < ?";
static const char sql_token_revoke[] =
    "UPDATE api_tokens SET revoked = 1 WHERE id = ? AND user_id = ?";
static const char sql_token_revoke_all[] =
    "UPDATE api_tokens SET revoked = 1 WHERE user_id = ? AND revoked = 0";

bool session_insert(struct tx *tx, const struct session *session, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_bytes(session->hash, sizeof session->hash), p_uuid(&session->user_id),
                         p_int(session->created_us), p_int(session->expires_us),
                         p_text(session->method), p_int(session->strong),
                         p_text(text_fit(arena, session->address, 64)),
                         p_text(text_fit(arena, session->agent, MAX_NAME)), p_int(session->idle_us),
                         p_int(session->last_seen_us), p_text(session->hint == NULL ? "" : session->hint)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists", "This session exists already.");
}

bool session_find(struct tx *tx, const uint8_t hash[32], int64_t now_us, struct session *ret,
                  struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct rows rows;
    struct session session = {0};
    bool found;
    TRY(rows_first(tx, arena, sql_find, PARAMS(p_bytes(hash, 32), p_int(now_us), p_int(now_us)),
                   &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The session has ended; log in again.");
    for (size_t i = 0; i < sizeof session.hash; i++)
        session.hash[i] = hash[i];
    session.user_id = rows_uuid(&rows);
    session.created_us = rows_int(&rows);
    session.expires_us = rows_int(&rows);
    session.strong = rows_bool(&rows);
    session.idle_us = rows_int(&rows);
    session.last_seen_us = rows_int(&rows);
    session.by_certificate = rows_bool(&rows);
    TRY(rows_close(&rows, err));
    *ret = session;
    return true;
}

bool session_delete(struct tx *tx, const uint8_t hash[32], struct error *err) {
    return tx_execute(tx, sql_delete, PARAMS(p_bytes(hash, 32)), NULL, err);
}

bool session_delete_user(struct tx *tx, struct uuid user_id, struct error *err) {
    return tx_execute(tx, sql_delete_user, PARAMS(p_uuid(&user_id)), NULL, err);
}

bool session_touch(struct tx *tx, const uint8_t hash[32], int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_touch, PARAMS(p_int(now_us), p_bytes(hash, 32)), NULL, err);
}

bool session_list(struct tx *tx, struct arena *arena, struct uuid user_id, int64_t now_us,
                  struct session **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct session *items = arena_array(arena, capacity, sizeof *items);

    TRY(rows_open(tx, arena, sql_list, PARAMS(p_uuid(&user_id), p_int(now_us), p_int(now_us)), &rows,
                  err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        struct session *s = &items[count++];
        s->user_id = user_id;
        rows_fixed(&rows, s->hash, sizeof s->hash);
        s->created_us = rows_int(&rows);
        s->expires_us = rows_int(&rows);
        s->method = rows_text(&rows);
        s->strong = rows_bool(&rows);
        s->address = rows_text(&rows);
        s->agent = rows_text(&rows);
        s->idle_us = rows_int(&rows);
        s->last_seen_us = rows_int(&rows);
        s->hint = rows_text(&rows);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool session_delete_one(struct tx *tx, struct uuid user_id, const uint8_t prefix[16],
                        struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_delete_one, PARAMS(p_uuid(&user_id), p_bytes(prefix, 16)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such session of this user.");
}

bool session_delete_others(struct tx *tx, struct uuid user_id, const uint8_t hash[32],
                           struct error *err) {
    return tx_execute(tx, sql_delete_others, PARAMS(p_uuid(&user_id), p_bytes(hash, 32)), NULL, err);
}

bool session_delete_expired(struct tx *tx, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_delete_expired, PARAMS(p_int(now_us)), NULL, err);
}

static void read_token(struct rows *rows, struct api_token *ret) {
    ret->id = rows_uuid(rows);
    ret->user_id = rows_uuid(rows);
    ret->label = rows_text(rows);
    rows_fixed(rows, ret->hash, sizeof ret->hash);
    ret->created_us = rows_int(rows);
    ret->expires_us = rows_int(rows);
    ret->last_used_us = rows_int(rows);
    ret->revoked = rows_bool(rows);
    ret->limits = rows_text(rows);
}

bool api_token_insert(struct tx *tx, const struct api_token *token, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_token_insert,
                  PARAMS(p_uuid(&token->id), p_uuid(&token->user_id), p_text(token->label),
                         p_bytes(token->hash, sizeof token->hash), p_int(token->created_us),
                         p_int(token->expires_us), p_int(token->last_used_us),
                         p_int(token->revoked), p_text(token->limits)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists", "This API token exists already.");
}

bool api_token_find(struct tx *tx, struct arena *arena, const uint8_t hash[32], int64_t now_us,
                    struct api_token *ret, struct error *err) {
    struct rows rows;
    struct api_token token;
    bool found;
    TRY(rows_first(tx, arena, sql_token_find, PARAMS(p_bytes(hash, 32), p_int(now_us)), &rows,
                   &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "The API token is unknown, revoked or expired.");
    read_token(&rows, &token);
    TRY(rows_close(&rows, err));
    *ret = token;
    return true;
}

bool api_token_touch(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_token_touch,
                      PARAMS(p_int(now_us), p_uuid(&id), p_int(now_us - TOKEN_TOUCH_US)), NULL,
                      err);
}

bool api_token_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                    struct api_token **ret_items, size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct api_token *items = arena_array(arena, capacity, sizeof *items);

    TRY(rows_open(tx, arena, sql_token_list, PARAMS(p_uuid(&user_id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_token(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool api_token_revoke(struct tx *tx, struct uuid user_id, struct uuid id, struct error *err) {
    int64_t matched;
    char text[UUID_TEXT_SIZE];
    TRY(tx_execute(tx, sql_token_revoke, PARAMS(p_uuid(&id), p_uuid(&user_id)), &matched, err));
    uuid_format(id, text);
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no API token %s of this user.", text);
}

bool api_token_revoke_all(struct tx *tx, struct uuid user_id, int64_t *ret_count, struct error *err) {
    return tx_execute(tx, sql_token_revoke_all, PARAMS(p_uuid(&user_id)), ret_count, err);
}
