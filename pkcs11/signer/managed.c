#include "signer/managed.h"

#include "base/log.h"
#include "signer/handles.h"
#include "signer/objects.h"
#include "signer/public_key.h"
#include "signer/user_key.h"

#define ROOM "signer"
#define WRAPPED_MAX ((size_t)32 * 1024)

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* Both are RFC 5649; SoftHSM2 2.6 knows it by the second number alone. */
static const CK_MECHANISM_TYPE wrap_mechanisms[] = {CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD};

/* ---- wrapping -------------------------------------------------------------------------------- */

CK_RV wrap_object(struct task *task, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE by,
                  CK_OBJECT_HANDLE object, struct arena *arena, struct view *ret_wrapped) {
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_MECHANISM_INFO info;
    CK_ULONG len = WRAPPED_MAX;
    CK_RV rv = task->f->C_GetMechanismInfo(task->token->slot, type, &info);
    if (rv != CKR_OK || (info.flags & CKF_WRAP) == 0)
        return CKR_MECHANISM_INVALID;
    uint8_t *at = arena_alloc(arena, len);
    rv = task->f->C_WrapKey(task->session.handle, &mechanism, by, object, at, &len);
    if (rv == CKR_OK)
        *ret_wrapped = view_of(at, len);
    return rv;
}

bool wrap_by_kek(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                 struct view kek_id, struct key_blob *ret_blob, struct error *err) {
    struct kek kek;
    CK_RV rv = CKR_MECHANISM_INVALID;
    TRY(task_kek(task, kek_id, &kek, err));
    for (size_t i = 0; i < 2 && rv == CKR_MECHANISM_INVALID; i++) {
        ret_blob->mechanism = wrap_mechanisms[i];
        rv = wrap_object(task, ret_blob->mechanism, kek.object, object, arena, &ret_blob->wrapped);
    }
    if (rv != CKR_OK)
        return task_fail(task, "C_WrapKey", rv, err);
    ret_blob->kek_id = arena_copy(arena, kek.id, kek.id_len);
    return true;
}

bool managed_wrap(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                  struct view kek_id, struct view *ret_blob, struct error *err) {
    struct key_blob blob = {0};
    TRY(wrap_by_kek(task, arena, object, kek_id, &blob, err));
    *ret_blob = key_blob_encode(arena, &blob);
    return true;
}

/* ---- unwrapping ------------------------------------------------------------------------------ */

struct unwrapping {
    struct key_blob blob;
    CK_KEY_TYPE ckk;
    unsigned purpose;
    bool extractable;
    CK_OBJECT_HANDLE object; /* the result */
};

static CK_RV call_unwrap(struct task *task, CK_OBJECT_HANDLE by, struct view wrapped,
                         struct unwrapping *u) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE attributes[] = {
        ATTRIBUTE(CKA_CLASS, class),
        ATTRIBUTE(CKA_KEY_TYPE, u->ckk),
        ATTRIBUTE(CKA_TOKEN, no),
        ATTRIBUTE(CKA_PRIVATE, yes),
        ATTRIBUTE(CKA_SENSITIVE, yes),
        ATTRIBUTE_BYTES(CKA_EXTRACTABLE, u->extractable ? &yes : &no, sizeof yes),
        ATTRIBUTE_BYTES(CKA_SIGN, u->purpose & PURPOSE_SIGN ? &yes : &no, sizeof yes),
        ATTRIBUTE_BYTES(CKA_DECRYPT, u->purpose & PURPOSE_DECRYPT ? &yes : &no, sizeof yes),
        ATTRIBUTE(CKA_UNWRAP, no),
        ATTRIBUTE(CKA_DERIVE, no),
    };
    CK_MECHANISM mechanism = {u->blob.mechanism, NULL, 0};
    return task->f->C_UnwrapKey(task->session.handle, &mechanism, by,
                                (CK_BYTE *)(uintptr_t)wrapped.at, wrapped.len, attributes,
                                sizeof attributes / sizeof attributes[0], &u->object);
}

static bool means_bad_blob(CK_RV rv) {
    return rv == CKR_FUNCTION_FAILED || rv == CKR_GENERAL_ERROR || rv == CKR_ARGUMENTS_BAD ||
           (ckr_next(rv) == NEXT_FAIL && ckr_meaning(rv)->kind != ERROR_UNAVAILABLE);
}

bool unwrap_failed(struct task *task, CK_RV rv, struct error *err) {
    if (!means_bad_blob(rv))
        return task_fail(task, "C_UnwrapKey", rv, err);
    ckr_fail(err, task->token->label, "C_UnwrapKey", CKR_WRAPPED_KEY_INVALID);
    error_detail(err, " (module: 0x%lx)", rv);
    task->rv = rv;
    return false;
}

static bool unwrap(struct task *task, struct unwrapping *u, struct error *err) {
    struct kek kek;
    CK_OBJECT_HANDLE own = CK_INVALID_HANDLE;
    bool person = u->blob.inner.len > 0;
    if (person != ((u->purpose & PURPOSE_OWNER) != 0))
        return fail(err, ERROR_POLICY, "key-unfit",
                    "A person's key is loaded as one, and no other key is.");
    CK_RV rv;
    if (person) {
        TRY(user_key_own(task, &u->blob, false, &own, err));
        rv = call_unwrap(task, own, u->blob.inner, u);
        task->f->C_DestroyObject(task->session.handle, own);
    } else {
        TRY(task_kek(task, u->blob.kek_id, &kek, err));
        rv = call_unwrap(task, kek.object, u->blob.wrapped, u);
    }
    return rv == CKR_OK ? true : unwrap_failed(task, rv, err);
}

static bool unwrap_key(struct task *task, void *subject, struct error *err) {
    struct key *key = subject;
    struct unwrapping u = {.ckk = key->type->ckk, .purpose = key->purpose};
    struct proof proof = {key->type, key->public_key, key->purpose};
    TRY(key_blob_decode(key->blob, &u.blob, err));
    TRY(unwrap(task, &u, err));
    if (!key_prove(task, u.object, &proof, err)) {
        task->f->C_DestroyObject(task->session.handle, u.object);
        return false;
    }
    key->object = u.object;
    key->generation = task->session.generation;
    return true;
}

bool managed_unwrap_key(struct key *key, struct error *err) {
    return task_run_in_holder(key->token, unwrap_key, key, err);
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

struct rewrapping {
    struct arena *arena;
    struct unwrapping unwrapping;
    struct proof proof;
    struct view kek_id;
    struct view blob; /* the result */
};

static bool rewrap(struct task *task, void *subject, struct error *err) {
    struct rewrapping *r = subject;
    TRY(unwrap(task, &r->unwrapping, err));
    CK_OBJECT_HANDLE object = r->unwrapping.object;
    bool done = key_prove(task, object, &r->proof, err) &&
                managed_wrap(task, r->arena, object, r->kek_id, &r->blob, err);
    task->f->C_DestroyObject(task->session.handle, object);
    return done;
}

bool managed_rewrap(struct vault *vault, struct arena *arena, struct view blob, struct view spki,
                    struct view kek_id, struct view *ret_blob, struct error *err) {
    AUTO(EVP_PKEY) *public_key = NULL;
    struct rewrapping r = {.arena = arena, .kek_id = kek_id};
    struct token *token;
    TRY(key_blob_decode(blob, &r.unwrapping.blob, err));
    if (r.unwrapping.blob.inner.len > 0)
        return user_key_rewrap(vault, arena, blob, spki, kek_id, ret_blob, err);
    TRY(vault_managed(vault, &token, err));
    TRY(public_key_decode(spki, &public_key, err));
    r.proof = (struct proof){NULL, public_key, PURPOSE_SIGN};
    TRY(key_type_of_public(public_key, &r.proof.type, err));
    r.unwrapping.ckk = r.proof.type->ckk;
    r.unwrapping.purpose = PURPOSE_SIGN;
    r.unwrapping.extractable = true; /* for the length of this call */
    TRY(task_run(token, rewrap, &r, err));
    TRY(managed_prove(vault, r.blob, spki, PURPOSE_SIGN, err));
    *ret_blob = r.blob;
    return true;
}
