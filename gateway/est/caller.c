/* Who asks. */
#include "est/digest.h"

#include "ca/anchors.h"
#include "base/clock.h"
#include "store/credentials.h"
#include "x509/certificate.h"
#include "x509/name.h"

#include <string.h>

static bool refuse(struct error *err) {
    return fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                "EST needs HTTP Basic (user and password, or a challenge password), a challenge "
                "password in the CSR, or a client certificate on the listener that asks for one.");
}

/* A name that the template's challenge passwords use is not a user's. */
static bool names_credential(struct est_exchange *x, const char *name, bool *ret, struct error *err) {
    struct credential_record record;
    struct error missing = {0};
    bool done = false;
    *ret = name[0] == '\0';
    if (*ret || !x->settings.challenge)
        return true;
    TX(tx, core_db(x->core), &done, &missing)
        tx.ok = credential_named(tx.tx, x->arena, x->target.record.id, CREDENTIAL_CHALLENGE, name,
                                 &record, &missing);
    *ret = done;
    if (!done && missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    return true;
}

bool est_choose(struct est_exchange *x, enum est_caller_kind *ret_kind, struct error *err) {
    const struct est_settings *s = &x->settings;
    bool certificate = x->proof.certificate.len > 0;
    if (x->renewal) { /* rfc7030#4.2.2 */
        *ret_kind = EST_OWN;
        return certificate ||
               fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                    "simplereenroll needs the certificate that is to be renewed as the client "
                    "certificate of TLS, on the listener that asks for one.");
    }
    if (x->proof.digest != NULL) {
        *ret_kind = EST_CREDENTIAL;
        return true;
    }
    if (x->proof.name != NULL) {
        bool credential;
        TRY(names_credential(x, x->proof.name, &credential, err));
        *ret_kind = credential ? EST_CREDENTIAL : EST_USER;
        return (credential ? s->challenge : s->basic) ||
               fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                    "The template does not take %s.",
                    credential ? "challenge passwords" : "users' passwords");
    }
    *ret_kind = certificate ? EST_DEVICE : EST_CREDENTIAL;
    return certificate || (s->challenge && x->challenge != NULL) || refuse(err);
}

static bool by_user(struct est_exchange *x, struct est_caller *c, struct error *err) {
    const struct ca_record *ca = &x->target.ca;
    TRY(access_by_password(x->core, x->arena, x->proof.name, x->proof.password, x->address,
                           x->request_id, &c->actor, err));
    TRY(actor_may(&c->actor, MAY_CREATE_REQUESTS, ca->organisation_id, ca->id, err));
    c->requester_id = c->actor.user_id;
    c->name = c->actor.name;
    c->approved = actor_can(&c->actor, MAY_DECIDE_REQUESTS, ca->organisation_id, ca->id);
    c->rule = "user";
    return true;
}

static bool by_credential(struct est_exchange *x, struct est_caller *c, struct error *err) {
    bool basic = x->proof.name != NULL;
    struct actor device = actor_device("est", x->address, x->request_id);
    TRY(credential_find(x->core, x->arena, &device, x->target.record.id, CREDENTIAL_CHALLENGE,
                        view_text(basic ? x->proof.password : x->challenge), &c->credential, err));
    if (basic && x->proof.name[0] != '\0' && strcmp(x->proof.name, c->credential.name) != 0)
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "The user name and the challenge password do not belong together.");
    c->requester_id = c->credential.maker_id;
    c->name = c->credential.maker;
    c->approved = true;
    c->rule = "challenge";
    return true;
}

static bool by_digest(struct est_exchange *x, struct est_caller *c, struct error *err) {
    struct view secret;
    TRY(credential_by_name(x->core, x->arena, x->target.record.id, CREDENTIAL_MAC, x->proof.name,
                           &c->credential, &secret, err));
    TRY(est_digest_verify(x, secret, err));
    c->requester_id = c->credential.maker_id;
    c->name = c->credential.maker;
    c->approved = true;
    c->rule = "digest";
    return true;
}

/* A certificate of this very template: one of another may have had easier rules. */
static bool by_own(struct est_exchange *x, struct est_caller *c, struct error *err) {
    const struct certificate_record *own = &c->certificate;
    int64_t now = clock_now_us();
    /* simplereenroll: days of grace are the template's to give (renewal_check) */
    if (own->not_before_us > now || (!x->renewal && own->not_after_us < now))
        return fail(err, ERROR_UNAUTHENTICATED, "untrusted-certificate",
                    "The certificate \"%.200s\" is not valid now.", own->subject);
    c->kind = EST_OWN;
    c->name = own->subject;
    c->rule = "certificate";
    c->approved = x->renewal || x->settings.own == EST_OWN_SAME_NAMES;
    if (!x->renewal && x->settings.own == EST_OWN_NONE)
        return fail(err, ERROR_FORBIDDEN, "est-names",
                    "Certificates of this template do not allow to ask for others "
                    "(\"ownCertificates\"); simplereenroll renews them.");
    return true;
}

static bool by_anchor(struct est_exchange *x, struct est_caller *c, struct error *err) {
    struct anchored found;
    TRY(anchors_verify(x->core, x->arena, x->target.record.id, x->proof.certificate, x->proof.chain,
                       x->proof.chain_count, &found, err));
    c->kind = found.role == ANCHOR_RA ? EST_RA : EST_DEVICE;
    c->name = found.subject;
    c->rule = found.role == ANCHOR_RA ? "ra" : "device";
    c->approved = x->settings.approve_devices;
    return !x->renewal || fail(err, ERROR_FORBIDDEN, "est-names",
                               "Only certificates of this template are renewed; the device's own "
                               "certificate gets a new one by simpleenroll.");
}

/* One of another template's may still be an RA's or a device's. */
static bool by_anchor_or_name_template(struct est_exchange *x, struct est_caller *c, bool ours, struct error *err) {
    if (by_anchor(x, c, err))
        return true;
    return ours && err->kind == ERROR_UNAUTHENTICATED && strcmp(err->type, "untrusted-certificate") == 0
               ? fail(err, ERROR_UNAUTHENTICATED, "untrusted-certificate",
                      "The certificate \"%.150s\" was not issued under the template %.63s; use the URL "
                      "of its own template.",
                      c->certificate.subject, x->target.record.slug)
               : false;
}

static bool by_certificate(struct est_exchange *x, struct est_caller *c, struct error *err) {
    struct error missing = {0};
    TRY(certificate_decode(x->arena, x->proof.certificate, &c->x509, err));
    keep_X509(x->arena, c->x509);
    TRY(minima_key(&x->settings.least, X509_get0_pubkey(c->x509), "client certificate", err));
    bool ours = enrol_certificate(x->core, x->arena, x->proof.certificate, &c->certificate, &missing);
    if (!ours && missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    if (ours && c->certificate.revoked)
        return fail(err, ERROR_UNAUTHENTICATED, "revoked-certificate",
                    "The certificate \"%.200s\" is revoked or on hold.", c->certificate.subject);
    return ours && uuid_equal(c->certificate.template_id, x->target.record.id)
               ? by_own(x, c, err)
               : by_anchor_or_name_template(x, c, ours, err);
}

bool est_authenticate(struct est_exchange *x, enum est_caller_kind kind, struct error *err) {
    struct est_caller c = {.kind = kind, .name = ""};
    bool ok = kind == EST_USER         ? by_user(x, &c, err)
              : x->proof.digest != NULL ? by_digest(x, &c, err)
              : kind == EST_CREDENTIAL ? by_credential(x, &c, err)
                                       : by_certificate(x, &c, err);
    TRY(ok);
    if (c.kind != EST_USER)
        c.actor = actor_device(arena_printf(x->arena, "est: %.180s", c.name), x->address, x->request_id);
    c.actor.user_id = c.requester_id;
    x->caller = c;
    return true;
}
