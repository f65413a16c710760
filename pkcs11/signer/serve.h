/* Connections: one thread each, requests answered in order. */
#ifndef GATEHOUSE_SIGNER_SERVE_H
#define GATEHOUSE_SIGNER_SERVE_H

#include "signer/vault.h"

#define CONNECTIONS_MAX 256

/* Takes over the connected socket and serves it in a thread of its own until it closes. */
void serve_connection(struct vault *vault, int fd);

/* Answers one request into `response`; what the views in it point to is in `arena` or `scratch`.
 * For serve.c and the fuzzers' sake it is a function of its own. */
void serve_request(struct vault *vault, const struct wire_request *request, struct arena *arena,
                   struct wire_buffer *scratch, struct wire_response *ret_response);

struct listen_config {
    int control_fd;          /* new connections come over it by SCM_RIGHTS; -1: none */
    const char *socket_path; /* NULL: none */
    const char *allow_user;  /* who may connect to it; NULL: this process's own user */
};
/* Serves until the control socket closes or SIGTERM or SIGINT arrives (they are ignored while there
 * is a control socket: the gateway's end is this process's end). */
MUST_USE bool serve(struct vault *vault, const struct listen_config *config, struct error *err);

#endif
