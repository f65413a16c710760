/* What becomes of an authority and its lists in the course of time: the clock is the test's. */
#include "fixture.h"

#include "base/clock.h"
#include "ca/authority_renew.h"
#include "ca/generations.h"
#include "ca/status.h"
#include "ca/status_cache.h"
#include "ca/templates.h"
#include "x509/crl.h"

#include <stdlib.h>

#define HOUR (3600 * US_PER_SECOND)

static int64_t now_us;
static struct actor device;

static int64_t our_clock(void) {
    return now_us;
}

static void at(int64_t us) {
    now_us = us;
    status_cache_forget(core);
}

static struct ca_record make_ca(const char *name, const char *key_type, const char *settings) {
    struct ca_record made;
    const struct json *json = NULL;
    struct ca_order order = {.name = name, .key_type = key_type, .profile = {.path_length = -2, .backdate_seconds = 300}};
    if (settings != NULL)
        DONE(json_parse(arena, view_text(settings), &json, &err));
    order.settings = json;
    DONE(authority_create(core, arena, &actor_system, &order, &made, &err));
    return made;
}

static struct certificate_record issue(const char *ca_slug, const char *name) {
    const char *slug = arena_printf(arena, "%s-devices", ca_slug);
    struct enrolled answer;
    struct enrolment e = {.template_slug = slug, .door = "scep", .transaction = view_of(NULL, 0), .csr = make_csr(name),
                          .requester = "device", .approved = true};
    DONE(enrol(core, arena, &device, &e, &answer, &err));
    return answer.certificate;
}

static void add_template(const char *ca_slug) {
    const struct json *json;
    struct template_record record;
    DONE(json_parse(arena, view_text("{\"doors\":[\"scep\"],\"validity\":{\"days\":30,\"maxDays\":30}}"), &json, &err));
    DONE(template_create(core, arena, &actor_system, ca_slug, "Devices", json, &record, &err));
}

static struct crl_document list_of(const char *slug) {
    struct crl_document list;
    DONE(status_crl(core, arena, slug, &list, &err));
    return list;
}

static bool lists(const struct crl_document *list, struct view serial) {
    struct crl_facts facts;
    struct crl_entry entry;
    bool found = false;
    DONE(crl_read(list->der, &facts, &err));
    while (crl_next(&facts.entries, &entry, &err))
        found = found || view_equal(entry.serial, serial);
    return found;
}

static void change(const char *slug, const char *settings) {
    struct ca_record changed;
    const struct json *json;
    DONE(json_parse(arena, view_text(settings), &json, &err));
    DONE(authority_change(core, arena, &actor_system, slug, &(struct ca_change){.settings = json}, &changed, &err));
}

static void defaults_are_as_written(void **state) {
    (void)state;
    struct ca_record root = make_ca("Default Root", NULL, NULL), below;
    struct ca_settings settings;
    assert_string_equal(root.key_type, "ML-DSA-65");
    assert_int_equal((root.not_after_us - root.not_before_us + US_PER_SECOND) / US_PER_DAY, 7305);
    struct ca_order order = {.name = "Default Below", .issuer = root.slug, .profile = {.path_length = -2}};
    DONE(authority_create(core, arena, &actor_system, &order, &below, &err));
    assert_string_equal(below.key_type, "ML-DSA-65");
    assert_int_equal((below.not_after_us - below.not_before_us + US_PER_SECOND) / US_PER_DAY, 3652);
    DONE(authority_settings(arena, &below, &settings, &err));
    assert_int_equal(settings.crl_hours, 30 * 24);
    assert_int_equal(settings.ocsp_hours, 8);
    assert_int_equal(settings.ocsp_signer_days, 30);
    assert_true(settings.crl.on_revocation);
}

/* A list stands until its overlap begins; a new one comes before it ends, and no number is given twice. */
static void lists_overlap(void **state) {
    (void)state;
    at(INT64_C(1900000000) * US_PER_SECOND);
    struct ca_record own = make_ca("Overlap", "P-256", "{\"crl\":{\"validityHours\":100,\"overlapHours\":10}}");
    struct crl_document first = list_of(own.slug), again, next;
    assert_int_equal(first.next_update_us - first.this_update_us, 100 * HOUR);
    at(now_us + 90 * HOUR - 2 * US_PER_SECOND);
    again = list_of(own.slug);
    assert_int_equal(again.number, first.number);
    at(now_us + 4 * US_PER_SECOND);
    next = list_of(own.slug);
    assert_true(next.number > first.number && next.this_update_us < first.next_update_us);
    /* The clock goes back by a year: the list is from the future, so there is a new one, and its number is higher. */
    at(now_us - 365 * US_PER_DAY);
    again = list_of(own.slug);
    assert_true(again.number > next.number && again.this_update_us <= now_us);
}

static void lists_come_by_schedule(void **state) {
    (void)state;
    at(INT64_C(1900000000) * US_PER_SECOND);
    struct ca_record own =
        make_ca("Schedule", "P-256", "{\"crl\":{\"validityHours\":100,\"overlapHours\":10,\"refreshHours\":6}}");
    int64_t first = list_of(own.slug).number;
    at(now_us + 6 * HOUR - 2 * US_PER_SECOND);
    assert_int_equal(list_of(own.slug).number, first);
    at(now_us + 4 * US_PER_SECOND);
    assert_true(list_of(own.slug).number > first);
}

/* Without onRevocation a revocation is in the next list, and OCSP knows it at once. */
static void revocations_may_wait(void **state) {
    (void)state;
    at(INT64_C(1900000000) * US_PER_SECOND);
    struct ca_record own =
        make_ca("Patience", "P-256", "{\"crl\":{\"validityHours\":100,\"overlapHours\":10,\"onRevocation\":false}}");
    struct status_answer answer;
    add_template(own.slug);
    struct certificate_record one = issue(own.slug, "one.example"), two = issue(own.slug, "two.example");
    struct crl_document first = list_of(own.slug), next;
    DONE(enrol_revoke(core, arena, &device, one.id, REASON_SUPERSEDED, &err));
    assert_int_equal(list_of(own.slug).number, first.number);
    DONE(status_certificate(core, arena, &own, one.serial, &answer, &err));
    assert_int_equal(answer.status, STATUS_REVOKED);
    at(now_us + 91 * HOUR);
    next = list_of(own.slug);
    assert_true(lists(&next, one.serial) && !lists(&next, two.serial));
    change(own.slug, "{\"crl\":{\"onRevocation\":true}}");
    DONE(enrol_revoke(core, arena, &device, two.id, REASON_SUPERSEDED, &err));
    next = list_of(own.slug);
    assert_true(lists(&next, one.serial) && lists(&next, two.serial));
}

/* An entry stays for the life of one list after its certificate's end (rfc5280#3.3), and then goes. */
static void entries_end(void **state) {
    (void)state;
    at(INT64_C(1900000000) * US_PER_SECOND);
    struct ca_record own = make_ca("Entries", "P-256", "{\"crl\":{\"validityHours\":48,\"overlapHours\":1}}");
    add_template(own.slug);
    struct certificate_record one = issue(own.slug, "one.example");
    struct crl_document list;
    DONE(enrol_revoke(core, arena, &device, one.id, REASON_KEY_COMPROMISE, &err));
    at(one.not_after_us + 47 * HOUR);
    list = list_of(own.slug);
    assert_true(lists(&list, one.serial));
    at(one.not_after_us + 48 * HOUR * 2);
    list = list_of(own.slug);
    assert_false(lists(&list, one.serial));
}

/* Across 2050 a list's times change from UTCTime to GeneralizedTime (rfc5280#5.1.2.4), and OpenSSL verifies it. */
static void lists_pass_2050(void **state) {
    static const uint8_t utc[] = {0x17, 0x0d, '4', '9', '1', '2', '3', '1'};
    static const uint8_t general[] = {0x18, 0x0f, '2', '0', '5', '0', '0', '1'};
    (void)state;
    at(INT64_C(2524600000) * US_PER_SECOND); /* 2049-12-31T21:46:40Z */
    struct ca_record own = make_ca("Midcentury", "P-256", "{\"crl\":{\"validityHours\":24,\"overlapHours\":1}}");
    add_template(own.slug);
    struct certificate_record one = issue(own.slug, "one.example");
    struct crl_document list = list_of(own.slug);
    assert_non_null(memmem(list.der.at, list.der.len, utc, sizeof utc));
    assert_non_null(memmem(list.der.at, list.der.len, general, sizeof general));
    at(now_us + 24 * HOUR);
    DONE(enrol_revoke(core, arena, &device, one.id, REASON_SUPERSEDED, &err));
    list = list_of(own.slug);
    assert_null(memmem(list.der.at, list.der.len, utc, sizeof utc));
    assert_true(lists(&list, one.serial));
    const unsigned char *from = list.der.at, *certificate = own.certificate.at;
    AUTO(X509_CRL) *read = d2i_X509_CRL(NULL, &from, (long)list.der.len);
    AUTO(X509) *issuer = d2i_X509(NULL, &certificate, (long)own.certificate.len);
    assert_int_equal(X509_CRL_verify(read, X509_get0_pubkey(issuer)), 1);
}

/* The old key's list goes on until its last certificate has expired; then the plain address is the new key's. */
static void old_keys_end(void **state) {
    (void)state;
    at(INT64_C(1900000000) * US_PER_SECOND);
    struct ca_record own, rolled, *keys;
    size_t count;
    /* Below another: a root's old key has certified the new one, and lives as long as that. */
    struct ca_order order = {.name = "Rolled", .key_type = "P-256", .issuer = ca.slug, .profile = {.path_length = -2}};
    DONE(authority_create(core, arena, &actor_system, &order, &own, &err));
    add_template(own.slug);
    struct certificate_record old = issue(own.slug, "old.example");
    struct ca_renewal renewal = {.new_key = true, .key_type = "P-384", .profile = {.path_length = -2}};
    DONE(authority_renew(core, arena, &actor_system, own.slug, &renewal, &rolled, &err));
    assert_int_equal(rolled.generation, 2);
    at(old.not_after_us - HOUR);
    DONE(authority_generations(core, arena, &rolled, &keys, &count, &err));
    assert_int_equal(count, 2);
    at(old.not_after_us + HOUR);
    DONE(authority_generations(core, arena, &rolled, &keys, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(keys[0].generation, 2);
}

/* Each threshold is told once, whoever asks, and the end, too. */
static void ends_are_told_once(void **state) {
    static const struct {
        int64_t left; /* days; 0: it is over */
        int64_t warned;
    } steps[] = {{400, 0}, {365, 365}, {200, 365}, {180, 180}, {14, 14}, {2, 3}, {1, 1}, {0, -1}, {0, -1}};
    (void)state;
    at(INT64_C(1900000000) * US_PER_SECOND);
    struct ca_record own = make_ca("Ending", "P-256", NULL), seen;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        at(own.not_after_us - steps[i].left * US_PER_DAY + (steps[i].left == 0 ? HOUR : 0));
        for (int again = 0; again < 2; again++) {
            DONE(authority_get(core, arena, &actor_system, own.slug, &seen, &err));
            DONE(authority_warn_expiry(core, arena, &seen, &err));
        }
        DONE(authority_get(core, arena, &actor_system, own.slug, &seen, &err));
        assert_int_equal(seen.expiry_warned, steps[i].warned);
    }
    assert_string_equal(authority_state(&seen), "expired");
    at(own.not_after_us - US_PER_DAY);
    assert_string_equal(authority_state(&seen), "active");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_as_written), cmocka_unit_test(lists_overlap), cmocka_unit_test(lists_come_by_schedule),
        cmocka_unit_test(revocations_may_wait),    cmocka_unit_test(entries_end),   cmocka_unit_test(lists_pass_2050),
        cmocka_unit_test(old_keys_end),            cmocka_unit_test(ends_are_told_once),
    };
    core_set_up(argc, argv);
    device = actor_device("device-1", "192.0.2.1", "test");
    now_us = clock_now_us();
    clock_set(our_clock);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clock_set(NULL);
    core_tear_down();
    return failed;
}
