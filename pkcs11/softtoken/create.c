/* C_CreateObject, C_CopyObject, C_DestroyObject */
#include "draft.h"
#include "key.h"
#include "session.h"

static CK_RV create_key(struct session *session, const struct draft *draft,
                        struct attributes *attrs, struct object **ret_object) {
    AUTO(bytes) struct bytes value = {0};
    EVP_PKEY *pkey = NULL;
    if (draft->class == CKO_SECRET_KEY) {
        TRY(attributes_take(attrs, CKA_VALUE, &value));
        return draft_secret(draft, session->slot, attrs, &value, ret_object);
    }
    if (draft->class == CKO_PRIVATE_KEY)
        TRY(key_import_private(draft->key_type, attrs, &pkey));
    else
        TRY(key_import_public(draft->key_type, attrs, &pkey));
    CK_RV rv = draft_key(draft, session->slot, attrs, pkey, ret_object);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV what_to_create(const CK_ATTRIBUTE *given, CK_ULONG count, struct draft *draft) {
    if (!template_ulong(given, count, CKA_CLASS, &draft->class))
        return CKR_TEMPLATE_INCOMPLETE;
    draft->key_type = CK_UNAVAILABLE_INFORMATION;
    switch (draft->class) {
    case CKO_DATA:
    case CKO_CERTIFICATE:
        return CKR_OK;
    case CKO_PUBLIC_KEY:
    case CKO_PRIVATE_KEY:
    case CKO_SECRET_KEY:
        if (!template_ulong(given, count, CKA_KEY_TYPE, &draft->key_type))
            return CKR_TEMPLATE_INCOMPLETE;
        return attribute_key_type_fits(draft->class, draft->key_type) ? CKR_OK
                                                                      : CKR_ATTRIBUTE_VALUE_INVALID;
    default:
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
}

CK_RV C_CreateObject(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount,
                     CK_OBJECT_HANDLE *phObject) {
    AUTO(session) struct session *session = NULL;
    AUTO(attributes) struct attributes attrs = {0};
    AUTO(object) struct object *object = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (phObject == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pTemplate, ulCount));
    struct draft draft = {
        .origin = ORIGIN_CREATE,
        .by_so = atomic_load(&session->slot->login) == LOGIN_SO,
    };
    TRY(what_to_create(pTemplate, ulCount, &draft));
    TRY(draft_attributes(&draft, pTemplate, ulCount, &attrs));
    if (draft.key_type != CK_UNAVAILABLE_INFORMATION)
        TRY(create_key(session, &draft, &attrs, &object));
    else
        TRY(object_new(session->slot, &attrs, &object));
    return session_add(session, object, phObject);
}

/* ---- copy ----------------------------------------------------------------------------------- */

static CK_RV apply_to_copy(struct object *copy, const CK_ATTRIBUTE *given, bool by_so) {
    const struct attribute_rule *rule = attribute_rule(given->type, copy->class, copy->key_type);
    if (rule == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    TRY(attribute_check(rule, given));
    if ((rule->flags & (RULE_MODIFIABLE | RULE_COPY)) == 0)
        return CKR_ATTRIBUTE_READ_ONLY;
    TRY(attribute_may_become(rule, &copy->attrs, given, by_so));
    /* What was hidden is not made visible by copying it. */
    if (given->type == CKA_PRIVATE && copy->private && *(CK_BBOOL *)given->pValue == CK_FALSE)
        return CKR_TEMPLATE_INCONSISTENT;
    return attributes_set(&copy->attrs, given->type, given->pValue, given->ulValueLen);
}

static CK_RV copy_object(struct session *session, struct object *original,
                         const CK_ATTRIBUTE *given, CK_ULONG count, CK_OBJECT_HANDLE *ret_handle) {
    AUTO(object) struct object *clone = NULL, *copy = NULL;
    AUTO(attributes) struct attributes attrs = {0};
    bool by_so = atomic_load(&session->slot->login) == LOGIN_SO;
    if (!attributes_bool(&original->attrs, CKA_COPYABLE))
        return CKR_ACTION_PROHIBITED;
    TRY(object_clone(original, &clone));
    for (CK_ULONG i = 0; i < count; i++)
        TRY(apply_to_copy(clone, &given[i], by_so));
    TRY(attributes_copy(&attrs, &clone->attrs));
    TRY(object_new(session->slot, &attrs, &copy)); /* gets its own CKA_UNIQUE_ID */
    atomic_store(&copy->pkey, atomic_exchange(&clone->pkey, NULL));
    TRY(bytes_append(&copy->secret, clone->secret.at, clone->secret.len));
    atomic_store(&copy->secret_known, atomic_load(&clone->secret_known));
    return session_add(session, copy, ret_handle);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE *pTemplate,
                   CK_ULONG ulCount, CK_OBJECT_HANDLE *phNewObject) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *original = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (phNewObject == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pTemplate, ulCount));
    TRY(session_object(session, hObject, &original));
    return copy_object(session, original, pTemplate, ulCount, phNewObject);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *object = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    TRY(session_object(session, hObject, &object));
    TRY(session_may_write(session, object));
    if (!attributes_bool(&object->attrs, CKA_DESTROYABLE))
        return CKR_ACTION_PROHIBITED;
    struct slot *slot = session->slot;
    TRY(slot_remove(slot, object));
    session_put(&session);
    sessions_forget_dead();
    return CKR_OK;
}
