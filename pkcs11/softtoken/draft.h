/* From a caller's template to the attributes of a new object, by the rules of the standard. */
#ifndef SOFTTOKEN_DRAFT_H
#define SOFTTOKEN_DRAFT_H

#include "object.h"

enum origin { ORIGIN_CREATE, ORIGIN_GENERATE, ORIGIN_UNWRAP, ORIGIN_DERIVE };

struct draft {
    enum origin origin;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE key_type;        /* CK_UNAVAILABLE_INFORMATION when it is not a key */
    CK_MECHANISM_TYPE mechanism; /* ORIGIN_GENERATE */
    const struct object *base;   /* ORIGIN_DERIVE: whose history goes on, or NULL */
    const struct attributes *imposed; /* what the key it comes out of says of such keys, or NULL */
    bool by_so;
};

/* The template is an array of `count`, not NULL unless count is 0: CKR_ARGUMENTS_BAD. */
CK_RV template_check(const CK_ATTRIBUTE *given, CK_ULONG count) MUST_USE;
/* NULL when there is none. */
const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *given, CK_ULONG count,
                                  CK_ATTRIBUTE_TYPE type);
/* False when it is absent or not a number. */
bool template_ulong(const CK_ATTRIBUTE *given, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                    CK_ULONG *ret_number);

/* A number of the template, or of what is imposed. */
bool draft_ulong(const struct draft *draft, const CK_ATTRIBUTE *given, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                 CK_ULONG *ret_number);
/* Class and type of a key that comes out of another one: a generic secret when nobody says.
 * CKR_TEMPLATE_INCONSISTENT when it is not a secret key. */
CK_RV draft_derived_kind(const CK_ATTRIBUTE *given, CK_ULONG count, struct draft *draft) MUST_USE;

/* All attributes: what the template says, and what the standard or the token sets when it is
 * silent. Secret parts of C_CreateObject are still in it. CKR_ATTRIBUTE_TYPE_INVALID,
 * CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCOMPLETE,
 * CKR_TEMPLATE_INCONSISTENT. */
CK_RV draft_attributes(const struct draft *draft, const CK_ATTRIBUTE *given, CK_ULONG count,
                       struct attributes *ret_attrs) MUST_USE;

/* May an attribute of an existing object become this: CKR_ATTRIBUTE_READ_ONLY. */
CK_RV attribute_may_become(const struct attribute_rule *rule, const struct attributes *attrs,
                           const CK_ATTRIBUTE *given, bool by_so) MUST_USE;

/* The object of a key; takes `attrs` over, and a reference of `pkey`. */
CK_RV draft_key(const struct draft *draft, struct slot *slot, struct attributes *attrs,
                EVP_PKEY *pkey, struct object **ret_object) MUST_USE;
CK_RV draft_secret(const struct draft *draft, struct slot *slot, struct attributes *attrs,
                   const struct bytes *value, struct object **ret_object) MUST_USE;

#endif
