#include "signer/serve.h"

#include "base/log.h"
#include "wire/channel.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM "signer"
#define HELD_MAX ((size_t)64 * 1024)
#define SEND_PATIENCE 120 /* seconds; a peer that reads nothing for so long is gone */

struct connection {
    struct vault *vault;
    int fd;
};

static atomic_uint connections;

/* ---- one connection -------------------------------------------------------------------------- */

static bool carries_secret(unsigned op) {
    return op == WIRE_IMPORT || op == WIRE_DECRYPT || op == WIRE_LOGIN || op == WIRE_EXPORT ||
           op == WIRE_TOKEN;
}

/* Requests that came together are answered together: one call of the system for all of them, as
 * long as the answers are small. */
static bool may_wait(const struct wire_channel *channel, unsigned op) {
    return op == WIRE_SIGN && channel->out.len < HELD_MAX && wire_channel_pending(channel);
}

static bool answer(struct vault *vault, struct wire_channel *channel, struct view message,
                   struct wire_buffer *scratch, bool *held, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct wire_request request;
    struct wire_response response;
    TRY(wire_decode_request(message, &request, err));
    serve_request(vault, &request, arena, scratch, &response);
    if (*held)
        wire_channel_next(channel);
    else
        wire_channel_begin(channel);
    TRY(wire_encode_response(&response, &channel->out, err));
    *held = may_wait(channel, request.op);
    if (!*held)
        TRY(wire_channel_send(channel, err));
    if (carries_secret(request.op)) {
        OPENSSL_cleanse(scratch->at, scratch->capacity);
        wire_channel_wipe(channel);
    }
    return true;
}

static void *connection_main(void *argument) {
    struct connection *connection = argument;
    struct wire_channel channel;
    struct wire_buffer scratch = {0};
    struct error err = {0};
    struct view message;
    bool held = false;
    struct timeval patience = {.tv_sec = SEND_PATIENCE};
    wire_channel_open(&channel, connection->fd);
    setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (wire_channel_receive(&channel, &message, &err) &&
           answer(connection->vault, &channel, message, &scratch, &held, &err))
        ;
    if (strcmp(err.type, "peer-closed") != 0)
        log_failure(LOG_WARN, ROOM, "a connection was closed", &err);
    wire_channel_close(&channel);
    wire_buffer_free(&scratch);
    free(connection);
    OPENSSL_thread_stop();
    connections--;
    return NULL;
}

void serve_connection(struct vault *vault, int fd) {
    pthread_t thread;
    pthread_attr_t attributes;
    if (connections++ >= CONNECTIONS_MAX) {
        log_warn(ROOM, "more than %d connections: one was refused", CONNECTIONS_MAX);
        connections--;
        close(fd);
        return;
    }
    struct connection *connection = must_alloc(sizeof *connection);
    *connection = (struct connection){vault, fd};
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, connection_main, connection) != 0) {
        log_error(ROOM, "no thread for a connection: %s", strerror(errno));
        connections--;
        close(fd);
        free(connection);
    }
    pthread_attr_destroy(&attributes);
}

/* ---- listening ------------------------------------------------------------------------------- */

static bool socket_error(const char *path, const char *what, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "socket", "Signer socket %.200s: %s: %s.", path, what,
                strerror(errno));
}

/* A socket file that nobody listens on is left over from a process that was killed. */
static bool remove_stale(const char *path, const struct sockaddr_un *address, struct error *err) {
    struct stat info;
    if (lstat(path, &info) != 0)
        return true;
    if (!S_ISSOCK(info.st_mode))
        return fail(err, ERROR_CONFLICT, "socket",
                    "Signer socket %.200s: the file exists and is no socket.", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive =
        probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    close(probe);
    if (alive)
        return fail(err, ERROR_CONFLICT, "socket",
                    "Signer socket %.200s: another signer is listening on it.", path);
    return unlink(path) == 0 ? true : socket_error(path, "unlink", err);
}

static bool open_socket(const char *path, int *ret_fd, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return fail(err, ERROR_MALFORMED, "socket", "Signer socket %.200s: the path is too long.",
                    path);
    memcpy(address.sun_path, path, strlen(path));
    TRY(remove_stale(path, &address, err));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return socket_error(path, "socket", err);
    /* Who may connect is decided by the peer's user id, so the file itself is open. */
    mode_t before = umask(0111);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 64) == 0;
    umask(before);
    if (!bound) {
        socket_error(path, "bind", err);
        close(fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

static bool allowed_uid(const char *user, uid_t *ret_uid, struct error *err) {
    *ret_uid = geteuid();
    if (user == NULL)
        return true;
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (getpwnam_r(user, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return fail(err, ERROR_NOT_FOUND, "bad-option",
                    "The option allow-user: there is no user \"%.60s\" on this machine.", user);
    *ret_uid = entry.pw_uid;
    return true;
}

static void accept_one(struct vault *vault, int listener, uid_t allowed) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == allowed) {
        serve_connection(vault, fd);
        return;
    }
    log_warn(ROOM, "a connection by user id %ld was refused; allow-user names who may connect",
             (long)peer.uid);
    close(fd);
}

static bool take_one(struct vault *vault, int control) {
    int fd;
    struct error err = {0};
    if (wire_receive_socket(control, &fd, &err)) {
        serve_connection(vault, fd);
        return true;
    }
    if (strcmp(err.type, "peer-closed") != 0)
        log_failure(LOG_WARN, ROOM, "control socket", &err);
    return false;
}

/* With a control socket, Ctrl-C and SIGTERM reach the gateway too, which still needs signatures to
 * end in order; then it closes the socket. A killed gateway closes it as well, so this process
 * never outlives it. */
static int stop_signals(bool controlled) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return controlled ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
}

bool serve(struct vault *vault, const struct listen_config *config, struct error *err) {
    struct pollfd wait[3] = {{.fd = config->control_fd, .events = POLLIN},
                             {.fd = -1, .events = POLLIN},
                             {.fd = -1, .events = POLLIN}};
    uid_t allowed;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of the one call, as a full disk is */
    TRY(allowed_uid(config->allow_user, &allowed, err));
    if (config->socket_path != NULL)
        TRY(open_socket(config->socket_path, &wait[1].fd, err));
    wait[2].fd = stop_signals(config->control_fd >= 0);
    log_info(ROOM, "ready%s%s", config->socket_path == NULL ? "" : ": ",
             config->socket_path == NULL ? "" : config->socket_path);
    for (;;) {
        if (poll(wait, 3, -1) < 0 && errno != EINTR)
            return fail_internal(err, "poll: %s", strerror(errno));
        if (wait[0].revents != 0 && !take_one(vault, config->control_fd))
            break;
        if (wait[1].revents != 0)
            accept_one(vault, wait[1].fd, allowed);
        if (wait[2].revents != 0)
            break;
    }
    if (config->socket_path != NULL)
        unlink(config->socket_path);
    return true;
}
