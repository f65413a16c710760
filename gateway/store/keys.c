#include "store/cas.h"
#include "store/query.h"

static const char sql_insert[] =
    "INSERT INTO private_keys (id, organisation_id, key_type, purpose, wrapped, uri, spki, "
    "created_us, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, UNHEX(SHA2(?, 256)))";
#define KEY_COLUMNS "k.id, k.organisation_id, k.key_type, k.purpose, k.wrapped, k.uri, k.spki, k.created_us"
static const char sql_by_id[] = "SELECT " KEY_COLUMNS " FROM private_keys k WHERE k.id = ?";
static const char sql_of_answers[] = "SELECT " KEY_COLUMNS " FROM validation_keys k WHERE k.id = ?";

static const char sql_service_insert[] =
    "INSERT INTO service_certificates (id, ca_id, purpose, key_id, certificate, chain, "
    "not_before_us, not_after_us, created_us, issuer_key_id, deleted_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)";
#define SERVICES                                                                                   \
    "SELECT s.id, s.ca_id, s.purpose, s.key_id, s.certificate, s.chain, s.not_before_us, "         \
    "s.not_after_us, s.created_us, s.issuer_key_id FROM service_certificates s "                   \
    "WHERE s.ca_id <=> ? AND s.purpose = ? AND s.deleted_us = 0 "
#define NEWEST_FIRST "ORDER BY s.not_after_us DESC, s.id DESC LIMIT "
static const char sql_service_current[] = SERVICES "AND s.issuer_key_id <=> ? AND s.created_us <= ? " NEWEST_FIRST "1";
static const char sql_service_list[] = SERVICES "AND s.not_after_us > ? " NEWEST_FIRST "100";

static const char sql_service_retire[] = "UPDATE service_certificates SET deleted_us = ? "
                                         "WHERE ca_id IS NULL AND purpose = ? AND deleted_us = 0";

bool key_insert(struct tx *tx, const struct key_record *key, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_uuid(&key->id), p_uuid_or_null(&key->organisation_id),
                             p_text(key->key_type), p_int(key->purpose), p_blob(key->blob),
                             p_text(key->uri), p_blob(key->spki), p_int(key->created_us),
                             p_blob(key->spki)),
                      NULL, err);
}

static bool find_key(struct tx *tx, struct arena *arena, const char *sql, struct uuid id, struct key_record *ret,
                     struct error *err) {
    struct rows rows;
    struct key_record key;
    char text[UUID_TEXT_SIZE];
    bool found;
    TRY(rows_first(tx, arena, sql, PARAMS(p_uuid(&id)), &rows, &found, err));
    uuid_format(id, text);
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no key %s.", text);
    key.id = rows_uuid(&rows);
    key.organisation_id = rows_uuid(&rows);
    key.key_type = rows_text(&rows);
    key.purpose = (int)rows_int(&rows);
    key.blob = rows_blob(&rows);
    key.uri = rows_text(&rows);
    key.spki = rows_blob(&rows);
    key.created_us = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret = key;
    return true;
}

bool key_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct key_record *ret, struct error *err) {
    return find_key(tx, arena, sql_by_id, id, ret, err);
}

bool key_of_answers(struct tx *tx, struct arena *arena, struct uuid id, struct key_record *ret, struct error *err) {
    return find_key(tx, arena, sql_of_answers, id, ret, err);
}

bool service_insert(struct tx *tx, const struct service_record *service, struct error *err) {
    return tx_execute(tx, sql_service_insert,
                      PARAMS(p_uuid(&service->id), p_uuid_or_null(&service->ca_id),
                             p_int(service->use), p_uuid(&service->key_id),
                             p_blob(service->certificate), p_blob(service->chain),
                             p_int(service->not_before_us), p_int(service->not_after_us),
                             p_int(service->created_us), p_uuid_or_null(&service->issuer_key_id)),
                      NULL, err);
}

bool service_retire(struct tx *tx, enum service_use use, int64_t now_us, struct error *err) {
    return tx_execute(tx, sql_service_retire, PARAMS(p_int(now_us), p_int(use)), NULL, err);
}

const char *service_use_name(enum service_use use) {
    static const char *const names[SERVICE_USE_COUNT] = {"",    "OCSP", "TSA", "SCEP",
                                                        "TLS", "CMP",  "agent"};
    return (size_t)use < SERVICE_USE_COUNT ? names[use] : "";
}

static void read_service(struct rows *rows, struct service_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->use = (enum service_use)rows_int(rows);
    ret->key_id = rows_uuid(rows);
    ret->certificate = rows_blob(rows);
    ret->chain = rows_blob(rows);
    ret->not_before_us = rows_int(rows);
    ret->not_after_us = rows_int(rows);
    ret->created_us = rows_int(rows);
    ret->issuer_key_id = rows_uuid(rows);
}

bool service_current_of(struct tx *tx, struct arena *arena, struct uuid ca_id,
                        struct uuid issuer_key_id, enum service_use use, int64_t made_by_us,
                        struct service_record *ret, struct error *err) {
    struct rows rows;
    struct service_record service;
    bool found;
    TRY(rows_first(tx, arena, sql_service_current,
                   PARAMS(p_uuid_or_null(&ca_id), p_int(use), p_uuid_or_null(&issuer_key_id), p_int(made_by_us)), &rows, &found,
                   err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "There is no %s service certificate of %s %s.", service_use_name(use),
                    uuid_is_nil(ca_id) ? "the instance" : "CA",
                    uuid_is_nil(ca_id) ? "itself" : uuid_text(arena, ca_id));
    read_service(&rows, &service);
    TRY(rows_close(&rows, err));
    *ret = service;
    return true;
}

bool service_current(struct tx *tx, struct arena *arena, struct uuid ca_id, enum service_use use,
                     struct service_record *ret, struct error *err) {
    return service_current_of(tx, arena, ca_id, (struct uuid){{0}}, use, INT64_MAX, ret, err);
}

bool service_list(struct tx *tx, struct arena *arena, struct uuid ca_id, enum service_use use,
                  int64_t now_us, struct service_record **ret_items, size_t *ret_count,
                  struct error *err) {
    enum { MOST = 100 };
    struct service_record *items = arena_array(arena, MOST, sizeof *items);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_service_list,
                  PARAMS(p_uuid_or_null(&ca_id), p_int(use), p_int(now_us)), &rows, err));
    while (count < MOST && rows_next(&rows))
        read_service(&rows, &items[count++]);
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
