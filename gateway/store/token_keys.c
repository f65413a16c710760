#include "store/token_keys.h"

#include "store/cas.h"
#include "store/query.h"

#include <string.h>

#define USERS_MOST 50

static const char sql_insert[] =
    "INSERT INTO token_keys (spki_hash, uri, key_type, attestation, attested, created_by, created_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE uri = VALUES(uri)";
static const char sql_get[] =
    "SELECT t.uri, t.key_type, t.attestation, t.attested, t.created_by, t.created_us FROM token_keys t "
    "WHERE t.spki_hash = ?";
static const char sql_forget[] = "DELETE FROM token_keys WHERE spki_hash = ?";
/* By the keys in tokens, of which there are few. */
#define KEY "private_keys k ON k.uri <> '' AND k.spki = ? AND k.id = "
static const char sql_users[] =
    "SELECT CONCAT('the authority ', c.slug) FROM cas c JOIN " KEY "c.key_id WHERE c.deleted_us = 0 "
    "UNION SELECT CONCAT('a re-key of the authority ', c.slug) FROM cas c JOIN " KEY "c.next_key_id "
    "WHERE c.deleted_us = 0 "
    "UNION SELECT CONCAT('a former key of the authority ', c.slug) FROM ca_generations g "
    "JOIN cas c ON c.id = g.ca_id JOIN " KEY "g.key_id WHERE c.deleted_us = 0 "
    "UNION SELECT 'a service certificate' FROM service_certificates s JOIN " KEY "s.key_id WHERE s.deleted_us = 0 "
    "UNION SELECT CONCAT('the timestamping certificate ', t.name) FROM tsa_certificates t JOIN " KEY "t.key_id "
    "UNION SELECT CONCAT('the validation authority ', v.slug) FROM validators v JOIN " KEY "v.key_id "
    "WHERE v.deleted_us = 0 LIMIT 50";
static const char sql_set_uri[] = "UPDATE private_keys SET uri = ?, wrapped = '' WHERE id = ?";
static const char sql_key_here[] = "UPDATE cas SET state = ?, revision = revision + 1 WHERE id = ? AND state = ?";

static struct param p_hash(const uint8_t hash[static TOKEN_KEY_HASH]) {
    return p_blob(view_of(hash, TOKEN_KEY_HASH));
}

bool token_key_insert(struct tx *tx, const struct token_key_record *key, struct error *err) {
    return tx_execute(tx, sql_insert,
                      PARAMS(p_hash(key->hash), p_text(key->uri), p_text(key->key_type), p_blob(key->attestation),
                             p_int(key->attested), p_text(key->created_by), p_int(key->created_us)),
                      NULL, err);
}

bool token_key_get(struct tx *tx, struct arena *arena, const uint8_t hash[static TOKEN_KEY_HASH],
                   struct token_key_record *ret, bool *ret_found, struct error *err) {
    struct rows rows;
    struct token_key_record key;
    bool found;
    TRY(rows_first(tx, arena, sql_get, PARAMS(p_hash(hash)), &rows, &found, err));
    *ret_found = found;
    if (!found)
        return true;
    memcpy(key.hash, hash, sizeof key.hash);
    key.uri = rows_text(&rows);
    key.key_type = rows_text(&rows);
    key.attestation = rows_blob(&rows);
    key.attested = rows_int(&rows) != 0;
    key.created_by = rows_text(&rows);
    key.created_us = rows_int(&rows);
    TRY(rows_close(&rows, err));
    *ret = key;
    return true;
}

bool token_key_forget(struct tx *tx, const uint8_t hash[static TOKEN_KEY_HASH], struct error *err) {
    return tx_execute(tx, sql_forget, PARAMS(p_hash(hash)), NULL, err);
}

bool token_key_users(struct tx *tx, struct arena *arena, struct view spki, const char ***ret_users,
                     size_t *ret_count, struct error *err) {
    const char **users = arena_array(arena, USERS_MOST, sizeof *users);
    struct rows rows;
    size_t count = 0;
    TRY(rows_open(tx, arena, sql_users,
                  PARAMS(p_blob(spki), p_blob(spki), p_blob(spki), p_blob(spki), p_blob(spki), p_blob(spki)), &rows,
                  err));
    while (count < USERS_MOST && rows_next(&rows))
        users[count++] = rows_text(&rows);
    TRY(rows_close(&rows, err));
    *ret_users = users;
    *ret_count = count;
    return true;
}

bool key_set_uri(struct tx *tx, struct uuid id, const char *uri, struct error *err) {
    return tx_execute(tx, sql_set_uri, PARAMS(p_text(uri), p_uuid(&id)), NULL, err);
}

bool ca_set_key_here(struct tx *tx, struct uuid id, struct error *err) {
    int64_t changed = 0;
    TRY(tx_execute(tx, sql_key_here, PARAMS(p_int(CA_ACTIVE), p_uuid(&id), p_int(CA_CERTIFICATE_ONLY)), &changed,
                   err));
    return changed == 1 || fail(err, ERROR_CONFLICT, "ca-state", "The authority has its key already; read it again.");
}
