#include "signer/template.h"

#include "signer/key.h"

#include <string.h>

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_BYTE f4[] = {0x01, 0x00, 0x01};

void template_add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *at, size_t len) {
    t->rows[t->count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(type, at, len);
}

void template_add_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool set) {
    template_add(t, type, set ? &yes : &no, sizeof yes);
}

void template_add_place(struct template *t, const struct pkcs11_uri *uri) {
    template_add_flag(t, CKA_TOKEN, uri != NULL);
    if (uri == NULL)
        return;
    template_add(t, CKA_ID, uri->id.at, uri->id.len);
    if (uri->object != NULL)
        template_add(t, CKA_LABEL, uri->object, strlen(uri->object));
}

void template_add_public(struct template *t, const struct key_type *type, unsigned purpose) {
    template_add_flag(t, CKA_VERIFY, (purpose & PURPOSE_SIGN) != 0);
    if (type->ckk == CKK_RSA)
        template_add_flag(t, CKA_ENCRYPT, (purpose & PURPOSE_DECRYPT) != 0);
    if (type->params.len > 0)
        template_add(t, CKA_EC_PARAMS, type->params.at, type->params.len);
    if (type->parameter_set != 0)
        template_add(t, CKA_PARAMETER_SET, &type->parameter_set, sizeof type->parameter_set);
}

void template_add_private(struct template *t, const struct key_type *type, unsigned purpose) {
    template_add_flag(t, CKA_PRIVATE, true);
    template_add_flag(t, CKA_SENSITIVE, true);
    template_add_flag(t, CKA_SIGN, (purpose & PURPOSE_SIGN) != 0);
    if (type->ckk == CKK_RSA)
        template_add_flag(t, CKA_DECRYPT, (purpose & PURPOSE_DECRYPT) != 0);
}

void template_add_size(struct template *t, const struct key_type *type, const CK_ULONG *bits) {
    if (type->ckk != CKK_RSA)
        return;
    template_add(t, CKA_MODULUS_BITS, bits, sizeof *bits);
    template_add(t, CKA_PUBLIC_EXPONENT, f4, sizeof f4);
}

void template_add_class(struct template *t, const struct key_type *type, CK_OBJECT_CLASS class) {
    static const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, public_key = CKO_PUBLIC_KEY;
    template_add(t, CKA_CLASS, class == CKO_PRIVATE_KEY ? &private_key : &public_key, sizeof class);
    template_add(t, CKA_KEY_TYPE, &type->ckk, sizeof type->ckk);
}
