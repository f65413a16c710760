/* PKCS#11 URIs and key blobs: tables with hostile rows. */
#include "signer/blob.h"
#include "signer/ckr.h"
#include "signer/keytype.h"
#include "wire/uri.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

/* ---- URIs ------------------------------------------------------------------------------------ */

static const struct {
    const char *uri;
    const char *token, *object, *serial, *module_name;
    const char *id; /* hex is not needed: short ids */
    enum uri_type type;
} good[] = {
    {"pkcs11:", NULL, NULL, NULL, NULL, NULL, URI_ANY},
    {"PKCS11:token=A", "A", NULL, NULL, NULL, NULL, URI_ANY},
    {"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;object=my-key;type=private",
     "The Software PKCS#11 Softtoken", "my-key", NULL, NULL, NULL, URI_PRIVATE},
    {"pkcs11:id=%01%02;serial=42", NULL, NULL, "42", NULL, "\x01\x02", URI_ANY},
    {"pkcs11:object=a&b=c;type=cert", NULL, "a&b=c", NULL, NULL, NULL, URI_CERT},
    {"pkcs11:token=T?module-name=yubi", "T", NULL, NULL, "yubi", NULL, URI_ANY},
    {"pkcs11:token=", "", NULL, NULL, NULL, NULL, URI_ANY},
    {"pkcs11:object=%C3%BC;id=abc", NULL, "\xc3\xbc", NULL, NULL, "abc", URI_ANY},
    {"pkcs11:token=x;model=m;manufacturer=n;slot-id=18446", "x", NULL, NULL, NULL, NULL, URI_ANY},
};

static const char *const bad[] = {
    "",
    "pkcs11",
    "pkcs12:token=x",
    "http://example.com",
    " pkcs11:token=x",
    "pkcs11:token",
    "pkcs11:token=a;token=b",
    "pkcs11:token=a;",
    "pkcs11:;token=a",
    "pkcs11:token=a;;object=b",
    "pkcs11:=a",
    "pkcs11:colour=blue",
    "pkcs11:x-vendor=1",
    "pkcs11:token=a b",
    "pkcs11:token=a%",
    "pkcs11:token=a%4",
    "pkcs11:token=a%4g",
    "pkcs11:token=a%00b",
    "pkcs11:token=a%0ab",
    "pkcs11:token=a\nb",
    "pkcs11:token=\xc3\xbc",
    "pkcs11:token=a/b",
    "pkcs11:type=secret",
    "pkcs11:type=Private",
    "pkcs11:slot-id=",
    "pkcs11:slot-id=-1",
    "pkcs11:slot-id=0x1",
    "pkcs11:slot-id=99999999999999999999",
    "pkcs11:token=a?",
    "pkcs11:token=a?pin-value=1234",
    "pkcs11:token=a?pin-source=file:/etc/shadow",
    "pkcs11:token=a?module-path=/tmp/evil.so",
    "pkcs11:token=a?module-name=m&module-name=n",
    "pkcs11:token=a?token=b",
    "pkcs11:module-name=m",
    "pkcs11:token=a?module-name=m&",
    "pkcs11:token=a#b",
    "pkcs11:token=\"a\"",
};

static void assert_text(const char *is, const char *wanted) {
    if (wanted == NULL)
        assert_null(is);
    else
        assert_string_equal(is, wanted);
}

static void good_uris(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct pkcs11_uri uri;
        struct error err = {0};
        if (!pkcs11_uri_parse(arena, view_text(good[i].uri), &uri, &err))
            fail_msg("%s: %s", good[i].uri, err.message);
        assert_text(uri.token, good[i].token);
        assert_text(uri.object, good[i].object);
        assert_text(uri.serial, good[i].serial);
        assert_text(uri.module_name, good[i].module_name);
        assert_int_equal(uri.type, good[i].type);
        if (good[i].id == NULL)
            assert_null(uri.id.at);
        else
            assert_true(view_is(uri.id, good[i].id));
    }
}

static void bad_uris(void **state) {
    char long_uri[1100];
    SCOPED_ARENA struct arena *arena = arena_new();
    struct pkcs11_uri uri = {.token = "poison"};
    struct error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = (struct error){0};
        if (pkcs11_uri_parse(arena, view_text(bad[i]), &uri, &err))
            fail_msg("%s was accepted", bad[i]);
        assert_string_equal(err.type, "bad-uri");
        assert_string_equal(uri.token, "poison");
    }
    memset(long_uri, 'a', sizeof long_uri);
    memcpy(long_uri, "pkcs11:token=", 13);
    assert_false(pkcs11_uri_parse(arena, view_of(long_uri, sizeof long_uri), &uri, &err));
}

static void token_uris_come_back(void **state) {
    static const struct uri_token rows[] = {
        {"gatehouse", "SoftHSM project", "SoftHSM v2", "7691bff7eb6037fb"},
        {"a;b=c?d&e/f%g", "", "m\xc3\xbcller", "#1"},
        {"", "", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct pkcs11_uri uri;
        char *text = pkcs11_uri_of_token(arena, &rows[i]);
        assert_true(pkcs11_uri_parse(arena, view_text(text), &uri, NULL));
        assert_text(uri.token, rows[i].label[0] == '\0' ? NULL : rows[i].label);
        assert_text(uri.manufacturer,
                    rows[i].manufacturer[0] == '\0' ? NULL : rows[i].manufacturer);
        assert_text(uri.model, rows[i].model[0] == '\0' ? NULL : rows[i].model);
        assert_text(uri.serial, rows[i].serial[0] == '\0' ? NULL : rows[i].serial);
    }
}

/* ---- blobs ----------------------------------------------------------------------------------- */

static void blob_comes_back(const struct key_blob *blob) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key_blob back;
    struct view bytes = key_blob_encode(arena, blob);
    assert_true(key_blob_decode(bytes, &back, NULL));
    assert_int_equal(back.mechanism, blob->mechanism);
    assert_true(view_equal(back.kek_id, blob->kek_id));
    assert_true(view_equal(back.wrapped, blob->wrapped));
    assert_true(view_equal(back.inner, blob->inner));
    for (size_t len = 0; len < bytes.len; len++) {
        struct error err = {0};
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, bytes.at, len);
        assert_false(key_blob_decode(view_of(exact, len), &back, &err));
        assert_string_equal(err.type, "bad-key-blob");
        free(exact);
    }
}

static void blobs_come_back(void **state) {
    (void)state;
    blob_comes_back(&(struct key_blob){
        CKM_AES_KEY_WRAP_PAD, VIEW_LITERAL("kek"), VIEW_LITERAL("wrapped key"), {0}});
    blob_comes_back(&(struct key_blob){CKM_AES_KEY_WRAP_KWP, VIEW_LITERAL("kek"),
                                       VIEW_LITERAL("its own key"), VIEW_LITERAL("private key")});
}

static void hostile_blobs(void **state) {
    static const struct view rows[] = {
        VIEW_LITERAL(""),
        VIEW_LITERAL("\x00\x00\x00\x21\x0b\x01k\x00\x01w"),  /* version 0 */
        VIEW_LITERAL("\x03\x00\x00\x21\x0b\x01k\x00\x01w"),  /* version 3 */
        VIEW_LITERAL("\x02\x00\x00\x21\x0b\x01k\x00\x01w"),  /* a person's without its inner key */
        VIEW_LITERAL("\x02\x00\x00\x21\x0b\x01k\x00\x01w\x00\x00"),
        VIEW_LITERAL("\x02\x00\x00\x21\x0b\x01k\x00\x01w\x00\x02i"),
        VIEW_LITERAL("\x02\x00\x00\x21\x0b\x01k\x00\x01w\x00\x01ii"),
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x01k\x00\x01w\x00\x01i"), /* two in version 1 */
        VIEW_LITERAL("\x01\x00\x00\x10\x85\x01k\x00\x01w"),  /* AES-CBC-PAD: malleable */
        VIEW_LITERAL("\x01\x00\x00\x21\x09\x01k\x00\x01w"),  /* key wrap without padding */
        VIEW_LITERAL("\x01\x80\x00\x21\x0b\x01k\x00\x01w"),  /* a vendor's own */
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x00\x00\x01w"),   /* no KEK */
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x41k\x00\x01w"),  /* KEK id beyond the end */
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x01k\x00\x00"),   /* nothing wrapped */
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x01k\x00\x02w"),  /* too short */
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x01k\x00\x01ww"), /* trailing byte */
        VIEW_LITERAL("\x01\x00\x00\x21\x0b\x01k\xff\xffw"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_blob blob = {.mechanism = 7};
        struct error err = {0};
        if (key_blob_decode(rows[i], &blob, &err))
            fail_msg("row %zu was accepted", i);
        assert_int_equal(blob.mechanism, 7);
    }
}

/* ---- return values --------------------------------------------------------------------------- */

static void meanings(void **state) {
    static const struct {
        CK_RV rv;
        enum ckr_next next;
        enum error_kind kind;
    } rows[] = {
        {CKR_SESSION_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE},
        {CKR_OBJECT_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE},
        {CKR_USER_NOT_LOGGED_IN, NEXT_LOGIN, ERROR_UNAVAILABLE},
        {CKR_PIN_INCORRECT, NEXT_STOP, ERROR_FORBIDDEN},
        {CKR_PIN_LOCKED, NEXT_STOP, ERROR_UNAVAILABLE},
        {CKR_ENCRYPTED_DATA_INVALID, NEXT_FAIL, ERROR_MALFORMED},
        {0x80001234UL, NEXT_FAIL, ERROR_UNAVAILABLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        assert_int_equal(ckr_next(rows[i].rv), rows[i].next);
        assert_false(ckr_fail(&err, "T", "C_Sign", rows[i].rv));
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(strncmp(err.message, "Token \"T\": ", 11), 0);
    }
}

/* ---- curves ---------------------------------------------------------------------------------- */

static size_t written_out(EC_GROUP *group, uint8_t der[static 1024]) {
    uint8_t *at = der;
    EC_GROUP_set_asn1_flag(group, OPENSSL_EC_EXPLICIT_CURVE);
    assert_in_range(i2d_ECPKParameters(group, NULL), 1, 1024);
    return (size_t)i2d_ECPKParameters(group, &at);
}

/* The same curve with another generator: who chooses it knows the private key to any public one (CVE-2020-0601). */
static void move_generator(EC_GROUP *group) {
    EC_POINT *other = EC_POINT_dup(EC_GROUP_get0_generator(group), group);
    assert_int_equal(EC_POINT_dbl(group, other, other, NULL), 1);
    assert_int_equal(EC_GROUP_set_generator(group, other, EC_GROUP_get0_order(group), EC_GROUP_get0_cofactor(group)), 1);
    EC_POINT_free(other);
}

static void curves_in_numbers(void **state) {
    static const struct {
        int nid;
        const char *name;
    } rows[] = {{NID_X9_62_prime256v1, "P-256"}, {NID_secp384r1, "P-384"}, {NID_secp521r1, "P-521"},
                {NID_secp256k1, "secp256k1"}, {NID_brainpoolP384r1, "brainpoolP384r1"}, {NID_secp224r1, NULL}};
    uint8_t der[1024];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(rows[i].nid);
        size_t len = written_out(group, der);
        const struct key_type *type = key_type_by_object(CKK_EC, view_of(der, len), 0);
        assert_true(rows[i].name == NULL ? type == NULL : type != NULL && strcmp(type->name, rows[i].name) == 0);
        assert_null(key_type_by_object(CKK_EC, view_of(der, len - 1), 0));
        assert_null(key_type_by_object(CKK_EC_EDWARDS, view_of(der, len), 0));
        assert_null(key_type_by_object(CKK_EC, view_of(der, len + 1), 0));
        move_generator(group);
        len = written_out(group, der);
        assert_null(key_type_by_object(CKK_EC, view_of(der, len), 0));
        EC_GROUP_free(group);
    }
    assert_null(key_type_by_object(CKK_EC, view_of(NULL, 0), 0));
    assert_null(key_type_by_object(CKK_EC, view_of("\x30\x80", 2), 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_uris),
        cmocka_unit_test(bad_uris),
        cmocka_unit_test(token_uris_come_back),
        cmocka_unit_test(blobs_come_back),
        cmocka_unit_test(hostile_blobs),
        cmocka_unit_test(meanings),
        cmocka_unit_test(curves_in_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
