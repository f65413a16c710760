#include "signer/managed.h"
#include "signer/handles.h"
#include "signer/objects.h"
#include "signer/public_key.h"
#include "signer/user_key.h"

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_BYTE f4[] = {0x01, 0x00, 0x01};

#define ROWS 12

struct template {
    CK_ATTRIBUTE rows[ROWS];
    size_t count;
};

static void add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *at, size_t len) {
    t->rows[t->count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(type, at, len);
}

static void add_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool set) {
    add(t, type, set ? &yes : &no, sizeof yes);
}

static struct template public_template(const struct key_type *type, const CK_ULONG *bits,
                                       unsigned purpose) {
    struct template t = {.count = 0};
    add_flag(&t, CKA_TOKEN, false);
    add_flag(&t, CKA_PRIVATE, false);
    add_flag(&t, CKA_VERIFY, (purpose & PURPOSE_SIGN) != 0);
    if (type->ckk == CKK_RSA) {
        add_flag(&t, CKA_ENCRYPT, (purpose & PURPOSE_DECRYPT) != 0);
        add(&t, CKA_MODULUS_BITS, bits, sizeof *bits);
        add(&t, CKA_PUBLIC_EXPONENT, f4, sizeof f4);
    }
    if (type->params.len > 0)
        add(&t, CKA_EC_PARAMS, type->params.at, type->params.len);
    if (type->parameter_set != 0)
        add(&t, CKA_PARAMETER_SET, &type->parameter_set, sizeof type->parameter_set);
    return t;
}

/* Extractable, so that it can be wrapped; SoftHSM2 wraps no key that was made otherwise. It is
 * destroyed before the call ends. */
static struct template private_template(const struct key_type *type, unsigned purpose) {
    struct template t = {.count = 0};
    add_flag(&t, CKA_TOKEN, false);
    add_flag(&t, CKA_PRIVATE, true);
    add_flag(&t, CKA_SENSITIVE, true);
    add_flag(&t, CKA_EXTRACTABLE, true);
    add_flag(&t, CKA_SIGN, (purpose & PURPOSE_SIGN) != 0);
    if (type->ckk == CKK_RSA)
        add_flag(&t, CKA_DECRYPT, (purpose & PURPOSE_DECRYPT) != 0);
    return t;
}

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

static CK_RV generate_pair(struct task *task, const struct making *m, struct pair *ret_pair) {
    CK_MECHANISM mechanism = {m->type->generate, NULL, 0};
    struct template public_rows = public_template(m->type, &m->bits, m->purpose);
    struct template private_rows = private_template(m->type, m->purpose);
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
