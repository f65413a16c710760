#include "agent/websocket.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONTROL_MAX 125
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* rfc6455#1.3 */

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };

/* ---- reading frames -------------------------------------------------------------------------- */

void websocket_reader_free(struct websocket_reader *reader) {
    wire_buffer_free(&reader->in);
    wire_buffer_free(&reader->message);
}

void websocket_feed(struct websocket_reader *reader, const void *at, size_t len) {
    struct wire_buffer *in = &reader->in;
    if (reader->taken > 0) {
        memmove(in->at, in->at + reader->taken, in->len - reader->taken);
        in->len -= reader->taken;
        reader->taken = 0;
    }
    wire_buffer_add(in, at, len);
}

struct frame {
    bool last;
    unsigned opcode;
    size_t header, length;
    uint8_t mask[4];
};

static enum websocket_event broken(struct error *err, const char *what) {
    fail(err, ERROR_MALFORMED, "bad-websocket", "WebSocket: %s.", what);
    return WEBSOCKET_BROKEN;
}

/* rfc6455#5.2: the minimal number of octets MUST be used for the length. */
static const char *read_length(const uint8_t *at, size_t bytes, uint64_t *ret_length) {
    uint64_t length = 0;
    for (size_t i = 0; i < bytes; i++)
        length = length << 8 | at[i];
    *ret_length = length;
    if ((bytes == 2 && length < 126) || (bytes == 8 && length <= UINT16_MAX))
        return "a length is not written shortest";
    return NULL;
}

/* 0: more is needed, 1: done, -1: broken. */
static int read_header(const struct websocket_reader *reader, struct view bytes,
                       struct frame *ret_frame, struct error *err) {
    struct frame frame;
    uint64_t length;
    if (bytes.len < 2)
        return 0;
    size_t more = (bytes.at[1] & LENGTH) == 127 ? 8 : (bytes.at[1] & LENGTH) == 126 ? 2 : 0;
    const char *problem = NULL;
    frame.last = (bytes.at[0] & FIN) != 0;
    frame.opcode = bytes.at[0] & OPCODE;
    frame.header = 2 + more + (reader->from_client ? 4 : 0);
    if ((bytes.at[0] & RESERVED) != 0)
        problem = "a reserved bit is set";
    else if (((bytes.at[1] & MASKED) != 0) != reader->from_client)
        problem = "a frame is masked as the other side's are";
    if (problem == NULL && bytes.len < frame.header)
        return 0;
    length = bytes.at[1] & LENGTH;
    if (problem == NULL && more > 0)
        problem = read_length(bytes.at + 2, more, &length);
    if (problem == NULL && length > reader->limit)
        problem = "a frame is too long";
    if (problem != NULL) {
        broken(err, problem);
        return -1;
    }
    frame.length = (size_t)length;
    memset(frame.mask, 0, sizeof frame.mask);
    if (reader->from_client)
        memcpy(frame.mask, bytes.at + 2 + more, sizeof frame.mask);
    *ret_frame = frame;
    return 1;
}

static void unmask(uint8_t *at, size_t len, const uint8_t mask[static 4]) {
    for (size_t i = 0; i < len; i++)
        at[i] ^= mask[i & 3];
}

/* rfc6455#5.5: short and whole. A pong nobody asked for means nothing. */
static enum websocket_event take_control(const struct frame *frame, struct view payload,
                                         struct view *ret_bytes, struct error *err) {
    if (!frame->last || frame->length > CONTROL_MAX)
        return broken(err, "a control frame is too long or in pieces");
    *ret_bytes = payload;
    switch (frame->opcode) {
    case WEBSOCKET_PING: return WEBSOCKET_PINGED;
    case WEBSOCKET_PONG: return WEBSOCKET_NOTHING;
    case WEBSOCKET_CLOSE:
        if (payload.len >= 2)
            *ret_bytes = view_of(payload.at + 2, payload.len - 2);
        return WEBSOCKET_CLOSED;
    default: return broken(err, "an unknown opcode");
    }
}

static enum websocket_event take_data(struct websocket_reader *reader, const struct frame *frame,
                                      struct view payload, struct view *ret_bytes,
                                      struct error *err) {
    if (frame->opcode != (reader->begun ? WEBSOCKET_CONTINUATION : WEBSOCKET_BINARY))
        return broken(err, "a frame out of its order, or of text");
    if (payload.len > reader->limit - reader->message.len)
        return broken(err, "a message is too long");
    /* An endless row of empty frames would hold a thread for ever. */
    if (payload.len == 0)
        return broken(err, "an empty frame");
    reader->begun = true;
    wire_buffer_add(&reader->message, payload.at, payload.len);
    if (!frame->last)
        return WEBSOCKET_NOTHING;
    reader->begun = false;
    reader->given = true;
    *ret_bytes = view_of(reader->message.at, reader->message.len);
    return WEBSOCKET_MESSAGE;
}

enum websocket_event websocket_next(struct websocket_reader *reader, struct view *ret_bytes,
                                    struct error *err) {
    struct frame frame;
    enum websocket_event event = WEBSOCKET_NOTHING;
    if (reader->given) {
        wire_buffer_free(&reader->message);
        reader->given = false;
    }
    while (event == WEBSOCKET_NOTHING) {
        if (reader->taken == reader->in.len) /* which may be nowhere yet */
            return WEBSOCKET_NOTHING;
        struct view rest =
            view_of(reader->in.at + reader->taken, reader->in.len - reader->taken);
        int there = read_header(reader, rest, &frame, err);
        if (there < 0)
            return WEBSOCKET_BROKEN;
        if (there == 0 || rest.len - frame.header < frame.length)
            return WEBSOCKET_NOTHING;
        uint8_t *at = reader->in.at + reader->taken + frame.header;
        unmask(at, frame.length, frame.mask);
        reader->taken += frame.header + frame.length;
        event = frame.opcode >= WEBSOCKET_CLOSE
                    ? take_control(&frame, view_of(at, frame.length), ret_bytes, err)
                    : take_data(reader, &frame, view_of(at, frame.length), ret_bytes, err);
    }
    return event;
}

/* ---- writing frames -------------------------------------------------------------------------- */

void websocket_frame(struct wire_buffer *out, enum websocket_opcode opcode, struct view payload,
                     bool from_client) {
    uint8_t head[14] = {(uint8_t)(FIN | opcode)}, mask[4] = {0};
    size_t len = 2, bytes = payload.len > UINT16_MAX ? 8 : payload.len > CONTROL_MAX ? 2 : 0;
    head[1] = (uint8_t)(bytes == 8 ? 127 : bytes == 2 ? 126 : payload.len);
    for (size_t i = bytes; i-- > 0;)
        head[len++] = (uint8_t)((uint64_t)payload.len >> (8 * i));
    if (from_client) {
        head[1] |= MASKED;
        random_bytes(mask, sizeof mask);
        memcpy(head + len, mask, sizeof mask);
        len += sizeof mask;
    }
    wire_buffer_reserve(out, len + payload.len);
    wire_buffer_add(out, head, len);
    wire_buffer_add(out, payload.at, payload.len);
    if (from_client)
        unmask(out->at + out->len - payload.len, payload.len, mask);
}

void websocket_close_frame(struct wire_buffer *out, unsigned code, const char *reason,
                           bool from_client) {
    char text[CONTROL_MAX];
    text[0] = (char)(code >> 8);
    text[1] = (char)code;
    int len = snprintf(text + 2, sizeof text - 2, "%s", reason);
    size_t used = (size_t)len < sizeof text - 3 ? (size_t)len : sizeof text - 3;
    websocket_frame(out, WEBSOCKET_CLOSE, view_of(text, used + 2), from_client);
}

/* ---- the HTTP exchange ----------------------------------------------------------------------- */

size_t websocket_head_length(struct view bytes) {
    for (size_t i = 3; i < bytes.len; i++)
        if (memcmp(bytes.at + i - 3, "\r\n\r\n", 4) == 0)
            return i + 1;
    return 0;
}

void websocket_new_key(char key[static WEBSOCKET_KEY_SIZE]) {
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes);
}

bool websocket_accept(const char *key, char accept[static WEBSOCKET_ACCEPT_SIZE]) {
    char text[WEBSOCKET_KEY_SIZE + sizeof GUID];
    uint8_t digest[20];
    int len = snprintf(text, sizeof text, "%s" GUID, key);
    if (EVP_Digest(text, (size_t)len, digest, NULL, EVP_sha1(), NULL) != 1)
        return false;
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
    return true;
}

/* One line without its end; false when there is none. */
static bool take_line(struct view *head, struct view *ret_line) {
    const uint8_t *end = head->len == 0 ? NULL : memchr(head->at, '\r', head->len);
    if (end == NULL || end + 1 == head->at + head->len || end[1] != '\n')
        return false;
    *ret_line = view_of(head->at, (size_t)(end - head->at));
    *head = view_of(end + 2, head->len - ret_line->len - 2);
    return true;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t';
}

/* The value of the only header of that name; the empty view when there is none or several. */
static struct view header_of(struct view head, const char *name) {
    struct view line, found = {NULL, 0};
    size_t len = strlen(name);
    bool first = true, several = false;
    while (take_line(&head, &line)) {
        bool is = !first && line.len > len && line.at[len] == ':' &&
                  strncasecmp((const char *)line.at, name, len) == 0;
        first = false;
        if (!is)
            continue;
        several = several || found.at != NULL;
        found = view_of(line.at + len + 1, line.len - len - 1);
        while (found.len > 0 && is_space(found.at[0]))
            found = view_of(found.at + 1, found.len - 1);
        while (found.len > 0 && is_space(found.at[found.len - 1]))
            found.len--;
    }
    return several ? (struct view){NULL, 0} : found;
}

static bool same_word(struct view a, const char *b) {
    return a.len == strlen(b) && strncasecmp((const char *)a.at, b, a.len) == 0;
}

/* A list of words with commas between them (rfc9110#5.6.1). */
static bool has_word(struct view list, const char *word) {
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.at, ',', list.len);
        size_t len = comma == NULL ? list.len : (size_t)(comma - list.at);
        struct view item = view_of(list.at, len);
        while (item.len > 0 && is_space(item.at[0]))
            item = view_of(item.at + 1, item.len - 1);
        while (item.len > 0 && is_space(item.at[item.len - 1]))
            item.len--;
        if (same_word(item, word))
            return true;
        size_t used = len + (comma == NULL ? 0 : 1);
        list = view_of(list.at + used, list.len - used);
    }
    return false;
}

static bool bad_upgrade(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "bad-upgrade",
                "This address is for agents, by WebSocket: %s.", what);
}

/* 16 octets in base64 (rfc6455#4.1). */
static bool is_key(struct view key) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.len != WEBSOCKET_KEY_SIZE - 1 || key.at[22] != '=' || key.at[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (key.at[i] == 0 || strchr(alphabet, key.at[i]) == NULL)
            return false;
    return true;
}

bool websocket_read_request(struct view head, const char *path,
                            char ret_key[static WEBSOCKET_KEY_SIZE], struct error *err) {
    char wanted[300];
    struct view line, all = head;
    int len = snprintf(wanted, sizeof wanted, "GET %s HTTP/1.1", path);
    if (!take_line(&head, &line))
        return bad_upgrade(err, "there is no request");
    if (!view_equal(line, view_of(wanted, (size_t)len)))
        return fail(err, ERROR_NOT_FOUND, "bad-upgrade",
                    "This address is for agents alone: GET %s by WebSocket.", path);
    struct view key = header_of(all, "Sec-WebSocket-Key");
    if (!same_word(header_of(all, "Upgrade"), "websocket") ||
        !has_word(header_of(all, "Connection"), "Upgrade"))
        return bad_upgrade(err, "no upgrade is asked for");
    if (!view_is(header_of(all, "Sec-WebSocket-Version"), "13")) /* rfc6455#4.1 */
        return bad_upgrade(err, "its version is 13");
    if (!is_key(key))
        return bad_upgrade(err, "the key is no base64 of 16 octets");
    memcpy(ret_key, key.at, key.len);
    ret_key[key.len] = '\0';
    return true;
}

bool websocket_read_answer(struct view head, const char *key, struct error *err) {
    static const char expected[] = "HTTP/1.1 101";
    char accept[WEBSOCKET_ACCEPT_SIZE];
    struct view line = {NULL, 0}, all = head;
    if (!take_line(&head, &line) || line.len < sizeof expected - 1 ||
        memcmp(line.at, expected, sizeof expected - 1) != 0)
        return fail(err, ERROR_UNAVAILABLE, "bad-upgrade",
                    "The gateway's address does not take agents: it answers \"%.*s\".",
                    (int)(line.len < 80 ? line.len : 80), line.at == NULL ? "" : (const char *)line.at);
    /* rfc6455#4.1: otherwise the client MUST fail the connection */
    if (!websocket_accept(key, accept) || !view_is(header_of(all, "Sec-WebSocket-Accept"), accept) ||
        !same_word(header_of(all, "Upgrade"), "websocket") ||
        !has_word(header_of(all, "Connection"), "Upgrade"))
        return fail(err, ERROR_UNAVAILABLE, "bad-upgrade",
                    "The gateway's address does not speak WebSocket (RFC 6455).");
    return true;
}
