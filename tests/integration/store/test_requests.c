#include "base/encode.h"
#include "fixture.h"

static struct uuid organisation, ca, template, user;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    ca = make_ca("ca", organisation);
    template = make_template("web", ca);
    user = make_user("alice", organisation);
    return 0;
}

static void round_trip(void **state) {
    struct request_record request = request_like(ca, template), found;
    struct uuid stranger = make_organisation("stranger");
    struct scope theirs = scope_of_organisation(&stranger), mine = scope_of_ca(&ca);
    uint8_t csr[70000];
    (void)state;
    random_bytes(csr, sizeof csr);
    request.csr = view_of(csr, sizeof csr);
    request.subject = "CN=\xf0\x9f\x94\x91\\, \"quoted\" ";
    request.sans = "DNS:a.example.com, IP:::1";
    request.proposal = "{\"validityDays\":5}";
    request.requester_id = user;
    DONE(request_insert(tx, &request, &err));
    REFUSED(request_insert(tx, &request, &err), ERROR_CONFLICT, "exists");
    DONE(request_by_id(tx, arena, &mine, request.id, &found, &err));
    assert_true(same_id(found.ca_id, ca) && same_id(found.template_id, template));
    assert_true(same_id(found.organisation_id, organisation) && same_id(found.requester_id, user));
    assert_string_equal(found.ca_slug, "ca");
    assert_string_equal(found.template_slug, "web");
    assert_string_equal(found.subject, request.subject);
    assert_string_equal(found.sans, request.sans);
    assert_string_equal(found.proposal, request.proposal);
    assert_string_equal(found.door, "rest");
    assert_true(view_equal(found.csr, request.csr));
    assert_true(uuid_is_nil(found.approver_id) && uuid_is_nil(found.certificate_id));
    assert_true(found.state == REQUEST_PENDING && found.created_us == NOW);
    REFUSED(request_by_id(tx, arena, &theirs, request.id, &found, &err), ERROR_NOT_FOUND,
            "not-found");
    request.id = uuid_new();
    request.template_id = uuid_new();
    REFUSED(request_insert(tx, &request, &err), ERROR_NOT_FOUND, "not-found");
    request.template_id = template;
    request.door = "a door whose name is far too long for its column";
    REFUSED(request_insert(tx, &request, &err), ERROR_MALFORMED, "too-long");
}

static void moves(void **state) {
    struct uuid id = make_request(ca, template, "CN=moves"), certificate = uuid_new();
    struct request_record found;
    (void)state;
    REFUSED(
        request_move(tx, id,
                     &(struct request_change){REQUEST_APPROVED, REQUEST_ISSUED, NIL, NIL, "", NOW},
                     &err),
        ERROR_CONFLICT, "request-state");
    assert_non_null(strstr(err.message, "pending"));
    DONE(request_move(
        tx, id, &(struct request_change){REQUEST_PENDING, REQUEST_APPROVED, user, NIL, "", NOW + 1},
        &err));
    DONE(request_move(
        tx, id,
        &(struct request_change){REQUEST_APPROVED, REQUEST_ISSUED, NIL, certificate, "", NOW + 2},
        &err));
    DONE(request_by_id(tx, arena, &scope_everything, id, &found, &err));
    assert_true(found.state == REQUEST_ISSUED && same_id(found.certificate_id, certificate));
    assert_true(same_id(found.approver_id, user) && found.changed_us == NOW + 2);
    REFUSED(request_move(
                tx, id,
                &(struct request_change){REQUEST_PENDING, REQUEST_DECLINED, NIL, NIL, "no", NOW},
                &err),
            ERROR_CONFLICT, "request-state");
    assert_non_null(strstr(err.message, "issued"));
    REFUSED(
        request_move(tx, uuid_new(),
                     &(struct request_change){REQUEST_PENDING, REQUEST_DECLINED, NIL, NIL, "", NOW},
                     &err),
        ERROR_NOT_FOUND, "not-found");
    id = make_request(ca, template, "CN=declined");
    DONE(request_move(tx, id,
                      &(struct request_change){REQUEST_PENDING, REQUEST_DECLINED, NIL, NIL,
                                               "no \xf0\x9f\x9a\xab", NOW},
                      &err));
    DONE(request_by_id(tx, arena, &scope_everything, id, &found, &err));
    assert_string_equal(found.reason, "no \xf0\x9f\x9a\xab");
}

static void state_names(void **state) {
    (void)state;
    for (int i = REQUEST_PENDING; i <= REQUEST_CANCELLED; i++)
        assert_int_equal(request_state_from_name(request_state_name((enum request_state)i)), i);
    assert_int_equal(request_state_from_name("PENDING"), 0);
    assert_int_equal(request_state_from_name(""), 0);
    assert_int_equal(request_state_from_name(NULL), 0);
    assert_string_equal(request_state_name((enum request_state)99), "unknown");
}

/* Pages through a list; checks that it is newest first without gaps or doubles. */
static size_t walk(const struct scope *scope, struct uuid of, enum request_state in_state,
                   unsigned limit) {
    struct page page = page_of(limit, NULL);
    struct request_record *items;
    struct uuid last;
    size_t count, total = 0;
    const char *next;
    memset(last.bytes, 0xff, 16);
    do {
        DONE(request_list(tx, arena, scope, of, in_state, &page, &items, &count, &next, &err));
        assert_true(count <= limit && (next == NULL || count == limit));
        for (size_t i = 0; i < count; i++) {
            assert_true(memcmp(items[i].id.bytes, last.bytes, 16) < 0);
            assert_true(in_state == 0 || items[i].state == in_state);
            last = items[i].id;
        }
        total += count;
        page.cursor = next;
    } while (next != NULL);
    return total;
}

static void lists(void **state) {
    struct uuid org = make_organisation("lists"), cas[3], templates[3];
    struct scope mine = scope_of_organisation(&org), single, own, none = {0}, mixed;
    (void)state;
    for (int i = 0; i < 3; i++) {
        cas[i] = make_ca(arena_printf(arena, "lists-%d", i), org);
        templates[i] = make_template(arena_printf(arena, "lists-t%d", i), cas[i]);
    }
    for (int i = 0; i < 30; i++) {
        struct request_record request = request_like(cas[i % 3], templates[i % 3]);
        if (i % 2 == 0)
            request.requester_id = user;
        DONE(request_insert(tx, &request, &err));
        if (i < 10)
            DONE(request_move(
                tx, request.id,
                &(struct request_change){REQUEST_PENDING, REQUEST_CANCELLED, NIL, NIL, "", NOW},
                &err));
    }
    single = scope_of_ca(&cas[0]);
    mixed =
        (struct scope){.organisations = &org, .organisation_count = 1, .cas = cas, .ca_count = 2};
    own = mine;
    own.own_only = true;
    own.actor = user;
    assert_int_equal(walk(&mine, NIL, (enum request_state)0, 7), 30);
    assert_int_equal(walk(&mine, NIL, REQUEST_PENDING, 3), 20);
    assert_int_equal(walk(&mine, NIL, REQUEST_CANCELLED, 500), 10);
    assert_int_equal(walk(&mine, cas[1], (enum request_state)0, 3), 10);
    assert_int_equal(walk(&single, NIL, (enum request_state)0, 4), 10);
    assert_int_equal(walk(&single, cas[1], (enum request_state)0, 4), 0);
    assert_int_equal(walk(&mixed, NIL, (enum request_state)0, 4), 30);
    assert_int_equal(walk(&own, NIL, (enum request_state)0, 4), 15);
    assert_int_equal(walk(&own, cas[0], (enum request_state)0, 2), 5);
    assert_int_equal(walk(&own, NIL, REQUEST_PENDING, 4), 10);
    assert_int_equal(walk(&none, NIL, (enum request_state)0, 4), 0);
    size_t all = walk(&scope_everything, NIL, (enum request_state)0, 11);
    assert_true(all >= 30);
    assert_int_equal(walk(&scope_everything, cas[2], REQUEST_PENDING, 2), 7);
    own.actor = uuid_new();
    assert_int_equal(walk(&own, NIL, (enum request_state)0, 4), 0);
    /* A deleted CA takes its requests out of every list. */
    for (int i = 0; i < 10; i++) {
        struct page page = page_of(1, NULL);
        struct request_record *items;
        size_t count;
        const char *next;
        DONE(request_list(tx, arena, &mine, cas[0], REQUEST_PENDING, &page, &items, &count, &next,
                          &err));
        if (count == 1)
            DONE(request_move(
                tx, items[0].id,
                &(struct request_change){REQUEST_PENDING, REQUEST_DECLINED, NIL, NIL, "", NOW},
                &err));
    }
    DONE(ca_delete(tx, cas[0], NOW, &err));
    assert_int_equal(walk(&mine, NIL, (enum request_state)0, 7), 20);
    assert_int_equal(walk(&single, NIL, (enum request_state)0, 7), 0);
    assert_int_equal(walk(&scope_everything, NIL, (enum request_state)0, 7), all - 10);
    assert_int_equal(walk(&scope_everything, NIL, REQUEST_DECLINED, 7) > 0, 1);
    own.actor = user;
    assert_int_equal(walk(&own, NIL, (enum request_state)0, 4), 10);
}

static void own_only(void **state) {
    struct request_record request = request_like(ca, template), found;
    struct scope own = scope_of_ca(&ca);
    (void)state;
    request.requester_id = user;
    DONE(request_insert(tx, &request, &err));
    own.own_only = true;
    own.actor = user;
    DONE(request_by_id(tx, arena, &own, request.id, &found, &err));
    own.actor = uuid_new();
    REFUSED(request_by_id(tx, arena, &own, request.id, &found, &err), ERROR_NOT_FOUND, "not-found");
    own.actor = NIL; /* nobody: not even requests of nobody */
    request.id = uuid_new();
    request.requester_id = NIL;
    DONE(request_insert(tx, &request, &err));
    REFUSED(request_by_id(tx, arena, &own, request.id, &found, &err), ERROR_NOT_FOUND, "not-found");
}

static void pages(void **state) {
    struct page page = page_of(1, NULL);
    struct request_record *items;
    struct ca_record *cas;
    size_t count;
    const char *next;
    static const char *const bad[] = {
        "x",
        "!!!!",
        "cQ",                        /* a letter alone */
        "cQAAAAAAAAAAAAAAAAAAAAA=",  /* padded */
        "cQAAAAAAAAAAAAAAAAAAAAAA0", /* a trailing octet */
        "YQAAAAAAAAAAAAAAAAAAAAAA",  /* another list's letter */
        "' OR 1=1 --",
        "\xff\xfe",
    };
    (void)state;
    make_request(ca, template, "CN=1");
    make_request(ca, template, "CN=2");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        page.cursor = bad[i];
        REFUSED(request_list(tx, arena, &scope_everything, NIL, (enum request_state)0, &page,
                             &items, &count, &next, &err),
                ERROR_MALFORMED, "bad-cursor");
    }
    char *huge = arena_alloc(arena, 5001);
    memset(huge, 'A', 5000);
    page.cursor = huge;
    REFUSED(request_list(tx, arena, &scope_everything, NIL, (enum request_state)0, &page, &items,
                         &count, &next, &err),
            ERROR_MALFORMED, "bad-cursor");
    page.cursor = "";
    DONE(request_list(tx, arena, &scope_everything, NIL, (enum request_state)0, &page, &items,
                      &count, &next, &err));
    assert_non_null(next);
    page.cursor = next; /* of requests: no cursor of CAs */
    REFUSED(ca_list(tx, arena, &scope_everything, &page, &cas, &count, &next, &err),
            ERROR_MALFORMED, "bad-cursor");
    page.cursor = base64url_encode(arena, VIEW_LITERAL("a\xff\xff"));
    REFUSED(ca_list(tx, arena, &scope_everything, &page, &cas, &count, &next, &err),
            ERROR_MALFORMED, "bad-cursor");
    static const unsigned limits[] = {0, 501, 4294967295u};
    page.cursor = NULL;
    for (size_t i = 0; i < 3; i++) {
        page.limit = limits[i];
        REFUSED(request_list(tx, arena, &scope_everything, NIL, (enum request_state)0, &page,
                             &items, &count, &next, &err),
                ERROR_MALFORMED, "bad-limit");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(moves),    cmocka_unit_test(state_names),
        cmocka_unit_test(lists),      cmocka_unit_test(own_only), cmocka_unit_test(pages),
    };
    return cmocka_run_group_tests_name("store requests", tests, set_up, store_tear_down);
}
