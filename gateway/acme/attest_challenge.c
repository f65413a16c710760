/* device-attest-01: the answer brings the statement, so it is judged in the request; its
 * certificates must lead to a trust anchor of the template (ca/anchors.h), and the key it vouches
 * for is the only one a CSR may have. */
#include "acme/attest.h"
#include "acme/post.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/anchors.h"
#include "x509/key_type.h"

#include <openssl/sha.h>
#include <string.h>

#define HOUR_US (3600 * US_PER_SECOND)
#define TYPE "device-attest-01"

static bool check_path(struct post *post, const struct attestation *a, struct error *err) {
    const char *slug = uuid_is_nil(post->directory_id) ? post->policy.templates.items[0]
                                                       : post->target.record.slug;
    struct enrolment_target target;
    struct anchored anchored;
    struct error why = {0};
    TRY(enrol_target(post->core, post->arena, slug, "acme", &target, err));
    if (anchors_verify(post->core, post->arena, target.record.id, a->certificate, a->chain,
                       a->chain_count, &anchored, &why))
        return true;
    if (why.kind == ERROR_INTERNAL || why.kind == ERROR_UNAVAILABLE) {
        *err = why;
        return false;
    }
    return acme_refuse(err, "badAttestationStatement", ERROR_POLICY, "%.400s", why.message);
}

static bool judge(struct post *post, const struct acme_authorization *authorization,
                  const struct challenge *one, struct attestation *ret, struct error *err) {
    const char *text = NULL;
    struct view object;
    TRY(json_string(post->payload, "attObj", &text, err));
    if (text == NULL || !base64url_decode(post->arena, view_text(text), &object))
        return acme_refuse(err, "badAttestationStatement", ERROR_POLICY,
                           "\"attObj\" must be an attestation object in base64url.");
    const char *print = base64url_encode(post->arena, view_of(post->jwk.thumbprint, 32));
    TRY(attest_read(post->arena, object, one->token,
                    arena_printf(post->arena, "%s.%s", one->token, print), ret, err));
    TRY(check_path(post, ret, err));
    for (size_t i = 0; i < ret->name_count; i++)
        if (strcmp(ret->names[i], authorization->identifier) == 0)
            return true;
    return acme_refuse(err, "badAttestationStatement", ERROR_POLICY,
                       "The attestation is of %.100s, not of %.100s.",
                       ret->name_count > 0 ? ret->names[0] : "a device without a name",
                       authorization->identifier);
}

static const char *details(struct post *post, const struct acme_authorization *authorization,
                           const struct challenge *one) {
    struct json_writer w = json_writer_on(post->arena);
    json_open_object(&w);
    json_put_string(&w, "identifier", authorization->identifier);
    json_put_string(&w, "challenge", TYPE);
    if (one->problem != NULL) {
        json_name(&w, "problem");
        json_add_value(&w, one->problem);
    }
    json_close_object(&w);
    return json_written(&w);
}

static bool store(struct post *post, struct acme_authorization *authorization,
                  const struct challenge *one, struct error *err) {
    bool valid = authorization->state == ACME_AUTHZ_VALID, done = false, changed = false;
    struct event_note note = {.code = valid ? "acme.challenge.valid" : "acme.challenge.invalid",
                              .outcome = valid ? NULL : "failure",
                              .organisation_id = post->policy_record.organisation_id,
                              .object_kind = "acme-authorization",
                              .object = uuid_text(post->arena, authorization->id),
                              .details = details(post, authorization, one)};
    TX(tx, core_db(post->core), &done, err)
    tx.ok = post_spend(tx.tx, post, err) &&
            acme_authorization_update(tx.tx, authorization, &changed, err) &&
            (!changed || access_note(tx.tx, &post->actor, &note, err));
    TRY(done);
    post->spent = true;
    return changed || acme_refuse(err, "serverInternal", ERROR_UNAVAILABLE,
                                  "The authorization has just changed; try again.");
}

bool challenge_attest(struct post *post, struct acme_authorization *authorization,
                      struct challenges *challenges, struct challenge *one, struct error *err) {
    struct attestation attestation;
    struct error why = {0};
    int64_t now = clock_now_us();
    if (judge(post, authorization, one, &attestation, &why)) {
        one->state = CHALLENGE_VALID;
        one->validated_us = now / US_PER_SECOND * US_PER_SECOND;
        one->key = hex_encode(post->arena, view_of(attestation.spki_sha256, 32));
        authorization->state = ACME_AUTHZ_VALID;
        authorization->expires_us = now + post->policy.authorization_hours * HOUR_US;
    } else {
        struct json_writer w = json_writer_on(post->arena);
        if (why.kind == ERROR_INTERNAL || why.kind == ERROR_UNAVAILABLE) {
            if (err != NULL)
                *err = why;
            return false;
        }
        one->state = CHALLENGE_INVALID;
        acme_problem_write(&w, post->arena, &why, NULL);
        if (!json_parse(post->arena, view_text(json_written(&w)), &one->problem, NULL))
            one->problem = NULL;
        authorization->state = ACME_AUTHZ_INVALID;
    }
    one->attempts++;
    count_validation(TYPE, authorization->state);
    authorization->challenges = challenges_write(post->arena, challenges);
    return store(post, authorization, one, err);
}

static bool fits(struct post *post, const struct acme_authorization *authorization,
                 const char *print, struct error *err) {
    struct challenges challenges;
    TRY(challenges_read(post->arena, authorization->challenges, &challenges, err));
    for (size_t i = 0; i < challenges.count; i++) {
        const struct challenge *one = &challenges.items[i];
        if (strcmp(one->type, TYPE) == 0 && one->state == CHALLENGE_VALID &&
            strcmp(one->key, print) != 0)
            return acme_refuse(err, "badCSR", ERROR_POLICY,
                               "The CSR is for another key than the one that %.100s has attested.",
                               authorization->identifier);
    }
    return true;
}

bool order_check_attested(struct post *post, const struct acme_order *order, EVP_PKEY *key,
                          struct error *err) {
    struct acme_authorization *items = NULL;
    size_t wanted = order->authorizations.len / 16, count = 0;
    struct uuid *ids = arena_array(post->arena, wanted, sizeof *ids);
    struct view spki;
    uint8_t hash[32];
    bool done = false;
    for (size_t i = 0; i < wanted; i++)
        memcpy(ids[i].bytes, order->authorizations.at + 16 * i, 16);
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_authorization_by_ids(tx.tx, post->arena, ids, wanted, &items, &count, err);
    TRY(done);
    TRY(key_spki(post->arena, key, &spki, err));
    SHA256(spki.at, spki.len, hash);
    const char *print = hex_encode(post->arena, view_of(hash, sizeof hash));
    for (size_t i = 0; i < count; i++)
        TRY(fits(post, &items[i], print, err));
    return true;
}
