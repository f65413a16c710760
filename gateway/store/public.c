#include "store/public.h"

#include "store/query.h"

#define COLUMNS                                                                                            \
    "p.id, p.template_id, p.request_id, p.email, p.name, p.document, p.address, p.told, p.open, "          \
    "p.created_us, COALESCE(q.state, 0) FROM public_requests p LEFT JOIN requests q ON q.id = p.request_id "
static const char sql_insert[] =
    "INSERT INTO public_requests (id, template_id, request_id, email, name, document, address, told, open, "
    "created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_by_id[] = "SELECT " COLUMNS "WHERE p.id = ?";
static const char sql_confirm[] =
    "UPDATE public_requests SET request_id = ?, document = '{}' WHERE id = ? AND request_id IS NULL";
static const char sql_by_email[] =
    "SELECT COUNT(*) FROM public_requests p WHERE p.email = ? AND p.created_us > ?";
static const char sql_by_address[] =
    "SELECT COUNT(*) FROM public_requests p WHERE p.address = ? AND p.created_us > ?";
static const char sql_news[] =
    "SELECT " COLUMNS "WHERE p.open = 1 AND q.state <> p.told ORDER BY p.id LIMIT ?";
static const char sql_tell[] =
    "UPDATE public_requests SET told = ?, open = ? WHERE id = ? AND told = ? AND open = 1";
static const char sql_purge[] =
    "DELETE FROM public_requests WHERE open = 1 AND request_id IS NULL AND created_us < ? LIMIT 10000";
static const char sql_spend[] = "INSERT INTO public_spent (hash, expires_us) VALUES (?, ?)";
static const char sql_unspend[] = "DELETE FROM public_spent WHERE expires_us < ? LIMIT 10000";

bool public_request_insert(struct tx *tx, const struct public_request *p, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&p->id), p_uuid(&p->template_id), p_uuid_or_null(&p->request_id),
                             p_text(p->email), p_text(p->name), p_text(p->document), p_text(p->address),
                             p_int(p->told), p_int(p->open), p_int(p->created_us)),
                      NULL, err);
}

static void read_row(struct rows *rows, struct public_request *ret) {
    *ret = (struct public_request){.id = rows_uuid(rows)};
    ret->template_id = rows_uuid(rows);
    ret->request_id = rows_uuid(rows);
    ret->email = rows_text(rows);
    ret->name = rows_text(rows);
    ret->document = rows_text(rows);
    ret->address = rows_text(rows);
    ret->told = (enum request_state)rows_int(rows);
    ret->open = rows_bool(rows);
    ret->created_us = rows_int(rows);
    ret->state = (enum request_state)rows_int(rows);
}

bool public_request_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct public_request *ret,
                          struct error *err) {
    struct public_request request;
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_id, PARAMS(p_uuid(&id)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such request, or it was forgotten.");
    read_row(&rows, &request);
    TRY(rows_close(&rows, err));
    *ret = request;
    return true;
}

bool public_request_confirm(struct tx *tx, struct uuid id, struct uuid request_id, struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_confirm, PARAMS(p_uuid(&request_id), p_uuid(&id)), &matched, err));
    return matched == 1 || fail(err, ERROR_CONFLICT, "already-confirmed", "The address is confirmed already.");
}

bool public_request_count(struct tx *tx, const char *email, const char *address, int64_t since_us,
                          int64_t *ret_by_email, int64_t *ret_by_address, struct error *err) {
    *ret_by_email = *ret_by_address = 0;
    if (email[0] != '\0')
        TRY(tx_number(tx, sql_by_email, PARAMS(p_text(email), p_int(since_us)), ret_by_email, err));
    return address[0] == '\0' ||
           tx_number(tx, sql_by_address, PARAMS(p_text(address), p_int(since_us)), ret_by_address, err);
}

bool public_request_news(struct tx *tx, struct arena *arena, unsigned limit,
                         struct public_request **ret_items, size_t *ret_count, struct error *err) {
    struct public_request *items = arena_array(arena, limit, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_news, PARAMS(p_int(limit)), &rows, err));
    while (count < limit && rows_next(&rows))
        read_row(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool public_request_tell(struct tx *tx, const struct public_request *p, bool open, bool *ret_mine,
                         struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_tell, PARAMS(p_int(p->state), p_int(open), p_uuid(&p->id), p_int(p->told)),
                   &matched, err));
    *ret_mine = matched == 1;
    return true;
}

bool public_purge(struct tx *tx, int64_t unconfirmed_before_us, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_purge, PARAMS(p_int(unconfirmed_before_us)), NULL, err) &&
           tx_execute(tx, sql_unspend, PARAMS(p_int(now_us)), NULL, err);
}

bool public_spend(struct tx *tx, const uint8_t hash[static 32], int64_t expires_us, bool *ret_duplicate,
                  struct error *err) {
    return tx_insert(tx, sql_spend, PARAMS(p_bytes(hash, 32), p_int(expires_us)), ret_duplicate, err);
}
