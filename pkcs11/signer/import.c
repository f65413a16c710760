#include "signer/handles.h"
#include "signer/managed.h"
#include "signer/objects.h"
#include "signer/public_key.h"

#include <openssl/core_names.h>
#include <string.h>

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define ROWS 20

struct rows {
    CK_ATTRIBUTE row[ROWS];
    size_t count;
};

static void add(struct rows *rows, CK_ATTRIBUTE_TYPE type, const void *at, size_t len) {
    rows->row[rows->count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(type, at, len);
}

static bool bad_key(struct error *err, const char *what) {
    fail_internal(NULL, "empties the error queue");
    return fail(err, ERROR_MALFORMED, "bad-private-key",
                "The private key %s. It must be an unencrypted PKCS#8 structure (DER).", what);
}

static bool decode(struct view pkcs8, EVP_PKEY **ret_key, struct error *err) {
    const uint8_t *at = pkcs8.at;
    AUTO(PKCS8_PRIV_KEY_INFO) *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    if (info == NULL || at != pkcs8.at + pkcs8.len)
        return bad_key(err, "is damaged");
    EVP_PKEY *key = EVP_PKCS82PKEY_ex(info, NULL, "provider=default");
    if (key == NULL)
        return bad_key(err, "is of an unknown type or damaged");
    *ret_key = key;
    return true;
}

/* One big number of the key, `size` bytes wide (0: as short as it is). */
static bool add_number(struct rows *rows, struct arena *arena, EVP_PKEY *key, const char *name,
                       CK_ATTRIBUTE_TYPE type, size_t size) {
    AUTO(BIGNUM) *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        return false;
    size_t len = size == 0 ? (size_t)BN_num_bytes(number) : size;
    uint8_t *at = arena_alloc(arena, len);
    if (BN_bn2binpad(number, at, (int)len) < 0)
        return false;
    add(rows, type, at, len);
    return true;
}

static bool add_bytes(struct rows *rows, struct arena *arena, EVP_PKEY *key, const char *name,
                      CK_ATTRIBUTE_TYPE type) {
    size_t len = 0;
    if (EVP_PKEY_get_octet_string_param(key, name, NULL, 0, &len) != 1 || len == 0)
        return false;
    uint8_t *at = arena_alloc(arena, len);
    if (EVP_PKEY_get_octet_string_param(key, name, at, len, &len) != 1)
        return false;
    add(rows, type, at, len);
    return true;
}

static bool add_rsa(struct rows *rows, struct arena *arena, EVP_PKEY *key) {
    static const struct {
        const char *name;
        CK_ATTRIBUTE_TYPE type;
    } parts[] = {
        {OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS},
        {OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT},
        {OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT},
        {OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1},
        {OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2},
        {OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2},
        {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!add_number(rows, arena, key, parts[i].name, parts[i].type, 0))
            return false;
    return true;
}

static bool add_private(struct rows *rows, struct arena *arena, const struct key_type *type,
                        EVP_PKEY *key) {
    switch (type->ckk) {
    case CKK_RSA:
        return add_rsa(rows, arena, key);
    case CKK_EC:
        return add_number(rows, arena, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE, type->order_size);
    case CKK_ML_DSA: /* the seed is the shorter half of the same key; not every source has one */
        if (!add_bytes(rows, arena, key, OSSL_PKEY_PARAM_ML_DSA_SEED, CKA_SEED))
            fail_internal(NULL, "empties the error queue");
        return add_bytes(rows, arena, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE);
    default:
        return add_bytes(rows, arena, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE);
    }
}

static void add_attributes(struct rows *rows, const struct key_type *type, unsigned purpose) {
    static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    add(rows, CKA_CLASS, &class, sizeof class);
    add(rows, CKA_KEY_TYPE, &type->ckk, sizeof type->ckk);
    add(rows, CKA_TOKEN, &no, sizeof no);
    add(rows, CKA_PRIVATE, &yes, sizeof yes);
    add(rows, CKA_SENSITIVE, &yes, sizeof yes);
    add(rows, CKA_EXTRACTABLE, &yes, sizeof yes); /* wrapped at once, then destroyed */
    add(rows, CKA_SIGN, purpose & PURPOSE_SIGN ? &yes : &no, sizeof yes);
    if (type->ckk == CKK_RSA)
        add(rows, CKA_DECRYPT, purpose & PURPOSE_DECRYPT ? &yes : &no, sizeof yes);
    if (type->params.len > 0)
        add(rows, CKA_EC_PARAMS, type->params.at, type->params.len);
    if (type->parameter_set != 0)
        add(rows, CKA_PARAMETER_SET, &type->parameter_set, sizeof type->parameter_set);
}

struct importing {
    struct arena *arena;
    struct rows rows;
    struct view blob; /* the result */
};

static bool import(struct task *task, void *subject, struct error *err) {
    struct importing *i = subject;
    CK_OBJECT_HANDLE object;
    CK_RV rv = task->f->C_CreateObject(task->session.handle, i->rows.row, i->rows.count, &object);
    if (rv != CKR_OK)
        return task_fail(task, "C_CreateObject", rv, err);
    bool done = managed_wrap(task, i->arena, object, view_of(NULL, 0), &i->blob, err);
    task->f->C_DestroyObject(task->session.handle, object);
    return done;
}

bool managed_import(struct vault *vault, struct arena *arena, struct view pkcs8, unsigned purpose,
                    struct view *ret_blob, struct view *ret_spki, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    const struct key_type *type;
    struct importing i = {.arena = arena};
    struct view spki;
    struct token *token;
    TRY(decode(pkcs8, &key, err));
    TRY(key_type_of_public(key, &type, err));
    if (type->ckk == CKK_RSA && (EVP_PKEY_get_bits(key) < 2048 || EVP_PKEY_get_bits(key) > 8192))
        return fail(err, ERROR_POLICY, "weak-key",
                    "The RSA key has %d bits; 2048 to 8192 are allowed.", EVP_PKEY_get_bits(key));
    add_attributes(&i.rows, type, purpose);
    if (!add_private(&i.rows, arena, type, key))
        return bad_key(err, "has no usable private part");
    TRY(public_key_encode(arena, key, &spki, err));
    TRY(vault_managed(vault, &token, err));
    TRY(task_run(token, import, &i, err));
    TRY(managed_prove(vault, i.blob, spki, purpose, err));
    *ret_blob = i.blob;
    *ret_spki = spki;
    return true;
}
