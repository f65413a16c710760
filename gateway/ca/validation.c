#include "ca/validation.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/key_use.h"
#include "ca/slug.h"
#include "ca/status_cache.h"
#include "store/organisations.h"
#include "x509/csr.h"
#include "x509/handles.h"

#include <openssl/err.h>
#include <string.h>

#define TRUSTED_DAYS 3652

static bool note(struct tx *tx, const struct actor *actor, const struct validator_record *v, const char *code,
                 const char *details, struct error *err) {
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = v->organisation_id,
                                            .object_kind = "validator",
                                            .object = v->slug,
                                            .details = details},
                       err);
}

/* --- making ------------------------------------------------------------------------------------------- */

static bool may(struct tx *tx, struct arena *arena, const struct actor *actor, const char *organisation,
                struct organisation *ret, struct error *err) {
    TRY(organisation_by_slug(tx, arena, organisation == NULL ? "default" : organisation, ret, err));
    return actor_may(actor, MAY_MANAGE_CAS, ret->id, (struct uuid){{0}}, err);
}

static bool foreign_certificate(struct arena *arena, struct view bytes, struct validator_record *v,
                                struct error *err) {
    X509 *certificate;
    struct certificate_facts facts;
    TRY(certificate_decode(arena, bytes, &certificate, err));
    keep_X509(arena, certificate);
    TRY(certificate_read(arena, certificate, &facts, err));
    if (!facts.is_ca)
        return fail(err, ERROR_POLICY, "validator-settings",
                    "The certificate of %s is no CA certificate (rfc5280#4.2.1.9).", facts.subject);
    v->certificate = certificate_der(arena, certificate);
    return true;
}

static bool responder_name(struct arena *arena, const char *slug, X509_NAME **ret, struct error *err) {
    X509_NAME *subject = X509_NAME_new();
    keep_X509_NAME(arena, subject);
    const char *name = arena_printf(arena, "%.50s OCSP", slug);
    *ret = subject;
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1 ||
           fail_internal(err, "name of a responder");
}

/* rfc6960#2.2: a responder that clients trust by configuration needs no authority's word. */
static bool sign_itself(struct arena *arena, const X509_NAME *subject, const struct key_record *key,
                        EVP_PKEY *remote, struct view *ret_der, struct error *err) {
    static const char *const usage[] = {"OCSPSigning"};
    AUTO(EVP_PKEY) *public_key = NULL;
    AUTO(X509) *certificate = NULL;
    uint8_t serial[16];
    random_bytes(serial, sizeof serial);
    serial[0] = (serial[0] & 0x3f) | 0x40;
    TRY(key_from_spki(key->spki, &public_key, err));
    struct certificate_plan plan = {.serial = view_of(serial, sizeof serial),
                                    .subject = subject,
                                    .public_key = public_key,
                                    .not_before_us = clock_now_us() - 300 * US_PER_SECOND,
                                    .not_after_us = clock_now_us() + TRUSTED_DAYS * US_PER_DAY,
                                    .path_length = -1,
                                    .key_usage = KU_DIGITAL_SIGNATURE,
                                    .extended_key_usage = usage,
                                    .extended_key_usage_count = 1,
                                    .ocsp_no_check = true};
    TRY(certificate_build(&plan, &certificate, err));
    if (!certificate_sign(certificate, remote, key_type_digest(key->key_type), public_key, err)) {
        signer_take_error(err);
        return false;
    }
    *ret_der = certificate_der(arena, certificate);
    return true;
}

static bool make_responder(struct core *core, struct arena *arena, const struct validation_order *order,
                           const struct validation_settings *settings, struct validator_record *v,
                           struct key_record *ret_key, struct error *err) {
    AUTO(EVP_PKEY) *remote = NULL;
    X509_NAME *subject;
    TRY(key_make(core, arena, order->key_type == NULL ? "P-256" : order->key_type, NULL, KEY_SIGN,
                 v->organisation_id, ret_key, &remote, err));
    v->key_id = ret_key->id;
    TRY(responder_name(arena, v->slug, &subject, err));
    if (settings->trusted)
        TRY(sign_itself(arena, subject, ret_key, remote, &v->responder, err));
    return csr_build(arena, subject, NULL, remote, key_type_digest(ret_key->key_type), &v->csr, err);
}

bool validation_create(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct validation_order *order, struct validator_record *ret,
                       struct error *err) {
    struct validator_record v = {.id = uuid_new(), .name = order->name, .created_us = clock_now_us()};
    struct validation_settings settings;
    struct organisation organisation;
    struct key_record key;
    bool done = false;
    if (order->name[0] == '\0' || strlen(order->name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A validator's name has 1 to 100 bytes.");
    TX(tx, core_db(core), &done, err)
        tx.ok = may(tx.tx, arena, actor, order->organisation, &organisation, err);
    TRY(done);
    v.organisation_id = organisation.id;
    v.slug = slug_from_name(arena, order->name, NULL);
    TRY(validation_settings_read(arena, order->settings, &settings, err));
    v.settings = validation_settings_write(arena, &settings);
    TRY(foreign_certificate(arena, order->certificate, &v, err));
    TRY(make_responder(core, arena, order, &settings, &v, &key, err));
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = slug_claim(tx.tx, arena, SLUG_CA, slug_from_name(arena, order->name, NULL), v.id, &v.slug,
                           err) &&
                key_insert(tx.tx, &key, err) && validator_insert(tx.tx, &v, err) &&
                note(tx.tx, actor, &v, "validator.created", NULL, err);
    return done && validation_get(core, arena, actor, v.slug, ret, err);
}

/* --- reading and changing ------------------------------------------------------------------------------- */

bool validation_get(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                    struct validator_record *ret, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = validator_by_slug(tx.tx, arena, &scope, slug, ret, err);
    return done;
}

bool validation_all(struct core *core, struct arena *arena, const struct actor *actor,
                    struct validator_record **ret_items, size_t *ret_count, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = validator_all(tx.tx, arena, &scope, ret_items, ret_count, err);
    return done;
}

static bool for_change(struct tx *tx, struct arena *arena, const struct actor *actor, const char *slug,
                       struct validator_record *ret, struct error *err) {
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TRY(validator_by_slug(tx, arena, &scope, slug, ret, err));
    return actor_may(actor, MAY_MANAGE_CAS, ret->organisation_id, (struct uuid){{0}}, err);
}

static bool change_in(struct tx *tx, struct arena *arena, const struct actor *actor,
                      const struct json *settings, const char *name, int64_t revision,
                      struct validator_record *v, struct error *err) {
    struct validation_settings parsed, before;
    TRY(for_change(tx, arena, actor, v->slug, v, err));
    if (revision != 0 && revision != v->revision)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The validator %s was changed since it was read; read it again.", v->slug);
    if (name != NULL)
        v->name = name;
    if (v->name[0] == '\0' || strlen(v->name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A validator's name has 1 to 100 bytes.");
    if (settings != NULL) {
        TRY(validation_settings_of(arena, v, &before, err));
        TRY(validation_settings_read(arena, settings, &parsed, err));
        if (before.trusted != parsed.trusted)
            return fail(err, ERROR_POLICY, "validator-settings",
                        "A responder stays \"%s\"; make another validator for the other kind.",
                        before.trusted ? "trusted" : "delegated");
        v->settings = validation_settings_write(arena, &parsed);
    }
    return validator_update(tx, v, err) && note(tx, actor, v, "validator.changed", v->settings, err);
}

bool validation_change(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                       int64_t revision, const char *name, const struct json *settings,
                       struct validator_record *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        *ret = (struct validator_record){.slug = slug};
        tx.ok = change_in(tx.tx, arena, actor, settings, name, revision, ret, err);
    }
    status_cache_forget(core);
    return done && validation_get(core, arena, actor, slug, ret, err);
}

bool validation_remove(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                       struct error *err) {
    struct validator_record v;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = for_change(tx.tx, arena, actor, slug, &v, err) &&
                validator_remove(tx.tx, v.id, clock_now_us(), err) &&
                note(tx.tx, actor, &v, "validator.deleted", NULL, err);
    status_cache_forget(core);
    return done;
}

/* --- the responder's certificate ------------------------------------------------------------------------ */

static bool bad_responder(struct error *err, const char *rule) {
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "bad-responder", "The responder's certificate %s", rule);
}

/* rfc6960#4.2.2.2: issued by the authority itself, with id-kp-OCSPSigning. */
static bool check_responder(struct arena *arena, const struct validator_record *v, X509 *certificate,
                            struct error *err) {
    AUTO(X509) *issuer = NULL;
    AUTO(X509_REQ) *csr = NULL;
    struct view csr_der;
    struct certificate_facts facts;
    TRY(certificate_decode(arena, v->certificate, &issuer, err));
    TRY(csr_decode(arena, v->csr, &csr, &csr_der, err));
    TRY(certificate_read(arena, certificate, &facts, err));
    if (EVP_PKEY_eq(X509_get0_pubkey(certificate), X509_REQ_get0_pubkey(csr)) != 1)
        return bad_responder(err, "is for another key than the one of the CSR given out here.");
    if (X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) != 0 ||
        X509_verify(certificate, X509_get0_pubkey(issuer)) != 1)
        return bad_responder(err, "was not issued by the validator's authority.");
    if ((X509_get_extended_key_usage(certificate) & XKU_OCSP_SIGN) == 0 ||
        (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0)
        return bad_responder(err, "lacks extendedKeyUsage OCSPSigning (rfc6960#4.2.2.2).");
    int64_t now = clock_now_us();
    if (now < facts.not_before_us || now >= facts.not_after_us)
        return bad_responder(err, "is not valid now.");
    return true;
}

bool validation_import(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                       struct view bytes, struct validator_record *ret, struct error *err) {
    AUTO(X509) *certificate = NULL;
    bool done = false;
    TRY(validation_get(core, arena, actor, slug, ret, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ret->organisation_id, (struct uuid){{0}}, err));
    TRY(certificate_decode(arena, bytes, &certificate, err));
    TRY(check_responder(arena, ret, certificate, err));
    struct view der = certificate_der(arena, certificate);
    TX(tx, core_db(core), &done, err) {
        tx.ok = for_change(tx.tx, arena, actor, slug, ret, err);
        ret->responder = der;
        tx.ok = tx.ok && validator_update(tx.tx, ret, err) &&
                note(tx.tx, actor, ret, "validator.responder", NULL, err);
    }
    status_cache_forget(core);
    return done && validation_get(core, arena, actor, slug, ret, err);
}
