/* Threads that want the same thing at the same time: exactly one gets it. Run under ThreadSanitizer, too. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS 4
#define ROUNDS 25

struct contest;
typedef bool attempt(struct tx *tx, struct contest *contest, int me, struct error *error);

struct contest {
    attempt *attempt;
    pthread_barrier_t start;
    int round;
    struct uuid object, other;
    struct certificate_record certificate;
    int wins, conflicts, failures;
    const char *conflict; /* the error type of who loses */
    const char *slugs[THREADS];
    char text[200]; /* of an unexpected failure */
    pthread_mutex_t lock;
};

struct runner {
    struct contest *contest;
    pthread_t thread;
    int me;
};

static struct uuid organisation, ca, template;

static int set_up(void **state) {
    if (store_set_up(state) != 0)
        return -1;
    organisation = make_organisation("org");
    ca = make_ca("ca", organisation);
    template = make_template("web", ca);
    return 0;
}

static void *run_one(void *context) {
    struct runner *runner = context;
    struct contest *contest = runner->contest;
    struct error error = {0};
    bool done = false;
    pthread_barrier_wait(&contest->start);
    TX(tx, store, &done, &error)
        tx.ok = contest->attempt(tx.tx, contest, runner->me, &error);
    pthread_mutex_lock(&contest->lock);
    if (done)
        contest->wins++;
    else if (contest->conflict != NULL && strcmp(error.type, contest->conflict) == 0)
        contest->conflicts++;
    else {
        contest->failures++;
        snprintf(contest->text, sizeof contest->text, "%.40s %.150s", error.type, error.detail);
    }
    pthread_mutex_unlock(&contest->lock);
    return NULL;
}

static void race(struct contest *contest, int expected_wins) {
    struct runner runners[THREADS];
    contest->wins = contest->conflicts = contest->failures = 0;
    pthread_barrier_init(&contest->start, NULL, THREADS);
    pthread_mutex_init(&contest->lock, NULL);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.contest = contest, .me = i};
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run_one, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(runners[i].thread, NULL);
    pthread_barrier_destroy(&contest->start);
    pthread_mutex_destroy(&contest->lock);
    if (contest->failures > 0)
        fail_msg("round %d: %s", contest->round, contest->text);
    assert_int_equal(contest->wins, expected_wins);
    assert_int_equal(contest->conflicts, THREADS - expected_wins);
}

static bool move(struct tx *tx, struct contest *contest, int me, struct error *error) {
    return request_move(tx, contest->object,
                        &(struct request_change){REQUEST_PENDING,
                                                 me % 2 ? REQUEST_ISSUED : REQUEST_DECLINED, NIL,
                                                 NIL, "", NOW + me},
                        error);
}

static void request_moves(void **state) {
    struct contest contest = {.attempt = move, .conflict = "request-state"};
    (void)state;
    for (contest.round = 0; contest.round < ROUNDS; contest.round++) {
        contest.object = make_request(ca, template, "CN=race");
        race(&contest, 1);
    }
}

static bool add_revocation(struct tx *tx, struct contest *contest, int me, struct error *error) {
    return revocation_add(tx, &contest->certificate, 1 + me % 2, NOW + me, 0, error);
}

static void revocations(void **state) {
    struct contest contest = {.attempt = add_revocation, .conflict = "changed-meanwhile"};
    int64_t before, after;
    (void)state;
    DONE(ca_epoch(tx, ca, &before, &err));
    for (contest.round = 0; contest.round < ROUNDS; contest.round++) {
        struct uuid id = make_certificate(ca, "race", NOW + DAY);
        DONE(certificate_by_id(tx, arena, &scope_everything, id, &contest.certificate, &err));
        race(&contest, 1);
    }
    DONE(ca_epoch(tx, ca, &after, &err));
    assert_int_equal(after - before, ROUNDS);
}

static bool claim(struct tx *tx, struct contest *contest, int me, struct error *error) {
    struct arena *own = arena_new();
    const char *slug = NULL, *wanted = arena_printf(own, "slug-race-%d", contest->round);
    bool ok = slug_claim(tx, own, SLUG_CA, wanted, uuid_new(), &slug, error);
    pthread_mutex_lock(&contest->lock);
    if (ok)
        contest->slugs[me] = arena_strdup(arena, slug);
    pthread_mutex_unlock(&contest->lock);
    arena_free(own);
    return ok;
}

/* All get one, no two the same, and it is the first few numbers that are given out. */
static void slug_claims(void **state) {
    struct contest contest = {.attempt = claim};
    (void)state;
    for (contest.round = 0; contest.round < ROUNDS; contest.round++) {
        race(&contest, THREADS);
        for (int i = 0; i < THREADS; i++)
            for (int j = 0; j < i; j++)
                assert_string_not_equal(contest.slugs[i], contest.slugs[j]);
    }
}

static bool take(struct tx *tx, struct contest *contest, int me, struct error *error) {
    char name[40];
    struct uuid holder = uuid_new();
    bool taken = false;
    (void)me;
    snprintf(name, sizeof name, "lease-%d", contest->round / 2);
    /* Even rounds make the row, odd ones find it run out. */
    TRY(lease_take(tx, name, holder, NOW + (contest->round % 2) * DAY,
                   NOW + (contest->round % 2) * DAY + 5, &taken, error));
    return taken || (fail)(error, ERROR_CONFLICT, "not-taken", "x");
}

static void leases(void **state) {
    struct contest contest = {.attempt = take, .conflict = "not-taken"};
    (void)state;
    for (contest.round = 0; contest.round < ROUNDS; contest.round++)
        race(&contest, 1);
}

static bool insert_serial(struct tx *tx, struct contest *contest, int me, struct error *error) {
    struct certificate_record certificate = contest->certificate;
    (void)me;
    certificate.id = uuid_new();
    return certificate_insert(tx, &certificate, error);
}

static void serials(void **state) {
    struct contest contest = {.attempt = insert_serial, .conflict = "serial-in-use"};
    (void)state;
    for (contest.round = 0; contest.round < ROUNDS; contest.round++) {
        contest.certificate = certificate_like(ca, "serial", NOW + DAY);
        race(&contest, 1);
    }
}

static bool update_template(struct tx *tx, struct contest *contest, int me, struct error *error) {
    (void)me;
    return template_update(tx, template, contest->round + 1, "n", "{}", NOW, error);
}

static void template_updates(void **state) {
    struct contest contest = {.attempt = update_template, .conflict = "changed-meanwhile"};
    (void)state;
    for (contest.round = 0; contest.round < ROUNDS; contest.round++)
        race(&contest, 1);
}

/* Two administrators who take each other's right away: one stays. */
static bool demote(struct tx *tx, struct contest *contest, int me, struct error *error) {
    return grant_replace(tx, me % 2 ? contest->object : contest->other, NULL, 0, error);
}

static void last_administrators(void **state) {
    const struct grant admin = {.role = ROLE_ADMINISTRATOR, .scope = ROLE_SCOPE_INSTANCE};
    struct contest contest = {.attempt = demote, .conflict = "last-administrator"};
    struct uuid a = make_user("a", organisation), b = make_user("b", organisation);
    (void)state;
    contest.object = a;
    contest.other = b;
    for (contest.round = 0; contest.round < ROUNDS; contest.round++) {
        DONE(grant_replace(tx, a, &admin, 1, &err) && grant_replace(tx, b, &admin, 1, &err));
        race(&contest, THREADS / 2); /* two threads a user: the same twice is no error */
    }
}

/* Each thread writes two rows, half of them in the other order: the server breaks deadlocks, the
 * transactions run again, and all are done. */
static bool write_two(struct tx *tx, struct contest *contest, int me, struct error *error) {
    const char *first = me % 2 ? "deadlock-a" : "deadlock-b";
    const char *second = me % 2 ? "deadlock-b" : "deadlock-a";
    (void)contest;
    return setting_put(tx, first, "1", error) && setting_put(tx, second, "2", error);
}

static void deadlocks(void **state) {
    struct contest contest = {.attempt = write_two};
    (void)state;
    DONE(setting_put(tx, "deadlock-a", "0", &err) && setting_put(tx, "deadlock-b", "0", &err));
    for (contest.round = 0; contest.round < ROUNDS; contest.round++)
        race(&contest, THREADS);
}

/* A request against the deletion of its CA: never an open request under a deleted CA. */
static bool ask_or_delete(struct tx *tx, struct contest *contest, int me, struct error *error) {
    if (me == 0)
        return ca_delete(tx, contest->object, NOW, error);
    struct request_record request = request_like(contest->object, contest->other);
    return request_insert(tx, &request, error);
}

static void deletions(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct contest contest = {.attempt = ask_or_delete, .round = round};
        struct runner runners[THREADS];
        struct ca_record record;
        contest.object = make_ca(arena_printf(arena, "delete-%d", round), organisation);
        contest.other = make_template(arena_printf(arena, "delete-%d-t", round), contest.object);
        pthread_barrier_init(&contest.start, NULL, THREADS);
        pthread_mutex_init(&contest.lock, NULL);
        for (int i = 0; i < THREADS; i++) {
            runners[i] = (struct runner){.contest = &contest, .me = i};
            pthread_create(&runners[i].thread, NULL, run_one, &runners[i]);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(runners[i].thread, NULL);
        bool there = false;
        bool done = false;
        TX(tx, store, &done, &err) {
            there = ca_by_id(tx.tx, arena, &scope_everything, contest.object, &record, &err);
            tx.ok = true;
        }
        /* Either the deletion alone has won, or the requests have. */
        assert_int_equal(contest.wins, there ? THREADS - 1 : 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_moves),
        cmocka_unit_test(revocations),
        cmocka_unit_test(slug_claims),
        cmocka_unit_test(leases),
        cmocka_unit_test(serials),
        cmocka_unit_test(template_updates),
        cmocka_unit_test(last_administrators),
        cmocka_unit_test(deadlocks),
        cmocka_unit_test(deletions),
    };
    return cmocka_run_group_tests_name("store races", tests, set_up, store_tear_down);
}
