#include "provider/batch.h"

#include "base/clock.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_MAX 16
#define DATA_MAX ((size_t)8 * 1024) /* what is longer goes alone */
#define LANES_MAX 16
#define QUICK_US 300 /* slower than P-256 is anywhere; tokens on a network are slower */
#define GATHER 3     /* as many wait already when another message is sent beside the first */
#define ROUND 64     /* calls after which a key's pace is judged anew, by the best of them */

/* One caller. It lives on the caller's stack until its semaphore was posted. */
struct rider {
    struct wire_request *request;
    uint8_t *out;
    size_t len, size;
    struct error *err;
    enum batch_outcome outcome;
    bool leads; /* woken to take the next batch along, not because it is done */
    int64_t took_us;
    sem_t ready;
    struct rider *next;
};

struct batches {
    pthread_mutex_t lock;
    unsigned lanes, busy, waiting;
    struct rider *first, **end; /* waiting, oldest first */
};

struct batches *batches_new(void) {
    struct batches *batches = must_alloc(sizeof *batches);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    batches->lanes = processors < 1 ? 1 : processors > LANES_MAX ? LANES_MAX : (unsigned)processors;
    batches->end = &batches->first;
    pthread_mutex_init(&batches->lock, NULL);
    return batches;
}

void batches_free(struct batches *batches) {
    pthread_mutex_destroy(&batches->lock);
    free(batches);
}

/* ---- pace ------------------------------------------------------------------------------------ */

/* The best of a round, since everything else only says how busy the machine is. Races between
 * threads lose a sample, no more. */
void pace_note(struct pace *pace, int64_t took_us) {
    if (pace->slow)
        return;
    long long best = atomic_load_explicit(&pace->best_us, memory_order_relaxed);
    if (best == 0 || took_us + 1 < best)
        atomic_store_explicit(&pace->best_us, took_us + 1, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&pace->calls, 1, memory_order_relaxed) % ROUND != ROUND - 1)
        return;
    best = atomic_exchange_explicit(&pace->best_us, 0, memory_order_relaxed);
    atomic_store_explicit(&pace->quick, best > 0 && best <= QUICK_US, memory_order_relaxed);
}

/* ---- one message ----------------------------------------------------------------------------- */

static bool send_all(struct connection *connection, struct rider *riders, struct error *err) {
    struct wire_channel *channel = &connection->channel;
    wire_channel_begin(channel);
    for (struct rider *rider = riders; rider != NULL; rider = rider->next) {
        if (rider != riders)
            wire_channel_next(channel);
        rider->request->id = ++connection->last_id;
        TRY(wire_encode_request(rider->request, &channel->out, err));
    }
    return wire_channel_send(channel, err);
}

static void settle(struct rider *rider, const struct wire_response *response) {
    struct view data = response->result.data;
    rider->outcome = BATCH_FAILED;
    if (response->failed) {
        *rider->err = response->error;
    } else if (data.len > rider->size) {
        fail_internal(rider->err, "the result has %zu bytes, room is for %zu", data.len,
                      rider->size);
    } else {
        memcpy(rider->out, data.at, data.len);
        rider->len = data.len;
        rider->outcome = BATCH_DONE;
    }
}

/* Answers come in the order of the requests. *ret_next: who has none yet. */
static bool receive_all(struct connection *connection, struct rider *riders,
                        struct rider **ret_next, struct error *err) {
    struct wire_response response;
    struct view message;
    for (*ret_next = riders; *ret_next != NULL; *ret_next = (*ret_next)->next) {
        const struct wire_request *request = (*ret_next)->request;
        TRY(wire_channel_receive(&connection->channel, &message, err));
        TRY(wire_decode_response(message, &response, err));
        if (response.id != request->id || response.op != request->op)
            return fail(err, ERROR_UNAVAILABLE, "peer-closed", "The signer answered out of step.");
        settle(*ret_next, &response);
    }
    return true;
}

/* Whoever has no answer because the connection ended asks alone, which starts the signer again. A
 * signer that gave no answer in time is not asked again. */
static void leave_alone(struct rider *rider, const struct error *cause) {
    bool closed = strcmp(cause->type, "peer-timeout") != 0;
    for (; rider != NULL; rider = rider->next) {
        rider->outcome = closed ? BATCH_ALONE : BATCH_FAILED;
        *rider->err = *cause;
    }
}

static void ride(struct signer *signer, struct rider *riders) {
    struct connection *connection;
    struct rider *unanswered = riders;
    struct error cause = {0};
    if (!client_take(signer, &connection, &cause)) {
        leave_alone(riders, &cause);
        return;
    }
    if (send_all(connection, riders, &cause) &&
        receive_all(connection, riders, &unanswered, &cause)) {
        client_done(signer, connection);
        return;
    }
    client_drop(signer, connection);
    leave_alone(unanswered, &cause);
}

/* ---- who rides with whom --------------------------------------------------------------------- */

/* The caller holds the lock. Takes up to `most` from the queue. */
static struct rider *board(struct batches *batches, unsigned most) {
    struct rider *riders = batches->first, **last = &riders;
    for (unsigned i = 0; i < most && *last != NULL; i++, batches->waiting--)
        last = &(*last)->next;
    batches->first = *last;
    if (batches->first == NULL)
        batches->end = &batches->first;
    *last = NULL;
    return riders;
}

/* The lane goes to the oldest of those who wait, who takes the others along once awake. */
static void hand_over(struct batches *batches) {
    pthread_mutex_lock(&batches->lock);
    struct rider *leader = board(batches, 1);
    if (leader == NULL)
        batches->busy--;
    else
        leader->leads = true;
    pthread_mutex_unlock(&batches->lock);
    if (leader != NULL)
        sem_post(&leader->ready);
}

/* The leader is the first rider. Once woken a rider is gone with its stack. */
static void lead(struct signer *signer, struct batches *batches, struct rider *riders) {
    unsigned count = 0;
    int64_t started_us = clock_monotonic_us();
    ride(signer, riders);
    for (struct rider *rider = riders; rider != NULL; rider = rider->next)
        count++;
    int64_t each_us = (clock_monotonic_us() - started_us) / count;
    hand_over(batches);
    riders->took_us = each_us;
    for (struct rider *rider = riders->next, *next; rider != NULL; rider = next) {
        next = rider->next;
        rider->took_us = each_us;
        sem_post(&rider->ready);
    }
}

static void wait_for(struct rider *rider) {
    while (sem_wait(&rider->ready) != 0)
        ; /* a signal */
}

/* While a message is under way the next ones gather: what two messages cost in calls of the system and in threads
 * that are woken is more than the short wait. */
static void travel(struct signer *signer, struct rider *rider) {
    struct batches *batches = client_batches(signer);
    pthread_mutex_lock(&batches->lock);
    bool go = batches->busy == 0 || (batches->busy < batches->lanes && batches->waiting >= GATHER);
    if (go) {
        batches->busy++;
        rider->next = board(batches, BATCH_MAX - 1);
    } else {
        *batches->end = rider;
        batches->end = &rider->next;
        batches->waiting++;
    }
    pthread_mutex_unlock(&batches->lock);
    if (go) {
        lead(signer, batches, rider);
        return;
    }
    wait_for(rider);
    if (!rider->leads)
        return;
    pthread_mutex_lock(&batches->lock);
    rider->next = board(batches, BATCH_MAX - 1);
    pthread_mutex_unlock(&batches->lock);
    lead(signer, batches, rider);
}

enum batch_outcome batch_sign(struct signer *signer, struct pace *pace,
                              struct wire_request *request, uint8_t *out, size_t *len, size_t size,
                              struct error *err) {
    if (!atomic_load_explicit(&pace->quick, memory_order_relaxed) ||
        request->sign.data.len > DATA_MAX)
        return BATCH_ALONE;
    struct rider rider = {.request = request, .out = out, .size = size, .err = err};
    sem_init(&rider.ready, 0, 0);
    travel(signer, &rider);
    sem_destroy(&rider.ready);
    if (rider.outcome == BATCH_DONE) {
        *len = rider.len;
        pace_note(pace, rider.took_us);
    }
    return rider.outcome;
}
