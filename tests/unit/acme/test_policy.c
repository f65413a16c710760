#include "acme/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool read(struct arena *arena, const char *text, struct acme_policy *ret,
                 struct error *err) {
    const struct json *document;
    assert_true(json_parse(arena, view_text(text), &document, err));
    return acme_policy_from_json(arena, document, ret, err);
}

static void test_defaults_and_round_trip(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct acme_policy policy, again;
    struct error err;
    assert_true(read(arena, "{\"templates\":[\"web\"]}", &policy, &err));
    assert_true(policy.enabled && policy.wildcards && !policy.open && !policy.caa);
    assert_int_equal(policy.challenges.count, 3);
    assert_int_equal(policy.http_port, 80);
    assert_int_equal(policy.reach, FETCH_NOT_LOCAL);
    assert_null(policy.denied.items[0]);
    const char *text = acme_policy_to_json(arena, &policy);
    assert_true(read(arena, text, &again, &err));
    assert_string_equal(acme_policy_to_json(arena, &again), text);
    static const char full[] =
        "{\"templates\":[\"web\",\"short\"],\"profiles\":{\"s\":\"short\"},\"identifiers\":[\"**."
        "example.org\"],"
        "\"preapproved\":[\"*\",\"10.0.0.0/"
        "8\"],\"challenges\":[\"dns-01\"],\"wildcards\":false,\"bareNames\":false,"
        "\"commonName\":\"first\",\"open\":true,\"caa\":true,\"dns\":{\"resolvers\":[\"::1@53\"],"
        "\"port\":5353,"
        "\"dnssec\":true},\"validation\":{\"httpPort\":8080,\"redirects\":0,\"redirectPorts\":[443]"
        ",\"reach\":"
        "\"public\",\"denied\":[\"10.0.0.0/8\"],\"allowed\":[\"10.1.0.0/"
        "16\"],\"vantages\":[{\"name\":\"east\",\"resolvers\":[\"192.0.2.1@5353\"]},"
        "{\"name\":\"west\",\"proxy\":\"http://192.0.2.2:3128\"}],\"quorum\":1},\"lifetimes\":{\"orderHours\":1},"
        "\"limits\":{\"ordersPerHour\":5,\"identifiersPerOrder\":2}}";
    assert_true(read(arena, full, &policy, &err));
    assert_int_equal(policy.vantage_count, 2);
    assert_int_equal(policy.quorum, 1);
    text = acme_policy_to_json(arena, &policy);
    assert_true(read(arena, text, &again, &err));
    assert_string_equal(acme_policy_to_json(arena, &again), text);
    assert_string_equal(acme_policy_dns(&again).resolvers[0], "::1@53");
    assert_int_equal(again.redirect_ports[0], 443);
    assert_string_equal(again.profile_templates.items[0], "short");
}

/* clang-format off */
static const char *const bad[] = {
    "{}", "{\"templates\":[]}", "{\"templates\":\"web\"}", "{\"templates\":[1]}", "{\"templates\":[\"\"]}",
    "{\"templates\":[\"w\"],\"unknown\":1}", "{\"templates\":[\"w\"],\"challenges\":[\"http-02\"]}",
    "{\"templates\":[\"w\"],\"preapproved\":[\"a b\"]}", "{\"templates\":[\"w\"],\"identifiers\":[\"10.0.0.1/8\"]}",
    "{\"templates\":[\"w\"],\"commonName\":\"last\"}", "{\"templates\":[\"w\"],\"dns\":{\"port\":0}}",
    "{\"templates\":[\"w\"],\"dns\":{\"resolvers\":[\"ns.example\"]}}",
    "{\"templates\":[\"w\"],\"dns\":{\"resolvers\":[\"1.1.1.1\"],\"roots\":[\"1.1.1.1\"]}}",
    "{\"templates\":[\"w\"],\"validation\":{\"vantages\":[1]}}", "{\"templates\":[\"w\"],\"validation\":{\"quorum\":1}}",
    "{\"templates\":[\"w\"],\"validation\":{\"vantages\":[{\"name\":\"x\"}]}}",
    "{\"templates\":[\"w\"],\"validation\":{\"vantages\":[{\"proxy\":\"http://p\"}]}}",
    "{\"templates\":[\"w\"],\"validation\":{\"vantages\":[{\"name\":\"x\",\"resolvers\":[\"ns.example\"]}]}}",
    "{\"templates\":[\"w\"],\"validation\":{\"vantages\":[{\"name\":\"x\",\"proxy\":\"p\"},{\"name\":\"x\",\"proxy\":\"q\"}]}}",
    "{\"templates\":[\"w\"],\"validation\":{\"httpPort\":70000}}", "{\"templates\":[\"w\"],\"validation\":{\"reach\":\"x\"}}",
    "{\"templates\":[\"w\"],\"validation\":{\"denied\":[\"x\"]}}", "{\"templates\":[\"w\"],\"validation\":{\"attempts\":0}}",
    "{\"templates\":[\"w\"],\"validation\":{\"redirectPorts\":[\"80\"]}}",
    "{\"templates\":[\"w\"],\"limits\":{\"identifiersPerOrder\":101}}", "{\"templates\":[\"w\"],\"profiles\":{\"a\":1}}",
    "{\"templates\":[\"w\"],\"lifetimes\":{\"orderHours\":0}}", "[]",
};
/* clang-format on */

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct acme_policy policy;
        struct error err;
        if (read(arena, bad[i], &policy, &err))
            fail_msg("taken: %s", bad[i]);
        assert_true(err.kind == ERROR_POLICY || err.kind == ERROR_MALFORMED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_and_round_trip),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
