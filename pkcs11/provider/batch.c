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
#define DEPTH 2      /* messages under way on one connection */
#define BEHIND 3     /* more than these wait when a second message follows the first */
#define BESIDE 1     /* likewise, when connections that are full get company */
#define ROUND 64     /* calls after which a key's pace is judged anew, by the best of them */

/* One caller. It lives on the caller's stack until its semaphore was posted as "done". */
struct rider {
    struct wire_request *request;
    uint8_t *out;
    size_t len, size;
    struct error *err;
    enum batch_outcome outcome;
    struct lane *lane; /* of a leader */
    bool asleep, leads; /* woken to receive the answers of its message, not because it is done */
    int64_t sent_us, took_us;
    sem_t ready;
    struct rider *next, *also_woken;
};

/* A connection and the messages under way on it, oldest first: each is named by its first rider, who leads, that is,
 * receives its answers when those before have come. */
struct lane {
    struct connection *connection; /* NULL: nothing is under way */
    struct rider *messages[DEPTH];
    unsigned count;
    bool sending;       /* somebody is writing the last message */
    atomic_bool broken; /* `cause`, which is written first, says why */
    struct error cause;
};

struct batches {
    pthread_mutex_t lock;
    unsigned count, waiting;
    struct rider *first, **end; /* waiting, oldest first */
    struct lane lanes[LANES_MAX];
};

struct batches *batches_new(void) {
    struct batches *batches = must_alloc(sizeof *batches);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    batches->count = processors < 1 ? 1 : processors > LANES_MAX ? LANES_MAX : (unsigned)processors;
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

/* The caller holds the lock. Where a message of `waiting` requests goes, or NULL: behind one that is under way, so that the
 * signer finds it without having slept; when all of those are full, in a lane of its own. */
static struct lane *find_room(struct batches *batches, unsigned waiting) {
    struct lane *found = NULL;
    bool idle = true;
    for (unsigned i = 0; i < batches->count; i++) {
        struct lane *lane = &batches->lanes[i];
        idle = idle && lane->count == 0;
        if (!lane->broken && lane->count < DEPTH && (found == NULL || lane->count > found->count))
            found = lane;
    }
    if (found == NULL || found->sending) /* who sends looks again */
        return NULL;
    return idle || waiting > (found->count > 0 ? BEHIND : BESIDE) ? found : NULL;
}

/* The caller holds the lock. */
static void break_lane(struct lane *lane, const struct error *cause) {
    if (lane->broken)
        return;
    lane->cause = *cause;
    lane->broken = true;
}

/* The caller holds the lock, and is without it while the message is written. What cannot be sent is told to the riders
 * when their leader comes to receive. */
static void depart(struct signer *signer, struct batches *batches, struct lane *lane, struct rider *riders) {
    struct error cause = {0};
    lane->messages[lane->count++] = riders;
    lane->sending = true;
    riders->lane = lane;
    pthread_mutex_unlock(&batches->lock);
    riders->sent_us = clock_monotonic_us();
    bool sent = (lane->connection != NULL || client_take(signer, &lane->connection, &cause)) &&
                send_all(lane->connection, riders, &cause);
    pthread_mutex_lock(&batches->lock);
    lane->sending = false;
    if (!sent)
        break_lane(lane, &cause);
}

/* The caller holds the lock. The first rider of the lane joins `woken` to receive, if it sleeps until then. */
static void call_leader(struct lane *lane, struct rider **woken) {
    struct rider *leader = lane->count > 0 ? lane->messages[0] : NULL;
    if (leader == NULL || !leader->asleep || leader->leads || (lane->sending && lane->count == 1))
        return;
    leader->leads = true;
    leader->also_woken = *woken;
    *woken = leader;
}

static void wake(struct rider *woken) {
    for (struct rider *next; woken != NULL; woken = next) {
        next = woken->also_woken;
        sem_post(&woken->ready);
    }
}

/* The caller holds the lock. Those who wait go when the lane is empty, or when they are enough. */
static void depart_waiting(struct signer *signer, struct batches *batches, struct lane *lane, struct rider **woken) {
    if (batches->first != NULL && lane->count == 0) {
        depart(signer, batches, lane, board(batches, BATCH_MAX));
        call_leader(lane, woken);
    }
    while (batches->first != NULL && (lane = find_room(batches, batches->waiting)) != NULL) {
        depart(signer, batches, lane, board(batches, BATCH_MAX));
        call_leader(lane, woken);
    }
}

/* The caller holds the lock, and is without it for a moment. Nothing is under way on the lane. */
static void give_back(struct signer *signer, struct batches *batches, struct lane *lane) {
    struct connection *connection = lane->connection;
    bool broken = lane->broken;
    lane->connection = NULL;
    lane->broken = false;
    pthread_mutex_unlock(&batches->lock);
    if (connection != NULL && broken)
        client_drop(signer, connection);
    else if (connection != NULL)
        client_done(signer, connection);
    pthread_mutex_lock(&batches->lock);
}

/* The message whose answers have come makes way for those behind it. Returns who is to be woken. */
static struct rider *make_way(struct signer *signer, struct batches *batches, struct lane *lane) {
    struct rider *woken = NULL;
    pthread_mutex_lock(&batches->lock);
    lane->count--;
    memmove(lane->messages, lane->messages + 1, lane->count * sizeof lane->messages[0]);
    call_leader(lane, &woken);
    if (lane->count == 0 && lane->broken)
        give_back(signer, batches, lane);
    depart_waiting(signer, batches, lane, &woken);
    if (lane->count == 0 && lane->connection != NULL)
        give_back(signer, batches, lane);
    pthread_mutex_unlock(&batches->lock);
    return woken;
}

static void give_up(struct batches *batches, struct lane *lane, const struct error *cause) {
    pthread_mutex_lock(&batches->lock);
    break_lane(lane, cause);
    pthread_mutex_unlock(&batches->lock);
}

/* The leader is the first rider of the lane's first message. Once woken a rider is gone with its stack. */
static void lead(struct signer *signer, struct batches *batches, struct rider *riders) {
    struct lane *lane = riders->lane;
    struct rider *unanswered = riders;
    struct error cause = {0};
    unsigned count = 0;
    if (!lane->broken && !receive_all(lane->connection, riders, &unanswered, &cause))
        give_up(batches, lane, &cause);
    if (lane->broken)
        leave_alone(unanswered, &lane->cause);
    for (struct rider *rider = riders; rider != NULL; rider = rider->next)
        count++;
    int64_t each_us = (clock_monotonic_us() - riders->sent_us) / count;
    struct rider *woken = make_way(signer, batches, lane);
    riders->took_us = each_us;
    for (struct rider *rider = riders->next, *next; rider != NULL; rider = next) {
        next = rider->next;
        rider->took_us = each_us;
        sem_post(&rider->ready);
    }
    wake(woken);
}

static void wait_for(struct rider *rider) {
    while (sem_wait(&rider->ready) != 0)
        ; /* a signal */
}

/* While messages are under way the next ones gather: what one more costs in calls of the system and in threads that are
 * woken is more than the short wait. */
static void travel(struct signer *signer, struct rider *rider) {
    struct batches *batches = client_batches(signer);
    struct lane *lane;
    struct rider *woken = NULL;
    pthread_mutex_lock(&batches->lock);
    if ((lane = find_room(batches, batches->waiting + 1)) != NULL) {
        rider->next = board(batches, BATCH_MAX - 1);
        depart(signer, batches, lane, rider);
        depart_waiting(signer, batches, lane, &woken);
    } else {
        *batches->end = rider;
        batches->end = &rider->next;
        batches->waiting++;
    }
    rider->leads = lane != NULL && lane->messages[0] == rider;
    rider->asleep = !rider->leads;
    pthread_mutex_unlock(&batches->lock);
    wake(woken);
    if (rider->asleep)
        wait_for(rider);
    if (rider->leads)
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
