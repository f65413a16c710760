/* Keys and certificates that live in tokens: the client's side of the wire's `token` request. */
#include "provider/client.h"
#include "provider/signer.h"
#include "wire/rows.h"

/* The rows of the answer, copied to the arena. */
static bool ask(struct signer *signer, struct arena *arena, struct wire_request *request,
                struct view *ret_rows, size_t *ret_count, struct error *err) {
    struct wire_response response;
    struct connection *connection;
    struct wire_row row;
    size_t count = 0;
    request->op = WIRE_TOKEN;
    TRY(client_call(signer, request, &connection, &response, err));
    struct view rows = arena_copy(arena, response.result.data.at, response.result.data.len);
    client_done(signer, connection);
    struct view rest = rows;
    while (wire_next_row(&rest, &row))
        count++;
    *ret_rows = rows;
    *ret_count = count;
    return true;
}

static struct token_key key_of(struct arena *arena, const struct wire_row *row) {
    return (struct token_key){
        .label = arena_text(arena, row->name),
        .uri = arena_text(arena, row->uri),
        .key_type = row->key_type.len == 0 ? NULL : arena_text(arena, row->key_type),
        .problem = row->text.len == 0 ? NULL : arena_text(arena, row->text),
        .id = row->id,
        .spki = row->der,
        .always_authenticate = (row->flags & WIRE_KEY_ALWAYS_AUTHENTICATE) != 0,
        .made_here = (row->flags & WIRE_KEY_MADE_HERE) != 0,
        .extractable = (row->flags & WIRE_KEY_EXTRACTABLE) != 0};
}

static bool ask_keys(struct signer *signer, struct arena *arena, struct wire_request *request,
                     struct token_key **ret_keys, size_t *ret_count, struct error *err) {
    struct view rows;
    struct wire_row row;
    size_t count;
    TRY(ask(signer, arena, request, &rows, &count, err));
    struct token_key *keys = arena_array(arena, count + 1, sizeof *keys);
    for (size_t i = 0; wire_next_row(&rows, &row); i++)
        keys[i] = key_of(arena, &row);
    *ret_keys = keys;
    *ret_count = count;
    return true;
}

bool signer_token_keys(struct signer *signer, struct arena *arena, const char *uri,
                       struct token_key **ret_keys, size_t *ret_count, struct error *err) {
    struct wire_request request = {.token = {.action = WIRE_TOKEN_KEYS, .uri = view_text(uri)}};
    return ask_keys(signer, arena, &request, ret_keys, ret_count, err);
}

bool signer_token_key_put(struct signer *signer, struct arena *arena, const struct token_key_terms *terms,
                          struct token_key *ret_key, struct error *err) {
    struct token_key *keys;
    size_t count;
    struct wire_request request = {.token = {.action = terms->key_type == NULL ? WIRE_TOKEN_IMPORT : WIRE_TOKEN_MAKE,
                                             .uri = view_text(terms->uri),
                                             .key_type = view_text(terms->key_type),
                                             .purpose = (uint8_t)terms->purpose,
                                             .officer_pin = terms->officer_pin,
                                             .private_key = terms->pkcs8,
                                             .pin_policy = terms->pin_policy,
                                             .touch_policy = terms->touch_policy}};
    TRY(ask_keys(signer, arena, &request, &keys, &count, err));
    if (count == 0)
        return fail_internal(err, "the signer made a key and does not say which");
    *ret_key = keys[0];
    return true;
}

bool signer_token_key_make(struct signer *signer, struct arena *arena, const char *uri,
                           const char *key_type, enum key_purpose purpose, struct view officer_pin,
                           struct token_key *ret_key, struct error *err) {
    struct token_key_terms terms = {.uri = uri, .key_type = key_type, .purpose = purpose, .officer_pin = officer_pin};
    return signer_token_key_put(signer, arena, &terms, ret_key, err);
}

bool signer_token_init(struct signer *signer, struct arena *arena, const char *uri,
                       struct view officer_pin, struct view pin, const char **ret_uri,
                       struct error *err) {
    struct token_key *rows;
    size_t count;
    struct wire_request request = {.token = {.action = WIRE_TOKEN_INIT,
                                             .uri = view_text(uri),
                                             .officer_pin = officer_pin,
                                             .user_pin = pin}};
    TRY(ask_keys(signer, arena, &request, &rows, &count, err));
    if (count == 0)
        return fail_internal(err, "the signer made a token and does not say which");
    *ret_uri = rows[0].uri;
    return true;
}

bool signer_token_key_remove(struct signer *signer, const char *uri, struct view officer_pin,
                             struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view rows;
    size_t count;
    struct wire_request request = {.token = {
                                       .action = WIRE_TOKEN_REMOVE, .uri = view_text(uri), .officer_pin = officer_pin}};
    return ask(signer, arena, &request, &rows, &count, err);
}

bool signer_token_certificates(struct signer *signer, struct arena *arena, const char *uri,
                               struct token_certificate **ret_items, size_t *ret_count,
                               struct error *err) {
    struct wire_request request = {.token = {.action = WIRE_TOKEN_CERTIFICATES, .uri = view_text(uri)}};
    struct view rows;
    struct wire_row row;
    size_t count;
    TRY(ask(signer, arena, &request, &rows, &count, err));
    struct token_certificate *items = arena_array(arena, count + 1, sizeof *items);
    for (size_t i = 0; wire_next_row(&rows, &row); i++)
        items[i] = (struct token_certificate){arena_text(arena, row.name), row.id, row.der};
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool signer_token_store(struct signer *signer, const char *uri, struct view certificate,
                        struct view officer_pin, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view rows;
    size_t count;
    struct wire_request request = {.token = {.action = WIRE_TOKEN_STORE,
                                             .uri = view_text(uri),
                                             .certificate = certificate,
                                             .officer_pin = officer_pin}};
    return ask(signer, arena, &request, &rows, &count, err);
}

bool signer_token_check(struct signer *signer, struct arena *arena, const char *uri,
                        struct token_step **ret_steps, size_t *ret_count, struct error *err) {
    struct wire_request request = {.token = {.action = WIRE_TOKEN_CHECK, .uri = view_text(uri)}};
    struct view rows;
    struct wire_row row;
    size_t count;
    TRY(ask(signer, arena, &request, &rows, &count, err));
    struct token_step *steps = arena_array(arena, count + 1, sizeof *steps);
    for (size_t i = 0; wire_next_row(&rows, &row); i++)
        steps[i] = (struct token_step){arena_text(arena, row.name), arena_text(arena, row.text),
                                       row.flags == WIRE_STEP_DONE, row.flags == WIRE_STEP_LEFT_OUT,
                                       row.flags == WIRE_STEP_WAITS};
    *ret_steps = steps;
    *ret_count = count;
    return true;
}
