#include "signer/managed.h"

#include "base/log.h"
#include "signer/blob.h"
#include "signer/objects.h"
#include "signer/public_key.h"

#include <string.h>

#define ROOM "signer"
#define WRAPPED_MAX ((size_t)32 * 1024)

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* Both are RFC 5649; SoftHSM2 2.6 knows it by the second number alone. */
static const CK_MECHANISM_TYPE wrap_mechanisms[] = {CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD};

/* ---- wrapping -------------------------------------------------------------------------------- */

static CK_RV wrap_by(struct token *token, CK_MECHANISM_TYPE type, struct session session,
                     const struct kek *kek, CK_OBJECT_HANDLE object, struct arena *arena,
                     struct view *ret_wrapped) {
    const CK_FUNCTION_LIST *f = token->module->f;
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_MECHANISM_INFO info;
    if (f->C_GetMechanismInfo(token->slot, type, &info) != CKR_OK || (info.flags & CKF_WRAP) == 0)
        return CKR_MECHANISM_INVALID;
    CK_ULONG len = WRAPPED_MAX;
    uint8_t *at = arena_alloc(arena, len);
    CK_RV rv = f->C_WrapKey(session.handle, &mechanism, kek->object, object, at, &len);
    if (rv == CKR_OK)
        *ret_wrapped = view_of(at, len);
    return rv;
}

static CK_RV wrap_object(struct token *token, struct session session, const struct kek *kek,
                         CK_OBJECT_HANDLE object, struct arena *arena, struct key_blob *blob) {
    CK_RV rv = CKR_MECHANISM_INVALID;
    for (size_t i = 0; i < 2 && rv == CKR_MECHANISM_INVALID; i++) {
        blob->mechanism = wrap_mechanisms[i];
        rv = wrap_by(token, wrap_mechanisms[i], session, kek, object, arena, &blob->wrapped);
    }
    return rv;
}

bool managed_wrap(struct token *token, struct arena *arena, struct session session,
                  CK_OBJECT_HANDLE object, struct view kek_id, struct view *ret_blob, CK_RV *ret_rv,
                  struct error *err) {
    struct kek kek;
    struct key_blob blob;
    TRY(token_kek(token, session, kek_id, &kek, ret_rv, err));
    *ret_rv = wrap_object(token, session, &kek, object, arena, &blob);
    if (*ret_rv != CKR_OK)
        return ckr_fail(err, token->label, "C_WrapKey", *ret_rv);
    blob.kek_id = view_of(kek.id, kek.id_len);
    *ret_blob = key_blob_encode(arena, &blob);
    return true;
}

/* ---- unwrapping ------------------------------------------------------------------------------ */

static CK_RV unwrap_object(struct token *token, struct session session, const struct kek *kek,
                           const struct key_blob *blob, CK_KEY_TYPE ckk, unsigned purpose,
                           bool extractable, CK_OBJECT_HANDLE *ret_object) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE attributes[] = {
        ATTRIBUTE(CKA_CLASS, class),
        ATTRIBUTE(CKA_KEY_TYPE, ckk),
        ATTRIBUTE(CKA_TOKEN, no),
        ATTRIBUTE(CKA_PRIVATE, yes),
        ATTRIBUTE(CKA_SENSITIVE, yes),
        ATTRIBUTE_BYTES(CKA_EXTRACTABLE, extractable ? &yes : &no, sizeof yes),
        ATTRIBUTE_BYTES(CKA_SIGN, purpose & PURPOSE_SIGN ? &yes : &no, sizeof yes),
        ATTRIBUTE_BYTES(CKA_DECRYPT, purpose & PURPOSE_DECRYPT ? &yes : &no, sizeof yes),
        ATTRIBUTE(CKA_UNWRAP, no),
        ATTRIBUTE(CKA_DERIVE, no),
    };
    CK_MECHANISM mechanism = {blob->mechanism, NULL, 0};
    return token->module->f->C_UnwrapKey(
        session.handle, &mechanism, kek->object, (CK_BYTE *)(uintptr_t)blob->wrapped.at,
        blob->wrapped.len, attributes, sizeof attributes / sizeof attributes[0], ret_object);
}

/* Modules say "wrong KEK or damaged" in many ways; for the caller it is one thing. */
static bool unwrap_failed(struct token *token, CK_RV rv, struct error *err) {
    if (ckr_next(rv) == NEXT_FAIL && ckr_meaning(rv)->kind != ERROR_UNAVAILABLE)
        ckr_fail(err, token->label, "C_UnwrapKey", CKR_WRAPPED_KEY_INVALID);
    else if (rv == CKR_FUNCTION_FAILED || rv == CKR_GENERAL_ERROR || rv == CKR_ARGUMENTS_BAD)
        ckr_fail(err, token->label, "C_UnwrapKey", CKR_WRAPPED_KEY_INVALID);
    else
        return ckr_fail(err, token->label, "C_UnwrapKey", rv);
    error_detail(err, " (module: 0x%lx)", rv);
    return false;
}

static bool unwrap_in(struct token *token, struct session holder, const struct key_blob *blob,
                      CK_KEY_TYPE ckk, unsigned purpose, bool extractable,
                      CK_OBJECT_HANDLE *ret_object, CK_RV *ret_rv, struct error *err) {
    struct kek kek;
    TRY(token_kek(token, holder, blob->kek_id, &kek, ret_rv, err));
    *ret_rv = unwrap_object(token, holder, &kek, blob, ckk, purpose, extractable, ret_object);
    return *ret_rv == CKR_OK ? true : unwrap_failed(token, *ret_rv, err);
}

/* Into the holder's session, where it stays. */
static bool unwrap_to_stay(struct key *key, const struct key_blob *blob, CK_RV *ret_rv,
                           uint64_t *ret_generation, struct error *err) {
    struct session holder;
    *ret_rv = CKR_OK;
    TRY(token_hold(key->token, &holder, err));
    *ret_generation = holder.generation;
    bool done = unwrap_in(key->token, holder, blob, key->type->ckk, key->purpose, false,
                          &key->object, ret_rv, err);
    token_release(key->token);
    return done;
}

bool managed_unwrap_key(struct key *key, struct error *err) {
    struct key_blob blob;
    TRY(key_blob_decode(key->blob, &blob, err));
    for (int attempt = 0;; attempt++) {
        CK_RV rv;
        uint64_t generation = 0;
        if (unwrap_to_stay(key, &blob, &rv, &generation, err)) {
            if (key_prove(key->token, key->object, key->type, key->public_key, key->purpose, &rv,
                          err)) {
                key->generation = generation;
                return true;
            }
            managed_forget(key->token, key->object, generation);
        }
        if (attempt > 0 || rv == CKR_OK || !token_recover(key->token, rv, generation))
            return false;
    }
}

void managed_forget(struct token *token, CK_OBJECT_HANDLE object, uint64_t generation) {
    struct session session;
    if (generation != token->generation || !token_take(token, &session, NULL))
        return; /* it died with its session */
    CK_RV rv = CKR_OK;
    if (session.generation == generation)
        rv = token->module->f->C_DestroyObject(session.handle, object);
    if (rv != CKR_OK)
        log_debug(ROOM, "token \"%s\": C_DestroyObject: 0x%lx", token->label, rv);
    token_give(token, session, rv);
}

bool managed_prove(struct vault *vault, struct view blob, struct view spki, unsigned purpose,
                   struct error *err) {
    struct key *key;
    TRY(keys_load(vault, blob, spki, purpose, &key, err));
    key_release(key);
    return true;
}

/* ---- wrapping anew --------------------------------------------------------------------------- */

static bool rewrap_in(struct token *token, struct arena *arena, struct session session,
                      const struct key_blob *blob, EVP_PKEY *public_key, struct view kek_id,
                      struct view *ret_blob, CK_RV *ret_rv, struct error *err) {
    const struct key_type *type;
    CK_OBJECT_HANDLE object;
    *ret_rv = CKR_OK;
    TRY(key_type_of_public(public_key, &type, err));
    TRY(unwrap_in(token, session, blob, type->ckk, PURPOSE_SIGN, true, &object, ret_rv, err));
    bool done = key_prove(token, object, type, public_key, PURPOSE_SIGN, ret_rv, err) &&
                managed_wrap(token, arena, session, object, kek_id, ret_blob, ret_rv, err);
    token->module->f->C_DestroyObject(session.handle, object);
    return done;
}

bool managed_rewrap(struct vault *vault, struct arena *arena, struct view bytes, struct view spki,
                    struct view kek_id, struct view *ret_blob, struct error *err) {
    struct token *token;
    struct key_blob blob;
    EVP_PKEY *public_key;
    TRY(key_blob_decode(bytes, &blob, err));
    TRY(vault_managed(vault, &token, err));
    TRY(public_key_decode(spki, &public_key, err));
    bool done = false;
    for (int attempt = 0; !done && attempt < 2; attempt++) {
        struct session session;
        CK_RV rv = CKR_OK;
        if (!token_take(token, &session, err))
            break;
        done = rewrap_in(token, arena, session, &blob, public_key, kek_id, ret_blob, &rv, err);
        token_give(token, session, rv);
        if (!done && (rv == CKR_OK || !token_recover(token, rv, session.generation)))
            break;
    }
    EVP_PKEY_free(public_key);
    return done && managed_prove(vault, *ret_blob, spki, PURPOSE_SIGN, err);
}
