#include "signer/handles.h"
#include "signer/managed.h"
#include "signer/private_key.h"
#include "signer/public_key.h"

static void add_attributes(struct template *t, const struct key_type *type, unsigned purpose) {
    template_add_class(t, type, CKO_PRIVATE_KEY);
    template_add_place(t, NULL);
    template_add_private(t, type, purpose);
    template_add_flag(t, CKA_EXTRACTABLE, true); /* wrapped at once, then destroyed */
    if (type->params.len > 0)
        template_add(t, CKA_EC_PARAMS, type->params.at, type->params.len);
    if (type->parameter_set != 0)
        template_add(t, CKA_PARAMETER_SET, &type->parameter_set, sizeof type->parameter_set);
}

struct importing {
    struct arena *arena;
    struct template rows;
    struct view blob; /* the result */
};

static bool import(struct task *task, void *subject, struct error *err) {
    struct importing *i = subject;
    CK_OBJECT_HANDLE object;
    CK_RV rv = task->f->C_CreateObject(task->session.handle, i->rows.rows, i->rows.count, &object);
    if (rv != CKR_OK)
        return task_fail(task, "C_CreateObject", rv, err);
    bool done = managed_wrap(task, i->arena, object, view_of(NULL, 0), &i->blob, err);
    task->f->C_DestroyObject(task->session.handle, object);
    return done;
}

bool managed_import(struct vault *vault, struct arena *arena, struct view pkcs8, unsigned purpose,
                    struct view *ret_blob, struct view *ret_spki, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    const struct key_type *type;
    struct importing i = {.arena = arena};
    struct view spki;
    struct token *token;
    TRY(private_key_decode(pkcs8, &key, &type, err));
    add_attributes(&i.rows, type, purpose);
    TRY(private_key_add(&i.rows, arena, type, key, err));
    TRY(public_key_encode(arena, key, &spki, err));
    TRY(vault_managed(vault, &token, err));
    TRY(task_run(token, import, &i, err));
    TRY(managed_prove(vault, i.blob, spki, purpose, err));
    *ret_blob = i.blob;
    *ret_spki = spki;
    return true;
}
