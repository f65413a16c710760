#include "fixture.h"

static struct uuid organisation;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("users-org");
    return 0;
}

static struct user user_like(const char *name) {
    return (struct user){.id = uuid_new(),
                         .organisation_id = organisation,
                         .username = name,
                         .display_name = "",
                         .email = "",
                         .password_hash = "",
                         .state = USER_ACTIVE,
                         .created_us = NOW};
}

static void round_trip(void **state) {
    struct user user = user_like("Ren\xc3\xa9 \xf0\x9f\x94\x91 '\"\\;-- "), found;
    (void)state;
    user.display_name = "  spaces stay  ";
    user.email = "rene@example.com";
    user.password_hash = "$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA";
    user.must_change_password = true;
    user.failed_logins = 3;
    user.retry_after_us = NOW + 5;
    user.last_login_us = NOW - 5;
    DONE(user_insert(tx, &user, &err));
    DONE(user_by_name(tx, arena, user.username, &found, &err));
    assert_true(same_id(found.id, user.id));
    assert_true(same_id(found.organisation_id, organisation));
    assert_string_equal(found.username, user.username);
    assert_string_equal(found.display_name, user.display_name);
    assert_string_equal(found.email, user.email);
    assert_string_equal(found.password_hash, user.password_hash);
    assert_true(found.must_change_password);
    assert_int_equal(found.state, USER_ACTIVE);
    assert_int_equal(found.failed_logins, 3);
    assert_true(found.retry_after_us == NOW + 5 && found.last_login_us == NOW - 5);
    assert_true(found.created_us == NOW);
}

/* Which names are the same name. */
static void names(void **state) {
    static const struct {
        const char *first, *second;
        bool same;
    } rows[] = {
        {"alice", "ALICE", true},
        {"J\xc3\x9cRGEN", "j\xc3\xbcrgen", true},       /* Ü ü */
        {"\xce\xa3\xce\xb1", "\xcf\x83\xce\x91", true}, /* Greek */
        {"\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd", "\xd0\xb8\xd0\x92\xd0\x90\xd0\x9d", true},
        {"bob", "bob ", false}, /* a trailing space counts */
        {"jurgen", "j\xc3\xbcrgen2", false},
        {"muller", "m\xc3\xbcller", false},                        /* accents count */
        {"smile\xf0\x9f\x98\x80", "smile\xf0\x9f\x98\x81", false}, /* four octets */
        {"percent%", "percent_", false},
        {"strasse",
         "stra\xc3\x9f"
         "e",
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct user first = user_like(rows[i].first), second = user_like(rows[i].second), found;
        DONE(user_insert(tx, &first, &err));
        if (rows[i].same) {
            REFUSED(user_insert(tx, &second, &err), ERROR_CONFLICT, "exists");
            DONE(user_by_name(tx, arena, rows[i].second, &found, &err));
            assert_string_equal(found.username, rows[i].first);
        } else {
            DONE(user_insert(tx, &second, &err));
        }
    }
}

static void refused(void **state) {
    struct user user = user_like("too-long"), found;
    char text[600];
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    user.display_name = text;
    REFUSED(user_insert(tx, &user, &err), ERROR_MALFORMED, "too-long");
    assert_non_null(strstr(err.message, "display_name"));
    user.display_name = "";
    user.username = text;
    REFUSED(user_insert(tx, &user, &err), ERROR_MALFORMED, "too-long");
    user.username = "bad\xff";
    REFUSED(user_insert(tx, &user, &err), ERROR_MALFORMED, "bad-text");
    REFUSED(user_by_name(tx, arena, "bad\xc0\x80", &found, &err), ERROR_MALFORMED, "bad-text");
    REFUSED(user_by_name(tx, arena, "nobody' OR '1'='1", &found, &err), ERROR_NOT_FOUND,
            "not-found");
    REFUSED(user_by_id(tx, arena, &scope_everything, uuid_new(), &found, &err), ERROR_NOT_FOUND,
            "not-found");
    /* An error leaves the output as it was. */
    memset(&found, 0x5a, sizeof found);
    struct user poison = found;
    REFUSED(user_by_name(tx, arena, "nobody", &found, &err), ERROR_NOT_FOUND, "not-found");
    assert_memory_equal(&found, &poison, sizeof found);
}

static void changes(void **state) {
    struct uuid id = make_user("changes", organisation);
    struct user user;
    (void)state;
    DONE(user_set_password(tx, id, "hash2", true, &err));
    DONE(user_set_profile(tx, id, "Name", "a@b.c", &err));
    DONE(user_record_login(tx, id, false, NOW, NOW + 10, &err));
    DONE(user_record_login(tx, id, false, NOW, NOW + 20, &err));
    DONE(user_by_id(tx, arena, &scope_everything, id, &user, &err));
    assert_string_equal(user.password_hash, "hash2");
    assert_true(user.must_change_password);
    assert_string_equal(user.display_name, "Name");
    assert_string_equal(user.email, "a@b.c");
    assert_int_equal(user.failed_logins, 2);
    assert_true(user.retry_after_us == NOW + 20 && user.last_login_us == 0);
    DONE(user_record_login(tx, id, true, NOW + 30, 0, &err));
    DONE(user_set_state(tx, id, USER_SUSPENDED, &err));
    DONE(user_set_state(tx, id, USER_SUSPENDED, &err)); /* the same again is no error */
    DONE(user_by_id(tx, arena, &scope_everything, id, &user, &err));
    assert_int_equal(user.failed_logins, 0);
    assert_true(user.retry_after_us == 0 && user.last_login_us == NOW + 30);
    assert_int_equal(user.state, USER_SUSPENDED);
    REFUSED(user_set_password(tx, uuid_new(), "x", false, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(user_set_state(tx, uuid_new(), USER_ACTIVE, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(user_set_profile(tx, uuid_new(), "", "", &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(user_record_login(tx, uuid_new(), true, 1, 0, &err), ERROR_NOT_FOUND, "not-found");
}

static void lists(void **state) {
    struct uuid other = make_organisation("users-other");
    struct scope mine = scope_of_organisation(&other), nothing = {0};
    struct page page = page_of(2, NULL);
    struct user *users, user;
    size_t count;
    const char *next;
    (void)state;
    make_user("list-C", other);
    make_user("list-a", other);
    make_user("list-B", other);
    struct uuid foreign = make_user("list-foreign", organisation);
    DONE(user_list(tx, arena, &mine, &page, &users, &count, &next, &err));
    assert_int_equal(count, 2);
    assert_string_equal(users[0].username, "list-a");
    assert_string_equal(users[1].username, "list-B");
    page.cursor = next;
    DONE(user_list(tx, arena, &mine, &page, &users, &count, &next, &err));
    assert_int_equal(count, 1);
    assert_string_equal(users[0].username, "list-C");
    assert_null(next);
    page.cursor = NULL;
    DONE(user_list(tx, arena, &nothing, &page, &users, &count, &next, &err));
    assert_int_equal(count, 0);
    REFUSED(user_by_id(tx, arena, &mine, foreign, &user, &err), ERROR_NOT_FOUND, "not-found");
    int64_t total;
    DONE(user_count(tx, &total, &err));
    page.limit = 500;
    DONE(user_list(tx, arena, &scope_everything, &page, &users, &count, &next, &err));
    assert_true(total == (int64_t)count);
}

static void grants(void **state) {
    struct uuid first = make_user("admin-1", organisation);
    struct uuid second = make_user("admin-2", organisation);
    const struct grant admin = {.role = ROLE_ADMINISTRATOR, .scope = ROLE_SCOPE_INSTANCE};
    const struct grant officer = {
        .role = ROLE_OFFICER, .scope = ROLE_SCOPE_ORGANISATION, .object = organisation};
    const struct grant several[] = {officer, admin, officer};
    struct grant *list;
    size_t count;
    (void)state;
    DONE(grant_replace(tx, second, &officer, 1, &err)); /* nobody is administrator yet */
    DONE(grant_replace(tx, first, several, 3, &err));
    DONE(grant_list(tx, arena, first, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(list[0].role, ROLE_ADMINISTRATOR);
    assert_int_equal(list[1].role, ROLE_OFFICER);
    assert_true(same_id(list[1].object, organisation));
    REFUSED(grant_replace(tx, first, &officer, 1, &err), ERROR_CONFLICT, "last-administrator");
    REFUSED(grant_replace(tx, first, NULL, 0, &err), ERROR_CONFLICT, "last-administrator");
    REFUSED(user_set_state(tx, first, USER_SUSPENDED, &err), ERROR_CONFLICT, "last-administrator");
    DONE(grant_list(tx, arena, first, &list, &count, &err));
    assert_int_equal(count, 2); /* nothing of the refused change stayed */
    DONE(grant_replace(tx, second, &admin, 1, &err));
    DONE(user_set_state(tx, second, USER_SUSPENDED, &err));
    /* A suspended administrator does not count. */
    REFUSED(grant_replace(tx, first, NULL, 0, &err), ERROR_CONFLICT, "last-administrator");
    DONE(user_set_state(tx, second, USER_ACTIVE, &err));
    DONE(grant_replace(tx, first, NULL, 0, &err));
    DONE(grant_list(tx, arena, first, &list, &count, &err));
    assert_int_equal(count, 0);
}

static void sessions(void **state) {
    struct session session = {.user_id = make_user("session", organisation),
                              .created_us = NOW,
                              .expires_us = NOW + DAY,
                              .strong = true,
                              .idle_us = 2 * DAY,
                              .last_seen_us = NOW},
                   found;
    (void)state;
    random_bytes(session.hash, sizeof session.hash);
    DONE(session_insert(tx, &session, &err));
    REFUSED(session_insert(tx, &session, &err), ERROR_CONFLICT, "exists");
    DONE(session_find(tx, session.hash, NOW, &found, &err));
    assert_memory_equal(found.hash, session.hash, sizeof found.hash);
    assert_true(same_id(found.user_id, session.user_id));
    assert_int_equal(found.created_us, session.created_us);
    assert_int_equal(found.expires_us, session.expires_us);
    assert_int_equal(found.idle_us, session.idle_us);
    assert_true(found.strong);
    REFUSED(session_find(tx, session.hash, NOW + DAY, &found, &err), ERROR_NOT_FOUND, "not-found");
    DONE(session_delete_expired(tx, NOW, &err));
    DONE(session_find(tx, session.hash, NOW, &found, &err));
    DONE(session_delete_expired(tx, NOW + DAY, &err));
    REFUSED(session_find(tx, session.hash, NOW, &found, &err), ERROR_NOT_FOUND, "not-found");
    DONE(session_insert(tx, &session, &err));
    DONE(session_delete_user(tx, session.user_id, &err));
    REFUSED(session_find(tx, session.hash, NOW, &found, &err), ERROR_NOT_FOUND, "not-found");
    DONE(session_insert(tx, &session, &err));
    DONE(session_delete(tx, session.hash, &err));
    REFUSED(session_find(tx, session.hash, NOW, &found, &err), ERROR_NOT_FOUND, "not-found");
}

static void tokens(void **state) {
    struct uuid user = make_user("token", organisation), other = make_user("token2", organisation);
    struct api_token token = {.id = uuid_new(), .user_id = user, .label = "ci", .created_us = NOW};
    struct api_token found, *list;
    size_t count;
    (void)state;
    random_bytes(token.hash, sizeof token.hash);
    DONE(api_token_insert(tx, &token, &err));
    DONE(api_token_find(tx, arena, token.hash, NOW + 9999 * DAY, &found, &err)); /* never ends */
    assert_true(same_id(found.id, token.id) && same_id(found.user_id, user));
    assert_string_equal(found.label, "ci");
    assert_memory_equal(found.hash, token.hash, 32);
    DONE(api_token_touch(tx, token.id, NOW, &err));
    DONE(api_token_touch(tx, token.id, NOW + 1, &err)); /* within the minute: not noted */
    DONE(api_token_find(tx, arena, token.hash, NOW, &found, &err));
    assert_true(found.last_used_us == NOW);
    DONE(api_token_touch(tx, token.id, NOW + TOKEN_TOUCH_US + 1, &err));
    DONE(api_token_find(tx, arena, token.hash, NOW, &found, &err));
    assert_true(found.last_used_us == NOW + TOKEN_TOUCH_US + 1);
    REFUSED(api_token_revoke(tx, other, token.id, &err), ERROR_NOT_FOUND, "not-found");
    DONE(api_token_revoke(tx, user, token.id, &err));
    REFUSED(api_token_find(tx, arena, token.hash, NOW, &found, &err), ERROR_NOT_FOUND, "not-found");
    DONE(api_token_list(tx, arena, user, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_true(list[0].revoked);
    token.id = uuid_new();
    token.expires_us = NOW + DAY;
    REFUSED(api_token_insert(tx, &token, &err), ERROR_CONFLICT, "exists");
    token.hash[0] ^= 1;
    DONE(api_token_insert(tx, &token, &err));
    DONE(api_token_find(tx, arena, token.hash, NOW, &found, &err));
    REFUSED(api_token_find(tx, arena, token.hash, NOW + DAY, &found, &err), ERROR_NOT_FOUND,
            "not-found");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(names),  cmocka_unit_test(refused),
        cmocka_unit_test(changes),    cmocka_unit_test(lists),  cmocka_unit_test(grants),
        cmocka_unit_test(sessions),   cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests_name("store users", tests, set_up, store_tear_down);
}
