/* C_GetAttributeValue, C_SetAttributeValue, C_GetObjectSize */
#include <string.h>

#include "draft.h"
#include "key.h"
#include "nested.h"
#include "session.h"

/* ---- reading -------------------------------------------------------------------------------- */

static CK_RV give(CK_ATTRIBUTE *wanted, const uint8_t *at, CK_ULONG len) {
    CK_ULONG room = wanted->ulValueLen;
    if (wanted->pValue == NULL) {
        wanted->ulValueLen = len;
        return CKR_OK;
    }
    if (room < len) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (len > 0)
        memcpy(wanted->pValue, at, len);
    wanted->ulValueLen = len;
    return CKR_OK;
}

static CK_RV reveal(struct object *object, CK_ATTRIBUTE_TYPE type, struct bytes *ret_value) {
    EVP_PKEY *pkey;
    if (attributes_bool(&object->attrs, CKA_SENSITIVE) ||
        !attributes_bool(&object->attrs, CKA_EXTRACTABLE))
        return CKR_ATTRIBUTE_SENSITIVE;
    if (object->class == CKO_SECRET_KEY)
        return object_material(object, ret_value);
    TRY(object_pkey(object, &pkey));
    return key_reveal(pkey, type, ret_value);
}

static CK_RV get_one(struct object *object, CK_ATTRIBUTE *wanted) {
    AUTO(bytes) struct bytes value = {0};
    const struct attribute *attr = attributes_find(&object->attrs, wanted->type);
    const struct attribute_rule *rule =
        attribute_rule(wanted->type, object->class, object->key_type);
    if (attr != NULL && rule != NULL && rule->kind == KIND_TEMPLATE)
        return nested_give(attr, wanted);
    if (attr != NULL)
        return give(wanted, attribute_at(attr), attr->len);
    CK_RV rv = CKR_ATTRIBUTE_TYPE_INVALID;
    if (rule != NULL && (rule->flags & RULE_SECRET) != 0)
        rv = reveal(object, wanted->type, &value);
    if (rv == CKR_OK)
        return give(wanted, value.at, value.len);
    wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return rv;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *object = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pTemplate == NULL || ulCount == 0)
        return CKR_ARGUMENTS_BAD;
    TRY(session_object(session, hObject, &object));
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < ulCount; i++) { /* pkcs11-v3.2#5.7.5: all are tried, one error told */
        CK_RV one = get_one(object, &pTemplate[i]);
        if (rv == CKR_OK)
            rv = one;
    }
    return rv;
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG *pulSize) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *object = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pulSize == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(session_object(session, hObject, &object));
    CK_ULONG size = object->sealed.len;
    for (size_t i = 0; i < object->attrs.count; i++)
        size += object->attrs.items[i].len + sizeof(struct attribute);
    *pulSize = size;
    return CKR_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

CK_RV attribute_may_become(const struct attribute_rule *rule, const struct attributes *attrs,
                           const CK_ATTRIBUTE *given, bool by_so) {
    if (rule->kind != KIND_BOOL)
        return CKR_OK;
    bool now = attributes_bool(attrs, rule->type);
    bool then = *(const CK_BBOOL *)given->pValue != CK_FALSE;
    if ((rule->flags & RULE_ONLY_TRUE) != 0 && now && !then)
        return CKR_ATTRIBUTE_READ_ONLY;
    if ((rule->flags & RULE_ONLY_FALSE) != 0 && !now && then)
        return CKR_ATTRIBUTE_READ_ONLY;
    if ((rule->flags & RULE_TRUE_BY_SO) != 0 && then && !now && !by_so)
        return CKR_ATTRIBUTE_READ_ONLY;
    return CKR_OK;
}

static CK_RV change(struct object *object, const CK_ATTRIBUTE *given, bool by_so) {
    const struct attribute_rule *rule =
        attribute_rule(given->type, object->class, object->key_type);
    if (rule == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if ((rule->flags & RULE_MODIFIABLE) == 0)
        return CKR_ATTRIBUTE_READ_ONLY;
    TRY(attribute_check(rule, given));
    TRY(attribute_may_become(rule, &object->attrs, given, by_so));
    return attributes_set(&object->attrs, given->type, given->pValue, given->ulValueLen);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *object = NULL, *changed = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pTemplate == NULL || ulCount == 0)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pTemplate, ulCount));
    TRY(session_object(session, hObject, &object));
    TRY(session_may_write(session, object));
    if (!attributes_bool(&object->attrs, CKA_MODIFIABLE))
        return CKR_ACTION_PROHIBITED;
    bool by_so = atomic_load(&session->slot->login) == LOGIN_SO;
    TRY(object_clone(object, &changed));
    for (CK_ULONG i = 0; i < ulCount; i++) /* all or none: the copy is thrown away on an error */
        TRY(change(changed, &pTemplate[i], by_so));
    return slot_replace(session->slot, changed);
}
