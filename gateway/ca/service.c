#include "ca/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/generations.h"
#include "ca/issue.h"
#include "ca/key_use.h"
#include "ca/overdue.h"
#include "ca/status_cache.h"
#include "store/organisations.h"
#include "x509/name.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 256
#define WAIT_TRIES 50
#define WAIT_US 100000
#define LEASE_US (30 * US_PER_SECOND)

/* What the uses differ in. days 0: the CA's setting. */
static const struct service_kind {
    enum certificate_use certificate_use;
    const char *lease; /* its name, before the CA's slug */
    int64_t days;
    int64_t key_days; /* the private key usage period; 0: as long as the certificate */
    int purpose; /* enum key_purpose */
    bool rsa_only;
    unsigned key_usage;
    const char *extended_key_usage[2];
    size_t extended_key_usage_count;
    bool critical, ocsp_no_check;
} kinds[SERVICE_USE_COUNT] = {
    /* rfc6960#4.2.2.2: nocheck, for it lives shortly. */
    [SERVICE_OCSP] = {CERTIFICATE_OCSP, "ocsp-signer", 0, 0, KEY_SIGN, false, KU_DIGITAL_SIGNATURE,
                      {"OCSPSigning"}, 1, false, true},
    [SERVICE_TSA] = {CERTIFICATE_TSA, "tsa-signer", 3652, 365, KEY_SIGN, false, KU_DIGITAL_SIGNATURE,
                     {"timeStamping"}, 1, true, false},
    [SERVICE_SCEP] = {CERTIFICATE_SCEP, "scep-ra", 730, 0, KEY_SIGN | KEY_DECRYPT, true,
                      KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, {NULL}, 0, false, false},
    [SERVICE_CMP] = {CERTIFICATE_CMP, "cmp-signer", 730, 0, KEY_SIGN, false, KU_DIGITAL_SIGNATURE,
                     {"1.3.6.1.5.5.7.3.28", "1.3.6.1.5.5.7.3.32"}, 2, false, false},
};

/* Opened identities by the key that signed them and use; one whose slot is taken by another is opened again. */
struct service_cache {
    pthread_mutex_t mutex;
    struct slot {
        struct uuid issuer_key_id;
        enum service_use use;
        X509 *certificate;
        EVP_PKEY *key;
        int64_t not_before_us, not_after_us, created_us;
    } slots[SLOTS];
    pthread_mutex_t making; /* one maker in this process */
};

struct service_cache *service_cache_new(void) {
    struct service_cache *cache = must_alloc(sizeof *cache);
    pthread_mutex_init(&cache->mutex, NULL);
    pthread_mutex_init(&cache->making, NULL);
    return cache;
}

static void empty_slot(struct slot *slot) {
    X509_free(slot->certificate);
    EVP_PKEY_free(slot->key);
    memset(slot, 0, sizeof *slot);
}

void service_cache_free(struct service_cache *cache) {
    for (size_t i = 0; i < SLOTS; i++)
        empty_slot(&cache->slots[i]);
    pthread_mutex_destroy(&cache->mutex);
    pthread_mutex_destroy(&cache->making);
    free(cache);
}

void service_cache_forget(struct service_cache *cache) {
    pthread_mutex_lock(&cache->mutex);
    for (size_t i = 0; i < SLOTS; i++)
        empty_slot(&cache->slots[i]);
    pthread_mutex_unlock(&cache->mutex);
}

static struct slot *slot_of(struct service_cache *cache, struct uuid id, enum service_use use) {
    return &cache->slots[(((size_t)id.bytes[14] << 8 | id.bytes[15]) + 31 * (size_t)use) % SLOTS];
}

static void hand_out(struct arena *arena, X509 *certificate, EVP_PKEY *key, int64_t not_after_us,
                     struct service_identity *ret) {
    char type[KEY_TYPE_SIZE];
    X509_up_ref(certificate);
    EVP_PKEY_up_ref(key);
    keep_X509(arena, certificate);
    keep_EVP_PKEY(arena, key);
    *ret = (struct service_identity){.certificate = certificate, .key = key,
                                     .not_after_us = not_after_us};
    if (key_type_of(X509_get0_pubkey(certificate), type))
        ret->digest = key_type_digest(type);
}

/* A third of its life must be left; an expired one is never handed out. */
static bool fresh(int64_t not_before_us, int64_t not_after_us, int64_t now) {
    return now + (not_after_us - not_before_us) / 3 < not_after_us;
}

static bool from_cache(struct service_cache *cache, struct arena *arena, struct uuid issuer_key_id,
                       enum service_use use, bool stale_too, struct service_identity *ret) {
    int64_t now = clock_now_us();
    pthread_mutex_lock(&cache->mutex);
    struct slot *slot = slot_of(cache, issuer_key_id, use);
    bool found = slot->key != NULL && slot->use == use && uuid_equal(slot->issuer_key_id, issuer_key_id) &&
                 slot->created_us <= now + SERVICE_SKEW_US && /* else the clock was ahead when it was made */
                 (fresh(slot->not_before_us, slot->not_after_us, now) ||
                  (stale_too && now < slot->not_after_us));
    if (found)
        hand_out(arena, slot->certificate, slot->key, slot->not_after_us, ret);
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

/* When the key ends to sign: with the certificate, or with its private key usage period. */
static int64_t usable_until(const X509 *certificate, int64_t not_after_us) {
    PKEY_USAGE_PERIOD *period = X509_get_ext_d2i(certificate, NID_private_key_usage_period, NULL, NULL);
    int64_t until;
    struct error ignored = {0};
    if (period != NULL && period->notAfter != NULL && asn1_time_to_us(period->notAfter, &until, &ignored) &&
        until < not_after_us)
        not_after_us = until;
    PKEY_USAGE_PERIOD_free(period);
    return not_after_us;
}

static bool remember(struct core *core, struct arena *arena, struct uuid issuer_key_id,
                     const struct service_record *record, EVP_PKEY *key, struct error *err) {
    struct service_cache *cache = core_service_cache(core);
    X509 *certificate;
    TRY(certificate_decode(arena, record->certificate, &certificate, err));
    EVP_PKEY_up_ref(key);
    pthread_mutex_lock(&cache->mutex);
    struct slot *slot = slot_of(cache, issuer_key_id, record->use);
    empty_slot(slot);
    *slot = (struct slot){issuer_key_id, record->use, certificate, key, record->not_before_us,
                          usable_until(certificate, record->not_after_us), record->created_us};
    pthread_mutex_unlock(&cache->mutex);
    return true;
}

/* The newest one of the database into the cache; ret_found says whether there is one that has not expired. */
static bool load_current(struct core *core, struct arena *arena, const struct ca_record *ca,
                         enum service_use use, bool *ret_found, struct error *err) {
    struct service_record record = {0};
    AUTO(EVP_PKEY) *key = NULL;
    bool done = false, found = false;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = service_current_of(tx.tx, arena, ca->id, generation_key(ca), use, clock_now_us() + SERVICE_SKEW_US,
                                   &record, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    TRY(done);
    *ret_found = found && record.not_after_us > clock_now_us();
    if (!*ret_found)
        return true;
    TRY(core_key(core, record.key_id, &key, err));
    return remember(core, arena, ca->key_id, &record, key, err);
}

/* A signer of answers must be quick: the CA's own type, RSA up to 3072 bits, ML-DSA-65 for SLH-DSA. */
static const char *signer_key_type(const char *ca_key_type) {
    if (strncmp(ca_key_type, "SLH-DSA", 7) == 0)
        return "ML-DSA-65";
    if (strcmp(ca_key_type, "RSA-2048") == 0)
        return ca_key_type;
    return strncmp(ca_key_type, "RSA", 3) == 0 ? "RSA-3072" : ca_key_type;
}

/* The settings' type, where the use can have it; else one that suits the CA's. */
static const char *kind_key_type(const struct service_kind *kind, const struct ca_settings *settings,
                                 const char *ca_key_type) {
    const char *wanted = settings->service_key;
    if (wanted != NULL && (!kind->rsa_only || strncmp(wanted, "RSA", 3) == 0))
        return wanted;
    if (kind->rsa_only && strncmp(ca_key_type, "RSA", 3) != 0)
        return "RSA-3072";
    return signer_key_type(ca_key_type);
}

/* A timestamp says whose it is by its signer's subject (ETSI EN 319 422, 6.2): who runs the CA runs the TSA. */
static bool name_owner(struct arena *arena, const struct ca_record *ca, X509_NAME *subject, struct error *err) {
    static const int nids[] = {NID_countryName, NID_organizationName, NID_organizationIdentifier};
    X509 *certificate;
    TRY(certificate_decode(arena, ca->certificate, &certificate, err));
    keep_X509(arena, certificate);
    X509_NAME *owner = X509_get_subject_name(certificate);
    for (size_t i = 0; i < sizeof nids / sizeof *nids; i++) {
        int at = X509_NAME_get_index_by_NID(owner, nids[i], -1);
        if (at >= 0 && X509_NAME_add_entry(subject, X509_NAME_get_entry(owner, at), -1, 0) != 1)
            return fail_internal(err, "name of a service certificate");
    }
    return true;
}

static bool service_subject(struct arena *arena, const struct ca_record *ca, enum service_use use,
                            X509_NAME **ret_subject, struct error *err) {
    X509_NAME *subject = X509_NAME_new();
    keep_X509_NAME(arena, subject);
    if (use == SERVICE_TSA)
        TRY(name_owner(arena, ca, subject, err));
    const char *name = arena_printf(arena, "%.50s %s", ca->slug, service_use_name(use));
    *ret_subject = subject;
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1 ||
           fail_internal(err, "name of a service certificate");
}

static void limit_to_ca(const struct ca_record *ca, struct certificate_plan *plan) {
    if (plan->not_before_us < ca->not_before_us)
        plan->not_before_us = ca->not_before_us;
    if (plan->not_after_us > ca->not_after_us)
        plan->not_after_us = ca->not_after_us;
}

/* The certificate outlives its key's use, so that what the key has signed can be verified for years. */
static bool add_key_period(struct arena *arena, const struct service_kind *kind,
                           struct certificate_plan *plan, struct error *err) {
    PKEY_USAGE_PERIOD *period = PKEY_USAGE_PERIOD_new();
    EXTENSION_LIST *list = sk_X509_EXTENSION_new_null();
    AUTO(ASN1_TIME) *from = NULL;
    AUTO(ASN1_TIME) *to = NULL;
    int64_t end = plan->not_before_us + kind->key_days * US_PER_DAY;
    keep_EXTENSION_LIST(arena, list);
    bool ok = asn1_time_from_us(plan->not_before_us, &from, err) &&
              asn1_time_from_us(end < plan->not_after_us ? end : plan->not_after_us, &to, err);
    if (ok) {
        period->notBefore = ASN1_TIME_to_generalizedtime(from, NULL);
        period->notAfter = ASN1_TIME_to_generalizedtime(to, NULL);
        X509_EXTENSION *extension = X509V3_EXT_i2d(NID_private_key_usage_period, 0, period);
        ok = extension != NULL && sk_X509_EXTENSION_push(list, extension) > 0;
        if (!ok)
            fail_internal(err, "private key usage period");
    }
    PKEY_USAGE_PERIOD_free(period);
    plan->extensions = list;
    return ok;
}

/* Issued by the CA itself. */
static bool sign_service(struct core *core, struct arena *arena, const struct ca_record *ca,
                         enum service_use use, EVP_PKEY *public_key, struct certificate_record *ret,
                         struct error *err) {
    const struct service_kind *kind = &kinds[use];
    struct ca_settings settings;
    struct issue_order order = {.ca = ca, .use = kind->certificate_use, .requester = "system"};
    struct certificate_plan *plan = &order.plan;
    X509_NAME *subject;
    int64_t now = clock_now_us();
    TRY(authority_settings(arena, ca, &settings, err));
    TRY(service_subject(arena, ca, use, &subject, err));
    plan->subject = subject;
    plan->public_key = public_key;
    plan->not_before_us = now - SERVICE_SKEW_US;
    plan->not_after_us = now + (kind->days != 0 ? kind->days : settings.ocsp_signer_days) * US_PER_DAY;
    limit_to_ca(ca, plan);
    plan->path_length = -1;
    plan->key_usage = kind->key_usage;
    plan->extended_key_usage = kind->extended_key_usage;
    plan->extended_key_usage_count = kind->extended_key_usage_count;
    plan->extended_key_usage_critical = kind->critical;
    plan->ocsp_no_check = kind->ocsp_no_check;
    if (kind->key_days != 0)
        TRY(add_key_period(arena, kind, plan, err));
    return issue_sign(core, arena, &order, ret, err);
}

static bool make(struct core *core, struct arena *arena, const struct ca_record *ca,
                 enum service_use use, struct error *err) {
    const struct service_kind *kind = &kinds[use];
    struct key_record key;
    struct certificate_record certificate;
    struct ca_settings settings;
    AUTO(EVP_PKEY) *remote = NULL;
    AUTO(EVP_PKEY) *public_key = NULL;
    bool done = false;
    TRY(authority_settings(arena, ca, &settings, err));
    TRY(key_make(core, arena, kind_key_type(kind, &settings, ca->key_type), NULL,
                 (enum key_purpose)kind->purpose, ca->organisation_id, &key, &remote, err));
    TRY(key_from_spki(key.spki, &public_key, err));
    TRY(sign_service(core, arena, ca, use, public_key, &certificate, err));
    struct service_record record = {.id = uuid_new(),
                                    .ca_id = ca->id,
                                    .use = use,
                                    .issuer_key_id = generation_key(ca),
                                    .key_id = key.id,
                                    .certificate = certificate.der,
                                    .not_before_us = certificate.not_before_us,
                                    .not_after_us = certificate.not_after_us,
                                    .created_us = certificate.created_us};
    TX(tx, core_db(core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && issue_store(tx.tx, &actor_system, &certificate, err) &&
                service_insert(tx.tx, &record, err);
    TRY(done);
    log_info("ca", "CA %s: new %s service certificate", ca->slug, service_use_name(use));
    return remember(core, arena, ca->key_id, &record, remote, err);
}

static bool take_lease(struct core *core, struct arena *arena, const struct ca_record *ca,
                       enum service_use use, bool *ret_taken, struct error *err) {
    int64_t now = clock_now_us();
    const char *name = arena_printf(arena, "%s/%s", kinds[use].lease, ca->slug);
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = lease_take(tx.tx, name, uuid_new(), now, now + LEASE_US, ret_taken, err);
    return done;
}

static void note_renewal(struct core *core, struct arena *arena, const struct ca_record *ca, enum service_use use,
                         const struct error *why) {
    if (use == SERVICE_OCSP)
        overdue_note(core, arena, ca, OVERDUE_OCSP, why);
}

/* On a node that only reads: what the others have made, to its end. */
static bool as_it_stands(struct core *core, struct arena *arena, const struct ca_record *ca, enum service_use use,
                         struct service_identity *ret, struct error *err) {
    bool found = false;
    TRY(load_current(core, arena, ca, use, &found, err));
    return (found && from_cache(core_service_cache(core), arena, ca->key_id, use, true, ret)) ||
           fail(err, ERROR_UNAVAILABLE, "ocsp-signer",
                "There is no %s service certificate of %s that still holds; the nodes that write make the next one.",
                service_use_name(use), ca->slug);
}

/* One maker among all nodes: who has the lease makes, the others wait for what it made. */
static bool renew(struct core *core, struct arena *arena, const struct ca_record *ca,
                  enum service_use use, struct service_identity *ret, struct error *err) {
    struct service_cache *cache = core_service_cache(core);
    for (int i = 0; i < WAIT_TRIES; i++) {
        bool found = false, taken = false;
        TRY(load_current(core, arena, ca, use, &found, err));
        if (from_cache(cache, arena, ca->key_id, use, false, ret)) {
            note_renewal(core, arena, ca, use, NULL);
            return true;
        }
        TRY(take_lease(core, arena, ca, use, &taken, err));
        if (taken) {
            bool made = make(core, arena, ca, use, err);
            note_renewal(core, arena, ca, use, made ? NULL : err);
            if (made)
                return from_cache(cache, arena, ca->key_id, use, true, ret) ||
                       fail(err, ERROR_UNAVAILABLE, "ocsp-signer", "The clock was set meanwhile; try again.");
            log_failure(LOG_WARN, "ca", "a service certificate cannot be made", err);
            /* What there is goes on to its end. */
            return from_cache(cache, arena, ca->key_id, use, true, ret);
        }
        if (from_cache(cache, arena, ca->key_id, use, true, ret))
            return true;
        usleep(WAIT_US);
    }
    return fail(err, ERROR_UNAVAILABLE, "ocsp-signer",
                "The %s service certificate of %s is being made by another node; try again.",
                service_use_name(use), ca->slug);
}

/* The settings' digest in place of the key's own; keys that hash by themselves have none. */
static bool choose_digest(struct arena *arena, const struct ca_record *ca,
                          struct service_identity *ret, struct error *err) {
    struct ca_settings settings;
    if (ret->digest == NULL)
        return true;
    TRY(authority_settings(arena, ca, &settings, err));
    const EVP_MD *wanted =
        settings.service_digest == NULL ? NULL : EVP_get_digestbyname(settings.service_digest);
    ret->digest = wanted == NULL ? ret->digest : wanted;
    return true;
}

bool service_of(struct core *core, struct arena *arena, const struct ca_record *ca,
                enum service_use use, struct service_identity *ret, struct error *err) {
    struct service_cache *cache = core_service_cache(core);
    bool ok = from_cache(cache, arena, ca->key_id, use, false, ret);
    if (!ok) {
        pthread_mutex_lock(&cache->making);
        ok = from_cache(cache, arena, ca->key_id, use, false, ret) ||
             (core_reads_only(core) ? as_it_stands(core, arena, ca, use, ret, err)
                                    : renew(core, arena, ca, use, ret, err));
        pthread_mutex_unlock(&cache->making);
    }
    return ok && choose_digest(arena, ca, ret, err);
}

bool service_ocsp(struct core *core, struct arena *arena, const struct ca_record *ca,
                  struct service_identity *ret, struct error *err) {
    return service_of(core, arena, ca, SERVICE_OCSP, ret, err);
}

static bool open_record(struct core *core, struct arena *arena, const struct service_record *record,
                        struct service_identity *ret, struct error *err) {
    AUTO(X509) *certificate = NULL;
    AUTO(EVP_PKEY) *key = NULL;
    TRY(certificate_decode(arena, record->certificate, &certificate, err));
    TRY(core_key(core, record->key_id, &key, err));
    hand_out(arena, certificate, key, usable_until(certificate, record->not_after_us), ret);
    return true;
}

bool service_all(struct core *core, struct arena *arena, const struct ca_record *ca,
                 enum service_use use, struct service_identity **ret_items, size_t *ret_count,
                 struct error *err) {
    struct service_record *records = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = service_list(tx.tx, arena, ca->id, use, clock_now_us(), &records, &count, err);
    TRY(done);
    struct service_identity *items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        TRY(open_record(core, arena, &records[i], &items[i], err) &&
            choose_digest(arena, ca, &items[i], err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
