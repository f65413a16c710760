/* Asymmetric keys between Cryptoki's attributes and OpenSSL's EVP_PKEY. */
#ifndef SOFTTOKEN_KEY_H
#define SOFTTOKEN_KEY_H

#include <openssl/evp.h>

#include "attributes.h"

/* 1024 bits are too few for anything new. They are here for what exists and for the programs that
 * test tokens with them; what may be certified is decided elsewhere. */
#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 8192
#define KEY_PKCS8_MAX 65536 /* octets; RSA-8192 needs 4,700, ML-DSA-87 5,000 */

/* A curve of CKK_EC, CKK_EC_EDWARDS or CKK_EC_MONTGOMERY. */
struct curve {
    CK_KEY_TYPE key_type;
    const char *name;   /* for OpenSSL: group name (CKK_EC), otherwise its key type */
    const uint8_t *oid; /* CKA_EC_PARAMS: DER of the object identifier */
    CK_ULONG oid_len;
    const char *alias;  /* CKA_EC_PARAMS may also be this as a PrintableString, or NULL */
    CK_ULONG order_len; /* octets of one half of an ECDSA signature; of an EdDSA private key */
    CK_ULONG bits;
};

/* CKR_CURVE_NOT_SUPPORTED */
CK_RV curve_by_params(CK_KEY_TYPE key_type, const uint8_t *params, CK_ULONG len,
                      const struct curve **ret_curve) MUST_USE;
CK_RV curve_of_key(EVP_PKEY *pkey, const struct curve **ret_curve) MUST_USE;

/* The octets of a public point of this curve, from the DER of an OCTET STRING, as CKA_EC_POINT has
 * it, or bare, as some callers send it. CKR_ATTRIBUTE_VALUE_INVALID. */
CK_RV curve_point(const struct curve *curve, const uint8_t *at, size_t len, struct bytes *ret_point)
    MUST_USE;

/* A parameter set (CKA_PARAMETER_SET) of a post-quantum key type. */
struct parameter_set {
    CK_KEY_TYPE key_type;
    CK_ULONG number;  /* CKP_... */
    const char *name; /* OpenSSL's name of the key type */
};

/* CKR_PARAMETER_SET_NOT_SUPPORTED */
CK_RV parameter_set_by_number(CK_KEY_TYPE key_type, CK_ULONG number,
                              const struct parameter_set **ret_set) MUST_USE;

/* CKK_..., or CK_UNAVAILABLE_INFORMATION for a kind of key that the token does not do. */
CK_KEY_TYPE key_type_of(EVP_PKEY *pkey);

/* ---- new keys; the caller frees ------------------------------------------------------------- */

/* From the attributes of C_CreateObject. Private keys are checked against their public half. The
 * private parts are taken out of `attrs`. CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE. */
CK_RV key_import_private(CK_KEY_TYPE key_type, struct attributes *attrs, EVP_PKEY **ret_pkey)
    MUST_USE;
CK_RV key_import_public(CK_KEY_TYPE key_type, const struct attributes *attrs, EVP_PKEY **ret_pkey)
    MUST_USE;
/* From the public template of C_GenerateKeyPair. May take long. */
CK_RV key_generate(CK_KEY_TYPE key_type, const struct attributes *public_attrs, EVP_PKEY **ret_pkey)
    MUST_USE;
/* CKR_WRAPPED_KEY_INVALID when it is not the DER of one PKCS #8 key and nothing else. */
CK_RV key_from_pkcs8(const struct bytes *pkcs8, EVP_PKEY **ret_pkey) MUST_USE;
CK_RV key_from_public_info(const uint8_t *spki, size_t len, EVP_PKEY **ret_pkey) MUST_USE;

/* ---- out ------------------------------------------------------------------------------------ */

CK_RV key_to_pkcs8(EVP_PKEY *pkey, struct bytes *ret_pkcs8) MUST_USE;
/* Sets what the object of this class shows of its key: CKA_MODULUS, CKA_EC_PARAMS, CKA_EC_POINT,
 * CKA_PARAMETER_SET, CKA_VALUE of a public key, CKA_PUBLIC_KEY_INFO, ... */
CK_RV key_publish(EVP_PKEY *pkey, CK_OBJECT_CLASS class, struct attributes *attrs) MUST_USE;
/* The private parts, for a key that may show them. CKR_ATTRIBUTE_TYPE_INVALID when it has none
 * such. */
CK_RV key_reveal(EVP_PKEY *pkey, CK_ATTRIBUTE_TYPE type, struct bytes *ret_value) MUST_USE;

/* DER of an OCTET STRING around `len` octets, as CKA_EC_POINT wants it. */
CK_RV octet_string_wrap(const uint8_t *at, size_t len, struct bytes *ret_der) MUST_USE;

#endif
