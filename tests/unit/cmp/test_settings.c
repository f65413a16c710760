/* The settings document: defaults, a round trip, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "cmp/settings.h"

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <string.h>

static void test_rows(__attribute__((unused)) void **state) {
    static const struct {
        const char *document, *problem;
    } rows[] = {
        {"{}", NULL},
        {"{\"protection\":[\"signature\"],\"sha1\":true,\"pollSeconds\":1}", NULL},
        {"{\"ownCertificates\":\"any\",\"keyPackage\":\"bare\",\"centralKeyGeneration\":true}", NULL},
        {"{\"protection\":[]}", "cmp-settings"},
        {"{\"protection\":[1]}", "cmp-settings"},
        {"{\"protection\":\"pbm\"}", "wrong-type"},
        {"{\"ownCertificates\":\"\"}", "cmp-settings"},
        {"{\"keyPackage\":\"p12\"}", "cmp-settings"},
        {"{\"maxIterations\":99}", "out-of-range"},
        {"{\"confirmSeconds\":0}", "out-of-range"},
        {"{\"leastKeyStrength\":192,\"leastDigestBits\":512}", NULL},
        {"{\"leastDigestBits\":160}", "bad-minimum"},
        {"{\"leastDigestBits\":256,\"sha1\":true}", "cmp-settings"},
        {"{\"unknown\":1}", "unknown-field"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct cmp_settings settings, again;
        const struct json *document;
        assert_true(json_parse(arena, view_text(rows[i].document), &document, &err));
        bool ok = cmp_settings_read(document, &settings, &err);
        if (ok != (rows[i].problem == NULL) || (!ok && strcmp(err.type, rows[i].problem) != 0))
            fail_msg("%s: %s %s", rows[i].document, ok ? "taken" : err.type, err.message);
        if (!ok)
            continue;
        const char *text = cmp_settings_write(arena, &settings);
        assert_true(json_parse(arena, view_text(text), &document, &err));
        assert_true(cmp_settings_read(document, &again, &err));
        assert_string_equal(text, cmp_settings_write(arena, &again));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
