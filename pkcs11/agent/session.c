#include "agent/session.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

struct session {
    struct link *link;
    pthread_mutex_t lock; /* guards what sends: numbers are given in the order of the queue */
    struct seal sending;
    struct wire_buffer out;
    struct seal receiving; /* the owner's */
    struct wire_buffer in;
};

struct session *session_new(struct link *link, const struct session_keys *keys, bool gateway,
                            size_t limit) {
    struct session *session = must_alloc(sizeof *session);
    session->link = link;
    session->sending = gateway ? keys->to_agent : keys->to_gateway;
    session->receiving = gateway ? keys->to_gateway : keys->to_agent;
    pthread_mutex_init(&session->lock, NULL);
    link_set_limit(link, limit + SEAL_OVERHEAD);
    return session;
}

void session_free(struct session *session) {
    if (session == NULL)
        return;
    link_free(session->link);
    wire_buffer_free(&session->out);
    wire_buffer_free(&session->in);
    pthread_mutex_destroy(&session->lock);
    OPENSSL_cleanse(&session->sending, sizeof session->sending);
    OPENSSL_cleanse(&session->receiving, sizeof session->receiving);
    free(session);
}

bool session_send(struct session *session, struct view plain, struct error *err) {
    pthread_mutex_lock(&session->lock);
    session->out.len = 0;
    bool done = seal_message(&session->sending, plain, &session->out, err) &&
                link_send(session->link, view_of(session->out.at, session->out.len), err);
    if (session->out.capacity > WIRE_RESULT_MAX)
        wire_buffer_free(&session->out);
    pthread_mutex_unlock(&session->lock);
    return done;
}

bool session_receive(struct session *session, int milliseconds, struct view *ret_plain,
                     struct error *err) {
    struct view message;
    if (session->in.capacity > WIRE_RESULT_MAX)
        wire_buffer_free(&session->in);
    TRY(link_receive(session->link, milliseconds, &message, err));
    return seal_open(&session->receiving, message, &session->in, ret_plain, err);
}

void session_close(struct session *session, unsigned code, const char *reason) {
    link_close(session->link, code, reason);
}
