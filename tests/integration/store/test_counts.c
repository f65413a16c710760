/* Counts say what the lists show, whatever is asked for: they take other ways through the indexes. */
#include "fixture.h"
#include "store/notes.h"

#define CERTIFICATES 36

static struct uuid organisation, cas[2];

static void archive(struct uuid id) {
    struct note_record note = {.certificate_id = id, .owner = "", .fields = "{}", .archived_us = NOW};
    DONE(note_put(tx, arena, &note, &err));
}

/* Every fifth has expired, every third is revoked, every seventh held, the eighth was released, every fourth is
 * archived, every sixth is a responder's. */
static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("counted");
    cas[0] = make_ca("counted-0", organisation);
    cas[1] = make_ca("counted-1", organisation);
    for (int i = 0; i < CERTIFICATES; i++) {
        struct certificate_record made =
            certificate_like(cas[i % 2], arena_printf(arena, "host-%02d.example", i), i % 5 == 0 ? NOW - DAY : NOW + i * DAY);
        made.key_type = i % 11 == 0 ? "RSA-2048" : "EC-P256";
        made.door = i % 9 == 1 ? "acme" : "rest";
        made.requester = i % 4 == 1 ? "bob" : "alice";
        made.use = i % 6 == 0 ? CERTIFICATE_OCSP : CERTIFICATE_END_ENTITY;
        DONE(certificate_insert(tx, &made, &err));
        if (i % 3 == 0)
            revoke_certificate(made.id, 4);
        else if (i % 7 == 0 || i == 8)
            revoke_certificate(made.id, 6);
        if (i == 8)
            revoke_certificate(made.id, 8);
        if (i % 4 == 0)
            archive(made.id);
    }
    return 0;
}

static size_t listed(const struct scope *scope, const struct certificate_filter *filter) {
    struct page page = page_of(7, NULL);
    struct certificate_record *items;
    size_t count, total = 0;
    do {
        DONE(certificate_list(tx, arena, scope, filter, &page, &items, &count, &page.cursor, &err));
        total += count;
    } while (page.cursor != NULL);
    return total;
}

static void expect_same(const struct scope *scope, const struct certificate_filter *filter) {
    int64_t counted = -1, bounded = -1;
    size_t seen = listed(scope, filter);
    DONE(certificate_count(tx, arena, scope, filter, 1000000, &counted, &err));
    DONE(certificate_count(tx, arena, scope, filter, COUNT_BOUNDED, &bounded, &err));
    if ((size_t)counted != seen || bounded != counted)
        fail_msg("state %d, use %d, archived %d, text %s, key %s, ends before %lld, after %lld: %lld counted, %lld to a bound, "
                 "%zu listed",
                 (int)filter->state, (int)filter->use, (int)filter->archived, filter->text ? filter->text : "-",
                 filter->key_type ? filter->key_type : "-", (long long)filter->expires_before_us,
                 (long long)filter->expires_after_us, (long long)counted, (long long)bounded, seen);
}

static void expect_same_everywhere(struct certificate_filter filter) {
    static const struct {
        int64_t before, after;
    } windows[] = {{0, 0}, {NOW + 10 * DAY, 0}, {0, NOW + 10 * DAY}, {NOW + 20 * DAY, NOW}, {NOW, 0}};
    const struct scope all = scope_everything, mine = scope_of_organisation(&organisation), one = scope_of_ca(&cas[1]);
    filter.now_us = NOW;
    /* Words and columns take one way for all ends. */
    bool words = filter.text != NULL || filter.key_type != NULL || filter.name != NULL || filter.door != NULL;
    for (size_t i = 0; i < (words ? 2 : sizeof windows / sizeof windows[0]); i++) {
        filter.expires_before_us = windows[i].before;
        filter.expires_after_us = windows[i].after;
        filter.ca_id = NIL;
        expect_same(&all, &filter);
        expect_same(&mine, &filter);
        expect_same(&one, &filter);
        filter.ca_id = cas[0];
        expect_same(&all, &filter);
        expect_same(&one, &filter);
    }
}

static void every_filter(void **state) {
    static const enum certificate_use uses[] = {(enum certificate_use)0, CERTIFICATE_END_ENTITY, CERTIFICATE_OCSP,
                                                CERTIFICATE_TSA};
    static const struct {
        const char *text, *key_type, *name, *door, *requester;
    } others[] = {{.text = NULL},
                  {.text = "host-1"},
                  {.text = "nowhere"},
                  {.text = "nowhere", .key_type = "EC-P256"},
                  {.key_type = "EC-P256"},
                  {.text = "example", .key_type = "EC-P256"},
                  {.name = ".example"},
                  {.door = "rest", .requester = "bob"},
                  {.key_type = "EC-P256", .door = "acme", .requester = "alice"}};
    (void)state;
    for (int s = CERTIFICATE_ANY; s <= CERTIFICATE_HELD; s++)
        for (size_t u = 0; u < sizeof uses / sizeof uses[0]; u++)
            for (int a = ARCHIVED_HIDDEN; a <= ARCHIVED_SHOWN; a++)
                for (size_t o = 0; o < sizeof others / sizeof others[0]; o++)
                    expect_same_everywhere((struct certificate_filter){.state = (enum certificate_state)s,
                                                                       .use = uses[u],
                                                                       .archived = (enum archive_filter)a,
                                                                       .text = others[o].text,
                                                                       .key_type = others[o].key_type,
                                                                       .name = others[o].name,
                                                                       .door = others[o].door,
                                                                       .requester = others[o].requester,
                                                                       .match = NAME_SUFFIX});
}

/* What is valid of each kind, and when the last of it ends: as the lists have it. */
static void kinds_of_keys(void **state) {
    static const struct page whole = {.limit = 500};
    (void)state;
    for (size_t ca = 0; ca < 2; ca++) {
        struct key_type_count *kinds;
        size_t count;
        int64_t before = INT64_MAX;
        DONE(certificate_key_types(tx, arena, cas[ca], NOW, &kinds, &count, &err));
        assert_int_equal(count, 2);
        for (size_t i = 0; i < count; i++) {
            const struct certificate_filter filter = {.state = CERTIFICATE_VALID, .archived = ARCHIVED_SHOWN, .now_us = NOW,
                                                      .ca_id = cas[ca], .key_type = kinds[i].key_type};
            struct certificate_record *items;
            const char *next;
            size_t seen;
            int64_t last = 0;
            DONE(certificate_list(tx, arena, &scope_everything, &filter, &whole, &items, &seen, &next, &err));
            for (size_t k = 0; k < seen; k++)
                last = items[k].not_after_us > last ? items[k].not_after_us : last;
            assert_int_equal(kinds[i].count, seen);
            assert_int_equal(kinds[i].last_end_us, last);
            assert_true(kinds[i].count <= before); /* the most first */
            before = kinds[i].count;
        }
    }
}

static void known_numbers(void **state) {
    const struct scope mine = scope_of_organisation(&organisation);
    static const struct {
        struct certificate_filter filter;
        int64_t count;
    } rows[] = {
        {{.archived = ARCHIVED_SHOWN}, CERTIFICATES},
        {{.archived = ARCHIVED_HIDDEN}, 27},
        {{.archived = ARCHIVED_ONLY}, 9},
        {{.archived = ARCHIVED_SHOWN, .state = CERTIFICATE_REVOKED}, 12},
        {{.archived = ARCHIVED_SHOWN, .state = CERTIFICATE_HELD}, 4}, /* 7, 14, 28, 35 */
        {{.archived = ARCHIVED_SHOWN, .state = CERTIFICATE_EXPIRED}, 4}, /* 5, 10, 20, 25; 0, 15, 30 revoked, 35 held */
        {{.archived = ARCHIVED_SHOWN, .state = CERTIFICATE_VALID}, 16},
        {{.archived = ARCHIVED_SHOWN, .use = CERTIFICATE_OCSP}, 6},
        {{.archived = ARCHIVED_SHOWN, .use = CERTIFICATE_OCSP, .state = CERTIFICATE_REVOKED}, 6},
        {{.archived = ARCHIVED_SHOWN, .use = CERTIFICATE_OCSP, .state = CERTIFICATE_VALID}, 0},
        {{.archived = ARCHIVED_SHOWN, .text = "host-1"}, 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct certificate_filter filter = rows[i].filter;
        int64_t count = -1;
        filter.now_us = NOW;
        DONE(certificate_count(tx, arena, &mine, &filter, 1000000, &count, &err));
        if (count != rows[i].count)
            fail_msg("row %zu: %lld instead of %lld", i, (long long)count, (long long)rows[i].count);
        DONE(certificate_count(tx, arena, &mine, &filter, 2, &count, &err));
        assert_true(count == (rows[i].count > 2 ? 3 : rows[i].count));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_of_keys), cmocka_unit_test(known_numbers),
                                       cmocka_unit_test(every_filter)};
    return cmocka_run_group_tests_name("store counts", tests, set_up, store_tear_down);
}
