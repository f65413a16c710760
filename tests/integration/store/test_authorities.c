/* Organisations, slugs, settings, leases, keys, CAs, service certificates, templates. */
#include "fixture.h"

static struct uuid organisation, other;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    other = make_organisation("other");
    return 0;
}

static void organisations(void **state) {
    struct organisation found, *list, again = {.id = uuid_new(), .slug = "org", .name = "x"};
    struct scope mine = scope_of_organisation(&other), none = {0};
    size_t count;
    (void)state;
    DONE(organisation_by_slug(tx, arena, "org", &found, &err));
    assert_true(same_id(found.id, organisation));
    assert_true(found.created_us == NOW);
    REFUSED(organisation_by_slug(tx, arena, "ORG", &found, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(organisation_by_slug(tx, arena, "org ", &found, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(organisation_insert(tx, &again, &err), ERROR_CONFLICT, "exists");
    DONE(organisation_list(tx, arena, &scope_everything, &list, &count, &err));
    assert_int_equal(count, 2);
    DONE(organisation_list(tx, arena, &mine, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].slug, "other");
    DONE(organisation_list(tx, arena, &none, &list, &count, &err));
    assert_int_equal(count, 0);
}

static const char *claim(enum slug_kind kind, const char *wanted) {
    const char *slug = NULL;
    DONE(slug_claim(tx, arena, kind, wanted, uuid_new(), &slug, &err));
    return slug;
}

static void slugs(void **state) {
    static const char long_one[] = "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-x23"
                                   "456789";
    static const char *const bad[] = {"", "A", "a b", "a_b", "\xc3\xa4", "a.b", "a/b", "a\n"};
    (void)state;
    assert_string_equal(claim(SLUG_CA, "root"), "root");
    assert_string_equal(claim(SLUG_CA, "root"), "root-2");
    assert_string_equal(claim(SLUG_CA, "root-4"), "root-4");
    assert_string_equal(claim(SLUG_CA, "root"), "root-3");
    assert_string_equal(claim(SLUG_CA, "root"), "root-5");
    assert_string_equal(claim(SLUG_CA, "root-2"), "root-2-2");
    assert_string_equal(claim(SLUG_CA, "root-x"), "root-x");
    assert_string_equal(claim(SLUG_CA, "root"), "root-6");
    assert_string_equal(claim(SLUG_TEMPLATE, "root"), "root"); /* a name space of its own */
    const char *cut = claim(SLUG_CA, long_one);
    assert_int_equal(strlen(cut), 63);
    assert_int_equal(strncmp(cut, long_one, 63), 0);
    const char *second = claim(SLUG_CA, long_one);
    assert_true(strlen(second) <= 63);
    assert_string_equal(second, "a23456789-b23456789-c23456789-d23456789-e23456789-f23-2");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *slug;
        REFUSED(slug_claim(tx, arena, SLUG_CA, bad[i], uuid_new(), &slug, &err), ERROR_MALFORMED,
                "bad-slug");
    }
}

static void settings(void **state) {
    const char *value = "untouched";
    char name[120];
    (void)state;
    DONE(setting_get(tx, arena, "s", &value, &err));
    assert_null(value);
    DONE(setting_default(tx, arena, "s", "one", &value, &err));
    assert_string_equal(value, "one");
    DONE(setting_default(tx, arena, "s", "two", &value, &err));
    assert_string_equal(value, "one");
    DONE(setting_put(tx, "s", "", &err));
    DONE(setting_get(tx, arena, "s", &value, &err));
    assert_string_equal(value, "");
    DONE(setting_put(tx, "s", "\xf0\x9f\x94\x91 '; DROP TABLE settings; -- ", &err));
    DONE(setting_put(tx, "s", "\xf0\x9f\x94\x91 '; DROP TABLE settings; -- ", &err));
    DONE(setting_get(tx, arena, "s", &value, &err));
    assert_string_equal(value, "\xf0\x9f\x94\x91 '; DROP TABLE settings; -- ");
    DONE(setting_get(tx, arena, "S", &value, &err));
    assert_null(value);
    memset(name, 'n', sizeof name);
    name[101] = '\0';
    REFUSED(setting_put(tx, name, "v", &err), ERROR_MALFORMED, "too-long");
}

static bool take(struct uuid holder, int64_t now_us, int64_t until_us) {
    bool taken = false;
    DONE(lease_take(tx, "job", holder, now_us, until_us, &taken, &err));
    return taken;
}

static void leases(void **state) {
    struct uuid a = uuid_new(), b = uuid_new();
    (void)state;
    assert_true(take(a, 100, 200));
    assert_false(take(b, 150, 250));
    assert_true(take(a, 150, 300)); /* renewed */
    assert_false(take(b, 299, 400));
    assert_true(take(b, 300, 400));
    assert_false(take(a, 350, 500));
    assert_true(take(b, 350, 350)); /* given back */
    assert_true(take(a, 350, 500));
    /* The clock was an hour ahead, and is set right: what was taken meanwhile holds for no hour. */
    int64_t hour_us = 3600 * INT64_C(1000000), length_us = 90 * INT64_C(1000000);
    assert_true(take(a, hour_us, hour_us + length_us));
    assert_false(take(b, hour_us - length_us / 3, hour_us + length_us - length_us / 3)); /* clocks differ by so much */
    assert_true(take(b, 600, 600 + length_us));
    assert_false(take(a, 700, 700 + length_us));
    DONE(lease_release(tx, a, 700, &err)); /* the other's stays */
    assert_false(take(a, 700, 700 + length_us));
    DONE(lease_release(tx, b, 700, &err));
    assert_true(take(a, 700, 700 + length_us));
    assert_true(take(a, 700, 700));
}

static void keys(void **state) {
    struct key_record key = {.id = uuid_new(),
                             .key_type = "ML-DSA-65",
                             .purpose = 7,
                             .uri = "pkcs11:token=a%20b;object=c",
                             .spki = view_of("\0\x01\xff\0", 4),
                             .created_us = NOW},
                      found;
    (void)state;
    DONE(key_insert(tx, &key, &err));
    DONE(key_by_id(tx, arena, key.id, &found, &err));
    assert_true(same_id(found.id, key.id) && uuid_is_nil(found.organisation_id));
    assert_string_equal(found.key_type, "ML-DSA-65");
    assert_int_equal(found.purpose, 7);
    assert_int_equal(found.blob.len, 0);
    assert_string_equal(found.uri, key.uri);
    assert_true(view_equal(found.spki, key.spki));
    REFUSED(key_by_id(tx, arena, uuid_new(), &found, &err), ERROR_NOT_FOUND, "not-found");
}

static void ca_life(void **state) {
    struct uuid id = make_ca("life", organisation);
    struct scope mine = scope_of_organisation(&organisation),
                 theirs = scope_of_organisation(&other);
    struct scope single = scope_of_ca(&id);
    struct ca_record ca, again;
    int64_t epoch;
    (void)state;
    DONE(ca_by_slug(tx, arena, &mine, "life", &ca, &err));
    assert_true(same_id(ca.id, id) && same_id(ca.organisation_id, organisation));
    assert_true(uuid_is_nil(ca.issuer_id));
    assert_string_equal(ca.settings, "{}");
    assert_true(view_is(ca.certificate, "life") && ca.csr.len == 0 && ca.chain.len == 0);
    assert_true(ca.not_after_us == NOW + 3650 * DAY && ca.epoch == 1 && ca.revision == 1);
    DONE(ca_by_id(tx, arena, &single, id, &ca, &err));
    REFUSED(ca_by_id(tx, arena, &theirs, id, &ca, &err), ERROR_NOT_FOUND, "not-found");
    assert_non_null(strstr(err.message, "CA"));
    REFUSED(ca_by_slug(tx, arena, &theirs, "life", &ca, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(ca_by_slug(tx, arena, &mine, "LIFE", &ca, &err), ERROR_NOT_FOUND, "not-found");
    again = ca;
    again.id = uuid_new();
    REFUSED(ca_insert(tx, &again, &err), ERROR_CONFLICT, "exists");
    DONE(ca_update(tx, id, 1, "New \xf0\x9f\x94\x91", "{\"a\":1}", CA_DISABLED, &err));
    REFUSED(ca_update(tx, id, 1, "x", "{}", CA_ACTIVE, &err), ERROR_CONFLICT, "changed-meanwhile");
    REFUSED(ca_update(tx, id, 2, "x", "{}", CA_WAITING, &err), ERROR_CONFLICT, "ca-state");
    REFUSED(ca_update(tx, uuid_new(), 2, "x", "{}", CA_ACTIVE, &err), ERROR_NOT_FOUND, "not-found");
    DONE(ca_by_id(tx, arena, &mine, id, &ca, &err));
    assert_string_equal(ca.name, "New \xf0\x9f\x94\x91");
    assert_string_equal(ca.settings, "{\"a\":1}");
    assert_true(ca.state == CA_DISABLED && ca.revision == 2);
    DONE(ca_epoch(tx, id, &epoch, &err));
    assert_true(epoch == 1);
    REFUSED(ca_epoch(tx, uuid_new(), &epoch, &err), ERROR_NOT_FOUND, "not-found");
}

static void ca_waits(void **state) {
    struct uuid issuer = make_ca("issuer", organisation);
    struct ca_record ca;
    (void)state;
    DONE(ca_by_id(tx, arena, &scope_everything, issuer, &ca, &err));
    ca.id = uuid_new();
    ca.slug = "waits";
    ca.state = CA_WAITING;
    ca.issuer_id = issuer;
    ca.certificate = (struct view){0};
    ca.csr = VIEW_LITERAL("csr");
    DONE(ca_insert(tx, &ca, &err));
    REFUSED(ca_update(tx, ca.id, 1, "x", "{}", CA_ACTIVE, &err), ERROR_CONFLICT, "ca-state");
    DONE(ca_update(tx, ca.id, 1, "renamed", "{}", CA_WAITING, &err));
    DONE(ca_set_certificate(tx, ca.id, VIEW_LITERAL("der"), VIEW_LITERAL("chain"), 5, 6, "CN=s",
                            &err));
    REFUSED(
        ca_set_certificate(tx, ca.id, VIEW_LITERAL("der2"), VIEW_LITERAL(""), 5, 6, "CN=s", &err),
        ERROR_CONFLICT, "ca-state");
    REFUSED(ca_set_certificate(tx, uuid_new(), VIEW_LITERAL("d"), VIEW_LITERAL(""), 5, 6, "", &err),
            ERROR_NOT_FOUND, "not-found");
    DONE(ca_by_id(tx, arena, &scope_everything, ca.id, &ca, &err));
    assert_true(same_id(ca.issuer_id, issuer) && ca.state == CA_ACTIVE);
    assert_true(view_is(ca.certificate, "der") && view_is(ca.chain, "chain"));
    assert_true(view_is(ca.csr, "csr") && ca.not_before_us == 5 && ca.not_after_us == 6);
    REFUSED(ca_delete(tx, issuer, NOW, &err), ERROR_CONFLICT, "ca-in-use");
    DONE(ca_delete(tx, ca.id, NOW, &err));
    DONE(ca_delete(tx, issuer, NOW, &err));
    REFUSED(ca_delete(tx, issuer, NOW, &err), ERROR_NOT_FOUND, "not-found");
}

/* What keeps a CA alive, and what goes with it. */
static void ca_ends(void **state) {
    struct uuid id = make_ca("ends", organisation), template = make_template("ends-web", id);
    struct ca_record ca;
    struct template_record found;
    struct service_record service = {.id = uuid_new(), .ca_id = id, .use = SERVICE_OCSP};
    struct certificate_record own = certificate_like(id, "own", NOW + DAY);
    struct request_record request;
    (void)state;
    DONE(ca_by_id(tx, arena, &scope_everything, id, &ca, &err));
    service.key_id = ca.key_id;
    own.der = ca.certificate; /* its own certificate and its services' do not keep it */
    own.use = CERTIFICATE_CA;
    DONE(certificate_insert(tx, &own, &err) && service_insert(tx, &service, &err));
    own = certificate_like(id, "ocsp", NOW + DAY);
    own.use = CERTIFICATE_OCSP;
    DONE(certificate_insert(tx, &own, &err));
    struct uuid open = make_request(id, template, "CN=x");
    REFUSED(ca_delete(tx, id, NOW, &err), ERROR_CONFLICT, "ca-in-use");
    assert_non_null(strstr(err.message, "request"));
    REFUSED(template_delete(tx, template, NOW, &err), ERROR_CONFLICT, "template-in-use");
    DONE(request_move(
        tx, open, &(struct request_change){REQUEST_PENDING, REQUEST_CANCELLED, NIL, NIL, "", NOW},
        &err));
    struct uuid live = make_certificate(id, "live", NOW + DAY);
    REFUSED(ca_delete(tx, id, NOW, &err), ERROR_CONFLICT, "ca-in-use");
    revoke_certificate(live, 6);
    REFUSED(ca_delete(tx, id, NOW, &err), ERROR_CONFLICT, "ca-in-use"); /* a hold may end */
    revoke_certificate(live, 1);
    make_certificate(id, "expired", NOW);
    DONE(ca_delete(tx, id, NOW, &err));
    REFUSED(ca_by_id(tx, arena, &scope_everything, id, &ca, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(ca_by_slug(tx, arena, &scope_everything, "ends", &ca, &err), ERROR_NOT_FOUND,
            "not-found");
    REFUSED(template_by_slug(tx, arena, &scope_everything, "ends-web", &found, &err),
            ERROR_NOT_FOUND, "not-found");
    REFUSED(request_by_id(tx, arena, &scope_everything, open, &request, &err), ERROR_NOT_FOUND,
            "not-found");
    REFUSED(service_current(tx, arena, id, SERVICE_OCSP, &service, &err), ERROR_NOT_FOUND,
            "not-found");
    DONE(template_version(tx, arena, template, 1, &found, &err)); /* old requests need it */
    DONE(certificate_by_id(tx, arena, &scope_everything, live, &own, &err));
    /* Nothing grows under it any more. */
    own = certificate_like(id, "late", NOW + DAY);
    REFUSED(certificate_insert(tx, &own, &err), ERROR_NOT_FOUND, "not-found");
    request = request_like(id, template);
    REFUSED(request_insert(tx, &request, &err), ERROR_NOT_FOUND, "not-found");
    found.id = uuid_new();
    found.slug = "ends-late";
    REFUSED(template_insert(tx, &found, &err), ERROR_NOT_FOUND, "not-found");
}

static void ca_lists(void **state) {
    struct uuid lists = make_organisation("lists"), ids[5];
    struct scope mine = scope_of_organisation(&lists), single, both;
    struct page page = page_of(2, NULL);
    struct ca_record *cas;
    size_t count, total = 0;
    const char *next;
    (void)state;
    for (int i = 0; i < 5; i++)
        ids[i] = make_ca(arena_printf(arena, "list-%c", 'e' - i), lists);
    char expected = 'a';
    do {
        DONE(ca_list(tx, arena, &mine, &page, &cas, &count, &next, &err));
        for (size_t i = 0; i < count; i++)
            assert_int_equal(cas[i].slug[5], expected++);
        total += count;
        page.cursor = next;
    } while (next != NULL);
    assert_int_equal(total, 5);
    page = page_of(100, NULL);
    single = scope_of_ca(&ids[3]);
    DONE(ca_list(tx, arena, &single, &page, &cas, &count, &next, &err));
    assert_int_equal(count, 1);
    assert_true(same_id(cas[0].id, ids[3]));
    both =
        (struct scope){.organisations = &lists, .organisation_count = 1, .cas = ids, .ca_count = 3};
    DONE(ca_list(tx, arena, &both, &page, &cas, &count, &next, &err));
    assert_int_equal(count, 5);
    both = (struct scope){0};
    DONE(ca_list(tx, arena, &both, &page, &cas, &count, &next, &err));
    assert_int_equal(count, 0);
}

static void services(void **state) {
    struct uuid id = make_ca("services", organisation);
    struct ca_record ca;
    struct service_record service = {.ca_id = id, .use = SERVICE_OCSP}, found;
    static const uint8_t ders[] = {0, 1, 2};
    (void)state;
    DONE(ca_by_id(tx, arena, &scope_everything, id, &ca, &err));
    service.key_id = ca.key_id;
    for (int i = 0; i < 3; i++) {
        service.id = uuid_new();
        service.not_after_us = i == 1 ? 30 : 10 + i;
        service.certificate = view_of(&ders[i], 1);
        DONE(service_insert(tx, &service, &err));
    }
    DONE(service_current(tx, arena, id, SERVICE_OCSP, &found, &err));
    assert_true(found.not_after_us == 30 && found.certificate.len == 1);
    assert_int_equal(found.certificate.at[0], 1);
    REFUSED(service_current(tx, arena, id, SERVICE_TSA, &found, &err), ERROR_NOT_FOUND,
            "not-found");
    REFUSED(service_current(tx, arena, NIL, SERVICE_TLS, &found, &err), ERROR_NOT_FOUND,
            "not-found");
    service.id = uuid_new();
    service.ca_id = NIL;
    service.use = SERVICE_TLS;
    DONE(service_insert(tx, &service, &err));
    DONE(service_current(tx, arena, NIL, SERVICE_TLS, &found, &err));
    assert_true(same_id(found.id, service.id) && uuid_is_nil(found.ca_id));
}

static void templates(void **state) {
    struct uuid ca = make_ca("tca", organisation), id = make_template("tpl", ca);
    struct scope mine = scope_of_ca(&ca), theirs = scope_of_organisation(&other);
    struct page page = page_of(1, NULL);
    struct template_record found, *list;
    size_t count;
    const char *next;
    (void)state;
    DONE(template_by_slug(tx, arena, &mine, "tpl", &found, &err));
    assert_true(same_id(found.id, id) && same_id(found.ca_id, ca) && found.version == 1);
    assert_string_equal(found.ca_slug, "tca");
    REFUSED(template_by_slug(tx, arena, &theirs, "tpl", &found, &err), ERROR_NOT_FOUND,
            "not-found");
    found.id = uuid_new();
    REFUSED(template_insert(tx, &found, &err), ERROR_CONFLICT, "exists");
    DONE(template_update(tx, id, 1, "Second", "{\"v\":2}", NOW + 1, &err));
    REFUSED(template_update(tx, id, 1, "x", "{}", NOW, &err), ERROR_CONFLICT, "changed-meanwhile");
    REFUSED(template_update(tx, uuid_new(), 1, "x", "{}", NOW, &err), ERROR_NOT_FOUND, "not-found");
    DONE(template_version(tx, arena, id, 1, &found, &err));
    assert_string_equal(found.document, "{}");
    assert_string_equal(found.name, "tpl");
    DONE(template_version(tx, arena, id, 0, &found, &err));
    assert_string_equal(found.document, "{\"v\":2}");
    assert_true(found.version == 2 && found.changed_us == NOW + 1 && found.created_us == NOW);
    REFUSED(template_version(tx, arena, id, 3, &found, &err), ERROR_NOT_FOUND, "not-found");
    make_template("tpl-b", ca);
    DONE(template_list(tx, arena, &mine, ca, &page, &list, &count, &next, &err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "Second");
    page.cursor = next;
    DONE(template_list(tx, arena, &mine, NIL, &page, &list, &count, &next, &err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].slug, "tpl-b");
    assert_null(next);
    page.cursor = NULL;
    DONE(template_list(tx, arena, &theirs, ca, &page, &list, &count, &next, &err));
    assert_int_equal(count, 0);
    DONE(template_delete(tx, id, NOW, &err));
    REFUSED(template_delete(tx, id, NOW, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(template_update(tx, id, 2, "x", "{}", NOW, &err), ERROR_NOT_FOUND, "not-found");
    DONE(template_version(tx, arena, id, 0, &found, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(organisations), cmocka_unit_test(slugs),     cmocka_unit_test(settings),
        cmocka_unit_test(leases),        cmocka_unit_test(keys),      cmocka_unit_test(ca_life),
        cmocka_unit_test(ca_waits),      cmocka_unit_test(ca_ends),   cmocka_unit_test(ca_lists),
        cmocka_unit_test(services),      cmocka_unit_test(templates),
    };
    return cmocka_run_group_tests_name("store authorities", tests, set_up, store_tear_down);
}
