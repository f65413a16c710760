#include "agent/link.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE ((size_t)16384)          /* one TLS record */
#define PONGS_MAX ((size_t)64 * 1024)  /* octets that wait, beyond which pings get no answer */
#define EARLY_LIMIT ((size_t)64 * 1024) /* of a message from who has not said yet who it is */

struct link {
    int fd, wake; /* wake: an eventfd, written to when there is something to send */
    SSL *ssl;
    bool client;
    struct websocket_reader reader;
    struct wire_buffer sending; /* the owner's; from `sent` on it has not gone yet */
    size_t sent;
    bool wants_write; /* TLS waits for room in the socket */

    pthread_mutex_t lock; /* guards what follows */
    struct wire_buffer queued;
    bool closed;
};

/* ---- waiting --------------------------------------------------------------------------------- */

static bool closed_link(struct error *err, const char *detail) {
    fail(err, ERROR_UNAVAILABLE, "link-closed", "The connection has ended.");
    error_detail(err, "%s", detail);
    return false;
}

static bool timed_out(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "link-timeout", "The other side says nothing.");
}

/* Until the socket can do what TLS wants, something is queued, or the time is over. */
static bool wait_until(struct link *link, int64_t until_us, struct error *err) {
    struct pollfd wait[2] = {
        {.fd = link->fd, .events = (short)(POLLIN | (link->wants_write ? POLLOUT : 0))},
        {.fd = link->wake, .events = POLLIN}};
    int64_t left = (until_us - clock_monotonic_us() + 999) / 1000;
    uint64_t count;
    if (left <= 0)
        return timed_out(err);
    int ready = poll(wait, 2, (int)(left > 60000 ? 60000 : left));
    if (ready < 0 && errno != EINTR)
        return closed_link(err, strerror(errno));
    if (wait[1].revents != 0 && read(link->wake, &count, sizeof count) < 0 && errno != EAGAIN)
        return closed_link(err, strerror(errno));
    return true;
}

/* False when the connection is over; else TLS waits for the socket, and the flags say for what. */
static bool must_wait(struct link *link, int rc, struct error *err) {
    char text[160] = "the other side closed it";
    int why = SSL_get_error(link->ssl, rc);
    if (why == SSL_ERROR_WANT_READ)
        return true;
    if (why == SSL_ERROR_WANT_WRITE) {
        link->wants_write = true;
        return true;
    }
    unsigned long code = ERR_get_error();
    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    else if (why == SSL_ERROR_SYSCALL && errno != 0)
        snprintf(text, sizeof text, "%s", strerror(errno));
    ERR_clear_error();
    return closed_link(err, text);
}

/* ---- writing, reading ------------------------------------------------------------------------ */

static void take_queued(struct link *link) {
    if (link->sent < link->sending.len)
        return;
    wire_buffer_free(&link->sending);
    link->sent = 0;
    pthread_mutex_lock(&link->lock);
    link->sending = link->queued;
    link->queued = (struct wire_buffer){0};
    pthread_mutex_unlock(&link->lock);
}

/* As much as the socket takes. */
static bool flush(struct link *link, struct error *err) {
    link->wants_write = false;
    for (;;) {
        take_queued(link);
        size_t left = link->sending.len - link->sent;
        if (left == 0)
            return true;
        ERR_clear_error();
        int rc = SSL_write(link->ssl, link->sending.at + link->sent,
                           (int)(left < PIECE ? left : PIECE));
        if (rc <= 0)
            return must_wait(link, rc, err);
        link->sent += (size_t)rc;
    }
}

/* *ret_got 0: nothing is there now. */
static bool read_some(struct link *link, uint8_t piece[static PIECE], size_t *ret_got,
                      struct error *err) {
    ERR_clear_error();
    int rc = SSL_read(link->ssl, piece, PIECE);
    *ret_got = rc > 0 ? (size_t)rc : 0;
    return rc > 0 || must_wait(link, rc, err);
}

static bool is_closed(struct link *link) {
    pthread_mutex_lock(&link->lock);
    bool closed = link->closed;
    pthread_mutex_unlock(&link->lock);
    return closed;
}

static void wake(struct link *link) {
    uint64_t one = 1;
    ssize_t rc = write(link->wake, &one, sizeof one);
    (void)rc; /* full: it is awake */
}

static bool queue(struct link *link, enum websocket_opcode opcode, struct view message,
                  struct error *err) {
    bool done = false;
    pthread_mutex_lock(&link->lock);
    if (link->closed)
        closed_link(err, "closed here");
    else if (message.len > LINK_QUEUE_MAX - link->queued.len)
        fail(err, ERROR_TOO_MANY, "link-full", "The other side takes nothing any more.");
    else
        done = true;
    if (done)
        websocket_frame(&link->queued, opcode, message, link->client);
    pthread_mutex_unlock(&link->lock);
    return done;
}

/* One who pings and reads nothing shall not fill our memory (rfc6455#5.5.3: not every ping needs an answer). */
static bool answer_ping(struct link *link, struct view bytes, struct error *err) {
    pthread_mutex_lock(&link->lock);
    bool many = link->queued.len > PONGS_MAX;
    pthread_mutex_unlock(&link->lock);
    return many || queue(link, WEBSOCKET_PONG, bytes, err);
}

bool link_send(struct link *link, struct view message, struct error *err) {
    TRY(queue(link, WEBSOCKET_BINARY, message, err));
    wake(link);
    return true;
}

static bool said_goodbye(struct view reason, struct error *err) {
    char text[128];
    size_t len = reason.len < sizeof text - 1 ? reason.len : sizeof text - 1;
    if (len > 0)
        memcpy(text, reason.at, len);
    text[len] = '\0';
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
            *at = '?';
    fail(err, ERROR_UNAVAILABLE, "link-closed", "The other side ended the connection%s%s.",
         len > 0 ? ": " : "", text);
    return false;
}

/* True with *ret_message.at set: a message; not set: more has to come. */
static bool next_message(struct link *link, struct view *ret_message, struct error *err) {
    struct view bytes = {NULL, 0};
    *ret_message = bytes;
    for (;;) {
        switch (websocket_next(&link->reader, &bytes, err)) {
        case WEBSOCKET_NOTHING: return true;
        case WEBSOCKET_MESSAGE: *ret_message = bytes; return true;
        case WEBSOCKET_PINGED: TRY(answer_ping(link, bytes, err)); break;
        case WEBSOCKET_CLOSED: return said_goodbye(bytes, err);
        case WEBSOCKET_BROKEN: return false;
        }
    }
}

bool link_receive(struct link *link, int milliseconds, struct view *ret_message,
                  struct error *err) {
    uint8_t piece[PIECE];
    size_t got = 0;
    int64_t until_us = clock_monotonic_us() + (int64_t)milliseconds * 1000;
    for (;;) {
        TRY(next_message(link, ret_message, err));
        bool closing = is_closed(link);
        TRY(flush(link, err));
        if (closing)
            return closed_link(err, "closed here");
        if (ret_message->at != NULL)
            return true;
        if (got > 0 && clock_monotonic_us() > until_us) /* pings without end are no message */
            return timed_out(err);
        TRY(read_some(link, piece, &got, err));
        if (got > 0)
            websocket_feed(&link->reader, piece, got);
        else
            TRY(wait_until(link, until_us, err));
    }
}

void link_close(struct link *link, unsigned code, const char *reason) {
    pthread_mutex_lock(&link->lock);
    if (!link->closed)
        websocket_close_frame(&link->queued, code, reason, link->client);
    link->closed = true;
    pthread_mutex_unlock(&link->lock);
    wake(link);
}

void link_set_limit(struct link *link, size_t limit) {
    link->reader.limit = limit;
}

/* ---- beginning, end -------------------------------------------------------------------------- */

static bool shake_hands(struct link *link, int64_t until_us, struct error *err) {
    for (;;) {
        link->wants_write = false;
        ERR_clear_error();
        int rc = SSL_do_handshake(link->ssl);
        if (rc == 1)
            return true;
        TRY(must_wait(link, rc, err));
        TRY(wait_until(link, until_us, err));
    }
}

/* Reads into reader.in until the head is there; the head stays in front of it. */
static bool receive_head(struct link *link, int64_t until_us, struct view *ret_head,
                         struct error *err) {
    uint8_t piece[PIECE];
    size_t got;
    for (;;) {
        struct wire_buffer *in = &link->reader.in;
        size_t len = websocket_head_length(view_of(in->at, in->len));
        if (len > 0) {
            *ret_head = view_of(in->at, len);
            return true;
        }
        if (in->len > WEBSOCKET_HEAD_MAX)
            return fail(err, ERROR_MALFORMED, "bad-upgrade", "The HTTP head is too long.");
        TRY(flush(link, err));
        TRY(read_some(link, piece, &got, err));
        if (got > 0)
            wire_buffer_add(in, piece, got);
        else
            TRY(wait_until(link, until_us, err));
    }
}

static bool flush_all(struct link *link, int64_t until_us, struct error *err) {
    TRY(flush(link, err));
    while (link->sent < link->sending.len) {
        TRY(wait_until(link, until_us, err));
        TRY(flush(link, err));
    }
    return true;
}

static void queue_text(struct link *link, const char *text) {
    pthread_mutex_lock(&link->lock);
    wire_buffer_add(&link->queued, text, strlen(text));
    pthread_mutex_unlock(&link->lock);
}

static bool serve_upgrade(struct link *link, int64_t until_us, struct error *err) {
    char key[WEBSOCKET_KEY_SIZE], accept[WEBSOCKET_ACCEPT_SIZE], answer[512];
    struct view head;
    struct error ignored = {0};
    TRY(receive_head(link, until_us, &head, err));
    bool done = websocket_read_request(head, LINK_PATH, key, err) &&
                (websocket_accept(key, accept) || fail_internal(err, "digest"));
    if (done)
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    else
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                 err != NULL && err->kind == ERROR_NOT_FOUND ? "404 Not Found" : "400 Bad Request");
    link->reader.taken = head.len;
    queue_text(link, answer);
    return flush_all(link, until_us, done ? err : &ignored) && done;
}

static bool ask_upgrade(struct link *link, const char *host, int64_t until_us, struct error *err) {
    char key[WEBSOCKET_KEY_SIZE], request[512];
    struct view head;
    websocket_new_key(key);
    snprintf(request, sizeof request,
             "GET " LINK_PATH " HTTP/1.1\r\nHost: %.255s\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
             host, key);
    queue_text(link, request);
    TRY(receive_head(link, until_us, &head, err));
    TRY(websocket_read_answer(head, key, err));
    link->reader.taken = head.len;
    return true;
}

void link_free(struct link *link) {
    if (link == NULL)
        return;
    SSL_free(link->ssl);
    close(link->fd);
    close(link->wake);
    websocket_reader_free(&link->reader);
    wire_buffer_free(&link->sending);
    wire_buffer_free(&link->queued);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

/* A machine that lost its power or its network says nothing: the kernel asks, and gives up after a
 * quarter of a minute. */
static void notice_silence(int fd) {
    int on = 1, idle_s = 5, between_s = 3, times = 3, patience_ms = 15000;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static struct link *link_new(int fd, SSL *ssl, bool client) {
    struct link *link = must_alloc(sizeof *link);
    link->fd = fd;
    link->ssl = ssl;
    link->client = client;
    link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    link->reader.from_client = !client;
    link->reader.limit = EARLY_LIMIT;
    pthread_mutex_init(&link->lock, NULL);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    notice_silence(fd);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return link;
}

static bool begin(int fd, SSL *ssl, const char *host, unsigned seconds, struct link **ret_link,
                  struct error *err) {
    struct link *link = link_new(fd, ssl, host != NULL);
    int64_t until_us = clock_monotonic_us() + seconds * US_PER_SECOND;
    bool done = link->wake >= 0 && SSL_set_fd(ssl, fd) == 1;
    if (!done)
        fail_internal(err, "eventfd or TLS");
    if (host != NULL)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    done = done && shake_hands(link, until_us, err) &&
           (host != NULL ? ask_upgrade(link, host, until_us, err)
                         : serve_upgrade(link, until_us, err));
    if (!done) {
        link_free(link);
        return false;
    }
    *ret_link = link;
    return true;
}

bool link_accept(int fd, SSL *ssl, unsigned seconds, struct link **ret_link, struct error *err) {
    return begin(fd, ssl, NULL, seconds, ret_link, err);
}

bool link_connect(int fd, SSL *ssl, const char *host, unsigned seconds, struct link **ret_link,
                  struct error *err) {
    return begin(fd, ssl, host, seconds, ret_link, err);
}
