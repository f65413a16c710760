/* Keys of people: they sign like all others and leave in every form; no other key leaves, whatever is tried. */
#include "harness.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#define PASSWORD "over the h\xc3\xbclls"
#define PURPOSE ((enum key_purpose)(KEY_SIGN | KEY_OWNER))

static struct harness harness;

struct made {
    struct view blob, spki;
};

static struct made make(struct arena *arena, const char *type, enum key_purpose purpose) {
    struct made made;
    struct error err = {0};
    if (!signer_generate(harness.signer, arena, type, purpose, &made.blob, &made.spki, &err))
        fail_msg("%s: %s (%s)", type, err.message, err.detail);
    return made;
}

static struct export_order order_of(const struct made *made, enum export_form form) {
    return (struct export_order){.blob = made->blob,
                                 .spki = made->spki,
                                 .form = form,
                                 .secret = VIEW_LITERAL(PASSWORD)};
}

static struct view export_as(struct arena *arena, const struct export_order *order) {
    struct view file = {0};
    struct error err = {0};
    if (!signer_export(harness.signer, arena, order, &file, &err))
        fail_msg("form %d: %s %s (%s)", (int)order->form, err.type, err.message, err.detail);
    return file;
}

/* The private key in these bytes is that of the public key. */
static void assert_key(struct view pkcs8, struct view spki) {
    const uint8_t *at = pkcs8.at;
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    assert_non_null(info);
    assert_ptr_equal(at, pkcs8.at + pkcs8.len);
    EVP_PKEY *key = EVP_PKCS82PKEY(info);
    assert_non_null(key);
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0 && view_equal(view_of(der, (size_t)len), spki));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    PKCS8_PRIV_KEY_INFO_free(info);
}

static void assert_encrypted(struct view file, struct view spki) {
    const uint8_t *at = file.at;
    unsigned char *der = NULL;
    X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)file.len);
    assert_non_null(sealed);
    assert_null(PKCS8_decrypt(sealed, "another one", -1));
    ERR_clear_error();
    PKCS8_PRIV_KEY_INFO *info = PKCS8_decrypt(sealed, PASSWORD, -1);
    assert_non_null(info);
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    assert_key(view_of(der, (size_t)len), spki);
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    X509_SIG_free(sealed);
}

static void signs(const char *type, const struct made *made) {
    uint8_t signature[50 * 1024];
    size_t len = sizeof signature;
    const uint8_t *at = made->spki.at;
    EVP_PKEY *key = NULL, *public_key = d2i_PUBKEY(NULL, &at, (long)made->spki.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool digests = EVP_PKEY_is_a(public_key, "RSA") || EVP_PKEY_is_a(public_key, "EC");
    const EVP_MD *md = digests ? EVP_sha256() : NULL;
    assert_true(
        signer_managed_key(harness.signer, made->blob, made->spki, PURPOSE, &key, NULL));
    if (EVP_DigestSignInit(ctx, NULL, md, NULL, key) != 1 ||
        EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"hello", 5) != 1)
        fail_msg("%s does not sign", type);
    EVP_MD_CTX_reset(ctx);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, md, NULL, public_key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, signature, len, (const uint8_t *)"hello", 5), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public_key);
    EVP_PKEY_free(key);
}

static void every_type_signs_and_leaves(void **state) {
    (void)state;
    for (const char *const *type = harness_key_types(&harness); *type != NULL; type++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct made made = make(arena, *type, PURPOSE);
        signs(*type, &made);
        struct export_order order = order_of(&made, EXPORT_PLAIN);
        assert_key(export_as(arena, &order), made.spki);
        order.form = EXPORT_PBES2;
        assert_encrypted(export_as(arena, &order), made.spki);
        order.form = EXPORT_TRIPLE_DES;
        assert_encrypted(export_as(arena, &order), made.spki);
    }
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static void assert_enveloped(CMS_ContentInfo *cms, EVP_PKEY *key, X509 *certificate,
                             const struct made *made, struct view digest, size_t len) {
    char *content;
    unsigned char hash[32];
    BIO *out = BIO_new(BIO_s_mem());
    if (CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY) != 1) {
        ERR_print_errors_fp(stderr);
        fail_msg("an envelope (%zu of content) does not open: %s", len, EVP_PKEY_get0_type_name(key));
    }
    assert_int_equal(OBJ_obj2nid(CMS_get0_eContentType(cms)), NID_pkcs7_signed);
    assert_int_equal(BIO_get_mem_data(out, &content), 5 + (long)len + 4);
    assert_memory_equal(content, "<pre>", 5);
    assert_memory_equal(content + 5 + len, "</p>", 4);
    assert_int_equal(
        EVP_Q_digest(NULL, "SHA256", NULL, content + 5, len, hash, NULL), 1);
    assert_memory_equal(hash, digest.at, sizeof hash);
    assert_int_equal(content[5], 0x30);
    assert_int_equal(content[9], 0x30); /* the key in its package */
    assert_key(view_of(content + 9, len - 4), made->spki);
    BIO_free(out);
}

static CMS_ContentInfo *enveloped(struct arena *arena, const struct export_order *order) {
    struct view file = export_as(arena, order);
    const uint8_t *at = file.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)file.len);
    assert_non_null(cms);
    return cms;
}

static void envelopes(void **state) {
    static uint8_t aes[32] = {7}, id[] = "a key";
    SCOPED_ARENA struct arena *arena = arena_new();
    struct made made = make(arena, "RSA-2048", PURPOSE);
    struct export_order order = order_of(&made, EXPORT_PASSWORD);
    struct view digest;
    size_t len;
    (void)state;
    order.prefix = VIEW_LITERAL("<pre>");
    order.suffix = VIEW_LITERAL("</p>");
    assert_true(
        signer_export_digest(harness.signer, arena, &order, "SHA2-256", &len, &digest, NULL));
    assert_int_equal(digest.len, 32);
    CMS_ContentInfo *cms = enveloped(arena, &order);
    assert_int_equal(CMS_decrypt_set1_password(cms, (unsigned char *)PASSWORD, -1), 1);
    assert_enveloped(cms, NULL, NULL, &made, digest, len);
    CMS_ContentInfo_free(cms);
    order.form = EXPORT_KEY;
    order.secret = view_of(aes, sizeof aes);
    order.recipient = view_of(id, sizeof id - 1);
    cms = enveloped(arena, &order);
    assert_int_equal(CMS_decrypt_set1_key(cms, aes, sizeof aes, id, sizeof id - 1), 1);
    assert_enveloped(cms, NULL, NULL, &made, digest, len);
    CMS_ContentInfo_free(cms);
    order.form = EXPORT_CERTIFICATE;
    for (int ec = 0; ec < 2; ec++) {
        EVP_PKEY *key = ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
        X509 *certificate = X509_new();
        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7 + ec);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
        unsigned char *der = NULL;
        int size = i2d_X509(certificate, &der);
        order.recipient = view_of(der, (size_t)size);
        cms = enveloped(arena, &order);
        assert_enveloped(cms, key, certificate, &made, digest, len);
        CMS_ContentInfo_free(cms);
        OPENSSL_free(der);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
}

/* ---- what does not leave --------------------------------------------------------------------- */

static const char *refusal(struct arena *arena, const struct export_order *order) {
    struct error err = {0};
    struct view file = {0};
    if (signer_export(harness.signer, arena, order, &file, &err))
        fail_msg("a key has left in form %d", (int)order->form);
    assert_int_equal(file.len, 0);
    return arena_strdup(arena, err.type);
}

static void managed_keys_stay(void **state) {
    static const char *const types[] = {"RSA-2048", "P-256", NULL};
    (void)state;
    for (const char *const *type = types; *type != NULL; type++)
        for (int form = EXPORT_PLAIN; form <= EXPORT_KEY; form++) {
            SCOPED_ARENA struct arena *arena = arena_new();
            struct made made = make(arena, *type, KEY_SIGN);
            struct export_order order = order_of(&made, (enum export_form)form);
            assert_string_equal(refusal(arena, &order), "not-exportable");
        }
}

/* The purpose that a caller names does not make a key into another. */
static void kinds_are_not_mixed(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct made managed = make(arena, "P-256", KEY_SIGN), person = make(arena, "P-256", PURPOSE);
    const struct {
        const struct made *made;
        enum key_purpose purpose;
    } rows[] = {{&managed, PURPOSE}, {&person, KEY_SIGN}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        EVP_PKEY *key = NULL;
        uint8_t signature[256];
        size_t len = sizeof signature;
        struct error err = {0};
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_true(signer_managed_key(harness.signer, rows[i].made->blob, rows[i].made->spki,
                                       rows[i].purpose, &key, NULL));
        assert_false(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                     EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"x", 1) == 1);
        assert_true(signer_take_error(&err));
        assert_string_equal(err.type, "key-unfit");
        ERR_clear_error();
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
    struct view blob, spki;
    struct error err = {0};
    assert_false(signer_generate(harness.signer, arena, "P-256", KEY_OWNER, &blob, &spki, &err));
}

/* The parts of blobs: version, mechanism, KEK id, then one or two wrapped things with their lengths. */
struct parts {
    struct view head, first, second;
};

static struct parts take_apart(struct view blob) {
    size_t head = 6u + blob.at[5];
    const uint8_t *at = blob.at + head;
    size_t len = (size_t)at[0] << 8 | at[1];
    struct parts parts = {view_of(blob.at, head), view_of(at, 2 + len), {0}};
    if (blob.at[0] == 2)
        parts.second = view_of(at + 2 + len, blob.len - head - 2 - len);
    return parts;
}

static struct view put_together(struct arena *arena, struct view head, struct view first,
                                struct view second) {
    uint8_t *at = arena_alloc(arena, head.len + first.len + second.len);
    memcpy(at, head.at, head.len);
    memcpy(at + head.len, first.at, first.len);
    memcpy(at + head.len + first.len, second.at, second.len);
    at[0] = 2;
    return view_of(at, head.len + first.len + second.len);
}

/* Who can write the database puts a CA's key where a person's belongs. */
static void mixed_blobs_do_not_open(void **state) {
    static const char *const types[] = {"RSA-2048", "P-256", NULL};
    (void)state;
    for (const char *const *type = types; *type != NULL; type++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct made managed = make(arena, *type, KEY_SIGN), person = make(arena, *type, PURPOSE);
        struct parts m = take_apart(managed.blob), p = take_apart(person.blob);
        const struct made rows[] = {
            {put_together(arena, p.head, p.first, m.first), managed.spki},
            {put_together(arena, p.head, m.first, p.second), managed.spki},
            {put_together(arena, p.head, m.first, m.first), managed.spki},
            {put_together(arena, p.head, p.first, p.first), person.spki},
            {person.blob, managed.spki},
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct view again;
            struct export_order order = order_of(&rows[i], EXPORT_PLAIN);
            refusal(arena, &order);
            assert_false(signer_rewrap(harness.signer, arena, rows[i].blob, rows[i].spki,
                                       view_of(NULL, 0), &again, NULL));
        }
    }
}

static void wrong_orders(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct made made = make(arena, "P-256", PURPOSE), other = make(arena, "P-256", PURPOSE);
    struct export_order order = order_of(&made, EXPORT_PBES2);
    (void)state;
    order.secret = VIEW_LITERAL("short");
    assert_string_equal(refusal(arena, &order), "bad-password");
    order.form = EXPORT_KEY; /* no AES key has 5 octets */
    assert_string_equal(refusal(arena, &order), "key-unfit");
    order.form = EXPORT_CERTIFICATE;
    order.recipient = VIEW_LITERAL("no certificate");
    assert_string_equal(refusal(arena, &order), "key-unfit");
    order.form = EXPORT_PLAIN;
    order.spki = other.spki;
    assert_string_equal(refusal(arena, &order), "key-mismatch");
}

static void rewrapped(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct made made = make(arena, "P-256", PURPOSE), again = made;
    struct error err = {0};
    (void)state;
    if (!signer_rewrap(harness.signer, arena, made.blob, made.spki, view_of(NULL, 0), &again.blob,
                       &err))
        fail_msg("%s (%s)", err.message, err.detail);
    signs("rewrapped", &again);
    struct export_order order = order_of(&again, EXPORT_PLAIN);
    assert_key(export_as(arena, &order), made.spki);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_signs_and_leaves), cmocka_unit_test(envelopes),
        cmocka_unit_test(managed_keys_stay),           cmocka_unit_test(kinds_are_not_mixed),
        cmocka_unit_test(mixed_blobs_do_not_open),     cmocka_unit_test(wrong_orders),
        cmocka_unit_test(rewrapped),
    };
    harness_begin(&harness, argc, argv);
    int failed = cmocka_run_group_tests_name("user_keys", tests, NULL, NULL);
    harness_end(&harness);
    return failed;
}
