/* One maker of an answer at a time: who asks for what is just being made waits for it, so that a rush on one
 * certificate costs one signature. Private to this room. */
#ifndef GATEHOUSE_OCSP_FLIGHT_H
#define GATEHOUSE_OCSP_FLIGHT_H

#include "base/arena.h"
#include "base/uuid.h"

#include <pthread.h>

struct flight { /* on the stack of who makes */
    struct uuid ca_id;
    struct view key;
    struct flight *next;
};
struct flights {
    pthread_mutex_t mutex;
    pthread_cond_t landed;
    struct flight *first;
};

void flights_init(struct flights *flights);
void flights_destroy(struct flights *flights);
/* True: the caller makes it, and calls flight_end. False: somebody else has just made it or failed to. */
bool flight_begin(struct flights *flights, struct flight *flight, struct uuid ca_id, struct view key);
void flight_end(struct flights *flights, struct flight *flight);

#endif
