/* Templates of the keys that we make or put into a token: one place says which attributes they have. */
#ifndef GATEHOUSE_SIGNER_TEMPLATE_H
#define GATEHOUSE_SIGNER_TEMPLATE_H

#include "signer/keytype.h"
#include "signer/objects.h"

#include "wire/uri.h"

#define TEMPLATE_ROWS 26

/* Rows point to what they were given, which lives as long. */
struct template {
    CK_ATTRIBUTE rows[TEMPLATE_ROWS];
    size_t count;
};

void template_add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *at, size_t len);
void template_add_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool set);

/* Where the key is: under the URI's id and label in the token, or, for NULL, in the session alone. */
void template_add_place(struct template *t, const struct pkcs11_uri *uri);
/* What the key may do (PURPOSE_SIGN, PURPOSE_DECRYPT), its curve or parameter set. */
void template_add_public(struct template *t, const struct key_type *type, unsigned purpose);
void template_add_private(struct template *t, const struct key_type *type, unsigned purpose);
/* C_GenerateKeyPair's rows of the public half beside that; `bits` of RSA. */
void template_add_size(struct template *t, const struct key_type *type, const CK_ULONG *bits);
/* C_CreateObject's rows beside that. */
void template_add_class(struct template *t, const struct key_type *type, CK_OBJECT_CLASS class);

#endif
