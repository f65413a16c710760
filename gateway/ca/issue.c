#include "ca/issue.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/ct.h"
#include "ca/rates.h"
#include "ca/status.h"
#include "template/policy.h"

#include <string.h>

static struct view new_serial(struct arena *arena, int64_t octets) {
    uint8_t *serial = arena_alloc(arena, (size_t)octets);
    /* rfc5280#4.1.2.2: positive, at most 20 octets. A first octet of zero would be dropped by DER. */
    do {
        random_bytes(serial, (size_t)octets);
        serial[0] &= 0x7f;
    } while (serial[0] == 0);
    return view_of(serial, (size_t)octets);
}

/* The issuer's certificate, or NULL for a CA that signs itself now. */
static bool issuer_certificate(struct arena *arena, const struct issue_order *order, X509 **ret_issuer,
                               struct error *err) {
    const struct ca_record *ca = order->ca;
    if (ca->certificate.len == 0)
        return true;
    if (order->issuer != NULL) {
        X509_up_ref(order->issuer);
        *ret_issuer = order->issuer;
        return true;
    }
    return certificate_decode(arena, ca->certificate, ret_issuer, err);
}

static bool fill_record(struct arena *arena, const struct issue_order *order, const X509 *certificate, struct view der,
                        struct certificate_record *ret, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read_row(arena, certificate, der, &facts, err));
    struct certificate_record record = {
        .id = uuid_new(),
        .ca_id = order->ca->id,
        .organisation_id = order->ca->organisation_id,
        .ca_slug = order->ca->slug,
        .issuer_key_id = order->ca->key_id,
        .template_id = order->template_id,
        .template_slug = "",
        .template_version = order->template_version,
        .request_id = order->request_id,
        .use = order->use,
        .serial = facts.serial_bytes,
        .subject = facts.subject,
        .common_name = facts.common_name == NULL ? "" : facts.common_name,
        .sans = facts.sans,
        .key_type = facts.key_type,
        .requester = order->requester == NULL ? "" : order->requester,
        .door = order->door == NULL ? "" : order->door,
        .owner = "",
        .tags = "[]",
        .fields = "{}",
        .not_before_us = facts.not_before_us,
        .not_after_us = facts.not_after_us,
        .created_us = clock_now_us(),
        .der = facts.der,
    };
    memcpy(record.fingerprint_sha256, facts.fingerprint_sha256, sizeof record.fingerprint_sha256);
    memcpy(record.spki_sha256, facts.spki_sha256, sizeof record.spki_sha256);
    *ret = record;
    return true;
}

/* The template says which rules must hold; a service's certificate keeps them all. */
static bool lint_order(struct arena *arena, const struct issue_order *order, const X509 *certificate,
                       const X509 *issuer, struct error *err) {
    struct lint_findings findings;
    if (order->template == NULL)
        return certificate_lint(certificate, issuer, err);
    return policy_lint(arena, order->template, certificate, issuer, &findings, err);
}

static const EVP_MD *digest_of(const struct issue_order *order, const struct ca_settings *settings) {
    const EVP_MD *digest = authority_digest(order->ca, settings);
    if (digest == NULL || order->template == NULL || order->template->digest == NULL)
        return digest; /* NULL: the key brings its own */
    return EVP_get_digestbyname(order->template->digest);
}

struct made {
    X509 *certificate;
    struct view der;
};

static bool sign_plan(struct core *core, struct arena *arena, const struct issue_order *order,
                      const struct certificate_plan *plan, struct ca_settings settings,
                      struct made *ret, struct error *err) {
    AUTO(X509) *certificate = NULL;
    AUTO(EVP_PKEY) *key = NULL;
    if (order->template != NULL && order->template->padding != PADDING_AUTO)
        settings.pss = order->template->padding == PADDING_PSS;
    if (order->issuer_key != NULL)
        TRY(authority_pad(&settings, order->issuer_key, &key, err));
    else
        TRY(authority_key(core, order->ca, &settings, &key, err));
    TRY(certificate_build(plan, &certificate, err));
    TRY(lint_order(arena, order, certificate, plan->issuer, err));
    struct ct_signer signer = {
        .key = key,
        .public_key = plan->issuer == NULL ? plan->public_key : X509_get0_pubkey(plan->issuer),
        .digest = digest_of(order, &settings)};
    if (ct_embeds(order->template))
        TRY(ct_embed(core, arena, order, plan, &signer, certificate, err));
    if (!certificate_sign_encoded(arena, certificate, key, signer.digest, signer.public_key, &ret->der, err)) {
        signer_take_error(err); /* the signer knows better why, if it was the signer */
        return false;
    }
    ret->certificate = TAKE(certificate);
    return true;
}

bool issue_sign(struct core *core, struct arena *arena, const struct issue_order *order,
                struct certificate_record *ret_certificate, struct error *err) {
    AUTO(X509) *issuer = NULL;
    AUTO(X509) *certificate = NULL;
    struct certificate_plan plan = order->plan;
    /* A disabled authority signs nothing new, but goes on to answer for what it signed. */
    if (order->ca->state == CA_DISABLED &&
        (order->use == CERTIFICATE_END_ENTITY || order->use == CERTIFICATE_CA))
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s is disabled; enable it before it signs.", order->ca->slug);
    TRY(issuer_certificate(arena, order, &issuer, err));
    plan.serial = new_serial(arena, order->serial_octets == 0 ? 16 : order->serial_octets);
    plan.issuer = issuer;
    struct ca_settings settings;
    struct made made;
    if (order->settings != NULL)
        settings = *order->settings;
    else
        TRY(authority_settings(arena, order->ca, &settings, err));
    TRY(status_point_to_partition(core, arena, order->ca, &settings, &plan, err));
    TRY(sign_plan(core, arena, order, &plan, settings, &made, err));
    certificate = made.certificate;
    struct view scts = {NULL, 0};
    if (ct_staples(order->template))
        TRY(ct_submit_certificate(core, arena, order, &plan, certificate, &scts, err));
    TRY(fill_record(arena, order, certificate, made.der, ret_certificate, err));
    ret_certificate->scts = scts;
    return true;
}

bool issue_store(struct tx *tx, const struct actor *actor, const struct certificate_record *certificate,
                 struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "serial", hex_encode(arena, certificate->serial));
    json_put_string(&w, "subject", certificate->subject);
    json_put_string(&w, "sans", certificate->sans);
    json_put_time(&w, "notAfter", certificate->not_after_us);
    if (!uuid_is_nil(certificate->request_id))
        json_put_string(&w, "request", uuid_text(arena, certificate->request_id));
    json_close_object(&w);
    struct event_note note = {.code = "certificate.issued",
                              .organisation_id = certificate->organisation_id,
                              .ca_id = certificate->ca_id,
                              .object_kind = "certificate",
                              .object = uuid_text(arena, certificate->id),
                              .details = json_written(&w)};
    return rates_certificate(tx, actor, certificate->organisation_id, err) && certificate_insert(tx, certificate, err) &&
           access_note(tx, actor, &note, err);
}
