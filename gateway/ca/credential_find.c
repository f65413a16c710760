/* Recognising what a device presents, and making guessing slow. */
#include "ca/credential_rules.h"
#include "ca/secret.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <string.h>

#define FREE_TRIES 5
#define LONGEST_DELAY_S 30

static bool refuse(struct core *core, const struct actor *actor, struct uuid template_id,
                   const char *why, struct error *err) {
    char text[UUID_TEXT_SIZE], details[64 + UUID_TEXT_SIZE];
    uuid_format(template_id, text);
    snprintf(details, sizeof details, "{\"reason\":\"%s\"}", why);
    access_note_alone(core, actor,
                      &(struct event_note){.code = "credential.refused",
                                           .outcome = "refused",
                                           .object_kind = "template",
                                           .object = text,
                                           .details = details});
    if (strcmp(why, "delayed") == 0)
        return fail(err, ERROR_TOO_MANY, "slow-down",
                    "Too many wrong challenge passwords from this address; wait up to %d seconds "
                    "and try again.",
                    LONGEST_DELAY_S);
    return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                "The challenge password is wrong, used up, over or revoked; ask for a new one.");
}

static int64_t delay_after(int64_t failures) {
    if (failures < FREE_TRIES)
        return 0;
    int64_t shift = failures - FREE_TRIES > 5 ? 5 : failures - FREE_TRIES;
    int64_t seconds = INT64_C(1) << shift;
    return (seconds > LONGEST_DELAY_S ? LONGEST_DELAY_S : seconds) * US_PER_SECOND;
}

/* What one look into the database gives. */
struct looked {
    bool made;                        /* the secret was found by its hash */
    struct credential_record record;
    struct credential_record *chosen; /* else those it may be */
    size_t chosen_count;
    int64_t failures, retry_after_us;
};

static bool look(struct tx *tx, struct arena *arena, struct uuid template_id,
                 enum credential_kind kind, const uint8_t hash[static 32], const char *place,
                 struct looked *ret, struct error *err) {
    struct error missing = {0};
    ret->made = credential_by_hash(tx, arena, template_id, kind, hash, &ret->record, &missing);
    if (!ret->made && missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    return ret->made || (credential_chosen(tx, arena, template_id, kind, clock_now_us(),
                                           &ret->chosen, &ret->chosen_count, err) &&
                         guess_get(tx, place, &ret->failures, &ret->retry_after_us, err));
}

/* Every try is charged before the secret is looked at, so that many at once do not slip through together. */
static bool charge(struct core *core, const char *place, int64_t failures, struct error *err) {
    int64_t now = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = guess_failed(tx.tx, place, now, now + delay_after(failures + 1), err);
    return done;
}

static bool forgive(struct core *core, const char *place, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = guess_forget(tx.tx, place, err);
    return done;
}

/* A made secret has 64 random bits or more: it is found by its hash, and only what is not found counts as a
 * guess. So a site behind one address goes on enrolling while somebody there guesses. */
bool credential_find(struct core *core, struct arena *arena, const struct actor *actor,
                     struct uuid template_id, enum credential_kind kind, struct view secret,
                     struct credential *ret, struct error *err) {
    const char *place = guess_place(arena, template_id, actor->address);
    struct looked looked = {0};
    uint8_t hash[32];
    bool done = false;
    if (secret.len == 0 || secret.len > 1000 || memchr(secret.at, 0, secret.len) != NULL)
        return refuse(core, actor, template_id, "malformed", err);
    EVP_Digest(secret.at, secret.len, hash, NULL, EVP_sha256(), NULL);
    TX(tx, core_db(core), &done, err)
        tx.ok = look(tx.tx, arena, template_id, kind, hash, place, &looked, err);
    TRY(done);
    if (!looked.made) {
        const char *text = arena_text(arena, secret);
        size_t found = looked.chosen_count;
        if (looked.retry_after_us > clock_now_us())
            return refuse(core, actor, template_id, "delayed", err);
        TRY(charge(core, place, looked.failures, err));
        for (size_t i = 0; i < looked.chosen_count; i++) /* all, whichever it is */
            if (password_verify(looked.chosen[i].password_hash, text))
                found = i;
        if (found == looked.chosen_count)
            return refuse(core, actor, template_id, "wrong", err);
        TRY(forgive(core, place, err));
        looked.record = looked.chosen[found];
    }
    struct credential credential;
    credential_from_record(&looked.record, &credential);
    switch (credential_state_at(&credential, clock_now_us())) {
    case CREDENTIAL_AVAILABLE:
        *ret = credential;
        return true;
    case CREDENTIAL_CONSUMED:
        return refuse(core, actor, template_id, "used-up", err);
    case CREDENTIAL_EXPIRED:
        return refuse(core, actor, template_id, "expired", err);
    case CREDENTIAL_REVOKED:
        break;
    }
    return refuse(core, actor, template_id, "revoked", err);
}

bool credential_by_name(struct core *core, struct arena *arena, struct uuid template_id,
                        enum credential_kind kind, const char *name, struct credential *ret,
                        struct view *ret_secret, struct error *err) {
    struct credential_record record;
    struct credential credential;
    struct view secret = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = credential_named(tx.tx, arena, template_id, kind, name, &record, err);
    if (!done && err->kind != ERROR_NOT_FOUND)
        return false;
    if (done)
        credential_from_record(&record, &credential);
    if (!done || credential_state_at(&credential, clock_now_us()) != CREDENTIAL_AVAILABLE)
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "There is no credential of that name, or it is used up, over or revoked.");
    if (record.sealed[0] != '\0')
        TRY(secret_open(core, arena, credential_place(arena, record.id), record.sealed, &secret,
                        err));
    *ret = credential;
    *ret_secret = secret;
    return true;
}

bool credential_spend(struct tx *tx, struct uuid id, int64_t now_us, struct error *err) {
    bool spent;
    TRY(credential_use(tx, id, now_us, &spent, err));
    return spent || fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                         "The challenge password was used up meanwhile; ask for a new one.");
}
