/* Certificates, their lists, revocations and CRLs. */
#include "base/buffer.h"
#include "base/encode.h"
#include "fixture.h"
#include "store/sql.h"

#include <stdio.h>

static struct uuid organisation, ca, template;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    ca = make_ca("ca", organisation);
    template = make_template("web", ca);
    return 0;
}

static void round_trip(void **state) {
    struct certificate_record made = certificate_like(ca, "a.example.com", NOW + DAY), found, again;
    struct uuid stranger = make_organisation("stranger");
    struct scope theirs = scope_of_organisation(&stranger), mine = scope_of_ca(&ca);
    uint8_t der[300000];
    (void)state;
    random_bytes(der, sizeof der);
    made.der = view_of(der, sizeof der);
    made.template_id = template;
    made.template_version = 3;
    made.request_id = uuid_new();
    made.subject = "CN=\xf0\x9f\x94\x91\\, x ,O=\"'\\\\";
    DONE(certificate_insert(tx, &made, &err));
    DONE(certificate_by_id(tx, arena, &mine, made.id, &found, &err));
    assert_true(same_id(found.id, made.id) && same_id(found.ca_id, ca));
    assert_true(same_id(found.organisation_id, organisation));
    assert_true(same_id(found.template_id, template) && same_id(found.request_id, made.request_id));
    assert_string_equal(found.ca_slug, "ca");
    assert_string_equal(found.template_slug, "web");
    assert_string_equal(found.subject, made.subject);
    assert_string_equal(found.common_name, "a.example.com");
    assert_string_equal(found.sans, "DNS:a.example.com");
    assert_true(found.template_version == 3 && found.use == CERTIFICATE_END_ENTITY);
    assert_true(view_equal(found.serial, made.serial) && view_equal(found.der, made.der));
    assert_memory_equal(found.fingerprint_sha256, made.fingerprint_sha256, 32);
    assert_memory_equal(found.spki_sha256, made.spki_sha256, 32);
    assert_true(!found.revoked && found.status_ordinal == 0 && found.revoked_us == 0);
    assert_true(found.not_after_us == NOW + DAY && found.not_before_us == NOW - DAY);
    DONE(certificate_by_serial(tx, arena, ca, made.serial, &found, &err));
    assert_true(same_id(found.id, made.id));
    REFUSED(certificate_by_serial(tx, arena, stranger, made.serial, &found, &err), ERROR_NOT_FOUND,
            "not-found");
    REFUSED(certificate_by_serial(tx, arena, ca, VIEW_LITERAL("\x01"), &found, &err),
            ERROR_NOT_FOUND, "not-found");
    REFUSED(certificate_by_id(tx, arena, &theirs, made.id, &found, &err), ERROR_NOT_FOUND,
            "not-found");
    again = certificate_like(ca, "b", NOW);
    again.serial = made.serial;
    REFUSED(certificate_insert(tx, &again, &err), ERROR_CONFLICT, "serial-in-use");
    again.issuer_key_id = uuid_new(); /* another key may use it */
    DONE(certificate_insert(tx, &again, &err));
    again = certificate_like(ca, "c", NOW);
    again.serial = view_of(der, 21);
    REFUSED(certificate_insert(tx, &again, &err), ERROR_MALFORMED, "too-long");
    again.serial = view_of(der, 8);
    again.ca_id = uuid_new();
    REFUSED(certificate_insert(tx, &again, &err), ERROR_NOT_FOUND, "not-found");
}

static void revocations(void **state) {
    struct uuid id = make_certificate(ca, "revoked", NOW + DAY);
    struct certificate_record before, held, now;
    int64_t epoch, later;
    (void)state;
    DONE(ca_epoch(tx, ca, &epoch, &err));
    DONE(certificate_by_id(tx, arena, &scope_everything, id, &before, &err));
    DONE(revocation_add(tx, &before, 6, NOW + 1, 0, &err));
    REFUSED(revocation_add(tx, &before, 1, NOW + 2, 0, &err), ERROR_CONFLICT, "changed-meanwhile");
    DONE(certificate_by_id(tx, arena, &scope_everything, id, &held, &err));
    assert_true(held.revoked && held.reason == 6 && held.revoked_us == NOW + 1);
    DONE(revocation_add(tx, &held, 8, NOW + 3, 0, &err));
    DONE(certificate_by_id(tx, arena, &scope_everything, id, &now, &err));
    assert_true(!now.revoked && now.status_ordinal == 2);
    DONE(revocation_add(tx, &now, 1, NOW + 4, NOW - 5, &err));
    DONE(certificate_by_serial(tx, arena, ca, now.serial, &now, &err));
    assert_true(now.revoked && now.reason == 1 && now.revoked_us == NOW + 4);
    assert_true(now.invalidity_us == NOW - 5 && now.status_ordinal == 3);
    DONE(ca_epoch(tx, ca, &later, &err));
    assert_true(later == epoch + 3); /* the refused one left no trace */
    struct ca_record record;
    DONE(ca_by_id(tx, arena, &scope_everything, ca, &record, &err));
    assert_true(record.epoch == later);
}

/* What stands on the CRL. */
static void revocation_lists(void **state) {
    struct uuid own = make_ca("crl-rows", organisation), other = make_ca("crl-other", organisation);
    struct revoked_row *rows;
    size_t count;
    (void)state;
    make_certificate(own, "good", NOW + DAY);
    struct uuid plain = make_certificate(own, "plain", NOW + DAY);
    struct uuid held = make_certificate(own, "held", NOW + DAY);
    struct uuid released = make_certificate(own, "released", NOW + DAY);
    struct uuid expired = make_certificate(own, "expired", NOW - 1);
    struct uuid foreign = make_certificate(other, "foreign", NOW + DAY);
    revoke_certificate(plain, 1);
    revoke_certificate(held, 6);
    revoke_certificate(released, 6);
    revoke_certificate(released, 8);
    revoke_certificate(expired, 1);
    revoke_certificate(foreign, 1);
    DONE(revocation_list(tx, arena, own, NOW, &rows, &count, &err));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        assert_true((rows[i].reason == 1 || rows[i].reason == 6) && rows[i].serial.len == 16 &&
                    rows[i].revoked_us == NOW);
    DONE(revocation_list(tx, arena, own, NOW - 1, &rows, &count, &err));
    assert_int_equal(count, 3); /* not expired before that moment */
    DONE(revocation_list(tx, arena, uuid_new(), NOW, &rows, &count, &err));
    assert_int_equal(count, 0);
}

/* b comes behind a in this order. */
static bool comes_behind(const struct certificate_record *a, const struct certificate_record *b, enum certificate_sort sort) {
    int order = memcmp(b->id.bytes, a->id.bytes, 16);
    if ((sort == CERTIFICATE_ENDS_FIRST || sort == CERTIFICATE_ENDS_LAST) && a->not_after_us != b->not_after_us)
        order = b->not_after_us > a->not_after_us ? 1 : -1;
    return sort == CERTIFICATE_OLDEST || sort == CERTIFICATE_ENDS_FIRST ? order > 0 : order < 0;
}

static size_t walk_sorted(const struct scope *scope, const struct certificate_filter *filter, unsigned limit) {
    struct page page = page_of(limit, NULL);
    struct certificate_record *items, last;
    size_t count, total = 0;
    const char *next;
    do {
        DONE(certificate_list(tx, arena, scope, filter, &page, &items, &count, &next, &err));
        assert_true(count <= limit && (next == NULL || count == limit));
        for (size_t i = 0; i < count; i++) {
            assert_true(total + i == 0 || comes_behind(&last, &items[i], filter->sort));
            assert_true(items[i].der.len == 0 && items[i].serial.len == 16);
            last = items[i];
        }
        total += count;
        page.cursor = next;
    } while (next != NULL);
    return total;
}

/* In every order there are as many. */
static size_t walk(const struct scope *scope, struct certificate_filter filter, unsigned limit) {
    size_t total = 0;
    filter.now_us = NOW;
    for (int sort = CERTIFICATE_NEWEST; sort <= CERTIFICATE_ENDS_LAST; sort++) {
        filter.sort = (enum certificate_sort)sort;
        size_t seen = walk_sorted(scope, &filter, limit);
        if (sort != CERTIFICATE_NEWEST && seen != total)
            fail_msg("order %d: %zu instead of %zu", sort, seen, total);
        total = seen;
    }
    return total;
}

static struct uuid list_org, list_cas[3];

/* 30 certificates: every fifth has expired, every third is revoked, two are held, one was released. */
static void fill_lists(void) {
    list_org = make_organisation("lists");
    for (int i = 0; i < 3; i++)
        list_cas[i] = make_ca(arena_printf(arena, "lists-%d", i), list_org);
    for (int i = 0; i < 30; i++) {
        bool soon = i == 1 || i == 4 || i == 7 || i == 8; /* the others end in fours at the same time */
        struct uuid id =
            make_certificate(list_cas[i % 3], arena_printf(arena, "Host-%02d.shop.EXAMPLE.org", i),
                             i % 5 == 0 ? NOW - DAY : NOW + (soon ? i + 1 : i / 4 + 11) * DAY);
        if (i == 1 || i == 2)
            revoke_certificate(id, 6);
        if (i == 4) {
            revoke_certificate(id, 6);
            revoke_certificate(id, 8);
        }
        if (i % 3 == 0)
            revoke_certificate(id, 4);
    }
}

static void lists(void **state) {
    static const struct {
        struct certificate_filter filter;
        size_t count;
    } rows[] = {
        {{.state = CERTIFICATE_ANY}, 30},
        {{.state = CERTIFICATE_REVOKED}, 10},
        {{.state = CERTIFICATE_HELD}, 2},
        {{.state = CERTIFICATE_EXPIRED}, 4}, /* 5, 10, 20, 25: 0 and 15 are revoked */
        {{.state = CERTIFICATE_VALID}, 14},
        {{.state = CERTIFICATE_VALID, .expires_before_us = NOW + 10 * DAY}, 3}, /* 4, 7, 8 */
        {{.state = CERTIFICATE_ANY, .expires_before_us = NOW}, 6},
        {{.state = CERTIFICATE_REVOKED, .expires_before_us = NOW}, 2},
        {{.text = "shop.example"}, 30},
        {{.text = "HOST-0"}, 10},
        {{.text = "ost-07.sh"}, 1},
        {{.text = "cn=host-1"}, 10},
        {{.text = "host-1", .state = CERTIFICATE_REVOKED}, 3}, /* 12, 15, 18 */
        {{.text = "host-0", .state = CERTIFICATE_HELD}, 2},
        {{.text = "host-0", .state = CERTIFICATE_VALID}, 3}, /* 4, 7, 8 */
        {{.text = "%"}, 0},
        {{.text = "_"}, 0},
        {{.text = "' OR 1=1 -- "}, 0},
        {{.text = "\\"}, 0},
        {{.text = "!"}, 0},
        {{.text = "host_"}, 0},
        {{.text = ""}, 30},
    };
    struct scope mine, single, several, none = {0};
    (void)state;
    fill_lists();
    mine = scope_of_organisation(&list_org);
    single = scope_of_ca(&list_cas[0]);
    several = (struct scope){.cas = list_cas, .ca_count = 3};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t seen = walk(&mine, rows[i].filter, 3);
        if (seen != rows[i].count)
            fail_msg("row %zu: %zu instead of %zu", i, seen, rows[i].count);
        assert_int_equal(walk(&mine, rows[i].filter, 500), rows[i].count);
        assert_int_equal(walk(&several, rows[i].filter, 7), rows[i].count);
        assert_int_equal(walk(&none, rows[i].filter, 7), 0);
        /* For the whole instance other indexes are walked; CA by CA they must say the same. */
        struct certificate_filter each = rows[i].filter;
        size_t sum = 0;
        for (int c = 0; c < 3; c++) {
            each.ca_id = list_cas[c];
            sum += walk(&scope_everything, each, 4);
        }
        assert_int_equal(sum, rows[i].count);
        assert_true(walk(&scope_everything, rows[i].filter, 9) >= rows[i].count);
    }
    assert_int_equal(walk(&single, (struct certificate_filter){0}, 4), 10);
    assert_int_equal(walk(&single, (struct certificate_filter){.ca_id = list_cas[1]}, 4), 0);
}

/* Serial numbers and fingerprints as people copy them. */
static void numbers(void **state) {
    struct certificate_record made = certificate_like(ca, "numbers", NOW + DAY);
    struct certificate_filter filter = {.now_us = NOW};
    struct page page = page_of(10, NULL);
    struct certificate_record *items;
    size_t count;
    const char *next;
    (void)state;
    DONE(certificate_insert(tx, &made, &err));
    char *serial = hex_encode(arena, made.serial);
    char *fingerprint = hex_encode(arena, view_of(made.fingerprint_sha256, 32));
    char colons[64];
    for (size_t i = 0; i < 16; i++) {
        colons[3 * i] = serial[2 * i];
        colons[3 * i + 1] = serial[2 * i + 1];
        colons[3 * i + 2] = i == 15 ? '\0' : ':';
    }
    for (char *at = colons; *at != '\0'; at++)
        if (*at >= 'a' && *at <= 'f')
            *at = (char)(*at - 32);
    const char *texts[] = {serial, colons, fingerprint, arena_printf(arena, "%.12s", fingerprint)};
    for (size_t i = 0; i < 4; i++) {
        filter.text = texts[i];
        DONE(certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next,
                              &err));
        assert_int_equal(count, 1);
        assert_true(same_id(items[0].id, made.id));
    }
    filter.state = CERTIFICATE_REVOKED;
    DONE(certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next,
                          &err));
    assert_int_equal(count, 0);
    revoke_certificate(made.id, 1);
    DONE(certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next,
                          &err));
    assert_int_equal(count, 1);
    /* ff... is the end of the range of fingerprints */
    made = certificate_like(ca, "ff", NOW + DAY);
    memset(made.fingerprint_sha256, 0xff, 32);
    DONE(certificate_insert(tx, &made, &err));
    filter = (struct certificate_filter){.now_us = NOW, .text = "ffffffff"};
    DONE(certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next,
                          &err));
    assert_int_equal(count, 1);
    char *huge = arena_alloc(arena, 301);
    memset(huge, 'a', 300);
    filter.text = huge;
    REFUSED(
        certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next, &err),
        ERROR_MALFORMED, "too-long");
}

static void long_names(void **state) {
    struct certificate_record made = certificate_like(ca, "long", NOW + DAY), found;
    char *sans = arena_alloc(arena, 300001);
    (void)state;
    memset(sans, 's', 300000);
    made.sans = sans;
    DONE(certificate_insert(tx, &made, &err));
    DONE(certificate_by_id(tx, arena, &scope_everything, made.id, &found, &err));
    assert_int_equal(strlen(found.sans), 300000);
}

/* Certificates with many names: each is found, wherever it lies, and each certificate once. */
static void many_names(void **state) {
    struct uuid own = make_ca("many-names", organisation);
    struct scope scope = scope_of_ca(&own);
    char text[64];
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct certificate_record made = certificate_like(own, "many", NOW + DAY);
        struct buffer sans = buffer_on(arena);
        for (int n = 0; n < 400; n++)
            buffer_printf(&sans, "DNS:name-%d-%03d.many.example, ", i, n);
        made.sans = buffer_text(&sans);
        DONE(certificate_insert(tx, &made, &err));
    }
    for (unsigned limit = 1; limit < 7; limit++) {
        assert_int_equal(walk(&scope, (struct certificate_filter){.text = "many.example"}, limit), 5);
        assert_int_equal(walk(&scope, (struct certificate_filter){.text = "MANY.EXAMPLE",
                                                                  .state = CERTIFICATE_VALID},
                              limit),
                         5);
    }
    for (int n = 0; n < 400; n++) {
        snprintf(text, sizeof text, "dns:name-3-%03d.many.example, ", n);
        if (walk(&scope, (struct certificate_filter){.text = text}, 5) != 1)
            fail_msg("%s is not found", text);
    }
    char *longest = arena_alloc(arena, 202);
    struct certificate_record made = certificate_like(own, "longest", NOW + DAY);
    struct buffer sans = buffer_on(arena);
    for (int n = 0; n < 300; n++)
        buffer_printf(&sans, "%07d", n);
    made.sans = buffer_text(&sans);
    DONE(certificate_insert(tx, &made, &err));
    for (size_t at = 0; at + 200 <= strlen(made.sans); at += 37) { /* also over every seam */
        memcpy(longest, made.sans + at, 200);
        if (walk(&scope, (struct certificate_filter){.text = longest}, 5) != 1)
            fail_msg("200 octets from %zu are not found", at);
    }
}

static void crls(void **state) {
    struct uuid own = make_ca("crls", organisation);
    struct crl_record crl = {.base_number = CRL_COMPLETE, .ca_id = own, .this_update_us = 1, .next_update_us = 2, .epoch = 3};
    struct crl_record found;
    const size_t sizes[] = {10, 1024 * 1024, 1024 * 1024 + 1, 20 * 1024 * 1024 + 7};
    uint8_t *der = must_alloc(sizes[3]);
    (void)state;
    random_bytes(der, sizes[3]);
    REFUSED(crl_newest(tx, arena, own, NIL, 0, false, true, &found, &err), ERROR_NOT_FOUND, "not-found");
    for (int i = 0; i < 4; i++) {
        crl.id = uuid_new();
        crl.number = 1700000000000 + i;
        crl.der = view_of(der, sizes[i]);
        DONE(crl_insert(tx, &crl, &err));
        DONE(crl_newest(tx, arena, own, NIL, 0, false, true, &found, &err));
        assert_true(same_id(found.id, crl.id) && found.number == crl.number);
        assert_true(view_equal(found.der, crl.der));
        assert_true(found.this_update_us == 1 && found.next_update_us == 2 && found.epoch == 3);
    }
    crl.id = uuid_new();
    REFUSED(crl_insert(tx, &crl, &err), ERROR_CONFLICT, "crl-number");
    DONE(crl_newest(tx, arena, own, NIL, 0, false, false, &found, &err));
    assert_true(found.der.len == 0 && found.number == 1700000000003);
    DONE(crl_prune(tx, own, NIL, 0, false, 10, &err));
    DONE(crl_prune(tx, own, NIL, 0, false, 1, &err));
    DONE(crl_newest(tx, arena, own, NIL, 0, false, true, &found, &err));
    assert_true(found.number == 1700000000003 && found.der.len == sizes[3]);
    crl.number = 1700000000000; /* the pruned number is free, and older than the newest */
    crl.der = view_of(der, 1);
    DONE(crl_insert(tx, &crl, &err));
    DONE(crl_newest(tx, arena, own, NIL, 0, false, false, &found, &err));
    assert_true(found.number == 1700000000003);
    free(der);
}

/* The account of the gateway cannot rewrite what was issued, revoked and recorded. */
static void least_privilege(void **state) {
    static const char *const statements[] = {
        "UPDATE certificates SET subject = ''",
        "DELETE FROM certificates",
        "UPDATE certificate_search SET words = ''",
        "DELETE FROM certificate_search",
        "UPDATE revocations SET reason = 8",
        "DELETE FROM revocations",
        "UPDATE events SET actor = ''",
        "DELETE FROM events",
        "DELETE FROM slugs",
        "DELETE FROM cas",
        "DELETE FROM private_keys",
        "UPDATE schema_migrations SET complete = 0",
        "UPDATE template_versions SET document = ''",
    };
    (void)state;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        REFUSED(tx_execute(tx, statements[i], NO_PARAMS, NULL, &err), ERROR_INTERNAL, "internal");
        assert_non_null(strstr(err.detail, "command denied"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(revocations),
        cmocka_unit_test(revocation_lists),
        cmocka_unit_test(lists),
        cmocka_unit_test(numbers),
        cmocka_unit_test(long_names), cmocka_unit_test(many_names),
        cmocka_unit_test(crls),
        cmocka_unit_test(least_privilege),
    };
    return cmocka_run_group_tests_name("store certificates", tests, set_up, store_tear_down);
}
