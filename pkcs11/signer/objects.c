#include "signer/objects.h"

#define VALUE_MAX ((CK_ULONG)256 * 1024)

CK_RV objects_find(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_ATTRIBUTE *match,
                   size_t match_count, CK_OBJECT_HANDLE *ret_objects, size_t max,
                   size_t *ret_count) {
    CK_RV rv = f->C_FindObjectsInit(session, match, match_count);
    if (rv != CKR_OK)
        return rv;
    size_t count = 0;
    CK_ULONG got = 1;
    /* Some modules return fewer than asked for although more are there: zero alone is the end. */
    while (rv == CKR_OK && got > 0 && count < max) {
        rv = f->C_FindObjects(session, ret_objects + count, max - count, &got);
        if (rv == CKR_OK)
            count += got;
    }
    CK_RV end = f->C_FindObjectsFinal(session);
    *ret_count = count;
    return rv != CKR_OK ? rv : end;
}

CK_RV object_attribute(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                       CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct arena *arena,
                       struct view *ret_value) {
    CK_ATTRIBUTE attribute = {type, NULL, 0};
    CK_RV rv = f->C_GetAttributeValue(session, object, &attribute, 1);
    if (rv != CKR_OK)
        return rv;
    if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute.ulValueLen > VALUE_MAX)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    attribute.pValue = arena_alloc(arena, attribute.ulValueLen + 1);
    rv = f->C_GetAttributeValue(session, object, &attribute, 1);
    if (rv != CKR_OK)
        return rv;
    *ret_value = view_of(attribute.pValue, attribute.ulValueLen);
    return CKR_OK;
}

CK_RV object_number(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                    CK_ATTRIBUTE_TYPE type, CK_ULONG *ret_value) {
    CK_ULONG value = 0;
    CK_ATTRIBUTE attribute = ATTRIBUTE(type, value);
    CK_RV rv = f->C_GetAttributeValue(session, object, &attribute, 1);
    if (rv == CKR_OK && attribute.ulValueLen != sizeof value)
        rv = CKR_ATTRIBUTE_TYPE_INVALID;
    if (rv == CKR_OK)
        *ret_value = value;
    return rv;
}

bool object_flag(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                 CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE attribute = ATTRIBUTE(type, value);
    return f->C_GetAttributeValue(session, object, &attribute, 1) == CKR_OK && value == CK_TRUE;
}
