/* Access lists, settings, what a challenge is bound to. */
#include "client.h"

#include "ca/credential_bound.h"
#include "scep/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static void access_lists(void **state) {
    static const struct {
        const char *range, *address;
        int verdict; /* -1: the range is none */
    } rows[] = {
        {"192.0.2.7", "192.0.2.7", 1},       {"192.0.2.7", "192.0.2.8", 0},
        {"10.0.0.0/8", "10.255.0.1", 1},     {"10.0.0.0/8", "11.0.0.1", 0},
        {"0.0.0.0/0", "203.0.113.9", 1},     {"0.0.0.0/0", "2001:db8::1", 0},
        {"::/0", "2001:db8::1", 1},          {"2001:db8::/32", "2001:db8:1::5", 1},
        {"2001:db8::/32", "2001:db9::1", 0}, {"192.0.2.0/24", "::ffff:192.0.2.9", 1},
        {"2001:db8::1", "2001:0db8::1", 1},  {"192.0.2.0/24", "nonsense", 0},
        {"192.0.2.0/25", "192.0.2.127", 1},  {"192.0.2.0/25", "192.0.2.128", 0},
        {"192.0.2.1/24", "", -1},            {"192.0.2.0/33", "", -1},
        {"2001:db8::/129", "", -1},          {"192.0.2.0/", "", -1},
        {"192.0.2.0/-1", "", -1},            {"192.0.2", "", -1},
        {"", "", -1},                        {"192.0.2.0/24x", "", -1},
        {"example.test", "", -1},            {"192.0.2.0/ 24", "", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *items[] = {rows[i].range};
        struct text_list list = {items, 1};
        assert_int_equal(scep_range_check(rows[i].range, &err), rows[i].verdict >= 0);
        if (rows[i].verdict >= 0 &&
            scep_access_allows(&list, rows[i].address) != (rows[i].verdict == 1))
            fail_msg("%s, %s", rows[i].range, rows[i].address);
    }
    assert_true(scep_access_allows(&(struct text_list){0}, "192.0.2.1"));
}

static void globs(void **state) {
    static const struct {
        const char *pattern, *text;
        bool fits;
    } rows[] = {{"a", "a", true},          {"a", "b", false},        {"*", "", true},
                {"*.x", "a.b.x", true},    {"*.x", "x", false},      {"a*c", "abc", true},
                {"a*c", "abcd", false},    {"a*b*c", "aXbYc", true}, {"**", "x", true},
                {"", "", true},            {"", "a", false},         {"*a", "ba", true},
                {"*aab", "aaaab", true},   {"a*", "b", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (credential_glob(rows[i].pattern, rows[i].text) != rows[i].fits)
            fail_msg("%s, %s", rows[i].pattern, rows[i].text);
}

static void bound(void **state) {
    static const struct {
        const char *bound;
        bool fits;
    } rows[] = {
        {"{}", true},
        {"{\"subject\":{\"CN\":\"phone\"}}", true},
        {"{\"subject\":{\"CN\":\"ph*\"}}", true},
        {"{\"subject\":{\"CN\":\"tablet\"}}", false},
        {"{\"subject\":{\"CN\":\"phone\",\"O\":\"Example\"}}", false},
        {"{\"subject\":{\"CN\":[\"phone\"]}}", false},
        {"{\"sans\":[\"DNS:phone.example.test\"]}", true},
        {"{\"sans\":[\"phone.example.test\"]}", true},
        {"{\"sans\":[\"*.example.test\"]}", true},
        {"{\"sans\":[\"DNS:other.example.test\"]}", false},
        {"{\"sans\":[]}", false},
        {"{\"variables\":{\"a\":\"b\"}}", true},
    };
    SCOPED_ARENA struct arena *arena = arena_new();
    struct scep_device phone = device_new("EC", "phone");
    struct view der = device_csr(arena, phone.key, "phone", "phone.example.test", NULL);
    const unsigned char *at = der.at;
    X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)der.len);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (credential_bound_check(arena, rows[i].bound, csr, &err) != rows[i].fits)
            fail_msg("%s", rows[i].bound);
    X509_REQ_free(csr);
    device_free(&phone);
}

static bool reads(struct arena *arena, const char *text, struct scep_settings *ret) {
    const struct json *document;
    return json_parse(arena, view_text(text), &document, &err) &&
           scep_settings_read(arena, document, ret, &err);
}

static void settings(void **state) {
    static const char *const bad[] = {
        "[]", "{\"x\":1}", "{\"validation\":{\"x\":true}}", "{\"legacyAlgorithms\":1}",
        "{\"renewal\":{\"windowDays\":4000}}", "{\"access\":{\"scep\":[\"all\"]}}",
        "{\"access\":{\"scep\":[1]}}", "{\"ndes\":{\"minutes\":0}}", "{\"webhook\":{}}",
        "{\"webhook\":{\"url\":\"http://example.test/\"}}", "{\"intune\":{\"tenant\":\"t\"}}",
        "{\"intune\":{\"tenant\":\"a/b\",\"clientId\":\"c\"}}",
        "{\"intune\":{\"tenant\":\"t\",\"clientId\":\"c\",\"graphUrl\":\"ftp://x\"}}",
        "{\"mdm\":{\"minutes\":5}}", "{\"captureUntil\":\"tomorrow\"}"};
    SCOPED_ARENA struct arena *arena = arena_new();
    struct scep_settings s, again;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (reads(arena, bad[i], &s))
            fail_msg("%s was taken", bad[i]);
    assert_true(reads(arena, "{}", &s));
    assert_true(s.challenge && !s.passphrase && !s.anyone && !s.legacy && s.renewal.enabled);
    assert_true(reads(arena,
                      "{\"intune\":{\"tenant\":\"t\",\"clientId\":\"c\",\"secret\":\"sesame\"},"
                      "\"nextCa\":\"next\",\"access\":{\"ndes\":[\"::1\"]}}",
                      &s));
    const char *stored = scep_settings_write(arena, &s, false);
    assert_non_null(strstr(stored, "sesame"));
    assert_true(reads(arena, stored, &again));
    assert_string_equal(scep_settings_write(arena, &again, false), stored);
    assert_null(strstr(scep_settings_write(arena, &s, true), "sesame"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_lists),
        cmocka_unit_test(globs),
        cmocka_unit_test(bound),
        cmocka_unit_test(settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
