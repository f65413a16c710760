#include "signer/managed.h"
#include "signer/handles.h"
#include "signer/objects.h"
#include "signer/public_key.h"

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

struct pair {
    CK_OBJECT_HANDLE public_object, private_object;
};

static CK_RV generate_pair(struct token *token, struct session session, const struct key_type *type,
                           CK_ULONG bits, unsigned purpose, struct pair *ret_pair) {
    CK_MECHANISM mechanism = {type->generate, NULL, 0};
    struct template public_rows = public_template(type, &bits, purpose);
    struct template private_rows = private_template(type, purpose);
    return token->module->f->C_GenerateKeyPair(
        session.handle, &mechanism, public_rows.rows, public_rows.count, private_rows.rows,
        private_rows.count, &ret_pair->public_object, &ret_pair->private_object);
}

static bool export_pair(struct token *token, struct arena *arena, struct session session,
                        const struct pair *pair, struct view *ret_blob, struct view *ret_spki,
                        CK_RV *ret_rv, struct error *err) {
    AUTO(EVP_PKEY) *public_key = NULL;
    TRY(public_key_read(token->module->f, session.handle, pair->public_object, &public_key, ret_rv,
                        err));
    TRY(public_key_encode(arena, public_key, ret_spki, err));
    return managed_wrap(token, arena, session, pair->private_object, view_of(NULL, 0), ret_blob,
                        ret_rv, err);
}

static bool generate_in(struct token *token, struct arena *arena, struct session session,
                        const struct key_type *type, CK_ULONG bits, unsigned purpose,
                        struct view *ret_blob, struct view *ret_spki, CK_RV *ret_rv,
                        struct error *err) {
    struct pair pair;
    *ret_rv = generate_pair(token, session, type, bits, purpose, &pair);
    if (*ret_rv != CKR_OK)
        return ckr_fail(err, token->label, "C_GenerateKeyPair", *ret_rv);
    bool done = export_pair(token, arena, session, &pair, ret_blob, ret_spki, ret_rv, err);
    token->module->f->C_DestroyObject(session.handle, pair.private_object);
    token->module->f->C_DestroyObject(session.handle, pair.public_object);
    return done;
}

bool managed_generate(struct vault *vault, struct arena *arena, struct view key_type,
                      unsigned purpose, struct view *ret_blob, struct view *ret_spki,
                      struct error *err) {
    const struct key_type *type;
    CK_ULONG bits = 0;
    struct token *token;
    TRY(key_type_by_name(key_type, &type, &bits, err));
    if ((purpose & PURPOSE_DECRYPT) != 0 && type->ckk != CKK_RSA)
        return fail(err, ERROR_POLICY, "key-unfit",
                    "A key of type %s cannot decrypt: use an RSA key for that.", type->name);
    TRY(vault_managed(vault, &token, err));
    bool done = false;
    for (int attempt = 0; !done && attempt < 2; attempt++) {
        struct session session;
        CK_RV rv = CKR_OK;
        TRY(token_take(token, &session, err));
        done =
            generate_in(token, arena, session, type, bits, purpose, ret_blob, ret_spki, &rv, err);
        token_give(token, session, rv);
        if (!done && (rv == CKR_OK || !token_recover(token, rv, session.generation)))
            return false;
    }
    return done && managed_prove(vault, *ret_blob, *ret_spki, purpose, err);
}
