#include "store/certificates.h"

#include "store/certificate_rows.h"
#include "store/hold.h"
#include "store/later.h"
#include "store/text.h"
#include "store/transparency.h"

#include <string.h>

static bool serial_in_use(struct error *err) {
    return fail(err, ERROR_CONFLICT, "serial-in-use",
                "The issuer's key has signed a certificate with this serial number before.");
}

static const struct insert insert_certificate = {
    .sql = "INSERT INTO certificates (id, ca_id, organisation_id, issuer_key_id, template_id, "
           "template_version, request_id, purpose, serial, subject, common_name, sans, key_type, "
           "requester, not_before_us, not_after_us, created_us, fingerprint_sha256, spki_sha256, "
           "der, door) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .kind = INSERT_REFERRED,
    .duplicate = serial_in_use};
static const struct insert insert_words = {
    .sql = "INSERT INTO certificate_search (ca_id, certificate_id, piece, words) VALUES (?, ?, ?, ?)",
    .kind = INSERT_LEAF};
static const struct insert insert_name = {
    .sql = "INSERT INTO certificate_names (certificate_id, ordinal, kind, name, reversed) "
           "VALUES (?, ?, ?, ?, ?)",
    .kind = INSERT_LEAF};
static const char sql_by_id[] = CERTIFICATE_SELECT("c.der", "PRIMARY") "c.id = ? AND ";
static const char sql_by_serial[] =
    CERTIFICATE_SELECT("c.der", "certificates_by_serial") "c.serial = ? AND c.ca_id = ? LIMIT 1";
static const char sql_by_fingerprint[] =
    CERTIFICATE_SELECT("c.der", "certificates_by_fingerprint") "c.fingerprint_sha256 = ? LIMIT 1";

void certificate_row_read(struct rows *rows, struct certificate_record *ret) {
    ret->id = rows_uuid(rows);
    ret->ca_id = rows_uuid(rows);
    ret->organisation_id = rows_uuid(rows);
    ret->ca_slug = rows_text(rows);
    ret->issuer_key_id = rows_uuid(rows);
    ret->template_id = rows_uuid(rows);
    ret->template_slug = rows_text(rows);
    ret->template_version = rows_int(rows);
    ret->request_id = rows_uuid(rows);
    ret->use = (enum certificate_use)rows_int(rows);
    ret->serial = rows_blob(rows);
    ret->subject = rows_text(rows);
    ret->common_name = rows_text(rows);
    ret->sans = rows_text(rows);
    ret->key_type = rows_text(rows);
    ret->requester = rows_text(rows);
    ret->not_before_us = rows_int(rows);
    ret->not_after_us = rows_int(rows);
    ret->created_us = rows_int(rows);
    rows_fixed(rows, ret->fingerprint_sha256, sizeof ret->fingerprint_sha256);
    rows_fixed(rows, ret->spki_sha256, sizeof ret->spki_sha256);
    ret->der = rows_blob(rows);
    ret->reason = (int)rows_int(rows);
    ret->revoked_us = rows_int(rows);
    ret->invalidity_us = rows_int(rows);
    ret->status_ordinal = rows_int(rows);
    ret->door = rows_text(rows);
    ret->owner = rows_text(rows);
    ret->tags = rows_text(rows);
    ret->fields = rows_text(rows);
    ret->archived_us = rows_int(rows);
    ret->note_revision = rows_int(rows);
    ret->revoked = ret->status_ordinal > 0 && ret->reason != REASON_REMOVE_FROM_CRL;
}

/* What the text search looks through, in a narrow table. The common name is nearly always in the subject. */
static bool insert_search(struct tx *tx, const struct certificate_record *c, struct error *err) {
    const size_t step = SEARCH_PIECE - SEARCH_TEXT_MAX;
    SCOPED_ARENA struct arena *arena = arena_new();
    bool repeats = strstr(c->subject, c->common_name) != NULL;
    struct view words = view_text(text_fold(
        arena,
        arena_printf(arena, "%s\n%s\n%s", c->subject, c->sans, repeats ? "" : c->common_name)));
    if (words.len > SEARCH_TOTAL)
        words.len = SEARCH_TOTAL;
    int64_t piece = 0;
    for (size_t at = 0; at == 0 || at + SEARCH_TEXT_MAX < words.len; at += step) {
        size_t len = words.len - at < SEARCH_PIECE ? words.len - at : SEARCH_PIECE;
        TRY(tx_insert_later(
            tx, &insert_words,
            PARAMS(p_uuid(&c->ca_id), p_uuid(&c->id), p_int(piece++), p_bytes(words.at + at, len)),
            err));
    }
    return true;
}

/* Kinds of certificate_names by the prefix of a SAN's text. */
static int name_kind(const char *text, size_t *ret_prefix) {
    static const struct {
        const char *prefix;
        int kind;
    } kinds[] = {{"DNS:", 2}, {"email:", 3}, {"IP:", 4},  {"URI:", 5},
                 {"UPN:", 6}, {"RID:", 6},   {"SRV:", 6}, {"XMPP:", 6},
                 {"dirName:", 6}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            *ret_prefix = strlen(kinds[i].prefix);
            return kinds[i].kind;
        }
    *ret_prefix = 0;
    return 6;
}

/* Of one certificate: the common name and as many SANs as a request may have. An imported one may have more; these the
 * text search finds. */
#define NAMES_MAX 1001

struct names {
    struct tx *tx;
    struct arena *arena;
    struct uuid certificate_id;
    int ordinal; /* of the next */
};

static bool add_name(struct names *names, int kind, const char *name, struct error *err) {
    struct view key = name_key(names->arena, name);
    if (key.len == 0 || names->ordinal >= NAMES_MAX)
        return true;
    struct view reversed = name_key_reversed(names->arena, key);
    return tx_insert_later(names->tx, &insert_name,
                           PARAMS(p_uuid(&names->certificate_id), p_int(names->ordinal++),
                                  p_int(kind), p_blob(key), p_blob(reversed)),
                           err);
}

size_t joined_span(const char *joined) {
    size_t len = 0;
    while (joined[len] != '\0' && !(joined[len] == ',' && joined[len + 1] == ' ' && (len == 0 || joined[len - 1] != '\\')))
        len++;
    return len;
}

/* Common name and SANs. A SAN that repeats the common name is not written twice. */
static bool insert_names(struct tx *tx, const struct certificate_record *c, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct names names = {tx, arena, c->id, 0};
    TRY(add_name(&names, 1, c->common_name, err));
    char *rest = arena_strdup(arena, c->sans);
    while (rest[0] != '\0') {
        char *end = rest + joined_span(rest);
        char *next = *end == '\0' ? end : end + 2;
        *end = '\0';
        size_t prefix;
        int kind = name_kind(rest, &prefix);
        if (strcmp(rest + prefix, c->common_name) != 0 || kind == 3)
            TRY(add_name(&names, kind, rest + prefix, err));
        rest = next;
    }
    return true;
}

bool certificate_insert(struct tx *tx, const struct certificate_record *certificate,
                        struct error *err) {
    const struct certificate_record *c = certificate;
    struct held held = {.ca_id = c->ca_id};
    TRY(hold(tx, &held, err));
    TRY(tx_insert_later(
        tx, &insert_certificate,
        PARAMS(p_uuid(&c->id), p_uuid(&c->ca_id), p_uuid(&held.organisation_id),
               p_uuid(&c->issuer_key_id), p_uuid_or_null(&c->template_id),
               p_int(c->template_version), p_uuid_or_null(&c->request_id), p_int(c->use),
               p_blob(c->serial), p_text(c->subject), p_text(c->common_name), p_text(c->sans),
               p_text(c->key_type), p_text(c->requester), p_int(c->not_before_us),
               p_int(c->not_after_us), p_int(c->created_us),
               p_bytes(c->fingerprint_sha256, sizeof c->fingerprint_sha256),
               p_bytes(c->spki_sha256, sizeof c->spki_sha256), p_blob(c->der), p_text(c->door)),
        err));
    return insert_search(tx, c, err) && insert_names(tx, c, err) &&
           (c->scts.len == 0 || certificate_scts_insert(tx, c->id, c->scts, err));
}

/* Reads the only row, if there is one. */
static bool read_one(struct rows *rows, bool found, struct certificate_record *ret,
                     struct error *err) {
    struct certificate_record certificate;
    if (!found)
        return true;
    certificate_row_read(rows, &certificate);
    TRY(rows_close(rows, err));
    *ret = certificate;
    return true;
}

bool certificate_by_id(struct tx *tx, struct arena *arena, const struct scope *scope,
                       struct uuid id, struct certificate_record *ret, struct error *err) {
    struct query query = query_on(arena);
    struct rows rows;
    char text[UUID_TEXT_SIZE];
    bool found;
    query_add(&query, sql_by_id);
    query_bind(&query, p_uuid(&id));
    query_scope(&query, scope, "c.organisation_id", "c.ca_id");
    TRY(rows_first(tx, arena, query_sql(&query), query_params(&query), &rows, &found, err));
    TRY(read_one(&rows, found, ret, err));
    uuid_format(id, text);
    return found || fail(err, ERROR_NOT_FOUND, "not-found", "There is no certificate %s.", text);
}

bool certificate_by_serial(struct tx *tx, struct arena *arena, struct uuid ca_id,
                           struct view serial, struct certificate_record *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_serial, PARAMS(p_blob(serial), p_uuid(&ca_id)), &rows, &found,
                   err));
    TRY(read_one(&rows, found, ret, err));
    return found || fail(err, ERROR_NOT_FOUND, "not-found",
                         "The CA has not issued a certificate with the serial number %s.",
                         hex_encode(arena, serial));
}

bool certificate_by_fingerprint(struct tx *tx, struct arena *arena, const uint8_t sha256[static 32],
                                struct certificate_record *ret, struct error *err) {
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_by_fingerprint, PARAMS(p_bytes(sha256, 32)), &rows, &found, err));
    TRY(read_one(&rows, found, ret, err));
    return found || fail(err, ERROR_NOT_FOUND, "not-found",
                         "The certificate was not issued by this instance.");
}
