/* Orders whose next request is likely to come to this node soon: one that is ready from the start is finalized next, and
 * one that has just got its certificate is asked for it. Whoever takes one has it alone, so a second request, or one to
 * another node, reads the database. A valid order and its certificate do not change any more; of a ready one nothing
 * changes but its state, its problem and its authorization's state, which the finalizing transaction asks again. */
#include "acme/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define LIFE_US (5 * US_PER_SECOND)

struct recent {
    struct arena *arena;
    struct acme_opened_order opened;
    int64_t until_us; /* by the monotonic clock */
};

struct recent_orders {
    pthread_mutex_t lock;
    struct recent *slots[SLOTS]; /* of two in one slot the newer is kept */
};

struct recent_orders *recent_new(void) {
    struct recent_orders *orders = must_alloc(sizeof *orders);
    memset(orders, 0, sizeof *orders);
    pthread_mutex_init(&orders->lock, NULL);
    return orders;
}

static void drop(void *object) {
    struct recent *recent = object;
    if (recent == NULL)
        return;
    arena_free(recent->arena);
    free(recent);
}

void recent_free(struct recent_orders *orders) {
    for (size_t i = 0; i < SLOTS; i++)
        drop(orders->slots[i]);
    pthread_mutex_destroy(&orders->lock);
    free(orders);
}

/* Ids end with random bits (rfc9562#5.7). */
static struct recent **slot_of(struct recent_orders *orders, struct uuid id) {
    return &orders->slots[id.bytes[15] % SLOTS];
}

void recent_keep(struct recent_orders *orders, const struct acme_order *order,
                 const struct certificate_record *certificate) {
    struct recent *recent = must_alloc(sizeof *recent);
    *recent = (struct recent){.arena = arena_new(), .until_us = clock_monotonic_us() + LIFE_US};
    struct acme_opened_order *opened = &recent->opened;
    opened->order = *order;
    opened->order.identifiers = arena_strdup(recent->arena, order->identifiers);
    opened->order.authorizations = arena_copy(recent->arena, order->authorizations.at, order->authorizations.len);
    opened->order.profile = arena_strdup(recent->arena, order->profile);
    opened->order.template_slug = arena_strdup(recent->arena, order->template_slug);
    opened->order.problem = "";
    opened->order.replaces = NULL;
    if (certificate != NULL) {
        opened->certificate = arena_copy(recent->arena, certificate->der.at, certificate->der.len);
        opened->certificate_ca = certificate->ca_id;
        opened->certificate_key = certificate->issuer_key_id;
    }
    pthread_mutex_lock(&orders->lock);
    struct recent **slot = slot_of(orders, order->id), *old = *slot;
    *slot = recent;
    pthread_mutex_unlock(&orders->lock);
    drop(old);
}

bool recent_take(struct recent_orders *orders, struct arena *arena, struct uuid id, enum acme_order_state state,
                 struct acme_opened_order *ret) {
    pthread_mutex_lock(&orders->lock);
    struct recent **slot = slot_of(orders, id), *recent = *slot;
    if (recent != NULL && uuid_equal(recent->opened.order.id, id) && recent->opened.order.state == state)
        *slot = NULL;
    else
        recent = NULL;
    pthread_mutex_unlock(&orders->lock);
    if (recent == NULL)
        return false;
    arena_defer(arena, drop, recent);
    *ret = recent->opened;
    return clock_monotonic_us() <= recent->until_us;
}
