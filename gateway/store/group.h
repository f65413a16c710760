/* See tx_together in db.h. Private to this room. */
#ifndef GATEHOUSE_STORE_GROUP_H
#define GATEHOUSE_STORE_GROUP_H

#include <pthread.h>
#include <stdbool.h>

struct member;
struct group {
    pthread_mutex_t lock;
    struct member *first, **last; /* who waits for the next transaction */
    unsigned leaders; /* at work */
};
struct group *group_new(void);
void group_free(struct group *group);

#endif
