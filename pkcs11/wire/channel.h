/* Messages over a connected Unix stream socket: a side sends one or several, then waits for as many
 * answers, which come in the same order. Blocking.
 *
 * A message travels as one or more frames: a byte of flags (0: last frame of the message, 1: more
 * follow), three bytes of length (big-endian, at most WIRE_FRAME_MAX), and that many bytes. The
 * receiver's memory grows with what has really arrived, never with what a length promises. */
#ifndef GATEHOUSE_WIRE_CHANNEL_H
#define GATEHOUSE_WIRE_CHANNEL_H

#include "wire/messages.h"

#define WIRE_FRAME_MAX ((size_t)256 * 1024)

struct wire_channel {
    int fd;                 /* owned; -1: closed */
    struct wire_buffer out; /* wire_channel_begin, then encode, then wire_channel_send */
    size_t current;         /* where in `out` the last message's first frame begins */
    struct wire_buffer in;
    size_t taken; /* octets of `in` that were given out; what follows was read ahead */
};

/* Takes over `fd`. */
void wire_channel_open(struct wire_channel *channel, int fd);
/* Closes the socket and wipes the buffers; may be called twice. */
void wire_channel_close(struct wire_channel *channel);

/* Limits each wait for the peer; 0 seconds waits without an end (the default). */
void wire_channel_patience(struct wire_channel *channel, unsigned seconds);

/* Empties `out` for the next message. */
void wire_channel_begin(struct wire_channel *channel);
/* Keeps the message in `out` (at most WIRE_FRAME_MAX) for the next send, and begins another one. */
void wire_channel_next(struct wire_channel *channel);
/* Sends what was encoded into `out` since wire_channel_begin, in one call of the system. ERROR_UNAVAILABLE "peer-closed" or
 * "peer-timeout". */
MUST_USE bool wire_channel_send(struct wire_channel *channel, struct error *err);
/* Waits for one message. The view lives until the next call on this channel. Once a message has
 * begun the rest must come within 60 seconds between any two reads. ERROR_UNAVAILABLE
 * "peer-closed", "peer-timeout"; ERROR_MALFORMED or ERROR_TOO_LARGE "bad-message": then close, the
 * stream is out of step. */
MUST_USE bool wire_channel_receive(struct wire_channel *channel, struct view *ret_message,
                                   struct error *err);
/* True when the next message has come already, in one frame: wire_channel_receive will not wait. */
bool wire_channel_pending(const struct wire_channel *channel);
/* Overwrites the last message in both directions: it carried a PIN or a key. */
void wire_channel_wipe(struct wire_channel *channel);

/* Passing a connected socket over another one (SCM_RIGHTS). The sender keeps its own descriptor. */
MUST_USE bool wire_send_socket(int control, int fd, struct error *err);
/* The descriptor is close-on-exec. "peer-closed" at the end of the stream. */
MUST_USE bool wire_receive_socket(int control, int *ret_fd, struct error *err);

#endif
