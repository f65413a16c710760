#include "provider/signer.h"

#include "provider/client.h"
#include "provider/provider.h"

#include <openssl/core_names.h>

bool signer_open(const struct signer_config *config, struct signer **ret_signer,
                 struct error *err) {
    TRY(provider_register(err));
    return signer_connect(config, ret_signer, err);
}

/* Generate, import and rewrap answer alike. */
static bool made(struct signer *signer, struct arena *arena, struct wire_request *request,
                 struct view *ret_blob, struct view *ret_spki, struct error *err) {
    struct wire_response response;
    struct connection *connection;
    TRY(client_call(signer, request, &connection, &response, err));
    *ret_blob = arena_copy(arena, response.made.blob.at, response.made.blob.len);
    if (ret_spki != NULL)
        *ret_spki = arena_copy(arena, response.made.spki.at, response.made.spki.len);
    client_done(signer, connection);
    return true;
}

bool signer_generate(struct signer *signer, struct arena *arena, const char *key_type,
                     enum key_purpose purpose, struct view *ret_blob, struct view *ret_spki,
                     struct error *err) {
    struct wire_request request = {.op = WIRE_GENERATE,
                                   .generate = {view_text(key_type), (uint8_t)purpose}};
    return made(signer, arena, &request, ret_blob, ret_spki, err);
}

bool signer_import(struct signer *signer, struct arena *arena, struct view pkcs8,
                   enum key_purpose purpose, struct view *ret_blob, struct view *ret_spki,
                   struct error *err) {
    struct wire_request request = {.op = WIRE_IMPORT, .import = {pkcs8, (uint8_t)purpose}};
    return made(signer, arena, &request, ret_blob, ret_spki, err);
}

bool signer_rewrap(struct signer *signer, struct arena *arena, struct view blob, struct view spki,
                   struct view kek_id, struct view *ret_blob, struct error *err) {
    struct wire_request request = {.op = WIRE_REWRAP, .rewrap = {blob, spki, kek_id}};
    return made(signer, arena, &request, ret_blob, NULL, err);
}

/* ---- key-encryption keys --------------------------------------------------------------------- */

static bool keks(struct signer *signer, struct arena *arena, struct wire_request *request,
                 struct kek_list *ret, struct error *err) {
    struct wire_response response;
    struct connection *connection;
    TRY(client_call(signer, request, &connection, &response, err));
    struct view rest = response.result.data;
    size_t count = 0;
    while (rest.len > 0 && count < SIGNER_KEKS_MAX && rest.at[0] < rest.len) {
        size_t len = rest.at[0];
        ret->ids[count++] = arena_copy(arena, rest.at + 1, len);
        rest = view_of(rest.at + 1 + len, rest.len - 1 - len);
    }
    ret->count = count;
    bool whole = rest.len == 0;
    client_done(signer, connection);
    return whole || fail_internal(err, "the signer's list of key-encryption keys is broken");
}

bool signer_keks(struct signer *signer, struct arena *arena, struct kek_list *ret,
                 struct error *err) {
    struct wire_request request = {.op = WIRE_KEK, .kek.action = WIRE_KEK_LIST};
    return keks(signer, arena, &request, ret, err);
}

bool signer_kek_make(struct signer *signer, struct arena *arena, struct view *ret_id,
                     struct error *err) {
    struct wire_request request = {.op = WIRE_KEK, .kek.action = WIRE_KEK_MAKE};
    struct kek_list made;
    TRY(keks(signer, arena, &request, &made, err));
    if (made.count != 1)
        return fail_internal(err, "the signer made %zu key-encryption keys", made.count);
    *ret_id = made.ids[0];
    return true;
}

bool signer_kek_remove(struct signer *signer, struct view id, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct wire_request request = {.op = WIRE_KEK, .kek = {WIRE_KEK_REMOVE, id}};
    struct kek_list none;
    return keks(signer, arena, &request, &none, err);
}

/* Version, four octets of mechanism, length of the id and the id: pkcs11/signer/blob.h. */
struct view signer_blob_kek(struct view blob) {
    enum { HEAD = 6 };
    if (blob.len < HEAD || blob.at[HEAD - 1] > blob.len - HEAD)
        return view_of(NULL, 0);
    return view_of(blob.at + HEAD, blob.at[HEAD - 1]);
}

/* ---- export ---------------------------------------------------------------------------------- */

static struct wire_request export_request(const struct export_order *order) {
    return (struct wire_request){.op = WIRE_EXPORT,
                                 .export = {.blob = order->blob,
                                            .spki = order->spki,
                                            .form = (uint8_t)order->form,
                                            .bare = order->bare,
                                            .secret = order->secret,
                                            .recipient = order->recipient,
                                            .prefix = order->prefix,
                                            .suffix = order->suffix}};
}

static bool exported(struct signer *signer, struct arena *arena, struct wire_request *request,
                     struct view *ret_file, struct error *err) {
    struct wire_response response;
    struct connection *connection;
    TRY(client_call(signer, request, &connection, &response, err));
    *ret_file = arena_copy(arena, response.result.data.at, response.result.data.len);
    client_done(signer, connection);
    return true;
}

bool signer_export(struct signer *signer, struct arena *arena, const struct export_order *order,
                   struct view *ret_file, struct error *err) {
    struct wire_request request = export_request(order);
    return exported(signer, arena, &request, ret_file, err);
}

bool signer_export_digest(struct signer *signer, struct arena *arena,
                          const struct export_order *order, const char *digest, size_t *ret_len,
                          struct view *ret_digest, struct error *err) {
    struct view answer;
    struct wire_request request = export_request(order);
    request.export.form = WIRE_EXPORT_DIGEST;
    request.export.digest = (uint8_t)wire_digest_by_name(digest);
    request.export.prefix = request.export.suffix = view_of(NULL, 0);
    TRY(exported(signer, arena, &request, &answer, err));
    if (answer.len <= 4)
        return fail_internal(err, "the signer gave no digest");
    *ret_len = (size_t)answer.at[0] << 24 | (size_t)answer.at[1] << 16 | (size_t)answer.at[2] << 8 |
               answer.at[3];
    *ret_digest = view_of(answer.at + 4, answer.len - 4);
    return true;
}

bool signer_managed_key(struct signer *signer, struct view blob, struct view spki,
                        enum key_purpose purpose, EVP_PKEY **ret_key, struct error *err) {
    struct remote_key *remote;
    TRY(remote_key_managed(signer, blob, spki, (unsigned)purpose, &remote, err));
    return provider_key(remote, ret_key, err);
}

bool signer_token_key(struct signer *signer, struct arena *arena, const char *uri,
                      EVP_PKEY **ret_key, struct view *ret_spki, struct error *err) {
    struct remote_key *remote;
    TRY(remote_key_token(signer, uri, &remote, err));
    struct view spki = remote_key_spki(remote);
    if (ret_spki != NULL)
        spki = arena_copy(arena, spki.at, spki.len);
    TRY(provider_key(remote, ret_key, err));
    if (ret_spki != NULL)
        *ret_spki = spki;
    return true;
}

bool signer_known_token_key(struct signer *signer, const char *uri, struct view spki,
                            EVP_PKEY **ret_key, struct error *err) {
    struct remote_key *remote;
    TRY(remote_key_known(signer, uri, spki, &remote, err));
    return provider_key(remote, ret_key, err);
}

bool signer_key_pss(EVP_PKEY *key, EVP_PKEY **ret_key, struct error *err) {
    EVP_PKEY *copy = NULL;
    if (!EVP_PKEY_is_a(key, "RSA")) {
        EVP_PKEY_up_ref(key);
        *ret_key = key;
        return true;
    }
    copy = EVP_PKEY_dup(key);
    if (copy == NULL || EVP_PKEY_set_utf8_string_param(copy, OSSL_PKEY_PARAM_PAD_MODE,
                                                       OSSL_PKEY_RSA_PAD_MODE_PSS) != 1) {
        EVP_PKEY_free(copy);
        return fail_internal(err, "the key's padding cannot be set to PSS");
    }
    *ret_key = copy;
    return true;
}

static bool no_answer(struct signer *signer, struct wire_request *request, struct error *err) {
    struct wire_response response;
    struct connection *connection;
    TRY(client_call(signer, request, &connection, &response, err));
    client_done(signer, connection);
    return true;
}

bool signer_ping(struct signer *signer, struct error *err) {
    struct wire_request request = {.op = WIRE_PING};
    return no_answer(signer, &request, err);
}

bool signer_login(struct signer *signer, const char *uri, struct view pin, struct error *err) {
    struct wire_request request = {.op = WIRE_LOGIN, .login = {view_text(uri), pin}};
    return no_answer(signer, &request, err);
}

bool signer_store_certificate(struct signer *signer, const char *uri, struct view der,
                              struct error *err) {
    struct wire_request request = {.op = WIRE_STORE_CERTIFICATE,
                                   .store_certificate = {view_text(uri), der}};
    return no_answer(signer, &request, err);
}

static struct token_info token_of(struct arena *arena, const struct wire_token *row) {
    return (struct token_info){
        .module = arena_text(arena, row->module),
        .label = arena_text(arena, row->label),
        .serial = arena_text(arena, row->serial),
        .manufacturer = arena_text(arena, row->manufacturer),
        .model = arena_text(arena, row->model),
        .uri = arena_text(arena, row->uri),
        .managed = row->managed != 0,
        .logged_in = row->logged_in != 0,
        .problem = row->problem.len == 0 ? NULL : arena_text(arena, row->problem),
        .waits_for = row->waits_for.len == 0 ? NULL : arena_text(arena, row->waits_for),
    };
}

bool signer_tokens(struct signer *signer, struct arena *arena, struct token_info **ret_tokens,
                   size_t *ret_count, struct error *err) {
    struct wire_request request = {.op = WIRE_TOKENS};
    struct wire_response response;
    struct wire_token row;
    struct connection *connection;
    TRY(client_call(signer, &request, &connection, &response, err));
    struct wire_response more = {0};
    bool others = client_elsewhere(signer, &request, arena, &more, NULL);
    size_t count = response.tokens.count + (others ? more.tokens.count : 0u), i = 0;
    struct token_info *tokens = arena_array(arena, count + 1u, sizeof *tokens);
    struct view list = response.tokens.list;
    for (; wire_next_token(&list, &row); i++)
        tokens[i] = token_of(arena, &row);
    list = more.tokens.list;
    for (; others && wire_next_token(&list, &row); i++)
        tokens[i] = token_of(arena, &row);
    *ret_count = count;
    *ret_tokens = tokens;
    client_done(signer, connection);
    return true;
}
