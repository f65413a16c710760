/* Templates that a key carries: what it may wrap, and what the keys that come out of it are. */
#include "p11.h"
#include "suites.h"

static CK_OBJECT_CLASS class_private = CKO_PRIVATE_KEY, class_secret = CKO_SECRET_KEY;
static CK_KEY_TYPE type_ec = CKK_EC, type_aes = CKK_AES, type_generic = CKK_GENERIC_SECRET;

#define A_TYPE(type, value)                                                                        \
    { type, &(value), sizeof(value) }
#define A_ARRAY(type, array)                                                                       \
    { type, array, sizeof(array) }

/* A wrapping key with one more attribute. */
static CK_OBJECT_HANDLE make_kek(CK_ATTRIBUTE more) {
    CK_ATTRIBUTE kek[] = {A_BOOL(CKA_PRIVATE, yes), A_BOOL(CKA_WRAP, yes), A_BOOL(CKA_UNWRAP, yes), more};
    return make_aes(32, false, kek, COUNT(kek));
}

static CK_RV wrap(CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, uint8_t wrapped[static 512], CK_ULONG *ret_len) {
    CK_MECHANISM mechanism = {rig.kind.wrap, NULL, 0};
    *ret_len = 512;
    return rig.p11->C_WrapKey(rig.session, &mechanism, kek, key, wrapped, ret_len);
}

static CK_RV unwrap(CK_OBJECT_HANDLE kek, const uint8_t *wrapped, CK_ULONG len, CK_ATTRIBUTE *given, CK_ULONG count,
                    CK_OBJECT_HANDLE *ret_key) {
    CK_MECHANISM mechanism = {rig.kind.wrap, NULL, 0};
    *ret_key = 0;
    return rig.p11->C_UnwrapKey(rig.session, &mechanism, kek, (CK_BYTE *)(uintptr_t)wrapped, len, given, count, ret_key);
}

/* SoftHSM2 2.6 refuses what matches, too. */
static void wraps_what_matches(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE open[] = {A_BOOL(CKA_EXTRACTABLE, yes), A_TEXT(CKA_SUBJECT, "those")};
    CK_ATTRIBUTE matches[] = {A_TYPE(CKA_CLASS, class_private), A_TEXT(CKA_SUBJECT, "those")};
    CK_ATTRIBUTE of_kek = A_ARRAY(CKA_WRAP_TEMPLATE, matches);
    CK_OBJECT_HANDLE kek = make_kek(of_kek), copy = 0;
    uint8_t wrapped[512];
    CK_ULONG len;
    struct pair pair, other;
    assert_ok(try_pair(key_kind("P-256"), false, open, 2, &pair));
    assert_ok(try_pair(key_kind("P-256"), false, open, 1, &other));
    assert_ok(wrap(kek, pair.private, wrapped, &len));
    assert_rv(CKR_KEY_HANDLE_INVALID, wrap(kek, make_aes(32, false, open, 1), wrapped, &len));
    assert_rv(CKR_KEY_HANDLE_INVALID, wrap(kek, other.private, wrapped, &len));
    assert_rv(CKR_ATTRIBUTE_READ_ONLY, rig.p11->C_SetAttributeValue(rig.session, kek, &of_kek, 1));
    assert_ok(rig.p11->C_CopyObject(rig.session, kek, NULL, 0, &copy));
    assert_ok(wrap(copy, pair.private, wrapped, &len));
    assert_rv(CKR_KEY_HANDLE_INVALID, wrap(copy, other.private, wrapped, &len));
}

static void an_empty_one_matches_all(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE open = A_BOOL(CKA_EXTRACTABLE, yes), none = {CKA_WRAP_TEMPLATE, NULL, 0};
    uint8_t wrapped[512];
    CK_ULONG len;
    assert_ok(wrap(make_kek(none), make_aes(32, false, &open, 1), wrapped, &len));
}

/* What is imposed on keys that are unwrapped, what the caller says, and what comes of it. */
static void unwraps_as_it_says(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE open = A_BOOL(CKA_EXTRACTABLE, yes);
    CK_ATTRIBUTE bound[] = {A_BOOL(CKA_EXTRACTABLE, no), A_BOOL(CKA_SIGN, yes), A_TEXT(CKA_LABEL, "imposed")};
    CK_ATTRIBUTE whole[] = {A_TYPE(CKA_CLASS, class_private), A_TYPE(CKA_KEY_TYPE, type_ec), A_BOOL(CKA_EXTRACTABLE, no)};
    CK_ATTRIBUTE value[] = {A_TEXT(CKA_VALUE, "0123456789abcdef")}, trusted[] = {A_BOOL(CKA_TRUSTED, yes)};
    CK_ATTRIBUTE local[] = {A_BOOL(CKA_LOCAL, yes)};
    CK_ATTRIBUTE kind[] = {A_TYPE(CKA_CLASS, class_private), A_TYPE(CKA_KEY_TYPE, type_ec)};
    CK_ATTRIBUTE same[] = {kind[0], kind[1], A_BOOL(CKA_EXTRACTABLE, no)};
    CK_ATTRIBUTE against[] = {kind[0], kind[1], A_BOOL(CKA_EXTRACTABLE, yes)};
    CK_ATTRIBUTE other[] = {A_TYPE(CKA_CLASS, class_secret), A_TYPE(CKA_KEY_TYPE, type_aes)};
    const struct {
        CK_ATTRIBUTE imposed, *given;
        CK_ULONG count;
        CK_RV rv;
    } rows[] = {
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, bound), kind, 2, CKR_OK},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, bound), same, 3, CKR_OK},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, bound), against, 3, CKR_TEMPLATE_INCONSISTENT},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, bound), NULL, 0, CKR_TEMPLATE_INCOMPLETE},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, whole), NULL, 0, CKR_OK},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, whole), other, 2, CKR_TEMPLATE_INCONSISTENT},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, value), kind, 2, CKR_TEMPLATE_INCONSISTENT},
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, trusted), kind, 2, CKR_TEMPLATE_INCONSISTENT}, /* no private key has it */
        {A_ARRAY(CKA_UNWRAP_TEMPLATE, local), kind, 2, CKR_TEMPLATE_INCONSISTENT},   /* the token's to say */
        {{CKA_UNWRAP_TEMPLATE, NULL, 0}, kind, 2, CKR_OK},
    };
    struct pair pair;
    assert_ok(try_pair(key_kind("P-256"), false, &open, 1, &pair));
    for (size_t i = 0; i < COUNT(rows); i++) {
        CK_OBJECT_HANDLE kek = make_kek(rows[i].imposed), key;
        uint8_t wrapped[512];
        CK_ULONG len;
        assert_ok(wrap(kek, pair.private, wrapped, &len));
        CK_RV rv = unwrap(kek, wrapped, len, rows[i].given, rows[i].count, &key);
        if (rv != rows[i].rv)
            fail_msg("row %zu: 0x%lx", i, rv);
        if (rv == CKR_OK)
            assert_int_equal(get_bool(key, CKA_EXTRACTABLE), rows[i].imposed.pValue == NULL);
    }
}

/* A user cannot have a key trusted by letting another key say so. */
static void trust_is_not_imposed_by_a_user(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE open = A_BOOL(CKA_EXTRACTABLE, yes), trusted[] = {A_BOOL(CKA_TRUSTED, yes)};
    CK_ATTRIBUTE imposed = A_ARRAY(CKA_UNWRAP_TEMPLATE, trusted);
    CK_ATTRIBUTE kind[] = {A_TYPE(CKA_CLASS, class_secret), A_TYPE(CKA_KEY_TYPE, type_aes)};
    CK_OBJECT_HANDLE kek = make_kek(imposed), key;
    uint8_t wrapped[512];
    CK_ULONG len;
    assert_ok(wrap(kek, make_aes(32, false, &open, 1), wrapped, &len));
    assert_rv(CKR_TEMPLATE_INCONSISTENT, unwrap(kek, wrapped, len, kind, 2, &key));
}

static void derives_as_it_says(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    static uint8_t data[32];
    CK_KEY_DERIVATION_STRING_DATA params = {data, sizeof data};
    CK_MECHANISM mechanism = {CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof params};
    CK_ATTRIBUTE bound[] = {A_TYPE(CKA_KEY_TYPE, type_aes), A_ULONG(CKA_VALUE_LEN, 16), A_BOOL(CKA_EXTRACTABLE, no)};
    CK_ATTRIBUTE base[] = {A_BOOL(CKA_DERIVE, yes), A_ARRAY(CKA_DERIVE_TEMPLATE, bound)};
    CK_ATTRIBUTE longer = A_ULONG(CKA_VALUE_LEN, 32), extractable = A_BOOL(CKA_EXTRACTABLE, yes);
    CK_ATTRIBUTE generic = A_TYPE(CKA_KEY_TYPE, type_generic);
    CK_OBJECT_HANDLE key = make_aes(32, false, base, 2), made = 0;
    assert_ok(rig.p11->C_DeriveKey(rig.session, &mechanism, key, NULL, 0, &made));
    assert_int_equal(get_ulong(made, CKA_VALUE_LEN), 16);
    assert_int_equal(get_ulong(made, CKA_KEY_TYPE), CKK_AES);
    assert_false(get_bool(made, CKA_EXTRACTABLE));
    assert_rv(CKR_TEMPLATE_INCONSISTENT, rig.p11->C_DeriveKey(rig.session, &mechanism, key, &longer, 1, &made));
    assert_rv(CKR_TEMPLATE_INCONSISTENT, rig.p11->C_DeriveKey(rig.session, &mechanism, key, &extractable, 1, &made));
    assert_rv(CKR_TEMPLATE_INCONSISTENT, rig.p11->C_DeriveKey(rig.session, &mechanism, key, &generic, 1, &made));
}

static void encapsulates_as_it_says(void **state) {
    (void)state;
    need_mechanism(CKM_ML_KEM);
    CK_FUNCTION_LIST_3_2 *newest = p11_interface()->pFunctionList;
    static uint8_t sealed[2048];
    CK_ATTRIBUTE bound[] = {A_BOOL(CKA_EXTRACTABLE, no)}, open = A_BOOL(CKA_EXTRACTABLE, yes);
    CK_ATTRIBUTE public[] = {A_ULONG(CKA_PARAMETER_SET, CKP_ML_KEM_768), A_BOOL(CKA_TOKEN, no),
                             A_ARRAY(CKA_ENCAPSULATE_TEMPLATE, bound)};
    CK_ATTRIBUTE private[] = {A_BOOL(CKA_TOKEN, no), A_ARRAY(CKA_DECAPSULATE_TEMPLATE, bound)};
    CK_MECHANISM generate = {CKM_ML_KEM_KEY_PAIR_GEN, NULL, 0}, kem = {CKM_ML_KEM, NULL, 0};
    CK_ULONG len = sizeof sealed;
    CK_OBJECT_HANDLE secret = 0;
    struct pair pair;
    assert_ok(rig.p11->C_GenerateKeyPair(rig.session, &generate, public, 3, private, 2, &pair.public, &pair.private));
    assert_rv(CKR_TEMPLATE_INCONSISTENT,
              newest->C_EncapsulateKey(rig.session, &kem, pair.public, &open, 1, sealed, &len, &secret));
    assert_ok(newest->C_EncapsulateKey(rig.session, &kem, pair.public, NULL, 0, sealed, &len, &secret));
    assert_false(get_bool(secret, CKA_EXTRACTABLE));
    assert_rv(CKR_TEMPLATE_INCONSISTENT,
              newest->C_DecapsulateKey(rig.session, &kem, pair.private, &open, 1, sealed, len, &secret));
    assert_ok(newest->C_DecapsulateKey(rig.session, &kem, pair.private, NULL, 0, sealed, len, &secret));
    assert_false(get_bool(secret, CKA_EXTRACTABLE));
}

static CK_RV get(CK_OBJECT_HANDLE key, CK_ATTRIBUTE *wanted) {
    return rig.p11->C_GetAttributeValue(rig.session, key, wanted, 1);
}

/* pkcs11-v3.2#5.7.5: the number first, then the lengths, then the values. */
static void is_read_in_three_steps(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE matches[] = {A_TEXT(CKA_LABEL, "only this one"), A_TYPE(CKA_CLASS, class_secret)};
    CK_ATTRIBUTE of_kek = A_ARRAY(CKA_WRAP_TEMPLATE, matches);
    CK_OBJECT_HANDLE kek = make_kek(of_kek);
    CK_ATTRIBUTE inner[2] = {0}, wanted = {CKA_WRAP_TEMPLATE, NULL, 0};
    CK_OBJECT_CLASS class = 0;
    char label[16] = "";
    assert_ok(get(kek, &wanted));
    assert_int_equal(wanted.ulValueLen, sizeof inner);
    wanted = (CK_ATTRIBUTE){CKA_WRAP_TEMPLATE, inner, sizeof inner - 1};
    assert_rv(CKR_BUFFER_TOO_SMALL, get(kek, &wanted));
    assert_true(wanted.ulValueLen == CK_UNAVAILABLE_INFORMATION);
    wanted.ulValueLen = sizeof inner;
    assert_ok(get(kek, &wanted));
    assert_int_equal(inner[0].type, CKA_CLASS); /* in the order of their numbers */
    assert_int_equal(inner[0].ulValueLen, sizeof class);
    assert_int_equal(inner[1].type, CKA_LABEL);
    assert_int_equal(inner[1].ulValueLen, 13);
    inner[0].pValue = &class;
    inner[1] = (CK_ATTRIBUTE){0, label, 12};
    assert_rv(CKR_BUFFER_TOO_SMALL, get(kek, &wanted));
    assert_true(inner[1].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(class, CKO_SECRET_KEY);
    inner[1].ulValueLen = sizeof label;
    assert_ok(get(kek, &wanted));
    assert_string_equal(label, "only this one");
    assert_int_equal(get_rv(kek, CKA_UNWRAP_TEMPLATE), CKR_ATTRIBUTE_TYPE_INVALID); /* it has none */
}

static void hostile_ones_are_refused(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE inside[] = {A_BOOL(CKA_SIGN, yes)}, nested[] = {A_ARRAY(CKA_WRAP_TEMPLATE, inside)};
    CK_ATTRIBUTE unknown[] = {{0x7fffffff, &yes, 1}}, twice[] = {A_BOOL(CKA_SIGN, yes), A_BOOL(CKA_SIGN, no)};
    CK_ATTRIBUTE short_class[] = {{CKA_CLASS, &class_secret, 4}}, null[] = {{CKA_LABEL, NULL, 5}};
    CK_BBOOL two[] = {CK_TRUE, CK_TRUE}, seven = 7;
    CK_ATTRIBUTE long_flag[] = {{CKA_SIGN, two, 2}}, odd_flag[] = {{CKA_SIGN, &seven, 1}};
    static CK_ATTRIBUTE many[65];
    const CK_ATTRIBUTE rows[] = {
        A_ARRAY(CKA_WRAP_TEMPLATE, nested),
        A_ARRAY(CKA_WRAP_TEMPLATE, unknown),
        A_ARRAY(CKA_WRAP_TEMPLATE, twice),
        A_ARRAY(CKA_WRAP_TEMPLATE, short_class),
        A_ARRAY(CKA_WRAP_TEMPLATE, null),
        A_ARRAY(CKA_WRAP_TEMPLATE, long_flag),
        A_ARRAY(CKA_WRAP_TEMPLATE, odd_flag),
        A_ARRAY(CKA_WRAP_TEMPLATE, many),
        {CKA_WRAP_TEMPLATE, inside, sizeof inside - 1},
        {CKA_UNWRAP_TEMPLATE, inside, 1},
        {CKA_DERIVE_TEMPLATE, NULL, sizeof inside},
        {CKA_WRAP_TEMPLATE, inside, CK_UNAVAILABLE_INFORMATION},
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        CK_ATTRIBUTE template[] = {A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_TOKEN, no), rows[i]};
        CK_OBJECT_HANDLE key = 0;
        CK_RV rv = rig.p11->C_GenerateKey(rig.session, &mechanism, template, 3, &key);
        if (rv != CKR_ATTRIBUTE_VALUE_INVALID || key != 0)
            fail_msg("row %zu: 0x%lx", i, rv);
    }
    CK_ATTRIBUTE data[] = {A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, no), A_ARRAY(CKA_WRAP_TEMPLATE, inside)};
    CK_OBJECT_HANDLE object = 0;
    assert_rv(CKR_ATTRIBUTE_TYPE_INVALID, rig.p11->C_CreateObject(rig.session, data, 3, &object));
}

static void begin_again(void) {
    assert_ok(rig.p11->C_Finalize(NULL));
    assert_ok(rig.p11->C_Initialize(NULL));
    (void)test_session(NULL);
}

/* It is in the key's file: another process, a later one. */
static void outlives_the_process(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_ATTRIBUTE open = A_BOOL(CKA_EXTRACTABLE, yes), matches[] = {A_TYPE(CKA_CLASS, class_private)};
    CK_ATTRIBUTE kek[] = {A_BOOL(CKA_WRAP, yes), A_TEXT(CKA_LABEL, "kept template"), A_ARRAY(CKA_WRAP_TEMPLATE, matches)};
    CK_ATTRIBUTE wanted = A_TEXT(CKA_LABEL, "kept template");
    uint8_t wrapped[512];
    CK_ULONG len;
    (void)make_aes(32, true, kek, 3);
    begin_again();
    CK_OBJECT_HANDLE key = find_one(rig.session, &wanted, 1);
    assert_rv(CKR_KEY_HANDLE_INVALID, wrap(key, make_aes(32, false, &open, 1), wrapped, &len));
    assert_ok(rig.p11->C_DestroyObject(rig.session, key));
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int nested_tests(void) {
    const struct CMUnitTest tests[] = {
        T(wraps_what_matches),
        T(an_empty_one_matches_all),
        T(unwraps_as_it_says),
        T(trust_is_not_imposed_by_a_user),
        T(derives_as_it_says),
        T(encapsulates_as_it_says),
        T(is_read_in_three_steps),
        T(hostile_ones_are_refused),
        T(outlives_the_process),
    };
    return cmocka_run_group_tests_name("templates of keys", tests, NULL, NULL);
}
