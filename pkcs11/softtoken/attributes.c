#include "attributes.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* More attributes than any object has; more is a damaged file. */
#define ATTRIBUTES_MAX 128

static void attribute_wipe(struct attribute *attr) {
    if (attr->len > sizeof attr->value.small) {
        OPENSSL_cleanse(attr->value.large, attr->len);
        free(attr->value.large);
    }
    OPENSSL_cleanse(attr, sizeof *attr);
}

void attributes_drop(struct attributes *attrs) {
    for (size_t i = 0; i < attrs->count; i++)
        attribute_wipe(&attrs->items[i]);
    free(attrs->items);
    *attrs = (struct attributes){0};
}

const uint8_t *attribute_at(const struct attribute *attr) {
    return attr->len > sizeof attr->value.small ? attr->value.large : attr->value.small;
}

/* The place of the type, or the place where it belongs. */
static size_t place(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type) {
    size_t low = 0, high = attrs->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (attrs->items[middle].type < type)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct attribute *attributes_find(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type) {
    size_t at = place(attrs, type);
    return at < attrs->count && attrs->items[at].type == type ? &attrs->items[at] : NULL;
}

bool attributes_bool(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type) {
    const struct attribute *attr = attributes_find(attrs, type);
    return attr != NULL && attr->len == sizeof(CK_BBOOL) && *attribute_at(attr) != CK_FALSE;
}

CK_ULONG attributes_ulong(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type,
                          CK_ULONG otherwise) {
    const struct attribute *attr = attributes_find(attrs, type);
    if (attr == NULL || attr->len != sizeof(CK_ULONG))
        return otherwise;
    CK_ULONG number;
    memcpy(&number, attribute_at(attr), sizeof number);
    return number;
}

bool attributes_equal(const struct attributes *attrs, const CK_ATTRIBUTE *wanted) {
    const struct attribute *attr = attributes_find(attrs, wanted->type);
    return attr != NULL && attr->len == wanted->ulValueLen &&
           (attr->len == 0 || memcmp(attribute_at(attr), wanted->pValue, attr->len) == 0);
}

static CK_RV make_room(struct attributes *attrs, size_t at) {
    if (attrs->count == attrs->cap) {
        size_t cap = attrs->cap == 0 ? 32 : attrs->cap * 2;
        struct attribute *grown = malloc(cap * sizeof *grown);
        if (grown == NULL)
            return CKR_HOST_MEMORY;
        if (attrs->count > 0) {
            memcpy(grown, attrs->items, attrs->count * sizeof *grown);
            OPENSSL_cleanse(attrs->items, attrs->count * sizeof *grown);
        }
        free(attrs->items);
        attrs->items = grown;
        attrs->cap = cap;
    }
    memmove(&attrs->items[at + 1], &attrs->items[at], (attrs->count - at) * sizeof *attrs->items);
    attrs->count++;
    return CKR_OK;
}

CK_RV attributes_set(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, const void *at,
                     CK_ULONG len) {
    struct attribute fresh = {.type = type, .len = len};
    if (len > sizeof fresh.value.small) {
        fresh.value.large = malloc(len);
        if (fresh.value.large == NULL)
            return CKR_HOST_MEMORY;
        memcpy(fresh.value.large, at, len);
    } else if (len > 0) {
        memcpy(fresh.value.small, at, len);
    }
    size_t where = place(attrs, type);
    if (where < attrs->count && attrs->items[where].type == type) {
        attribute_wipe(&attrs->items[where]);
    } else {
        CK_RV rv = make_room(attrs, where);
        if (rv != CKR_OK) {
            attribute_wipe(&fresh);
            return rv;
        }
    }
    attrs->items[where] = fresh;
    return CKR_OK;
}

CK_RV attributes_set_bool(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, bool on) {
    CK_BBOOL flag = on ? CK_TRUE : CK_FALSE;
    return attributes_set(attrs, type, &flag, sizeof flag);
}

CK_RV attributes_set_ulong(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG number) {
    return attributes_set(attrs, type, &number, sizeof number);
}

void attributes_remove(struct attributes *attrs, CK_ATTRIBUTE_TYPE type) {
    size_t at = place(attrs, type);
    if (at == attrs->count || attrs->items[at].type != type)
        return;
    attribute_wipe(&attrs->items[at]);
    memmove(&attrs->items[at], &attrs->items[at + 1],
            (attrs->count - at - 1) * sizeof *attrs->items);
    attrs->count--;
}

CK_RV attributes_take(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, struct bytes *ret_value) {
    const struct attribute *attr = attributes_find(attrs, type);
    if (attr == NULL)
        return CKR_TEMPLATE_INCOMPLETE;
    TRY(bytes_set(ret_value, attribute_at(attr), attr->len));
    attributes_remove(attrs, type);
    return CKR_OK;
}

CK_RV attributes_copy(struct attributes *to, const struct attributes *from) {
    for (size_t i = 0; i < from->count; i++) {
        const struct attribute *attr = &from->items[i];
        TRY(attributes_set(to, attr->type, attribute_at(attr), attr->len));
    }
    return CKR_OK;
}

/* Numbers are found by their attribute's kind, which is the same wherever the type occurs. */
static bool holds_numbers(CK_ATTRIBUTE_TYPE type) {
    size_t count;
    const struct attribute_rule *rules = attribute_rules(&count);
    for (size_t i = 0; i < count; i++)
        if (rules[i].type == type)
            return rules[i].kind == KIND_ULONG || rules[i].kind == KIND_MECHANISMS;
    return false;
}

CK_RV attributes_encode(const struct attributes *attrs, struct bytes *out) {
    TRY(bytes_put_u32(out, (uint32_t)attrs->count));
    for (size_t i = 0; i < attrs->count; i++) {
        const struct attribute *attr = &attrs->items[i];
        TRY(bytes_put_u64(out, attr->type));
        if (!holds_numbers(attr->type)) {
            TRY(bytes_put_u32(out, (uint32_t)attr->len));
            TRY(bytes_append(out, attribute_at(attr), attr->len));
            continue;
        }
        size_t numbers = attr->len / sizeof(CK_ULONG);
        TRY(bytes_put_u32(out, (uint32_t)(numbers * 8)));
        for (size_t k = 0; k < numbers; k++) {
            CK_ULONG number;
            memcpy(&number, attribute_at(attr) + k * sizeof number, sizeof number);
            /* What does not exist has all bits set in every width. */
            TRY(bytes_put_u64(out, number == CK_UNAVAILABLE_INFORMATION ? UINT64_MAX : number));
        }
    }
    return CKR_OK;
}

static CK_RV decode_numbers(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, const uint8_t *at,
                            size_t len) {
    AUTO(bytes) struct bytes native = {0};
    struct reader in = {.at = at, .left = len};
    if (len % 8 != 0)
        return CKR_DEVICE_ERROR;
    while (in.left > 0) {
        CK_ULONG number = (CK_ULONG)read_u64(&in);
        TRY(bytes_append(&native, &number, sizeof number));
    }
    return attributes_set(attrs, type, native.at, native.len);
}

CK_RV attributes_decode(struct reader *in, struct attributes *ret_attrs) {
    uint32_t count = read_u32(in);
    if (in->bad || count > ATTRIBUTES_MAX)
        return CKR_DEVICE_ERROR;
    uint64_t previous = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t type = read_u64(in);
        uint32_t len = read_u32(in);
        const uint8_t *at = read_octets(in, len);
        if (at == NULL || len > ATTRIBUTE_MAX || (i > 0 && type <= previous) || type > (CK_ULONG)-1)
            return CKR_DEVICE_ERROR;
        previous = type;
        if (holds_numbers((CK_ATTRIBUTE_TYPE)type))
            TRY(decode_numbers(ret_attrs, (CK_ATTRIBUTE_TYPE)type, at, len));
        else
            TRY(attributes_set(ret_attrs, (CK_ATTRIBUTE_TYPE)type, at, len));
    }
    return CKR_OK;
}
