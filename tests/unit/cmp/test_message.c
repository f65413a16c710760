/* Messages made and read again: both MACs, signatures of every type, and what is broken, changed or out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "cmp/describe.h"
#include "cmp/protect.h"
#include "x509/certificate.h"
#include "x509/name.h"

#include <openssl/err.h>

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW INT64_C(1780000000000000)
static const struct cmp_algorithms everything = {
    .pbm = true, .pbmac1 = true, .signature = true, .max_iterations = 100000};
static const struct view secret = {(const uint8_t *)"correct horse battery", 21};

static struct view algorithm(struct arena *arena, int nid) {
    return WIRE_SEQ(arena, wire_oid(arena, nid));
}

/* PasswordBasedMac's AlgorithmIdentifier. */
static struct view pbm(struct arena *arena, size_t salt, int owf, int64_t iterations, int mac) {
    static const uint8_t octets[100] = {1};
    return WIRE_SEQ(arena, wire_oid(arena, NID_id_PasswordBasedMAC),
                    WIRE_SEQ(arena, wire_octets(arena, view_of(octets, salt)), algorithm(arena, owf),
                             wire_int(arena, iterations), algorithm(arena, mac)));
}

static struct view pbmac1(struct arena *arena, size_t salt, int64_t iterations, int64_t key_len, int prf, int mac) {
    static const uint8_t octets[100] = {2};
    struct view kdf = WIRE_SEQ(arena, wire_octets(arena, view_of(octets, salt)), wire_int(arena, iterations),
                               wire_int(arena, key_len), algorithm(arena, prf));
    return WIRE_SEQ(arena, wire_oid(arena, NID_pbmac1),
                    WIRE_SEQ(arena, WIRE_SEQ(arena, wire_oid(arena, NID_id_pbkdf2), kdf), algorithm(arena, mac)));
}

static struct cmp_answer sample(struct arena *arena) {
    static const uint8_t transaction[16] = {1}, nonce[16] = {2};
    struct error err = {0};
    X509_NAME *name = NULL;
    assert_true(name_from_text("CN=client", &name, &err));
    keep_X509_NAME(arena, name);
    return (struct cmp_answer){.version = 2,
                               .body = CMP_ERROR_BODY,
                               .content = cmp_error_body(arena, CMP_BAD_POP, "no proof"),
                               .sender = cmp_directory_name(arena, name),
                               .recipient = cmp_directory_name(arena, name),
                               .transaction_id = view_of(transaction, 16),
                               .sender_nonce = view_of(nonce, 16),
                               .recip_nonce = view_of(nonce, 16),
                               .sender_kid = VIEW_LITERAL("ref"),
                               .implicit_confirm = true,
                               .confirm_until_us = NOW,
                               .now_us = NOW};
}

static const X509_ALGOR *read_algorithm(struct arena *arena, struct view der) {
    const X509_ALGOR *read = asn1_read(arena, der, ASN1_ITEM_rptr(X509_ALGOR));
    assert_non_null(read);
    return read;
}

static void test_macs(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct view algorithms[] = {pbm(arena, 16, NID_sha256, 1000, NID_hmacWithSHA256),
                                      pbm(arena, 8, NID_sha512, 100, NID_hmacWithSHA512),
                                      pbmac1(arena, 16, 1000, 32, NID_hmacWithSHA256, NID_hmacWithSHA256),
                                      pbmac1(arena, 16, 100, 32, NID_hmacWithSHA512, NID_hmacWithSHA384)};
    struct cmp_answer answer = sample(arena);
    for (size_t i = 0; i < COUNT(algorithms); i++) {
        struct error err = {0};
        struct view der;
        struct cmp_message m;
        enum cmp_protection kind;
        assert_true(cmp_seal_mac(arena, &answer, read_algorithm(arena, algorithms[i]), secret, &der, &err));
        assert_true(cmp_decode(arena, der, &m, &err));
        assert_true(cmp_protection_kind(arena, &m, &everything, &kind, &err));
        assert_int_equal(kind, CMP_BY_MAC);
        assert_true(cmp_verify_mac(arena, &m, secret, &err));
        assert_false(cmp_verify_mac(arena, &m, VIEW_LITERAL("another"), &err));
        assert_string_equal(err.type, "cmp-protection");
        assert_int_equal(m.body, CMP_ERROR_BODY);
        assert_true(m.implicit_confirm && view_is(m.sender_kid, "ref"));
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* No octet of header or body can change without the MAC noticing. */
static void test_every_octet(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct cmp_answer answer = sample(arena);
    struct error err = {0};
    struct view der;
    assert_true(cmp_seal_mac(arena, &answer,
                             read_algorithm(arena, pbm(arena, 16, NID_sha256, 100, NID_hmacWithSHA256)), secret,
                             &der, &err));
    for (size_t i = 0; i < der.len; i++) {
        SCOPED_ARENA struct arena *turn = arena_new();
        struct cmp_message m;
        enum cmp_protection kind;
        struct view copy = arena_copy(turn, der.at, der.len);
        ((uint8_t *)copy.at)[i] ^= 0x01;
        bool through = cmp_decode(turn, copy, &m, &err) && cmp_protection_kind(turn, &m, &everything, &kind, &err) &&
                       kind == CMP_BY_MAC && cmp_verify_mac(turn, &m, secret, &err);
        if (through)
            fail_msg("octet %zu of %zu can be changed", i, der.len);
        (void)cmp_describe(turn, copy);
        assert_false(cmp_decode(turn, view_of(der.at, i), &m, &err)); /* nor can it end early */
    }
    assert_int_equal(ERR_peek_error(), 0);
}

struct bounds_row {
    const char *name;
    struct view algorithm;
    bool accepted;
};

static void test_bounds(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const int sha = NID_sha256, hmac = NID_hmacWithSHA256;
    const struct bounds_row rows[] = {
        {"good", pbm(arena, 16, sha, 1000, hmac), true},
        {"short salt", pbm(arena, 7, sha, 1000, hmac), false},
        {"long salt", pbm(arena, 65, sha, 1000, hmac), false},
        {"few iterations", pbm(arena, 16, sha, 99, hmac), false},
        {"many iterations", pbm(arena, 16, sha, 100001, hmac), false},
        {"negative iterations", pbm(arena, 16, sha, -1, hmac), false},
        {"SHA-1", pbm(arena, 16, NID_sha1, 1000, hmac), false},
        {"HMAC-SHA1", pbm(arena, 16, sha, 1000, NID_hmac_sha1), false},
        {"MD5", pbm(arena, 16, NID_md5, 1000, hmac), false},
        {"no HMAC", pbm(arena, 16, sha, 1000, NID_sha256), false},
        {"PBMAC1", pbmac1(arena, 16, 1000, 32, hmac, hmac), true},
        {"PBMAC1 with SHA-1", pbmac1(arena, 16, 1000, 32, NID_hmacWithSHA1, hmac), false},
        {"PBMAC1 with a short key", pbmac1(arena, 16, 1000, 1, hmac, hmac), false},
        {"PBMAC1 with many iterations", pbmac1(arena, 16, 100001, 32, hmac, hmac), false},
        {"PBM without parameters", algorithm(arena, NID_id_PasswordBasedMAC), false},
        {"PBMAC1 without parameters", algorithm(arena, NID_pbmac1), false},
        {"a cipher", algorithm(arena, NID_aes_256_cbc), false},
        {"a signature with MD5", algorithm(arena, NID_md5WithRSAEncryption), false},
        {"a signature with SHA-1", algorithm(arena, NID_ecdsa_with_SHA1), false},
        {"RSA-PSS, whose default is SHA-1", algorithm(arena, NID_rsassaPss), false},
        {"ECDSA with SHA-256", algorithm(arena, NID_ecdsa_with_SHA256), true},
    };
    struct cmp_answer answer = sample(arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        struct cmp_message m;
        enum cmp_protection kind;
        struct view der = cmp_assemble(arena, &answer, cmp_header_der(arena, &answer, rows[i].algorithm),
                                       cmp_body_der(arena, &answer), VIEW_LITERAL("0123456789"));
        assert_true(cmp_decode(arena, der, &m, &err));
        bool accepted = cmp_protection_kind(arena, &m, &everything, &kind, &err);
        if (accepted != rows[i].accepted)
            fail_msg("%s: %s", rows[i].name, accepted ? "accepted" : err.message);
        if (!accepted)
            assert_string_equal(err.type, "cmp-algorithm");
    }
}

static X509 *certificate_for(struct arena *arena, EVP_PKEY *key, const EVP_MD *digest) {
    static const uint8_t serial = 1;
    struct error err = {0};
    X509_NAME *name = NULL;
    X509 *made = NULL;
    assert_true(name_from_text("CN=service", &name, &err));
    keep_X509_NAME(arena, name);
    struct certificate_plan plan = {.serial = view_of(&serial, 1), .subject = name, .public_key = key,
                                    .not_before_us = NOW, .not_after_us = NOW + US_PER_DAY,
                                    .key_usage = KU_DIGITAL_SIGNATURE, .path_length = -1};
    assert_true(certificate_build(&plan, &made, &err));
    assert_true(certificate_sign(made, key, digest, key, &err));
    return keep_X509(arena, made);
}

static void test_signatures(__attribute__((unused)) void **state) {
    static const struct {
        const char *type;
        bool digest;
    } rows[] = {{"RSA", true}, {"EC", true}, {"ED25519", false}, {"ED448", false}, {"ML-DSA-65", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct view der;
        struct cmp_message m;
        enum cmp_protection kind;
        EVP_PKEY *key = strcmp(rows[i].type, "RSA") == 0  ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                        : strcmp(rows[i].type, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
                                                          : EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);
        assert_non_null(key);
        arena_defer(arena, drop_EVP_PKEY, key);
        const EVP_MD *digest = rows[i].digest ? EVP_sha256() : NULL;
        X509 *certificate = certificate_for(arena, key, digest);
        struct cmp_answer answer = sample(arena);
        answer.extra_certs = certificate_der(arena, certificate);
        if (!cmp_seal_signature(arena, &answer, key, certificate, digest, &der, &err))
            fail_msg("%s: %s %s", rows[i].type, err.message, err.detail);
        assert_true(cmp_decode(arena, der, &m, &err));
        assert_int_equal(sk_X509_num(m.whole->extra_certs), 1);
        if (!cmp_protection_kind(arena, &m, &everything, &kind, &err) || kind != CMP_BY_SIGNATURE)
            fail_msg("%s: %s", rows[i].type, err.message);
        if (!cmp_verify_signature(&m, X509_get0_pubkey(certificate), &err))
            fail_msg("%s: %s", rows[i].type, err.message);
        ASN1_STRING_set(m.whole->protection, "nonsense", 8);
        assert_false(cmp_verify_signature(&m, X509_get0_pubkey(certificate), &err));
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void test_hostile(__attribute__((unused)) void **state) {
    static const struct {
        const char *name;
        struct view der;
    } rows[] = {{"empty", {NULL, 0}},
                {"text", VIEW_LITERAL("cmp")},
                {"an empty sequence", VIEW_LITERAL("\x30\x00")},
                {"a length that lies", VIEW_LITERAL("\x30\x84\x7f\xff\xff\xff\x30\x00")},
                {"indefinite length", VIEW_LITERAL("\x30\x80\x00\x00")},
                {"header and body empty", VIEW_LITERAL("\x30\x04\x30\x00\xa0\x00")},
                {"a body that is no context tag", VIEW_LITERAL("\x30\x04\x30\x00\x30\x00")}};
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        struct cmp_message m;
        if (cmp_decode(arena, rows[i].der, &m, &err))
            fail_msg("%s is read", rows[i].name);
        assert_string_equal(err.type, "malformed-cmp");
        assert_non_null(strstr(cmp_describe(arena, rows[i].der), "PKIMessage"));
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void test_header(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    static const uint8_t long_id[65] = {1};
    struct {
        const char *name;
        struct cmp_answer answer;
        enum cmp_fail fail;
    } rows[8];
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i].answer = sample(arena);
    rows[0].name = "good", rows[0].fail = CMP_NO_FAIL;
    rows[1].name = "version 1", rows[1].answer.version = 1, rows[1].fail = CMP_UNSUPPORTED_VERSION;
    rows[2].name = "version 3", rows[2].answer.version = 3, rows[2].fail = CMP_NO_FAIL;
    rows[3].name = "no transaction", rows[3].answer.transaction_id.len = 0, rows[3].fail = CMP_BAD_DATA_FORMAT;
    rows[4].name = "long transaction", rows[4].answer.transaction_id = view_of(long_id, 65);
    rows[4].fail = CMP_BAD_DATA_FORMAT;
    rows[5].name = "short nonce", rows[5].answer.sender_nonce.len = 4, rows[5].fail = CMP_BAD_SENDER_NONCE;
    rows[6].name = "an old message", rows[6].answer.now_us = NOW - 3 * US_PER_DAY, rows[6].fail = CMP_BAD_TIME;
    rows[7].name = "from the future", rows[7].answer.now_us = NOW + 3 * US_PER_DAY, rows[7].fail = CMP_BAD_TIME;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        struct cmp_message m;
        enum cmp_fail why = CMP_NO_FAIL;
        assert_true(cmp_decode(arena, cmp_seal_nothing(arena, &rows[i].answer), &m, &err));
        bool ok = cmp_check_header(&m, NOW, 86400, &why, &err);
        if (ok != (rows[i].fail == CMP_NO_FAIL) || why != rows[i].fail)
            fail_msg("%s: %s %s", rows[i].name, ok ? "taken" : err.message, cmp_fail_name(why));
    }
}

static void test_integers(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    static const int64_t values[] = {0, 1, -1, 127, 128, 255, 256, -128, -129, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT(values); i++) {
        int64_t again = 0;
        const ASN1_INTEGER *read = asn1_read(arena, wire_int(arena, values[i]), ASN1_ITEM_rptr(ASN1_INTEGER));
        assert_non_null(read);
        assert_int_equal(ASN1_INTEGER_get_int64(&again, read), 1);
        assert_true(again == values[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_macs),    cmocka_unit_test(test_every_octet), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_signatures), cmocka_unit_test(test_hostile),  cmocka_unit_test(test_header),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
