/* One ACME account that orders and orders: what others and it are shown costs what it did before, its limits are counted
 * no further than they reach, and housekeeping takes away what is over, a bounded piece at a time.
 * GATEHOUSE_TEST_ROWS sets the number of its orders (default 30000). */
#include "measure.h"
#include "store/acme.h"

#include <stdlib.h>

static struct uuid organisation, policy, greedy, modest;
static int64_t rows;

/* Of ten orders one has its certificate, four have expired unfinished, three have failed, two are open. */
#define ENDS "IF(seq % 10 IN (8, 9), @now + 86400000000, @now - 20 * 86400000000)"
#define ID(prefix) "UNHEX(CONCAT(LPAD(HEX(1760000000000 + seq), 12, '0'), '" prefix "', LPAD(HEX(seq), 12, '0')))"
static const char sql_orders[] =
    "INSERT INTO acme_orders (id, account_id, policy_id, template_id, state, identifiers, authorizations, profile, "
    "not_before_us, not_after_us, expires_us, problem, replaces_id, certificate_id, created_us, changed_us) SELECT "
    ID("70008000") ", @greedy, @policy, @template, IF(seq % 10 = 0, 3, IF(seq % 10 IN (5, 6, 7), 4, 1)), "
    "CONCAT('[{\"type\":\"dns\",\"value\":\"n', seq, '.example.org\"}]'), " ID("70008001") ", '', 0, 0, " ENDS ", '', NULL, "
    "IF(seq % 10 = 0, " ID("70008002") ", NULL), seq, seq FROM seq_1_to_10000000 WHERE seq <= @n";
static const char sql_authorizations[] =
    "INSERT INTO acme_authorizations (id, account_id, policy_id, kind, identifier, wildcard, state, expires_us, challenges, "
    "work_us, revision, created_us) SELECT " ID("70008001") ", @greedy, @policy, 1, CONCAT('n', seq, '.example.org'), 0, "
    "IF(seq % 10 = 0, 2, IF(seq % 10 IN (5, 6, 7), 3, 1)), " ENDS ", '[]', 0, 1, seq FROM seq_1_to_10000000 WHERE seq <= @n";
static const char sql_nonces[] = "INSERT INTO acme_nonces (nonce) SELECT UNHEX(CONCAT(LPAD(HEX(@now - 86400000000 + seq), 16, "
                                 "'0'), MD5(seq))) FROM seq_1_to_10000000 WHERE seq <= @n";
static const char sql_names[] = "INSERT INTO acme_order_names (policy_id, identifier, order_id) SELECT @policy, "
                                "'n.example.org', " ID("70008000") " FROM seq_1_to_10000000 WHERE seq <= @n";

static const char *literal(struct uuid id) {
    char *text = arena_alloc(arena, 40);
    uuid_format(id, text);
    return arena_printf(arena, "UNHEX(REPLACE('%s', '-', ''))", text);
}

static struct uuid make_account(uint8_t mark) {
    struct acme_account account = {.id = uuid_new(), .policy_id = policy, .state = ACME_ACCOUNT_VALID, .jwk = "{}",
                                   .contacts = "[]", .scope = "[]", .terms = "", .eab_jws = "", .created_us = NOW};
    bool duplicate;
    memset(account.thumbprint, mark, sizeof account.thumbprint);
    DONE(acme_account_insert(tx, &account, &duplicate, &err));
    return account.id;
}

static int set_up(void **state) {
    const char *given = getenv("GATEHOUSE_TEST_ROWS");
    static const char *const statements[] = {sql_orders, sql_authorizations, sql_nonces, sql_names};
    rows = given != NULL ? strtoll(given, NULL, 10) : 30000;
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    struct uuid template = make_template("web", make_ca("ca", organisation));
    struct acme_policy_record record = {.id = uuid_new(), .organisation_id = organisation, .name = "p", .document = "{}",
                                        .created_us = NOW};
    DONE(acme_policy_insert(tx, &record, &err));
    policy = record.id;
    greedy = make_account(1);
    modest = make_account(2);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        root_sql(arena_printf(arena, "SET @policy = %s, @template = %s, @greedy = %s, @n = %lld, @now = %lld; %s",
                              literal(policy), literal(template), literal(greedy), (long long)rows, (long long)NOW,
                              statements[i]));
    struct acme_order order = {.id = uuid_new(), .account_id = modest, .policy_id = policy, .template_id = template,
                               .state = ACME_ORDER_PENDING, .identifiers = "[]", .profile = "", .expires_us = NOW + DAY,
                               .created_us = NOW};
    DONE(acme_order_insert(tx, &order, true, &err));
    return 0;
}

static void lists(void **state) {
    const struct {
        const char *label;
        struct uuid account, policy;
    } kinds[] = {{"orders", NIL, NIL}, {"orders of the policy", NIL, policy}, {"orders of the account", greedy, NIL},
                 {"orders of another account", modest, NIL}};
    struct page page = page_of(50, NULL);
    struct acme_order *items;
    const char *next;
    size_t count;
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        page.cursor = NULL;
        MEASURE(kinds[i].label, 300, acme_order_list(tx, arena, &scope_everything, kinds[i].account, kinds[i].policy, &page,
                                                     &items, &count, &next, &err));
        assert_int_equal(count, same_id(kinds[i].account, modest) ? 1 : 50);
    }
    const struct scope all = scope_everything, own = scope_of_organisation(&organisation);
    page = page_of(50, NULL);
    MEASURE("orders of one organisation", 300,
            acme_order_list(tx, arena, &own, NIL, NIL, &page, &items, &count, &next, &err));
    for (size_t i = 2; i < 6; i++) {
        const struct scope *scope = i % 2 == 0 ? &all : &own;
        struct uuid account = i < 4 ? greedy : NIL, of_policy = i < 4 ? NIL : policy;
        page = page_of(500, NULL);
        for (int k = 0; k < 10; k++) {
            DONE(acme_order_list(tx, arena, scope, account, of_policy, &page, &items, &count, &next, &err));
            page.cursor = next;
        }
        page.limit = 50;
        MEASURE(i < 4 ? "orders of the account, from the 5000th on" : "orders of the policy, from the 5000th on", 300,
                acme_order_list(tx, arena, scope, account, of_policy, &page, &items, &count, &next, &err));
        assert_int_equal(count, 50);
    }
}

/* By the cursor each order comes once, the oldest last. */
static void every_page(void **state) {
    struct page page = page_of(500, NULL);
    struct acme_order *items;
    struct uuid last = {{0xff}};
    int64_t seen = 0;
    (void)state;
    const char *next;
    size_t count;
    do {
        DONE(acme_order_list(tx, arena, &scope_everything, greedy, NIL, &page, &items, &count, &next, &err));
        for (size_t i = 0; i < count; i++) {
            assert_true(memcmp(items[i].id.bytes, last.bytes, sizeof last.bytes) < 0);
            last = items[i].id;
        }
        seen += (int64_t)count;
        page.cursor = next;
    } while (page.cursor != NULL);
    assert_int_equal(seen, rows);
    page = (struct page){.limit = 50, .oldest_first = true};
    MEASURE("orders of the account, from the other end", 300,
            acme_order_list(tx, arena, &scope_everything, greedy, NIL, &page, &items, &count, &next, &err));
    assert_int_equal(count, 50);
}

static void limits(void **state) {
    struct acme_authorization like = {.account_id = greedy, .policy_id = policy, .kind = ACME_DNS,
                                      .identifier = "n8.example.org", .state = ACME_AUTHZ_PENDING},
                              found, *due;
    int64_t counted = 0;
    size_t count = 0;
    (void)state;
    MEASURE("orders since ever, at most 300", 1000, acme_order_count(tx, greedy, NIL, 0, 300, &counted, &err));
    assert_int_equal(counted, 300);
    MEASURE("orders of the policy, at most 300", 1000, acme_order_count(tx, NIL, policy, 0, 300, &counted, &err));
    assert_int_equal(counted, 300);
    MEASURE("orders of another account", 50, acme_order_count(tx, modest, NIL, 0, 300, &counted, &err));
    assert_int_equal(counted, 1);
    MEASURE("orders of a name, at most 50", 200,
            acme_order_name_count(tx, policy, "n.example.org", 0, 50, &counted, &err));
    assert_int_equal(counted, 50);
    MEASURE("an authorization by its name", 50, acme_authorization_find(tx, arena, &like, NOW, &found, &err));
    assert_false(uuid_is_nil(found.id));
    MEASURE("work that is due", 50, acme_authorization_due(tx, arena, NOW, 4, &due, &count, &err));
    assert_int_equal(count, 0);
    MEASURE("pending authorizations, at most 300", 1000, acme_authorization_count(tx, greedy, NOW, 300, &counted, &err));
    assert_int_equal(counted, 300);
    MEASURE("pending authorizations of another account", 50,
            acme_authorization_count(tx, modest, NOW, 300, &counted, &err));
    assert_int_equal(counted, 0);
}

static int64_t number_of(const char *sql) {
    int64_t number = 0;
    DONE(tx_number(tx, sql, NO_PARAMS, &number, &err));
    return number;
}

static void housekeeping(void **state) {
    int64_t gone = 1, all = 0;
    size_t count = 0;
    (void)state;
    for (int round = 0; gone > 0; round++) {
        assert_true(round < 3 * rows / 5000 + 10);
        MEASURE("housekeeping", 60000, acme_sweep(tx, NOW, NOW - DAY / 2, NOW - 8 * DAY, &gone, &err));
        all += gone;
    }
    assert_true(all > rows);
    /* What has a certificate stays, and what is open yet. */
    assert_int_equal(number_of("SELECT COUNT(*) FROM acme_orders"), rows * 3 / 10 + 1);
    assert_int_equal(number_of("SELECT COUNT(*) FROM acme_orders WHERE certificate_id IS NOT NULL"), rows / 10);
    assert_int_equal(number_of("SELECT COUNT(*) FROM acme_authorizations"), rows * 2 / 10);
    assert_int_equal(number_of("SELECT COUNT(*) FROM acme_nonces"), 0);
    assert_int_equal(number_of("SELECT COUNT(*) FROM acme_order_names"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists), cmocka_unit_test(every_page), cmocka_unit_test(limits),
                                       cmocka_unit_test(housekeeping)};
    return cmocka_run_group_tests(tests, set_up, store_tear_down);
}
