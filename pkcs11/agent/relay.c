#include "agent/relay.h"

#include "base/log.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define ROOM "agent"
#define QUEUE_MAX 1024
#define BUSY_MAX 64 /* connections; there is one to each gateway */

struct uplink {
    atomic_uint references;
    struct session *session;
    atomic_uint under_way; /* requests that were not answered yet */
    bool was_busy;         /* at the last tick; the ticker's */
    struct relay *relay;
    struct uplink *next; /* guarded by the relay's lock */
};

struct job {
    struct uplink *uplink;
    struct wire_buffer message;
    struct job *next;
};

struct relay {
    struct signer *signer;
    enum relay_rights rights;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work, room;
    struct uplink *uplinks;
    struct job *first, **end;
    size_t count;
};

/* ---- connections ----------------------------------------------------------------------------- */

struct uplink *uplink_new(struct relay *relay, struct session *session) {
    struct uplink *uplink = must_alloc(sizeof *uplink);
    uplink->references = 1;
    uplink->session = session;
    uplink->relay = relay;
    pthread_mutex_lock(&relay->lock);
    uplink->next = relay->uplinks;
    relay->uplinks = uplink;
    pthread_mutex_unlock(&relay->lock);
    return uplink;
}

struct session *uplink_session(struct uplink *uplink) {
    return uplink->session;
}

void uplink_release(struct uplink *uplink) {
    struct relay *relay = uplink->relay;
    pthread_mutex_lock(&relay->lock); /* the ticker takes no reference on what goes */
    bool last = --uplink->references == 0;
    struct uplink **place = &relay->uplinks;
    while (last && *place != uplink)
        place = &(*place)->next;
    if (last)
        *place = uplink->next;
    pthread_mutex_unlock(&relay->lock);
    if (!last)
        return;
    session_free(uplink->session);
    free(uplink);
}

/* ---- still at work --------------------------------------------------------------------------- */

static void say_at_work(struct uplink *uplink) {
    struct wire_response response = {.op = WIRE_PING}; /* an answer to a ping that nobody sent */
    struct wire_buffer out = {0};
    struct error err = {0};
    if (!wire_encode_response(&response, &out, &err) ||
        !session_send(uplink->session, view_of(out.at, out.len), &err))
        log_debug(ROOM, "still at work: %s", err.message); /* its reader sees the end, too */
    wire_buffer_free(&out);
}

/* Those that had something under way a second ago and have it now, with a reference each. */
static size_t busy_ones(struct relay *relay, struct uplink *ret[static BUSY_MAX]) {
    size_t count = 0;
    pthread_mutex_lock(&relay->lock);
    for (struct uplink *uplink = relay->uplinks; uplink != NULL; uplink = uplink->next) {
        bool busy = uplink->under_way > 0;
        if (busy && uplink->was_busy && count < BUSY_MAX) {
            uplink->references++;
            ret[count++] = uplink;
        }
        uplink->was_busy = busy;
    }
    pthread_mutex_unlock(&relay->lock);
    return count;
}

/* A touch, a PIN pad, a large key: the gateway waits as long as it hears that we do. */
static void *ticker_main(void *relay) {
    struct uplink *busy[BUSY_MAX];
    for (;;) {
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        size_t count = busy_ones(relay, busy);
        for (size_t i = 0; i < count; i++) {
            say_at_work(busy[i]);
            uplink_release(busy[i]);
        }
    }
    return NULL;
}

/* ---- one request ----------------------------------------------------------------------------- */

/* All of an action that was not listed here is refused. */
static bool may(enum relay_rights rights, const struct wire_request *request) {
    switch (request->op) {
    case WIRE_TOKENS:
    case WIRE_FIND:
    case WIRE_SIGN:
    case WIRE_DECRYPT:
    case WIRE_STORE_CERTIFICATE: return true;
    case WIRE_TOKEN: break;
    default: return false;
    }
    switch (request->token.action) {
    case WIRE_TOKEN_KEYS:
    case WIRE_TOKEN_CERTIFICATES:
    case WIRE_TOKEN_STORE:
    case WIRE_TOKEN_CHECK: return true;
    case WIRE_TOKEN_MAKE: return rights >= RELAY_MAKE;
    case WIRE_TOKEN_REMOVE: return rights == RELAY_ALL;
    default: return false;
    }
}

bool relay_allows(enum relay_rights rights, const struct wire_request *request, struct error *err) {
    if (may(rights, request))
        return true;
    if (request->op == WIRE_TOKEN && request->token.action <= WIRE_TOKEN_REMOVE)
        return fail(err, ERROR_FORBIDDEN, "agent-refuses",
                    "The agent does not let a gateway %s keys of its tokens: do it at the agent's page, or allow it "
                    "there (gateway-keys in agent.conf).",
                    request->token.action == WIRE_TOKEN_MAKE ? "make" : "remove");
    return fail(err, ERROR_FORBIDDEN, "agent-refuses",
                "An agent does this for its own page alone, not for a gateway.");
}

static bool send_answer(struct uplink *uplink, const struct wire_response *response,
                        struct error *err) {
    struct wire_buffer out = {0};
    bool done = wire_encode_response(response, &out, err) &&
                session_send(uplink->session, view_of(out.at, out.len), err);
    wire_buffer_free(&out);
    return done;
}

static bool answer(struct relay *relay, struct job *job, struct error *err) {
    struct wire_request request;
    struct wire_response response = {0};
    struct connection *connection = NULL;
    struct error cause = {0};
    TRY(wire_decode_request(view_of(job->message.at, job->message.len), &request, err));
    uint32_t id = request.id;
    bool done = relay_allows(relay->rights, &request, &cause) &&
                client_call(relay->signer, &request, &connection, &response, &cause);
    response.id = id;
    response.op = request.op;
    response.failed = !done;
    response.error = cause;
    bool sent = send_answer(job->uplink, &response, err);
    if (done)
        client_done(relay->signer, connection);
    return sent;
}

static void do_job(struct relay *relay, struct job *job) {
    struct error err = {0};
    if (!answer(relay, job, &err)) {
        log_failure(LOG_WARN, ROOM, "a request was not answered", &err);
        session_close(job->uplink->session, 4000, "the agent cannot answer");
    }
    job->uplink->under_way--;
    uplink_release(job->uplink);
    wire_buffer_free(&job->message);
    free(job);
}

/* ---- the queue ------------------------------------------------------------------------------- */

static struct job *next_job(struct relay *relay) {
    pthread_mutex_lock(&relay->lock);
    while (relay->first == NULL)
        pthread_cond_wait(&relay->work, &relay->lock);
    struct job *job = relay->first;
    relay->first = job->next;
    if (relay->first == NULL)
        relay->end = &relay->first;
    relay->count--;
    pthread_cond_signal(&relay->room);
    pthread_mutex_unlock(&relay->lock);
    return job;
}

static void *worker_main(void *relay) {
    for (;;)
        do_job(relay, next_job(relay));
    return NULL;
}

void relay_take(struct relay *relay, struct uplink *uplink, struct view message) {
    struct job *job = must_alloc(sizeof *job);
    job->uplink = uplink;
    uplink->references++;
    uplink->under_way++;
    wire_buffer_add(&job->message, message.at, message.len);
    pthread_mutex_lock(&relay->lock);
    while (relay->count >= QUEUE_MAX)
        pthread_cond_wait(&relay->room, &relay->lock);
    *relay->end = job;
    relay->end = &job->next;
    relay->count++;
    pthread_cond_signal(&relay->work);
    pthread_mutex_unlock(&relay->lock);
}

static bool start_thread(void *(*run)(void *), struct relay *relay, struct error *err) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, relay) != 0)
        return fail_internal(err, "no thread for requests");
    pthread_detach(thread);
    return true;
}

bool relay_new(struct signer *signer, unsigned threads, enum relay_rights rights,
               struct relay **ret_relay, struct error *err) {
    struct relay *relay = must_alloc(sizeof *relay); /* for the life of the process */
    relay->signer = signer;
    relay->rights = rights;
    relay->end = &relay->first;
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->work, NULL);
    pthread_cond_init(&relay->room, NULL);
    TRY(start_thread(ticker_main, relay, err));
    for (unsigned i = 0; i < threads; i++)
        TRY(start_thread(worker_main, relay, err));
    *ret_relay = relay;
    return true;
}
