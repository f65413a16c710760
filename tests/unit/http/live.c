#include "live.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static bool echo(void *context, struct http_request *request, struct http_response *response,
                 struct error *err) {
    (void)context, (void)err;
    const char *text =
        request->body.len > 0 ? arena_text(request->arena, request->body) : request->path;
    http_reply_text(response, 200, "text/plain", text);
    return true;
}

static bool rest(void *context, struct http_request *request, struct http_response *response,
                 struct error *err) {
    (void)context, (void)err;
    http_reply_text(response, 200, "text/plain", request->parameters[0]);
    return true;
}

static bool big(void *context, struct http_request *request, struct http_response *response,
                struct error *err) {
    (void)context, (void)err;
    size_t len = (size_t)16 << 20;
    char *body = arena_alloc(request->arena, len);
    memset(body, 'b', len);
    http_reply(response, 200, "application/octet-stream", view_of(body, len));
    return true;
}

/* Three pieces, "piece 0\n" and so on; "/stream/broken" fails after the second. */
struct stream {
    int at;
    bool broken;
};

static bool stream_more(void *context, struct arena *arena, struct view *ret_piece, struct error *err) {
    struct stream *s = context;
    if (s->broken && s->at == 2)
        return fail_internal(err, "it is gone");
    if (s->at < 3)
        *ret_piece = view_text(arena_printf(arena, "piece %d\n", s->at++));
    return true;
}

static bool stream(void *context, struct http_request *request, struct http_response *response,
                   struct error *err) {
    (void)context, (void)err;
    struct stream *s = arena_alloc(request->arena, sizeof *s);
    s->broken = strcmp(request->parameters[0], "broken") == 0;
    http_reply_text(response, 200, "text/plain", "");
    response->more = stream_more;
    response->more_context = s;
    return true;
}

static bool slow(void *context, struct http_request *request, struct http_response *response,
                 struct error *err) {
    (void)context, (void)err, (void)request;
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    http_reply_text(response, 200, "text/plain", "slept");
    return true;
}

static bool certificate_of(void *context, struct http_request *request,
                           struct http_response *response, struct error *err) {
    (void)context, (void)err;
    http_reply(response, 200, "application/octet-stream", request->client_certificate);
    return true;
}

#define ALL (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)

/* clang-format off */
static const struct http_route routes[] = {
    {"GET", "/echo", GATE_OPEN, ALL, 0, echo, NULL},
    {"POST", "/echo", GATE_OPEN, ALL, 1000, echo, NULL},
    {"POST", "/large", GATE_OPEN, ALL, (size_t)8 << 20, echo, NULL},
    {"DELETE", "/echo", GATE_OPEN, ALL, 0, echo, NULL},
    {"GET", "/files/{*}", GATE_OPEN, ALL, 0, rest, NULL},
    {"GET", "/big", GATE_OPEN, ALL, 0, big, NULL},
    {"GET", "/stream/{}", GATE_OPEN, ALL, 0, stream, NULL},
    {"GET", "/slow", GATE_OPEN, ALL, 0, slow, NULL},
    {"GET", "/certificate", GATE_OPEN, ALL, 0, certificate_of, NULL},
};
/* clang-format on */
static const struct http_room rooms[] = {{routes, sizeof routes / sizeof routes[0], NULL}};
const struct http_router live_router = {.rooms = rooms, .room_count = 1};

struct http_server *live_start(const struct http_listen *listens, size_t count, int threads,
                               bool (*certificate)(void *context, SSL *ssl), void *context) {
    struct http_server_config config = {
        .listens = listens,
        .listen_count = count,
        .threads = threads,
        .header_limit = 8192,
        .request_timeout_ms = LIVE_TIMEOUT_MS,
        .certificate = certificate,
        .certificate_context = context,
        .router = &live_router,
    };
    struct http_server *server = NULL;
    struct error err = {0};
    if (!http_server_start(&config, &server, &err))
        fail_msg("%s (%s)", err.message, err.detail);
    return server;
}

int live_connect(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(s, (struct sockaddr *)&to, sizeof to), 0);
    return s;
}

void live_send(int s, const void *at, size_t len) {
    const char *from = at;
    while (len > 0) {
        ssize_t n = send(s, from, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server may have closed: what it said decides */
        from += n;
        len -= (size_t)n;
    }
}

void live_say(int s, const char *text) {
    live_send(s, text, strlen(text));
}

/* 1 data, 0 the peer closed, -1 time is over */
static int read_some(int s, struct buffer *into, int64_t until_us) {
    char piece[65536];
    int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
    struct pollfd p = {.fd = s, .events = POLLIN};
    if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
        return -1;
    ssize_t n = recv(s, piece, sizeof piece, 0);
    if (n <= 0)
        return 0;
    buffer_add(into, piece, (size_t)n);
    return 1;
}

const char *live_read(struct arena *arena, int s, int ms, bool *ret_closed) {
    struct buffer all = buffer_on(arena);
    int64_t until_us = clock_monotonic_us() + (int64_t)ms * 1000;
    int result;
    while ((result = read_some(s, &all, until_us)) > 0)
        ;
    if (ret_closed != NULL)
        *ret_closed = result == 0;
    return buffer_text(&all);
}

/* Byte by byte up to the end of the head, so that nothing of the next response is taken. */
static bool read_head(int s, struct buffer *all) {
    struct pollfd p = {.fd = s, .events = POLLIN};
    char c;
    while (all->len < 4 || memcmp(all->at + all->len - 4, "\r\n\r\n", 4) != 0) {
        if (poll(&p, 1, 3000) <= 0 || recv(s, &c, 1, 0) != 1)
            return false;
        buffer_add_byte(all, (uint8_t)c);
    }
    return true;
}

const char *live_response(struct arena *arena, int s, bool head) {
    struct buffer all = buffer_on(arena);
    if (!read_head(s, &all))
        return "";
    const char *length = strstr(buffer_text(&all), "Content-Length: ");
    size_t left = head || length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    char piece[4096];
    while (left > 0) {
        ssize_t n = recv(s, piece, left < sizeof piece ? left : sizeof piece, 0);
        if (n <= 0)
            return "";
        buffer_add(&all, piece, (size_t)n);
        left -= (size_t)n;
    }
    return buffer_text(&all);
}

const char *live_ask(struct arena *arena, int port, const char *text, bool *ret_closed) {
    int s = live_connect(port);
    live_say(s, text);
    const char *response = live_read(arena, s, 3000, ret_closed);
    close(s);
    return response;
}

int live_status(const char *response) {
    return strncmp(response, "HTTP/1.1 ", 9) == 0 ? atoi(response + 9) : 0;
}

const char *live_body(const char *response) {
    const char *end = strstr(response, "\r\n\r\n");
    return end == NULL ? "" : end + 4;
}
