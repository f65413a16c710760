#include "agent/relay.h"

#include "base/log.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROOM "agent"
#define QUEUE_MAX 1024

struct uplink {
    atomic_uint references;
    struct session *session;
};

struct job {
    struct uplink *uplink;
    struct wire_buffer message;
    struct job *next;
};

struct relay {
    struct signer *signer;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work, room;
    struct job *first, **end;
    size_t count;
};

/* ---- connections ----------------------------------------------------------------------------- */

struct uplink *uplink_new(struct session *session) {
    struct uplink *uplink = must_alloc(sizeof *uplink);
    uplink->references = 1;
    uplink->session = session;
    return uplink;
}

struct session *uplink_session(struct uplink *uplink) {
    return uplink->session;
}

void uplink_release(struct uplink *uplink) {
    if (--uplink->references > 0)
        return;
    session_free(uplink->session);
    free(uplink);
}

/* ---- one request ----------------------------------------------------------------------------- */

bool relay_allows(unsigned op, struct error *err) {
    if (op == WIRE_TOKENS || op == WIRE_FIND || op == WIRE_SIGN || op == WIRE_DECRYPT ||
        op == WIRE_STORE_CERTIFICATE)
        return true;
    return fail(err, ERROR_FORBIDDEN, "agent-refuses",
                "An agent finds keys, uses them and stores certificates; this is done at the agent itself.");
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
    bool done = relay_allows(request.op, &cause) &&
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

bool relay_new(struct signer *signer, unsigned threads, struct relay **ret_relay,
               struct error *err) {
    struct relay *relay = must_alloc(sizeof *relay); /* for the life of the process */
    relay->signer = signer;
    relay->end = &relay->first;
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->work, NULL);
    pthread_cond_init(&relay->room, NULL);
    for (unsigned i = 0; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker_main, relay) != 0)
            return fail_internal(err, "no thread for requests");
        pthread_detach(thread);
    }
    *ret_relay = relay;
    return true;
}
