/* One connection to the signer: how it is opened, and one exchange over it. */
#include "provider/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void connection_free(struct connection *connection) {
    wire_channel_close(&connection->channel);
    free(connection);
}

bool signer_unavailable(struct error *err, const char *what) {
    return fail(err, ERROR_UNAVAILABLE, "signer-unavailable", "The signer is not available: %s.",
                what);
}

static bool dial(const char *path, int *ret_fd, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return signer_unavailable(err, "the path of its socket is too long");
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int cause = errno;
        if (fd >= 0)
            close(fd);
        signer_unavailable(err, "nobody answers on its socket");
        error_detail(err, "%s: %s", path, strerror(cause));
        return false;
    }
    *ret_fd = fd;
    return true;
}

/* Over the control socket: our end of a new pair, the other end goes to the signer. */
static bool pass_socket(int control, int *ret_fd, struct error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_internal(err, "socketpair: %s", strerror(errno));
    bool sent = wire_send_socket(control, pair[1], err);
    close(pair[1]);
    if (sent)
        *ret_fd = pair[0];
    else
        close(pair[0]);
    return sent;
}

bool connection_exchange(struct connection *connection, struct wire_request *request,
                         struct wire_response *ret_response, struct error *err) {
    struct wire_channel *channel = &connection->channel;
    struct view message;
    request->id = ++connection->last_id;
    connection->secret =
        request->op == WIRE_IMPORT || request->op == WIRE_DECRYPT || request->op == WIRE_LOGIN ||
        request->op == WIRE_EXPORT || request->op == WIRE_TOKEN;
    wire_channel_begin(channel);
    TRY(wire_encode_request(request, &channel->out, err));
    TRY(wire_channel_send(channel, err));
    TRY(wire_channel_receive(channel, &message, err));
    TRY(wire_decode_response(message, ret_response, err));
    if (ret_response->id != request->id || ret_response->op != request->op)
        return fail(err, ERROR_UNAVAILABLE, "peer-closed", "The signer answered out of step.");
    return true;
}

static bool greet(struct connection *connection, struct error *err) {
    struct wire_request hello = {.op = WIRE_HELLO, .hello.version = WIRE_VERSION};
    struct wire_response response;
    TRY(connection_exchange(connection, &hello, &response, err));
    if (!response.failed)
        return true;
    if (err != NULL)
        *err = response.error;
    return false;
}

bool channel_dial(const char *socket_path, int control, unsigned patience, uint64_t epoch,
                  struct connection **ret_connection, struct error *err) {
    int fd = -1;
    TRY(socket_path != NULL ? dial(socket_path, &fd, err) : pass_socket(control, &fd, err));
    struct connection *connection = must_alloc(sizeof *connection);
    wire_channel_open(&connection->channel, fd);
    wire_channel_patience(&connection->channel, patience);
    connection->epoch = epoch;
    if (!greet(connection, err)) {
        connection_free(connection);
        if (socket_path != NULL && err != NULL && strcmp(err->type, "peer-closed") == 0)
            (void)fail(err, ERROR_UNAVAILABLE, "peer-closed",
                       "The signer at %.100s closes the connection: it has just ended, or serves another user alone (its option "
                       "allow-user): run this as that user.",
                       socket_path);
        return false;
    }
    *ret_connection = connection;
    return true;
}
