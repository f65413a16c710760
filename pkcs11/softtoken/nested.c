#include "nested.h"

#include <string.h>

#define NESTED_MAX 64

static CK_ATTRIBUTE as_given(const struct attribute *attr) {
    return (CK_ATTRIBUTE){attr->type, (void *)(uintptr_t)attribute_at(attr), attr->len};
}

/* Its kind is the same wherever the type occurs. */
static const struct attribute_rule *rule_of_any(CK_ATTRIBUTE_TYPE type) {
    size_t count;
    const struct attribute_rule *rules = attribute_rules(&count);
    for (size_t i = 0; i < count; i++)
        if (rules[i].type == type)
            return &rules[i];
    return NULL;
}

static CK_RV read_one(const CK_ATTRIBUTE *given, struct attributes *attrs) {
    const struct attribute_rule *rule = rule_of_any(given->type);
    if (rule == NULL || rule->kind == KIND_TEMPLATE || attributes_find(attrs, given->type) != NULL)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    TRY(attribute_check(rule, given));
    return attributes_set(attrs, given->type, given->pValue, given->ulValueLen);
}

CK_RV nested_read(const CK_ATTRIBUTE *given, struct bytes *ret_form) {
    AUTO(attributes) struct attributes attrs = {0};
    const CK_ATTRIBUTE *list = given->pValue;
    CK_ULONG count = given->ulValueLen / sizeof *list;
    if (count > NESTED_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    for (CK_ULONG i = 0; i < count; i++)
        TRY(read_one(&list[i], &attrs));
    return attributes_encode(&attrs, ret_form);
}

static CK_RV decode(const struct attribute *attr, struct attributes *ret) {
    struct reader in = {.at = attribute_at(attr), .left = attr->len};
    TRY(attributes_decode(&in, ret));
    return read_done(&in) ? CKR_OK : CKR_DEVICE_ERROR;
}

CK_RV nested_of(const struct object *key, CK_ATTRIBUTE_TYPE type, struct attributes *ret) {
    const struct attribute *attr = attributes_find(&key->attrs, type);
    return attr == NULL ? CKR_OK : decode(attr, ret);
}

static CK_RV give_one(const struct attribute *attr, CK_ATTRIBUTE *wanted) {
    CK_ULONG room = wanted->ulValueLen;
    wanted->type = attr->type;
    wanted->ulValueLen = attr->len;
    if (wanted->pValue == NULL)
        return CKR_OK;
    if (room < attr->len) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (attr->len > 0)
        memcpy(wanted->pValue, attribute_at(attr), attr->len);
    return CKR_OK;
}

CK_RV nested_give(const struct attribute *attr, CK_ATTRIBUTE *wanted) {
    AUTO(attributes) struct attributes attrs = {0};
    CK_ATTRIBUTE *list = wanted->pValue;
    CK_ULONG room = wanted->ulValueLen;
    TRY(decode(attr, &attrs));
    wanted->ulValueLen = attrs.count * sizeof *list;
    if (list == NULL)
        return CKR_OK;
    if (room < wanted->ulValueLen) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    CK_RV rv = CKR_OK;
    for (size_t i = 0; i < attrs.count; i++) {
        CK_RV one = give_one(&attrs.items[i], &list[i]);
        rv = rv == CKR_OK ? one : rv;
    }
    return rv;
}

bool nested_matches(const struct attributes *template, const struct object *object) {
    for (size_t i = 0; i < template->count; i++) {
        CK_ATTRIBUTE wanted = as_given(&template->items[i]);
        if (!attributes_equal(&object->attrs, &wanted))
            return false;
    }
    return true;
}
