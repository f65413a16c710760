#include "ca/own_tls.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/issue.h"
#include "ca/key_use.h"
#include "store/organisations.h"
#include "x509/san.h"

#include <string.h>

#define SELF_SIGNED_DAYS 825
#define WARN_US (30 * US_PER_DAY)
/* Less may be this clock's mistake, now: clients who have pinned the certificate must not lose it for an hour's step back. */
#define AHEAD_US US_PER_DAY

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

bool own_tls_sans(struct arena *arena, const struct text_list *names, GENERAL_NAMES **ret_sans,
                  struct error *err) {
    GENERAL_NAMES *sans = GENERAL_NAMES_new();
    keep_GENERAL_NAMES(arena, sans);
    for (size_t i = 0; i < names->count; i++)
        TRY(san_add_text(sans, names->items[i], err));
    *ret_sans = sans;
    return true;
}

/* All that are wanted, and as many: an ACME server may sort them. */
static bool same_names(const X509 *certificate, const GENERAL_NAMES *wanted) {
    AUTO(GENERAL_NAMES) *present = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (present == NULL || sk_GENERAL_NAME_num(present) != sk_GENERAL_NAME_num(wanted))
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(wanted); i++) {
        bool found = false;
        for (int k = 0; k < sk_GENERAL_NAME_num(present) && !found; k++)
            found = GENERAL_NAME_cmp(sk_GENERAL_NAME_value(wanted, i), sk_GENERAL_NAME_value(present, k)) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* It names the same, has more than a third of its life left, and the clock was not far ahead when it was made. */
static bool still_good(struct arena *arena, const struct service_record *record,
                       const GENERAL_NAMES *wanted, struct error *err) {
    AUTO(X509) *certificate = NULL;
    int64_t life = record->not_after_us - record->not_before_us;
    if (clock_now_us() + life / 3 > record->not_after_us || record->created_us > clock_now_us() + AHEAD_US)
        return false;
    TRY(certificate_decode(arena, record->certificate, &certificate, err));
    return same_names(certificate, wanted);
}

int64_t own_tls_warn_us(enum own_tls_source source, int64_t not_before_us, int64_t not_after_us) {
    int64_t part = (not_after_us - not_before_us) / (source == OWN_TLS_GIVEN ? 3 : 6);
    return not_after_us - (part < WARN_US ? part : WARN_US);
}

bool own_tls_due(struct core *core, struct arena *arena, const struct own_tls_settings *use, bool *ret_due,
                 struct error *err) {
    struct service_record record = {0};
    GENERAL_NAMES *sans;
    bool found;
    TRY(own_tls_sans(arena, &use->names, &sans, err));
    TRY(find_current(core, arena, &record, &found, err));
    *ret_due = !found || (use->source != OWN_TLS_GIVEN && !still_good(arena, &record, sans, err));
    return true;
}

static bool plan_tls(struct arena *arena, const char *name, const GENERAL_NAMES *sans, int64_t days,
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
                                      .not_after_us = now + days * US_PER_DAY,
                                      .basic_constraints = true,
                                      .path_length = -1,
                                      .key_usage = KU_DIGITAL_SIGNATURE,
                                      .extended_key_usage = usage,
                                      .extended_key_usage_count = 1,
                                      .sans = sans};
    return true;
}

/* Until an authority exists nobody else could sign it. */
static bool self_sign(struct certificate_plan *plan, EVP_PKEY *remote, const char *key_type, X509 **ret,
                      struct error *err) {
    uint8_t serial[16];
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    plan->serial = view_of(serial, sizeof serial);
    return certificate_build(plan, ret, err) &&
           certificate_sign(*ret, remote, key_type_digest(key_type), plan->public_key, err);
}

struct issued {
    struct certificate_record record;
    X509 *certificate; /* the arena drops it */
    struct view chain;
};

static bool issuers_of(struct core *core, struct arena *arena, const struct ca_record *ca, struct issued *issued,
                       struct error *err) {
    struct view *ders;
    size_t count;
    TRY(authority_chain(core, arena, ca, &ders, &count, err));
    X509 **all = arena_array(arena, count + 1, sizeof(X509 *));
    for (size_t i = 0; i < count; i++) {
        TRY(certificate_decode(arena, ders[i], &all[i], err));
        keep_X509(arena, all[i]);
    }
    issued->chain = own_tls_order_chain(arena, issued->certificate, all, count);
    return true;
}

/* By an authority of ours, as an ordinary certificate of its inventory. */
static bool issue_by(struct core *core, struct arena *arena, const char *slug, struct certificate_plan *plan,
                     struct issued *ret, struct error *err) {
    struct ca_record ca;
    struct ca_urls urls;
    TRY(authority_get(core, arena, &actor_system, slug, &ca, err));
    if (ca.state != CA_ACTIVE)
        return fail(err, ERROR_CONFLICT, "ca-state", "The authority %s cannot sign the TLS certificate: it is not active.",
                    slug);
    TRY(authority_urls(core, arena, &ca, &urls, err));
    plan->ca_issuers = urls.ca_issuers.items;
    plan->ca_issuers_count = urls.ca_issuers.count;
    plan->ocsp = urls.ocsp.items;
    plan->ocsp_count = urls.ocsp.count;
    plan->crl = urls.crl.items;
    plan->crl_count = urls.crl.count;
    if (plan->not_before_us < ca.not_before_us)
        plan->not_before_us = ca.not_before_us;
    if (plan->not_after_us > ca.not_after_us)
        plan->not_after_us = ca.not_after_us;
    struct issue_order order = {.ca = &ca, .use = CERTIFICATE_TLS, .requester = "system", .plan = *plan};
    TRY(issue_sign(core, arena, &order, &ret->record, err) &&
        certificate_decode(arena, ret->record.der, &ret->certificate, err));
    keep_X509(arena, ret->certificate);
    return issuers_of(core, arena, &ca, ret, err);
}

bool own_tls_adopt(struct core *core, struct arena *arena, const struct actor *actor,
                   const struct own_tls_next *next, struct error *err) {
    struct certificate_facts facts;
    bool done = false;
    int64_t now = clock_now_us();
    TRY(certificate_read(arena, next->certificate, &facts, err));
    struct service_record record = {.id = uuid_new(),
                                    .use = SERVICE_TLS,
                                    .key_id = next->key != NULL ? next->key->id : next->key_id,
                                    .certificate = certificate_der(arena, next->certificate),
                                    .chain = next->chain,
                                    .not_before_us = facts.not_before_us,
                                    .not_after_us = facts.not_after_us,
                                    .created_us = now};
    const char *fingerprint = hex_encode(arena, view_of(facts.fingerprint_sha256, sizeof facts.fingerprint_sha256));
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "issuer", facts.issuer);
    json_put_string(&w, "names", facts.sans);
    json_put_time(&w, "notAfter", facts.not_after_us);
    json_close_object(&w);
    struct event_note note = {.code = next->event, .object_kind = "tls", .object = fingerprint,
                              .details = json_written(&w)};
    const char *settings = next->settings == NULL ? NULL : own_tls_settings_write(arena, next->settings, true);
    TX(tx, core_db(core), &done, err)
        tx.ok = (next->key == NULL || key_insert(tx.tx, next->key, err)) &&
                (next->issued == NULL || issue_store(tx.tx, actor, next->issued, err)) &&
                service_retire(tx.tx, SERVICE_TLS, now, err) && service_insert(tx.tx, &record, err) &&
                (settings == NULL || setting_put(tx.tx, "tls", settings, err)) &&
                (!next->forget_csr || setting_put(tx.tx, "tls-csr", "", err)) && access_note(tx.tx, actor, &note, err);
    if (done)
        log_info("tls", "the instance's TLS certificate is %s from now on", fingerprint);
    return done;
}

bool own_tls_make(struct core *core, struct arena *arena, const struct actor *actor,
                  const struct own_tls_settings *use, const struct own_tls_settings *settings,
                  struct error *err) {
    AUTO(X509) *own = NULL;
    struct organisation organisation;
    struct certificate_plan plan;
    struct key_record key;
    struct issued issued = {.chain = {NULL, 0}};
    EVP_PKEY *remote, *public_key;
    GENERAL_NAMES *sans;
    bool done = false, ours = use->source == OWN_TLS_AUTHORITY;
    TRY(own_tls_sans(arena, &use->names, &sans, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done);
    TRY(key_make(core, arena, use->key_type, NULL, KEY_SIGN, organisation.id, &key, &remote, err));
    keep_EVP_PKEY(arena, remote);
    TRY(key_from_spki(key.spki, &public_key, err));
    keep_EVP_PKEY(arena, public_key);
    TRY(plan_tls(arena, use->names.items[0], sans, ours ? use->days : SELF_SIGNED_DAYS, public_key, &plan, err));
    if (ours)
        TRY(issue_by(core, arena, use->ca, &plan, &issued, err));
    else
        TRY(self_sign(&plan, remote, use->key_type, &own, err));
    return own_tls_adopt(core, arena, actor,
                         &(struct own_tls_next){.key = &key,
                                                .certificate = ours ? issued.certificate : own,
                                                .chain = issued.chain,
                                                .issued = ours ? &issued.record : NULL,
                                                .settings = settings,
                                                .event = "tls.certificate-made"},
                         err);
}

bool own_tls_ensure(struct core *core, struct arena *arena, const char *const *names, size_t count,
                    struct error *err) {
    struct service_record record = {0};
    struct own_tls_settings use;
    struct error why = {0};
    bool found, due;
    TRY(own_tls_settings(core, arena, &use, err));
    if (use.names.count == 0)
        use.names = (struct text_list){(const char **)(uintptr_t)names, count};
    TRY(find_current(core, arena, &record, &found, err));
    TRY(own_tls_due(core, arena, &use, &due, err));
    if (!due || (found && use.source == OWN_TLS_ACME))
        return true;
    if (found && record.not_after_us > clock_now_us()) { /* it serves on whatever its authority says */
        if (!own_tls_make(core, arena, &actor_system, &use, NULL, &why))
            log_failure(LOG_WARN, "tls", "the TLS certificate is not renewed", &why);
        return true;
    }
    if (use.source == OWN_TLS_AUTHORITY && own_tls_make(core, arena, &actor_system, &use, NULL, &why))
        return true;
    use.source = OWN_TLS_SELF_SIGNED;
    return own_tls_make(core, arena, &actor_system, &use, NULL, err);
}

bool own_tls(struct core *core, struct arena *arena, struct own_tls *ret, struct error *err) {
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
    *ret = (struct own_tls){.certificate = certificate,
                            .key = key,
                            .key_id = record.key_id,
                            .der = record.certificate,
                            .chain = record.chain,
                            .not_before_us = record.not_before_us,
                            .not_after_us = record.not_after_us,
                            .created_us = record.created_us};
    return true;
}
