#include "ca/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GRANT(r, s, o) {.role = ROLE_##r, .scope = ROLE_SCOPE_##s, .object = o}
#define nobody {{0}}

static const struct uuid org_a = {{1}}, org_b = {{2}}, ca_a = {{3}}, ca_b = {{4}}, nil = {{0}};

static void grants_cover_what_they_name(void **state) {
    (void)state;
    const struct {
        struct grant grant;
        enum permission permission;
        struct uuid organisation, ca;
        bool allowed;
    } rows[] = {
        {GRANT(ADMINISTRATOR, INSTANCE, nobody), MAY_MANAGE_SETTINGS, nil, nil, true},
        {GRANT(ADMINISTRATOR, ORGANISATION, org_a), MAY_MANAGE_CAS, org_a, nil, true},
        {GRANT(ADMINISTRATOR, ORGANISATION, org_a), MAY_MANAGE_CAS, org_b, nil, false},
        {GRANT(ADMINISTRATOR, ORGANISATION, org_a), MAY_MANAGE_SETTINGS, nil, nil, false},
        {GRANT(OFFICER, CA, ca_a), MAY_DECIDE_REQUESTS, org_a, ca_a, true},
        {GRANT(OFFICER, CA, ca_a), MAY_DECIDE_REQUESTS, org_a, ca_b, false},
        {GRANT(OFFICER, CA, ca_a), MAY_MANAGE_CAS, org_a, ca_a, false},
        {GRANT(OFFICER, INSTANCE, nobody), MAY_MANAGE_USERS, nil, nil, false},
        {GRANT(REQUESTER, INSTANCE, nobody), MAY_CREATE_REQUESTS, org_a, ca_a, true},
        {GRANT(REQUESTER, INSTANCE, nobody), MAY_DECIDE_REQUESTS, org_a, ca_a, false},
        {GRANT(REQUESTER, INSTANCE, nobody), MAY_REVOKE, org_a, ca_a, false},
        {GRANT(AUDITOR, INSTANCE, nobody), MAY_READ_EVENTS, nil, nil, true},
        {GRANT(AUDITOR, INSTANCE, nobody), MAY_CREATE_REQUESTS, org_a, ca_a, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct actor actor = {.name = "x", .grants = &rows[i].grant, .grant_count = 1};
        struct error err = {0};
        assert_int_equal(actor_can(&actor, rows[i].permission, rows[i].organisation, rows[i].ca),
                         rows[i].allowed);
        assert_int_equal(
            actor_may(&actor, rows[i].permission, rows[i].organisation, rows[i].ca, &err),
            rows[i].allowed);
        assert_int_equal(err.kind, rows[i].allowed ? ERROR_NONE : ERROR_FORBIDDEN);
        actor.must_change_password = true;
        assert_false(actor_can(&actor, rows[i].permission, rows[i].organisation, rows[i].ca));
        assert_false(actor_could(&actor, rows[i].permission));
    }
}

static void scopes_follow_grants(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct grant grants[] = {GRANT(OFFICER, CA, ca_a),
                                   GRANT(REQUESTER, ORGANISATION, org_b)};
    struct actor actor = {.name = "x", .grants = grants, .grant_count = 2};
    struct scope scope;
    actor_scope(arena, &actor, MAY_READ_CERTIFICATES, &scope);
    assert_false(scope.everything);
    assert_false(scope.own_only);
    assert_int_equal(scope.ca_count, 1);
    assert_int_equal(scope.organisation_count, 0);
    actor_scope(arena, &actor, MAY_READ_CAS, &scope);
    assert_int_equal(scope.ca_count, 1);
    assert_int_equal(scope.organisation_count, 1);
    actor.grants = &grants[1];
    actor.grant_count = 1;
    actor_scope(arena, &actor, MAY_READ_REQUESTS, &scope);
    assert_true(scope.own_only);
    assert_int_equal(scope.organisation_count, 1);
    actor.grant_count = 0;
    actor_scope(arena, &actor, MAY_READ_CAS, &scope);
    assert_false(scope.everything);
    assert_int_equal(scope.ca_count + scope.organisation_count, 0);
}

static void passwords(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const struct {
        const char *password;
        bool good;
    } rows[] = {{"correct horse battery", true},   {"short", false},
                {"aaaaaaaaaaaaaaaa", false},       {"passwordpassword", false},
                {"administrator-1", false},        {"\xff\xfe not utf-8 at all", false},
                {"p\xc3\xa4sswort-l\xc3\xa4nge", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(password_check_rules(rows[i].password, "Administrator-1", NULL), rows[i].good);
    const char *encoded;
    assert_true(password_hash(arena, rows[0].password, &encoded, NULL));
    assert_non_null(strstr(encoded, "$argon2id$v=19$m=65536,t=3,p=4$"));
    assert_true(password_verify(encoded, rows[0].password));
    assert_false(password_verify(encoded, "correct horse batterx"));
    assert_false(password_verify("", rows[0].password));
    assert_false(password_verify("$argon2id$v=19$m=1,t=1,p=1$$", ""));
}

static void names_round_trip(void **state) {
    (void)state;
    for (unsigned i = 0; i < PERMISSION_COUNT; i++) {
        enum permission back;
        assert_true(permission_from_name(permission_name((enum permission)i), &back));
        assert_int_equal(back, i);
        assert_true(role_has(ROLE_ADMINISTRATOR, (enum permission)i));
    }
    for (int i = ROLE_ADMINISTRATOR; i <= ROLE_AUDITOR; i++)
        assert_int_equal(role_from_name(role_name((enum role)i)), i);
    assert_int_equal(role_from_name("root"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_cover_what_they_name), cmocka_unit_test(scopes_follow_grants),
        cmocka_unit_test(passwords), cmocka_unit_test(names_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
