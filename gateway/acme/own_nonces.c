#include "acme/own_nonces.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct own_nonces {
    pthread_mutex_t lock;
    uint64_t next;
    uint8_t used[OWN_NONCES / 8]; /* a bit for each of the newest */
};

struct own_nonces *own_nonces_new(void) {
    struct own_nonces *own = must_alloc(sizeof *own);
    memset(own, 0, sizeof *own);
    pthread_mutex_init(&own->lock, NULL);
    return own;
}

void own_nonces_free(struct own_nonces *own) {
    if (own == NULL)
        return;
    pthread_mutex_destroy(&own->lock);
    free(own);
}

static uint8_t *place(struct own_nonces *own, uint64_t number, uint8_t *ret_bit) {
    *ret_bit = (uint8_t)(1u << (number % 8));
    return &own->used[number % OWN_NONCES / 8];
}

uint64_t own_nonces_next(struct own_nonces *own) {
    uint8_t bit;
    pthread_mutex_lock(&own->lock);
    uint64_t number = own->next++;
    uint8_t *at = place(own, number, &bit);
    *at = (uint8_t)(*at & ~bit); /* its predecessor there is too old from now on */
    pthread_mutex_unlock(&own->lock);
    return number;
}

bool own_nonces_take(struct own_nonces *own, uint64_t number) {
    uint8_t bit;
    pthread_mutex_lock(&own->lock);
    uint8_t *at = place(own, number, &bit);
    bool fresh = number < own->next && own->next - number <= OWN_NONCES && (*at & bit) == 0;
    if (fresh)
        *at |= bit;
    pthread_mutex_unlock(&own->lock);
    return fresh;
}
