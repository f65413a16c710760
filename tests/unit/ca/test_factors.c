/* Second factors without a database: the tables of RFC 6238 and RFC 4648, and what a security key may not answer. */
#include "ca/totp.h"
#include "ca/webauthn.h"

#include "base/clock.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* rfc6238#appendix-B, SHA-1, its last six digits. */
static void codes_are_those_of_rfc6238(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *code;
    } rows[] = {{59, "287082"},         {1111111109, "081804"},  {1111111111, "050471"},
                {1234567890, "005924"}, {2000000000, "279037"},  {INT64_C(20000000000), "353130"}};
    struct view secret = view_text("12345678901234567890");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char code[7];
        int64_t step = rows[i].seconds / TOTP_STEP_S, now = rows[i].seconds * US_PER_SECOND;
        totp_code(secret, (uint64_t)step, code);
        assert_string_equal(code, rows[i].code);
        assert_int_equal(totp_match(secret, code, now), step);
        assert_int_equal(totp_match(secret, code, now + 30 * US_PER_SECOND), step);
        assert_int_equal(totp_match(secret, code, now - 30 * US_PER_SECOND), step);
        assert_int_equal(totp_match(secret, code, now + 60 * US_PER_SECOND), 0);
    }
}

static void only_six_digits_are_a_code(void **state) {
    (void)state;
    struct view secret = view_text("12345678901234567890");
    static const char *const bad[] = {"", "28708", "2870820", "28708a", "-87082", "287082x", "28 70 8", "\357\274\22287082"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(totp_match(secret, bad[i], 59 * US_PER_SECOND), 0);
    assert_int_equal(totp_match(secret, "287 082", 59 * US_PER_SECOND), 1);
}

static void base32_is_that_of_rfc4648(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const char *const rows[][2] = {{"", ""},           {"f", "MY"},         {"fo", "MZXQ"},
                                          {"foo", "MZXW6"},   {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"},
                                          {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(totp_base32(arena, view_text(rows[i][0])), rows[i][1]);
    assert_string_equal(totp_uri(arena, "Gatehouse", "a b@c", view_text("foobar")),
                        "otpauth://totp/Gatehouse:a%20b%40c?secret=MZXW6YTBOI&issuer=Gatehouse");
}

static void attestation_objects(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        bool good;
    } rows[] = {
        /* {"fmt": "none", "attStmt": {}, "authData": h'0102'} */
        {"a363666d74646e6f6e656761747453746d74a068617574684461746142" "0102", true},
        /* a member that is not known, of every kind */
        {"a463666d74646e6f6e656761747453746d74a06861757468446174614201026178" "8201a161796162", true},
        {"", false},
        {"a0", false},
        {"80", false},
        {"a363666d74646e6f6e656761747453746d74a068617574684461746142" "01", false},   /* cut */
        {"a363666d74646e6f6e656761747453746d74a068617574684461746142" "010200", false}, /* more */
        {"a263666d74646e6f6e656761747453746d74a0", false},                             /* no authData */
        {"bf63666d74646e6f6e65ff", false},                                             /* indefinite length */
        {"a363666d745bffffffffffffffff", false},
        {"a363666d747bffffffffffffffff00", false},
        {"bbffffffffffffffff", false},
        {"a16161818181818181818181818181818100", false}, /* too deep */
        {"a16161c1c1c1c1c1c1c1c1c1c1c1c1c100", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct attestation_parts parts;
        struct view bytes = {0};
        assert_true(rows[i].hex[0] == '\0' || hex_decode(arena, view_text(rows[i].hex), &bytes));
        if (attestation_read(arena, bytes, &parts) != rows[i].good)
            fail_msg("row %zu", i);
        if (rows[i].good) {
            assert_string_equal(parts.format, "none");
            assert_int_equal(parts.auth_data.len, 2);
            assert_int_equal(parts.statement.len, 1);
        }
    }
}

static void a_site_is_the_host_of_the_console(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct webauthn_site site = webauthn_site(arena, "https://pki.example.com:8443/x");
    assert_string_equal(site.rp_id, "pki.example.com");
    assert_string_equal(site.origin, "https://pki.example.com");
}

/* What the browser says about the call, before any signature is looked at. */
static void client_data_is_held_against_the_challenge(void **state) {
    (void)state;
    static const struct {
        const char *client_data, *why;
    } rows[] = {
        {"{\"type\":\"webauthn.get\",\"challenge\":\"abc\",\"origin\":\"https://pki.example.com\"}", "another purpose"},
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abd\",\"origin\":\"https://pki.example.com\"}", "another challenge"},
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abcd\",\"origin\":\"https://pki.example.com\"}", "another challenge"},
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abc\",\"origin\":\"https://pki.example.com.evil\"}", "made for"},
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abc\",\"origin\":\"http://pki.example.com\"}", "made for"},
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abc\",\"origin\":\"https://pki.example.com\",\"crossOrigin\":true}",
         "made for"},
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abc\"}", "nowhere"},
        {"[]", "another purpose"},
        {"{", "client data"},
        /* right: the object is looked at next */
        {"{\"type\":\"webauthn.create\",\"challenge\":\"abc\",\"origin\":\"https://pki.example.com:8443\"}", "is broken"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct webauthn_site site = webauthn_site(arena, "https://pki.example.com:8443");
        const struct json *credential;
        struct webauthn_key key;
        struct error err = {0};
        const char *text = arena_printf(
            arena, "{\"id\":\"AAAA\",\"response\":{\"clientDataJSON\":\"%s\",\"attestationObject\":\"AAAA\"}}",
            base64url_encode(arena, view_text(rows[i].client_data)));
        assert_true(json_parse(arena, view_text(text), &credential, &err));
        assert_false(webauthn_register(arena, &site, "abc", credential, &key, &err));
        assert_string_equal(err.type, "bad-credential");
        if (strstr(err.message, rows[i].why) == NULL)
            fail_msg("row %zu: %s", i, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_rfc6238),
        cmocka_unit_test(only_six_digits_are_a_code),
        cmocka_unit_test(base32_is_that_of_rfc4648),
        cmocka_unit_test(attestation_objects),
        cmocka_unit_test(a_site_is_the_host_of_the_console),
        cmocka_unit_test(client_data_is_held_against_the_challenge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
