/* The lists of a CA: made when the last one is old, a status has changed or somebody asks for it, one maker at a
 * time, and no transaction open while the key signs. */
#include "ca/status.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/crl_cache.h"
#include "ca/generations.h"
#include "ca/overdue.h"
#include "ca/status_cache.h"
#include "x509/crl.h"

#include <stdlib.h>
#include <string.h>

#define CRLS_KEPT 10
#define MAKE_TRIES 3
#define SKEW_US (60 * US_PER_SECOND) /* of the clocks of two nodes */

/* One list that is asked for. */
struct quest {
    struct core *core;
    struct arena *arena;
    struct ca_record ca;
    struct ca_settings settings;
    struct crl_kind kind;
    bool fresh; /* a new one, whatever there is */
};

static int64_t hours(int64_t count) {
    return count * 3600 * US_PER_SECOND;
}

/* Its end is far enough, no schedule wants a new one, and the clock was not ahead when it was made. */
static bool in_time(const struct quest *q, const struct crl_record *crl) {
    const struct crl_settings *s = &q->settings.crl;
    int64_t now = clock_now_us();
    if (crl->this_update_us > now + SKEW_US)
        return false;
    if (q->kind.delta) /* a quarter of its life ahead */
        return now < crl->next_update_us - (crl->next_update_us - crl->this_update_us) / 4;
    return now < crl->next_update_us - hours(q->settings.crl_overlap_hours) &&
           (s->refresh_hours == 0 || now < crl->this_update_us + hours(s->refresh_hours));
}

/* Whether a changed status asks for a new list of this kind. */
static bool follows_changes(const struct quest *q) {
    const struct crl_settings *s = &q->settings.crl;
    return s->on_revocation && (q->kind.delta || s->delta_hours == 0);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool find_newest(struct tx *tx, struct arena *arena, const struct crl_kind *kind, bool want_der,
                        struct crl_record *ret, bool *ret_found, struct error *err) {
    struct error missing = {0};
    *ret_found = crl_newest(tx, arena, kind->ca_id, kind->key_id, kind->scope, kind->delta, want_der, ret, &missing);
    if (*ret_found || missing.kind == ERROR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = missing;
    return false;
}

/* What stands in the database: the newest list without its bytes, and whether it still says what is. */
struct standing {
    bool found, changed;
    int64_t epoch, last_number;
    struct crl_record newest, base; /* base: of a delta, the newest complete list */
};

static bool read_standing(struct tx *tx, struct quest *q, struct standing *ret, struct error *err) {
    struct crl_kind complete = q->kind;
    bool base_found = false;
    complete.delta = false;
    *ret = (struct standing){0};
    TRY(ca_epoch(tx, q->ca.id, &ret->epoch, err));
    TRY(crl_last_number(tx, q->ca.id, &ret->last_number, err));
    TRY(find_newest(tx, q->arena, &q->kind, false, &ret->newest, &ret->found, err));
    if (ret->found && ret->newest.epoch != ret->epoch)
        TRY(revocation_changed(tx, q->ca.id, q->kind.scope, ret->newest.epoch, &ret->changed, err));
    if (q->kind.delta)
        TRY(find_newest(tx, q->arena, &complete, false, &ret->base, &base_found, err));
    return true;
}

static bool stand(struct quest *q, struct standing *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(q->core), &done, err)
        tx.ok = read_standing(tx.tx, q, ret, err);
    return done;
}

static bool serves(const struct quest *q, const struct standing *s) {
    return s->found && !q->fresh && in_time(q, &s->newest) && !(s->changed && follows_changes(q)) &&
           (!q->kind.delta || s->newest.base_number == s->base.number);
}

/* The bytes are read onto an arena of their own, which the list takes along. */
static bool load(struct quest *q, struct crl_held **ret_held, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct crl_record crl = {0};
    bool done = false, found = false;
    TX(tx, core_db(q->core), &done, err)
        tx.ok = find_newest(tx.tx, arena, &q->kind, true, &crl, &found, err);
    TRY(done);
    if (!found)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The CA has no such CRL yet.");
    *ret_held = crl_hold(&crl, NULL);
    return true;
}

/* --- making -------------------------------------------------------------------------------------------- */

static bool public_url(struct quest *q, const char *path, const char **ret, struct error *err) {
    struct core_urls base;
    TRY(core_public_urls(q->core, q->arena, &base, err));
    *ret = arena_printf(q->arena, "%s/crl/%s/%s", base.http, generation_slug(q->arena, &q->ca), path);
    return true;
}

static bool plan_crl(struct quest *q, const struct standing *s, struct crl_plan *ret, struct error *err) {
    int64_t now = clock_now_us() / US_PER_SECOND * US_PER_SECOND, by_time = clock_now_us() / 1000;
    const struct ca_settings *settings = &q->settings;
    struct crl_plan plan = {
        .number = by_time > s->last_number ? by_time : s->last_number + 1,
        .this_update_us = now,
        .next_update_us = now + hours(q->kind.delta ? settings->crl.delta_hours : settings->crl_hours),
        .delta = q->kind.delta,
        .base_number = q->kind.delta ? s->base.number : 0};
    if (q->kind.delta && plan.next_update_us > s->base.next_update_us)
        plan.next_update_us = s->base.next_update_us;
    if (settings->crl.expired && !q->kind.delta)
        plan.expired_since_us = q->ca.not_before_us;
    if (q->kind.scope != 0)
        TRY(public_url(q, status_partition_name(q->arena, q->kind.scope), &plan.distribution_url, err));
    if (settings->crl.delta_hours > 0 && !q->kind.delta && q->kind.scope == 0)
        TRY(public_url(q, "delta.crl", &plan.freshest_url, err));
    *ret = plan;
    return true;
}

static bool take_row(void *context, const struct revoked_row *row, struct error *err) {
    return crl_writer_add(context,
                          &(struct crl_entry){row->serial, row->revoked_us, row->reason, row->invalidity_us},
                          err);
}

/* rfc5280#3.3: an entry stays until it has been on a list that was issued after the certificate's end; so it stays
 * for the life of one. */
static int64_t oldest_end(const struct quest *q) {
    return q->settings.crl.expired ? 0 : clock_now_us() - hours(q->settings.crl_hours);
}

static bool fill(struct quest *q, const struct standing *s, struct crl_writer *writer, struct error *err) {
    struct revocation_reader reader = {.take = take_row, .context = writer};
    bool done = false;
    TX(tx, core_db(q->core), &done, err) {
        crl_writer_reset(writer);
        /* The epoch was read before: a revocation that came in between is in the list and makes it older than it
         * need be, never newer. */
        tx.ok = q->kind.delta ? revocation_read_since(tx.tx, q->ca.id, s->base.epoch, &reader, err)
                              : revocation_read(tx.tx, q->ca.id, q->kind.scope, oldest_end(q), &reader, err);
    }
    return done;
}

static bool write_crl(struct quest *q, const struct standing *s, const struct crl_plan *plan, EVP_PKEY *key,
                      void **ret_memory, struct view *ret_der, struct error *err) {
    struct crl_writer *writer;
    if (!crl_writer_new(plan, key, authority_digest(&q->ca, &q->settings), &writer, err)) {
        signer_take_error(err);
        return false;
    }
    bool ok = fill(q, s, writer, err);
    if (ok && !crl_writer_sign(writer, ret_memory, ret_der, err)) {
        signer_take_error(err);
        ok = false;
    }
    crl_writer_free(writer);
    return ok;
}

static bool build(struct quest *q, const struct standing *s, struct crl_held **ret_held, struct error *err) {
    AUTO(X509) *issuer = NULL;
    AUTO(EVP_PKEY) *key = NULL;
    struct crl_plan plan;
    void *memory;
    TRY(plan_crl(q, s, &plan, err));
    TRY(certificate_decode(q->arena, q->ca.certificate, &issuer, err));
    TRY(authority_key(q->core, &q->ca, &q->settings, &key, err));
    plan.issuer = issuer;
    struct crl_record crl = {.id = uuid_new(),
                             .ca_id = q->ca.id,
                             .key_id = q->kind.key_id,
                             .scope = q->kind.scope,
                             .base_number = plan.delta ? plan.base_number : CRL_COMPLETE,
                             .number = plan.number,
                             .this_update_us = plan.this_update_us,
                             .next_update_us = plan.next_update_us,
                             .epoch = s->epoch};
    TRY(write_crl(q, s, &plan, key, &memory, &crl.der, err));
    *ret_held = crl_hold(&crl, memory);
    return true;
}

static bool store(struct quest *q, const struct crl_record *crl, struct error *err) {
    struct event_note note = {.code = crl->base_number == CRL_COMPLETE ? "crl.published" : "crl.delta-published",
                              .organisation_id = q->ca.organisation_id,
                              .ca_id = q->ca.id,
                              .object_kind = "crl",
                              .object = arena_printf(q->arena, "%lld", (long long)crl->number)};
    bool done = false;
    TX(tx, core_db(q->core), &done, err)
        tx.ok = crl_insert(tx.tx, crl, err) &&
                crl_prune(tx.tx, q->ca.id, crl->key_id, crl->scope, q->kind.delta, CRLS_KEPT, err) &&
                access_note(tx.tx, &actor_system, &note, err);
    return done;
}

static bool make(struct quest *q, struct standing *s, struct crl_held **ret_held, struct error *err) {
    for (int tries = 0; tries < MAKE_TRIES; tries++) {
        struct crl_held *made;
        if (tries > 0)
            TRY(stand(q, s, err));
        TRY(build(q, s, &made, err));
        if (store(q, crl_held_record(made), err)) {
            *ret_held = made;
            return true;
        }
        crl_release(made);
        if (strcmp(err->type, "crl-number") != 0)
            return false;
    }
    return false;
}

/* --- what is asked for --------------------------------------------------------------------------------- */

/* On a node that only reads: the newest that the others have made, to its end. */
static bool find_only(struct quest *q, const struct standing *s, struct crl_held **ret_held, struct error *err) {
    int64_t epoch;
    struct crl_held *held = crl_cache_find(core_crl_cache(q->core), &q->kind, &epoch);
    if (s->found && s->newest.next_update_us <= clock_now_us()) {
        crl_release(held);
        return fail(err, ERROR_UNAVAILABLE, "crl-ended",
                    "The CRL of %s has ended, and the nodes that write have made no other one yet.", q->ca.slug);
    }
    if (held != NULL && s->found && crl_held_record(held)->number == s->newest.number) {
        *ret_held = held;
        return true;
    }
    crl_release(held);
    return load(q, ret_held, err);
}

/* The stored list if it serves, else a new one. When the token is away, the last one goes on to its end. */
static bool find_or_make(struct quest *q, struct crl_held **ret_held, int64_t *ret_epoch, struct error *err) {
    struct standing s;
    TRY(stand(q, &s, err));
    if (q->ca.state == CA_CERTIFICATE_ONLY) { /* what was given to us is all there is */
        *ret_epoch = s.epoch;
        return load(q, ret_held, err);
    }
    *ret_epoch = s.epoch;
    if (core_reads_only(q->core))
        return find_only(q, &s, ret_held, err);
    bool serving = serves(q, &s), made = !serving && make(q, &s, ret_held, err);
    overdue_note(q->core, q->arena, &q->ca, OVERDUE_CRL, serving || made ? NULL : err);
    if (serving)
        return load(q, ret_held, err);
    if (made)
        return true;
    if (q->fresh || !s.found || s.newest.next_update_us <= clock_now_us())
        return false;
    log_failure(LOG_WARN, "ca", "CRL cannot be remade, the last one goes on", err);
    return load(q, ret_held, err);
}

static bool base_moved(struct quest *q, const struct crl_record *delta) {
    struct crl_kind complete = {q->ca.id, 0, false, q->kind.key_id};
    int64_t epoch;
    struct crl_held *base = crl_cache_find(core_crl_cache(q->core), &complete, &epoch);
    bool moved = base == NULL || crl_held_record(base)->number != delta->base_number;
    crl_release(base);
    return moved;
}

static bool from_cache(struct quest *q, struct crl_held **ret_held) {
    int64_t epoch;
    struct crl_held *held =
        q->fresh ? NULL : crl_cache_find(core_crl_cache(q->core), &q->kind, &epoch);
    if (held == NULL)
        return false;
    const struct crl_record *crl = crl_held_record(held);
    if (in_time(q, crl) && (epoch == q->ca.epoch || !follows_changes(q)) &&
        !(q->kind.delta && base_moved(q, crl))) {
        *ret_held = held;
        return true;
    }
    crl_release(held);
    return false;
}

static bool seek(struct quest *q, struct crl_held **ret_held, struct error *err) {
    struct crl_cache *cache = core_crl_cache(q->core);
    int64_t epoch;
    if (from_cache(q, ret_held))
        return true;
    crl_cache_lock(cache, &q->kind);
    bool ok = from_cache(q, ret_held);
    if (!ok && (ok = find_or_make(q, ret_held, &epoch, err)))
        crl_cache_put(cache, &q->kind, *ret_held, epoch);
    crl_cache_unlock(cache, &q->kind);
    return ok;
}

static void release(void *held) {
    crl_release(held);
}

static bool answer(struct quest *q, struct crl_document *ret, struct error *err) {
    struct crl_held *held;
    TRY(seek(q, &held, err));
    const struct crl_record *crl = crl_held_record(held);
    arena_defer(q->arena, release, held);
    *ret = (struct crl_document){.der = crl->der,
                                 .number = crl->number,
                                 .base_number = crl->base_number,
                                 .this_update_us = crl->this_update_us,
                                 .next_update_us = crl->next_update_us,
                                 .held = held};
    return true;
}

static bool begin(struct core *core, struct arena *arena, const char *ca_slug, struct quest *ret,
                  struct error *err) {
    *ret = (struct quest){.core = core, .arena = arena};
    TRY(status_authority(core, arena, ca_slug, &ret->ca, err));
    ret->kind.ca_id = ret->ca.id;
    ret->kind.key_id = generation_key(&ret->ca);
    return authority_settings(arena, &ret->ca, &ret->settings, err);
}

bool status_crl(struct core *core, struct arena *arena, const char *ca_slug, struct crl_document *ret,
                struct error *err) {
    struct quest q;
    TRY(begin(core, arena, ca_slug, &q, err));
    return answer(&q, ret, err);
}

bool status_crl_now(struct core *core, struct arena *arena, const char *ca_slug, struct crl_document *ret,
                    struct error *err) {
    struct quest q;
    TRY(begin(core, arena, ca_slug, &q, err));
    q.fresh = true;
    return answer(&q, ret, err);
}

bool status_crl_delta(struct core *core, struct arena *arena, const char *ca_slug, struct crl_document *ret,
                      struct error *err) {
    struct quest q;
    struct crl_document base;
    TRY(begin(core, arena, ca_slug, &q, err));
    if (q.settings.crl.delta_hours == 0)
        return fail(err, ERROR_NOT_FOUND, "not-found", "CA %s makes no delta CRLs.", ca_slug);
    TRY(answer(&q, &base, err)); /* there must be one to continue */
    q.kind.delta = true;
    return answer(&q, ret, err);
}

bool status_crl_partition(struct core *core, struct arena *arena, const char *ca_slug, int scope,
                          struct crl_document *ret, struct error *err) {
    struct quest q;
    TRY(begin(core, arena, ca_slug, &q, err));
    /* The number of partitions only grows: those that older certificates name are served still. */
    if (scope < 2 || scope >= 2 * q.settings.crl.partitions)
        return fail(err, ERROR_NOT_FOUND, "not-found", "CA %s has no such partition.", ca_slug);
    q.kind.scope = scope;
    return answer(&q, ret, err);
}

bool status_refresh(struct core *core, struct arena *arena, const char *ca_slug, struct error *err) {
    struct quest q;
    struct crl_document document;
    TRY(begin(core, arena, ca_slug, &q, err));
    TRY(answer(&q, &document, err));
    if (q.settings.crl.delta_hours > 0)
        TRY(status_crl_delta(core, arena, ca_slug, &document, err));
    for (int p = 0; q.settings.crl.partitions > 1 && p < q.settings.crl.partitions; p++)
        TRY(status_crl_partition(core, arena, ca_slug, (int)q.settings.crl.partitions + p, &document, err));
    return true;
}

struct view status_crl_pem(const struct crl_document *document) {
    return crl_held_pem(document->held);
}

/* --- names of partitions ------------------------------------------------------------------------------- */

static int partition_count(int scope) {
    int count = 1;
    while (count * 2 <= scope)
        count *= 2;
    return count;
}

const char *status_partition_name(struct arena *arena, int scope) {
    int count = partition_count(scope);
    return arena_printf(arena, "%d-%d.crl", count, scope - count);
}

int status_partition_scope(const char *name) {
    char *end;
    if (*name < '1' || *name > '9')
        return -1;
    long count = strtol(name, &end, 10);
    if (*end != '-' || count < 2 || count > CRL_MAX_PARTITIONS || (count & (count - 1)) != 0)
        return -1;
    const char *second = end + 1;
    if (*second < '0' || *second > '9' || (second[0] == '0' && second[1] != '\0'))
        return -1;
    long index = strtol(second, &end, 10);
    return *end == '\0' && index < count ? (int)(count + index) : -1;
}

int status_partition_of(struct view serial, int64_t partitions) {
    if (partitions < 2 || serial.len == 0)
        return 0;
    return (int)(partitions + serial.at[serial.len - 1] * partitions / CRL_MAX_PARTITIONS);
}

bool status_point_to_partition(struct core *core, struct arena *arena, const struct ca_record *ca,
                               const struct ca_settings *settings, struct certificate_plan *plan,
                               struct error *err) {
    struct quest q = {.core = core, .arena = arena, .ca = *ca, .settings = *settings};
    if (plan->crl_count == 0)
        return true;
    int scope = status_partition_of(plan->serial, settings->crl.partitions);
    if (scope == 0)
        return true;
    const char **urls = arena_array(arena, 1, sizeof *urls);
    TRY(public_url(&q, status_partition_name(arena, scope), &urls[0], err));
    plan->crl = urls;
    plan->crl_count = 1;
    return true;
}
