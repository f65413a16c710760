/* The settings document: defaults, a round trip, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "est/settings.h"

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <string.h>

static void test_rows(__attribute__((unused)) void **state) {
    static const struct {
        const char *document, *problem;
    } rows[] = {
        {"{}", NULL},
        {"{\"basic\":false,\"challenge\":false,\"approveDevices\":false}", NULL},
        {"{\"ownCertificates\":\"any\",\"names\":\"caller\",\"channelBinding\":\"required\"}", NULL},
        {"{\"ownCertificates\":\"none\",\"channelBinding\":\"ignore\",\"retryAfterSeconds\":1}", NULL},
        {"{\"ownCertificates\":\"\"}", "est-settings"},
        {"{\"names\":\"user\"}", "est-settings"},
        {"{\"names\":1}", "wrong-type"},
        {"{\"channelBinding\":true}", "wrong-type"},
        {"{\"channelBinding\":\"Required\"}", "est-settings"},
        {"{\"basic\":\"yes\"}", "wrong-type"},
        {"{\"retryAfterSeconds\":0}", "out-of-range"},
        {"{\"retryAfterSeconds\":86401}", "out-of-range"},
        {"{\"leastKeyStrength\":128,\"leastDigestBits\":384}", NULL},
        {"{\"leastKeyStrength\":2048}", "out-of-range"},
        {"{\"leastKeyStrength\":130}", "bad-minimum"},
        {"{\"leastDigestBits\":0}", "bad-minimum"},
        {"{\"digest\":\"sha-256\"}", NULL},
        {"{\"digest\":\"md5\"}", NULL},
        {"{\"digest\":\"sha-1\"}", "est-settings"},
        {"{\"digest\":true}", "wrong-type"},
        {"{\"unknown\":1}", "unknown-field"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct est_settings settings, again;
        const struct json *document;
        assert_true(json_parse(arena, view_text(rows[i].document), &document, &err));
        bool ok = est_settings_read(document, &settings, &err);
        if (ok != (rows[i].problem == NULL) || (!ok && strcmp(err.type, rows[i].problem) != 0))
            fail_msg("%s: %s %s", rows[i].document, ok ? "taken" : err.type, err.message);
        if (!ok)
            continue;
        const char *text = est_settings_write(arena, &settings);
        assert_true(json_parse(arena, view_text(text), &document, &err));
        assert_true(est_settings_read(document, &again, &err));
        assert_string_equal(est_settings_write(arena, &again), text);
    }
}

static void test_defaults(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    struct est_settings s;
    const struct json *document;
    assert_true(json_parse(arena, view_text("{}"), &document, &err));
    assert_true(est_settings_read(document, &s, &err));
    assert_true(s.basic && s.challenge && s.approve_devices && !s.names_of_caller);
    assert_int_equal(s.own, EST_OWN_SAME_NAMES);
    assert_int_equal(s.binding, EST_BINDING_IF_PRESENT);
    assert_int_equal(s.retry_s, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_defaults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
