/* The attributes of one object, and the rules of the standard for each attribute. */
#ifndef SOFTTOKEN_ATTRIBUTES_H
#define SOFTTOKEN_ATTRIBUTES_H

#include "bytes.h"

struct attribute {
    CK_ATTRIBUTE_TYPE type;
    CK_ULONG len;
    union {
        uint8_t small[sizeof(CK_ULONG)]; /* len <= sizeof small: flags and numbers need no memory */
        uint8_t *large;
    } value;
};

/* Sorted by type, each type once. Values are wiped when dropped. */
struct attributes {
    struct attribute *items;
    size_t count;
    size_t cap;
};

void attributes_drop(struct attributes *attrs);
const struct attribute *attributes_find(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type);
const uint8_t *attribute_at(const struct attribute *attr);
/* Absent counts as false. */
bool attributes_bool(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type);
/* Absent gives `otherwise`. */
CK_ULONG attributes_ulong(const struct attributes *attrs, CK_ATTRIBUTE_TYPE type,
                          CK_ULONG otherwise);
bool attributes_equal(const struct attributes *attrs, const CK_ATTRIBUTE *wanted);

CK_RV attributes_set(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, const void *at, CK_ULONG len)
    MUST_USE;
CK_RV attributes_set_bool(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, bool on) MUST_USE;
CK_RV attributes_set_ulong(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG number)
    MUST_USE;
void attributes_remove(struct attributes *attrs, CK_ATTRIBUTE_TYPE type);
/* Moves the value out; CKR_TEMPLATE_INCOMPLETE when there is none. */
CK_RV attributes_take(struct attributes *attrs, CK_ATTRIBUTE_TYPE type, struct bytes *ret_value)
    MUST_USE;
CK_RV attributes_copy(struct attributes *to, const struct attributes *from) MUST_USE;

/* The form in the token's files; numbers are 64 bits little-endian on every machine.
 * Decoding refuses what is out of order, doubled, too long or cut off: CKR_DEVICE_ERROR. */
CK_RV attributes_encode(const struct attributes *attrs, struct bytes *out) MUST_USE;
CK_RV attributes_decode(struct reader *in, struct attributes *ret_attrs) MUST_USE;

/* ---- rules ---------------------------------------------------------------------------------- */

enum attribute_kind { KIND_BOOL, KIND_ULONG, KIND_BYTES, KIND_DATE, KIND_MECHANISMS, KIND_TEMPLATE };

enum attribute_default { DEFAULT_NONE, DEFAULT_FALSE, DEFAULT_TRUE, DEFAULT_ZERO, DEFAULT_EMPTY };

/* The footnotes of the standard's tables (pkcs11-v3.2#4.1.2, table "common footnotes"). */
enum attribute_rule_flag {
    RULE_CREATE_MUST = 1 << 0,   /* 1 */
    RULE_CREATE_NOT = 1 << 1,    /* 2 */
    RULE_GENERATE_MUST = 1 << 2, /* 3 */
    RULE_GENERATE_NOT = 1 << 3,  /* 4 */
    RULE_UNWRAP_MUST = 1 << 4,   /* 5 */
    RULE_UNWRAP_NOT = 1 << 5,    /* 6 */
    RULE_SECRET = 1 << 6,        /* 7: not revealed when sensitive or not extractable */
    RULE_MODIFIABLE = 1 << 7,    /* 8 */
    RULE_TRUE_BY_SO = 1 << 8,    /* 10 */
    RULE_ONLY_TRUE = 1 << 9,     /* 11: once true, stays */
    RULE_ONLY_FALSE = 1 << 10,   /* 12: once false, stays */
    RULE_COPY = 1 << 11,         /* may be given to C_CopyObject although not modifiable */
    RULE_BY_TOKEN = RULE_CREATE_NOT | RULE_GENERATE_NOT | RULE_UNWRAP_NOT,
};

struct attribute_rule {
    CK_ATTRIBUTE_TYPE type;
    uint16_t classes;   /* bits, see attributes_class_bit() */
    uint16_t key_types; /* bits; 0 is any */
    uint16_t flags;
    uint8_t kind;
    uint8_t otherwise; /* enum attribute_default */
};

/* The largest value of one attribute (a certificate, a data object). */
#define ATTRIBUTE_MAX (1024u * 1024u)

/* The rule for an attribute of such an object, or NULL when it has no such attribute. */
const struct attribute_rule *attribute_rule(CK_ATTRIBUTE_TYPE type, CK_OBJECT_CLASS class,
                                            CK_KEY_TYPE key_type);
/* All rules, for the ones who walk them. */
const struct attribute_rule *attribute_rules(size_t *ret_count);
/* Can a key of this class be of this type? False for every type that the token does not do. */
bool attribute_key_type_fits(CK_OBJECT_CLASS class, CK_KEY_TYPE key_type);
bool attribute_rule_applies(const struct attribute_rule *rule, CK_OBJECT_CLASS class,
                            CK_KEY_TYPE key_type);
/* Length and content fit the kind: CKR_ATTRIBUTE_VALUE_INVALID otherwise. */
CK_RV attribute_check(const struct attribute_rule *rule, const CK_ATTRIBUTE *attr) MUST_USE;

#endif
