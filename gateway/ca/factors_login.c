/* The second step of a log-in, and log-in by passkey alone. */
#include "ca/factor_internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "ca/totp.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>

#define TICKET_LIFE_US (300 * US_PER_SECOND)
#define VISIT_LIFE_US (900 * US_PER_SECOND) /* another site asks for password and second factor meanwhile */

/* --- tickets ---------------------------------------------------------------------------------------------- */

bool ticket_make(struct core *core, struct arena *arena, enum ticket_kind kind, struct uuid user_id,
                 const char *document, const char **ret_secret, struct error *err) {
    const char *secret = access_new_secret(arena);
    struct ticket ticket = {.kind = kind,
                            .user_id = user_id,
                            .document = document,
                            .expires_us = clock_now_us() + (kind == TICKET_OIDC ? VISIT_LIFE_US : TICKET_LIFE_US)};
    bool done = false;
    access_hash(secret, ticket.hash);
    TX(tx, core_db(core), &done, err)
        tx.ok = ticket_insert(tx.tx, &ticket, err);
    TRY(done);
    *ret_secret = secret;
    return true;
}

bool ticket_open(struct core *core, struct arena *arena, const char *secret, enum ticket_kind kind,
                 struct ticket *ret, struct error *err) {
    uint8_t hash[32];
    bool done = false;
    access_hash(secret, hash);
    TX(tx, core_db(core), &done, err)
        tx.ok = ticket_try(tx.tx, arena, hash, kind, clock_now_us(), ret, err);
    if (!done && err->kind == ERROR_NOT_FOUND)
        return fail(err, ERROR_UNAUTHENTICATED, "ticket-over",
                    "This step of the log-in is over, or was tried too often; begin again.");
    return done;
}

const char *ticket_member(struct arena *arena, const struct ticket *ticket, const char *name) {
    const struct json *document;
    struct error broken = {0};
    if (!json_parse(arena, view_text(ticket->document), &document, &broken))
        return NULL;
    const struct json *member = json_get(document, name);
    return member != NULL && member->type == JSON_STRING ? member->text : NULL;
}

const char *challenge_document(struct arena *arena, const char *challenge, const char *label) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "challenge", challenge);
    if (label != NULL)
        json_put_string(&w, "label", label);
    json_close_object(&w);
    return json_written(&w);
}

bool factor_site(struct core *core, struct arena *arena, struct webauthn_site *ret, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, arena, &urls, err));
    *ret = webauthn_site(arena, urls.https);
    return true;
}

const char *factor_place(struct arena *arena, struct uuid id) {
    return arena_printf(arena, "user_factors/%s/secret", uuid_text(arena, id));
}

struct webauthn_key factor_key(struct arena *arena, const struct factor *factor) {
    struct webauthn_key key = {.credential = factor->credential,
                               .public_key = factor->public_key,
                               .counter = factor->counter};
    const struct json *details;
    struct error broken = {0};
    int64_t type = 0;
    if (json_parse(arena, view_text(factor->details), &details, &broken) &&
        json_int(details, "type", -65535, 0, &type, &broken))
        key.type = (int)type;
    return key;
}

void recovery_hash(const char *code, uint8_t ret_hash[static 32]) {
    char plain[64] = "";
    size_t len = 0;
    for (; *code != '\0' && len + 1 < sizeof plain; code++)
        if (isalnum((unsigned char)*code))
            plain[len++] = (char)tolower((unsigned char)*code);
    EVP_Digest(plain, len, ret_hash, NULL, EVP_sha256(), NULL);
}

/* webauthn-2 section 5.5; without `factors` for whichever passkey the person has */
static const char *request_options(struct arena *arena, const struct webauthn_site *site,
                                   const char *challenge, const struct factor *factors, size_t count) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "challenge", challenge);
    json_put_int(&w, "timeout", TICKET_LIFE_US / 1000);
    json_put_string(&w, "rpId", site->rp_id);
    json_put_string(&w, "userVerification", factors == NULL ? "required" : "preferred");
    json_name(&w, "allowCredentials");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        if (factors[i].kind != FACTOR_WEBAUTHN || !factors[i].confirmed)
            continue;
        json_open_object(&w);
        json_put_string(&w, "type", "public-key");
        json_put_string(&w, "id", base64url_encode(arena, factors[i].credential));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    return json_written(&w);
}

/* --- proofs ------------------------------------------------------------------------------------------------ */

struct step {
    struct core *core;
    struct arena *arena;
    const struct user *user;
    struct factor *factors; /* confirmed and not */
    size_t factor_count;
    const char *challenge;  /* of the ticket, or NULL */
};

static bool load_step(struct core *core, struct arena *arena, const struct user *user, struct step *ret,
                      struct error *err) {
    bool done = false;
    *ret = (struct step){.core = core, .arena = arena, .user = user};
    TX(tx, core_db(core), &done, err)
        tx.ok = factor_list(tx.tx, arena, user->id, &ret->factors, &ret->factor_count, err);
    return done;
}

static bool use_factor(struct step *s, const struct factor *factor, int64_t counter, bool *ret_right,
                       struct error *err) {
    bool done = false;
    TX(tx, core_db(s->core), &done, err)
        tx.ok = factor_use(tx.tx, factor->id, counter, clock_now_us(), ret_right, err);
    return done;
}

/* A code is good once (rfc6238#5.2): the step is the counter. */
static bool check_totp(struct step *s, const char *code, bool *ret_right, struct error *err) {
    for (size_t i = 0; i < s->factor_count; i++) {
        const struct factor *factor = &s->factors[i];
        struct view secret;
        if (factor->kind != FACTOR_TOTP || !factor->confirmed)
            continue;
        TRY(secret_open(s->core, s->arena, factor_place(s->arena, factor->id), factor->secret, &secret,
                        err));
        int64_t step = totp_match(secret, code, clock_now_us());
        if (step > 0)
            return use_factor(s, factor, step, ret_right, err);
    }
    return true;
}

static bool check_recovery(struct step *s, const char *code, bool *ret_right, struct error *err) {
    uint8_t hash[32];
    bool done = false;
    recovery_hash(code, hash);
    TX(tx, core_db(s->core), &done, err)
        tx.ok = recovery_use(tx.tx, s->user->id, hash, ret_right, err);
    return done;
}

static bool check_key(struct step *s, const struct json *credential, bool verified, bool *ret_right,
                      struct error *err) {
    struct webauthn_site site;
    struct view id;
    int64_t counter;
    TRY(factor_site(s->core, s->arena, &site, err));
    TRY(webauthn_credential_id(s->arena, credential, &id, err));
    for (size_t i = 0; i < s->factor_count; i++) {
        const struct factor *factor = &s->factors[i];
        if (factor->kind != FACTOR_WEBAUTHN || !factor->confirmed ||
            !view_equal(factor->credential, id))
            continue;
        struct webauthn_key key = factor_key(s->arena, factor);
        TRY(webauthn_assert(s->arena, &site, s->challenge, credential, &key, verified, &counter, err));
        return use_factor(s, factor, counter, ret_right, err);
    }
    return true;
}

static bool check_proof(struct step *s, const struct factor_proof *proof, struct error *err) {
    struct error why = {0};
    bool right = false, ok = true;
    if (proof->totp != NULL)
        ok = check_totp(s, proof->totp, &right, &why);
    else if (proof->recovery_code != NULL)
        ok = check_recovery(s, proof->recovery_code, &right, &why);
    else if (proof->credential != NULL && s->challenge != NULL)
        ok = check_key(s, proof->credential, false, &right, &why);
    if (!ok && why.kind != ERROR_POLICY && why.kind != ERROR_MALFORMED) {
        *err = why;
        return false;
    }
    if (ok && right)
        return true;
    struct actor who = {.name = s->user->username, .address = "", .request_id = ""};
    (void)access_refuse(s->core, &who, "factor", err);
    return ok ? false
              : fail(err, ERROR_UNAUTHENTICATED, "factor-failed", "%s", why.message);
}

/* --- the steps --------------------------------------------------------------------------------------------- */

static bool finish(struct core *core, struct arena *arena, const struct user *user,
                   const struct login_order *order, const struct session_way *way,
                   struct login_result *ret, struct error *err) {
    return access_open_session(core, arena, user, order, way, &ret->secret, &ret->actor, err);
}

/* What the second step needs of the first. */
static const char *first_step(struct arena *arena, const char *challenge, const char *method, const char *hint) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "challenge", challenge);
    json_put_string(&w, "label", method);
    if (hint != NULL)
        json_put_string(&w, "hint", hint);
    json_close_object(&w);
    return json_written(&w);
}

static bool ask_second(struct step *s, const char *method, const char *hint, struct login_result *ret, struct error *err) {
    struct webauthn_site site;
    const char *challenge = access_new_secret(s->arena);
    bool keys = false, done = false;
    int64_t codes = 0;
    for (size_t i = 0; i < s->factor_count; i++) {
        ret->totp = ret->totp || (s->factors[i].confirmed && s->factors[i].kind == FACTOR_TOTP);
        keys = keys || (s->factors[i].confirmed && s->factors[i].kind == FACTOR_WEBAUTHN);
    }
    TX(tx, core_db(s->core), &done, err)
        tx.ok = recovery_count(tx.tx, s->user->id, &codes, err);
    TRY(done);
    ret->recovery = codes > 0;
    if (keys) {
        TRY(factor_site(s->core, s->arena, &site, err));
        ret->passkey = request_options(s->arena, &site, challenge, s->factors, s->factor_count);
    }
    return ticket_make(s->core, s->arena, TICKET_SECOND_FACTOR, s->user->id,
                       first_step(s->arena, challenge, method, hint), &ret->ticket, err);
}

static bool has_factor(const struct step *s) {
    for (size_t i = 0; i < s->factor_count; i++)
        if (s->factors[i].confirmed)
            return true;
    return false;
}

bool access_login_go_on(struct core *core, struct arena *arena, const struct user *user,
                        const struct login_order *order, const char *method,
                        const struct factor_proof *proof, struct login_result *ret, struct error *err) {
    struct step step;
    *ret = (struct login_result){0};
    TRY(load_step(core, arena, user, &step, err));
    struct session_way way = {.method = method, .strong = has_factor(&step)};
    if (!way.strong)
        return finish(core, arena, user, order, &way, ret, err);
    if (proof == NULL || (proof->totp == NULL && proof->recovery_code == NULL))
        return ask_second(&step, method, order->hint, ret, err);
    return check_proof(&step, proof, err) && finish(core, arena, user, order, &way, ret, err);
}

static bool user_of_ticket(struct core *core, struct arena *arena, const struct ticket *ticket,
                           struct user *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_by_id(tx.tx, arena, &scope_everything, ticket->user_id, ret, err);
    TRY(done);
    struct actor who = {.name = ret->username, .address = "", .request_id = ""};
    if (ret->retry_after_us > clock_now_us())
        return access_refuse(core, &who, "delayed", err);
    return ret->state == USER_ACTIVE || access_refuse(core, &who, "suspended", err);
}

static bool take_ticket(struct core *core, const struct ticket *ticket, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ticket_take(tx.tx, ticket->hash, err);
    return done;
}

bool access_login_second(struct core *core, struct arena *arena, const char *ticket_secret,
                         const struct factor_proof *proof, const struct login_order *order,
                         struct login_result *ret, struct error *err) {
    struct ticket ticket;
    struct user user;
    struct step step;
    *ret = (struct login_result){0};
    TRY(ticket_open(core, arena, ticket_secret, TICKET_SECOND_FACTOR, &ticket, err));
    TRY(user_of_ticket(core, arena, &ticket, &user, err));
    TRY(access_charge(core, &user, err));
    TRY(load_step(core, arena, &user, &step, err));
    step.challenge = ticket_member(arena, &ticket, "challenge");
    const char *method = ticket_member(arena, &ticket, "label");
    TRY(check_proof(&step, proof, err));
    TRY(take_ticket(core, &ticket, err));
    struct session_way way = {.method = method == NULL ? "password" : method, .strong = true};
    struct login_order whole = *order;
    whole.hint = ticket_member(arena, &ticket, "hint");
    return finish(core, arena, &user, &whole, &way, ret, err);
}

/* --- passkeys ----------------------------------------------------------------------------------------------- */

bool access_passkey_begin(struct core *core, struct arena *arena, const char **ret_ticket,
                          const char **ret_options, struct error *err) {
    static const struct uuid nobody = {{0}};
    struct webauthn_site site;
    const char *challenge = access_new_secret(arena);
    TRY(factor_site(core, arena, &site, err));
    TRY(ticket_make(core, arena, TICKET_PASSKEY, nobody, challenge_document(arena, challenge, NULL),
                    ret_ticket, err));
    *ret_options = request_options(arena, &site, challenge, NULL, 0);
    return true;
}

static bool owner_of(struct core *core, struct arena *arena, struct view id, struct user *ret,
                     struct error *err) {
    struct factor factor;
    uint8_t handle[32];
    bool done = false;
    EVP_Digest(id.at, id.len, handle, NULL, EVP_sha256(), NULL);
    TX(tx, core_db(core), &done, err)
        tx.ok = factor_by_handle(tx.tx, arena, handle, &factor, err) &&
                user_by_id(tx.tx, arena, &scope_everything, factor.user_id, ret, err);
    return done;
}

bool access_passkey_finish(struct core *core, struct arena *arena, const char *ticket_secret,
                           const struct json *credential, const struct login_order *order,
                           struct login_result *ret, struct error *err) {
    static const struct session_way way = {.method = "passkey", .strong = true};
    struct ticket ticket;
    struct user user;
    struct step step;
    struct view id;
    bool right = false;
    struct actor who = access_stranger(arena, "a passkey", order->address, order->request_id);
    *ret = (struct login_result){0};
    TRY(ticket_open(core, arena, ticket_secret, TICKET_PASSKEY, &ticket, err));
    TRY(webauthn_credential_id(arena, credential, &id, err));
    if (!owner_of(core, arena, id, &user, err))
        return err->kind == ERROR_NOT_FOUND && access_refuse(core, &who, "factor", err);
    who.name = user.username;
    if (user.state != USER_ACTIVE)
        return access_refuse(core, &who, "suspended", err);
    TRY(load_step(core, arena, &user, &step, err));
    step.challenge = ticket_member(arena, &ticket, "challenge");
    if (!check_key(&step, credential, true, &right, err)) {
        struct error why = *err;
        (void)access_refuse(core, &who, "factor", err);
        return fail(err, ERROR_UNAUTHENTICATED, "factor-failed", "%s", why.message);
    }
    if (!right)
        return access_refuse(core, &who, "factor", err);
    TRY(take_ticket(core, &ticket, err));
    return finish(core, arena, &user, order, &way, ret, err);
}
