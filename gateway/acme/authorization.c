/* Authorizations and their challenges: rfc8555#7.4.1, #7.5. */
#include "acme/post.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/certificates.h"

#include <string.h>

#define HOUR_US (3600 * US_PER_SECOND)

static const char *const challenge_states[] = {"pending", "processing", "valid", "invalid"};

const char *challenge_state_name(enum challenge_state state) {
    return challenge_states[state];
}

bool challenges_read(struct arena *arena, const char *text, struct challenges *ret,
                     struct error *err) {
    const struct json *array;
    struct challenges out = {0};
    TRY(json_parse(arena, view_text(text), &array, err));
    JSON_EACH (item, array) {
        struct challenge one = {.type = "", .token = "", .account = "", .key = ""};
        const char *state = "pending";
        if (out.count == MAX_CHALLENGES)
            return fail_internal(err, "an authorization with too many challenges");
        TRY(json_string(item, "type", &one.type, err));
        TRY(json_string(item, "token", &one.token, err));
        TRY(json_string(item, "account", &one.account, err));
        TRY(json_string(item, "key", &one.key, err));
        TRY(json_string(item, "state", &state, err));
        TRY(json_int(item, "attempts", 0, 1000, &one.attempts, err));
        TRY(json_int(item, "validated", 0, INT64_MAX, &one.validated_us, err));
        TRY(json_object(item, "problem", &one.problem, err));
        for (int i = 0; i < 4; i++)
            if (strcmp(challenge_states[i], state) == 0)
                one.state = (enum challenge_state)i;
        out.items[out.count++] = one;
    }
    *ret = out;
    return true;
}

const char *challenges_write(struct arena *arena, const struct challenges *challenges) {
    struct json_writer w = json_writer_on(arena);
    json_open_array(&w);
    for (size_t i = 0; i < challenges->count; i++) {
        const struct challenge *one = &challenges->items[i];
        json_open_object(&w);
        json_put_string(&w, "type", one->type);
        json_put_string(&w, "token", one->token);
        if (*one->account != '\0')
            json_put_string(&w, "account", one->account);
        if (*one->key != '\0')
            json_put_string(&w, "key", one->key);
        json_put_string(&w, "state", challenge_states[one->state]);
        json_put_int(&w, "attempts", one->attempts);
        json_put_int(&w, "validated", one->validated_us);
        if (one->problem != NULL) {
            json_name(&w, "problem");
            json_add_value(&w, one->problem);
        }
        json_close_object(&w);
    }
    json_close_array(&w);
    return json_written(&w);
}

enum acme_authorization_state authorization_state(const struct acme_authorization *authorization) {
    if (authorization->expires_us > clock_now_us())
        return authorization->state;
    return authorization->state == ACME_AUTHZ_PENDING ? ACME_AUTHZ_INVALID
           : authorization->state == ACME_AUTHZ_VALID ? ACME_AUTHZ_EXPIRED
                                                      : authorization->state;
}

const char *authorization_state_name(enum acme_authorization_state state) {
    static const char *const names[] = {"",        "pending", "valid", "invalid", "deactivated",
                                        "expired", "revoked"};
    return names[state];
}

static bool rejected(struct error *err, const struct post *post,
                     const struct identifier *identifier, const char *why) {
    return acme_refuse(err, "rejectedIdentifier", ERROR_FORBIDDEN, "%.200s %s.",
                       identifier_text(post->arena, identifier), why);
}

static bool preapproved(const struct post *post, const struct identifier *identifier) {
    return name_patterns_match(&post->policy.preapproved, identifier);
}

static const char *const challenge_types[] = {
    "http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01", "device-attest-01"};
#define TYPE_COUNT (sizeof challenge_types / sizeof challenge_types[0])

/* rfc8738#7: no dns-01 for addresses; rfc8555#8: a wildcard is proved by the DNS alone; a device by
 * itself. */
static bool offers(const struct post *post, const struct identifier *identifier, const char *type) {
    bool dns = strncmp(type, "dns-", 4) == 0, device = strcmp(type, "device-attest-01") == 0;
    if (!text_list_has(&post->policy.challenges, type))
        return false;
    if (device || identifier->kind == ACME_PERMANENT)
        return device && identifier->kind == ACME_PERMANENT;
    /* its record names the CA: there must be a name */
    if (strcmp(type, "dns-persist-01") == 0 && post->settings.caa_identities.count == 0)
        return false;
    return identifier->kind == ACME_IP ? !dns : dns || !identifier->wildcard;
}

static bool can_be_proved(const struct post *post, const struct identifier *identifier) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (offers(post, identifier, challenge_types[i]))
            return true;
    return false;
}

bool authorization_allowed(const struct post *post, const struct identifier *identifier,
                           struct error *err) {
    const struct acme_policy *policy = &post->policy;
    if (policy->identifiers.count > 0 && !name_patterns_match(&policy->identifiers, identifier))
        return rejected(err, post, identifier, "is not among the names of the account's policy");
    if (post->scope.count > 0 && !name_patterns_match(&post->scope, identifier))
        return rejected(err, post, identifier,
                        "is not among the names of the account's external binding");
    if (identifier->wildcard && !policy->wildcards)
        return rejected(err, post, identifier, "is a wildcard, which the policy does not allow");
    if (identifier->kind == ACME_DNS && !policy->bare_names &&
        strchr(identifier->value, '.') == NULL)
        return rejected(err, post, identifier,
                        "is a bare host name, which the policy does not allow");
    if (!preapproved(post, identifier) && !can_be_proved(post, identifier))
        return rejected(
            err, post, identifier,
            identifier->wildcard
                ? "is a wildcard, which needs a challenge by DNS, and the policy offers none"
                : "cannot be proved by any challenge that the policy offers");
    return true;
}

static const char *make_challenges(const struct post *post, const struct identifier *identifier) {
    struct challenges challenges = {0};
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        uint8_t token[32]; /* rfc8555#11.3: at least 128 bits */
        const char *type = challenge_types[i];
        if (!offers(post, identifier, type))
            continue;
        random_bytes(token, sizeof token);
        bool named = strcmp(type, "dns-account-01") == 0 || strcmp(type, "dns-persist-01") == 0;
        challenges.items[challenges.count++] =
            (struct challenge){.type = type,
                               .token = base64url_encode(post->arena, view_of(token, sizeof token)),
                               .account = named ? post_url(post, "acct", post->account.id) : "",
                               .key = ""};
    }
    return challenges_write(post->arena, &challenges);
}

bool authorization_make(struct tx *tx, const struct post *post, const struct identifier *identifier,
                        struct acme_authorization *ret, struct error *err) {
    bool ready = preapproved(post, identifier);
    int64_t now = clock_now_us(), pending = 0, most = post->policy.pending_authorizations;
    if (!ready && most > 0) {
        TRY(acme_authorization_count(tx, post->account.id, now, most, &pending, err));
        if (pending >= most) {
            count_limit("pending-authorizations");
            return acme_refuse(
                err, "rateLimited", ERROR_TOO_MANY,
                "The account has %lld pending authorizations; finish or deactivate some.",
                (long long)most);
        }
    }
    int64_t hours = ready ? post->policy.authorization_hours : post->policy.pending_hours;
    struct acme_authorization authorization = {
        .id = uuid_new(),
        .account_id = post->account.id,
        .policy_id = post->account.policy_id,
        .kind = identifier->kind,
        .identifier = identifier->value,
        .wildcard = identifier->wildcard,
        .state = ready ? ACME_AUTHZ_VALID : ACME_AUTHZ_PENDING,
        .expires_us = now + hours * HOUR_US,
        .challenges = ready ? "[]" : make_challenges(post, identifier),
        .revision = 1,
        .created_us = now,
    };
    TRY(acme_authorization_insert(tx, &authorization, err));
    *ret = authorization;
    return true;
}

static struct acme_authorization valid_one(const struct post *post, const struct identifier *identifier) {
    return (struct acme_authorization){.account_id = post->account.id,
                                       .policy_id = post->account.policy_id,
                                       .kind = identifier->kind,
                                       .identifier = identifier->value,
                                       .wildcard = identifier->wildcard,
                                       .state = ACME_AUTHZ_VALID};
}

bool authorization_remembered(const struct post *post, const struct identifier *identifier,
                              struct acme_authorization *ret) {
    *ret = valid_one(post, identifier);
    return post->remembered && reuse_find(post->acme->reuse, clock_now_us() + HOUR_US, ret);
}

bool authorization_find(struct tx *tx, const struct post *post, const struct identifier *identifier,
                        struct acme_authorization *ret, struct error *err) {
    struct acme_authorization like = valid_one(post, identifier);
    int64_t until = clock_now_us() + HOUR_US;
    TRY(acme_authorization_find(tx, post->arena, &like, until, ret, err));
    if (uuid_is_nil(ret->id) && !preapproved(post, identifier)) {
        like.state = ACME_AUTHZ_PENDING;
        TRY(acme_authorization_find(tx, post->arena, &like, until, ret, err));
    }
    return true;
}

/* draft-ietf-acme-dns-persist#3: what the record must name, and no token */
static void put_persist(struct post *post, struct json_writer *w, const struct challenge *one) {
    const struct text_list *names = &post->settings.caa_identities;
    json_put_string(w, "accounturi", one->account);
    json_name(w, "issuer-domain-names");
    json_open_array(w);
    for (size_t i = 0; i < names->count && i < 10; i++)
        json_add_string(w, names->items[i]);
    json_close_array(w);
}

void challenge_show(struct post *post, struct json_writer *w, struct uuid authorization,
                    const struct challenge *one) {
    json_open_object(w);
    json_put_string(w, "type", one->type);
    json_put_string(
        w, "url",
        arena_printf(post->arena, "%s/%s", post_url(post, "chall", authorization), one->type));
    json_put_string(w, "status", challenge_state_name(one->state));
    if (strcmp(one->type, "dns-persist-01") == 0)
        put_persist(post, w, one);
    else
        json_put_string(w, "token", one->token);
    if (one->validated_us > 0)
        json_put_time(w, "validated", one->validated_us);
    if (one->problem != NULL) {
        json_name(w, "error");
        json_add_value(w, one->problem);
    }
    json_close_object(w);
}

/* rfc8555#7.5.1: once valid, only what made it so is shown. */
static bool shown(const struct acme_authorization *authorization, const struct challenge *one) {
    return authorization->state == ACME_AUTHZ_PENDING || one->state != CHALLENGE_PENDING;
}

static bool reply_authorization(struct post *post, int status,
                                const struct acme_authorization *authorization, struct error *err) {
    struct json_writer w = json_writer_on(post->arena);
    struct identifier identifier = {.kind = authorization->kind,
                                    .value = authorization->identifier};
    struct challenges challenges;
    enum acme_authorization_state state = authorization_state(authorization);
    TRY(challenges_read(post->arena, authorization->challenges, &challenges, err));
    json_open_object(&w);
    json_name(&w, "identifier");
    identifier_write(&w, post->arena, &identifier, false);
    json_put_string(&w, "status", authorization_state_name(state));
    json_put_time(&w, "expires", authorization->expires_us / US_PER_SECOND * US_PER_SECOND);
    if (authorization->wildcard)
        json_put_bool(&w, "wildcard", true);
    json_name(&w, "challenges");
    json_open_array(&w);
    for (size_t i = 0; i < challenges.count; i++)
        if (shown(authorization, &challenges.items[i]))
            challenge_show(post, &w, authorization->id, &challenges.items[i]);
    json_close_array(&w);
    json_close_object(&w);
    if (authorization->work_us != 0)
        post->retry_after_s = 1;
    if (status == 201)
        http_add_header(post->response, "Location", post_url(post, "authz", authorization->id));
    post_reply(post, status, &w);
    return true;
}

/* Pre-authorization (rfc8555#7.4.1). */
bool acme_new_authz(struct post *post, struct error *err) {
    const struct json *document = NULL;
    struct identifier identifier;
    struct acme_authorization authorization;
    bool done = false;
    TRY(post_needs_payload(post, err));
    TRY(account_may_order(post, err));
    TRY(json_object(post->payload, "identifier", &document, err));
    TRY(identifier_read(post->arena, document, &identifier, err));
    /* rfc8555#7.4.1: wildcards cannot be pre-authorized */
    if (identifier.wildcard)
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "A wildcard cannot be authorized ahead; order it (rfc8555#7.4.1).");
    TRY(authorization_allowed(post, &identifier, err));
    TX(tx, core_db(post->core), &done, err)
    tx.ok = post_spend(tx.tx, post, err) &&
            authorization_find(tx.tx, post, &identifier, &authorization, err) &&
            (!uuid_is_nil(authorization.id) ||
             authorization_make(tx.tx, post, &identifier, &authorization, err));
    TRY(done);
    post->spent = true;
    return reply_authorization(post, 201, &authorization, err);
}

static bool load(struct post *post, struct acme_authorization *ret, struct error *err) {
    struct uuid id;
    bool done = false;
    TRY(ask_uuid(post, 1, "authorization", &id, err));
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_authorization_by_id(tx.tx, post->arena, id, ret, err);
    if (!done && err->kind == ERROR_NOT_FOUND)
        return acme_refuse(err, "malformed", ERROR_NOT_FOUND, "There is no such authorization.");
    TRY(done);
    return uuid_equal(ret->account_id, post->account.id) ||
           acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                       "The authorization belongs to another account.");
}

/* rfc8555#7.5.2 */
static bool deactivate(struct post *post, struct acme_authorization *authorization,
                       struct error *err) {
    bool done = false, changed = false;
    authorization->state = ACME_AUTHZ_DEACTIVATED;
    authorization->work_us = 0;
    TX(tx, core_db(post->core), &done, err)
    tx.ok = post_spend(tx.tx, post, err) &&
            acme_authorization_update(tx.tx, authorization, &changed, err) &&
            post_note(tx.tx, post, "acme.authorization.deactivated", "acme-authorization",
                      authorization->id, NULL, err);
    TRY(done);
    post->spent = true;
    return changed || acme_refuse(err, "serverInternal", ERROR_UNAVAILABLE,
                                  "The authorization is being validated; try again.");
}

bool acme_authz(struct post *post, struct error *err) {
    struct acme_authorization authorization;
    const char *status = NULL;
    TRY(load(post, &authorization, err));
    if (post->payload != NULL) {
        TRY(json_string(post->payload, "status", &status, err));
        if (status == NULL || strcmp(status, "deactivated") != 0)
            return acme_refuse(err, "malformed", ERROR_MALFORMED,
                               "An authorization's status can only become \"deactivated\".");
        if (authorization.state == ACME_AUTHZ_PENDING || authorization.state == ACME_AUTHZ_VALID)
            TRY(deactivate(post, &authorization, err));
    }
    return reply_authorization(post, 200, &authorization, err);
}

static bool start_work(struct post *post, struct acme_authorization *authorization,
                       struct challenges *challenges, size_t at, struct error *err) {
    bool done = false, changed = false;
    challenges->items[at].state = CHALLENGE_PROCESSING;
    authorization->challenges = challenges_write(post->arena, challenges);
    authorization->work_us = clock_now_us();
    TX(tx, core_db(post->core), &done, err)
    tx.ok = post_spend(tx.tx, post, err) &&
            acme_authorization_update(tx.tx, authorization, &changed, err);
    TRY(done);
    post->spent = true;
    if (!changed)
        return acme_refuse(err, "serverInternal", ERROR_UNAVAILABLE,
                           "The authorization has just changed; try again.");
    validators_wake(post->acme);
    return true;
}

/* It waits for its next try; a validator that holds it has moved the time much farther ahead. */
static int64_t next_try_s(const struct post *post, const struct acme_authorization *authorization,
                          const struct challenge *one) {
    int64_t left_us = authorization->work_us - clock_now_us();
    bool waits = one->state == CHALLENGE_PROCESSING && one->attempts > 0 && left_us > 0 &&
                 left_us <= post->policy.retry_seconds * one->attempts * US_PER_SECOND;
    return waits ? left_us / US_PER_SECOND + 1 : 0;
}

/* rfc8555#8.2: a client may ask for another try at once. Its policy bounds how many there are. */
static bool may_start(const struct post *post, const struct acme_authorization *authorization,
                      const struct challenge *one) {
    return post->payload != NULL && authorization_state(authorization) == ACME_AUTHZ_PENDING &&
           (one->state == CHALLENGE_PENDING || next_try_s(post, authorization, one) > 0);
}

bool acme_challenge(struct post *post, struct error *err) {
    struct acme_authorization authorization;
    struct challenges challenges;
    struct json_writer w = json_writer_on(post->arena);
    size_t at = 0;
    TRY(load(post, &authorization, err));
    TRY(challenges_read(post->arena, authorization.challenges, &challenges, err));
    while (at < challenges.count &&
           strcmp(challenges.items[at].type, post->request->parameters[2]) != 0)
        at++;
    if (at == challenges.count)
        return acme_refuse(err, "malformed", ERROR_NOT_FOUND, "There is no such challenge.");
    if (may_start(post, &authorization, &challenges.items[at]))
        TRY(strcmp(challenges.items[at].type, "device-attest-01") == 0
                ? challenge_attest(post, &authorization, &challenges, &challenges.items[at], err)
                : start_work(post, &authorization, &challenges, at, err));
    post_link(post, post_url(post, "authz", authorization.id), "up");
    if (challenges.items[at].state == CHALLENGE_PROCESSING) {
        int64_t wait_s = next_try_s(post, &authorization, &challenges.items[at]);
        post->retry_after_s = wait_s > 0 ? wait_s : 1;
    }
    challenge_show(post, &w, authorization.id, &challenges.items[at]);
    post_reply(post, 200, &w);
    return true;
}
