#include "signer/user_key.h"

#include "signer/objects.h"

#define OWN_KEY_SIZE 32

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static const CK_KEY_TYPE aes = CKK_AES;

/* ---- wrapping -------------------------------------------------------------------------------- */

static CK_RV make_own(struct task *task, CK_OBJECT_HANDLE *ret_object) {
    static const CK_ULONG size = OWN_KEY_SIZE;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE rows[] = {
        ATTRIBUTE(CKA_TOKEN, no),        ATTRIBUTE(CKA_PRIVATE, yes),
        ATTRIBUTE(CKA_SENSITIVE, yes),   ATTRIBUTE(CKA_EXTRACTABLE, yes),
        ATTRIBUTE(CKA_WRAP, yes),        ATTRIBUTE(CKA_UNWRAP, no),
        ATTRIBUTE(CKA_ENCRYPT, no),      ATTRIBUTE(CKA_DECRYPT, no),
        ATTRIBUTE(CKA_VALUE_LEN, size),
    };
    return task->f->C_GenerateKey(task->session.handle, &mechanism, rows,
                                  sizeof rows / sizeof rows[0], ret_object);
}

static bool wrap_both(struct task *task, struct arena *arena, CK_OBJECT_HANDLE own,
                      CK_OBJECT_HANDLE object, struct view *ret_blob, struct error *err) {
    struct key_blob blob = {0};
    TRY(wrap_by_kek(task, arena, own, view_of(NULL, 0), &blob, err));
    CK_RV rv = wrap_object(task, blob.mechanism, own, object, arena, &blob.inner);
    if (rv != CKR_OK)
        return task_fail(task, "C_WrapKey", rv, err);
    *ret_blob = key_blob_encode(arena, &blob);
    return true;
}

bool user_key_wrap(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                   struct view *ret_blob, struct error *err) {
    CK_OBJECT_HANDLE own;
    CK_RV rv = make_own(task, &own);
    if (rv != CKR_OK)
        return task_fail(task, "C_GenerateKey", rv, err);
    bool done = wrap_both(task, arena, own, object, ret_blob, err);
    task->f->C_DestroyObject(task->session.handle, own);
    return done;
}

/* ---- unwrapping ------------------------------------------------------------------------------ */

bool user_key_own(struct task *task, const struct key_blob *blob, bool leaves,
                  CK_OBJECT_HANDLE *ret_object, struct error *err) {
    struct kek kek;
    CK_MECHANISM mechanism = {blob->mechanism, NULL, 0};
    CK_ATTRIBUTE rows[] = {
        ATTRIBUTE(CKA_CLASS, secret_class),
        ATTRIBUTE(CKA_KEY_TYPE, aes),
        ATTRIBUTE(CKA_TOKEN, no),
        ATTRIBUTE(CKA_PRIVATE, yes),
        ATTRIBUTE_BYTES(CKA_SENSITIVE, leaves ? &no : &yes, sizeof no),
        ATTRIBUTE_BYTES(CKA_EXTRACTABLE, leaves ? &yes : &no, sizeof no),
        ATTRIBUTE(CKA_WRAP, no),
        ATTRIBUTE_BYTES(CKA_UNWRAP, leaves ? &no : &yes, sizeof no),
        ATTRIBUTE(CKA_ENCRYPT, no),
        ATTRIBUTE(CKA_DECRYPT, no),
    };
    TRY(task_kek(task, blob->kek_id, &kek, err));
    CK_RV rv = task->f->C_UnwrapKey(task->session.handle, &mechanism, kek.object,
                                    (CK_BYTE *)(uintptr_t)blob->wrapped.at, blob->wrapped.len, rows,
                                    sizeof rows / sizeof rows[0], ret_object);
    return rv == CKR_OK ? true : unwrap_failed(task, rv, err);
}

/* ---- wrapping anew --------------------------------------------------------------------------- */

struct rewrapping {
    struct arena *arena;
    struct key_blob blob;
    struct view kek_id;
    struct view result;
};

/* The private key stays wrapped as it is; its AES key is wrapped anew. */
static bool rewrap(struct task *task, void *subject, struct error *err) {
    struct rewrapping *r = subject;
    struct key_blob blob = {0};
    CK_OBJECT_HANDLE own;
    TRY(user_key_own(task, &r->blob, true, &own, err));
    bool done = wrap_by_kek(task, r->arena, own, r->kek_id, &blob, err);
    task->f->C_DestroyObject(task->session.handle, own);
    TRY(done);
    if (blob.mechanism != r->blob.mechanism)
        return fail(err, ERROR_MALFORMED, "bad-key-blob",
                    "The token wraps by another mechanism than when the key was made.");
    blob.inner = r->blob.inner;
    r->result = key_blob_encode(r->arena, &blob);
    return true;
}

bool user_key_rewrap(struct vault *vault, struct arena *arena, struct view blob, struct view spki,
                     struct view kek_id, struct view *ret_blob, struct error *err) {
    struct rewrapping r = {.arena = arena, .kek_id = kek_id};
    struct token *token;
    TRY(key_blob_decode(blob, &r.blob, err));
    TRY(vault_managed(vault, &token, err));
    TRY(task_run(token, rewrap, &r, err));
    TRY(managed_prove(vault, r.result, spki, PURPOSE_SIGN | PURPOSE_OWNER, err));
    *ret_blob = r.result;
    return true;
}
