#include "ca/service.h"

#include "base/clock.h"
#include "ca/issue.h"
#include "ca/key_use.h"
#include "store/organisations.h"
#include "x509/san.h"

#include <string.h>

#define TLS_DAYS 825

static const struct uuid no_ca = {{0}};

static bool find_current(struct core *core, struct arena *arena, struct service_record *ret,
                         bool *ret_found, struct error *err) {
    bool done = false, found = false;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = service_current(tx.tx, arena, no_ca, SERVICE_TLS, ret, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    *ret_found = found;
    return done;
}

static bool make_sans(struct arena *arena, const char *const *names, size_t count,
                      GENERAL_NAMES **ret_sans, struct error *err) {
    GENERAL_NAMES *sans = GENERAL_NAMES_new();
    keep_GENERAL_NAMES(arena, sans);
    for (size_t i = 0; i < count; i++)
        TRY(san_add_text(sans, names[i], err));
    *ret_sans = sans;
    return true;
}

/* It names the same and has more than a third of its life left. */
static bool still_good(struct arena *arena, const struct service_record *record,
                       const GENERAL_NAMES *wanted, struct error *err) {
    AUTO(X509) *certificate = NULL;
    AUTO(GENERAL_NAMES) *present = NULL;
    int64_t life = record->not_after_us - record->not_before_us;
    if (clock_now_us() + life / 3 > record->not_after_us)
        return false;
    TRY(certificate_decode(arena, record->certificate, &certificate, err));
    present = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    return present != NULL && view_equal(san_der(arena, present), san_der(arena, wanted));
}

static bool plan_tls(struct arena *arena, const char *name, const GENERAL_NAMES *sans,
                     EVP_PKEY *public_key, struct certificate_plan *plan, struct error *err) {
    static const char *const usage[] = {"serverAuth"};
    X509_NAME *subject = X509_NAME_new();
    keep_X509_NAME(arena, subject);
    if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)arena_printf(arena, "%.64s", name), -1, -1,
                                   0) != 1)
        return fail_internal(err, "TLS certificate's name");
    int64_t now = clock_now_us();
    *plan = (struct certificate_plan){.subject = subject,
                                      .public_key = public_key,
                                      .not_before_us = now - 300 * US_PER_SECOND,
                                      .not_after_us = now + TLS_DAYS * US_PER_DAY,
                                      .basic_constraints = true,
                                      .path_length = -1,
                                      .key_usage = KU_DIGITAL_SIGNATURE,
                                      .extended_key_usage = usage,
                                      .extended_key_usage_count = 1,
                                      .sans = sans};
    return true;
}

/* Self-signed: until an authority exists nobody else could sign it. */
static bool make_tls(struct core *core, struct arena *arena, struct uuid organisation_id,
                     const char *name, const GENERAL_NAMES *sans, struct key_record *ret_key,
                     struct service_record *ret_record, struct error *err) {
    EVP_PKEY *remote, *public_key;
    AUTO(X509) *certificate = NULL;
    struct certificate_plan plan;
    struct certificate_facts facts;
    uint8_t serial[16];
    TRY(key_make(core, arena, "P-256", NULL, KEY_SIGN, organisation_id, ret_key, &remote, err));
    keep_EVP_PKEY(arena, remote);
    TRY(key_from_spki(ret_key->spki, &public_key, err));
    keep_EVP_PKEY(arena, public_key);
    TRY(plan_tls(arena, name, sans, public_key, &plan, err));
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    plan.serial = view_of(serial, sizeof serial);
    TRY(certificate_build(&plan, &certificate, err));
    TRY(certificate_sign(certificate, remote, EVP_sha256(), public_key, err));
    TRY(certificate_read(arena, certificate, &facts, err));
    *ret_record = (struct service_record){.id = uuid_new(),
                                          .use = SERVICE_TLS,
                                          .key_id = ret_key->id,
                                          .certificate = certificate_der(arena, certificate),
                                          .not_before_us = facts.not_before_us,
                                          .not_after_us = facts.not_after_us,
                                          .created_us = clock_now_us()};
    return true;
}

bool service_tls_ensure(struct core *core, struct arena *arena, const char *const *names, size_t count,
                        struct error *err) {
    struct service_record record = {0};
    struct organisation organisation;
    struct key_record key;
    GENERAL_NAMES *sans;
    bool found, done = false;
    TRY(make_sans(arena, names, count, &sans, err));
    TRY(find_current(core, arena, &record, &found, err));
    if (found && still_good(arena, &record, sans, err))
        return true;
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done);
    TRY(make_tls(core, arena, organisation.id, names[0], sans, &key, &record, err));
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && service_insert(tx.tx, &record, err) &&
                access_note(tx.tx, &actor_system,
                            &(struct event_note){.code = "tls.certificate-made"}, err);
    return done;
}

bool service_tls(struct core *core, struct arena *arena, struct service_identity *ret,
                 struct error *err) {
    struct service_record record = {0};
    X509 *certificate;
    EVP_PKEY *key;
    bool found;
    TRY(find_current(core, arena, &record, &found, err));
    if (!found)
        return fail(err, ERROR_UNAVAILABLE, "not-initialised",
                    "The instance has no TLS certificate yet; run \"gatehouse init\".");
    TRY(core_key(core, record.key_id, &key, err));
    keep_EVP_PKEY(arena, key);
    TRY(certificate_decode(arena, record.certificate, &certificate, err));
    keep_X509(arena, certificate);
    *ret = (struct service_identity){certificate, key, EVP_sha256(), record.not_after_us};
    return true;
}
