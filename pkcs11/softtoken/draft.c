#include "draft.h"

#include <openssl/crypto.h>
#include <string.h>

#include "key.h"
#include "module.h"
#include "nested.h"

#define TEMPLATE_MAX 128
#define GENERIC_MAX 512

CK_RV template_check(const CK_ATTRIBUTE *given, CK_ULONG count) {
    if ((given == NULL && count > 0) || count > TEMPLATE_MAX)
        return CKR_ARGUMENTS_BAD;
    return CKR_OK;
}

const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *given, CK_ULONG count,
                                  CK_ATTRIBUTE_TYPE type) {
    for (CK_ULONG i = 0; i < count; i++)
        if (given[i].type == type)
            return &given[i];
    return NULL;
}

bool template_ulong(const CK_ATTRIBUTE *given, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                    CK_ULONG *ret_number) {
    const CK_ATTRIBUTE *attr = template_find(given, count, type);
    if (attr == NULL || attr->pValue == NULL || attr->ulValueLen != sizeof *ret_number)
        return false;
    memcpy(ret_number, attr->pValue, sizeof *ret_number);
    return true;
}

bool draft_ulong(const struct draft *draft, const CK_ATTRIBUTE *given, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                 CK_ULONG *ret_number) {
    if (template_find(given, count, type) != NULL || draft->imposed == NULL)
        return template_ulong(given, count, type, ret_number);
    const struct attribute *attr = attributes_find(draft->imposed, type);
    if (attr != NULL)
        *ret_number = attributes_ulong(draft->imposed, type, *ret_number);
    return attr != NULL;
}

CK_RV draft_derived_kind(const CK_ATTRIBUTE *given, CK_ULONG count, struct draft *draft) {
    TRY(template_check(given, count));
    draft->origin = ORIGIN_DERIVE;
    draft->class = CKO_SECRET_KEY;
    draft->key_type = CKK_GENERIC_SECRET;
    (void)draft_ulong(draft, given, count, CKA_CLASS, &draft->class);
    (void)draft_ulong(draft, given, count, CKA_KEY_TYPE, &draft->key_type);
    return draft->class == CKO_SECRET_KEY && attribute_key_type_fits(draft->class, draft->key_type)
               ? CKR_OK
               : CKR_TEMPLATE_INCONSISTENT;
}

static unsigned must_flag(enum origin origin) {
    switch (origin) {
    case ORIGIN_CREATE:
        return RULE_CREATE_MUST;
    case ORIGIN_GENERATE:
        return RULE_GENERATE_MUST;
    case ORIGIN_UNWRAP:
        return RULE_UNWRAP_MUST;
    default:
        return 0;
    }
}

static unsigned not_flag(enum origin origin) {
    return origin == ORIGIN_CREATE     ? RULE_CREATE_NOT
           : origin == ORIGIN_GENERATE ? RULE_GENERATE_NOT
                                       : RULE_UNWRAP_NOT;
}

static CK_RV take_given(const struct draft *draft, const CK_ATTRIBUTE *given,
                        struct attributes *attrs) {
    const struct attribute_rule *rule = attribute_rule(given->type, draft->class, draft->key_type);
    if (rule == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    TRY(attribute_check(rule, given));
    if ((rule->flags & RULE_BY_TOKEN) == RULE_BY_TOKEN)
        return CKR_ATTRIBUTE_READ_ONLY;
    if ((rule->flags & not_flag(draft->origin)) != 0 || attributes_find(attrs, given->type) != NULL)
        return CKR_TEMPLATE_INCONSISTENT;
    if ((rule->flags & RULE_TRUE_BY_SO) != 0 && *(const CK_BBOOL *)given->pValue != CK_FALSE &&
        !draft->by_so)
        return CKR_ATTRIBUTE_READ_ONLY;
    if (rule->kind != KIND_TEMPLATE)
        return attributes_set(attrs, given->type, given->pValue, given->ulValueLen);
    AUTO(bytes) struct bytes form = {0};
    TRY(nested_read(given, &form));
    return attributes_set(attrs, given->type, form.at, form.len);
}

/* pkcs11-v3.2#5.18.4: it is added to what the caller says, and must not contradict it. */
static CK_RV take_imposed(const struct draft *draft, struct attributes *attrs) {
    for (size_t i = 0; draft->imposed != NULL && i < draft->imposed->count; i++) {
        const struct attribute *attr = &draft->imposed->items[i];
        CK_ATTRIBUTE imposed = {attr->type, (void *)(uintptr_t)attribute_at(attr), attr->len};
        if (attributes_equal(attrs, &imposed))
            continue;
        CK_RV rv = attributes_find(attrs, attr->type) != NULL ? CKR_TEMPLATE_INCONSISTENT : take_given(draft, &imposed, attrs);
        if (rv != CKR_OK)
            return rv == CKR_HOST_MEMORY ? rv : CKR_TEMPLATE_INCONSISTENT;
    }
    return CKR_OK;
}

static CK_RV set_default(const struct draft *draft, const struct attribute_rule *rule,
                         struct attributes *attrs) {
    /* pkcs11-v3.2#5.18.4: an unwrapped key is extractable unless the template says otherwise */
    bool extractable = rule->type == CKA_EXTRACTABLE && draft->origin == ORIGIN_UNWRAP;
    switch (rule->otherwise) {
    case DEFAULT_FALSE:
        return attributes_set_bool(attrs, rule->type, extractable);
    case DEFAULT_TRUE:
        return attributes_set_bool(attrs, rule->type, true);
    case DEFAULT_ZERO:
        return attributes_set_ulong(attrs, rule->type, 0);
    case DEFAULT_EMPTY:
        return attributes_set(attrs, rule->type, NULL, 0);
    default:
        return CKR_OK;
    }
}

static CK_RV set_defaults(const struct draft *draft, struct attributes *attrs) {
    size_t count;
    const struct attribute_rule *rules = attribute_rules(&count);
    for (size_t i = 0; i < count; i++) {
        const struct attribute_rule *rule = &rules[i];
        if (!attribute_rule_applies(rule, draft->class, draft->key_type) ||
            attribute_rule(rule->type, draft->class, draft->key_type) != rule ||
            attributes_find(attrs, rule->type) != NULL)
            continue;
        if ((rule->flags & must_flag(draft->origin)) != 0)
            return CKR_TEMPLATE_INCOMPLETE;
        TRY(set_default(draft, rule, attrs));
    }
    return CKR_OK;
}

CK_RV draft_attributes(const struct draft *draft, const CK_ATTRIBUTE *given, CK_ULONG count,
                       struct attributes *ret_attrs) {
    AUTO(attributes) struct attributes attrs = {0};
    TRY(template_check(given, count));
    for (CK_ULONG i = 0; i < count; i++)
        TRY(take_given(draft, &given[i], &attrs));
    TRY(take_imposed(draft, &attrs));
    if (attributes_ulong(&attrs, CKA_CLASS, draft->class) != draft->class ||
        attributes_ulong(&attrs, CKA_KEY_TYPE, draft->key_type) != draft->key_type)
        return CKR_TEMPLATE_INCONSISTENT;
    TRY(attributes_set_ulong(&attrs, CKA_CLASS, draft->class));
    if (draft->key_type != CK_UNAVAILABLE_INFORMATION)
        TRY(attributes_set_ulong(&attrs, CKA_KEY_TYPE, draft->key_type));
    TRY(set_defaults(draft, &attrs));
    *ret_attrs = attrs;
    attrs = (struct attributes){0};
    return CKR_OK;
}

/* What only the token may say: where the key is from, and what it has always been. */
static CK_RV set_history(const struct draft *draft, struct attributes *attrs) {
    bool local = draft->origin == ORIGIN_GENERATE, sealed = local, bound = local;
    TRY(attributes_set_bool(attrs, CKA_LOCAL, local));
    TRY(attributes_set_ulong(attrs, CKA_KEY_GEN_MECHANISM,
                             local ? draft->mechanism : CK_UNAVAILABLE_INFORMATION));
    if (draft->class == CKO_PUBLIC_KEY)
        return CKR_OK;
    if (draft->base != NULL) { /* pkcs11-v3.2#5.18.5: what was never shown of the base key */
        sealed = attributes_bool(&draft->base->attrs, CKA_ALWAYS_SENSITIVE);
        bound = attributes_bool(&draft->base->attrs, CKA_NEVER_EXTRACTABLE);
    }
    TRY(attributes_set_bool(attrs, CKA_ALWAYS_SENSITIVE,
                            sealed && attributes_bool(attrs, CKA_SENSITIVE)));
    return attributes_set_bool(attrs, CKA_NEVER_EXTRACTABLE,
                               bound && !attributes_bool(attrs, CKA_EXTRACTABLE));
}

CK_RV draft_key(const struct draft *draft, struct slot *slot, struct attributes *attrs,
                EVP_PKEY *pkey, struct object **ret_object) {
    if (key_type_of(pkey) != draft->key_type)
        return CKR_WRAPPED_KEY_INVALID;
    TRY(key_publish(pkey, draft->class, attrs));
    TRY(set_history(draft, attrs));
    TRY(object_new(slot, attrs, ret_object));
    if (EVP_PKEY_up_ref(pkey) == 1)
        atomic_store(&(*ret_object)->pkey, pkey);
    return CKR_OK;
}

static CK_RV check_value(CK_KEY_TYPE key_type, const struct bytes *value, uint8_t ret_check[3]) {
    uint8_t out[EVP_MAX_MD_SIZE] = {0};
    static const uint8_t zeros[16];
    unsigned hash_len = 0;
    int len = 0;
    bool done;
    if (key_type == CKK_AES) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        done = ctx != NULL &&
               EVP_EncryptInit_ex2(ctx, module_cipher(CIPHER_ECB, value->len), value->at, NULL,
                                   NULL) == 1 &&
               EVP_EncryptUpdate(ctx, out, &len, zeros, sizeof zeros) == 1;
        EVP_CIPHER_CTX_free(ctx);
    } else {
        done = EVP_Digest(value->at, value->len, out, &hash_len, module_digest(DIGEST_SHA1),
                          NULL) == 1;
    }
    memcpy(ret_check, out, 3);
    return done ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* pkcs11-v3.2#4.10.2: what the template says must be right, and an empty one wants none. */
static CK_RV set_check_value(CK_KEY_TYPE key_type, const struct bytes *value, struct attributes *attrs) {
    const struct attribute *given = attributes_find(attrs, CKA_CHECK_VALUE);
    uint8_t check[3];
    if (given != NULL && given->len == 0)
        return CKR_OK;
    TRY(check_value(key_type, value, check));
    if (given != NULL && (given->len != sizeof check || CRYPTO_memcmp(attribute_at(given), check, sizeof check) != 0))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return attributes_set(attrs, CKA_CHECK_VALUE, check, sizeof check);
}

CK_RV draft_secret(const struct draft *draft, struct slot *slot, struct attributes *attrs,
                   const struct bytes *value, struct object **ret_object) {
    AUTO(object) struct object *object = NULL;
    bool fits = draft->key_type == CKK_AES ? module_cipher(CIPHER_ECB, value->len) != NULL
                                           : value->len > 0 && value->len <= GENERIC_MAX;
    if (!fits)
        return draft->origin == ORIGIN_UNWRAP ? CKR_WRAPPED_KEY_INVALID
                                              : CKR_ATTRIBUTE_VALUE_INVALID;
    if (attributes_ulong(attrs, CKA_VALUE_LEN, value->len) != value->len)
        return CKR_TEMPLATE_INCONSISTENT;
    TRY(attributes_set_ulong(attrs, CKA_VALUE_LEN, value->len));
    TRY(set_check_value(draft->key_type, value, attrs));
    TRY(set_history(draft, attrs));
    TRY(object_new(slot, attrs, &object));
    TRY(bytes_set(&object->secret, value->at, value->len));
    atomic_store(&object->secret_known, true);
    *ret_object = object;
    object = NULL;
    return CKR_OK;
}
