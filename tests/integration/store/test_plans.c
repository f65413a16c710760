/* Lists stay quick when there is much: how many rows the server touches for one page, counted by
 * the server itself. GATEHOUSE_TEST_ROWS sets the number of certificates (default 30000); the
 * figures in docs are of a million. */
#include "measure.h"

#include <stdlib.h>

static struct uuid big_org, small_org, big_ca, small_ca, foreign_ca, user;
static int64_t rows;

/* The id of row `seq`, growing with it. */
#define SEQ_ID(prefix)                                                                             \
    "UNHEX(CONCAT(LPAD(HEX(1760000000000 + seq), 12, '0'), '" prefix "', LPAD(HEX(seq), 12, "      \
    "'0')))"
#define PICK_CA "IF(seq % 100 = 7, @small, IF(seq % 100 = 1, @foreign, @big))"
#define EXPIRY "@now + (CAST(seq AS SIGNED) - @n DIV 2) * (400 * 86400000000 DIV @n)"
#define PICK_ORG "IF(seq % 100 = 1, @small_org, @big_org)"

static const char *id_literal(struct uuid id) {
    char *text = arena_alloc(arena, 40);
    uuid_format(id, text);
    return arena_printf(arena, "UNHEX(REPLACE('%s', '-', ''))", text);
}

/* Half of the certificates have expired; every 50th is revoked, every 1000th on hold. */
static const char sql_certificates[] =
    "INSERT INTO certificates (id, ca_id, organisation_id, issuer_key_id, template_id, "
    "template_version, "
    "request_id, purpose, serial, subject, common_name, sans, key_type, requester, not_before_us, "
    "not_after_us, created_us, fingerprint_sha256, spki_sha256, der) SELECT " SEQ_ID(
        "70008000") ", " PICK_CA ", " PICK_ORG ", " PICK_CA
                    ", @template, 1, NULL, 1, UNHEX(MD5(seq)), "
                    "CONCAT('CN=host-', seq, '.example.com'), "
                    "CONCAT('host-', seq, '.example.com'), CONCAT('DNS:host-', seq, "
                    "'.example.com'), "
                    "'EC-P256', "
                    "'alice', 0, " EXPIRY
                    ", seq, UNHEX(SHA2(seq, 256)), UNHEX(SHA2(CONCAT('k', seq), "
                    "256)), REPEAT('d', 1200) "
                    "FROM seq_1_to_10000000 WHERE seq <= @n";
static const char sql_search[] = "INSERT INTO certificate_search (ca_id, certificate_id, piece, "
                                 "words) SELECT ca_id, id, 0, LOWER(CONCAT(subject, ' ', sans)) "
                                 "FROM certificates";
static const char sql_revocations[] =
    "INSERT INTO revocations (certificate_id, ordinal, ca_id, serial, not_after_us, reason, "
    "revoked_us, invalidity_us) SELECT " SEQ_ID(
        "70008000") ", 1, " PICK_CA ", UNHEX(MD5(seq)), " EXPIRY
                    ", IF(seq % 1000 = 50, 6, 4), seq, 0 FROM seq_50_to_10000000_step_50 WHERE seq "
                    "<= "
                    "@n";
static const char sql_requests[] =
    "INSERT INTO requests (id, ca_id, template_id, template_version, organisation_id, state, door, "
    "csr, "
    "proposal, subject, sans, key_type, requester_id, requester, approver_id, reason, "
    "certificate_id, "
    "created_us, changed_us) SELECT " SEQ_ID(
        "70008001") ", " PICK_CA ", @template, 1, " PICK_ORG
                    ", IF(seq % 1000 = 0, 1, 3), 'rest', REPEAT('c', 1000), '{}', 'CN=x', '', "
                    "'EC-P256', "
                    "IF(seq % 10 = 0, @user, NULL), 'alice', NULL, '', NULL, seq, seq "
                    "FROM seq_1_to_10000000 WHERE seq <= @n";
static const char sql_events[] =
    "INSERT INTO events (id, organisation_id, ca_id, at_us, code, outcome, actor_id, actor, "
    "address, "
    "object_kind, object, request_id, details) SELECT " SEQ_ID(
        "70008002") ", " PICK_ORG ", " PICK_CA ", seq, "
                    "IF(seq % 1000 = 0, 'session.refused', 'certificate.issued'), 'success', "
                    "@user, "
                    "'alice', "
                    "'::1', 'certificate', CONCAT('object-', seq), 'r', '{}' "
                    "FROM seq_1_to_10000000 WHERE seq <= @n";

static void fill(void) {
    const char *variables = arena_printf(
        arena,
        "SET @big = %s, @small = %s, @foreign = %s, @big_org = %s, @small_org = %s, "
        "@template = %s, @user = %s, @n = %lld, @now = %lld, foreign_key_checks = 0;",
        id_literal(big_ca), id_literal(small_ca), id_literal(foreign_ca), id_literal(big_org),
        id_literal(small_org), id_literal(make_template("plans", big_ca)), id_literal(user),
        (long long)rows, (long long)NOW);
    const char *const statements[] = {sql_certificates, sql_search, sql_revocations, sql_requests,
                                      sql_events};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        root_sql(arena_printf(arena, "%s %s", variables, statements[i]));
}

static int set_up(void **state) {
    const char *given = getenv("GATEHOUSE_TEST_ROWS");
    rows = given != NULL ? strtoll(given, NULL, 10) : 30000;
    if (store_set_up(state) != 0)
        return -1;
    big_org = make_organisation("big");
    small_org = make_organisation("small");
    user = make_user("alice", big_org);
    big_ca = make_ca("big-ca", big_org);
    small_ca = make_ca("small-ca", big_org);
    foreign_ca = make_ca("foreign-ca", small_org);
    fill();
    return 0;
}

static void certificates(void **state) {
    const struct uuid cas[] = {small_ca, foreign_ca};
    const struct scope all = scope_everything, org = scope_of_organisation(&big_org),
                       small = scope_of_ca(&small_ca), foreign = scope_of_organisation(&small_org),
                       two = {.cas = cas, .ca_count = 2};
    const struct {
        const char *label;
        const struct scope *scope;
        struct certificate_filter filter;
        int64_t at_most;
    } lists[] = {
        {"certificates", &all, {.text = NULL}, 500},
        {"certificates, organisation", &org, {.text = NULL}, 600},
        {"certificates, small CA", &small, {.text = NULL}, 500},
        {"certificates, other organisation", &foreign, {.text = NULL}, 500},
        {"certificates, two CAs", &two, {.text = NULL}, 800},
        {"certificates of a CA", &all, {.ca_id = small_ca}, 500},
        {"valid", &all, {.state = CERTIFICATE_VALID}, 1200},
        {"valid, organisation", &org, {.state = CERTIFICATE_VALID}, 1300},
        {"expired, small CA", &small, {.state = CERTIFICATE_EXPIRED}, rows / 100 + 2000},
        {"expired", &all, {.state = CERTIFICATE_EXPIRED}, rows + 2000},
        {"revoked", &all, {.state = CERTIFICATE_REVOKED}, 1200},
        {"revoked, organisation", &org, {.state = CERTIFICATE_REVOKED}, 1300},
        {"held", &all, {.state = CERTIFICATE_HELD}, rows / 50 + 1500},
        {"valid, ends within a day",
         &all,
         {.state = CERTIFICATE_VALID, .expires_before_us = NOW + DAY},
         rows / 100 + 2000},
        {"valid, ends within a day, one CA",
         &all,
         {.state = CERTIFICATE_VALID, .expires_before_us = NOW + DAY, .ca_id = small_ca},
         rows / 100 + 2000},
        {"text that is frequent", &all, {.text = "example"}, 1200},
        {"text that is frequent, valid",
         &org,
         {.text = "example", .state = CERTIFICATE_VALID},
         2500},
        {"text that is frequent, revoked",
         &org,
         {.text = "example", .state = CERTIFICATE_REVOKED},
         2500},
        {"text that is frequent, expired", &all, {.text = "example", .state = CERTIFICATE_EXPIRED}, rows + 15000},
        {"text that is frequent, ends within a day",
         &all,
         {.text = "example", .state = CERTIFICATE_VALID, .expires_before_us = NOW + DAY},
         rows / 100 + 12000},
        {"text that is rare, of a key", &all, {.text = "host-77.", .key_type = "EC-P256"}, rows + 10000},
        {"of a use that is rare", &all, {.use = CERTIFICATE_OCSP}, 300},
        {"of a use that is rare, held", &all, {.use = CERTIFICATE_OCSP, .state = CERTIFICATE_HELD}, rows / 500 + 300},
        {"held, of a key", &all, {.state = CERTIFICATE_HELD, .key_type = "EC-P256"}, rows / 100 + 2000},
        {"text that is rare", &all, {.text = "host-77."}, rows + 2000},
        {"text that is nowhere", &org, {.text = "nowhere"}, rows + 2000},
        {"ends first", &all, {.sort = CERTIFICATE_ENDS_FIRST}, 800},
        {"ends last, valid", &org, {.sort = CERTIFICATE_ENDS_LAST, .state = CERTIFICATE_VALID}, 1300},
        {"ends first, within a day",
         &all,
         {.sort = CERTIFICATE_ENDS_FIRST, .state = CERTIFICATE_VALID, .expires_before_us = NOW + DAY},
         rows / 100 + 2000},
        {"oldest", &all, {.sort = CERTIFICATE_OLDEST}, 500},
        {"oldest of a CA", &all, {.sort = CERTIFICATE_OLDEST, .ca_id = small_ca}, 500},
        {"text that is rare, ends first", &all, {.sort = CERTIFICATE_ENDS_FIRST, .text = "host-77."}, rows + 2000},
        {"text that is rare, small CA", &small, {.text = "host-107."}, rows / 100 + 2000},
    };
    struct page page = page_of(50, NULL);
    struct certificate_record *items;
    size_t count;
    const char *next;
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct certificate_filter filter = lists[i].filter;
        filter.now_us = NOW;
        page.cursor = NULL;
        MEASURE(lists[i].label, lists[i].at_most,
                certificate_list(tx, arena, lists[i].scope, &filter, &page, &items, &count, &next,
                                 &err));
    }
}

/* Deep pages cost what the first did; a CRL reads what was revoked. */
static void deep_pages(void **state) {
    const struct scope org = scope_of_organisation(&big_org);
    struct page page = page_of(500, NULL);
    struct certificate_record *items;
    size_t count;
    const char *next;
    (void)state;
    const struct certificate_filter none = {.now_us = NOW};
    for (int i = 0; i < 10; i++) {
        DONE(certificate_list(tx, arena, &org, &none, &page, &items, &count, &next, &err));
        page.cursor = next;
    }
    page.limit = 50;
    MEASURE("page 100", 600,
            certificate_list(tx, arena, &org, &none, &page, &items, &count, &next, &err));
    struct revoked_row *revoked;
    MEASURE("rows of a CRL", 4 * (rows / 50) + 100,
            revocation_list(tx, arena, big_ca, NOW, &revoked, &count, &err));
}

/* What the console asks for beside its lists: each reads narrow rows of one index, once. */
static void counts(void **state) {
    const struct scope all = scope_everything, org = scope_of_organisation(&big_org);
    const struct {
        const char *label;
        const struct scope *scope;
        struct certificate_filter filter;
        int64_t at_most;
    } lists[] = {
        {"count", &all, {.text = NULL}, rows + 1000},
        {"count, organisation", &org, {.text = NULL}, rows + 1000},
        {"count of a small CA", &all, {.ca_id = small_ca}, rows / 100 + 1000},
        {"count of what is valid", &all, {.state = CERTIFICATE_VALID}, rows + rows / 10 + 1000},
        {"count of what is valid, of people",
         &all,
         {.state = CERTIFICATE_VALID, .use = CERTIFICATE_END_ENTITY},
         rows + rows / 10 + 1000},
        {"count of what is revoked", &all, {.state = CERTIFICATE_REVOKED}, rows / 10 + 1000},
        {"count of what ends within a day", &all, {.state = CERTIFICATE_VALID, .expires_before_us = NOW + DAY}, rows / 10 + 1000},
        {"count of a text", &all, {.text = "example"}, 3 * rows + 1000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct certificate_filter filter = lists[i].filter;
        int64_t counted = 0;
        size_t count = 0;
        filter.now_us = NOW;
        MEASURE(lists[i].label, lists[i].at_most,
                certificate_count(tx, arena, lists[i].scope, &filter, 1000000, &counted, &err));
        count = (size_t)counted;
        assert_true(count > 0 && count <= (size_t)rows);
    }
}

static void requests(void **state) {
    const struct scope all = scope_everything, org = scope_of_organisation(&big_org),
                       small = scope_of_ca(&small_ca), foreign = scope_of_organisation(&small_org);
    struct scope own = org;
    const enum request_state any = (enum request_state)0;
    struct page page = page_of(50, NULL);
    struct request_record *items;
    size_t count;
    const char *next;
    (void)state;
    own.own_only = true;
    own.actor = user;
    const struct {
        const char *label;
        const struct scope *scope;
        struct uuid ca;
        enum request_state in_state;
    } lists[] = {
        {"requests", &all, NIL, any},
        {"requests, organisation", &org, NIL, any},
        {"requests, small CA", &small, NIL, any},
        {"requests, other", &foreign, NIL, any},
        {"pending", &all, NIL, REQUEST_PENDING},
        {"pending, organisation", &org, NIL, REQUEST_PENDING},
        {"pending of a CA", &org, small_ca, REQUEST_PENDING},
        {"my requests", &own, NIL, any},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        MEASURE(lists[i].label, 300,
                request_list(tx, arena, lists[i].scope, lists[i].ca, lists[i].in_state, &page,
                             &items, &count, &next, &err));
    MEASURE(
        "my pending requests", rows / 10 + 1200,
        request_list(tx, arena, &own, NIL, REQUEST_PENDING, &page, &items, &count, &next, &err));
}

static void events(void **state) {
    const struct scope all = scope_everything, org = scope_of_organisation(&big_org),
                       small = scope_of_ca(&small_ca), foreign = scope_of_organisation(&small_org);
    const struct {
        const char *label;
        const struct scope *scope;
        struct event_filter filter;
        int64_t at_most;
    } lists[] = {
        {"events", &all, {.code = NULL}, 300},
        {"events, organisation", &org, {.code = NULL}, 300},
        {"events, CA", &small, {.code = NULL}, 300},
        {"events, other organisation", &foreign, {.code = NULL}, 300},
        {"events of a time", &org, {.since_us = 1000, .until_us = 1100}, 300},
        {"events of an object", &org, {.object = "object-77"}, 300},
        {"events of another's object", &foreign, {.object = "object-77"}, 300},
        {"events, frequent code", &org, {.code = "certificate."}, 300},
        {"events, rare code", &org, {.code = "session."}, rows + 1000},
    };
    struct page page = page_of(50, NULL);
    struct event *items;
    size_t count;
    const char *next;
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        MEASURE(lists[i].label, lists[i].at_most,
                event_list(tx, arena, lists[i].scope, &lists[i].filter, &page, &items, &count,
                           &next, &err));
}

static void look_ups(void **state) {
    struct certificate_record certificate;
    struct page page = page_of(50, NULL);
    struct certificate_record *items;
    struct certificate_filter filter = {.now_us = NOW, .state = CERTIFICATE_ANY};
    size_t count;
    const char *next;
    (void)state;
    DONE(certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next,
                          &err));
    struct uuid id = items[3].id, ca = items[3].ca_id;
    struct view serial = items[3].serial;
    MEASURE("certificate by id", 30,
            certificate_by_id(tx, arena, &scope_everything, id, &certificate, &err));
    MEASURE("certificate by serial number", 30,
            certificate_by_serial(tx, arena, ca, serial, &certificate, &err));
    int64_t epoch;
    MEASURE("epoch of a CA", 10, ca_epoch(tx, ca, &epoch, &err));
    struct uuid template = certificate.template_id;
    if (rows <= 100000)
        REFUSED(template_delete(tx, template, NOW, &err), ERROR_CONFLICT, "template-in-use");
    REFUSED(ca_delete(tx, foreign_ca, NOW, &err), ERROR_CONFLICT, "ca-in-use");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(deep_pages),
        cmocka_unit_test(counts),
        cmocka_unit_test(requests),
        cmocka_unit_test(events),
        cmocka_unit_test(look_ups),
    };
    return cmocka_run_group_tests_name("store plans", tests, set_up, store_tear_down);
}
