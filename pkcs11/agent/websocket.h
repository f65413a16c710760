/* WebSocket messages (RFC 6455) as bytes: no sockets here. Binary messages alone, of any
 * fragmentation, since a proxy may change it (rfc6455#5.4); no extension, no text. */
#ifndef GATEHOUSE_AGENT_WEBSOCKET_H
#define GATEHOUSE_AGENT_WEBSOCKET_H

#include "wire/messages.h"

#define WEBSOCKET_HEAD_MAX 8192 /* of the HTTP exchange that begins it */

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

/* Zero it, but for these two. */
struct websocket_reader {
    bool from_client; /* its frames are masked, those of a server are not (rfc6455#5.1) */
    size_t limit;     /* octets of a message */
    struct wire_buffer in;
    size_t taken;                /* octets of `in` that are done with */
    struct wire_buffer message;  /* what has come of the message so far */
    bool begun, given;           /* there is a message; it was given out */
};
void websocket_reader_free(struct websocket_reader *reader);
/* What has arrived. */
void websocket_feed(struct websocket_reader *reader, const void *at, size_t len);

enum websocket_event { WEBSOCKET_NOTHING, WEBSOCKET_MESSAGE, WEBSOCKET_PINGED, WEBSOCKET_CLOSED, WEBSOCKET_BROKEN };
/* What came next; *ret_bytes, until the next call, is the message, the ping's payload or the reason
 * of the close. After BROKEN (the error says why) there is nothing more to be had. */
enum websocket_event websocket_next(struct websocket_reader *reader, struct view *ret_bytes,
                                    struct error *err);

/* Appends one frame; a client's is masked (rfc6455#5.3). A close has its code before the reason. */
void websocket_frame(struct wire_buffer *out, enum websocket_opcode opcode, struct view payload,
                     bool from_client);
void websocket_close_frame(struct wire_buffer *out, unsigned code, const char *reason,
                           bool from_client);

/* The HTTP exchange (rfc6455#4). Heads include the empty line at their end. */
#define WEBSOCKET_KEY_SIZE 25    /* with the NUL */
#define WEBSOCKET_ACCEPT_SIZE 29
/* Length of the head at the beginning of `bytes`, or 0 when it is not complete yet. */
size_t websocket_head_length(struct view bytes);
void websocket_new_key(char key[static WEBSOCKET_KEY_SIZE]);
bool websocket_accept(const char *key, char accept[static WEBSOCKET_ACCEPT_SIZE]);
/* ERROR_MALFORMED "bad-upgrade", ERROR_NOT_FOUND when it asks for another path. */
MUST_USE bool websocket_read_request(struct view head, const char *path,
                                     char ret_key[static WEBSOCKET_KEY_SIZE], struct error *err);
/* The server's answer to that key; ERROR_UNAVAILABLE "bad-upgrade" quotes the status. */
MUST_USE bool websocket_read_answer(struct view head, const char *key, struct error *err);

#endif
