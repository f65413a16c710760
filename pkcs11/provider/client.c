#include "provider/client.h"

#include "provider/batch.h"
#include "wire/rows.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM "provider"
#define CONNECTIONS_MAX 96 /* at a time; the signer takes 256 from all its clients */
#define IDLE_MAX 32
#define PATIENCE_SLOW 600 /* large RSA keys are made slowly */
#define BACKOFF_FIRST_US (50 * 1000)
#define BACKOFF_MAX_US (5 * US_PER_SECOND)
#define WAIT_MAX_US                                                                                \
    US_PER_SECOND /* how long a call waits for the next start; longer fails at once */
#define HEALTHY_US (10 * US_PER_SECOND)

struct signer {
    char *socket_path; /* or NULL */
    char *program;
    char **arguments;
    unsigned patience; /* seconds for an answer */
    bool kills;        /* a process that does not answer in time */
    void (*started)(void *context, struct connection *fresh);
    void *context;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t freed;
    unsigned references;
    bool closed;
    uint64_t epoch; /* grows with each start */
    pid_t pid;      /* 0: none runs */
    int control;
    int64_t started_us, not_before_us, backoff_us;
    struct connection *idle;
    size_t idle_count, open_count;

    struct batches *batches;
    struct signer_elsewhere elsewhere; /* set once, before the first call */
};

/* ---- connections ----------------------------------------------------------------------------- */

/* The caller holds signer->lock. */
static void drop_idle(struct signer *signer) {
    while (signer->idle != NULL) {
        struct connection *connection = signer->idle;
        signer->idle = connection->next;
        signer->open_count--;
        connection_free(connection);
    }
    signer->idle_count = 0;
}

/* ---- the signer's process; the caller holds signer->lock ---------------------------------------
 */

static void sleep_us(int64_t us) {
    struct timespec nap = {us / US_PER_SECOND, us % US_PER_SECOND * 1000};
    nanosleep(&nap, NULL);
}

static bool wait_for_turn(struct signer *signer, struct error *err) {
    int64_t wait = signer->not_before_us - clock_monotonic_us();
    if (wait > WAIT_MAX_US)
        return signer_unavailable(err, "it ended several times in a row; its log names the reason");
    if (wait > 0)
        sleep_us(wait);
    return true;
}

static void slow_down(struct signer *signer) {
    int64_t now = clock_monotonic_us();
    if (signer->backoff_us == 0 || now - signer->started_us > HEALTHY_US)
        signer->backoff_us = BACKOFF_FIRST_US;
    else if (signer->backoff_us < BACKOFF_MAX_US)
        signer->backoff_us *= 2;
    signer->not_before_us = now + signer->backoff_us;
}

static bool start_process(struct signer *signer, struct error *err) {
    struct connection *connection;
    TRY(wait_for_turn(signer, err));
    slow_down(signer);
    signer->started_us = clock_monotonic_us();
    TRY(process_start(signer->program, (const char *const *)(uintptr_t)signer->arguments,
                      &signer->pid, &signer->control, err));
    signer->epoch++;
    if (channel_dial(NULL, signer->control, signer->patience, signer->epoch, &connection, err)) {
        if (signer->started != NULL)
            signer->started(signer->context, connection);
        signer->backoff_us = 0; /* a start that works does not slow the next one down */
        connection->next = signer->idle;
        signer->idle = connection;
        signer->idle_count++;
        signer->open_count++;
        return true;
    }
    process_stop(signer->pid, signer->control, true);
    signer->pid = 0;
    signer->control = -1;
    if (signer->kills) /* it may hang again: whoever waits for the same is told at once */
        signer->not_before_us = clock_monotonic_us() + BACKOFF_MAX_US;
    if (err != NULL && strcmp(err->type, "peer-closed") == 0)
        signer_unavailable(err, "it ended while it started; its log names the reason");
    return false;
}

/* A call found the process of `epoch` dead. The first one to come here starts the next. */
static bool recover(struct signer *signer, uint64_t epoch, struct error *err) {
    if (signer->closed)
        return signer_unavailable(err, "it was closed");
    if (epoch == signer->epoch) {
        drop_idle(signer);
        if (signer->socket_path != NULL) {
            signer->epoch++;
        } else if (signer->pid > 0) {
            log_warn(ROOM, "the signer (process %ld) has ended; it is started again",
                     (long)signer->pid);
            process_stop(signer->pid, signer->control, true);
            signer->pid = 0;
            signer->control = -1;
        }
    }
    return signer->socket_path != NULL || signer->pid > 0 ? true : start_process(signer, err);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool take(struct signer *signer, struct connection **ret_idle, uint64_t *ret_epoch,
                 int *ret_control, struct error *err) {
    while (!signer->closed && signer->idle == NULL && signer->open_count >= CONNECTIONS_MAX)
        pthread_cond_wait(&signer->freed, &signer->lock);
    if (signer->closed)
        return signer_unavailable(err, "it was closed");
    if (signer->socket_path == NULL && signer->pid == 0)
        TRY(start_process(signer, err));
    *ret_idle = signer->idle;
    if (signer->idle != NULL) {
        signer->idle = signer->idle->next;
        signer->idle_count--;
        return true;
    }
    *ret_epoch = signer->epoch;
    /* A copy, since another thread may restart the signer and close this one. */
    *ret_control = signer->control < 0 ? -1 : dup(signer->control);
    signer->open_count++;
    return true;
}

static void forget(struct signer *signer) {
    pthread_mutex_lock(&signer->lock);
    signer->open_count--;
    pthread_cond_signal(&signer->freed);
    pthread_mutex_unlock(&signer->lock);
}

static bool checkout(struct signer *signer, struct connection **ret_connection, uint64_t *ret_epoch,
                     struct error *err) {
    struct connection *connection = NULL;
    int control = -1;
    pthread_mutex_lock(&signer->lock);
    bool done = take(signer, &connection, ret_epoch, &control, err);
    pthread_mutex_unlock(&signer->lock);
    if (!done)
        return false;
    if (connection == NULL) {
        done = channel_dial(signer->socket_path, control, signer->patience, *ret_epoch,
                            &connection, err);
        if (control >= 0)
            close(control);
        if (!done) {
            forget(signer);
            return false;
        }
    }
    *ret_epoch = connection->epoch;
    *ret_connection = connection;
    return true;
}

void client_done(struct signer *signer, struct connection *connection) {
    if (connection->arena != NULL) {
        arena_free(connection->arena);
        free(connection);
        return;
    }
    if (connection->secret)
        wire_channel_wipe(&connection->channel);
    pthread_mutex_lock(&signer->lock);
    bool keep =
        !signer->closed && connection->epoch == signer->epoch && signer->idle_count < IDLE_MAX;
    if (keep) {
        connection->next = signer->idle;
        signer->idle = connection;
        signer->idle_count++;
    } else {
        signer->open_count--;
    }
    pthread_cond_signal(&signer->freed);
    pthread_mutex_unlock(&signer->lock);
    if (!keep)
        connection_free(connection);
}

bool client_take(struct signer *signer, struct connection **ret_connection, struct error *err) {
    uint64_t epoch;
    return checkout(signer, ret_connection, &epoch, err);
}

void client_drop(struct signer *signer, struct connection *connection) {
    connection_free(connection);
    forget(signer);
}

uint64_t client_epoch(struct signer *signer) {
    pthread_mutex_lock(&signer->lock);
    uint64_t epoch = signer->epoch;
    pthread_mutex_unlock(&signer->lock);
    return epoch;
}

struct batches *client_batches(struct signer *signer) {
    return signer->batches;
}

/* It hangs, as far as anybody can tell; the next call starts it again. */
static void end_hanging(struct signer *signer, uint64_t epoch) {
    pthread_mutex_lock(&signer->lock);
    if (epoch == signer->epoch && signer->pid > 0) {
        log_warn(ROOM, "the signer (process %ld) gave no answer for %u seconds; it is killed",
                 (long)signer->pid, signer->patience);
        drop_idle(signer);
        process_stop(signer->pid, signer->control, true);
        signer->pid = 0;
        signer->control = -1;
    }
    pthread_mutex_unlock(&signer->lock);
}

static bool is_slow(const struct signer *signer, unsigned op) {
    if (signer->kills) /* a module: large RSA keys alone may take so long */
        return op == WIRE_GENERATE;
    return op == WIRE_TOKEN || op == WIRE_GENERATE || op == WIRE_IMPORT || op == WIRE_LOAD || op == WIRE_LOGIN;
}

/* *ret_dead: the connection ended under the call, so a second try makes sense. */
static bool call_once(struct signer *signer, struct wire_request *request,
                      struct connection **ret_connection, struct wire_response *ret_response,
                      uint64_t *ret_epoch, bool *ret_dead, struct error *err) {
    struct connection *connection;
    struct error cause = {0};
    *ret_dead = false;
    bool done = checkout(signer, &connection, ret_epoch, &cause);
    if (done) {
        if (is_slow(signer, request->op))
            wire_channel_patience(&connection->channel, PATIENCE_SLOW);
        done = connection_exchange(connection, request, ret_response, &cause);
        if (done && is_slow(signer, request->op))
            wire_channel_patience(&connection->channel, signer->patience);
        if (!done)
            client_drop(signer, connection);
    }
    if (done) {
        *ret_connection = connection;
        return true;
    }
    if (signer->kills && strcmp(cause.type, "peer-timeout") == 0)
        end_hanging(signer, *ret_epoch);
    *ret_dead = strcmp(cause.type, "peer-closed") == 0 ||
                (signer->socket_path != NULL && strcmp(cause.type, "signer-unavailable") == 0);
    if (err != NULL)
        *err = cause;
    return false;
}

static bool call_twice(struct signer *signer, struct wire_request *request,
                       struct connection **ret_connection, struct wire_response *ret_response,
                       struct error *err) {
    uint64_t epoch = 0;
    bool dead;
    if (call_once(signer, request, ret_connection, ret_response, &epoch, &dead, err))
        return true;
    if (!dead)
        return false;
    pthread_mutex_lock(&signer->lock);
    bool recovered = recover(signer, epoch, err);
    pthread_mutex_unlock(&signer->lock);
    if (!recovered)
        return false;
    if (signer->socket_path != NULL)
        sleep_us(BACKOFF_FIRST_US); /* its service manager may be starting it */
    if (call_once(signer, request, ret_connection, ret_response, &epoch, &dead, err))
        return true;
    return dead ? signer_unavailable(err, "it ended twice under the same call") : false;
}

/* ---- elsewhere ------------------------------------------------------------------------------- */

void signer_set_elsewhere(struct signer *signer, const struct signer_elsewhere *elsewhere) {
    signer->elsewhere = elsewhere == NULL ? (struct signer_elsewhere){0} : *elsewhere;
}

bool client_elsewhere(struct signer *signer, const struct wire_request *request,
                      struct arena *arena, struct wire_response *ret_response, struct error *err) {
    return signer->elsewhere.call != NULL &&
           signer->elsewhere.call(signer->elsewhere.context, request, arena, ret_response, err);
}

void client_wrong(struct signer *signer) {
    if (signer->elsewhere.wrong != NULL)
        signer->elsewhere.wrong(signer->elsewhere.context);
}

static bool call_elsewhere(struct signer *signer, const struct wire_request *request,
                           struct connection **ret_connection, struct wire_response *ret_response,
                           struct error *err) {
    struct arena *arena = arena_new();
    if (!client_elsewhere(signer, request, arena, ret_response, err)) {
        arena_free(arena);
        return false;
    }
    struct connection *connection = must_alloc(sizeof *connection);
    connection->channel.fd = -1;
    connection->arena = arena;
    *ret_connection = connection;
    return true;
}

/* The signer's own tokens come first, so that nobody elsewhere can take the place of one. */
static bool is_not_here(const struct wire_request *request, const struct error *err) {
    if (request->op == WIRE_TOKEN)
        return err->kind == ERROR_UNAVAILABLE || strcmp(err->type, "token-not-found") == 0;
    return (request->op == WIRE_FIND || request->op == WIRE_STORE_CERTIFICATE) &&
           (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_UNAVAILABLE);
}

/* What was found elsewhere is told, unless it is less than what was found here. */
static bool tells_more(const struct error *there, const struct error *here) {
    if (there->kind == ERROR_NONE || strcmp(there->type, "token-not-found") == 0)
        return false;
    return strcmp(there->type, "token-unreachable") != 0 || strcmp(here->type, "key-not-found") != 0;
}

/* A check always has an answer; of a token that is not here it says so in its first row. */
static bool checked_nothing(const struct wire_request *request, const struct wire_response *response) {
    struct wire_row row;
    struct view rows = response->result.data;
    return request->op == WIRE_TOKEN && request->token.action == WIRE_TOKEN_CHECK &&
           wire_next_row(&rows, &row) && view_is(row.name, "token") && row.flags == WIRE_STEP_FAILED;
}

/* A check of a token elsewhere takes the place of the one here that found none. */
static void check_elsewhere(struct signer *signer, const struct wire_request *request,
                            struct connection **connection, struct wire_response *response) {
    struct connection *other;
    struct wire_response answer;
    struct error ignored = {0};
    if (!call_elsewhere(signer, request, &other, &answer, &ignored))
        return;
    client_done(signer, *connection);
    *connection = other;
    *response = answer;
}

static bool call_here(struct signer *signer, struct wire_request *request,
                      struct connection **ret_connection, struct wire_response *ret_response,
                      struct error *err);

bool client_call(struct signer *signer, struct wire_request *request,
                 struct connection **ret_connection, struct wire_response *ret_response,
                 struct error *err) {
    struct error here = {0}, there = {0};
    uint64_t handle = request->op == WIRE_SIGN      ? request->sign.handle
                      : request->op == WIRE_DECRYPT ? request->decrypt.handle
                                                    : 0;
    if (handle_is_elsewhere(handle))
        return call_elsewhere(signer, request, ret_connection, ret_response, err);
    if (call_here(signer, request, ret_connection, ret_response, &here)) {
        if (checked_nothing(request, ret_response))
            check_elsewhere(signer, request, ret_connection, ret_response);
        return true;
    }
    if (is_not_here(request, &here)) {
        if (call_elsewhere(signer, request, ret_connection, ret_response, &there))
            return true;
        if (tells_more(&there, &here))
            here = there;
    }
    if (err != NULL)
        *err = here;
    return false;
}

static bool call_here(struct signer *signer, struct wire_request *request,
                      struct connection **ret_connection, struct wire_response *ret_response,
                      struct error *err) {
    TRY(call_twice(signer, request, ret_connection, ret_response, err));
    if (!ret_response->failed)
        return true;
    if (err != NULL)
        *err = ret_response->error;
    client_done(signer, *ret_connection);
    *ret_connection = NULL;
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

static char **copy_list(const char *const *list) {
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    char **copy = must_alloc((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = must_strdup(list[i]);
    return copy;
}

struct signer *signer_reference(struct signer *signer) {
    pthread_mutex_lock(&signer->lock);
    signer->references++;
    pthread_mutex_unlock(&signer->lock);
    return signer;
}

void signer_release(struct signer *signer) {
    pthread_mutex_lock(&signer->lock);
    bool last = --signer->references == 0;
    pthread_mutex_unlock(&signer->lock);
    if (!last)
        return;
    for (char **at = signer->arguments; *at != NULL; at++)
        free(*at);
    free(signer->arguments);
    batches_free(signer->batches);
    free(signer->socket_path);
    free(signer->program);
    pthread_mutex_destroy(&signer->lock);
    pthread_cond_destroy(&signer->freed);
    free(signer);
}

static bool begin(struct signer *signer, struct error *err) {
    struct connection *connection;
    uint64_t epoch;
    pthread_mutex_lock(&signer->lock);
    bool done = signer->socket_path != NULL || start_process(signer, err);
    pthread_mutex_unlock(&signer->lock);
    if (!done || !checkout(signer, &connection, &epoch, err))
        return false;
    client_done(signer, connection);
    return true;
}

bool signer_connect(const struct signer_config *config, struct signer **ret_signer,
                    struct error *err) {
    if ((config->socket_path == NULL) == (config->program == NULL))
        return fail_internal(err, "signer_open: give a socket or a program");
    struct signer *signer = must_alloc(sizeof *signer);
    signer->socket_path = config->socket_path == NULL ? NULL : must_strdup(config->socket_path);
    signer->program = config->program == NULL ? NULL : must_strdup(config->program);
    signer->arguments = copy_list(config->arguments);
    signer->patience = config->patience > 0 ? config->patience : CONNECTION_PATIENCE;
    signer->kills = config->patience > 0;
    signer->started = config->started;
    signer->context = config->context;
    signer->references = 1;
    signer->control = -1;
    signer->batches = batches_new();
    pthread_mutex_init(&signer->lock, NULL);
    pthread_cond_init(&signer->freed, NULL);
    if (!config->later && !begin(signer, err)) {
        signer_close(signer);
        return false;
    }
    *ret_signer = signer;
    return true;
}

void signer_close(struct signer *signer) {
    if (signer == NULL)
        return;
    pthread_mutex_lock(&signer->lock);
    pid_t pid = signer->pid;
    int control = signer->control;
    signer->closed = true;
    signer->pid = 0;
    signer->control = -1;
    drop_idle(signer);
    pthread_cond_broadcast(&signer->freed);
    pthread_mutex_unlock(&signer->lock);
    process_stop(pid, control, false);
    signer_release(signer);
}

int signer_process(const struct signer *signer) {
    struct signer *writable = (struct signer *)(uintptr_t)signer; /* for its lock */
    pthread_mutex_lock(&writable->lock);
    int pid = (int)signer->pid;
    pthread_mutex_unlock(&writable->lock);
    return pid;
}
