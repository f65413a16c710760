/* PROXY headers: who is believed to have called, in both versions, and what is no header. */
#include "http/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_ADDRESSES "\xc0\x00\x02\x01\xc6\x33\x64\x01\x12\x67\x01\xbb"
#define V6_ADDRESSES                                                                                                     \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08\x12\x67\x01\xbb"
#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *at;
    size_t len;
    long used;
    const char *client;
} good[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n\x16\x03\x01"), 44, "192.0.2.1"},
    {BYTES("PROXY TCP6 2001:db8::7 2001:db8::8 4711 443\r\n"), 45, "2001:db8::7"},
    {BYTES("PROXY UNKNOWN\r\nx"), 15, ""},
    {BYTES("PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n"), 43, ""},
    {BYTES(SIGNATURE "\x21\x11\0\x0c" V4_ADDRESSES "\x16"), 28, "192.0.2.1"},
    {BYTES(SIGNATURE "\x21\x21\0\x24" V6_ADDRESSES), 52, "2001:db8::7"},
    {BYTES(SIGNATURE "\x21\x11\0\x10" V4_ADDRESSES "\x04\0\x01x"), 32, "192.0.2.1"}, /* with a TLV */
    {BYTES(SIGNATURE "\x20\0\0\0\x16"), 16, ""},                                     /* LOCAL */
    {BYTES(SIGNATURE "\x20\x11\0\x0c" V4_ADDRESSES), 28, ""},
    {BYTES(SIGNATURE "\x21\x31\0\0"), 16, ""}, /* a unix socket */
};

static const struct {
    const char *at;
    size_t len;
} bad[] = {
    {BYTES("GET / HTTP/1.1\r\n")},
    {BYTES("\x16\x03\x01\x02")}, /* TLS at once */
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 4711\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443 1\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1  198.51.100.1 4711 443\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443 \r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 123456 443\r\n")},
    {BYTES("PROXY TCP4 192.0.2.256 198.51.100.1 1 443\r\n")},
    {BYTES("PROXY TCP4 2001:db8::7 198.51.100.1 1 443\r\n")},
    {BYTES("PROXY TCP6 192.0.2.1 2001:db8::8 1 443\r\n")},
    {BYTES("PROXY TCP5 192.0.2.1 198.51.100.1 1 443\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.1 1 443\r\n")},
    {BYTES("PROXY UNKNOWNS\r\n")},
    {BYTES("PROXY \r\n")},
    {BYTES("PROXY TCP4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")},
    {BYTES(SIGNATURE "\x11\x11\0\x0c" V4_ADDRESSES)}, /* version 1 in version 2's form */
    {BYTES(SIGNATURE "\x22\x11\0\x0c" V4_ADDRESSES)}, /* no such command */
    {BYTES(SIGNATURE "\x21\x11\0\x0b" V4_ADDRESSES)}, /* too short for its addresses */
    {BYTES(SIGNATURE "\x21\x21\0\x0c" V4_ADDRESSES)},
    {BYTES(SIGNATURE "\x21\x11\xff\xff" V4_ADDRESSES)}, /* longer than anybody needs */
};

static void test_good(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char client[HTTP_PROXY_ADDRESS] = "poison";
        const uint8_t *at = (const uint8_t *)good[i].at;
        assert_int_equal(http_proxy_parse(at, good[i].len, client), good[i].used);
        assert_string_equal(client, good[i].client);
        for (long len = 0; len < good[i].used; len++) /* every beginning of it waits for more */
            assert_int_equal(http_proxy_parse(at, (size_t)len, client), 0);
    }
}

static void test_bad(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char client[HTTP_PROXY_ADDRESS];
        if (http_proxy_parse((const uint8_t *)bad[i].at, bad[i].len, client) != -1)
            fail_msg("taken for a header: %s", bad[i].at);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests_name("http_proxy_protocol", tests, NULL, NULL);
}
