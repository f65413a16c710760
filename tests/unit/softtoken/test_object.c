/* Objects: making, finding, reading, changing, copying, and who may. */
#include "p11.h"
#include "suites.h"

static CK_OBJECT_CLASS class_data = CKO_DATA, class_cert = CKO_CERTIFICATE,
                       class_secret = CKO_SECRET_KEY, class_private = CKO_PRIVATE_KEY,
                       class_public = CKO_PUBLIC_KEY;

static CK_OBJECT_HANDLE make_data(CK_SESSION_HANDLE session, const char *label, CK_BBOOL *on_token,
                                  CK_BBOOL *private) {
    CK_OBJECT_HANDLE object = 0;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class_data, sizeof class_data},
        {CKA_TOKEN, on_token, 1},
        {CKA_PRIVATE, private, 1},
        {CKA_LABEL, (void *)label, strlen(label)},
        A_TEXT(CKA_VALUE, "the value"),
    };
    assert_ok(rig.p11->C_CreateObject(session, template, COUNT(template), &object));
    return object;
}

static size_t count_label(CK_SESSION_HANDLE session, const char *label) {
    CK_ATTRIBUTE wanted = {CKA_LABEL, (void *)label, strlen(label)};
    return count_objects(session, &wanted, 1);
}

static void data_objects(void **state) {
    (void)state;
    uint8_t value[32];
    CK_ULONG size = 0;
    CK_OBJECT_HANDLE object = make_data(rig.session, "data-1", &no, &no);
    assert_int_equal(get_bytes(object, CKA_VALUE, value, sizeof value), 9);
    assert_memory_equal(value, "the value", 9);
    assert_false(get_bool(object, CKA_TOKEN));
    assert_true(get_bool(object, CKA_MODIFIABLE));
    assert_ok(rig.p11->C_GetObjectSize(rig.session, object, &size));
    assert_int_equal(count_label(rig.session, "data-1"), 1);
    CK_ATTRIBUTE change = A_TEXT(CKA_LABEL, "data-2");
    assert_ok(rig.p11->C_SetAttributeValue(rig.session, object, &change, 1));
    assert_int_equal(count_label(rig.session, "data-1"), 0);
    assert_int_equal(count_label(rig.session, "data-2"), 1);
    assert_ok(rig.p11->C_DestroyObject(rig.session, object));
    assert_rv(CKR_OBJECT_HANDLE_INVALID, rig.p11->C_DestroyObject(rig.session, object));
    assert_int_equal(count_label(rig.session, "data-2"), 0);
    assert_int_equal(get_rv(object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
}

static void reading(void **state) {
    (void)state;
    CK_OBJECT_HANDLE object = make_data(rig.session, "reading", &no, &no);
    uint8_t small[4];
    CK_ATTRIBUTE wanted[] = {
        {CKA_LABEL, NULL, 0},
        {CKA_MODULUS, NULL, 0}, /* no such attribute: the others are answered all the same */
        {CKA_VALUE, small, sizeof small},
        {CKA_APPLICATION, NULL, 0},
    };
    CK_RV rv = rig.p11->C_GetAttributeValue(rig.session, object, wanted, COUNT(wanted));
    assert_true(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL);
    assert_int_equal(wanted[0].ulValueLen, 7);
    assert_true(wanted[1].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_true(wanted[2].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(wanted[3].ulValueLen, 0);
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GetAttributeValue(rig.session, object, NULL, 1));
    assert_rv(CKR_OBJECT_HANDLE_INVALID,
              rig.p11->C_GetAttributeValue(rig.session, 0, wanted, COUNT(wanted)));
}

/* Templates that must not make an object. */
static CK_OBJECT_CLASS odd = 0x7777;
static CK_KEY_TYPE rsa = CKK_RSA, aes = CKK_AES;
static CK_BBOOL seven = 7;

static const struct {
    const char *name;
    CK_RV wanted;
    CK_ATTRIBUTE template[6];
    CK_ULONG count;
    bool strict; /* a choice of ours, or one that the other module gets wrong */
} bad_rows[] = {
    {"empty", CKR_TEMPLATE_INCOMPLETE, {{0}}, 0, false},
    {"no class", CKR_TEMPLATE_INCOMPLETE, {A_BOOL(CKA_TOKEN, no)}, 1, false},
    {"unknown class", CKR_ATTRIBUTE_VALUE_INVALID, {{CKA_CLASS, &odd, sizeof odd}}, 1, true},
    {"short class", CKR_TEMPLATE_INCOMPLETE, {{CKA_CLASS, &class_data, 4}}, 1, true},
    {"unknown attribute",
     CKR_ATTRIBUTE_TYPE_INVALID,
     {{CKA_CLASS, &class_data, sizeof class_data}, A_BOOL(0x7654321, yes)},
     2,
     false},
    {"attribute of another class",
     CKR_ATTRIBUTE_TYPE_INVALID,
     {{CKA_CLASS, &class_data, sizeof class_data}, A_BOOL(CKA_SIGN, yes)},
     2,
     false},
    {"not a boolean",
     CKR_ATTRIBUTE_VALUE_INVALID,
     {{CKA_CLASS, &class_data, sizeof class_data}, A_BOOL(CKA_TOKEN, seven)},
     2,
     true},
    {"long boolean",
     CKR_ATTRIBUTE_VALUE_INVALID,
     {{CKA_CLASS, &class_data, sizeof class_data}, {CKA_TOKEN, &odd, sizeof odd}},
     2,
     false},
    {"length without value",
     CKR_ATTRIBUTE_VALUE_INVALID,
     {{CKA_CLASS, &class_data, sizeof class_data}, {CKA_LABEL, NULL, 5}},
     2,
     true},
    {"twice",
     CKR_TEMPLATE_INCONSISTENT,
     {{CKA_CLASS, &class_data, sizeof class_data}, A_BOOL(CKA_TOKEN, no), A_BOOL(CKA_TOKEN, no)},
     3,
     true},
    {"key without type",
     CKR_TEMPLATE_INCOMPLETE,
     {{CKA_CLASS, &class_secret, sizeof class_secret}, A_TEXT(CKA_VALUE, "0123456789abcdef")},
     2,
     false},
    {"type of another class",
     CKR_ATTRIBUTE_VALUE_INVALID,
     {{CKA_CLASS, &class_secret, sizeof class_secret},
      {CKA_KEY_TYPE, &rsa, sizeof rsa},
      A_TEXT(CKA_VALUE, "0123456789abcdef")},
     3,
     true},
    {"AES of 15 octets",
     CKR_ATTRIBUTE_VALUE_INVALID,
     {{CKA_CLASS, &class_secret, sizeof class_secret},
      {CKA_KEY_TYPE, &aes, sizeof aes},
      A_TEXT(CKA_VALUE, "0123456789abcde")},
     3,
     true},
    {"what only the token says",
     CKR_ATTRIBUTE_READ_ONLY,
     {{CKA_CLASS, &class_secret, sizeof class_secret},
      {CKA_KEY_TYPE, &aes, sizeof aes},
      A_TEXT(CKA_VALUE, "0123456789abcdef"),
      A_BOOL(CKA_LOCAL, yes)},
     4,
     false},
    {"trusted, by the user",
     CKR_ATTRIBUTE_READ_ONLY,
     {{CKA_CLASS, &class_secret, sizeof class_secret},
      {CKA_KEY_TYPE, &aes, sizeof aes},
      A_TEXT(CKA_VALUE, "0123456789abcdef"),
      A_BOOL(CKA_TRUSTED, yes)},
     4,
     true},
    {"certificate without value",
     CKR_TEMPLATE_INCOMPLETE,
     {{CKA_CLASS, &class_cert, sizeof class_cert},
      A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
      A_TEXT(CKA_SUBJECT, "0")},
     3,
     false},
};

static void bad_templates(void **state) {
    (void)state;
    CK_OBJECT_HANDLE object = 0;
    for (size_t i = 0; i < COUNT(bad_rows); i++) {
        if (bad_rows[i].strict && !rig.kind.ours)
            continue;
        CK_RV rv = rig.p11->C_CreateObject(rig.session, (CK_ATTRIBUTE *)bad_rows[i].template,
                                           bad_rows[i].count, &object);
        if (rv != bad_rows[i].wanted && (rig.kind.ours || rv == CKR_OK))
            fail_msg("%s: 0x%lx, not 0x%lx", bad_rows[i].name, rv, bad_rows[i].wanted);
        assert_int_equal(object, 0);
    }
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_CreateObject(rig.session, NULL, 3, &object));
    CK_ATTRIBUTE class = {CKA_CLASS, &class_data, sizeof class_data};
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_CreateObject(rig.session, &class, 1, NULL));
}

/* Keys whose parts do not fit together or are too weak. */
static void bad_keys(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_KEY_TYPE ec = CKK_EC, ml_dsa = CKK_ML_DSA;
    static uint8_t zeros[512], ones[512], point[67] = {0x04, 0x41, 0x04, 1, 2, 3};
    const struct key_kind *p256 = key_kind("P-256");
    CK_OBJECT_HANDLE object;
    memset(ones, 0xff, sizeof ones);
    CK_ATTRIBUTE off_curve[] = {{CKA_CLASS, &class_public, sizeof class_public},
                                {CKA_KEY_TYPE, &ec, sizeof ec},
                                A_BYTES(CKA_EC_PARAMS, p256->params, p256->params_len),
                                A_BYTES(CKA_EC_POINT, point, sizeof point)};
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID,
              rig.p11->C_CreateObject(rig.session, off_curve, 4, &object));
    CK_ATTRIBUTE unknown_curve[] = {{CKA_CLASS, &class_public, sizeof class_public},
                                    {CKA_KEY_TYPE, &ec, sizeof ec},
                                    A_BYTES(CKA_EC_PARAMS, "\x06\x01\x01", 3),
                                    A_BYTES(CKA_EC_POINT, point, sizeof point)};
    assert_rv(CKR_CURVE_NOT_SUPPORTED,
              rig.p11->C_CreateObject(rig.session, unknown_curve, 4, &object));
    CK_ATTRIBUTE zero[] = {{CKA_CLASS, &class_private, sizeof class_private},
                           {CKA_KEY_TYPE, &ec, sizeof ec},
                           A_BYTES(CKA_EC_PARAMS, p256->params, p256->params_len),
                           A_BYTES(CKA_VALUE, zeros, 32)};
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, rig.p11->C_CreateObject(rig.session, zero, 4, &object));
    zero[3] = (CK_ATTRIBUTE)A_BYTES(CKA_VALUE, ones, 32); /* above the order */
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, rig.p11->C_CreateObject(rig.session, zero, 4, &object));
    CK_ATTRIBUTE weak[] = {{CKA_CLASS, &class_public, sizeof class_public},
                           {CKA_KEY_TYPE, &rsa, sizeof rsa},
                           A_BYTES(CKA_MODULUS, ones, 120),
                           A_BYTES(CKA_PUBLIC_EXPONENT, "\x01\x00\x01", 3)};
    assert_rv(CKR_KEY_SIZE_RANGE, rig.p11->C_CreateObject(rig.session, weak, 4, &object));
    CK_ATTRIBUTE even[] = {{CKA_CLASS, &class_public, sizeof class_public},
                           {CKA_KEY_TYPE, &rsa, sizeof rsa},
                           A_BYTES(CKA_MODULUS, ones, 256),
                           A_BYTES(CKA_PUBLIC_EXPONENT, "\x01\x00\x00", 3)};
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, rig.p11->C_CreateObject(rig.session, even, 4, &object));
    CK_ATTRIBUTE no_key[] = {{CKA_CLASS, &class_private, sizeof class_private},
                             {CKA_KEY_TYPE, &rsa, sizeof rsa},
                             A_BYTES(CKA_MODULUS, ones, 256),
                             A_BYTES(CKA_PUBLIC_EXPONENT, "\x01\x00\x01", 3),
                             A_BYTES(CKA_PRIVATE_EXPONENT, ones, 256)};
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID,
              rig.p11->C_CreateObject(rig.session, no_key, 5, &object));
    CK_ATTRIBUTE set[] = {{CKA_CLASS, &class_public, sizeof class_public},
                          {CKA_KEY_TYPE, &ml_dsa, sizeof ml_dsa},
                          A_ULONG(CKA_PARAMETER_SET, 9),
                          A_BYTES(CKA_VALUE, ones, 512)};
    assert_rv(CKR_PARAMETER_SET_NOT_SUPPORTED,
              rig.p11->C_CreateObject(rig.session, set, 4, &object));
    set[2] = (CK_ATTRIBUTE)A_ULONG(CKA_PARAMETER_SET, CKP_ML_DSA_44);
    assert_rv(CKR_ATTRIBUTE_VALUE_INVALID, rig.p11->C_CreateObject(rig.session, set, 4, &object));
}

/* What the standard says about sensitive, extractable, local (pkcs11-v3.2#4.9, 4.10). */
static void key_history(void **state) {
    (void)state;
    CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
    CK_ATTRIBUTE open[] = {A_BOOL(CKA_SENSITIVE, no), A_BOOL(CKA_EXTRACTABLE, yes)};
    CK_ATTRIBUTE closed[] = {A_BOOL(CKA_SENSITIVE, yes), A_BOOL(CKA_EXTRACTABLE, no)};
    CK_OBJECT_HANDLE key = make_aes(32, false, closed, 2);
    assert_true(get_bool(key, CKA_LOCAL));
    assert_true(get_bool(key, CKA_ALWAYS_SENSITIVE));
    assert_true(get_bool(key, CKA_NEVER_EXTRACTABLE));
    assert_int_equal(get_ulong(key, CKA_KEY_GEN_MECHANISM), CKM_AES_KEY_GEN);
    assert_int_equal(get_rv(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    key = make_aes(16, false, open, 2);
    assert_int_equal(get_rv(key, CKA_VALUE), CKR_OK);
    CK_ATTRIBUTE up = A_BOOL(CKA_SENSITIVE, yes), down = A_BOOL(CKA_SENSITIVE, no);
    assert_ok(rig.p11->C_SetAttributeValue(rig.session, key, &up, 1));
    assert_int_equal(get_rv(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    assert_true(rig.p11->C_SetAttributeValue(rig.session, key, &down, 1) != CKR_OK);
    assert_true(get_bool(key, CKA_SENSITIVE));
    assert_false(get_bool(key, CKA_ALWAYS_SENSITIVE)); /* it was not, once */
    CK_ATTRIBUTE less = A_BOOL(CKA_EXTRACTABLE, no), more = A_BOOL(CKA_EXTRACTABLE, yes);
    assert_ok(rig.p11->C_SetAttributeValue(rig.session, key, &less, 1));
    assert_true(rig.p11->C_SetAttributeValue(rig.session, key, &more, 1) != CKR_OK);
    assert_false(get_bool(key, CKA_NEVER_EXTRACTABLE));
    CK_ATTRIBUTE given[] = {{CKA_CLASS, &class_secret, sizeof class_secret},
                            {CKA_KEY_TYPE, &generic, sizeof generic},
                            A_TEXT(CKA_VALUE, "a secret from elsewhere"),
                            A_BOOL(CKA_SENSITIVE, yes),
                            A_BOOL(CKA_EXTRACTABLE, no)};
    assert_ok(rig.p11->C_CreateObject(rig.session, given, COUNT(given), &key));
    assert_false(get_bool(key, CKA_LOCAL));
    assert_false(get_bool(key, CKA_ALWAYS_SENSITIVE));
    assert_false(get_bool(key, CKA_NEVER_EXTRACTABLE));
    assert_int_equal(get_ulong(key, CKA_VALUE_LEN), 23);
    assert_int_equal(get_rv(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
}

static void changing(void **state) {
    (void)state;
    CK_OBJECT_HANDLE object = make_data(rig.session, "changing", &no, &no);
    CK_ATTRIBUTE token = A_BOOL(CKA_TOKEN, yes), label = A_TEXT(CKA_LABEL, "changed");
    CK_ATTRIBUTE both[] = {A_TEXT(CKA_LABEL, "changed"), A_BOOL(CKA_TOKEN, yes)};
    assert_rv(CKR_ATTRIBUTE_READ_ONLY,
              rig.p11->C_SetAttributeValue(rig.session, object, &token, 1));
    if (rig.kind.ours) { /* all or nothing */
        assert_rv(CKR_ATTRIBUTE_READ_ONLY,
                  rig.p11->C_SetAttributeValue(rig.session, object, both, 2));
        assert_int_equal(count_label(rig.session, "changed"), 0);
    }
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_SetAttributeValue(rig.session, object, NULL, 1));
    CK_OBJECT_HANDLE fixed;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class_data, sizeof class_data},
                               A_BOOL(CKA_MODIFIABLE, no),
                               A_BOOL(CKA_PRIVATE, no)};
    assert_ok(rig.p11->C_CreateObject(rig.session, template, 3, &fixed));
    assert_rv(CKR_ACTION_PROHIBITED, rig.p11->C_SetAttributeValue(rig.session, fixed, &label, 1));
    if (!rig.kind.ours)
        return;
    CK_ATTRIBUTE keep[] = {{CKA_CLASS, &class_data, sizeof class_data},
                           A_BOOL(CKA_DESTROYABLE, no),
                           A_BOOL(CKA_COPYABLE, no)};
    assert_ok(rig.p11->C_CreateObject(rig.session, keep, 3, &fixed));
    assert_rv(CKR_ACTION_PROHIBITED, rig.p11->C_DestroyObject(rig.session, fixed));
    assert_rv(CKR_ACTION_PROHIBITED, rig.p11->C_CopyObject(rig.session, fixed, NULL, 0, &object));
    CK_ATTRIBUTE copyable = A_BOOL(CKA_COPYABLE, yes);
    assert_rv(CKR_ATTRIBUTE_READ_ONLY,
              rig.p11->C_SetAttributeValue(rig.session, fixed, &copyable, 1));
}

static void copying(void **state) {
    (void)state;
    CK_ATTRIBUTE open[] = {A_BOOL(CKA_SENSITIVE, no), A_BOOL(CKA_EXTRACTABLE, yes),
                           A_TEXT(CKA_LABEL, "original")};
    CK_OBJECT_HANDLE key = make_aes(32, false, open, 3), copy = 0, worse = 0;
    uint8_t one[32], other[32];
    CK_ATTRIBUTE change[] = {A_TEXT(CKA_LABEL, "copy"), A_BOOL(CKA_TOKEN, yes)};
    assert_ok(rig.p11->C_CopyObject(rig.session, key, change, 2, &copy));
    assert_int_not_equal(copy, key);
    get_bytes(key, CKA_VALUE, one, sizeof one);
    get_bytes(copy, CKA_VALUE, other, sizeof other);
    assert_memory_equal(one, other, 32);
    assert_int_equal(count_label(rig.session, "copy"), 1);
    CK_ATTRIBUTE hide = A_BOOL(CKA_SENSITIVE, yes), show = A_BOOL(CKA_SENSITIVE, no);
    assert_ok(rig.p11->C_CopyObject(rig.session, key, &hide, 1, &worse));
    assert_int_equal(get_rv(worse, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    assert_true(rig.p11->C_CopyObject(rig.session, worse, &show, 1, &key) != CKR_OK);
    CK_ATTRIBUTE public = A_BOOL(CKA_PRIVATE, no);
    assert_true(rig.p11->C_CopyObject(rig.session, worse, &public, 1, &key) != CKR_OK);
    assert_rv(CKR_OBJECT_HANDLE_INVALID, rig.p11->C_CopyObject(rig.session, 0, change, 1, &key));
    assert_ok(rig.p11->C_DestroyObject(rig.session, copy));
}

static void finding(void **state) {
    (void)state;
    CK_OBJECT_HANDLE found[4];
    CK_ULONG got = 0;
    for (int i = 0; i < 10; i++) {
        (void)make_data(rig.session, i % 2 == 0 ? "even" : "odd", &no, &no);
    }
    assert_int_equal(count_label(rig.session, "even"), 5);
    CK_ATTRIBUTE both[] = {A_TEXT(CKA_LABEL, "odd"), {CKA_CLASS, &class_data, sizeof class_data}};
    assert_int_equal(count_objects(rig.session, both, 2), 5);
    both[1] = (CK_ATTRIBUTE){CKA_CLASS, &class_secret, sizeof class_secret};
    assert_int_equal(count_objects(rig.session, both, 2), 0);
    assert_true(count_objects(rig.session, NULL, 0) >= 10);
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, rig.p11->C_FindObjects(rig.session, found, 4, &got));
    assert_rv(CKR_OPERATION_NOT_INITIALIZED, rig.p11->C_FindObjectsFinal(rig.session));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_FindObjectsInit(rig.session, NULL, 1));
    assert_ok(rig.p11->C_FindObjectsInit(rig.session, both, 1));
    assert_rv(CKR_OPERATION_ACTIVE, rig.p11->C_FindObjectsInit(rig.session, both, 1));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_FindObjects(rig.session, NULL, 4, &got));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_FindObjects(rig.session, found, 4, NULL));
    assert_ok(rig.p11->C_FindObjects(rig.session, found, 4, &got));
    assert_int_equal(got, 4);
    assert_ok(rig.p11->C_FindObjects(rig.session, found, 4, &got));
    assert_int_equal(got, 1);
    assert_ok(rig.p11->C_FindObjects(rig.session, found, 4, &got));
    assert_int_equal(got, 0);
    assert_ok(rig.p11->C_FindObjectsFinal(rig.session));
}

/* Who is not logged in neither sees nor makes private objects; the SO does not see them either. */
static void privacy(void **state) {
    (void)state;
    CK_OBJECT_HANDLE private = make_data(rig.session, "hidden", &yes, &yes);
    CK_OBJECT_HANDLE public = make_data(rig.session, "shown", &yes, &no);
    CK_OBJECT_HANDLE passing = make_data(rig.session, "passing", &no, &yes), made = 0;
    assert_ok(rig.p11->C_Logout(rig.session));
    assert_int_equal(get_rv(private, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(get_rv(public, CKA_LABEL), CKR_OK);
    assert_int_equal(count_label(rig.session, "hidden"), 0);
    assert_int_equal(count_label(rig.session, "shown"), 1);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class_data, sizeof class_data},
                               A_BOOL(CKA_PRIVATE, yes)};
    assert_rv(CKR_USER_NOT_LOGGED_IN, rig.p11->C_CreateObject(rig.session, template, 2, &made));
    login(rig.session, CKU_SO, SO_PIN);
    assert_int_equal(count_label(rig.session, "hidden"), 0);
    assert_rv(CKR_USER_NOT_LOGGED_IN, rig.p11->C_CreateObject(rig.session, template, 2, &made));
    assert_ok(rig.p11->C_Logout(rig.session));
    login(rig.session, CKU_USER, USER_PIN);
    assert_int_equal(get_rv(passing, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID); /* gone for good */
    assert_int_equal(count_label(rig.session, "passing"), 0);
    CK_ATTRIBUTE wanted = A_TEXT(CKA_LABEL, "hidden");
    assert_ok(rig.p11->C_DestroyObject(rig.session, find_one(rig.session, &wanted, 1)));
    assert_ok(rig.p11->C_DestroyObject(rig.session, public));
}

static void read_only_sessions(void **state) {
    (void)state;
    CK_SESSION_HANDLE ro = open_session(0);
    CK_OBJECT_HANDLE kept = make_data(rig.session, "kept", &yes, &no), made = 0;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class_data, sizeof class_data}, A_BOOL(CKA_TOKEN, yes)};
    CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "x");
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_CreateObject(ro, template, 2, &made));
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_DestroyObject(ro, kept));
    assert_rv(CKR_SESSION_READ_ONLY, rig.p11->C_SetAttributeValue(ro, kept, &label, 1));
    made = make_data(ro, "passing", &no, &no); /* session objects are its to make */
    assert_int_equal(count_label(rig.session, "passing"), 1);
    assert_ok(rig.p11->C_CloseSession(ro));
    assert_int_equal(count_label(rig.session, "passing"), 0);
    assert_int_equal(get_rv(made, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    assert_ok(rig.p11->C_DestroyObject(rig.session, kept));
}

static void certificates(void **state) {
    (void)state;
    static uint8_t der[2000];
    CK_OBJECT_HANDLE cert = 0;
    memset(der, 0x30, sizeof der);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class_cert, sizeof class_cert},
                               A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509),
                               A_BOOL(CKA_TOKEN, yes),
                               A_TEXT(CKA_SUBJECT, "subject"),
                               A_TEXT(CKA_ID, "id-of-cert"),
                               A_BYTES(CKA_VALUE, der, sizeof der),
                               A_BOOL(CKA_PRIVATE, no)};
    assert_ok(rig.p11->C_CreateObject(rig.session, template, COUNT(template), &cert));
    CK_ATTRIBUTE wanted[] = {A_TEXT(CKA_ID, "id-of-cert"),
                             {CKA_CLASS, &class_cert, sizeof class_cert}};
    assert_int_equal(find_one(rig.session, wanted, 2), cert);
    uint8_t back[2000];
    assert_int_equal(get_bytes(cert, CKA_VALUE, back, sizeof back), sizeof der);
    assert_memory_equal(back, der, sizeof der);
    assert_ok(rig.p11->C_DestroyObject(rig.session, cert));
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int object_tests(void) {
    const struct CMUnitTest tests[] = {
        T(data_objects), T(reading), T(bad_templates), T(bad_keys), T(key_history),
        T(changing),     T(copying), T(finding),       T(privacy),  T(read_only_sessions),
        T(certificates),
    };
    return cmocka_run_group_tests_name("objects", tests, NULL, NULL);
}
