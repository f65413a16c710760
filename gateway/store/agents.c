#include "store/agents.h"

#include "store/query.h"

#define COLUMNS                                                                                    \
    "a.id, a.name, a.code_hash IS NOT NULL, a.code_until_us, a.certificate, a.created_us, "        \
    "a.enrolled_us, a.seen_us, a.address, a.program"
static const char sql_insert[] =
    "INSERT INTO agents (id, name, code_hash, code_until_us, certificate, fingerprint, created_us, "
    "enrolled_us, seen_us, address, program) VALUES (?, ?, ?, ?, NULL, NULL, ?, 0, 0, '', '')";
static const char sql_get[] = "SELECT " COLUMNS " FROM agents a WHERE a.id = ?";
static const char sql_all[] = "SELECT " COLUMNS " FROM agents a ORDER BY a.name";
static const char sql_by_code[] =
    "SELECT " COLUMNS " FROM agents a WHERE a.code_hash = ? AND a.code_until_us > ?";
static const char sql_by_fingerprint[] = "SELECT " COLUMNS " FROM agents a WHERE a.fingerprint = ?";
static const char sql_set_code[] = "UPDATE agents SET code_hash = ?, code_until_us = ? WHERE id = ?";
static const char sql_enrolled[] =
    "UPDATE agents SET code_hash = NULL, code_until_us = 0, certificate = ?, fingerprint = ?, enrolled_us = ? "
    "WHERE id = ? AND code_hash = ?";
static const char sql_seen[] = "UPDATE agents SET seen_us = ?, address = ?, program = ? "
                               "WHERE id = ? AND fingerprint = ?";
static const char sql_delete[] = "DELETE FROM agents WHERE id = ?";

static bool no_agent(struct error *err) {
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such agent.");
}

static bool bad_code(struct error *err) {
    return fail(err, ERROR_FORBIDDEN, "bad-code",
                "The one-time code is unknown, over, or was used already: make a new one.");
}

bool agent_insert(struct tx *tx, const struct agent_record *agent,
                  const uint8_t code_hash[static 32], struct error *err) {
    bool duplicate;
    TRY(tx_insert(tx, sql_insert,
                  PARAMS(p_uuid(&agent->id), p_text(agent->name), p_blob(view_of(code_hash, 32)),
                         p_int(agent->code_until_us), p_int(agent->created_us)),
                  &duplicate, err));
    return !duplicate || fail(err, ERROR_CONFLICT, "exists",
                              "There is an agent \"%.100s\" already; give it a new code instead.",
                              agent->name);
}

static void read_row(struct rows *rows, struct agent_record *a) {
    *a = (struct agent_record){.id = rows_uuid(rows)};
    a->name = rows_text(rows);
    a->has_code = rows_bool(rows);
    a->code_until_us = rows_int(rows);
    a->certificate = rows_blob(rows);
    a->created_us = rows_int(rows);
    a->enrolled_us = rows_int(rows);
    a->seen_us = rows_int(rows);
    a->address = rows_text(rows);
    a->program = rows_text(rows);
}

static bool read_one(struct tx *tx, struct arena *arena, const char *sql, struct params params,
                     struct agent_record *ret, bool *ret_found, struct error *err) {
    struct agent_record agent;
    struct rows rows;
    TRY(rows_first(tx, arena, sql, params, &rows, ret_found, err));
    if (!*ret_found)
        return true;
    read_row(&rows, &agent);
    TRY(rows_close(&rows, err));
    *ret = agent;
    return true;
}

bool agent_get(struct tx *tx, struct arena *arena, struct uuid id, struct agent_record *ret,
               struct error *err) {
    bool found;
    TRY(read_one(tx, arena, sql_get, PARAMS(p_uuid(&id)), ret, &found, err));
    return found || no_agent(err);
}

bool agent_all(struct tx *tx, struct arena *arena, struct agent_record **ret_items,
               size_t *ret_count, struct error *err) {
    struct agent_record *items = NULL;
    size_t count = 0, capacity = 0;
    struct rows rows;
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

bool agent_set_code(struct tx *tx, struct uuid id, const uint8_t code_hash[static 32],
                    int64_t until_us, struct error *err) {
    int64_t affected = 0;
    TRY(tx_execute(tx, sql_set_code,
                   PARAMS(p_blob(view_of(code_hash, 32)), p_int(until_us), p_uuid(&id)), &affected,
                   err));
    return affected == 1 || no_agent(err);
}

bool agent_by_code(struct tx *tx, struct arena *arena, const uint8_t code_hash[static 32],
                   int64_t now_us, struct agent_record *ret, struct error *err) {
    bool found;
    TRY(read_one(tx, arena, sql_by_code, PARAMS(p_blob(view_of(code_hash, 32)), p_int(now_us)), ret,
                 &found, err));
    return found || bad_code(err);
}

bool agent_enrolled(struct tx *tx, struct uuid id, const uint8_t code_hash[static 32],
                    struct view certificate, const uint8_t fingerprint[static 32], int64_t now_us,
                    struct error *err) {
    int64_t affected = 0;
    TRY(tx_execute(tx, sql_enrolled,
                   PARAMS(p_blob(certificate), p_blob(view_of(fingerprint, 32)), p_int(now_us),
                          p_uuid(&id), p_blob(view_of(code_hash, 32))),
                   &affected, err));
    return affected == 1 || bad_code(err);
}

bool agent_by_fingerprint(struct tx *tx, struct arena *arena, const uint8_t fingerprint[static 32],
                          struct agent_record *ret, struct error *err) {
    bool found;
    TRY(read_one(tx, arena, sql_by_fingerprint, PARAMS(p_blob(view_of(fingerprint, 32))), ret,
                 &found, err));
    return found || no_agent(err);
}

bool agent_seen(struct tx *tx, struct uuid id, const uint8_t fingerprint[static 32],
                const char *address, const char *program, int64_t now_us, bool *ret_is,
                struct error *err) {
    int64_t affected = 0;
    TRY(tx_execute(tx, sql_seen,
                   PARAMS(p_int(now_us), p_text(address), p_text(program), p_uuid(&id),
                          p_blob(view_of(fingerprint, 32))),
                   &affected, err));
    *ret_is = affected == 1;
    return true;
}

bool agent_delete(struct tx *tx, struct uuid id, struct error *err) {
    int64_t affected = 0;
    TRY(tx_execute(tx, sql_delete, PARAMS(p_uuid(&id)), &affected, err));
    return affected == 1 || no_agent(err);
}
