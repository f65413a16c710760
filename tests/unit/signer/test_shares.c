/* Secret sharing: the field against FIPS 197, a worked example, every choice of k of n, and shares that are wrong. */
#include "signer/shamir.h"
#include "signer/share.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void field(void **state) {
    (void)state;
    assert_int_equal(shamir_multiply(0x57, 0x83), 0xc1); /* FIPS 197 section 4.2 */
    assert_int_equal(shamir_multiply(0x57, 0x13), 0xfe); /* section 4.2.1 */
    assert_int_equal(shamir_invert(0x53), 0xca);
    assert_int_equal(shamir_invert(0), 0);
    for (unsigned a = 1; a < 256; a++)
        assert_int_equal(shamir_multiply((uint8_t)a, shamir_invert((uint8_t)a)), 1);
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            assert_int_equal(shamir_multiply((uint8_t)a, (uint8_t)b), shamir_multiply((uint8_t)b, (uint8_t)a));
}

/* f(x) = 0x42 + 0x17 x + 0xa5 x^2, worked out apart from this program. */
static const struct {
    uint8_t x, y;
} points[] = {{1, 0xf0}, {2, 0xce}, {3, 0x7c}, {4, 0xa0}, {5, 0x12}};

static void worked_example(void **state) {
    static const uint8_t coefficients[] = {0x42, 0x17, 0xa5};
    uint8_t y, secret;
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        shamir_share(coefficients, 3, 1, points[i].x, &y);
        assert_int_equal(y, points[i].y);
    }
    const uint8_t xs[] = {5, 2, 4};
    const uint8_t *const ys[] = {&points[4].y, &points[1].y, &points[3].y};
    shamir_join(xs, ys, 3, 1, &secret);
    assert_int_equal(secret, 0x42);
}

static const uint8_t key[KEK_SIZE] = "0123456789abcdef0123456789abcde";
static const struct kek kek = {.id = "\1\2\3\4\5\6\7\x08\t\n\x0b\x0c\r\x0e\x0f\x10", .id_len = 16};

static void make(unsigned k, unsigned n, struct share *shares) {
    struct error err = {0};
    assert_true(shares_make(&kek, key, k, n, shares, &err));
    for (unsigned i = 0; i < n; i++)
        shares[i].from = "a file";
}

static void every_choice(void **state) {
    struct share shares[5], chosen[5];
    (void)state;
    make(3, 5, shares);
    for (unsigned set = 0; set < 32; set++) {
        uint8_t back[KEK_SIZE];
        struct error err = {0};
        size_t count = 0;
        for (unsigned i = 0; i < 5; i++)
            if ((set >> i & 1) != 0)
                chosen[count++] = shares[i];
        assert_int_equal(shares_join(chosen, count, back, &err), count >= 3);
        if (count >= 3)
            assert_memory_equal(back, key, KEK_SIZE);
        else
            assert_non_null(strstr(err.message, count == 0 ? "no share" : "are needed"));
    }
}

/* The key is not in its shares, and two splittings of it have nothing in common. */
static void shares_are_random(void **state) {
    struct share a[3], b[3];
    (void)state;
    make(2, 3, a);
    make(2, 3, b);
    for (int i = 0; i < 3; i++) {
        assert_memory_not_equal(a[i].value, key, KEK_SIZE);
        assert_memory_not_equal(a[i].value, b[i].value, KEK_SIZE);
    }
    assert_memory_not_equal(a[0].set, b[0].set, SHARE_SET_SIZE);
}

static void as_text(void **state) {
    char text[SHARE_TEXT_MAX], folded[2 * SHARE_TEXT_MAX] = "Share 2\n\n";
    struct share shares[3], back;
    struct error err = {0};
    bool found;
    (void)state;
    make(2, 3, shares);
    share_format(&shares[1], text);
    assert_memory_equal(text, "ghk1-2-3-2-0102030405060708090a0b0c0d0e0f10-", 44);
    size_t at = strlen(folded);
    for (size_t i = 0; text[i] != '\0'; i++) { /* typed from paper, in groups */
        folded[at++] = text[i];
        if (i % 20 == 19)
            folded[at++] = i % 40 == 39 ? '\n' : ' ';
    }
    memcpy(folded + at, "\n.", 3);
    struct view rest = view_text(folded);
    assert_true(share_parse(&rest, "paper", &back, &found, &err));
    assert_true(found);
    assert_int_equal(back.x, 2);
    assert_memory_equal(back.value, shares[1].value, KEK_SIZE);
    assert_true(share_parse(&rest, "paper", &back, &found, &err));
    assert_false(found);
}

/* Every single character that is changed is noticed, and so is a text that is cut off. */
static void mistyped(void **state) {
    char text[SHARE_TEXT_MAX], wrong[SHARE_TEXT_MAX];
    struct share shares[2], back;
    (void)state;
    make(2, 2, shares);
    share_format(&shares[0], text);
    for (size_t i = 5; i < strlen(text); i++) {
        struct error err = {0};
        bool found = false;
        memcpy(wrong, text, sizeof wrong);
        wrong[i] = wrong[i] == '7' ? '8' : '7';
        struct view rest = view_text(wrong);
        assert_false(share_parse(&rest, "slip 1", &back, &found, &err));
        assert_string_equal(err.type, "bad-share");
        assert_non_null(strstr(err.message, "slip 1"));
        rest = view_of(text, i);
        assert_false(share_parse(&rest, "slip 1", &back, &found, &err));
    }
}

static void refused(const struct share *shares, size_t count, const char *words) {
    uint8_t back[KEK_SIZE];
    struct error err = {0};
    assert_false(shares_join(shares, count, back, &err));
    assert_string_equal(err.type, "bad-share");
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err.message, words);
}

static void not_together(void **state) {
    struct share shares[5], other[5], two[5];
    (void)state;
    make(3, 5, shares);
    make(3, 5, other);
    two[0] = shares[0], two[1] = shares[1], two[2] = other[2];
    two[2].from = "slip 3";
    refused(two, 3, "slip 3 is of another splitting");
    two[2] = shares[1];
    two[2].from = "slip 2 again";
    refused(two, 3, "slip 2 again has the same number");
    two[2] = shares[2];
    two[2].kek.id[15] ^= 1;
    refused(two, 3, "of another key");
    two[2] = shares[2];
    two[2].value[7] ^= 1; /* with a check sum that fits */
    two[2].from = "slip 3";
    refused(two, 3, "One of these 3 shares is wrong");
    two[3] = shares[4];
    refused(two, 4, "slip 3 is wrong");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field),        cmocka_unit_test(worked_example),
        cmocka_unit_test(every_choice), cmocka_unit_test(shares_are_random),
        cmocka_unit_test(as_text),      cmocka_unit_test(mistyped),
        cmocka_unit_test(not_together),
    };
    CRYPTO_secure_malloc_init(32768, 16);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
