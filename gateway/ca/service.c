#include "ca/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/issue.h"
#include "ca/key_use.h"
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

/* Opened identities by CA; a CA whose slot is taken by another is opened again. */
struct service_cache {
    pthread_mutex_t mutex;
    struct slot {
        struct uuid ca_id;
        X509 *certificate;
        EVP_PKEY *key;
        int64_t not_before_us, not_after_us;
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

static struct slot *slot_of(struct service_cache *cache, struct uuid id) {
    return &cache->slots[((size_t)id.bytes[14] << 8 | id.bytes[15]) % SLOTS];
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

static bool from_cache(struct service_cache *cache, struct arena *arena, struct uuid ca_id,
                       bool stale_too, struct service_identity *ret) {
    int64_t now = clock_now_us();
    pthread_mutex_lock(&cache->mutex);
    struct slot *slot = slot_of(cache, ca_id);
    bool found = slot->key != NULL && uuid_equal(slot->ca_id, ca_id) &&
                 (fresh(slot->not_before_us, slot->not_after_us, now) ||
                  (stale_too && now < slot->not_after_us));
    if (found)
        hand_out(arena, slot->certificate, slot->key, slot->not_after_us, ret);
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

static bool remember(struct core *core, struct arena *arena, const struct service_record *record,
                     EVP_PKEY *key, struct error *err) {
    struct service_cache *cache = core_service_cache(core);
    X509 *certificate;
    TRY(certificate_decode(arena, record->certificate, &certificate, err));
    EVP_PKEY_up_ref(key);
    pthread_mutex_lock(&cache->mutex);
    struct slot *slot = slot_of(cache, record->ca_id);
    empty_slot(slot);
    *slot = (struct slot){record->ca_id, certificate, key, record->not_before_us,
                          record->not_after_us};
    pthread_mutex_unlock(&cache->mutex);
    return true;
}

/* The newest one of the database into the cache; ret_found says whether there is one that has not expired. */
static bool load_current(struct core *core, struct arena *arena, struct uuid ca_id, bool *ret_found,
                         struct error *err) {
    struct service_record record = {0};
    AUTO(EVP_PKEY) *key = NULL;
    bool done = false, found = false;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = service_current(tx.tx, arena, ca_id, SERVICE_OCSP, &record, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    TRY(done);
    *ret_found = found && record.not_after_us > clock_now_us();
    if (!*ret_found)
        return true;
    TRY(core_key(core, record.key_id, &key, err));
    return remember(core, arena, &record, key, err);
}

/* A signer of answers must be quick: the CA's own type, RSA up to 3072 bits, ML-DSA-65 for SLH-DSA. */
static const char *signer_key_type(const char *ca_key_type) {
    if (strncmp(ca_key_type, "SLH-DSA", 7) == 0)
        return "ML-DSA-65";
    if (strcmp(ca_key_type, "RSA-2048") == 0)
        return ca_key_type;
    return strncmp(ca_key_type, "RSA", 3) == 0 ? "RSA-3072" : ca_key_type;
}

/* rfc6960#4.2.2.2: issued by the CA itself with id-kp-OCSPSigning; nocheck, for it lives shortly. */
static bool sign_ocsp(struct core *core, struct arena *arena, const struct ca_record *ca,
                      EVP_PKEY *public_key, struct certificate_record *ret, struct error *err) {
    static const char *const usage[] = {"OCSPSigning"};
    struct ca_settings settings;
    X509_NAME *subject = X509_NAME_new();
    keep_X509_NAME(arena, subject);
    TRY(authority_settings(arena, ca, &settings, err));
    const char *name = arena_printf(arena, "%.50s OCSP", ca->slug);
    if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)name, -1, -1, 0) != 1)
        return fail_internal(err, "OCSP signer's name");
    struct issue_order order = {.ca = ca, .use = CERTIFICATE_OCSP, .requester = "system"};
    struct certificate_plan *plan = &order.plan;
    int64_t now = clock_now_us();
    plan->subject = subject;
    plan->public_key = public_key;
    plan->not_before_us = now - 300 * US_PER_SECOND;
    if (plan->not_before_us < ca->not_before_us)
        plan->not_before_us = ca->not_before_us;
    plan->not_after_us = now + settings.ocsp_signer_days * US_PER_DAY;
    if (plan->not_after_us > ca->not_after_us)
        plan->not_after_us = ca->not_after_us;
    plan->path_length = -1;
    plan->key_usage = KU_DIGITAL_SIGNATURE;
    plan->extended_key_usage = usage;
    plan->extended_key_usage_count = 1;
    plan->ocsp_no_check = true;
    return issue_sign(core, arena, &order, ret, err);
}

static bool make_ocsp(struct core *core, struct arena *arena, const struct ca_record *ca,
                      struct error *err) {
    struct key_record key;
    struct certificate_record certificate;
    AUTO(EVP_PKEY) *remote = NULL;
    AUTO(EVP_PKEY) *public_key = NULL;
    bool done = false;
    TRY(key_make(core, arena, signer_key_type(ca->key_type), NULL, KEY_SIGN, ca->organisation_id, &key,
                 &remote, err));
    TRY(key_from_spki(key.spki, &public_key, err));
    TRY(sign_ocsp(core, arena, ca, public_key, &certificate, err));
    struct service_record record = {.id = uuid_new(),
                                    .ca_id = ca->id,
                                    .use = SERVICE_OCSP,
                                    .key_id = key.id,
                                    .certificate = certificate.der,
                                    .not_before_us = certificate.not_before_us,
                                    .not_after_us = certificate.not_after_us,
                                    .created_us = certificate.created_us};
    TX(tx, core_db(core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && issue_store(tx.tx, &actor_system, &certificate, err) &&
                service_insert(tx.tx, &record, err);
    TRY(done);
    log_info("ca", "CA %s: new OCSP signer", ca->slug);
    return remember(core, arena, &record, remote, err);
}

static bool take_lease(struct core *core, struct arena *arena, const struct ca_record *ca,
                       bool *ret_taken, struct error *err) {
    int64_t now = clock_now_us();
    const char *name = arena_printf(arena, "ocsp-signer/%s", ca->slug);
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = lease_take(tx.tx, name, uuid_new(), now, now + LEASE_US, ret_taken, err);
    return done;
}

/* One maker among all nodes: who has the lease makes, the others wait for what it made. */
static bool renew(struct core *core, struct arena *arena, const struct ca_record *ca,
                  struct service_identity *ret, struct error *err) {
    struct service_cache *cache = core_service_cache(core);
    for (int i = 0; i < WAIT_TRIES; i++) {
        bool found = false, taken = false;
        TRY(load_current(core, arena, ca->id, &found, err));
        if (from_cache(cache, arena, ca->id, false, ret))
            return true;
        TRY(take_lease(core, arena, ca, &taken, err));
        if (taken) {
            if (make_ocsp(core, arena, ca, err))
                return from_cache(cache, arena, ca->id, true, ret) ||
                       fail_internal(err, "OCSP signer vanished from the cache");
            log_failure(LOG_WARN, "ca", "OCSP signer cannot be made", err);
            /* What there is goes on to its end. */
            return from_cache(cache, arena, ca->id, true, ret);
        }
        if (from_cache(cache, arena, ca->id, true, ret))
            return true;
        usleep(WAIT_US);
    }
    return fail(err, ERROR_UNAVAILABLE, "ocsp-signer",
                "The OCSP signer of %s is being made by another node; try again.", ca->slug);
}

bool service_ocsp(struct core *core, struct arena *arena, const struct ca_record *ca,
                  struct service_identity *ret, struct error *err) {
    struct service_cache *cache = core_service_cache(core);
    if (from_cache(cache, arena, ca->id, false, ret))
        return true;
    pthread_mutex_lock(&cache->making);
    bool ok = from_cache(cache, arena, ca->id, false, ret) || renew(core, arena, ca, ret, err);
    pthread_mutex_unlock(&cache->making);
    return ok;
}
