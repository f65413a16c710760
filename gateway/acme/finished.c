/* Orders that have just got their certificate on this node: the client that finalized one comes for it next. Whoever
 * takes one has it alone, so a second download, or one from another node, reads the database. What is kept does not
 * change any more: the order is valid, and the certificate is what it is. */
#include "acme/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define LIFE_US (5 * US_PER_SECOND)

struct finished {
    struct arena *arena;
    struct acme_opened_order opened;
    int64_t until_us; /* by the monotonic clock */
};

struct finished_orders {
    pthread_mutex_t lock;
    struct finished *slots[SLOTS]; /* of two in one slot the newer is kept */
};

struct finished_orders *finished_new(void) {
    struct finished_orders *orders = must_alloc(sizeof *orders);
    memset(orders, 0, sizeof *orders);
    pthread_mutex_init(&orders->lock, NULL);
    return orders;
}

static void drop(void *object) {
    struct finished *finished = object;
    if (finished == NULL)
        return;
    arena_free(finished->arena);
    free(finished);
}

void finished_free(struct finished_orders *orders) {
    for (size_t i = 0; i < SLOTS; i++)
        drop(orders->slots[i]);
    pthread_mutex_destroy(&orders->lock);
    free(orders);
}

/* Ids end with random bits (rfc9562#5.7). Puts one in, or NULL, and returns what was there. */
static struct finished *exchange(struct finished_orders *orders, struct uuid id, struct finished *finished) {
    pthread_mutex_lock(&orders->lock);
    struct finished **slot = &orders->slots[id.bytes[15] % SLOTS], *old = *slot;
    *slot = finished;
    pthread_mutex_unlock(&orders->lock);
    return old;
}

void finished_keep(struct finished_orders *orders, const struct acme_order *order,
                   const struct certificate_record *certificate) {
    struct finished *finished = must_alloc(sizeof *finished);
    *finished = (struct finished){.arena = arena_new(), .until_us = clock_monotonic_us() + LIFE_US};
    struct acme_opened_order *opened = &finished->opened;
    opened->order = *order;
    opened->order.identifiers = arena_strdup(finished->arena, order->identifiers);
    opened->order.authorizations =
        arena_copy(finished->arena, order->authorizations.at, order->authorizations.len);
    opened->order.profile = arena_strdup(finished->arena, order->profile);
    opened->order.template_slug = arena_strdup(finished->arena, order->template_slug);
    opened->order.problem = "";
    opened->order.replaces = NULL;
    opened->certificate = arena_copy(finished->arena, certificate->der.at, certificate->der.len);
    opened->certificate_ca = certificate->ca_id;
    opened->certificate_key = certificate->issuer_key_id;
    drop(exchange(orders, order->id, finished));
}

bool finished_take(struct finished_orders *orders, struct arena *arena, struct uuid id,
                   struct acme_opened_order *ret) {
    struct finished *finished = exchange(orders, id, NULL);
    if (finished == NULL)
        return false;
    arena_defer(arena, drop, finished);
    if (!uuid_equal(finished->opened.order.id, id) || clock_monotonic_us() > finished->until_us)
        return false;
    *ret = finished->opened;
    return true;
}
