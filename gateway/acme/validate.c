/* Validators: threads that look at challenges. Work stands in the database (work_us); who takes a
 * piece moves its time ahead by a lease, compare-and-set, so one node does it and another takes
 * over when that one is lost. */
#include "acme/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEASE_US (180 * US_PER_SECOND)
#define HOUR_US (3600 * US_PER_SECOND)

static const struct {
    const char *type;
    check_challenge *check;
} checks[] = {{"http-01", check_http},
              {"dns-01", check_dns},
              {"tls-alpn-01", check_tls},
              {"dns-account-01", check_dns_account},
              {"dns-persist-01", check_dns_persist}};

struct work {
    struct acme *acme;
    struct arena *arena;
    struct acme_authorization authorization;
    struct challenges challenges;
    struct acme_account account;
    struct acme_policy_record record;
    struct acme_policy policy;
    struct acme_settings settings;
    struct jwk jwk;
};

static bool claim(struct work *work, bool *ret_mine, struct error *err) {
    bool done = false;
    work->authorization.work_us = clock_now_us() + LEASE_US;
    TX(tx, core_db(work->acme->core), &done, err)
    tx.ok = acme_authorization_update(tx.tx, &work->authorization, ret_mine, err) &&
            acme_account_by_id(tx.tx, work->arena, work->authorization.account_id, &work->account,
                               err) &&
            acme_policy_by_id(tx.tx, work->arena, &scope_everything, work->authorization.policy_id,
                              &work->record, err);
    work->authorization.revision++;
    return done;
}

static bool read_all(struct work *work, struct error *err) {
    const struct json *document;
    TRY(challenges_read(work->arena, work->authorization.challenges, &work->challenges, err));
    TRY(json_parse(work->arena, view_text(work->record.document), &document, err));
    TRY(acme_policy_from_json(work->arena, document, &work->policy, err));
    TRY(acme_settings_get(work->acme, work->arena, &work->settings, err));
    return jwk_parse(work->arena, work->account.jwk, &work->jwk, err);
}

static bool run_check(const struct work *work, const struct challenge *challenge,
                      struct error *err) {
    const char *print = base64url_encode(work->arena, view_of(work->jwk.thumbprint, 32));
    struct check check = {
        .arena = work->arena,
        .policy = &work->policy,
        .authorization = &work->authorization,
        .token = challenge->token,
        .account_url = challenge->account,
        .issuers = work->settings.caa_identities,
        .key_authorization = arena_printf(work->arena, "%s.%s", challenge->token, print),
    };
    SHA256((const unsigned char *)check.key_authorization, strlen(check.key_authorization),
           check.digest);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (strcmp(checks[i].type, challenge->type) == 0)
            return checks[i].check(&check, err) &&
                   (work->policy.vantage_count == 0 || check_from_vantages(checks[i].check, &check, err));
    return fail_internal(err, "challenge type %s", challenge->type);
}

/* One look at one challenge; what came of it is put into the authorization. */
static void look(struct work *work, struct challenge *challenge) {
    struct error err = {0};
    struct json_writer w = json_writer_on(work->arena);
    int64_t now;
    challenge->attempts++;
    if (run_check(work, challenge, &err)) {
        now = clock_now_us();
        challenge->state = CHALLENGE_VALID;
        challenge->validated_us = now / US_PER_SECOND * US_PER_SECOND;
        challenge->problem = NULL;
        work->authorization.state = ACME_AUTHZ_VALID;
        work->authorization.expires_us = now + work->policy.authorization_hours * HOUR_US;
        return;
    }
    acme_problem_write(&w, work->arena, &err, NULL);
    if (!json_parse(work->arena, view_text(json_written(&w)), &challenge->problem, NULL))
        challenge->problem = NULL;
    if (err.kind == ERROR_INTERNAL)
        log_failure(LOG_ERROR, "acme", "validation", &err);
    if (challenge->attempts >= work->policy.attempts) {
        challenge->state = CHALLENGE_INVALID;
        work->authorization.state = ACME_AUTHZ_INVALID;
    }
}

static const char *details(struct work *work, const struct challenge *challenge) {
    struct json_writer w = json_writer_on(work->arena);
    json_open_object(&w);
    json_put_string(&w, "identifier", work->authorization.identifier);
    json_put_string(&w, "challenge", challenge->type);
    json_put_int(&w, "attempts", challenge->attempts);
    if (challenge->problem != NULL) {
        json_name(&w, "problem");
        json_add_value(&w, challenge->problem);
    }
    json_close_object(&w);
    return json_written(&w);
}

static bool note(struct tx *tx, struct work *work, const struct challenge *last,
                 struct error *err) {
    bool valid = work->authorization.state == ACME_AUTHZ_VALID;
    struct actor actor = actor_device(
        arena_printf(work->arena, "acme:%s", uuid_text(work->arena, work->account.id)), "", "");
    if (work->authorization.state == ACME_AUTHZ_PENDING)
        return true;
    struct event_note event = {.code = valid ? "acme.challenge.valid" : "acme.challenge.invalid",
                               .outcome = valid ? NULL : "failure",
                               .organisation_id = work->record.organisation_id,
                               .object_kind = "acme-authorization",
                               .object = uuid_text(work->arena, work->authorization.id),
                               .details = details(work, last)};
    return access_note(tx, &actor, &event, err);
}

static bool store(struct work *work, const struct challenge *last, struct error *err) {
    bool done = false, changed = false, more = false;
    for (size_t i = 0; i < work->challenges.count; i++)
        more = more || work->challenges.items[i].state == CHALLENGE_PROCESSING;
    more = more && work->authorization.state == ACME_AUTHZ_PENDING;
    work->authorization.work_us =
        more ? clock_now_us() + work->policy.retry_seconds * last->attempts * US_PER_SECOND : 0;
    work->authorization.challenges = challenges_write(work->arena, &work->challenges);
    TX(tx, core_db(work->acme->core), &done, err) {
        tx.ok = acme_authorization_update(tx.tx, &work->authorization, &changed, err) &&
                (!changed || note(tx.tx, work, last, err));
    }
    return done;
}

static void do_work(struct acme *acme, const struct acme_authorization *due) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct work work = {.acme = acme, .arena = arena, .authorization = *due};
    struct challenge *last = NULL;
    struct error err = {0};
    bool mine = false;
    if (!claim(&work, &mine, &err) || !mine) {
        if (err.kind != ERROR_NONE && err.kind != ERROR_NOT_FOUND)
            log_failure(LOG_WARN, "acme", "taking a challenge", &err);
        return;
    }
    if (!read_all(&work, &err)) {
        log_failure(LOG_WARN, "acme", "reading a challenge", &err);
        return;
    }
    for (size_t i = 0; i < work.challenges.count && work.authorization.state == ACME_AUTHZ_PENDING;
         i++)
        if (work.challenges.items[i].state == CHALLENGE_PROCESSING) {
            last = &work.challenges.items[i];
            look(&work, last);
        }
    static struct challenge none;
    if (last != NULL)
        count_validation(last->type, work.authorization.state);
    if (!store(&work, last == NULL ? &none : last, &err))
        log_failure(LOG_WARN, "acme", "result of a challenge", &err);
}

/* True when there was something. */
static bool round_of_work(struct acme *acme) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct acme_authorization *due = NULL;
    struct error err = {0};
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(acme->core), &done, &err)
    tx.ok = acme_authorization_due(tx.tx, arena, clock_now_us(), VALIDATORS, &due, &count, &err);
    if (!done) {
        log_failure(LOG_WARN, "acme", "challenges", &err);
        return false;
    }
    if (count > 0) { /* a random one, so that nodes and threads do not all want the same */
        uint32_t random;
        random_bytes(&random, sizeof random);
        do_work(acme, &due[random % count]);
    }
    return count > 0;
}

/* False when it is time to end. */
static bool wait_for_work(struct acme *acme, bool was_busy) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&acme->mutex);
    if (!was_busy && acme->wanted == 0 && !acme->stopping)
        pthread_cond_timedwait(&acme->wake, &acme->mutex, &until);
    if (acme->wanted > 0)
        acme->wanted--;
    bool go_on = !acme->stopping;
    pthread_mutex_unlock(&acme->mutex);
    return go_on;
}

static void *run(void *context) {
    struct acme *acme = context;
    bool busy = false;
    while (wait_for_work(acme, busy))
        busy = round_of_work(acme);
    return NULL;
}

void validators_wake(struct acme *acme) {
    pthread_mutex_lock(&acme->mutex);
    if (acme->wanted < VALIDATORS)
        acme->wanted++;
    pthread_cond_signal(&acme->wake);
    pthread_mutex_unlock(&acme->mutex);
}

bool acme_start(struct acme *acme, struct error *err) {
    for (; acme->thread_count < VALIDATORS; acme->thread_count++)
        if (pthread_create(&acme->threads[acme->thread_count], NULL, run, acme) != 0)
            return fail_internal(err, "a validator's thread cannot be started");
    return true;
}

void acme_stop(struct acme *acme) {
    pthread_mutex_lock(&acme->mutex);
    acme->stopping = true;
    pthread_cond_broadcast(&acme->wake);
    pthread_mutex_unlock(&acme->mutex);
    while (acme->thread_count > 0)
        pthread_join(acme->threads[--acme->thread_count], NULL);
}

void acme_free(struct acme *acme) {
    if (acme == NULL)
        return;
    pthread_cond_destroy(&acme->wake);
    sessions_free(acme->sessions);
    recent_free(acme->recent);
    reuse_free(acme->reuse);
    EVP_MAC_CTX_free(acme->nonce_mac);
    own_nonces_free(acme->own_nonces);
    pthread_mutex_destroy(&acme->mutex);
    free(acme);
}

bool acme_housekeeping(void *context, struct arena *arena, struct error *err) {
    struct acme *acme = context;
    int64_t gone = 1;
    (void)arena;
    for (int round = 0; round < 100 && gone > 0; round++) {
        int64_t now = clock_now_us();
        bool done = false;
        TX(tx, core_db(acme->core), &done, err)
        tx.ok = acme_sweep(tx.tx, now, now - 2 * NONCE_LIFE_US, now - 8 * US_PER_DAY, &gone, err);
        TRY(done);
    }
    return true;
}
