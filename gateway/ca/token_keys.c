#include "ca/token_keys.h"

#include "ca/authority.h"
#include "ca/authority_material.h"
#include "ca/issue.h"
#include "ca/token_attestation.h"
#include "base/clock.h"
#include "base/log.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/handles.h"
#include "x509/key_type.h"
#include "x509/name.h"

#include <openssl/sha.h>
#include <string.h>

static const struct uuid nobody;

static bool may_change(const struct actor *actor, struct error *err) {
    return actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err);
}

static struct view secret_view(const char *text) {
    return text == NULL ? view_of(NULL, 0) : view_text(text);
}

static bool note(struct tx *tx, const struct actor *actor, const char *code, const char *uri, const char *details,
                 struct error *err) {
    struct event_note event = {.code = code, .object_kind = "token-key", .object = uri, .details = details};
    return access_note(tx, actor, &event, err);
}

/* ---- list ---- */

static bool describe(struct tx *tx, struct arena *arena, struct token_key_view *view, struct error *err) {
    uint8_t hash[TOKEN_KEY_HASH];
    if (view->key.spki.len == 0)
        return true;
    SHA256(view->key.spki.at, view->key.spki.len, hash);
    return token_key_get(tx, arena, hash, &view->record, &view->made_by_us, err) &&
           token_key_users(tx, arena, view->key.spki, &view->users, &view->user_count, err);
}

static bool describe_all(struct core *core, struct arena *arena, struct token_key_view *items, size_t count,
                         struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        tx.ok = true;
        for (size_t i = 0; tx.ok && i < count; i++)
            tx.ok = describe(tx.tx, arena, &items[i], err);
    }
    return done;
}

static bool add_keys(struct core *core, struct arena *arena, const char *uri, struct token_key_view **items,
                     size_t *count, struct error *err) {
    struct token_key *keys;
    size_t more;
    TRY(signer_token_keys(core_signer(core), arena, uri, &keys, &more, err));
    struct token_key_view *all = arena_array(arena, *count + more + 1, sizeof *all);
    if (*count > 0)
        memcpy(all, *items, *count * sizeof *all);
    for (size_t i = 0; i < more; i++)
        all[*count + i].key = keys[i];
    *items = all;
    *count += more;
    return true;
}

bool token_key_list(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                    struct token_key_view **ret_items, size_t *ret_count, struct error *err) {
    struct token_key_view *items = arena_array(arena, 1, sizeof *items);
    struct token_info *tokens;
    size_t count = 0, token_count = 0;
    TRY(actor_may(actor, MAY_READ_TOKENS, nobody, nobody, err));
    if (uri != NULL)
        TRY(add_keys(core, arena, uri, &items, &count, err));
    else
        TRY(signer_tokens(core_signer(core), arena, &tokens, &token_count, err));
    for (size_t i = 0; i < token_count; i++) {
        struct error cause = {0};
        if (tokens[i].problem != NULL || add_keys(core, arena, tokens[i].uri, &items, &count, &cause))
            continue;
        /* One that was pulled, or whose agent went, since the list was made; or two that look the same. */
        log_failure(LOG_WARN, "keys", tokens[i].uri, &cause);
    }
    TRY(describe_all(core, arena, items, count, err));
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* ---- CSR ---- */

static bool sign_csr(struct core *core, struct arena *arena, const char *uri, const char *label,
                     const struct json *names, struct view *ret_csr, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct proposal proposal;
    char type[KEY_TYPE_SIZE];
    TRY(signer_token_key(core_signer(core), arena, uri, &key, NULL, err));
    TRY(key_check(key, "key in the token", err));
    if (!key_type_of(key, type))
        return fail(err, ERROR_POLICY, "weak-key", "The key in the token is of an unknown type.");
    TRY(proposal_from_json(arena, names, &proposal, err));
    X509_NAME *fallback = X509_NAME_new();
    keep_X509_NAME(arena, fallback);
    if (proposal.subject == NULL && label != NULL && label[0] != '\0')
        X509_NAME_add_entry_by_NID(fallback, NID_commonName, MBSTRING_UTF8, (const unsigned char *)label, -1, -1, 0);
    bool named = proposal.subject != NULL || X509_NAME_entry_count(fallback) > 0 ||
                 (proposal.sans != NULL && sk_GENERAL_NAME_num(proposal.sans) > 0);
    if (!named)
        return fail(err, ERROR_POLICY, "no-names", "The CSR would name nothing: give \"subject\" or \"sans\".");
    return csr_build(arena, proposal.subject != NULL ? proposal.subject : fallback, proposal.sans, key,
                     key_type_digest(type), ret_csr, err);
}

bool token_key_csr(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                   const struct json *names, struct view *ret_csr, struct error *err) {
    bool done = false;
    TRY(may_change(actor, err));
    TRY(sign_csr(core, arena, uri, NULL, names, ret_csr, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = note(tx.tx, actor, "token.csr-made", uri, NULL, err);
    return done;
}

/* ---- make ---- */

static bool store_made(struct core *core, const struct actor *actor, struct arena *arena, const char *code,
                       struct token_key_view *view, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    bool done = false;
    json_open_object(&w);
    json_put_string(&w, "keyType", view->key.key_type);
    json_put_bool(&w, "attested", view->record.attested);
    json_close_object(&w);
    const char *details = json_written(&w);
    TX(tx, core_db(core), &done, err)
        tx.ok = token_key_insert(tx.tx, &view->record, err) &&
                note(tx.tx, actor, code, view->key.uri, details, err);
    return done;
}

static struct token_key_terms terms_of(const struct token_key_order *order) {
    return (struct token_key_terms){.uri = order->uri,
                                    .key_type = order->key_type,
                                    .purpose = order->decrypts ? KEY_SIGN | KEY_DECRYPT : KEY_SIGN,
                                    .officer_pin = secret_view(order->officer_pin),
                                    .pin_policy = order->pin_policy,
                                    .touch_policy = order->touch_policy};
}

static struct token_key_record record_of(const struct actor *actor, const struct token_key *key) {
    struct token_key_record record = {.uri = key->uri,
                                      .key_type = key->key_type,
                                      .created_by = actor->name,
                                      .created_us = clock_now_us()};
    SHA256(key->spki.at, key->spki.len, record.hash);
    return record;
}

bool token_key_create(struct core *core, struct arena *arena, const struct actor *actor,
                      const struct token_key_order *order, struct token_key_view *ret, struct view *ret_csr,
                      struct error *err) {
    struct token_key_view view = {.made_by_us = true, .users = NULL};
    struct token_key_terms terms = terms_of(order);
    TRY(may_change(actor, err));
    TRY(signer_token_key_put(core_signer(core), arena, &terms, &view.key, err));
    view.record = record_of(actor, &view.key);
    struct error doubt = {0};
    bool trusted = token_attestation(core, arena, &view.key, order->attestation_root, &view.record, &doubt);
    TRY(store_made(core, actor, arena, "token.key-created", &view, err));
    if (!trusted) {
        *err = doubt;
        return false;
    }
    TRY(sign_csr(core, arena, view.key.uri, view.key.label, order->names, ret_csr, err));
    *ret = view;
    return true;
}

/* ---- import ---- */

/* The certificate of the key among those that came with it. */
static bool store_own(struct core *core, const struct token_key_order *order, const struct ca_material *material,
                      const struct token_key *key, struct error *err) {
    for (size_t i = 0; i < material->count; i++) {
        uint8_t *der = NULL;
        if (EVP_PKEY_eq(X509_get0_pubkey(material->certificates[i]), material->public_key) != 1)
            continue;
        int len = i2d_X509(material->certificates[i], &der);
        bool done = len > 0 && signer_token_store(core_signer(core), key->uri, view_of(der, (size_t)len),
                                                  secret_view(order->officer_pin), err);
        OPENSSL_free(der);
        return done;
    }
    return true;
}

bool token_key_import(struct core *core, struct arena *arena, const struct actor *actor,
                      const struct token_key_order *order, struct token_key_view *ret, struct view *ret_csr,
                      struct error *err) {
    struct token_key_view view = {.made_by_us = true, .users = NULL};
    struct token_key_terms terms = terms_of(order);
    struct ca_material material = {.count = 0};
    TRY(may_change(actor, err));
    TRY(material_read_key(arena, order->private_key, order->password, &material, err));
    terms.pkcs8 = material.pkcs8;
    bool done = signer_token_key_put(core_signer(core), arena, &terms, &view.key, err);
    material_wipe(&material);
    TRY(done && store_own(core, order, &material, &view.key, err));
    view.record = record_of(actor, &view.key);
    TRY(store_made(core, actor, arena, "token.key-imported", &view, err));
    TRY(sign_csr(core, arena, view.key.uri, view.key.label, order->names, ret_csr, err));
    *ret = view;
    return true;
}

/* ---- remove ---- */

static bool one_key(struct core *core, struct arena *arena, const char *uri, struct token_key_view *ret,
                    struct error *err) {
    struct token_key_view *items = NULL;
    size_t count = 0;
    if (strstr(uri, "id=") == NULL && strstr(uri, "object=") == NULL)
        return fail(err, ERROR_MALFORMED, "bad-uri",
                    "The PKCS#11 URI names a token but no key: add object= or id= to it.");
    TRY(add_keys(core, arena, uri, &items, &count, err));
    if (count != 1)
        return fail(err, count == 0 ? ERROR_NOT_FOUND : ERROR_CONFLICT, count == 0 ? "key-not-found" : "key-ambiguous",
                    "%zu keys match the PKCS#11 URI; it must name one.", count);
    TRY(describe_all(core, arena, items, 1, err));
    *ret = items[0];
    return true;
}

static bool in_use(const struct token_key_view *view, struct error *err) {
    char names[300] = "";
    for (size_t i = 0; i < view->user_count; i++) {
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", i == 0 ? "" : ", ", view->users[i]);
    }
    return view->user_count == 0 ||
           fail(err, ERROR_CONFLICT, "key-in-use", "The key is used by %s; it is not deleted before they are.", names);
}

bool token_key_remove(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                      const char *typed, const char *officer_pin, struct error *err) {
    struct token_key_view view;
    bool done = false;
    TRY(may_change(actor, err));
    if (strcmp(uri, typed) != 0)
        return fail(err, ERROR_CONFLICT, "confirmation",
                    "A key in a token is gone for good when it is deleted: repeat its URI, exactly, in \"confirm\".");
    TRY(one_key(core, arena, uri, &view, err) && in_use(&view, err));
    TRY(signer_token_key_remove(core_signer(core), uri, secret_view(officer_pin), err));
    uint8_t hash[TOKEN_KEY_HASH];
    SHA256(view.key.spki.at, view.key.spki.len, hash);
    char fingerprint[2 * TOKEN_KEY_HASH + 1];
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(fingerprint + 2 * i, 3, "%02x", hash[i]);
    const char *details = arena_printf(arena, "{\"publicKeySha256\":\"%s\"}", fingerprint);
    TX(tx, core_db(core), &done, err)
        tx.ok = token_key_forget(tx.tx, hash, err) && note(tx.tx, actor, "token.key-deleted", uri, details, err);
    return done;
}

/* ---- certificate, check ---- */

bool token_certificate_store(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                             struct view certificate, const char *officer_pin, struct error *err) {
    struct token_key_view view;
    X509 *x = NULL;
    struct view spki;
    uint8_t *der = NULL;
    bool done = false;
    TRY(may_change(actor, err));
    TRY(certificate_decode(arena, certificate, &x, err));
    keep_X509(arena, x);
    TRY(one_key(core, arena, uri, &view, err));
    TRY(key_spki(arena, X509_get0_pubkey(x), &spki, err));
    if (!view_equal(spki, view.key.spki))
        return fail(err, ERROR_POLICY, "key-mismatch", "The certificate is of another key than the one at this URI.");
    int len = i2d_X509(x, &der);
    done = len > 0 && signer_token_store(core_signer(core), view.key.uri, view_of(der, (size_t)len),
                                         secret_view(officer_pin), err);
    OPENSSL_free(der);
    TRY(done);
    TX(tx, core_db(core), &done, err)
        tx.ok = note(tx.tx, actor, "token.certificate-stored", view.key.uri, NULL, err);
    return done;
}

bool token_checked(struct core *core, struct arena *arena, const struct actor *actor, const char *uri,
                   struct token_step **ret_steps, size_t *ret_count, struct error *err) {
    TRY(actor_may(actor, MAY_READ_TOKENS, nobody, nobody, err));
    return signer_token_check(core_signer(core), arena, uri, ret_steps, ret_count, err);
}
