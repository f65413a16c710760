#include "signer/public_key.h"

#include "signer/handles.h"
#include "signer/objects.h"

#include <openssl/core_names.h>

static bool build(const char *type, OSSL_PARAM_BLD *parts, EVP_PKEY **ret_key, struct error *err) {
    AUTO(OSSL_PARAM) *params = OSSL_PARAM_BLD_to_param(parts);
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, "provider=default");
    EVP_PKEY *key = NULL;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        fail_internal(NULL, "empties the error queue");
        return fail(err, ERROR_MALFORMED, "bad-public-key",
                    "The token gave a public key that is no valid %s key.", type);
    }
    *ret_key = key;
    return true;
}

static CK_RV read_rsa(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      struct arena *arena, struct view *ret_modulus, struct view *ret_exponent) {
    CK_RV rv = object_attribute(f, session, object, CKA_MODULUS, arena, ret_modulus);
    if (rv == CKR_OK)
        rv = object_attribute(f, session, object, CKA_PUBLIC_EXPONENT, arena, ret_exponent);
    return rv;
}

static bool build_rsa(struct view modulus, struct view exponent, EVP_PKEY **ret_key,
                      struct error *err) {
    AUTO(BIGNUM) *n = BN_bin2bn(modulus.at, (int)modulus.len, NULL);
    AUTO(BIGNUM) *e = BN_bin2bn(exponent.at, (int)exponent.len, NULL);
    AUTO(OSSL_PARAM_BLD) *parts = OSSL_PARAM_BLD_new();
    if (n == NULL || e == NULL || parts == NULL ||
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return fail_internal(err, "build RSA key");
    return build("RSA", parts, ret_key, err);
}

/* The standard wants the point inside a DER OCTET STRING; some modules leave that out. */
static struct view unwrap_point(struct view point) {
    const uint8_t *at = point.at;
    if (point.len > 2 && at[0] == 0x04 && at[1] < 0x80 && point.len == 2u + at[1])
        return view_of(at + 2, point.len - 2);
    if (point.len > 3 && at[0] == 0x04 && at[1] == 0x81 && point.len == 3u + at[2])
        return view_of(at + 3, point.len - 3);
    return point;
}

static bool build_ec(const struct key_type *type, struct view point, EVP_PKEY **ret_key,
                     struct error *err) {
    AUTO(OSSL_PARAM_BLD) *parts = OSSL_PARAM_BLD_new();
    if (parts == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, type->group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point.at, point.len) != 1)
        return fail_internal(err, "build EC key");
    return build("EC", parts, ret_key, err);
}

static bool build_raw(const struct key_type *type, struct view bytes, EVP_PKEY **ret_key,
                      struct error *err) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, type->openssl, "provider=default",
                                                   bytes.at, bytes.len);
    if (key == NULL) {
        fail_internal(NULL, "empties the error queue");
        return fail(err, ERROR_MALFORMED, "bad-public-key",
                    "The token gave a public key that is no valid %s key.", type->name);
    }
    *ret_key = key;
    return true;
}

/* What a public key object holds, before it is understood. */
struct parts {
    CK_KEY_TYPE ckk;
    CK_ULONG parameter_set;
    struct view params, value, exponent;
};

static CK_RV read_parts(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                        CK_OBJECT_HANDLE object, struct arena *arena, struct parts *parts) {
    CK_RV rv = object_number(f, session, object, CKA_KEY_TYPE, &parts->ckk);
    if (rv != CKR_OK)
        return rv;
    if (parts->ckk == CKK_RSA)
        return read_rsa(f, session, object, arena, &parts->value, &parts->exponent);
    if (parts->ckk == CKK_EC || parts->ckk == CKK_EC_EDWARDS) {
        rv = object_attribute(f, session, object, CKA_EC_PARAMS, arena, &parts->params);
        if (rv == CKR_OK)
            rv = object_attribute(f, session, object, CKA_EC_POINT, arena, &parts->value);
        return rv;
    }
    if (parts->ckk != CKK_ML_DSA && parts->ckk != CKK_SLH_DSA)
        return CKR_OK;
    rv = object_number(f, session, object, CKA_PARAMETER_SET, &parts->parameter_set);
    return rv == CKR_OK ? object_attribute(f, session, object, CKA_VALUE, arena, &parts->value)
                        : rv;
}

bool public_key_read(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                     EVP_PKEY **ret_key, CK_RV *ret_rv, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct parts parts = {0};
    *ret_rv = read_parts(f, session, object, arena, &parts);
    if (*ret_rv != CKR_OK)
        return fail(err, ERROR_UNAVAILABLE, "token-failed",
                    "The token did not give the public key (code 0x%lx).", *ret_rv);
    const struct key_type *type = key_type_by_object(parts.ckk, parts.params, parts.parameter_set);
    if (type == NULL)
        return fail(err, ERROR_POLICY, "unknown-key-type",
                    "The token's key is of a type or curve that is not supported.");
    if (type->ckk == CKK_RSA)
        return build_rsa(parts.value, parts.exponent, ret_key, err);
    if (type->ckk == CKK_EC)
        return build_ec(type, unwrap_point(parts.value), ret_key, err);
    if (type->ckk == CKK_EC_EDWARDS)
        parts.value = unwrap_point(parts.value);
    return build_raw(type, parts.value, ret_key, err);
}

bool public_key_from_info(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE object, EVP_PKEY **ret_key) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view info;
    return object_attribute(f, session, object, CKA_PUBLIC_KEY_INFO, arena, &info) == CKR_OK &&
           info.len > 0 && public_key_decode(info, ret_key, NULL);
}

bool public_key_encode(struct arena *arena, EVP_PKEY *key, struct view *ret_spki,
                       struct error *err) {
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0)
        return fail_internal(err, "i2d_PUBKEY");
    *ret_spki = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

bool public_key_decode(struct view spki, EVP_PKEY **ret_key, struct error *err) {
    const uint8_t *at = spki.at;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, NULL, "provider=default");
    if (key == NULL || at != spki.at + spki.len) {
        EVP_PKEY_free(key);
        fail_internal(NULL, "empties the error queue");
        return fail(err, ERROR_MALFORMED, "bad-public-key",
                    "The public key is no valid SubjectPublicKeyInfo.");
    }
    *ret_key = key;
    return true;
}
