#include "store/roles.h"

#include "store/query.h"

#define COLUMNS "r.number, r.slug, r.name, r.permissions, r.own_only, r.created_us "

static const char sql_insert[] = "INSERT INTO roles (number, slug, name, permissions, own_only, "
                                 "created_us) VALUES (?, ?, ?, ?, ?, ?)";
static const char sql_highest[] = "SELECT COALESCE(MAX(number), 0) FROM roles";
static const char sql_update[] =
    "UPDATE roles SET name = ?, permissions = ?, own_only = ? WHERE number = ?";
static const char sql_granted[] =
    "SELECT DISTINCT COALESCE(u.username, '') FROM role_grants g LEFT JOIN users u ON u.id = g.user_id WHERE g.role = ? "
    "ORDER BY 1 LIMIT " NAMES_ASKED;
static const char sql_delete[] = "DELETE FROM roles WHERE number = ?";
static const char sql_all[] = "SELECT " COLUMNS "FROM roles r ORDER BY r.slug";
static const char sql_by_slug[] = "SELECT " COLUMNS "FROM roles r WHERE r.slug = ?";

static void read_row(struct rows *rows, struct role_record *ret) {
    ret->number = (enum role)rows_int(rows);
    ret->slug = rows_text(rows);
    ret->name = rows_text(rows);
    ret->permissions = rows_int(rows);
    ret->own_only = rows_bool(rows);
    ret->created_us = rows_int(rows);
}

bool role_insert(struct tx *tx, struct role_record *role, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct role_record standing;
    struct error missing = {0};
    int64_t highest;
    bool duplicate;
    if (role_by_slug(tx, arena, role->slug, &standing, &missing))
        return fail(err, ERROR_CONFLICT, "exists", "There is a role \"%s\" already.", role->slug);
    TRY(tx_number(tx, sql_highest, NO_PARAMS, &highest, err));
    role->number = (enum role)(highest < ROLE_CUSTOM_FIRST ? ROLE_CUSTOM_FIRST : highest + 1);
    if (role->number > ROLE_CUSTOM_LAST)
        return fail(err, ERROR_CONFLICT, "too-many", "An instance has at most %d roles of its own.",
                    ROLE_CUSTOM_LAST - ROLE_CUSTOM_FIRST + 1);
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_int(role->number), p_text(role->slug), p_text(role->name),
                         p_int(role->permissions), p_int(role->own_only), p_int(role->created_us)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists",
                              "Another role was made at this moment; try again.");
}

bool role_update(struct tx *tx, const struct role_record *role, struct error *err) {
    return tx_execute(tx, sql_update,
                      PARAMS(p_text(role->name), p_int(role->permissions), p_int(role->own_only),
                             p_int(role->number)),
                      NULL, err);
}

bool role_delete(struct tx *tx, const struct role_record *role, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *names;
    TRY(names_of(tx, arena, sql_granted, PARAMS(p_int(role->number)), &names, err));
    if (names[0] != '\0')
        return fail(err, ERROR_CONFLICT, "in-use", "The role %s is granted to %s; take it away from them first.", role->slug,
                    names);
    return tx_execute(tx, sql_delete, PARAMS(p_int(role->number)), NULL, err);
}

bool role_all(struct tx *tx, struct arena *arena, struct role_record **ret_items, size_t *ret_count,
              struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct role_record *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_all, NO_PARAMS, &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_row(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool role_by_slug(struct tx *tx, struct arena *arena, const char *slug, struct role_record *ret,
                  struct error *err) {
    struct rows rows;
    struct role_record role;
    bool found;
    TRY(rows_first(tx, arena, sql_by_slug, PARAMS(p_text(slug)), &rows, &found, err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no role \"%.60s\".", slug);
    read_row(&rows, &role);
    TRY(rows_close(&rows, err));
    *ret = role;
    return true;
}

#define CERTIFICATE_COLUMNS                                                                        \
    "c.fingerprint, c.user_id, c.label, c.subject, c.not_after_us, c.created_us "

static const char sql_certificate_insert[] =
    "INSERT INTO user_certificates (fingerprint, user_id, label, subject, not_after_us, created_us) "
    "VALUES (?, ?, ?, ?, ?, ?)";
static const char sql_certificate_find[] =
    "SELECT " CERTIFICATE_COLUMNS "FROM user_certificates c WHERE c.fingerprint = ?";
static const char sql_certificate_list[] =
    "SELECT " CERTIFICATE_COLUMNS "FROM user_certificates c WHERE c.user_id = ? "
    "ORDER BY c.created_us, c.fingerprint";
static const char sql_certificate_delete[] =
    "DELETE FROM user_certificates WHERE fingerprint = ? AND user_id = ?";

static void read_certificate(struct rows *rows, struct user_certificate *ret) {
    rows_fixed(rows, ret->fingerprint, sizeof ret->fingerprint);
    ret->user_id = rows_uuid(rows);
    ret->label = rows_text(rows);
    ret->subject = rows_text(rows);
    ret->not_after_us = rows_int(rows);
    ret->created_us = rows_int(rows);
}

bool user_certificate_insert(struct tx *tx, const struct user_certificate *certificate,
                             struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_certificate_insert,
                  PARAMS(p_bytes(certificate->fingerprint, 32), p_uuid(&certificate->user_id),
                         p_text(certificate->label), p_text(certificate->subject),
                         p_int(certificate->not_after_us), p_int(certificate->created_us)),
                  &duplicate, err));
    return !duplicate ||
           fail(err, ERROR_CONFLICT, "exists", "This certificate logs a user in already.");
}

bool user_certificate_find(struct tx *tx, struct arena *arena, const uint8_t fingerprint[32],
                           struct user_certificate *ret, struct error *err) {
    struct rows rows;
    struct user_certificate certificate;
    bool found;
    TRY(rows_first(tx, arena, sql_certificate_find, PARAMS(p_bytes(fingerprint, 32)), &rows, &found,
                   err));
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The certificate logs nobody in.");
    read_certificate(&rows, &certificate);
    TRY(rows_close(&rows, err));
    *ret = certificate;
    return true;
}

bool user_certificate_list(struct tx *tx, struct arena *arena, struct uuid user_id,
                           struct user_certificate **ret_items, size_t *ret_count,
                           struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 8;
    struct user_certificate *items = arena_array(arena, capacity, sizeof *items);
    TRY(rows_open(tx, arena, sql_certificate_list, PARAMS(p_uuid(&user_id)), &rows, err));
    while (rows_next(&rows)) {
        items = grow(arena, items, count, &capacity, sizeof *items);
        read_certificate(&rows, &items[count++]);
    }
    TRY(rows_close(&rows, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool user_certificate_delete(struct tx *tx, struct uuid user_id, const uint8_t fingerprint[32],
                             struct error *err) {
    int64_t matched;
    TRY(tx_execute(tx, sql_certificate_delete, PARAMS(p_bytes(fingerprint, 32), p_uuid(&user_id)),
                   &matched, err));
    return matched == 1 ||
           fail(err, ERROR_NOT_FOUND, "not-found", "This certificate does not log this user in.");
}
