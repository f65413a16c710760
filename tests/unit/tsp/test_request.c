#include "fixture.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define SHA256 "300b0609608648016503040201"
#define SHA256_NULL "300d06096086480165030402010500"
#define SHA1 "300906052b0e03021a0500"
#define MD5 "300c06082a864886f70d02050500"
#define H32 "6868686868686868686868686868686868686868686868686868686868686868"

static const struct {
    const char *name, *hex;
    int failure; /* -1: decoded */
} rows[] = {
    {"plain", "3034020101302f" SHA256 "0420" H32, -1},
    {"NULL parameters", "3036020101 3031" SHA256_NULL "0420" H32, -1},
    {"certReq", "3037020101302f" SHA256 "0420" H32 "0101ff", -1},
    {"SHA-1 decodes", "3026020101 3021" SHA1 "0414" "6868686868686868686868686868686868686868", -1},
    {"empty", "", TSP_BAD_DATA_FORMAT},
    {"no SEQUENCE", "0500", TSP_BAD_DATA_FORMAT},
    {"empty SEQUENCE", "3000", TSP_BAD_DATA_FORMAT},
    {"trailing byte", "3034020101302f" SHA256 "0420" H32 "00", TSP_BAD_DATA_FORMAT},
    {"cut short", "3034020101302f" SHA256 "0420", TSP_BAD_DATA_FORMAT},
    {"version 2", "3034020102302f" SHA256 "0420" H32, TSP_BAD_REQUEST},
    {"version 0", "3034020100302f" SHA256 "0420" H32, TSP_BAD_REQUEST},
    {"31 octets", "3033020101302e" SHA256 "041f" "68686868686868686868686868686868686868686868686868686868686868",
     TSP_BAD_DATA_FORMAT},
    {"no octets", "3014020101300f" SHA256 "0400", TSP_BAD_DATA_FORMAT},
    {"MD5", "3025020101 3020" MD5 "0410" "68686868686868686868686868686868", TSP_BAD_ALG},
    {"OID with parameters", "3037020101 3032" "300e0609608648016503040201020105" "0420" H32, TSP_BAD_ALG},
    {"unknown hash", "3030020101302b" "3007" "06052a03040506" "0420" H32, TSP_BAD_ALG},
    {"extension", "3041020101302f" SHA256 "0420" H32 "a00b3009" "06032a0304" "04020500", TSP_UNACCEPTED_EXTENSION},
    {"critical extension", "3044020101302f" SHA256 "0420" H32 "a00e300c" "06032a0304" "0101ff" "04020500",
     TSP_UNACCEPTED_EXTENSION},
    {"nonce of 65 octets",
     "3077020101302f" SHA256 "0420" H32 "0241" "01" H32 H32, TSP_BAD_REQUEST},
};

static struct view from_hex(struct arena *arena, const char *hex) {
    char text[4096];
    size_t n = 0;
    struct view bytes;
    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            text[n++] = *hex;
    assert_true(hex_decode(arena, view_of(text, n), &bytes));
    return bytes;
}

static void test_requests(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct tsp_query query;
        struct error err = {0};
        enum tsp_failure failure = TSP_SYSTEM_FAILURE;
        bool ok = tsp_request_decode(arena, from_hex(arena, rows[i].hex), &query, &failure, &err);
        if (ok != (rows[i].failure < 0) || (!ok && (int)failure != rows[i].failure))
            fail_msg("%s: %s, failure %d: %s", rows[i].name, ok ? "decoded" : "refused", (int)failure, err.message);
    }
}

static bool same_query(const struct tsp_query *a, const struct tsp_query *b) {
    return view_equal(a->imprint, b->imprint) && strcmp(a->digest, b->digest) == 0 &&
           view_equal(a->hash, b->hash) && view_equal(a->policy, b->policy) &&
           view_equal(a->nonce, b->nonce) && a->certificates == b->certificates;
}

static void compare(const char *name, struct view der) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct tsp_query ours, theirs;
    struct error err = {0};
    enum tsp_failure failures[2] = {TSP_SYSTEM_FAILURE, TSP_SYSTEM_FAILURE};
    bool ok = tsp_request_decode(arena, der, &ours, &failures[0], &err);
    if (ok != tsp_request_decode_any(arena, der, &theirs, &failures[1], &err) ||
        failures[0] != failures[1] || (ok && !same_query(&ours, &theirs)))
        fail_msg("%s: read otherwise than by OpenSSL: %s", name, hex_encode(arena, der));
}

/* What is read by hand is what OpenSSL reads, whatever a byte of it becomes. */
static void test_as_openssl(void **state) {
    (void)state;
    static const char *const forms[] = {
        "3034020101302f" SHA256 "0420" H32,
        "3037020101 302f" SHA256 "0420" H32 "0101ff",
        "3036020101 3031" SHA256_NULL "0420" H32,
        "303f020101 3031" SHA256_NULL "0420" H32 "0604 2a030481" "0101ff",
        "3047020101 3031" SHA256_NULL "0420" H32 "0604 2a038104" "0206 00fedcba9876" "0101ff",
        "303e020101 3031" SHA256_NULL "0420" H32 "0203 ff0001" "0101ff",
        "3042020101 3031" SHA256_NULL "0420" H32 "0604 2a030401" "0204 00000001",
        "3026020101 3021" SHA1 "0414" "6868686868686868686868686868686868686868",
    };
    static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0b, 0x0d, 0x20, 0x2f, 0x30,
                                     0x31, 0x33, 0x35, 0x36, 0x37, 0x41, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xff};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct view der = from_hex(arena, forms[i]);
        uint8_t *bytes = (uint8_t *)(uintptr_t)der.at;
        compare(forms[i], der);
        for (size_t k = 0; k < der.len; k++) {
            uint8_t before = bytes[k];
            compare(forms[i], view_of(der.at, k));
            for (size_t v = 0; v < sizeof values; v++) {
                bytes[k] = values[v];
                compare(forms[i], der);
            }
            bytes[k] = before;
        }
    }
}

/* Every truncation and every flipped byte is answered, never crashes. */
static void test_damage(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct fixture *f = fixture_new("EC");
    struct view good = fixture_query(arena);
    for (size_t i = 0; i < 2 * good.len; i++) {
        SCOPED_ARENA struct arena *own = arena_new();
        struct view bad = arena_copy(own, good.at, i < good.len ? i : good.len);
        struct http_response response;
        struct error err = {0};
        if (i >= good.len)
            ((uint8_t *)bad.at)[i - good.len] ^= 0xff;
        assert_true(fixture_post(f, own, bad, &response, &err));
        assert_int_equal(response.status, 200);
        assert_true(response.body.len > 5);
    }
    fixture_free(f);
}

static void test_authenticode(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const struct {
        const char *name, *hex;
        bool ok;
    } table[] = {
        {"plain", "3023060a2b060104018237030201 3015 06092a864886f70d010701 a008 0406736967736967", true},
        {"empty signature", "301d060a2b060104018237030201 300f 06092a864886f70d010701 a002 0400", false},
        {"another type", "3023060a2b060104018237030202 3015 06092a864886f70d010701 a008 0406736967736967", false},
        {"signed data", "3023060a2b060104018237030201 3015 06092a864886f70d010702 a008 0406736967736967", false},
        {"trailing", "3023060a2b060104018237030201 3015 06092a864886f70d010701 a008 0406736967736967 00", false},
        {"cut", "3023060a2b060104018237030201 3015 06092a", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *text = base64_encode(arena, from_hex(arena, table[i].hex));
        struct view content;
        struct error err = {0};
        assert_true(tsp_is_authenticode(view_text(text)));
        bool ok = tsp_authenticode_decode(arena, view_text(text), &content, &err);
        if (ok != table[i].ok)
            fail_msg("%s: %s %s", table[i].name, ok ? "decoded" : "refused", err.message);
        if (ok)
            assert_true(view_is(content, "sigsig"));
    }
    assert_false(tsp_is_authenticode(fixture_query(arena)));
    assert_false(tsp_is_authenticode(view_text("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_as_openssl),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_authenticode),
    };
    return cmocka_run_group_tests_name("timestamp requests", tests, NULL, NULL);
}
