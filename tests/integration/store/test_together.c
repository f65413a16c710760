/* Transactions that share a COMMIT and rows that go to the server many at a time: what one refuses is its own affair,
 * what is acknowledged is there, and rules that have changed meanwhile are noticed. Run under ThreadSanitizer, too. */
#include "fixture.h"

#include "store/acme.h"
#include "store/hold.h"
#include "store/later.h"

#include <pthread.h>

#define THREADS 8
#define ROUNDS 20
#define WIDE (size_t)(3 * 1024 * 1024)

static struct uuid organisation, ca, template;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    ca = make_ca("ca", organisation);
    template = make_template("web", ca);
    return 0;
}

struct job {
    pthread_t thread;
    pthread_barrier_t *start;
    struct request_record request;
    struct certificate_record certificate;
    bool refuses; /* in its own words, after it has inserted its rows */
    bool done;
    struct error err;
};

static bool store_both(struct tx *tx, void *context, struct error *error) {
    const struct job *job = context;
    struct event event = {.code = "certificate.issued", .outcome = "success", .actor = "alice"};
    event.organisation_id = organisation;
    event.object_kind = "request";
    event.object = job->request.subject;
    return request_insert(tx, &job->request, error) &&
           certificate_insert(tx, &job->certificate, error) && event_append(tx, &event, error) &&
           (!job->refuses || (fail)(error, ERROR_CONFLICT, "not-wanted", "x"));
}

static void *run_job(void *context) {
    struct job *job = context;
    pthread_barrier_wait(job->start);
    job->done = tx_together(store, store_both, job, &job->err);
    return NULL;
}

static void run_all(struct job *jobs) {
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        jobs[i].start = &start;
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(jobs[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

static bool request_is_there(struct uuid id) {
    struct request_record found;
    bool done = false;
    struct error error = {0};
    TX(tx, store, &done, &error)
        tx.ok = request_by_id(tx.tx, arena, &scope_everything, id, &found, &error);
    return done;
}

static bool certificate_is_there(struct uuid id) {
    struct certificate_record found;
    bool done = false;
    struct error error = {0};
    TX(tx, store, &done, &error)
        tx.ok = certificate_by_id(tx.tx, arena, &scope_everything, id, &found, &error);
    return done;
}

/* Every third refuses, every fourth has the serial of another: the rest must not notice. */
static void refusals_are_their_own(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct job jobs[THREADS] = {0};
        for (int i = 0; i < THREADS; i++) {
            jobs[i].request = request_like(ca, template);
            jobs[i].certificate = certificate_like(ca, "together", NOW + DAY);
            jobs[i].refuses = i % 3 == 2;
        }
        jobs[4].certificate.serial = jobs[0].certificate.serial;
        run_all(jobs);
        assert_true(jobs[0].done != jobs[4].done); /* one of the two */
        for (int i = 0; i < THREADS; i++) {
            if (jobs[i].refuses)
                assert_string_equal(jobs[i].err.type, "not-wanted");
            else if (i != 0 && i != 4)
                assert_true(jobs[i].done);
            else if (!jobs[i].done)
                assert_string_equal(jobs[i].err.type, "serial-in-use");
            assert_int_equal(request_is_there(jobs[i].request.id), jobs[i].done);
            assert_int_equal(certificate_is_there(jobs[i].certificate.id), jobs[i].done);
        }
    }
}

/* --- nonces of ACME, which also ask whether the account is what it was */

struct spending {
    pthread_t thread;
    pthread_barrier_t *start;
    uint8_t nonce[ACME_NONCE_SIZE];
    struct acme_account account;
    struct uuid authorization; /* or nil */
    int64_t version;
    bool done;
    struct error err;
};

static bool spend(struct tx *tx, void *context, struct error *error) {
    const struct spending *s = context;
    return acme_nonce_use(tx, s->nonce, &s->account, s->version, s->authorization, error);
}

static void *run_spending(void *context) {
    struct spending *s = context;
    pthread_barrier_wait(s->start);
    s->done = tx_together(store, spend, s, &s->err);
    return NULL;
}

static struct acme_account make_account(void) {
    struct acme_policy_record policy = {.id = uuid_new(),
                                        .organisation_id = organisation,
                                        .name = "acme",
                                        .document = "{}",
                                        .created_us = NOW};
    struct acme_account account = {.id = uuid_new(),
                                   .policy_id = policy.id,
                                   .state = ACME_ACCOUNT_VALID,
                                   .jwk = "{}",
                                   .contacts = "[]",
                                   .scope = "[]",
                                   .terms = "",
                                   .eab_jws = "",
                                   .created_us = NOW,
                                   .changed_us = NOW};
    bool done = false, duplicate = true;
    random_bytes(account.thumbprint, sizeof account.thumbprint);
    TX(tx, store, &done, &err)
        tx.ok = acme_policy_insert(tx.tx, &policy, &err) &&
                acme_account_insert(tx.tx, &account, &duplicate, &err);
    assert_true(done && !duplicate);
    return account;
}

static const char *spend_alone(struct spending *s) {
    s->done = tx_together(store, spend, s, &s->err);
    return s->done ? "" : s->err.type;
}

static const char *unchanged(const struct spending *s) {
    struct error why = {0};
    bool done = false;
    TX(tx, store, &done, &why)
        tx.ok = acme_account_unchanged(tx.tx, &s->account, s->version, &why);
    return done ? "" : arena_text(arena, view_text(why.type));
}

static struct acme_authorization make_authorization(const struct acme_account *account) {
    struct acme_authorization authorization = {.id = uuid_new(),
                                               .account_id = account->id,
                                               .policy_id = account->policy_id,
                                               .kind = ACME_DNS,
                                               .identifier = "a.example.test",
                                               .state = ACME_AUTHZ_VALID,
                                               .expires_us = clock_now_us() + US_PER_DAY,
                                               .challenges = "[]",
                                               .revision = 1,
                                               .created_us = NOW};
    DONE(acme_authorization_insert(tx, &authorization, &err));
    return authorization;
}

/* The same of an authorization that was remembered beside the account. */
static void nonces_ask_for_the_authorization(void **state) {
    (void)state;
    struct spending s = {.account = make_account(), .version = 1};
    struct acme_authorization kept = make_authorization(&s.account), over = kept;
    bool changed = false;
    s.authorization = kept.id;
    random_bytes(s.nonce, sizeof s.nonce);
    s.version = 2;
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    s.version = 1;
    assert_string_equal(spend_alone(&s), "");
    assert_string_equal(spend_alone(&s), "acme-nonce-used");
    over.expires_us = clock_now_us() - US_PER_SECOND;
    DONE(acme_authorization_update(tx, &over, &changed, &err));
    random_bytes(s.nonce, sizeof s.nonce);
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    over = (struct acme_authorization){.id = kept.id, .state = ACME_AUTHZ_DEACTIVATED, .expires_us = kept.expires_us,
                                       .challenges = "[]", .revision = 2};
    DONE(acme_authorization_update(tx, &over, &changed, &err));
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    s.authorization = uuid_new();
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    s.authorization = (struct uuid){{0}};
    assert_string_equal(spend_alone(&s), "");
}

/* One at a time: a nonce counts once, and only while account and policy are what was remembered. */
static void nonces_ask_for_the_account(void **state) {
    (void)state;
    struct spending s = {.account = make_account(), .version = 1};
    uint64_t before = db_rules_changed(store);
    random_bytes(s.nonce, sizeof s.nonce);
    s.version = 2;
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    assert_string_equal(unchanged(&s), "acme-account-changed");
    s.version = 1;
    assert_string_equal(spend_alone(&s), "");
    assert_string_equal(spend_alone(&s), "acme-nonce-used");
    assert_string_equal(unchanged(&s), "");
    struct acme_account changed = s.account;
    changed.state = ACME_ACCOUNT_DEACTIVATED;
    changed.changed_us = NOW + 1;
    DONE(acme_account_update(tx, &changed, &err));
    assert_true(db_rules_changed(store) > before);
    random_bytes(s.nonce, sizeof s.nonce);
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    assert_string_equal(unchanged(&s), "acme-account-changed");
    s.account = changed;
    assert_string_equal(spend_alone(&s), "");
    assert_string_equal(unchanged(&s), "");
    DONE(acme_policy_delete(tx, changed.policy_id, NOW, &err));
    random_bytes(s.nonce, sizeof s.nonce);
    assert_string_equal(spend_alone(&s), "acme-account-changed");
    assert_string_equal(unchanged(&s), "acme-account-changed");
}

/* Many at once, of several accounts, half of them with an authorization: two have the same nonce, one remembers an old
 * account, one an authorization that is not there. */
static void nonces_are_spent_together(void **state) {
    (void)state;
    enum { COUNT = 24 }; /* more than one size of statement */
    struct acme_account accounts[3] = {make_account(), make_account(), make_account()};
    struct acme_authorization authorization = make_authorization(&accounts[0]);
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct spending all[COUNT] = {0};
        pthread_barrier_t start;
        pthread_barrier_init(&start, NULL, COUNT);
        for (int i = 0; i < COUNT; i++) {
            all[i].start = &start;
            all[i].account = accounts[i % 3];
            all[i].version = 1;
            if (i % 2 == 0)
                all[i].authorization = authorization.id;
            random_bytes(all[i].nonce, sizeof all[i].nonce);
        }
        if (round % 2 == 1) { /* every other round nothing is wrong, and they stay together */
            memcpy(all[5].nonce, all[9].nonce, sizeof all[5].nonce);
            all[7].account.changed_us++;
            all[8].authorization = uuid_new();
        }
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(pthread_create(&all[i].thread, NULL, run_spending, &all[i]), 0);
        for (int i = 0; i < COUNT; i++)
            pthread_join(all[i].thread, NULL);
        pthread_barrier_destroy(&start);
        for (int i = 0; i < COUNT; i++) {
            if (round % 2 == 0 || (i != 5 && i != 7 && i != 8 && i != 9))
                assert_true(all[i].done);
            else if (i == 7 || i == 8)
                assert_string_equal(all[i].err.type, "acme-account-changed");
            else if (!all[i].done)
                assert_string_equal(all[i].err.type, "acme-nonce-used");
            if (i == 5 && round % 2 == 1)
                assert_true(all[5].done != all[9].done);
            assert_string_equal(spend_alone(&all[i]),
                                round % 2 == 1 && (i == 7 || i == 8) ? "acme-account-changed" : "acme-nonce-used");
        }
    }
}

/* NULLs beside values in one column, texts of any length, more than one command takes: each row as it was. */
static void many_rows_of_every_shape(void **state) {
    (void)state;
    struct request_record requests[12];
    char *wide = arena_alloc(arena, WIDE + 1);
    memset(wide, 'w', WIDE);
    for (int i = 0; i < 12; i++) {
        requests[i] = request_like(ca, template);
        requests[i].subject = arena_printf(arena, "CN=row %d \xc3\xbc", i);
        if (i % 2 == 1)
            requests[i].requester_id = uuid_new();
        if (i % 4 == 0)
            requests[i].csr = view_of(wide, WIDE);
        if (i == 5)
            requests[i].csr = (struct view){NULL, 0};
    }
    bool done = false;
    TX(tx, store, &done, &err) {
        tx.ok = true;
        for (int i = 0; tx.ok && i < 12; i++)
            tx.ok = request_insert(tx.tx, &requests[i], &err);
    }
    assert_true(done);
    for (int i = 0; i < 12; i++) {
        struct request_record found;
        DONE(request_by_id(tx, arena, &scope_everything, requests[i].id, &found, &err));
        assert_string_equal(found.subject, requests[i].subject);
        assert_true(view_equal(found.csr, requests[i].csr));
        assert_true(same_id(found.requester_id, requests[i].requester_id));
    }
}

/* Two that meet in a deadlock between statements that travel together. */
struct crossing {
    pthread_t thread;
    pthread_barrier_t *met;
    const char *first, *second; /* settings */
    int runs;
    bool done;
    struct error err;
};

static const struct insert grow = {.sql = "UPDATE settings SET value = CONCAT(value, 'x') WHERE name = ?",
                                   .kind = INSERT_LEAF};
static const struct insert trace = {.sql = "INSERT INTO commit_marks (id, at_us, abandoned) VALUES (?, 77, FALSE)",
                                    .kind = INSERT_LEAF};

static bool cross(struct tx *tx, struct crossing *c, struct error *error) {
    struct uuid one = uuid_new(), other = uuid_new();
    if (!tx_execute(tx, grow.sql, PARAMS(p_text(c->first)), NULL, error))
        return false;
    if (++c->runs == 1)
        pthread_barrier_wait(c->met);
    return tx_insert_later(tx, &grow, PARAMS(p_text(c->second)), error) &&
           tx_insert_later(tx, &trace, PARAMS(p_uuid(&one)), error) &&
           tx_insert_later(tx, &trace, PARAMS(p_uuid(&other)), error);
}

static void *run_crossing(void *context) {
    struct crossing *c = context;
    TX(tx, store, &c->done, &c->err)
        tx.ok = cross(tx.tx, c, &c->err);
    return NULL;
}

/* The server has ended the transaction when it comes to the statements behind: they leave nothing. */
static void a_deadlock_undoes_what_travels_with_it(void **state) {
    (void)state;
    pthread_barrier_t met;
    struct crossing both[2] = {{.met = &met, .first = "cross-a", .second = "cross-b"},
                               {.met = &met, .first = "cross-b", .second = "cross-a"}};
    int64_t traces = 0, grown = 0;
    const char *kept;
    DONE(setting_default(tx, arena, "cross-a", "", &kept, &err));
    DONE(setting_default(tx, arena, "cross-b", "", &kept, &err));
    pthread_barrier_init(&met, NULL, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&both[i].thread, NULL, run_crossing, &both[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(both[i].thread, NULL);
    pthread_barrier_destroy(&met);
    assert_true(both[0].done && both[1].done);
    assert_int_equal(both[0].runs + both[1].runs, 3);
    DONE(tx_number(tx, "SELECT COUNT(*) FROM commit_marks m WHERE m.at_us = 77", NO_PARAMS, &traces, &err));
    assert_int_equal(traces, 4);
    DONE(tx_number(tx, "SELECT CAST(SUM(LENGTH(s.value)) AS SIGNED) FROM settings s WHERE s.name IN ('cross-a', 'cross-b')",
                   NO_PARAMS, &grown, &err));
    assert_int_equal(grown, 4);
}

/* A statement sees the rows that were inserted before it in the same transaction. */
static bool insert_and_move(struct tx *tx, const struct request_record *request) {
    struct request_change change = {.from = REQUEST_PENDING, .to = REQUEST_DECLINED, .reason = "no"};
    struct request_record found;
    return request_insert(tx, request, &err) && request_move(tx, request->id, &change, &err) &&
           request_by_id(tx, arena, &scope_everything, request->id, &found, &err) &&
           found.state == REQUEST_DECLINED;
}

static void order_is_kept(void **state) {
    (void)state;
    struct request_record request = request_like(ca, template);
    DONE(insert_and_move(tx, &request));
}

/* A row that the server refuses when it is sent at last is the transaction's failure, and nothing of it stays. */
static void late_errors_undo_everything(void **state) {
    (void)state;
    struct request_record good = request_like(ca, template), bad = request_like(ca, template);
    char *subject = arena_alloc(arena, 5001);
    memset(subject, 's', 5000);
    bad.subject = subject;
    REFUSED(request_insert(tx, &good, &err) && request_insert(tx, &bad, &err), ERROR_MALFORMED,
            "too-long");
    assert_false(request_is_there(good.id));
    REFUSED(request_insert(tx, &good, &err) && request_insert(tx, &good, &err), ERROR_CONFLICT,
            "exists");
    bad.subject = "\xff";
    REFUSED(request_insert(tx, &bad, &err), ERROR_MALFORMED, "bad-text");
    DONE(request_insert(tx, &good, &err));
}

static void old_rules_are_noticed(void **state) {
    (void)state;
    struct uuid other = make_template("moving", ca);
    struct request_record request = request_like(ca, other);
    uint64_t before = db_rules_changed(store);
    DONE(request_insert(tx, &request, &err));
    assert_int_equal(db_rules_changed(store), before);
    DONE(template_update(tx, other, 1, "n", "{}", NOW, &err));
    assert_true(db_rules_changed(store) > before);
    request.id = uuid_new();
    REFUSED(request_insert(tx, &request, &err), ERROR_CONFLICT, "changed-meanwhile");
    request.template_version = 2;
    request.ca_revision = 7777;
    REFUSED(request_insert(tx, &request, &err), ERROR_CONFLICT, "changed-meanwhile");
    request.ca_revision = 0;
    DONE(request_insert(tx, &request, &err));
    struct uuid gone = make_template("gone", ca);
    DONE(template_delete(tx, gone, NOW, &err));
    request.id = uuid_new();
    request.template_id = gone;
    REFUSED(request_insert(tx, &request, &err), ERROR_NOT_FOUND, "not-found");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_their_own),      cmocka_unit_test(many_rows_of_every_shape),
        cmocka_unit_test(a_deadlock_undoes_what_travels_with_it),
        cmocka_unit_test(order_is_kept),               cmocka_unit_test(late_errors_undo_everything),
        cmocka_unit_test(old_rules_are_noticed),       cmocka_unit_test(nonces_ask_for_the_account),
        cmocka_unit_test(nonces_ask_for_the_authorization),
        cmocka_unit_test(nonces_are_spent_together),
    };
    return cmocka_run_group_tests(tests, set_up, store_tear_down);
}
