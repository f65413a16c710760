/* May this request be made? Each template says by which rules. */
#include "scep/outside.h"

#include "base/clock.h"
#include "ca/credential_bound.h"
#include "ca/credentials.h"
#include "ca/secret.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>

#define LONGEST_MADE 128 /* octets of a challenge password that we make */

/* --- rules -------------------------------------------------------------------------------------------- */

static bool kind_allowed(const struct scep_settings *settings, const struct credential *credential) {
    if (credential->uses == 0)
        return settings->passphrase;
    return settings->challenge || settings->ndes.enabled || settings->mdm.enabled;
}

static bool by_credential(struct scep_exchange *x, struct scep_validation *ret, struct error *err) {
    struct actor actor = actor_device("scep", x->address, x->request_id);
    struct credential credential;
    TRY(credential_find(x->core, x->arena, &actor, x->target->enrolment.record.id,
                        CREDENTIAL_CHALLENGE, view_text(x->challenge), &credential, err));
    if (!kind_allowed(&x->target->settings, &credential))
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "The template does not take challenge passwords of this kind.");
    TRY(credential_bound_check(x->arena, credential.bound, x->csr, err));
    *ret = (struct scep_validation){.approved = true,
                                    .credential_id = credential.id,
                                    .requester_id = credential.maker_id,
                                    .requester = credential.maker,
                                    .rule = "challenge"};
    return true;
}

/* A CSR without names keeps those of the certificate that it renews. */
static bool keep_sans(struct scep_exchange *x, const struct json **ret_proposal, struct error *err) {
    AUTO(GENERAL_NAMES) *asked = NULL;
    AUTO(GENERAL_NAMES) *had =
        X509_get_ext_d2i(x->message.signer, NID_subject_alt_name, NULL, NULL);
    TRY(csr_sans(x->csr, &asked, err));
    if (had == NULL)
        return sk_GENERAL_NAME_num(asked) == 0 ||
               fail(err, ERROR_POLICY, "scep-renewal",
                    "A renewal keeps its names; the old certificate has no alternative names.");
    struct json_writer w = json_writer_on(x->arena);
    json_open_object(&w);
    json_name(&w, "sans");
    san_write_json(&w, x->arena, had);
    json_close_object(&w);
    const struct json *proposal;
    TRY(json_parse(x->arena, view_text(json_written(&w)), &proposal, err));
    if (sk_GENERAL_NAME_num(asked) > 0)
        return credential_bound_sans(x->arena, json_get(proposal, "sans"), asked, err);
    *ret_proposal = proposal;
    return true;
}

static bool by_renewal(struct scep_exchange *x, struct scep_validation *ret, struct error *err) {
    const struct scep_settings *settings = &x->target->settings;
    const struct json *proposal = NULL;
    int64_t window = settings->renewal.window_days * US_PER_DAY;
    if (!settings->renewal.enabled)
        return fail(err, ERROR_POLICY, "scep-renewal",
                    "The template does not renew certificates by SCEP.");
    if (window != 0 && clock_now_us() < x->renewed.not_after_us - window)
        return fail(err, ERROR_POLICY, "scep-renewal",
                    "It is too early to renew: the template allows it in the last %lld days.",
                    (long long)settings->renewal.window_days);
    if (settings->renewal.same_subject) {
        if (X509_NAME_cmp(X509_REQ_get_subject_name(x->csr),
                          X509_get_subject_name(x->message.signer)) != 0)
            return fail(err, ERROR_POLICY, "scep-renewal",
                        "A renewal keeps its subject; ask with the one of the old certificate.");
        TRY(keep_sans(x, &proposal, err));
    }
    *ret = (struct scep_validation){.approved = true,
                                    .requester = x->renewed.requester,
                                    .proposal = proposal,
                                    .rule = "renewal"};
    return true;
}

static bool by_anyone(struct scep_exchange *x, struct scep_validation *ret) {
    *ret = (struct scep_validation){
        .requester = arena_printf(x->arena, "scep: %s", x->address), .rule = "insecure"};
    return true;
}

/* An old certificate is reason enough; else the challenge is, by whichever rule knows it. */
bool scep_validate(struct scep_exchange *x, struct scep_validation *ret, struct error *err) {
    const struct scep_settings *settings = &x->target->settings;
    bool local = settings->passphrase || settings->challenge || settings->ndes.enabled ||
                 settings->mdm.enabled;
    if (x->renewal && settings->renewal.enabled)
        return by_renewal(x, ret, err);
    if (x->message.type == SCEP_RENEWAL_REQ)
        return by_renewal(x, ret, err);
    x->renewed = (struct certificate_record){0};
    if (x->challenge == NULL || x->challenge[0] == '\0') {
        if (settings->anyone)
            return by_anyone(x, ret);
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "The CSR has no challenge password, and the template demands one.");
    }
    /* What a service outside hands out is longer than ours, or there are none of ours. */
    bool outside = settings->intune.tenant != NULL || settings->webhook.url != NULL;
    if (local && (!outside || strlen(x->challenge) <= LONGEST_MADE))
        return by_credential(x, ret, err);
    if (settings->intune.tenant != NULL)
        return scep_intune_validate(x, ret, err);
    if (settings->webhook.url != NULL)
        return scep_webhook_validate(x, ret, err);
    if (settings->anyone)
        return by_anyone(x, ret);
    return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                "The template takes no challenge passwords of this kind.");
}

/* --- secrets of the settings -------------------------------------------------------------------------- */

const char *scep_secret_place(struct arena *arena, struct uuid template_id, const char *name) {
    return arena_printf(arena, "template_protocols/%s/scep/%s", uuid_text(arena, template_id), name);
}

bool scep_secret(struct core *core, struct arena *arena, struct uuid template_id, const char *name,
                 const char *sealed, const char **ret, struct error *err) {
    struct view secret = {0};
    if (sealed[0] != '\0')
        TRY(secret_open(core, arena, scep_secret_place(arena, template_id, name), sealed, &secret,
                        err));
    *ret = arena_text(arena, secret);
    return true;
}
