#include "provider/remote_key.h"

#include "provider/batch.h"
#include "provider/uses.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 3 /* a signer that is started again between loading and signing costs one */

struct remote_key {
    atomic_uint references;
    struct signer *signer;
    struct arena *arena; /* owns the views and the URI */
    EVP_PKEY *public_key;
    struct view blob, spki;
    const char *uri; /* of a key in a token, else NULL */
    const char *token; /* for the metrics: its label, or "managed" */
    unsigned purpose;
    _Atomic uint64_t handle; /* 0: not asked for yet */
    struct pace pace;
    struct uses *uses;
};

static _Thread_local struct error last_error;

int provider_failed(const struct error *err) {
    last_error = *err;
    ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "%s", err->message);
    return 0;
}

bool signer_take_error(struct error *ret_error) {
    bool there = last_error.kind != ERROR_NONE;
    if (there && ret_error != NULL)
        *ret_error = last_error;
    last_error.kind = ERROR_NONE;
    return there;
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct remote_key *key_new(struct signer *signer) {
    struct remote_key *key = must_alloc(sizeof *key);
    key->references = 1;
    key->signer = signer_reference(signer);
    key->arena = arena_new();
    return key;
}

struct remote_key *remote_key_reference(struct remote_key *key) {
    key->references++;
    return key;
}

void remote_key_release(struct remote_key *key) {
    if (key == NULL || --key->references > 0)
        return;
    uses_close(key->uses);
    EVP_PKEY_free(key->public_key);
    arena_free(key->arena);
    signer_release(key->signer);
    free(key);
}

EVP_PKEY *remote_key_public(const struct remote_key *key) {
    return key->public_key;
}

struct view remote_key_spki(const struct remote_key *key) {
    return key->spki;
}

bool remote_key_is_foreign(const struct remote_key *key) {
    return key->uri != NULL;
}

static bool set_public(struct remote_key *key, struct view spki, struct error *err) {
    const uint8_t *at = spki.at;
    key->public_key = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, NULL, "provider=default");
    if (key->public_key != NULL && at == spki.at + spki.len) {
        key->spki = arena_copy(key->arena, spki.at, spki.len);
        key->uses = uses_open(key->spki);
        /* A fast machine signs by RSA-2048 in less time than a slow one by P-256, and it is still slow: signatures
         * of one message are made one after the other, by one processor. */
        key->pace.slow = EVP_PKEY_is_a(key->public_key, "RSA") || EVP_PKEY_is_a(key->public_key, "RSA-PSS");
        return true;
    }
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "bad-public-key",
                "The public key is no valid SubjectPublicKeyInfo.");
}

/* "token=hsm1" of a PKCS#11 URI, as it stands there (rfc7512#2.3). */
static const char *token_label(struct arena *arena, const char *uri) {
    const char *at = strstr(uri, "token=");
    return at == NULL ? "unnamed" : arena_text(arena, view_of(at + 6, strcspn(at + 6, ";?")));
}

bool remote_key_managed(struct signer *signer, struct view blob, struct view spki, unsigned purpose,
                        struct remote_key **ret_key, struct error *err) {
    struct remote_key *key = key_new(signer);
    key->purpose = purpose;
    key->token = "managed";
    key->blob = arena_copy(key->arena, blob.at, blob.len);
    if (!set_public(key, spki, err)) {
        remote_key_release(key);
        return false;
    }
    *ret_key = key;
    return true;
}

static bool check_same(const struct remote_key *key, struct view spki, struct error *err);

static bool find_token_key(struct signer *signer, const char *uri, struct view known,
                           struct remote_key **ret_key, struct error *err) {
    struct wire_request request = {.op = WIRE_FIND, .find = {view_text(uri), known}};
    struct wire_response response;
    struct connection *connection;
    TRY(client_call(signer, &request, &connection, &response, err));
    struct remote_key *key = key_new(signer);
    key->uri = arena_strdup(key->arena, uri);
    key->token = token_label(key->arena, uri);
    key->handle = response.found.handle;
    bool done = set_public(key, response.found.spki, err) &&
                (known.len == 0 || check_same(key, known, err));
    client_done(signer, connection);
    if (!done) {
        remote_key_release(key);
        return false;
    }
    *ret_key = key;
    return true;
}

bool remote_key_token(struct signer *signer, const char *uri, struct remote_key **ret_key,
                      struct error *err) {
    return find_token_key(signer, uri, view_of(NULL, 0), ret_key, err);
}

bool remote_key_known(struct signer *signer, const char *uri, struct view spki,
                      struct remote_key **ret_key, struct error *err) {
    return find_token_key(signer, uri, spki, ret_key, err);
}

/* ---- use ------------------------------------------------------------------------------------- */

/* A token that now holds another key under the same URI must not sign in the old one's name. */
static bool check_same(const struct remote_key *key, struct view spki, struct error *err) {
    if (view_equal(key->spki, spki))
        return true;
    return fail(err, ERROR_CONFLICT, "key-mismatch",
                "The token holds another key than before under the same PKCS#11 URI.");
}

/* The handle is given back as well as kept: another thread may have kept an older one meanwhile. */
static bool load(struct remote_key *key, uint64_t *ret_handle, struct error *err) {
    struct wire_request request = {.op = WIRE_LOAD};
    struct wire_response response;
    struct connection *connection;
    if (key->uri != NULL) {
        request.op = WIRE_FIND;
        request.find.uri = view_text(key->uri);
        request.find.known = key->spki;
    } else {
        request.load.blob = key->blob;
        request.load.spki = key->spki;
        request.load.purpose = (uint8_t)key->purpose;
    }
    TRY(client_call(key->signer, &request, &connection, &response, err));
    bool done = key->uri == NULL || check_same(key, response.found.spki, err);
    if (done) {
        *ret_handle = key->uri == NULL ? response.loaded.handle : response.found.handle;
        key->handle = *ret_handle;
    }
    client_done(key->signer, connection);
    return done;
}

static bool operate_with(struct remote_key *key, uint64_t handle, struct wire_request *request,
                         uint8_t *out, size_t *len, size_t size, struct error *err) {
    struct wire_response response;
    struct connection *connection;
    int64_t started_us = clock_monotonic_us();
    if (request->op == WIRE_SIGN && handle_is_elsewhere(handle)) {
        request->sign.handle = handle;
    } else if (request->op == WIRE_SIGN) {
        request->sign.handle = handle;
        enum batch_outcome outcome =
            batch_sign(key->signer, &key->pace, request, out, len, size, err);
        if (outcome != BATCH_ALONE)
            return outcome == BATCH_DONE;
    } else {
        request->decrypt.handle = handle;
    }
    TRY(client_call(key->signer, request, &connection, &response, err));
    if (request->op == WIRE_SIGN && key->uri == NULL) /* a token elsewhere keeps its own pace */
        pace_note(&key->pace, clock_monotonic_us() - started_us);
    struct view data = response.result.data;
    bool done = data.len <= size;
    if (done && data.len > 0)
        memcpy(out, data.at, data.len);
    if (done)
        *len = data.len;
    client_done(key->signer, connection);
    return done ? true
                : fail_internal(err, "the result has %zu bytes, room is for %zu", data.len, size);
}

static bool operate(struct remote_key *key, struct wire_request *request, uint8_t *out, size_t *len,
                    size_t size, struct error *err) {
    uint64_t handle = key->handle;
    for (int tries = 0; tries < TRIES; tries++) {
        if (handle == 0)
            TRY(load(key, &handle, err));
        if (operate_with(key, handle, request, out, len, size, err))
            return true;
        if (strcmp(err->type, "unknown-handle") != 0)
            return false;
        handle = 0; /* another process answers now, or the signer had too many keys */
    }
    return signer_unavailable(err, "it forgot the key again and again under the same call");
}

bool remote_key_wrong(struct remote_key *key) {
    if (!handle_is_elsewhere(key->handle))
        return false;
    client_wrong(key->signer);
    return true;
}

METRIC(operations, METRIC_COUNTER, "gatehouse_key_operations_total",
       "Signatures and decryptions by token and outcome.", "token", "operation", "outcome");
METRIC(durations, METRIC_SECONDS, "gatehouse_key_operation_duration_seconds",
       "How long the signer and its tokens took.", "token", "operation");

bool remote_key_operate(struct remote_key *key, struct wire_request *request, uint8_t *out,
                        size_t *len, size_t size) {
    struct error err = {0};
    int64_t started_us = clock_monotonic_us();
    const char *operation = request->op == WIRE_SIGN ? "sign" : "decrypt";
    last_error.kind = ERROR_NONE;
    bool done = operate(key, request, out, len, size, &err);
    if (done)
        uses_count(key->uses);
    METRIC_ADD(&operations, 1, key->token, operation, done ? "done" : "failed");
    METRIC_OBSERVE(&durations, clock_monotonic_us() - started_us, key->token, operation);
    return done || provider_failed(&err);
}
