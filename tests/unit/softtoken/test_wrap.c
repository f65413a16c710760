/* Key wrap, and the life of a managed key: made, wrapped, destroyed, unwrapped, used. */
#include <openssl/x509.h>

#include "p11.h"
#include "suites.h"

static CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY, class_secret = CKO_SECRET_KEY;

/* The key-encryption key as the signer makes it. */
static CK_OBJECT_HANDLE make_kek(bool on_token) {
    CK_ATTRIBUTE kek[] = {
        A_TEXT(CKA_LABEL, "gatehouse-kek"),
        A_BOOL(CKA_PRIVATE, yes),
        A_BOOL(CKA_SENSITIVE, yes),
        A_BOOL(CKA_EXTRACTABLE, no),
        A_BOOL(CKA_WRAP, yes),
        A_BOOL(CKA_UNWRAP, yes),
        A_BOOL(CKA_ENCRYPT, no),
        A_BOOL(CKA_DECRYPT, no),
    };
    return make_aes(32, on_token, kek, COUNT(kek));
}

static CK_RV unwrap(CK_OBJECT_HANDLE kek, CK_MECHANISM_TYPE type, CK_KEY_TYPE key_type,
                    const uint8_t *wrapped, CK_ULONG len, CK_OBJECT_HANDLE *ret_key) {
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class_private, sizeof class_private},
        {CKA_KEY_TYPE, &key_type, sizeof key_type},
        A_BOOL(CKA_TOKEN, no),
        A_BOOL(CKA_PRIVATE, yes),
        A_BOOL(CKA_SENSITIVE, yes),
        A_BOOL(CKA_EXTRACTABLE, no),
        A_BOOL(CKA_SIGN, yes),
    };
    return rig.p11->C_UnwrapKey(rig.session, &mechanism, kek, (CK_BYTE *)wrapped, len, template,
                                COUNT(template), ret_key);
}

static CK_MECHANISM signing_mechanism(CK_KEY_TYPE key_type) {
    switch (key_type) {
    case CKK_RSA:
        return (CK_MECHANISM){CKM_SHA256_RSA_PKCS, NULL, 0};
    case CKK_EC:
        return (CK_MECHANISM){CKM_ECDSA, NULL, 0};
    case CKK_EC_EDWARDS:
        return (CK_MECHANISM){CKM_EDDSA, NULL, 0};
    case CKK_ML_DSA:
        return (CK_MECHANISM){CKM_ML_DSA, NULL, 0};
    default:
        return (CK_MECHANISM){CKM_SLH_DSA, NULL, 0};
    }
}

static void sign_and_verify(CK_KEY_TYPE key_type, CK_OBJECT_HANDLE private,
                            CK_OBJECT_HANDLE public) {
    static uint8_t signature[60000];
    uint8_t hash[32] = "thirty-two octets to be signed.";
    CK_ULONG len = sizeof signature;
    CK_MECHANISM mechanism = signing_mechanism(key_type);
    assert_ok(rig.p11->C_SignInit(rig.session, &mechanism, private));
    assert_ok(rig.p11->C_Sign(rig.session, hash, sizeof hash, signature, &len));
    assert_ok(rig.p11->C_VerifyInit(rig.session, &mechanism, public));
    assert_ok(rig.p11->C_Verify(rig.session, hash, sizeof hash, signature, len));
}

static void managed_key(const struct key_kind *kind, CK_OBJECT_HANDLE kek) {
    static uint8_t wrapped[16384];
    CK_MECHANISM mechanism = {rig.kind.wrap, NULL, 0};
    CK_ATTRIBUTE more[] = {A_BOOL(CKA_SENSITIVE, yes), A_BOOL(CKA_EXTRACTABLE, yes)};
    struct pair pair;
    CK_ULONG len = 0, wanted;
    CK_OBJECT_HANDLE again = 0;
    assert_ok(try_pair(kind, false, more, 2, &pair));
    assert_ok(rig.p11->C_WrapKey(rig.session, &mechanism, kek, pair.private, NULL, &len));
    wanted = len;
    len = wanted - 1;
    assert_rv(CKR_BUFFER_TOO_SMALL,
              rig.p11->C_WrapKey(rig.session, &mechanism, kek, pair.private, wrapped, &len));
    assert_int_equal(len, wanted);
    assert_ok(rig.p11->C_WrapKey(rig.session, &mechanism, kek, pair.private, wrapped, &len));
    assert_ok(rig.p11->C_DestroyObject(rig.session, pair.private));
    assert_int_equal(get_rv(pair.private, CKA_CLASS), CKR_OBJECT_HANDLE_INVALID);

    assert_ok(unwrap(kek, rig.kind.wrap, kind->key_type, wrapped, len, &again));
    assert_false(get_bool(again, CKA_EXTRACTABLE));
    assert_true(get_bool(again, CKA_SENSITIVE));
    assert_false(get_bool(again, CKA_LOCAL));
    assert_false(get_bool(again, CKA_ALWAYS_SENSITIVE));
    assert_false(get_bool(again, CKA_NEVER_EXTRACTABLE));
    assert_int_equal(get_rv(again, kind->key_type == CKK_RSA ? CKA_PRIVATE_EXPONENT : CKA_VALUE),
                     CKR_ATTRIBUTE_SENSITIVE);
    assert_rv(CKR_KEY_UNEXTRACTABLE,
              rig.p11->C_WrapKey(rig.session, &mechanism, kek, again, wrapped, &len));
    sign_and_verify(kind->key_type, again, pair.public);
    if (!rig.kind.ours)
        return;
    wrapped[len - 1] ^= 1;
    assert_rv(CKR_WRAPPED_KEY_INVALID,
              unwrap(kek, rig.kind.wrap, kind->key_type, wrapped, len, &again));
    wrapped[len - 1] ^= 1;
    assert_rv(CKR_WRAPPED_KEY_INVALID,
              unwrap(kek, rig.kind.wrap, kind->key_type, wrapped, len - 8, &again));
    assert_rv(CKR_WRAPPED_KEY_LEN_RANGE,
              unwrap(kek, rig.kind.wrap, kind->key_type, wrapped, len - 1, &again));
    CK_KEY_TYPE other = kind->key_type == CKK_RSA ? CKK_EC : CKK_RSA;
    assert_rv(CKR_WRAPPED_KEY_INVALID, unwrap(kek, rig.kind.wrap, other, wrapped, len, &again));
}

static void managed_keys(void **state) {
    (void)state;
    CK_OBJECT_HANDLE kek = make_kek(true);
    assert_int_equal(get_rv(kek, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    for (size_t i = 0; i < key_kind_count; i++) {
        if (!has_mechanism(key_kinds[i].generate) || key_kinds[i].slow ||
            (!rig.kind.ours && key_kinds[i].key_type == CKK_EC_EDWARDS))
            continue;
        print_message("  %s\n", key_kinds[i].name);
        managed_key(&key_kinds[i], kek);
    }
    assert_ok(rig.p11->C_DestroyObject(rig.session, kek));
}

static void secret_keys(void **state) {
    (void)state;
    CK_OBJECT_HANDLE kek = make_kek(false), again = 0;
    CK_KEY_TYPE aes = CKK_AES;
    uint8_t wrapped[64], one[32], other[32];
    CK_ULONG len = sizeof wrapped;
    CK_ATTRIBUTE open[] = {A_BOOL(CKA_SENSITIVE, no), A_BOOL(CKA_EXTRACTABLE, yes)};
    CK_OBJECT_HANDLE key = make_aes(32, false, open, 2);
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
    assert_ok(rig.p11->C_WrapKey(rig.session, &mechanism, kek, key, wrapped, &len));
    assert_int_equal(len, 40);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class_secret, sizeof class_secret},
                               {CKA_KEY_TYPE, &aes, sizeof aes},
                               A_BOOL(CKA_SENSITIVE, no),
                               A_BOOL(CKA_EXTRACTABLE, yes),
                               A_BOOL(CKA_TOKEN, no)};
    assert_ok(
        rig.p11->C_UnwrapKey(rig.session, &mechanism, kek, wrapped, len, template, 5, &again));
    get_bytes(key, CKA_VALUE, one, sizeof one);
    get_bytes(again, CKA_VALUE, other, sizeof other);
    assert_memory_equal(one, other, 32);
    if (rig.kind.ours)
        assert_int_equal(get_ulong(again, CKA_VALUE_LEN), 32);
    wrapped[0] ^= 1;
    assert_true(rig.p11->C_UnwrapKey(rig.session, &mechanism, kek, wrapped, len, template, 5,
                                     &again) != CKR_OK);
}

/* rfc5649#6, first example (a key-encryption key of 192 bits). */
static void rfc5649_example(void **state) {
    (void)state;
    need_mechanism(CKM_AES_KEY_WRAP_KWP);
    static const uint8_t kek_value[] = {0x58, 0x40, 0xdf, 0x6e, 0x29, 0xb0, 0x2a, 0xf1,
                                        0xab, 0x49, 0x3b, 0x70, 0x5b, 0xf1, 0x6e, 0xa1,
                                        0xae, 0x83, 0x38, 0xf4, 0xdc, 0xc1, 0x76, 0xa8};
    static const uint8_t plain[] = {0xc3, 0x7b, 0x7e, 0x64, 0x92, 0x58, 0x43, 0x40, 0xbe, 0xd1,
                                    0x22, 0x07, 0x80, 0x89, 0x41, 0x15, 0x50, 0x68, 0xf7, 0x38};
    static const uint8_t expected[] = {0x13, 0x8b, 0xde, 0xaa, 0x9b, 0x8f, 0xa7, 0xfc,
                                       0x61, 0xf9, 0x77, 0x42, 0xe7, 0x22, 0x48, 0xee,
                                       0x5a, 0xe6, 0xae, 0x53, 0x60, 0xd1, 0xae, 0x6a,
                                       0x5f, 0x54, 0xf3, 0x73, 0xfa, 0x54, 0x3b, 0x6a};
    CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET;
    CK_OBJECT_HANDLE kek, key;
    uint8_t wrapped[64];
    CK_ULONG len = sizeof wrapped;
    CK_ATTRIBUTE kek_template[] = {{CKA_CLASS, &class_secret, sizeof class_secret},
                                   {CKA_KEY_TYPE, &aes, sizeof aes},
                                   A_BYTES(CKA_VALUE, kek_value, sizeof kek_value),
                                   A_BOOL(CKA_WRAP, yes)};
    CK_ATTRIBUTE key_template[] = {{CKA_CLASS, &class_secret, sizeof class_secret},
                                   {CKA_KEY_TYPE, &generic, sizeof generic},
                                   A_BYTES(CKA_VALUE, plain, sizeof plain),
                                   A_BOOL(CKA_EXTRACTABLE, yes)};
    assert_ok(rig.p11->C_CreateObject(rig.session, kek_template, 4, &kek));
    assert_ok(rig.p11->C_CreateObject(rig.session, key_template, 4, &key));
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
    assert_ok(rig.p11->C_WrapKey(rig.session, &mechanism, kek, key, wrapped, &len));
    assert_int_equal(len, sizeof expected);
    assert_memory_equal(wrapped, expected, len);
}

static void wrap_refused(void **state) {
    (void)state;
    CK_FUNCTION_LIST *p11 = rig.p11;
    CK_OBJECT_HANDLE kek = make_kek(false), plain = make_aes(32, false, NULL, 0);
    CK_ATTRIBUTE open = A_BOOL(CKA_EXTRACTABLE, yes);
    CK_ATTRIBUTE trusted[] = {A_BOOL(CKA_EXTRACTABLE, yes), A_BOOL(CKA_WRAP_WITH_TRUSTED, yes)};
    CK_OBJECT_HANDLE key = make_aes(32, false, &open, 1), shy = make_aes(32, false, trusted, 2);
    struct pair pair = make_pair("P-256");
    uint8_t wrapped[512];
    CK_ULONG len = sizeof wrapped;
    CK_MECHANISM mechanism = {rig.kind.wrap, NULL, 0}, odd = {CKM_ECDSA, NULL, 0};
    assert_rv(CKR_KEY_UNEXTRACTABLE,
              p11->C_WrapKey(rig.session, &mechanism, kek, plain, wrapped, &len));
    assert_rv(CKR_KEY_UNEXTRACTABLE,
              p11->C_WrapKey(rig.session, &mechanism, kek, kek, wrapped, &len));
    assert_rv(CKR_KEY_UNEXTRACTABLE,
              p11->C_WrapKey(rig.session, &mechanism, kek, pair.private, wrapped, &len));
    assert_rv(CKR_KEY_HANDLE_INVALID,
              p11->C_WrapKey(rig.session, &mechanism, kek, 0, wrapped, &len));
    assert_rv(CKR_WRAPPING_KEY_HANDLE_INVALID,
              p11->C_WrapKey(rig.session, &mechanism, 0, key, wrapped, &len));
    assert_rv(CKR_MECHANISM_INVALID, p11->C_WrapKey(rig.session, &odd, kek, key, wrapped, &len));
    assert_true(p11->C_WrapKey(rig.session, &mechanism, kek, shy, wrapped, &len) != CKR_OK);
    assert_rv(CKR_ARGUMENTS_BAD, p11->C_WrapKey(rig.session, &mechanism, kek, key, wrapped, NULL));
    if (!rig.kind.ours)
        return;
    assert_rv(CKR_KEY_NOT_WRAPPABLE,
              p11->C_WrapKey(rig.session, &mechanism, kek, shy, wrapped, &len));
    assert_rv(CKR_KEY_NOT_WRAPPABLE,
              p11->C_WrapKey(rig.session, &mechanism, kek, pair.public, wrapped, &len));
    assert_rv(CKR_KEY_FUNCTION_NOT_PERMITTED,
              p11->C_WrapKey(rig.session, &mechanism, plain, key, wrapped, &len));
    assert_rv(CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
              p11->C_WrapKey(rig.session, &mechanism, pair.private, key, wrapped, &len));
    CK_MECHANISM iv = {CKM_AES_KEY_WRAP_KWP, wrapped, 8};
    assert_rv(CKR_MECHANISM_PARAM_INVALID,
              p11->C_WrapKey(rig.session, &iv, kek, key, wrapped, &len));
    memset(wrapped, 0, sizeof wrapped);
    assert_rv(CKR_WRAPPED_KEY_INVALID,
              unwrap(kek, CKM_AES_KEY_WRAP_KWP, CKK_EC, wrapped, 64, &key));
    assert_rv(CKR_WRAPPED_KEY_LEN_RANGE,
              unwrap(kek, CKM_AES_KEY_WRAP_KWP, CKK_EC, wrapped, 8, &key));
    assert_rv(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
              unwrap(0, CKM_AES_KEY_WRAP_KWP, CKK_EC, wrapped, 64, &key));
    CK_ATTRIBUTE no_type[] = {{CKA_CLASS, &class_private, sizeof class_private}};
    assert_rv(CKR_TEMPLATE_INCOMPLETE,
              p11->C_UnwrapKey(rig.session, &mechanism, kek, wrapped, 64, no_type, 1, &key));
}

/* A key that only a trusted key may wrap: trust is the SO's to give. */
static void trusted_wrapping(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_FUNCTION_LIST *p11 = rig.p11;
    uint8_t wrapped[64];
    CK_ULONG len = sizeof wrapped;
    CK_MECHANISM mechanism = {rig.kind.wrap, NULL, 0};
    CK_ATTRIBUTE wrapping[] = {A_BOOL(CKA_PRIVATE, no), A_BOOL(CKA_WRAP, yes),
                               A_TEXT(CKA_LABEL, "trusted")};
    CK_ATTRIBUTE trust = A_BOOL(CKA_TRUSTED, yes);
    CK_ATTRIBUTE shy_template[] = {A_BOOL(CKA_EXTRACTABLE, yes),
                                   A_BOOL(CKA_WRAP_WITH_TRUSTED, yes)};
    CK_OBJECT_HANDLE kek = make_aes(32, true, wrapping, 3);
    assert_rv(CKR_ATTRIBUTE_READ_ONLY, p11->C_SetAttributeValue(rig.session, kek, &trust, 1));
    assert_ok(p11->C_Logout(rig.session));
    /* Anybody sees it, but its value is sealed: of no use before log-in. */
    CK_MECHANISM cbc = {CKM_AES_CBC, wrapped, 16};
    assert_int_equal(get_rv(kek, CKA_LABEL), CKR_OK);
    assert_rv(CKR_USER_NOT_LOGGED_IN, p11->C_EncryptInit(rig.session, &cbc, kek));
    login(rig.session, CKU_SO, SO_PIN);
    assert_ok(p11->C_SetAttributeValue(rig.session, kek, &trust, 1));
    assert_ok(p11->C_Logout(rig.session));
    login(rig.session, CKU_USER, USER_PIN);
    CK_OBJECT_HANDLE shy = make_aes(32, false, shy_template, 2);
    assert_ok(p11->C_WrapKey(rig.session, &mechanism, kek, shy, wrapped, &len));
    assert_ok(p11->C_DestroyObject(rig.session, kek));
}

/* What the token wraps is PKCS #8 that OpenSSL reads. */
static void pkcs8_inside(void **state) {
    (void)state;
    CK_KEY_TYPE aes = CKK_AES;
    static const uint8_t kek_value[32] = "a key-encryption key in the open";
    CK_OBJECT_HANDLE kek;
    uint8_t wrapped[512], plain[512];
    CK_ULONG len = sizeof wrapped;
    CK_MECHANISM mechanism = {rig.kind.wrap, NULL, 0};
    CK_ATTRIBUTE kek_template[] = {{CKA_CLASS, &class_secret, sizeof class_secret},
                                   {CKA_KEY_TYPE, &aes, sizeof aes},
                                   A_BYTES(CKA_VALUE, kek_value, sizeof kek_value),
                                   A_BOOL(CKA_WRAP, yes)};
    CK_ATTRIBUTE open = A_BOOL(CKA_EXTRACTABLE, yes);
    struct pair pair;
    int part = 0, rest = 0;
    assert_ok(rig.p11->C_CreateObject(rig.session, kek_template, 4, &kek));
    assert_ok(try_pair(key_kind("P-256"), false, &open, 1, &pair));
    assert_ok(rig.p11->C_WrapKey(rig.session, &mechanism, kek, pair.private, wrapped, &len));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap_pad(), NULL, kek_value, NULL), 1);
    assert_int_equal(EVP_DecryptUpdate(ctx, plain, &part, wrapped, (int)len), 1);
    assert_int_equal(EVP_DecryptFinal_ex(ctx, plain + part, &rest), 1);
    EVP_CIPHER_CTX_free(ctx);
    const uint8_t *next = plain;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &next, part + rest);
    assert_non_null(info);
    EVP_PKEY *private = EVP_PKCS82PKEY(info), *public = public_pkey(pair.public);
    PKCS8_PRIV_KEY_INFO_free(info);
    assert_int_equal(EVP_PKEY_eq(private, public), 1);
    EVP_PKEY_free(private);
    EVP_PKEY_free(public);
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int wrap_tests(void) {
    const struct CMUnitTest tests[] = {
        T(managed_keys), T(secret_keys),      T(rfc5649_example),
        T(wrap_refused), T(trusted_wrapping), T(pkcs8_inside),
    };
    return cmocka_run_group_tests_name("key wrap", tests, NULL, NULL);
}
