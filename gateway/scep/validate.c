/* May this request be made? Each template says by which rules. */
#include "scep/outside.h"

#include "base/clock.h"
#include "ca/credentials.h"
#include "ca/secret.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>

#define LONGEST_MADE 128 /* octets of a challenge password that we make */

bool scep_glob(const char *pattern, const char *text) {
    const char *star = NULL, *again = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* --- what a credential is bound to -------------------------------------------------------------------- */

static bool value_fits(const struct json *wanted, const struct json *there) {
    if (there == NULL)
        return false;
    if (wanted->type == JSON_STRING && there->type == JSON_STRING)
        return scep_glob(wanted->text, there->text);
    if (wanted->type != JSON_ARRAY || there->type != JSON_ARRAY || wanted->count != there->count)
        return false;
    const struct json *other = there->first;
    JSON_EACH(item, wanted) {
        if (!value_fits(item, other))
            return false;
        other = other->next;
    }
    return true;
}

static bool check_subject(struct arena *arena, const struct json *wanted, const X509_REQ *csr,
                          struct error *err) {
    struct json_writer w = json_writer_on(arena);
    const struct json *subject;
    name_write_json(&w, arena, X509_REQ_get_subject_name(csr));
    TRY(json_parse(arena, view_text(json_written(&w)), &subject, err));
    JSON_EACH(member, wanted) {
        if (!value_fits(member, json_get(subject, member->name)))
            return fail(err, ERROR_POLICY, "scep-bound",
                        "The challenge password is for another subject: its %.40s differs.",
                        member->name);
    }
    return true;
}

static bool check_sans(struct arena *arena, const struct json *wanted, const GENERAL_NAMES *sans,
                       struct error *err) {
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const char *text = san_text(arena, sk_GENERAL_NAME_value(sans, i), NULL);
        bool fits = false;
        JSON_EACH(item, wanted) {
            if (item->type != JSON_STRING)
                continue;
            const char *colon = strchr(item->text, ':'), *bare = strchr(text, ':');
            fits = fits || scep_glob(item->text, text) ||
                   (colon == NULL && bare != NULL && scep_glob(item->text, bare + 1));
        }
        if (!fits)
            return fail(err, ERROR_POLICY, "scep-bound",
                        "The challenge password is not for the name %.200s.", text);
    }
    return true;
}

bool scep_bound_check(struct arena *arena, const char *bound, const X509_REQ *csr,
                      struct error *err) {
    const struct json *document, *subject = NULL, *sans = NULL;
    AUTO(GENERAL_NAMES) *asked = NULL;
    TRY(json_parse(arena, view_text(bound), &document, err));
    TRY(json_object(document, "subject", &subject, err));
    TRY(json_array(document, "sans", &sans, err));
    if (subject != NULL)
        TRY(check_subject(arena, subject, csr, err));
    if (sans == NULL)
        return true;
    TRY(csr_sans(csr, &asked, err));
    return check_sans(arena, sans, asked, err);
}

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
    TRY(scep_bound_check(x->arena, credential.bound, x->csr, err));
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
        return check_sans(x->arena, json_get(proposal, "sans"), asked, err);
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
