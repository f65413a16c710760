/* The gateway's side of the wire: connections to the signer, and the signer's process when it was
 * started here.
 *
 * Each call uses one connection alone; idle ones are kept. There is no thread of our own. */
#ifndef GATEHOUSE_PROVIDER_CLIENT_H
#define GATEHOUSE_PROVIDER_CLIENT_H

#include "provider/signer.h"
#include "wire/channel.h"

#include <sys/types.h>

struct connection {
    struct wire_channel channel;
    uint64_t epoch; /* of the signer's process that it was opened to */
    uint32_t last_id;
    bool secret; /* the last message carried a PIN, a key or a plain text */
    struct arena *arena; /* of an answer from elsewhere, which has no socket; else NULL */
    struct connection *next;
};

/* signer_open without the provider. */
MUST_USE bool signer_connect(const struct signer_config *config, struct signer **ret_signer,
                             struct error *err);
struct signer *signer_reference(struct signer *signer);
void signer_release(struct signer *signer);

/* Sends the request and waits for the answer (its id is filled in). When the connection turns out
 * dead, the signer is started or dialled again and the request is sent once more. On success the
 * views of the response live until client_done; on failure, also when the signer answered with an
 * error, there is nothing to give back. */
MUST_USE bool client_call(struct signer *signer, struct wire_request *request,
                          struct connection **ret_connection, struct wire_response *ret_response,
                          struct error *err);
void client_done(struct signer *signer, struct connection *connection);
/* A connection for exchanges of the caller's own; he gives it to client_done, or to client_drop
 * when it failed. */
MUST_USE bool client_take(struct signer *signer, struct connection **ret_connection,
                          struct error *err);
void client_drop(struct signer *signer, struct connection *connection);
/* Asks the tokens elsewhere, whoever else has it; false also when there are none. */
MUST_USE bool client_elsewhere(struct signer *signer, const struct wire_request *request,
                               struct arena *arena, struct wire_response *ret_response,
                               struct error *err);
/* The last signature that this thread got does not verify. */
void client_wrong(struct signer *signer);
/* The top octet of handles of keys elsewhere; the signer's own have less (signer/child.h). */
#define ELSEWHERE_SHIFT 56
#define ELSEWHERE ((uint64_t)0xa6)
static inline bool handle_is_elsewhere(uint64_t handle) {
    return handle >> ELSEWHERE_SHIFT == ELSEWHERE;
}
/* Another number, another process. */
uint64_t client_epoch(struct signer *signer);
/* What batch.c keeps for this signer. */
struct batches *client_batches(struct signer *signer);

/* ---- connection.c ---------------------------------------------------------------------------- */

#define CONNECTION_PATIENCE 120 /* seconds for an answer: touch and PIN pads take their time */

/* Dials the socket when there is a path, else passes one end of a pair over the control socket;
 * then greets. */
MUST_USE bool channel_dial(const char *socket_path, int control, unsigned patience,
                           uint64_t epoch, struct connection **ret_connection, struct error *err);
void connection_free(struct connection *connection);
/* One request and its answer. ERROR_UNAVAILABLE "peer-closed", "peer-timeout": the connection is of
 * no more use. */
MUST_USE bool connection_exchange(struct connection *connection, struct wire_request *request,
                                  struct wire_response *ret_response, struct error *err);
/* Fills ERROR_UNAVAILABLE "signer-unavailable" and returns false. */
bool signer_unavailable(struct error *err, const char *what);

/* ---- process.c ------------------------------------------------------------------------------- */

/* Starts the program with its arguments and "--fd 3", which is the other end of *ret_control. */
MUST_USE bool process_start(const char *program, const char *const *arguments, pid_t *ret_pid,
                            int *ret_control, struct error *err);
/* Closes the control socket, which ends the process, and waits for it; kills it after 5 seconds, or
 * at once. */
void process_stop(pid_t pid, int control, bool at_once);

#endif
