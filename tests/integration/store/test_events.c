#include "fixture.h"

static struct uuid organisation, other, ca;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    other = make_organisation("other");
    ca = make_ca("ca", organisation);
    return 0;
}

static struct event event_like(struct uuid of, struct uuid of_ca, int64_t at_us, const char *code) {
    return (struct event){.organisation_id = of,
                          .ca_id = of_ca,
                          .at_us = at_us,
                          .code = code,
                          .outcome = "success",
                          .actor = "alice",
                          .address = "::1",
                          .object_kind = "certificate",
                          .object = "c1",
                          .request_id = "r1",
                          .details = "{\"a\":1}"};
}

static struct event *list(const struct scope *scope, struct event_filter filter, size_t *ret) {
    struct page page = page_of(500, NULL);
    struct event *events = NULL;
    const char *next;
    DONE(event_list(tx, arena, scope, &filter, &page, &events, ret, &next, &err));
    return events;
}

static void round_trip(void **state) {
    struct event event = event_like(organisation, ca, 1000, "test.round"), *found;
    size_t count;
    (void)state;
    event.id = uuid_new();
    event.actor_id = uuid_new();
    DONE(event_append(tx, &event, &err));
    found = list(&scope_everything, (struct event_filter){.code = "test.round"}, &count);
    assert_int_equal(count, 1);
    assert_true(same_id(found->id, event.id) && same_id(found->actor_id, event.actor_id));
    assert_true(same_id(found->organisation_id, organisation) && same_id(found->ca_id, ca));
    assert_true(found->at_us == 1000);
    assert_string_equal(found->outcome, "success");
    assert_string_equal(found->actor, "alice");
    assert_string_equal(found->address, "::1");
    assert_string_equal(found->object_kind, "certificate");
    assert_string_equal(found->object, "c1");
    assert_string_equal(found->request_id, "r1");
    assert_string_equal(found->details, "{\"a\":1}");
}

/* The record of something odd must not fail because it is odd. */
static void odd_values(void **state) {
    struct event event = {.code = "test.odd", .outcome = "refused"}, *found;
    char *longer = arena_alloc(arena, 5001);
    size_t count;
    (void)state;
    for (int i = 0; i < 1000; i++)
        memcpy(longer + 4 * i, "\xf0\x9f\x94\x91", 4);
    event.actor = longer;
    event.object = "bad\xff\xfe";
    event.address = NULL;
    DONE(event_append(tx, &event, &err));
    found = list(&scope_everything, (struct event_filter){.code = "test.odd"}, &count);
    assert_int_equal(count, 1);
    assert_int_equal(strlen(found->actor), 800);
    assert_string_equal(found->object, "bad\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(found->address, "");
    assert_string_equal(found->details, "{}");
    assert_true(found->at_us > NOW - 100000 * DAY && !uuid_is_nil(found->id));
}

static size_t walk(const struct scope *scope, struct event_filter filter, unsigned limit) {
    struct page page = page_of(limit, NULL);
    struct event *events;
    size_t count, total = 0;
    const char *next;
    int64_t last = INT64_MAX;
    do {
        DONE(event_list(tx, arena, scope, &filter, &page, &events, &count, &next, &err));
        assert_true(count <= limit && (next == NULL || count == limit));
        for (size_t i = 0; i < count; i++) {
            assert_true(events[i].at_us <= last);
            last = events[i].at_us;
        }
        total += count;
        page.cursor = next;
    } while (next != NULL);
    return total;
}

static void scopes(void **state) {
    struct uuid second = make_ca("second", other);
    struct scope mine = scope_of_organisation(&organisation),
                 theirs = scope_of_organisation(&other);
    struct scope both = {.organisations = &organisation,
                         .organisation_count = 1,
                         .cas = &ca,
                         .ca_count = 1},
                 single = scope_of_ca(&second), none = {0};
    struct event_filter filter = {.code = "scope."};
    struct event event;
    (void)state;
    for (int i = 0; i < 12; i++) { /* several in the same microsecond */
        event = event_like(organisation, i % 2 ? ca : NIL, 5000 + i / 4, "scope.mine");
        DONE(event_append(tx, &event, &err));
        event = event_like(other, i % 3 ? second : NIL, 5000 + i / 4, "scope.theirs");
        DONE(event_append(tx, &event, &err));
        event = event_like(NIL, NIL, 5000 + i / 4, "scope.instance");
        DONE(event_append(tx, &event, &err));
    }
    for (unsigned limit = 1; limit < 15; limit += 6) {
        assert_int_equal(walk(&scope_everything, filter, limit), 36);
        assert_int_equal(walk(&mine, filter, limit), 12);
        assert_int_equal(walk(&theirs, filter, limit), 12);
        assert_int_equal(walk(&both, filter, limit), 12); /* none twice */
        assert_int_equal(walk(&single, filter, limit), 8);
        assert_int_equal(walk(&none, filter, limit), 0);
    }
}

static void filters(void **state) {
    struct scope mine = scope_of_organisation(&organisation);
    struct event event;
    size_t count;
    (void)state;
    for (int i = 0; i < 10; i++) {
        event = event_like(organisation, ca, 9000 + i, i < 5 ? "filter.a_b" : "filter.axb");
        event.object = i % 2 ? "odd" : "even";
        DONE(event_append(tx, &event, &err));
    }
    assert_int_equal(walk(&mine, (struct event_filter){.code = "filter."}, 3), 10);
    assert_int_equal(walk(&mine, (struct event_filter){.code = "filter.a_"}, 3),
                     5); /* no wildcard */
    assert_int_equal(walk(&mine, (struct event_filter){.code = "filter.%"}, 3), 0);
    assert_int_equal(walk(&mine, (struct event_filter){.code = "filter.", .object = "odd"}, 2), 5);
    assert_int_equal(
        walk(&mine, (struct event_filter){.since_us = 9003, .until_us = 9007, .code = "filter."},
             2),
        4);
    struct scope theirs = scope_of_organisation(&other);
    assert_int_equal(walk(&theirs, (struct event_filter){.object = "odd"}, 2), 0);
    list(&scope_everything, (struct event_filter){.object = "' OR '1'='1"}, &count);
    assert_int_equal(count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(odd_values),
        cmocka_unit_test(scopes),
        cmocka_unit_test(filters),
    };
    return cmocka_run_group_tests_name("store events", tests, set_up, store_tear_down);
}
