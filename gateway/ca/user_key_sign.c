/* What a person's key signs: CSRs, and certificates for itself. */
#include "ca/user_key_access.h"

#include "base/clock.h"
#include "ca/preview.h"
#include "template/words.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"

#include <openssl/x509v3.h>
#include <string.h>

#define DEFAULT_DAYS 365

static bool open_own(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                     struct user_key_record *record, struct person_key *ret, struct error *err) {
    TRY(user_key_owned(core, arena, actor, id, record, err));
    return user_key_unseal(core, arena, record, ret, err);
}

/* The names of the certificate that the template would make. */
static bool names_by_template(struct core *core, struct arena *arena, const struct actor *actor,
                              const struct preview_order *order, const X509_NAME **ret_subject,
                              const GENERAL_NAMES **ret_sans, struct error *err) {
    struct preview preview;
    X509 *certificate;
    TRY(policy_preview(core, arena, actor, order, &preview, err));
    if (preview.blocked != NULL)
        return fail(err, ERROR_POLICY, "lint", "%.400s", preview.blocked);
    TRY(certificate_decode(arena, preview.der, &certificate, err));
    keep_X509(arena, certificate);
    GENERAL_NAMES *sans = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (sans != NULL)
        keep_GENERAL_NAMES(arena, sans);
    *ret_sans = sans;
    *ret_subject = X509_get_subject_name(certificate);
    return true;
}

bool user_key_csr(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                  const char *template_slug, const struct json *document, struct view *ret_csr,
                  struct error *err) {
    struct user_key_record record;
    struct person_key key;
    struct proposal proposal;
    TRY(open_own(core, arena, actor, id, &record, &key, err));
    TRY(proposal_from_json(arena, document, &proposal, err));
    const X509_NAME *subject = proposal.subject;
    const GENERAL_NAMES *sans = proposal.sans;
    TRY(person_key_csr(core, arena, &key, subject, sans, ret_csr, err));
    if (template_slug == NULL)
        return subject != NULL || (sans != NULL && sk_GENERAL_NAME_num(sans) > 0) ||
               fail(err, ERROR_POLICY, "no-names",
                    "The CSR would name nothing: give \"subject\", \"sans\" or a template.");
    struct preview_order order = {
        .template_slug = template_slug, .csr = *ret_csr, .proposal = document};
    TRY(names_by_template(core, arena, actor, &order, &subject, &sans, err));
    return person_key_csr(core, arena, &key, subject, sans, ret_csr, err);
}

/* --- self-signed --------------------------------------------------------------------------------------- */

static bool key_usage(const struct text_list *names, unsigned *ret, struct error *err) {
    unsigned bits = names->count == 0 ? KU_DIGITAL_SIGNATURE : 0;
    for (size_t i = 0; i < names->count; i++) {
        unsigned bit = key_usage_bit(names->items[i]);
        if (bit == 0 || bit == KU_KEY_CERT_SIGN || bit == KU_CRL_SIGN)
            return fail(err, ERROR_POLICY, "bad-usage",
                        "\"%.40s\" is no key usage of a certificate that is no CA's.",
                        names->items[i]);
        bits |= bit;
    }
    *ret = bits;
    return true;
}

static bool dates(const struct proposal *proposal, struct certificate_plan *plan, struct error *err) {
    int64_t now = clock_now_us();
    int64_t days = proposal->validity_days == 0 ? DEFAULT_DAYS : proposal->validity_days;
    plan->not_before_us = proposal->not_before_us == 0 ? now : proposal->not_before_us;
    plan->not_after_us = proposal->not_after_us == 0
                             ? plan->not_before_us + days * 86400 * US_PER_SECOND
                             : proposal->not_after_us;
    return plan->not_after_us > plan->not_before_us ||
           fail(err, ERROR_POLICY, "validity", "The certificate would end before it begins.");
}

static bool sign(struct core *core, struct arena *arena, const struct person_key *key,
                 struct certificate_plan *plan, X509 **ret, struct error *err) {
    AUTO(X509) *certificate = NULL;
    AUTO(EVP_PKEY) *public_key = NULL;
    EVP_PKEY *remote;
    uint8_t serial[16];
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive, and 16 octets long */
    plan->serial = view_of(serial, sizeof serial);
    TRY(key_from_spki(key->spki, &public_key, err));
    plan->public_key = public_key;
    TRY(person_key_open(core, arena, key, &remote, err));
    TRY(certificate_build(plan, &certificate, err));
    TRY(certificate_lint(certificate, NULL, err));
    if (!certificate_sign(certificate, remote, key_type_digest(key->key_type), public_key, err)) {
        signer_take_error(err);
        return false;
    }
    *ret = TAKE(certificate);
    return true;
}

static bool store(struct core *core, struct arena *arena, const struct actor *actor,
                  const struct user_key_record *record, struct view der, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = user_key_set_certificate(tx.tx, record->id, der, err) &&
                user_key_note(tx.tx, arena, actor, "key.self-signed", record, NULL, err);
    return done;
}

bool user_key_self_sign(struct core *core, struct arena *arena, const struct actor *actor,
                        struct uuid id, const struct self_signed_order *order, struct view *ret_der,
                        struct error *err) {
    struct user_key_record record;
    struct person_key key;
    struct proposal proposal;
    struct certificate_plan plan = {.basic_constraints = true,
                                    .path_length = -1,
                                    .authority_key_id = AUTHORITY_NONE};
    AUTO(X509) *certificate = NULL;
    TRY(open_own(core, arena, actor, id, &record, &key, err));
    TRY(proposal_from_json(arena, order->proposal, &proposal, err));
    TRY(key_usage(&order->key_usage, &plan.key_usage, err));
    TRY(dates(&proposal, &plan, err));
    if (proposal.subject == NULL || name_empty(proposal.subject))
        return fail(err, ERROR_POLICY, "no-names",
                    "A self-signed certificate is its own issuer and needs a subject (rfc5280#4.1.2.4).");
    plan.subject = proposal.subject;
    plan.sans = proposal.sans;
    plan.extended_key_usage = order->extended_key_usage.items;
    plan.extended_key_usage_count = order->extended_key_usage.count;
    TRY(sign(core, arena, &key, &plan, &certificate, err));
    struct view der = certificate_der(arena, certificate);
    TRY(store(core, arena, actor, &record, der, err));
    *ret_der = der;
    return true;
}
