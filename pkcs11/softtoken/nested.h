/* Attributes whose value is a template: what a key may wrap (CKA_WRAP_TEMPLATE), and what keys that come out of it are
 * (CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE, CKA_ENCAPSULATE_TEMPLATE, CKA_DECAPSULATE_TEMPLATE). Kept in the form of the
 * token's files. */
#ifndef SOFTTOKEN_NESTED_H
#define SOFTTOKEN_NESTED_H

#include "object.h"

/* The caller's array, checked: CKR_ATTRIBUTE_VALUE_INVALID for what is no attribute of any object, a template in a
 * template, or the same attribute twice. */
CK_RV nested_read(const CK_ATTRIBUTE *given, struct bytes *ret_form) MUST_USE;
/* Empty when the key has no such template. */
CK_RV nested_of(const struct object *key, CK_ATTRIBUTE_TYPE type, struct attributes *ret) MUST_USE;
/* The value for C_GetAttributeValue (pkcs11-v3.2#5.7.5): CKR_BUFFER_TOO_SMALL. */
CK_RV nested_give(const struct attribute *attr, CK_ATTRIBUTE *wanted) MUST_USE;
/* Whether every attribute of the template is the object's. */
bool nested_matches(const struct attributes *template, const struct object *object);

#endif
