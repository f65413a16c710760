/* What backups are written in: read by their recipients alone, whole or not at all. */
#include "commands/sealed.h"

#include "x509/handles.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char key_file[] = "/tmp/gatehouse-key-XXXXXX", certificate_file[] = "/tmp/gatehouse-cert-XXXXXX";

static void make_recipient(const char *type) {
    AUTO(EVP_PKEY) *key = strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    AUTO(X509) *certificate = X509_new();
    assert_non_null(key);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"backup", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(key_file, "w");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    file = fopen(certificate_file, "w");
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
}

static struct view write_all(struct arena *arena, const struct sealed_recipients *to, struct view content) {
    char *at = NULL;
    size_t len = 0;
    struct sealed *s;
    struct error err = {0};
    FILE *file = open_memstream(&at, &len);
    if (!sealed_write_begin(arena, file, to, &s, &err) || !sealed_write(s, content.at, content.len, &err) ||
        !sealed_write_end(s, &err))
        fail_msg("%s (%s)", err.message, err.detail);
    fclose(file);
    struct view bytes = arena_copy(arena, at, len);
    free(at);
    return bytes;
}

/* "" when the content came back, else the error's type. */
static const char *read_all(struct arena *arena, const struct sealed_opener *opener, struct view bytes,
                            struct view content) {
    struct sealed *s;
    struct error err = {0};
    FILE *file = fmemopen((void *)(uintptr_t)bytes.at, bytes.len, "r");
    uint8_t *got = arena_alloc(arena, content.len + 1);
    bool ok = sealed_read_begin(arena, file, opener, &s, &err) && sealed_read(s, got, content.len, &err);
    if (ok)
        assert_memory_equal(got, content.at, content.len);
    if (ok) /* and nothing after it */
        assert_false(sealed_read(s, got, 1, &(struct error){0}));
    fclose(file);
    return ok ? "" : arena_strdup(arena, err.type);
}

static struct view content_of(struct arena *arena, size_t len) {
    uint8_t *at = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(i * 31 + i / 251);
    return view_of(at, len);
}

static void test_recipients(void **state) {
    (void)state;
    static const char *const types[] = {"RSA", "EC"};
    static const size_t sizes[] = {1, 65535, 65536, 65537, 200000};
    const char *certificates[] = {certificate_file, NULL};
    for (size_t t = 0; t < 2; t++) {
        make_recipient(types[t]);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            SCOPED_ARENA struct arena *arena = arena_new();
            struct view content = content_of(arena, sizes[i]);
            struct sealed_recipients to = {certificates, "correct horse"};
            struct view bytes = write_all(arena, &to, content);
            struct sealed_opener by_key = {key_file, NULL, NULL}, by_both = {key_file, certificate_file, NULL};
            struct sealed_opener by_word = {NULL, NULL, "correct horse"}, wrong = {NULL, NULL, "wrong horse"};
            assert_string_equal(read_all(arena, &by_key, bytes, content), "");
            assert_string_equal(read_all(arena, &by_both, bytes, content), "");
            assert_string_equal(read_all(arena, &by_word, bytes, content), "");
            assert_string_equal(read_all(arena, &wrong, bytes, content), "wrong-key");
        }
    }
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view content = content_of(arena, 100);
    struct view bytes = write_all(arena, &(struct sealed_recipients){certificates, NULL}, content);
    make_recipient("EC"); /* somebody else's key */
    assert_string_equal(read_all(arena, &(struct sealed_opener){key_file, NULL, NULL}, bytes, content), "wrong-key");
    assert_string_equal(read_all(arena, &(struct sealed_opener){"/nowhere", NULL, NULL}, bytes, content), "bad-key");
}

static void test_changed(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct sealed_opener opener = {NULL, NULL, "word"};
    struct view content = content_of(arena, 150000);
    struct view bytes = write_all(arena, &(struct sealed_recipients){NULL, "word"}, content);
    assert_string_equal(read_all(arena, &opener, bytes, content), "");
    /* Ends early: at every piece's end, too. */
    size_t last = bytes.len - (150000 - 2 * 65536 + 20), second = last - (65536 + 20);
    const size_t cuts[] = {0, 5, 19, 23, 100, second, last, bytes.len - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
        if (cuts[i] > 0)
            assert_string_equal(read_all(arena, &opener, view_of(bytes.at, cuts[i]), content), "bad-backup");
    const size_t flips[] = {3, second - 65556, second, second + 100, last, last + 2, bytes.len - 1};
    for (size_t i = 0; i < sizeof flips / sizeof flips[0]; i++) {
        struct view copy = arena_copy(arena, bytes.at, bytes.len);
        ((uint8_t *)(uintptr_t)copy.at)[flips[i]] ^= 1;
        assert_string_not_equal(read_all(arena, &opener, copy, content), "");
    }
    /* Two pieces exchanged. */
    struct view copy = arena_copy(arena, bytes.at, bytes.len);
    memcpy((uint8_t *)(uintptr_t)copy.at + second, bytes.at + second - 65556, 65556);
    assert_string_equal(read_all(arena, &opener, copy, content), "bad-backup");
}

static int set_up(void **state) {
    (void)state;
    close(mkstemp(key_file));
    close(mkstemp(certificate_file));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(key_file);
    unlink(certificate_file);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
