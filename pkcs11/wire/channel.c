#include "wire/channel.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADER 4
#define FIRST_READ ((size_t)16 * 1024)
#define KEEP_MAX ((size_t)512 * 1024) /* larger buffers are given back after use */
#define STALL_MS 60000

enum { FLAG_LAST = 0, FLAG_MORE = 1 };

void wire_channel_open(struct wire_channel *channel, int fd) {
    *channel = (struct wire_channel){.fd = fd};
}

void wire_channel_close(struct wire_channel *channel) {
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
    wire_buffer_free(&channel->out);
    wire_buffer_free(&channel->in);
}

void wire_channel_patience(struct wire_channel *channel, unsigned seconds) {
    struct timeval wait = {.tv_sec = seconds};
    setsockopt(channel->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(channel->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

static void empty(struct wire_buffer *buffer) {
    if (buffer->capacity > KEEP_MAX)
        wire_buffer_free(buffer);
    buffer->len = 0;
}

static const uint8_t room_for_header[HEADER];

static void write_header(uint8_t *header, uint8_t flags, size_t len) {
    header[0] = flags;
    header[1] = (uint8_t)(len >> 16);
    header[2] = (uint8_t)(len >> 8);
    header[3] = (uint8_t)len;
}

void wire_channel_begin(struct wire_channel *channel) {
    empty(&channel->out);
    channel->current = 0;
    wire_buffer_add(&channel->out, room_for_header, HEADER);
}

void wire_channel_next(struct wire_channel *channel) {
    struct wire_buffer *out = &channel->out;
    write_header(out->at + channel->current, FLAG_LAST, out->len - channel->current - HEADER);
    channel->current = out->len;
    wire_buffer_add(out, room_for_header, HEADER);
}

/* What was read ahead moves to the front of `in`; a message that was given out is gone. */
static void drop_taken(struct wire_channel *channel) {
    struct wire_buffer *in = &channel->in;
    size_t ahead = in->len - channel->taken;
    if (ahead == 0)
        empty(in);
    else
        memmove(in->at, in->at + channel->taken, ahead);
    in->len = ahead;
    channel->taken = 0;
}

void wire_channel_wipe(struct wire_channel *channel) {
    struct wire_buffer *in = &channel->in, *out = &channel->out;
    drop_taken(channel);
    if (in->at != NULL)
        OPENSSL_cleanse(in->at + in->len, in->capacity - in->len);
    OPENSSL_cleanse(out->at, out->capacity);
    empty(out);
}

static bool peer_closed(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "peer-closed", "The connection to the signer has ended.");
}

static bool socket_failed(const char *what, struct error *err) {
    if (errno == EAGAIN)
        return fail(err, ERROR_UNAVAILABLE, "peer-timeout",
                    "The signer did not answer in time; a token may be busy or hang.");
    peer_closed(err);
    error_detail(err, "%s: %s", what, strerror(errno));
    return false;
}

/* Sends all of the bytes of both parts. */
static bool send_parts(int fd, struct iovec parts[static 2], struct error *err) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return socket_failed("send", err);
        for (size_t i = 0, left = (size_t)sent; i < 2; i++) {
            size_t done = left < parts[i].iov_len ? left : parts[i].iov_len;
            if (done > 0) /* an empty part may have no address */
                parts[i].iov_base = (char *)parts[i].iov_base + done;
            parts[i].iov_len -= done;
            left -= done;
        }
    }
    return true;
}

bool wire_channel_send(struct wire_channel *channel, struct error *err) {
    uint8_t *out = channel->out.at, header[HEADER];
    size_t begin = channel->current + HEADER, total = channel->out.len - begin;
    size_t done = total < WIRE_FRAME_MAX ? total : WIRE_FRAME_MAX;
    if (channel->fd < 0)
        return peer_closed(err);
    write_header(out + channel->current, done < total ? FLAG_MORE : FLAG_LAST, done);
    struct iovec first[2] = {{out, begin + done}, {NULL, 0}};
    TRY(send_parts(channel->fd, first, err));
    while (done < total) {
        size_t len = total - done < WIRE_FRAME_MAX ? total - done : WIRE_FRAME_MAX;
        write_header(header, done + len < total ? FLAG_MORE : FLAG_LAST, len);
        struct iovec parts[2] = {{header, HEADER}, {out + begin + done, len}};
        TRY(send_parts(channel->fd, parts, err));
        done += len;
    }
    return true;
}

/* Reads at least one byte into `in`, at most `most`. */
static bool receive_some(struct wire_channel *channel, size_t most, bool begun, struct error *err) {
    struct wire_buffer *in = &channel->in;
    struct pollfd wait = {.fd = channel->fd, .events = POLLIN};
    wire_buffer_reserve(in, most);
    for (;;) {
        if (begun && poll(&wait, 1, STALL_MS) == 0) {
            errno = EAGAIN;
            return socket_failed("receive", err);
        }
        ssize_t got = recv(channel->fd, in->at + in->len, most, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return socket_failed("receive", err);
        if (got == 0)
            return peer_closed(err);
        in->len += (size_t)got;
        return true;
    }
}

static bool read_header(const uint8_t *at, size_t assembled, bool *ret_more, size_t *ret_len,
                        struct error *err) {
    size_t len = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (at[0] != FLAG_LAST && at[0] != FLAG_MORE)
        return fail(err, ERROR_MALFORMED, "bad-message", "Signer message: unknown frame flags.");
    /* An endless row of empty frames would hold a thread for ever. */
    if (len == 0)
        return fail(err, ERROR_MALFORMED, "bad-message", "Signer message: a frame is empty.");
    if (len > WIRE_FRAME_MAX || len > WIRE_MESSAGE_MAX - assembled)
        return fail(err, ERROR_TOO_LARGE, "bad-message", "Signer message: it is too long.");
    *ret_more = at[0] == FLAG_MORE;
    *ret_len = len;
    return true;
}

/* `in` holds the payload that is assembled so far, then what was read of the next frame. */
static bool receive_frame(struct wire_channel *channel, size_t *assembled, bool *ret_more,
                          struct error *err) {
    struct wire_buffer *in = &channel->in;
    size_t len = 0;
    while (in->len - *assembled < HEADER)
        TRY(receive_some(channel, *assembled == 0 ? FIRST_READ : HEADER + *assembled - in->len,
                         in->len > 0, err));
    TRY(read_header(in->at + *assembled, *assembled, ret_more, &len, err));
    in->len -= HEADER;
    memmove(in->at + *assembled, in->at + *assembled + HEADER, in->len - *assembled);
    while (in->len - *assembled < len)
        TRY(receive_some(channel, *assembled + len - in->len, true, err));
    *assembled += len;
    return true;
}

bool wire_channel_receive(struct wire_channel *channel, struct view *ret_message,
                          struct error *err) {
    size_t assembled = 0;
    bool more = true;
    if (channel->fd < 0)
        return peer_closed(err);
    drop_taken(channel);
    while (more)
        TRY(receive_frame(channel, &assembled, &more, err));
    channel->taken = assembled;
    *ret_message = view_of(channel->in.at, assembled);
    return true;
}

bool wire_channel_pending(const struct wire_channel *channel) {
    const struct wire_buffer *in = &channel->in;
    size_t ahead = in->len - channel->taken;
    if (ahead < HEADER)
        return false;
    const uint8_t *at = in->at + channel->taken;
    size_t len = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    return at[0] == FLAG_LAST && ahead - HEADER >= len;
}

bool wire_send_socket(int control, int fd, struct error *err) {
    char byte = 1;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } aux = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &aux, .msg_controllen = sizeof aux.space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    ssize_t sent;
    do
        sent = sendmsg(control, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == 1 ? true : socket_failed("send", err);
}

bool wire_receive_socket(int control, int *ret_fd, struct error *err) {
    char byte;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } aux = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &aux, .msg_controllen = sizeof aux.space};
    ssize_t got;
    do
        got = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return peer_closed(err);
    if (got < 0)
        return socket_failed("receive", err);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head == NULL || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(sizeof *ret_fd))
        return fail(err, ERROR_MALFORMED, "bad-message", "Signer control: no socket came along.");
    memcpy(ret_fd, CMSG_DATA(head), sizeof *ret_fd);
    return true;
}
