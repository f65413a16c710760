/* What each request does, as a table. */
#include "signer/child.h"
#include "signer/kek.h"
#include "signer/managed.h"
#include "signer/public_key.h"
#include "signer/serve.h"
#include "signer/token_keys.h"
#include "signer/user_key.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct work {
    struct vault *vault;
    const struct wire_request *request;
    struct arena *arena;
    struct wire_buffer *scratch;
};

static bool do_hello(const struct work *w, struct wire_response *out, struct error *err) {
    if (w->request->hello.version != WIRE_VERSION)
        return fail(err, ERROR_CONFLICT, "wire-version",
                    "The gateway speaks version %u of the signer protocol, this signer version %d: "
                    "install both from the same release.",
                    w->request->hello.version, WIRE_VERSION);
    out->hello.version = WIRE_VERSION;
    out->hello.instance = view_of(w->vault->instance, sizeof w->vault->instance);
    out->hello.program = view_text(GATEHOUSE_VERSION);
    return true;
}

static bool do_ping(const struct work *w, struct wire_response *out, struct error *err) {
    (void)out;
    return vault_ping(w->vault, err);
}

static bool do_tokens(const struct work *w, struct wire_response *out, struct error *err) {
    (void)err;
    w->scratch->len = 0;
    vault_list(w->vault, w->arena, w->scratch, &out->tokens.count);
    children_list(w->vault->children, w->arena, w->scratch, &out->tokens.count);
    out->tokens.list = view_of(w->scratch->at, w->scratch->len);
    return true;
}

static bool do_generate(const struct work *w, struct wire_response *out, struct error *err) {
    return managed_generate(w->vault, w->arena, w->request->generate.key_type,
                            w->request->generate.purpose, &out->made.blob, &out->made.spki, err);
}

static bool do_import(const struct work *w, struct wire_response *out, struct error *err) {
    return managed_import(w->vault, w->arena, w->request->import.pkcs8, w->request->import.purpose,
                          &out->made.blob, &out->made.spki, err);
}

static bool do_load(const struct work *w, struct wire_response *out, struct error *err) {
    struct key *key;
    TRY(keys_load(w->vault, w->request->load.blob, w->request->load.spki, w->request->load.purpose,
                  &key, err));
    out->loaded.handle = key->handle;
    key_release(key);
    return true;
}

static bool do_find(const struct work *w, struct wire_response *out, struct error *err) {
    struct key *key;
    char name[KEY_TYPE_NAME_SIZE];
    TRY(keys_find(w->vault, w->request->find.uri, &key, err));
    key_type_full_name(key->type, key->public_key, name);
    out->found.handle = key->handle;
    out->found.key_type = view_text(arena_strdup(w->arena, name));
    bool done = public_key_encode(w->arena, key->public_key, &out->found.spki, err);
    key_release(key);
    return done;
}

static bool do_sign(const struct work *w, struct wire_response *out, struct error *err) {
    const struct wire_request *r = w->request;
    struct sign_terms terms = {r->sign.scheme,      r->sign.digest,  r->sign.mgf_digest,
                               r->sign.salt_length, r->sign.context, r->sign.data};
    struct key *key;
    TRY(keys_get(w->vault, r->sign.handle, &key, err));
    bool done = key_sign(key, &terms, w->scratch, &out->result.data, err);
    key_release(key);
    return done;
}

static bool do_decrypt(const struct work *w, struct wire_response *out, struct error *err) {
    const struct wire_request *r = w->request;
    struct decrypt_terms terms = {r->decrypt.scheme, r->decrypt.digest, r->decrypt.mgf_digest,
                                  r->decrypt.label, r->decrypt.data};
    struct key *key;
    TRY(keys_get(w->vault, r->decrypt.handle, &key, err));
    bool done = key_decrypt(key, &terms, w->scratch, &out->result.data, err);
    key_release(key);
    return done;
}

static bool do_rewrap(const struct work *w, struct wire_response *out, struct error *err) {
    const struct wire_request *r = w->request;
    return managed_rewrap(w->vault, w->arena, r->rewrap.blob, r->rewrap.spki, r->rewrap.kek,
                          &out->made.blob, err);
}

static bool do_store_certificate(const struct work *w, struct wire_response *out,
                                 struct error *err) {
    (void)out;
    return vault_store_certificate(w->vault, w->request->store_certificate.uri,
                                   w->request->store_certificate.certificate, err);
}

static bool do_login(const struct work *w, struct wire_response *out, struct error *err) {
    (void)out;
    return vault_login(w->vault, w->request->login.uri, w->request->login.pin, err);
}

static bool do_token(const struct work *w, struct wire_response *out, struct error *err) {
    struct token_order order = {.uri = w->request->token.uri,
                                .key_type = w->request->token.key_type,
                                .purpose = w->request->token.purpose,
                                .officer_pin = w->request->token.officer_pin,
                                .certificate = w->request->token.certificate,
                                .private_key = w->request->token.private_key,
                                .pin_policy = w->request->token.pin_policy,
                                .touch_policy = w->request->token.touch_policy,
                                .user_pin = w->request->token.user_pin};
    w->scratch->len = 0;
    TRY(token_serve(w->vault, w->arena, w->request->token.action, &order, w->scratch, err));
    out->result.data = view_of(w->scratch->at, w->scratch->len);
    return true;
}

static bool do_export(const struct work *w, struct wire_response *out, struct error *err) {
    return user_key_export(w->vault, w->arena, w->request, &out->result.data, err);
}

static bool do_kek(const struct work *w, struct wire_response *out, struct error *err) {
    return vault_keks(w->vault, w->arena, w->request->kek.action, w->request->kek.id,
                      &out->result.data, err);
}

static bool (*const requests[WIRE_OP_END])(const struct work *, struct wire_response *,
                                           struct error *) = {
    [WIRE_HELLO] = do_hello,
    [WIRE_PING] = do_ping,
    [WIRE_TOKENS] = do_tokens,
    [WIRE_GENERATE] = do_generate,
    [WIRE_IMPORT] = do_import,
    [WIRE_LOAD] = do_load,
    [WIRE_FIND] = do_find,
    [WIRE_SIGN] = do_sign,
    [WIRE_DECRYPT] = do_decrypt,
    [WIRE_REWRAP] = do_rewrap,
    [WIRE_STORE_CERTIFICATE] = do_store_certificate,
    [WIRE_LOGIN] = do_login,
    [WIRE_EXPORT] = do_export,
    [WIRE_KEK] = do_kek,
    [WIRE_TOKEN] = do_token,
};

void serve_request(struct vault *vault, const struct wire_request *request, struct arena *arena,
                   struct wire_buffer *scratch, struct wire_response *ret_response) {
    struct work work = {vault, request, arena, scratch};
    *ret_response = (struct wire_response){.id = request->id, .op = request->op};
    if (children_serve(vault, request, arena, ret_response))
        return;
    ret_response->failed = !requests[request->op](&work, ret_response, &ret_response->error);
}
