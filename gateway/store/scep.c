#include "store/scep.h"

#include "store/query.h"
#include "store/text.h"

#define CAPTURES 'x'
#define PROFILES 'y'

static const char sql_transaction_insert[] =
    "INSERT INTO scep_transactions (template_id, poll_key, request_id, credential_id, details) "
    "VALUES (?, ?, ?, ?, ?)";
static const char sql_transaction_newest[] =
    "SELECT s.request_id, s.credential_id, s.details FROM scep_transactions s "
    "WHERE s.template_id = ? AND s.poll_key = ? ORDER BY s.request_id DESC LIMIT 1";

static const char sql_outbox_add[] =
    "INSERT INTO scep_outbox (id, template_id, kind, document, attempts, next_us, created_us) "
    "VALUES (?, ?, ?, ?, 0, ?, ?)";
static const char sql_outbox_due[] =
    "SELECT o.id, o.template_id, o.kind, o.document, o.attempts, o.next_us, o.created_us "
    "FROM scep_outbox o WHERE o.next_us <= ? ORDER BY o.next_us, o.id LIMIT ?";
static const char sql_outbox_postpone[] =
    "UPDATE scep_outbox SET attempts = attempts + 1, next_us = ? WHERE id = ?";
static const char sql_outbox_remove[] = "DELETE FROM scep_outbox WHERE id = ?";

static const char sql_capture_insert[] =
    "INSERT INTO scep_captures (id, template_id, at_us, address, document) VALUES (?, ?, ?, ?, ?)";
static const char sql_capture_list[] =
    "SELECT x.id, x.template_id, x.at_us, x.address, x.document FROM scep_captures x "
    "WHERE x.template_id = ? AND x.id < ? ORDER BY x.id DESC LIMIT ?";
static const char sql_capture_purge[] = "DELETE FROM scep_captures WHERE at_us < ? LIMIT 10000";
static const char sql_capture_purge_of[] =
    "DELETE FROM scep_captures WHERE template_id = ? AND at_us < ? LIMIT 10000";

#define PROFILE_COLUMNS                                                                            \
    "p.id, p.template_id, p.hash, p.document, p.maker_id, p.maker, p.uses, p.used, "               \
    "p.created_us, p.expires_us, p.revoked "
static const char sql_profile_insert[] =
    "INSERT INTO scep_profiles (id, template_id, hash, document, maker_id, maker, uses, used, "
    "created_us, expires_us, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0)";
static const char sql_profile_by_hash[] =
    "SELECT " PROFILE_COLUMNS "FROM scep_profiles p WHERE p.hash = ? AND p.revoked = 0 "
    "AND p.used < p.uses AND p.expires_us > ?";
static const char sql_profile_use[] =
    "UPDATE scep_profiles SET used = used + 1 WHERE id = ? AND revoked = 0 AND used < uses "
    "AND expires_us > ?";
static const char sql_profile_list[] =
    "SELECT " PROFILE_COLUMNS "FROM scep_profiles p WHERE p.template_id = ? AND p.id < ? "
    "ORDER BY p.id DESC LIMIT ?";
static const char sql_profile_revoke[] =
    "UPDATE scep_profiles SET revoked = 1 WHERE id = ? AND template_id = ?";

bool scep_transaction_insert(struct tx *tx, const struct scep_transaction *transaction,
                             struct error *err) {
    return tx_execute(tx, sql_transaction_insert,
                      PARAMS(p_uuid(&transaction->template_id), p_blob(transaction->poll_key),
                             p_uuid(&transaction->request_id),
                             p_uuid_or_null(&transaction->credential_id),
                             p_text(transaction->details)),
                      NULL, err);
}

bool scep_transaction_newest(struct tx *tx, struct arena *arena, struct uuid template_id,
                             struct view poll_key, struct scep_transaction *ret,
                             struct error *err) {
    struct scep_transaction found = {.template_id = template_id, .poll_key = poll_key};
    struct rows rows;
    bool any;
    TRY(rows_first(tx, arena, sql_transaction_newest,
                   PARAMS(p_uuid(&template_id), p_blob(poll_key)), &rows, &any, err));
    if (!any)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "There is no SCEP transaction of this name and key.");
    found.request_id = rows_uuid(&rows);
    found.credential_id = rows_uuid(&rows);
    found.details = rows_text(&rows);
    TRY(rows_close(&rows, err));
    *ret = found;
    return true;
}

/* --- outbox ------------------------------------------------------------------------------------------- */

bool scep_outbox_add(struct tx *tx, const struct scep_message_out *message, struct error *err) {
    return tx_execute(tx, sql_outbox_add,
                      PARAMS(p_uuid(&message->id), p_uuid(&message->template_id),
                             p_text(message->kind), p_text(message->document),
                             p_int(message->next_us), p_int(message->created_us)),
                      NULL, err);
}

bool scep_outbox_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                     struct scep_message_out **ret_items, size_t *ret_count, struct error *err) {
    struct scep_message_out *items = arena_array(arena, limit, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_outbox_due, PARAMS(p_int(now_us), p_int(limit)), &rows, err));
    while (count < limit && rows_next(&rows)) {
        items[count].id = rows_uuid(&rows);
        items[count].template_id = rows_uuid(&rows);
        items[count].kind = rows_text(&rows);
        items[count].document = rows_text(&rows);
        items[count].attempts = rows_int(&rows);
        items[count].next_us = rows_int(&rows);
        items[count].created_us = rows_int(&rows);
        count++;
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool scep_outbox_postpone(struct tx *tx, struct uuid id, int64_t next_us, struct error *err) {
    return tx_execute(tx, sql_outbox_postpone, PARAMS(p_int(next_us), p_uuid(&id)), NULL, err);
}

bool scep_outbox_remove(struct tx *tx, struct uuid id, struct error *err) {
    return tx_execute(tx, sql_outbox_remove, PARAMS(p_uuid(&id)), NULL, err);
}

static const char sql_templates[] =
    "SELECT p.template_id, t.ca_id, a.organisation_id, t.slug, p.document "
    "FROM template_protocols p JOIN templates t ON t.id = p.template_id "
    "JOIN cas a ON a.id = t.ca_id WHERE p.protocol = 'scep' AND t.deleted_us = 0";

bool scep_template_list(struct tx *tx, struct arena *arena, struct scep_template **ret_items,
                        size_t *ret_count, struct error *err) {
    size_t count = 0, capacity = 16;
    struct scep_template *items = arena_array(arena, capacity, sizeof *items);
    struct rows rows;
    TRY(rows_open(tx, arena, sql_templates, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        items[count].template_id = rows_uuid(&rows);
        items[count].ca_id = rows_uuid(&rows);
        items[count].organisation_id = rows_uuid(&rows);
        items[count].slug = rows_text(&rows);
        items[count].document = rows_text(&rows);
        count++;
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* --- captures ----------------------------------------------------------------------------------------- */

bool scep_capture_insert(struct tx *tx, const struct scep_capture *capture, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    return tx_execute(tx, sql_capture_insert,
                      PARAMS(p_uuid(&capture->id), p_uuid(&capture->template_id),
                             p_int(capture->at_us), p_text(text_fit(arena, capture->address, 64)),
                             p_text(capture->document)),
                      NULL, err);
}

bool scep_capture_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                       const struct page *page, struct scep_capture **ret_items, size_t *ret_count,
                       const char **ret_next, struct error *err) {
    struct uuid before;
    struct rows rows;
    size_t count = 0;
    TRY(page_before(arena, page, CAPTURES, &before, err));
    struct scep_capture *items = arena_array(arena, page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, sql_capture_list,
                  PARAMS(p_uuid(&template_id), p_uuid(&before), p_int((int64_t)page->limit + 1)),
                  &rows, err));
    while (count <= page->limit && rows_next(&rows)) {
        items[count].id = rows_uuid(&rows);
        items[count].template_id = rows_uuid(&rows);
        items[count].at_us = rows_int(&rows);
        items[count].address = rows_text(&rows);
        items[count].document = rows_text(&rows);
        count++;
    }
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next =
            page_next(arena, CAPTURES, view_of(items[count - 1].id.bytes, sizeof before.bytes));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool scep_capture_purge(struct tx *tx, struct uuid template_id, int64_t before_us,
                        struct error *err) {
    if (uuid_is_nil(template_id))
        return tx_execute(tx, sql_capture_purge, PARAMS(p_int(before_us)), NULL, err);
    return tx_execute(tx, sql_capture_purge_of, PARAMS(p_uuid(&template_id), p_int(before_us)), NULL,
                      err);
}

/* --- profiles ----------------------------------------------------------------------------------------- */

static void read_profile(struct rows *rows, struct scep_profile *ret) {
    ret->id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->hash = rows_blob(rows);
    ret->document = rows_text(rows);
    ret->maker_id = rows_uuid(rows);
    ret->maker = rows_text(rows);
    ret->uses = rows_int(rows);
    ret->used = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->expires_us = rows_int(rows);
    ret->revoked = rows_bool(rows);
}

bool scep_profile_insert(struct tx *tx, const struct scep_profile *profile, struct error *err) {
    return tx_execute(tx, sql_profile_insert,
                      PARAMS(p_uuid(&profile->id), p_uuid(&profile->template_id),
                             p_blob(profile->hash), p_text(profile->document),
                             p_uuid_or_null(&profile->maker_id), p_text(profile->maker),
                             p_int(profile->uses), p_int(profile->created_us),
                             p_int(profile->expires_us)),
                      NULL, err);
}

bool scep_profile_by_hash(struct tx *tx, struct arena *arena, const uint8_t hash[static 32],
                          int64_t now_us, struct scep_profile *ret, struct error *err) {
    struct scep_profile found;
    struct rows rows;
    bool any;
    TRY(rows_first(tx, arena, sql_profile_by_hash, PARAMS(p_bytes(hash, 32), p_int(now_us)), &rows,
                   &any, err));
    if (!any)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "This link is unknown, used up or over; ask for a new one.");
    read_profile(&rows, &found);
    TRY(rows_close(&rows, err));
    *ret = found;
    return true;
}

bool scep_profile_use(struct tx *tx, struct uuid id, int64_t now_us, bool *ret_used,
                      struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_profile_use, PARAMS(p_uuid(&id), p_int(now_us)), &matched, err));
    *ret_used = matched == 1;
    return true;
}

bool scep_profile_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                       const struct page *page, struct scep_profile **ret_items, size_t *ret_count,
                       const char **ret_next, struct error *err) {
    struct uuid before;
    struct rows rows;
    size_t count = 0;
    TRY(page_before(arena, page, PROFILES, &before, err));
    struct scep_profile *items = arena_array(arena, page->limit + 1, sizeof *items);
    TRY(rows_open(tx, arena, sql_profile_list,
                  PARAMS(p_uuid(&template_id), p_uuid(&before), p_int((int64_t)page->limit + 1)),
                  &rows, err));
    while (count <= page->limit && rows_next(&rows))
        read_profile(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_next = NULL;
    if (count > page->limit) {
        count = page->limit;
        *ret_next =
            page_next(arena, PROFILES, view_of(items[count - 1].id.bytes, sizeof before.bytes));
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool scep_profile_revoke(struct tx *tx, struct uuid template_id, struct uuid id,
                         struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_profile_revoke, PARAMS(p_uuid(&id), p_uuid(&template_id)), &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no such profile of this template.");
}
