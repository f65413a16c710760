#include "store/factors.h"

#include "store/query.h"

#define COLUMNS                                                                                    \
    "f.id, f.user_id, f.kind, f.label, f.confirmed, f.secret, f.handle, f.credential, f.public_key, " \
    "f.counter, f.details, f.created_us, f.last_used_us "

static const char sql_insert[] =
    "INSERT INTO user_factors (id, user_id, kind, label, confirmed, secret, handle, credential, "
    "public_key, counter, details, created_us, last_used_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_list[] = "SELECT " COLUMNS "FROM user_factors f WHERE f.user_id = ? "
                               "ORDER BY f.created_us, f.id";
static const char sql_by_handle[] = "SELECT " COLUMNS "FROM user_factors f WHERE f.handle = ?";
static const char sql_use[] =
    "UPDATE user_factors SET counter = ?, last_used_us = ? "
    "WHERE id = ? AND (counter < ? OR (counter = 0 AND ? = 0))";
static const char sql_confirm[] = "UPDATE user_factors SET confirmed = 1 WHERE id = ?";
static const char sql_delete[] = "DELETE FROM user_factors WHERE id = ? AND user_id = ?";
static const char sql_delete_user[] = "DELETE FROM user_factors WHERE user_id = ?";
static const char sql_strong[] = "UPDATE sessions SET strong = 1 WHERE hash = ?";

static const char sql_recovery_clear[] = "DELETE FROM user_recovery_codes WHERE user_id = ?";
static const char sql_recovery_add[] =
    "INSERT INTO user_recovery_codes (user_id, hash, created_us) VALUES (?, ?, ?)";
static const char sql_recovery_use[] =
    "DELETE FROM user_recovery_codes WHERE user_id = ? AND hash = ?";
static const char sql_recovery_count[] =
    "SELECT COUNT(*) FROM user_recovery_codes WHERE user_id = ?";

static const char sql_ticket_insert[] =
    "INSERT INTO login_tickets (hash, kind, user_id, document, tries, expires_us) "
    "VALUES (?, ?, ?, ?, 0, ?)";
static const char sql_ticket_try[] =
    "UPDATE login_tickets SET tries = tries + 1 "
    "WHERE hash = ? AND kind = ? AND expires_us > ? AND tries < ?";
static const char sql_ticket_read[] = "SELECT t.user_id, t.document, t.expires_us "
                                      "FROM login_tickets t WHERE t.hash = ?";
static const char sql_ticket_take[] = "DELETE FROM login_tickets WHERE hash = ?";
static const char sql_ticket_expired[] =
    "DELETE FROM login_tickets WHERE expires_us <= ? LIMIT 10000";

static void read_row(struct rows *rows, struct factor *ret) {
    ret->id = rows_uuid(rows);
    ret->user_id = rows_uuid(rows);
    ret->kind = (enum factor_kind)rows_int(rows);
    ret->label = rows_text(rows);
    ret->confirmed = rows_bool(rows);
    ret->secret = rows_text(rows);
    rows_fixed(rows, ret->handle, sizeof ret->handle);
    ret->credential = rows_blob(rows);
    ret->public_key = rows_blob(rows);
    ret->counter = rows_int(rows);
    ret->details = rows_text(rows);
    ret->created_us = rows_int(rows);
    ret->last_used_us = rows_int(rows);
}

bool factor_insert(struct tx *tx, const struct factor *factor, struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&factor->id), p_uuid(&factor->user_id), p_int(factor->kind),
                         p_text(factor->label), p_int(factor->confirmed), p_text(factor->secret),
                         p_bytes(factor->handle, 32), p_blob(factor->credential),
                         p_blob(factor->public_key), p_int(factor->counter), p_text(factor->details),
                         p_int(factor->created_us), p_int(factor->last_used_us)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists", "This security key is set up for a user already.");
}

bool factor_list(struct tx *tx, struct arena *arena, struct uuid user_id, struct factor **ret_items,
                 size_t *ret_count, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct factor *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_list, PARAMS(p_uuid(&user_id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_row(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool factor_by_handle(struct tx *tx, struct arena *arena, const uint8_t handle[32],
                      struct factor *ret, struct error *err) {
    struct rows rows;
    struct factor factor;
    bool found;
    TRY(rows_first(tx, arena, sql_by_handle, PARAMS(p_bytes(handle, 32)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "This security key is nobody's.");
    read_row(&rows, &factor);
    TRY(rows_close(&rows, err));
    *ret = factor;
    return true;
}

bool factor_use(struct tx *tx, struct uuid id, int64_t counter, int64_t now_us, bool *ret_fresh,
                struct error *err) {
    int64_t matched;
    TRY(tx_execute(
        tx, sql_use,
        PARAMS(p_int(counter), p_int(now_us), p_uuid(&id), p_int(counter), p_int(counter)), &matched,
        err));
    *ret_fresh = matched == 1;
    return true;
}

bool factor_confirm(struct tx *tx, struct uuid id, struct error *err) {
    return tx_execute(tx, sql_confirm, PARAMS(p_uuid(&id)), NULL, err);
}

bool factor_delete(struct tx *tx, struct uuid user_id, struct uuid id, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_delete, PARAMS(p_uuid(&id), p_uuid(&user_id)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such second factor of this user.");
}

bool factor_delete_user(struct tx *tx, struct uuid user_id, struct error *err) {
    return tx_execute(tx, sql_delete_user, PARAMS(p_uuid(&user_id)), NULL, err) &&
           tx_execute(tx, sql_recovery_clear, PARAMS(p_uuid(&user_id)), NULL, err);
}

bool session_set_strong(struct tx *tx, const uint8_t hash[32], struct error *err) {
    return tx_execute(tx, sql_strong, PARAMS(p_bytes(hash, 32)), NULL, err);
}

bool recovery_replace(struct tx *tx, struct uuid user_id, const uint8_t (*hashes)[32], size_t count,
                      int64_t now_us, struct error *err) {
    TRY(tx_execute(tx, sql_recovery_clear, PARAMS(p_uuid(&user_id)), NULL, err));
    for (size_t i = 0; i < count; i++)
        TRY(tx_execute(tx, sql_recovery_add,
                       PARAMS(p_uuid(&user_id), p_bytes(hashes[i], 32), p_int(now_us)), NULL, err));
    return true;
}

bool recovery_use(struct tx *tx, struct uuid user_id, const uint8_t hash[32], bool *ret_found,
                  struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_recovery_use, PARAMS(p_uuid(&user_id), p_bytes(hash, 32)), &matched, err));
    *ret_found = matched == 1;
    return true;
}

bool recovery_count(struct tx *tx, struct uuid user_id, int64_t *ret_count, struct error *err) {
    return tx_number(tx, sql_recovery_count, PARAMS(p_uuid(&user_id)), ret_count, err);
}

bool ticket_insert(struct tx *tx, const struct ticket *ticket, struct error *err) {
    return tx_execute(tx, sql_ticket_insert,
                      PARAMS(p_bytes(ticket->hash, 32), p_int(ticket->kind),
                             p_uuid_or_null(&ticket->user_id), p_text(ticket->document),
                             p_int(ticket->expires_us)),
                      NULL, err);
}

static bool no_ticket(struct error *err) {
    return fail(err, ERROR_NOT_FOUND, "not-found",
                "This step of the log-in is over; begin again.");
}

bool ticket_try(struct tx *tx, struct arena *arena, const uint8_t hash[32], enum ticket_kind kind,
                int64_t now_us, struct ticket *ret, struct error *err) {
    struct rows rows;
    struct ticket ticket = {.kind = kind};
    int64_t matched;
    bool found;
    TRY(tx_execute(tx, sql_ticket_try,
                   PARAMS(p_bytes(hash, 32), p_int(kind), p_int(now_us), p_int(TICKET_TRIES)),
                   &matched, err));
    if (matched != 1)
        return no_ticket(err);
    TRY(rows_first(tx, arena, sql_ticket_read, PARAMS(p_bytes(hash, 32)), &rows, &found, err));
    if (!found)
        return no_ticket(err);
    ticket.user_id = rows_uuid(&rows);
    ticket.document = rows_text(&rows);
    ticket.expires_us = rows_int(&rows);
    TRY(rows_close(&rows, err));
    for (size_t i = 0; i < sizeof ticket.hash; i++)
        ticket.hash[i] = hash[i];
    *ret = ticket;
    return true;
}

bool ticket_take(struct tx *tx, const uint8_t hash[32], struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_ticket_take, PARAMS(p_bytes(hash, 32)), &matched, err));
    return matched == 1 || no_ticket(err);
}

bool ticket_delete_expired(struct tx *tx, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_ticket_expired, PARAMS(p_int(now_us)), NULL, err);
}
