#include "signer/token_keys.h"

#include "signer/handles.h"
#include "signer/key.h"
#include "signer/managed.h"
#include "signer/objects.h"

#include "base/clock.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#define PROBE_SIZE 32

struct check {
    struct vault *vault;
    struct arena *arena;
    struct wire_buffer *rows;
    struct token *token;
    struct pkcs11_uri uri;
    struct key *key;
    struct view signature;
    uint8_t probe[PROBE_SIZE];
};

static void say(struct check *c, const char *step, enum wire_outcome outcome, const char *text) {
    struct wire_row row = {
        .name = view_text(step), .text = view_text(text), .flags = (uint8_t)outcome};
    wire_add_row(c->rows, &row);
}

static bool say_failed(struct check *c, const char *step, const struct error *err) {
    say(c, step, WIRE_STEP_FAILED,
        arena_printf(c->arena, "%.400s%s%.90s", err->message, err->detail[0] == '\0' ? "" : " ",
                     err->detail));
    return false;
}

/* ---- token and log-in ------------------------------------------------------------------------ */

static bool step_token(struct check *c) {
    struct error err = {0};
    CK_TOKEN_INFO info;
    char waits_for[TOKEN_WAIT_SIZE];
    bool logged_in;
    if (!vault_token(c->vault, &c->uri, &c->token, &err))
        return say_failed(c, "token", &err);
    if (token_waits(c->token, waits_for, &logged_in) != TOKEN_READY) {
        say(c, "token", WIRE_STEP_WAITS, waits_for);
        return false;
    }
    CK_RV rv = c->token->module->f->C_GetTokenInfo(c->token->slot, &info);
    if (rv != CKR_OK) {
        ckr_fail(&err, c->token->label, "C_GetTokenInfo", rv);
        return say_failed(c, "token", &err);
    }
    say(c, "token", WIRE_STEP_DONE,
        arena_printf(c->arena, "\"%s\", serial %s, %s %s, module %s, slot %lu", c->token->label,
                     c->token->serial, c->token->manufacturer, c->token->model,
                     c->token->module->name, c->token->slot));
    return true;
}

static bool step_login(struct check *c) {
    struct error err = {0};
    struct session session;
    if (!token_take(c->token, &session, &err) && strcmp(err.type, "token-waits") == 0) {
        say(c, "log in", WIRE_STEP_WAITS, err.message);
        return false;
    }
    if (err.kind != ERROR_NONE)
        return say_failed(c, "log in", &err);
    bool is_public = token_session_is_public(c->token, session.handle);
    token_give(c->token, session, CKR_OK);
    say(c, "log in", is_public ? WIRE_STEP_FAILED : WIRE_STEP_DONE,
        is_public ? "The token wants a PIN and the signer has none for it: configure "
                    "pin = LABEL=FILE, or type it in."
                  : "Logged in.");
    return !is_public;
}

/* ---- the key --------------------------------------------------------------------------------- */

static void step_count(struct check *c) {
    struct token_order order = {.uri = view_text("")};
    struct wire_buffer rows = {0};
    struct wire_row row;
    struct error err = {0};
    unsigned count = 0;
    struct uri_token parts = {c->token->label, c->token->manufacturer, c->token->model,
                              c->token->serial};
    order.uri = view_text(pkcs11_uri_of_token(c->arena, &parts));
    if (token_serve(c->vault, c->arena, WIRE_TOKEN_KEYS, &order, &rows, &err)) {
        struct view list = view_of(rows.at, rows.len);
        while (wire_next_row(&list, &row))
            count++;
        say(c, "find", WIRE_STEP_DONE,
            arena_printf(c->arena, "%u private keys; add id= or object= to try one.", count));
    } else {
        say_failed(c, "find", &err);
    }
    wire_buffer_free(&rows);
}

static bool step_find(struct check *c, struct view uri) {
    struct error err = {0};
    char name[KEY_TYPE_NAME_SIZE];
    if (!keys_find(c->vault, uri, &c->key, &err))
        return say_failed(c, "find", &err);
    key_type_full_name(c->key->type, c->key->public_key, name);
    say(c, "find", WIRE_STEP_DONE,
        arena_printf(c->arena, "%s%s", name,
                     c->key->always_authenticate ? ", which wants its PIN for every use" : ""));
    return true;
}

static void step_sign(struct check *c, struct wire_buffer *scratch) {
    struct error err = {0};
    struct sign_terms terms = proof_terms(c->key->type, view_of(c->probe, sizeof c->probe));
    int64_t before = clock_now_us();
    if (!key_sign(c->key, &terms, scratch, &c->signature, &err)) {
        say_failed(c, "sign", &err);
        say(c, "verify", WIRE_STEP_LEFT_OUT, "There is no signature.");
        return;
    }
    say(c, "sign", WIRE_STEP_DONE,
        arena_printf(c->arena, "%zu bytes in %.1f ms", c->signature.len,
                     (double)(clock_now_us() - before) / 1000));
    bool right = proof_verify(c->key->type, c->key->public_key, terms.data, c->signature);
    say(c, "verify", right ? WIRE_STEP_DONE : WIRE_STEP_FAILED,
        right ? "The signature is the public key's."
              : "The signature does not verify by the public key or certificate beside the private "
                "key: they do not belong together. Write the right certificate under its id.");
}

static bool encrypt(struct check *c, uint8_t *out, size_t *len) {
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, c->key->public_key, "provider=default");
    return ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_encrypt(ctx, out, len, c->probe, sizeof c->probe) == 1;
}

static bool may_decrypt(struct task *task, void *subject, struct error *err) {
    struct check *c = subject;
    CK_OBJECT_HANDLE object;
    uint64_t generation;
    TRY(key_object(c->key, &object, &generation, err));
    return object_flag(task->f, task->session.handle, object, CKA_DECRYPT) ||
           fail(err, ERROR_POLICY, "key-unfit", "It is not made for decryption (CKA_DECRYPT).");
}

static void step_decrypt(struct check *c, struct wire_buffer *scratch) {
    struct error err = {0};
    uint8_t cipher[1024];
    size_t len = sizeof cipher;
    struct view plain;
    if (c->key->type->ckk != CKK_RSA) {
        say(c, "decrypt", WIRE_STEP_LEFT_OUT, "RSA keys alone decrypt.");
        return;
    }
    if (!task_run(c->token, may_decrypt, c, &err)) {
        say(c, "decrypt", WIRE_STEP_LEFT_OUT, err.message);
        return;
    }
    if (!encrypt(c, cipher, &len)) {
        fail_internal(&err, "test encryption");
        say_failed(c, "decrypt", &err);
        return;
    }
    struct decrypt_terms terms = {.scheme = WIRE_RSA_PKCS1, .data = view_of(cipher, len)};
    if (!key_decrypt(c->key, &terms, scratch, &plain, &err))
        say_failed(c, "decrypt", &err);
    else if (!view_equal(plain, view_of(c->probe, sizeof c->probe)))
        say(c, "decrypt", WIRE_STEP_FAILED, "The token decrypts to something else.");
    else
        say(c, "decrypt", WIRE_STEP_DONE, "What was encrypted to the public key came back.");
}

static void try_key(struct check *c) {
    struct wire_buffer scratch = {0};
    random_bytes(c->probe, sizeof c->probe);
    step_sign(c, &scratch);
    step_decrypt(c, &scratch);
    wire_buffer_free(&scratch);
    key_release(c->key);
}

/* ---- wrap ------------------------------------------------------------------------------------ */

struct wrapping {
    struct arena *arena;
    CK_OBJECT_HANDLE by, key;
    size_t len;
};

/* Two AES keys of the session, one wrapped by the other. */
static CK_RV make_session_key(struct task *task, bool wraps, CK_OBJECT_HANDLE *ret_object) {
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG size = 32;
    CK_ATTRIBUTE attributes[] = {
        ATTRIBUTE(CKA_TOKEN, no),
        ATTRIBUTE(CKA_SENSITIVE, yes),
        ATTRIBUTE_BYTES(CKA_EXTRACTABLE, wraps ? &no : &yes, sizeof yes),
        ATTRIBUTE_BYTES(CKA_WRAP, wraps ? &yes : &no, sizeof yes),
        ATTRIBUTE(CKA_VALUE_LEN, size),
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    return task->f->C_GenerateKey(task->session.handle, &mechanism, attributes,
                                  sizeof attributes / sizeof attributes[0], ret_object);
}

static bool wrap(struct task *task, void *subject, struct error *err) {
    static const CK_MECHANISM_TYPE mechanisms[] = {CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD,
                                                   CKM_AES_KEY_WRAP};
    struct wrapping *w = subject;
    struct view wrapped = {NULL, 0};
    CK_RV rv = make_session_key(task, true, &w->by);
    if (rv != CKR_OK)
        return task_fail(task, "C_GenerateKey", rv, err);
    rv = make_session_key(task, false, &w->key);
    if (rv == CKR_OK) {
        rv = CKR_MECHANISM_INVALID;
        for (size_t i = 0; i < 3 && rv == CKR_MECHANISM_INVALID; i++)
            rv = wrap_object(task, mechanisms[i], w->by, w->key, w->arena, &wrapped);
        task->f->C_DestroyObject(task->session.handle, w->key);
    }
    task->f->C_DestroyObject(task->session.handle, w->by);
    w->len = wrapped.len;
    return rv == CKR_OK ? true : task_fail(task, "C_WrapKey", rv, err);
}

static void step_wrap(struct check *c) {
    struct wrapping w = {.arena = c->arena};
    struct error err = {0};
    if (task_run(c->token, wrap, &w, &err))
        say(c, "wrap", WIRE_STEP_DONE,
            arena_printf(c->arena, "An AES key wraps another (%zu bytes): it can be the managed token.",
                         w.len));
    else if (strcmp(err.type, "token-cannot") == 0)
        say(c, "wrap", WIRE_STEP_LEFT_OUT,
            "It wraps no keys (RFC 5649), so it cannot be the managed token; its own keys work "
            "without that.");
    else
        say_failed(c, "wrap", &err);
}

bool token_check(struct vault *vault, struct arena *arena, struct view uri,
                 struct wire_buffer *rows, struct error *err) {
    struct check c = {.vault = vault, .arena = arena, .rows = rows};
    TRY(pkcs11_uri_parse(arena, uri, &c.uri, err));
    if (!step_token(&c) || !step_login(&c))
        return true;
    if (c.uri.id.at == NULL && c.uri.object == NULL)
        step_count(&c);
    else if (step_find(&c, uri))
        try_key(&c);
    step_wrap(&c);
    return true;
}
