#include "signer/managed.h"
#include "signer/handles.h"
#include "signer/public_key.h"
#include "signer/template.h"
#include "signer/user_key.h"

struct making {
    struct arena *arena;
    const struct key_type *type;
    CK_ULONG bits;
    unsigned purpose;
    struct view blob, spki; /* the results */
};

struct pair {
    CK_OBJECT_HANDLE public_object, private_object;
};

/* Extractable, so that it can be wrapped; SoftHSM2 wraps no key that was made otherwise. It is
 * destroyed before the call ends. */
static CK_RV generate_pair(struct task *task, const struct making *m, struct pair *ret_pair) {
    CK_MECHANISM mechanism = {m->type->generate, NULL, 0};
    struct template public_rows = {.count = 0}, private_rows = {.count = 0};
    template_add_place(&public_rows, NULL);
    template_add_flag(&public_rows, CKA_PRIVATE, false);
    template_add_public(&public_rows, m->type, m->purpose);
    template_add_size(&public_rows, m->type, &m->bits);
    template_add_place(&private_rows, NULL);
    template_add_private(&private_rows, m->type, m->purpose);
    template_add_flag(&private_rows, CKA_EXTRACTABLE, true);
    return task->f->C_GenerateKeyPair(task->session.handle, &mechanism, public_rows.rows,
                                      public_rows.count, private_rows.rows, private_rows.count,
                                      &ret_pair->public_object, &ret_pair->private_object);
}

static bool export_pair(struct task *task, struct making *m, const struct pair *pair,
                        struct error *err) {
    AUTO(EVP_PKEY) *public_key = NULL;
    TRY(public_key_read(task->f, task->session.handle, pair->public_object, &public_key, &task->rv,
                        err));
    TRY(public_key_encode(m->arena, public_key, &m->spki, err));
    if ((m->purpose & PURPOSE_OWNER) != 0)
        return user_key_wrap(task, m->arena, pair->private_object, &m->blob, err);
    return managed_wrap(task, m->arena, pair->private_object, view_of(NULL, 0), &m->blob, err);
}

static bool generate(struct task *task, void *subject, struct error *err) {
    struct making *m = subject;
    struct pair pair;
    CK_RV rv = generate_pair(task, m, &pair);
    if (rv != CKR_OK)
        return task_fail(task, "C_GenerateKeyPair", rv, err);
    bool done = export_pair(task, m, &pair, err);
    task->f->C_DestroyObject(task->session.handle, pair.private_object);
    task->f->C_DestroyObject(task->session.handle, pair.public_object);
    return done;
}

bool managed_generate(struct vault *vault, struct arena *arena, struct view key_type,
                      unsigned purpose, struct view *ret_blob, struct view *ret_spki,
                      struct error *err) {
    struct making m = {.arena = arena, .purpose = purpose};
    struct token *token;
    TRY(key_type_by_name(key_type, &m.type, &m.bits, err));
    if ((purpose & (PURPOSE_SIGN | PURPOSE_DECRYPT)) == 0)
        return fail(err, ERROR_POLICY, "key-unfit", "A key must sign or decrypt.");
    if ((purpose & PURPOSE_DECRYPT) != 0 && m.type->ckk != CKK_RSA)
        return fail(err, ERROR_POLICY, "key-unfit",
                    "A key of type %s cannot decrypt: use an RSA key for that.", m.type->name);
    TRY(vault_managed(vault, &token, err));
    TRY(task_run(token, generate, &m, err));
    TRY(managed_prove(vault, m.blob, m.spki, purpose, err));
    *ret_blob = m.blob;
    *ret_spki = m.spki;
    return true;
}
