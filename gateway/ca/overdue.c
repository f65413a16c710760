#include "ca/overdue.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ca/generations.h"
#include "ca/service.h"
#include "store/certificates.h"
#include "store/organisations.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 256

struct overdue {
    struct uuid holder; /* of leases */
    pthread_mutex_t lock; /* guards what follows */
    struct overdue_item items[MOST];
    size_t count;
};

static const struct {
    const char *name, *begins, *ends; /* of leases; codes of events */
} kinds[] = {[OVERDUE_CRL] = {"crl", "ca.crl-overdue", "ca.crl-renewed"},
             [OVERDUE_OCSP] = {"ocsp", "ca.ocsp-overdue", "ca.ocsp-renewed"},
             [OVERDUE_COPY] = {"copy", "ca.crl-not-published", "ca.crl-published-again"}};

struct overdue *overdue_new(void) {
    struct overdue *overdue = must_alloc(sizeof *overdue);
    overdue->holder = uuid_new();
    pthread_mutex_init(&overdue->lock, NULL);
    return overdue;
}

void overdue_free(struct overdue *overdue) {
    pthread_mutex_destroy(&overdue->lock);
    free(overdue);
}

size_t overdue_read(struct core *core, struct overdue_item *ret, size_t most) {
    struct overdue *overdue = core_overdue(core);
    pthread_mutex_lock(&overdue->lock);
    size_t count = overdue->count < most ? overdue->count : most;
    memcpy(ret, overdue->items, count * sizeof *ret);
    pthread_mutex_unlock(&overdue->lock);
    return count;
}

const char *overdue_text(struct arena *arena, const struct overdue_item *item) {
    const char *what = item->kind == OVERDUE_CRL ? "CRL" : "certificate for OCSP";
    char until[TIME_TEXT_SIZE];
    time_format(item->until_us, until);
    if (item->kind == OVERDUE_COPY)
        return arena_printf(arena, "The CRL is not in all places where it is to be published, and is sent there again: %s",
                            item->reason);
    if (item->until_us == 0)
        return arena_printf(arena, "No %s can be made: %s", what, item->reason);
    return arena_printf(arena, "The %s %s %s and cannot be renewed: %s", what,
                        item->until_us > clock_now_us() ? "now ends at" : "now ended at", until, item->reason);
}

/* --- remembering ----------------------------------------------------------------------------------------- */

static size_t find(const struct overdue *overdue, const char *slug, enum overdue_kind kind) {
    size_t i = 0;
    while (i < overdue->count && (overdue->items[i].kind != kind || strcmp(overdue->items[i].ca, slug) != 0))
        i++;
    return i;
}

static void remember(struct core *core, const struct overdue_item *item) {
    struct overdue *overdue = core_overdue(core);
    pthread_mutex_lock(&overdue->lock);
    size_t at = find(overdue, item->ca, item->kind);
    if (at < MOST) {
        overdue->items[at] = *item;
        overdue->count += at == overdue->count;
    }
    pthread_mutex_unlock(&overdue->lock);
}

/* True when it was overdue; it is no more when `forget`. */
static bool recall(struct core *core, const char *slug, enum overdue_kind kind, bool forget,
                   struct overdue_item *ret) {
    struct overdue *overdue = core_overdue(core);
    pthread_mutex_lock(&overdue->lock);
    size_t at = find(overdue, slug, kind);
    bool was = at < overdue->count;
    if (was)
        *ret = overdue->items[at];
    if (was && forget)
        overdue->items[at] = overdue->items[--overdue->count];
    pthread_mutex_unlock(&overdue->lock);
    return was;
}

/* --- telling --------------------------------------------------------------------------------------------- */

static bool read_end(struct tx *tx, struct arena *arena, const struct ca_record *ca, enum overdue_kind kind,
                     int64_t *ret_us) {
    struct error missing = {0};
    struct service_record service;
    struct crl_record crl;
    *ret_us = 0;
    if (kind == OVERDUE_OCSP && service_current_of(tx, arena, ca->id, generation_key(ca), SERVICE_OCSP,
                           clock_now_us() + SERVICE_SKEW_US, &service, &missing))
        *ret_us = service.not_after_us;
    if (kind != OVERDUE_OCSP && crl_newest(tx, arena, ca->id, generation_key(ca), 0, false, false, &crl, &missing))
        *ret_us = crl.next_update_us;
    return missing.kind == ERROR_NONE || missing.kind == ERROR_NOT_FOUND;
}

static bool note(struct tx *tx, struct arena *arena, const struct ca_record *ca, const struct overdue_item *item,
                 bool overdue, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    if (overdue) {
        if (item->until_us != 0)
            json_put_time(&w, "until", item->until_us);
        json_put_string(&w, "reason", item->reason);
    }
    json_close_object(&w);
    return access_note(tx, &actor_system,
                       &(struct event_note){.code = overdue ? kinds[item->kind].begins : kinds[item->kind].ends,
                                            .outcome = overdue ? "failure" : "success",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "ca",
                                            .object = item->ca,
                                            .details = json_written(&w)},
                       err);
}

/* One node of all tells, and has the lease for it; after a day once more. Who has told also tells of the end. */
static bool tell(struct tx *tx, struct arena *arena, struct uuid holder, const struct ca_record *ca,
                 struct overdue_item *item, bool overdue, struct error *err) {
    const char *lease = arena_printf(arena, "overdue/%s/%.80s", kinds[item->kind].name, item->ca);
    int64_t now = clock_now_us();
    bool mine;
    if (overdue && !read_end(tx, arena, ca, item->kind, &item->until_us))
        return fail(err, ERROR_UNAVAILABLE, "database-unavailable", "The end of the present list is not known.");
    TRY(lease_take(tx, lease, holder, now, overdue ? now + 2 * US_PER_DAY : now, &mine, err));
    if (!mine || (overdue && now - item->told_us < US_PER_DAY))
        return true;
    item->told_us = now;
    return note(tx, arena, ca, item, overdue, err);
}

void overdue_note(struct core *core, struct arena *arena, const struct ca_record *ca, enum overdue_kind kind,
                  const struct error *why) {
    struct overdue_item item = {.kind = kind}, before = {.told_us = 0};
    struct error err = {0};
    bool done = false;
    snprintf(item.ca, sizeof item.ca, "%s", generation_slug(arena, ca));
    bool was = recall(core, item.ca, kind, why == NULL, &before);
    item.told_us = before.told_us;
    if (why == NULL && (!was || before.told_us == 0))
        return;
    if (why != NULL)
        snprintf(item.reason, sizeof item.reason, "%.190s", why->message);
    TX(tx, core_db(core), &done, &err)
        tx.ok = tell(tx.tx, arena, core_overdue(core)->holder, ca, &item, why != NULL, &err);
    if (!done)
        log_failure(LOG_WARN, "ca", item.ca, &err);
    if (why != NULL)
        remember(core, &item);
}
