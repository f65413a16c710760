#include "agents/identity.h"

#include "base/clock.h"
#include "ca/key_use.h"
#include "store/organisations.h"
#include "x509/certificate.h"
#include "x509/handles.h"

/* Agents hold on to the gateway's public key, and the gateway to each agent's certificate: the dates decide
 * nothing, removal does. */
#define DAYS 7300

static const struct uuid no_ca = {{0}};

static bool find(struct core *core, struct arena *arena, struct service_record *ret, bool *ret_found,
                 struct error *err) {
    bool done = false, found = false;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = service_current(tx.tx, arena, no_ca, SERVICE_AGENT, ret, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    *ret_found = found;
    return done;
}

static bool name_of(struct arena *arena, const char *text, X509_NAME **ret, struct error *err) {
    X509_NAME *name = X509_NAME_new();
    keep_X509_NAME(arena, name);
    *ret = name;
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)arena_printf(arena, "%.64s", text), -1,
                                      -1, 0) == 1 ||
           fail_internal(err, "name of an agent");
}

/* issuer NULL: for itself. */
static bool certify(struct arena *arena, const struct party *issuer, EVP_PKEY *signing,
                    const char *name, EVP_PKEY *public_key, X509 **ret, struct error *err) {
    uint8_t serial[16];
    X509_NAME *subject;
    AUTO(X509) *certificate = NULL;
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    TRY(name_of(arena, name, &subject, err));
    struct certificate_plan plan = {
        .serial = view_of(serial, sizeof serial),
        .issuer = issuer == NULL ? NULL : issuer->certificate,
        .subject = subject,
        .public_key = public_key,
        .not_before_us = clock_now_us() - 300 * US_PER_SECOND,
        .not_after_us = clock_now_us() + DAYS * US_PER_DAY,
        .basic_constraints = true,
        .is_ca = issuer == NULL,
        .path_length = issuer == NULL ? 0 : -1,
        .key_usage = issuer == NULL ? KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_CERT_SIGN
                                    : KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT,
    };
    EVP_PKEY *verifying = issuer == NULL ? public_key : X509_get0_pubkey(issuer->certificate);
    TRY(certificate_build(&plan, &certificate, err));
    TRY(certificate_sign(certificate, signing, EVP_sha256(), verifying, err));
    *ret = TAKE(certificate);
    return true;
}

static bool make(struct core *core, struct arena *arena, struct service_record *ret,
                 struct error *err) {
    struct organisation organisation;
    struct key_record key;
    AUTO(EVP_PKEY) *remote = NULL;
    AUTO(EVP_PKEY) *public_key = NULL;
    X509 *certificate;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done);
    TRY(key_make(core, arena, "RSA-3072", NULL, KEY_SIGN | KEY_DECRYPT, organisation.id, &key, &remote,
                 err));
    TRY(key_from_spki(key.spki, &public_key, err));
    TRY(certify(arena, NULL, remote, "Gatehouse agents", public_key, &certificate, err));
    keep_X509(arena, certificate);
    *ret = (struct service_record){.id = uuid_new(),
                                   .use = SERVICE_AGENT,
                                   .key_id = key.id,
                                   .certificate = certificate_der(arena, certificate),
                                   .not_before_us = clock_now_us(),
                                   .not_after_us = clock_now_us() + DAYS * US_PER_DAY,
                                   .created_us = clock_now_us()};
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && service_insert(tx.tx, ret, err) &&
                access_note(tx.tx, &actor_system, &(struct event_note){.code = "agent.gateway-made"},
                            err);
    return done;
}

bool identity_get(struct core *core, struct arena *arena, struct party *ret, struct error *err) {
    struct service_record record = {0};
    bool found;
    TRY(find(core, arena, &record, &found, err));
    if (!found)
        TRY(make(core, arena, &record, err));
    EVP_PKEY *key;
    X509 *certificate;
    TRY(core_key(core, record.key_id, &key, err));
    keep_EVP_PKEY(arena, key);
    TRY(certificate_decode(arena, record.certificate, &certificate, err));
    keep_X509(arena, certificate);
    *ret = (struct party){certificate, key};
    return true;
}

bool identity_certify(const struct party *gateway, struct arena *arena, const char *name,
                      EVP_PKEY *public_key, struct view *ret_der, struct error *err) {
    X509 *certificate;
    TRY(certify(arena, gateway, gateway->key, name, public_key, &certificate, err));
    keep_X509(arena, certificate);
    *ret_der = certificate_der(arena, certificate);
    return true;
}
