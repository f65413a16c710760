/* Problem names and statuses, stored challenges, and the window of renewal information. */
#include "acme/internal.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
    enum error_kind kind;
    const char *type, *name;
    int status;
} errors[] = {
    {ERROR_MALFORMED, "bad-jws", "malformed", 400},     {ERROR_MALFORMED, "bad-jwk", "badPublicKey", 400},
    {ERROR_POLICY, "weak-key", "badCSR", 400},          {ERROR_POLICY, "san-type", "badCSR", 400},
    {ERROR_POLICY, "unsupported-identifier", "unsupportedIdentifier", 400},
    {ERROR_NOT_FOUND, "not-found", "malformed", 404},   {ERROR_TOO_MANY, "slow-down", "rateLimited", 429},
    {ERROR_UNAVAILABLE, "database-busy", "serverInternal", 503},
    {ERROR_INTERNAL, "internal", "serverInternal", 500}, {ERROR_TOO_LARGE, "too-large", "malformed", 413},
};
/* clang-format on */

static void test_names(void **state) {
    (void)state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        err = (struct error){.kind = errors[i].kind};
        memcpy(err.type, errors[i].type, strlen(errors[i].type));
        assert_string_equal(acme_problem_name(&err), errors[i].name);
        assert_int_equal(acme_problem_status(&err), errors[i].status);
    }
    assert_false(
        acme_refuse(&err, "orderNotReady", ERROR_FORBIDDEN, "The order is %s.", "pending"));
    assert_string_equal(acme_problem_name(&err), "orderNotReady");
    assert_string_equal(err.message, "The order is pending.");
    assert_int_equal(acme_problem_status(&err), 403);
    assert_false(acme_refuse(NULL, "dns", ERROR_POLICY, "nobody listens"));
}

static void test_secrets_stay(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    struct error err = {.kind = ERROR_INTERNAL, .message = "inside", .detail = "far inside"};
    acme_problem_write(&w, arena, &err, NULL);
    assert_null(strstr(json_written(&w), "inside"));
}

static void test_challenges(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct challenges challenges, again;
    struct error err;
    static const char text[] = "[{\"type\":\"http-01\",\"token\":\"t\",\"state\":\"processing\","
                               "\"attempts\":2,\"validated\":0,"
                               "\"problem\":{\"detail\":\"d\"}},{\"type\":\"dns-01\",\"token\":"
                               "\"u\",\"state\":\"pending\",\"attempts\":0,"
                               "\"validated\":0}]";
    assert_true(challenges_read(arena, text, &challenges, &err));
    assert_int_equal(challenges.count, 2);
    assert_int_equal(challenges.items[0].state, CHALLENGE_PROCESSING);
    assert_string_equal(challenges_write(arena, &challenges), text);
    assert_true(challenges_read(arena, "[]", &again, &err));
    assert_int_equal(again.count, 0);
    assert_false(challenges_read(arena, "{", &again, &err));
}

static void test_window(void **state) {
    (void)state;
    int64_t day = US_PER_DAY, start, end;
    struct certificate_record certificate = {.not_before_us = 1000 * day,
                                             .not_after_us = 1090 * day};
    ari_window(&certificate, 1001 * day, &start, &end);
    assert_int_equal(start, 1060 * day);
    assert_true(end > start && end < 1070 * day);
    certificate.revoked = true;
    certificate.revoked_us = 1005 * day;
    ari_window(&certificate, 1006 * day, &start, &end);
    assert_true(start < end && end <= 1006 * day);
}

static void test_seen(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    assert_string_equal(check_seen(arena, VIEW_LITERAL("a\x1b[31m\"\n\x80z"), 80), "a.[31m...z");
    assert_string_equal(check_seen(arena, VIEW_LITERAL("abcdef"), 3), "abc...");
}

static void test_states(void **state) {
    (void)state;
    struct acme_authorization authorization = {.state = ACME_AUTHZ_VALID,
                                               .expires_us = clock_now_us() + US_PER_DAY};
    assert_int_equal(authorization_state(&authorization), ACME_AUTHZ_VALID);
    authorization.expires_us = clock_now_us() - 1;
    assert_int_equal(authorization_state(&authorization), ACME_AUTHZ_EXPIRED);
    authorization.state = ACME_AUTHZ_PENDING;
    assert_int_equal(authorization_state(&authorization), ACME_AUTHZ_INVALID);
    authorization.state = ACME_AUTHZ_DEACTIVATED;
    assert_int_equal(authorization_state(&authorization), ACME_AUTHZ_DEACTIVATED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_secrets_stay),
        cmocka_unit_test(test_challenges), cmocka_unit_test(test_window),
        cmocka_unit_test(test_seen),       cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
