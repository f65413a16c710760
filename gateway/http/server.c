/* The only file that knows CivetWeb. It gives us connections, threads, TLS records and the bytes of
 * a message; everything that a message means is decided here and in framing.c, path.c, router.c. */
#include "http/server.h"

#include "http/internal.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/metrics.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEP_ALIVE_MS 3000    /* an idle connection holds a thread */
#define FAIR_SHARE 32         /* requests of one connection while others may be waiting */
#define LEAST_BYTES_PER_MS 32 /* a peer that is slower loses the connection */
#define PIECE ((size_t)16384) /* one TLS record */
#define LINGER_MS 1000        /* for a client that is still sending what we refused */
#define LINGER_BYTES ((size_t)1024 * 1024)
#define PATIENCE_MS 1000      /* for a header or a piece of a body while others wait for a thread */
#define IDLE_PATIENCE_MS 250  /* with one that asks for nothing */
#define CROWD_MS 300          /* others wait: for longer than an arrival does that a free thread takes */
#define ADDRESS_SIZE 80
#define USUAL_HEAD ((size_t)640) /* of an answer; a longer one takes another piece of the arena */

static const char *const kind_names[] = {"http", "https", "mtls"};

METRIC(connections_open, METRIC_GAUGE, "gatehouse_http_connections",
       "Open connections, each of which holds a thread.", "listener");
METRIC(thread_count, METRIC_GAUGE, "gatehouse_http_threads",
       "Threads that serve connections.", "listener");
METRIC(requests_running, METRIC_GAUGE, "gatehouse_http_requests_running",
       "Requests that are being worked on.", "listener");

/* One CivetWeb context: a listen with settings of its own, or all of a kind that have none. */
struct site {
    struct http_server *server;
    enum http_listener kind;
    struct http_listen settings; /* address NULL: shared */
    struct http_limits limits;   /* none is 0, but for the body's */
    int threads;
    atomic_int running;
    struct mg_context *context;
    SSL_CTX *tls;
    struct http_tls_config tls_config;
    atomic_int connections;
};

struct http_server {
    struct http_server_config config;
    struct site *sites;
    size_t site_count;
    size_t *site_of; /* of each listen */
    int *ports;      /* of each listen */
    atomic_bool stopping, draining;
};

/* One request and its answer. */
struct exchange {
    struct site *site;
    struct mg_connection *connection;
    struct http_request request;
    struct http_response response;
    struct http_framing framing;
    bool head;        /* came as HEAD */
    bool old_version; /* HTTP/1.0 */
    bool unread;      /* there is a body that nobody has read */
    bool invited;     /* 100 Continue was sent */
};

/* ---- patience ---- */

/* A peer that is slow holds a thread until its deadline; while others wait for one it has less time than that. */
struct patience {
    struct mg_context *context;
    int64_t ends_us;    /* 0: to be counted from the first wait on, the handshake's */
    int64_t crowded_us; /* since when others wait; 0: they do not */
};

static _Thread_local struct patience patience;

static void be_patient(uint64_t milliseconds) {
    patience.ends_us = clock_monotonic_us() + (int64_t)milliseconds * 1000;
    patience.crowded_us = 0;
}

/* Asked by our patch (scripts/patches) before this thread waits for its peer, and time and again meanwhile. */
static int hurry(void) {
    int64_t now_us = clock_monotonic_us();
    if (patience.ends_us == 0)
        be_patient(PATIENCE_MS);
    if (now_us < patience.ends_us)
        return 0;
    bool crowded = mg_get_waiting_connections(patience.context) > 0;
    if (!crowded || patience.crowded_us == 0)
        patience.crowded_us = crowded ? now_us : 0;
    return crowded && now_us - patience.crowded_us >= CROWD_MS * 1000;
}

/* From our patch, too: CivetWeb's own time-out starts anew with every byte. */
static void set_deadline(unsigned milliseconds) {
    mg_set_io_deadline(milliseconds);
}

/* The deadline of a transfer, from now. */
static void set_transfer_deadline(const struct site *site, uint64_t bytes) {
    uint64_t ms = (uint64_t)site->limits.request_ms + bytes / LEAST_BYTES_PER_MS;
    set_deadline(ms > INT32_MAX ? INT32_MAX : (unsigned)ms);
}

/* ---- reading ---- */

/* Each is another's, and no secret: random for each thread to begin with, then counted and stirred (splitmix64, a
 * bijection). */
static const char *new_id(struct arena *arena) {
    static _Thread_local uint64_t count;
    if (count == 0)
        random_bytes((uint8_t *)&count, sizeof count);
    uint64_t id = count += UINT64_C(0x9e3779b97f4a7c15);
    id = (id ^ id >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    id = (id ^ id >> 27) * UINT64_C(0x94d049bb133111eb);
    id ^= id >> 31;
    return hex_encode(arena, view_of(&id, sizeof id));
}

static void take_certificate(struct http_request *request, const struct mg_request_info *info) {
    unsigned char *der = NULL;
    if (request->listener != LISTENER_MTLS || info->client_cert == NULL)
        return;
    int len = i2d_X509(info->client_cert->peer_cert, &der);
    if (len > 0)
        request->client_certificate = arena_copy(request->arena, der, (size_t)len);
    OPENSSL_free(der);
}

static void begin(struct exchange *x, struct arena *arena, const struct mg_request_info *info) {
    struct http_request *request = &x->request;
    request->arena = x->response.arena = arena;
    request->id = new_id(arena);
    request->listener = x->site->kind;
    request->address = info->remote_addr[0] == '\0' ? "unix" : info->remote_addr;
    request->query = info->query_string == NULL ? "" : info->query_string;
    request->method = info->request_method == NULL ? "" : info->request_method;
    x->head = request->head = strcmp(request->method, "HEAD") == 0;
    if (x->head)
        request->method = "GET";
    x->old_version = info->http_version == NULL || strcmp(info->http_version, "1.1") != 0;
    for (int i = 0; i < info->num_headers && i < HTTP_MAX_HEADERS; i++)
        request->headers[request->header_count++] =
            (struct http_header){info->http_headers[i].name, info->http_headers[i].value};
    take_certificate(request, info);
    http_tls_describe(request);
    log_request_id(request->id);
}

/* The path as it came. An absolute target ("http://host/path", rfc9112#3.2.2) gives its path. */
static bool take_path(struct exchange *x, const struct mg_request_info *info, struct error *err) {
    const char *raw = info->local_uri_raw;
    if (raw < info->request_uri || raw > info->request_uri + strlen(info->request_uri))
        return fail(err, ERROR_MALFORMED, "malformed-path",
                    "The target of the request has no path.");
    x->request.raw_path = raw;
    return http_path_decode(x->request.arena, raw, &x->request.path, err);
}

static bool incomplete(struct error *err) {
    return fail(err, ERROR_MALFORMED, "incomplete-body",
                "The body of the request ended early, was badly chunked or came too slowly.");
}

static bool too_large(size_t limit, struct error *err) {
    return fail(err, ERROR_TOO_LARGE, "body-too-large",
                "The body of the request is too large; at most %zu bytes are taken here.", limit);
}

static bool read_sized(struct exchange *x, struct error *err) {
    size_t len = (size_t)x->framing.length, got = 0;
    uint8_t *at = arena_alloc(x->request.arena, len + 1);
    while (got < len) {
        be_patient(PATIENCE_MS);
        int n = mg_read(x->connection, at + got, len - got < PIECE ? len - got : PIECE);
        if (n <= 0)
            return incomplete(err);
        got += (size_t)n;
    }
    x->request.body = view_of(at, len);
    return true;
}

static bool read_chunked(struct exchange *x, size_t limit, struct error *err) {
    struct buffer body = buffer_on(x->request.arena);
    uint8_t piece[4096];
    for (;;) {
        /* mg_read waits for all it is asked for: never ask beyond the byte that is too many. */
        size_t ask = limit - body.len + 1;
        be_patient(PATIENCE_MS);
        int n = mg_read(x->connection, piece, ask < sizeof piece ? ask : sizeof piece);
        if (n < 0)
            return incomplete(err);
        if (n == 0)
            break;
        if ((size_t)n > limit - body.len)
            return too_large(limit, err);
        buffer_add(&body, piece, (size_t)n);
    }
    x->request.body = buffer_view(&body);
    return true;
}

static bool read_body(struct exchange *x, struct error *err) {
    static const char invitation[] = "HTTP/1.1 100 Continue\r\n\r\n";
    size_t limit, most = x->site->limits.body;
    x->unread = x->framing.chunked || x->framing.length > 0;
    if (!x->unread || !http_router_body_limit(x->site->server->config.router, &x->request, &limit))
        return true; /* without a route the router says so; the body is never looked at */
    limit = most != 0 && most < limit ? most : limit;
    if (limit == 0)
        return fail(err, ERROR_MALFORMED, "unexpected-body", "%s takes no body here.",
                    x->request.method);
    if (x->framing.length > limit)
        return too_large(limit, err);
    set_transfer_deadline(x->site, x->framing.chunked ? limit : x->framing.length);
    if (x->framing.expect_continue) { /* rfc9110#10.1.1 */
        x->invited = true;
        if (mg_write(x->connection, invitation, sizeof invitation - 1) <= 0)
            return incomplete(err);
    }
    TRY(x->framing.chunked ? read_chunked(x, limit, err) : read_sized(x, err));
    x->unread = false;
    return true;
}

static bool take_client(struct exchange *x, struct error *err) {
    const struct http_server_config *config = &x->site->server->config;
    if (config->client != NULL)
        return config->client(config->client_context, &x->request, x->site->settings.plain, err);
    return !x->site->settings.plain ||
           fail(err, ERROR_FORBIDDEN, "proxy-not-trusted",
                "This listener is for a proxy, and none is trusted; set trusted-proxy.");
}

/* 0, or the status to refuse the request with. */
static int read_request(struct exchange *x, const struct mg_request_info *info, struct error *err) {
    if (info->num_headers >= HTTP_MAX_HEADERS) { /* CivetWeb drops the ones beyond */
        (void)fail(err, ERROR_MALFORMED, "too-many-headers",
                   "The request has too many headers; fewer than %d are taken.", HTTP_MAX_HEADERS);
        return 431;
    }
    int status = http_framing_check(&x->request, info->http_version, &x->framing, err);
    if (status != 0) {
        x->framing.keep_alive = false;
        return status;
    }
    if (!take_path(x, info, err) || !take_client(x, err) || !read_body(x, err))
        return http_status_of(err->kind);
    return 0;
}

/* ---- writing ---- */

static bool send_all(struct mg_connection *connection, struct view bytes) {
    while (bytes.len > 0) {
        size_t piece = bytes.len < PIECE ? bytes.len : PIECE;
        be_patient(PATIENCE_MS);
        if (mg_write(connection, bytes.at, piece) != (int)piece)
            return false;
        bytes = view_of(bytes.at + piece, bytes.len - piece);
    }
    return true;
}

/* Requests on this thread's connection so far. */
static _Thread_local unsigned served;

static bool had_its_share(struct site *site) {
    return served >= FAIR_SHARE && atomic_load(&site->connections) >= site->threads;
}

static bool send_piece(struct exchange *x, struct view piece) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer out = buffer_on(arena);
    set_transfer_deadline(x->site, piece.len);
    if (x->old_version) /* the end of the connection is the end of the body */
        return send_all(x->connection, piece);
    buffer_printf(&out, "%zx\r\n", piece.len); /* rfc9112#7.1 */
    buffer_add(&out, piece.at, piece.len);
    buffer_add_text(&out, "\r\n");
    return send_all(x->connection, buffer_view(&out));
}

/* True when the whole body has gone. */
static bool send_stream(struct exchange *x) {
    size_t len;
    do {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct view piece = {NULL, 0};
        struct error err = {0};
        if (!x->response.more(x->response.more_context, arena, &piece, &err)) {
            log_failure(LOG_WARN, "http", "an answer ends in the middle", &err);
            return false;
        }
        len = piece.len;
        if ((len > 0 || !x->old_version) && !send_piece(x, piece))
            return false;
    } while (len > 0);
    return true;
}

static void send_response(struct exchange *x) {
    struct http_response *response = &x->response;
    bool stays = x->framing.keep_alive && x->site->limits.keep_alive_ms > 0 && !x->unread && !had_its_share(x->site) &&
                 !(response->more != NULL && x->old_version) &&
                 !atomic_load(&x->site->server->stopping) &&
                 !atomic_load(&x->site->server->draining);
    struct buffer out = buffer_on(response->arena);
    struct view body = response->body;
    if (x->head || !http_status_has_body(response->status))
        body.len = 0;
    bool together = body.len < PIECE; /* in one packet, one record */
    buffer_reserve(&out, USUAL_HEAD + (together ? body.len : 0));
    http_head(&out, &x->request, response, x->old_version, stays);
    set_transfer_deadline(x->site, out.len + body.len);
    if (together) {
        buffer_add(&out, body.at, body.len);
        body.len = 0;
    }
    if (!send_all(x->connection, buffer_view(&out)) || !send_all(x->connection, body))
        stays = false;
    else if (response->more != NULL && !x->head && http_status_has_body(response->status) && !send_stream(x))
        stays = false;
    if (!stays)
        mg_disable_connection_keep_alive(x->connection);
}

/* Closing on a client that still sends would reset the connection before it has read our answer. */
static void linger(struct exchange *x) {
    char piece[4096];
    size_t total = 0;
    int n;
    if (!x->unread || (x->framing.expect_continue && !x->invited))
        return;
    set_deadline(LINGER_MS);
    while (total < LINGER_BYTES && (n = mg_read(x->connection, piece, sizeof piece)) > 0)
        total += (size_t)n;
}

static void refuse(struct exchange *x, int status, const struct error *err, int64_t started_us) {
    http_problem_as(&x->request, &x->response, status, err);
    http_add_security_headers(&x->request, &x->response);
    http_log_request(&x->request, NULL, status, started_us, LOG_INFO);
}

/* ---- CivetWeb's callbacks ---- */

static void serve(struct exchange *x, const struct mg_request_info *info) {
    struct http_server *server = x->site->server;
    int64_t started_us = clock_monotonic_us();
    struct error err = {0};
    int status = read_request(x, info, &err);
    if (status != 0)
        refuse(x, status, &err, started_us);
    else
        http_router_handle(server->config.router, &x->request, &x->response);
    send_response(x);
}

static void serve_nothing(struct exchange *x, int status, const struct error *err) {
    refuse(x, status, err, clock_monotonic_us());
    send_response(x);
}

/* "/api" serves "/api" and "/api/...", "/api/" what is below it. */
static bool has_path(const struct site *site, const char *path) {
    const char *const *paths = site->settings.paths;
    if (paths == NULL || path == NULL)
        return true;
    for (; *paths != NULL; paths++) {
        size_t len = strlen(*paths);
        if (strncmp(path, *paths, len) == 0 &&
            (path[len] == '\0' || path[len] == '/' || path[len] == '?' || (len > 0 && path[len - 1] == '/')))
            return true;
    }
    return false;
}

/* What this server or this listener does not take, whatever it is; 0, or the status. */
static int turn_away(const struct site *site, int running, const struct mg_request_info *info,
                     struct error *err) {
    if (atomic_load(&site->server->stopping)) {
        (void)fail(err, ERROR_UNAVAILABLE, "stopping", "The server is stopping; try again.");
        return 503;
    }
    if (site->settings.most > 0 && running > site->settings.most) {
        (void)fail(err, ERROR_UNAVAILABLE, "too-busy",
                   "This listener works on %d requests at once, and has as many; try again.",
                   site->settings.most);
        return 503;
    }
    if (!has_path(site, info->local_uri_raw)) {
        (void)fail(err, ERROR_NOT_FOUND, "other-listener",
                   "This address is not served on this port; use another one.");
        return 404;
    }
    return 0;
}

static int on_request(struct mg_connection *connection) {
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct site *site = info->user_data;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct exchange x = {.site = site, .connection = connection};
    begin(&x, arena, info);
    served++;
    struct error err = {0};
    METRIC_ADD(&requests_running, 1, kind_names[site->kind]);
    int status = turn_away(site, atomic_fetch_add(&site->running, 1) + 1, info, &err);
    if (status != 0)
        serve_nothing(&x, status, &err);
    else
        serve(&x, info);
    atomic_fetch_sub(&site->running, 1);
    METRIC_ADD(&requests_running, -1, kind_names[site->kind]);
    linger(&x);
    set_deadline(0);
    be_patient(IDLE_PATIENCE_MS);
    log_request_id(NULL);
    return x.response.status > 0 && x.response.status < 1000 ? x.response.status : 500;
}

/* What CivetWeb itself refuses: it could not read a message, and closes. */
static int on_unreadable(struct mg_connection *connection, int status, const char *text) {
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct site *site = info->user_data;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct exchange x = {.site = site, .connection = connection};
    struct error err = {0};
    (void)text;
    begin(&x, arena, info);
    x.head = false;
    if (status == 431)
        (void)fail(&err, ERROR_MALFORMED, "header-too-large",
                   "The request line and headers are larger than %zu bytes.",
                   site->limits.header);
    else if (status == 505)
        (void)fail(&err, ERROR_MALFORMED, "http-version", "This server speaks HTTP/1.1 and 1.0.");
    else
        (void)fail(&err, ERROR_MALFORMED, "malformed-request",
                   "The request is not HTTP/1.1 as RFC 9112 has it, or did not come in time.");
    refuse(&x, status < 400 ? 400 : status, &err, clock_monotonic_us());
    send_response(&x);
    set_deadline(0);
    log_request_id(NULL);
    return 0;
}

static void *on_thread(const struct mg_context *context, int type) {
    if (type == 1) { /* serves connections */
        patience.context = (struct mg_context *)context; /* its lock is taken, for us alone it is constant */
        mg_set_io_hurry(hurry);
    }
    return NULL;
}

static int on_connect(const struct mg_connection *connection, void **ret_data) {
    struct site *site = mg_get_user_data(mg_get_context(connection)); /* there is no request yet */
    atomic_fetch_add(&site->connections, 1);
    METRIC_ADD(&connections_open, 1, kind_names[site->kind]);
    served = 0;
    be_patient(PATIENCE_MS);
    *ret_data = site;
    return 0;
}

static void on_close(const struct mg_connection *connection) {
    struct site *site = mg_get_user_connection_data(connection);
    http_tls_forget();
    patience.ends_us = 0;
    if (site == NULL) /* a failed handshake */
        return;
    atomic_fetch_sub(&site->connections, 1);
    METRIC_ADD(&connections_open, -1, kind_names[site->kind]);
}

/* While a server starts, CivetWeb's last message says why it does not. */
static _Thread_local char start_message[200];

static int on_message(const struct mg_connection *connection, const char *message) {
    (void)connection;
    snprintf(start_message, sizeof start_message, "%s", message);
    log_debug("http", "civetweb: %s", message);
    return 1;
}

static int give_tls(void **ret_tls, void *site) {
    *ret_tls = ((struct site *)site)->tls;
    return 1;
}

/* ---- starting and stopping ---- */

/* No log_access: with one, CivetWeb calls localtime() in every thread. */
static const struct mg_callbacks callbacks = {
    .begin_request = on_request,
    .http_error = on_unreadable,
    .init_thread = on_thread,
    .init_connection = on_connect,
    .connection_close = on_close,
    .log_message = on_message,
    .external_ssl_ctx = give_tls,
};

static bool address_valid(const char *address) {
    char host[ADDRESS_SIZE];
    unsigned char bytes[16];
    if (strncmp(address, "unix:/", 6) == 0)
        return strlen(address) < ADDRESS_SIZE && strpbrk(address, ", ") == NULL;
    const char *colon = strrchr(address, ':');
    size_t digits = colon == NULL ? 0 : strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || strtoul(colon + 1, NULL, 10) > 65535 ||
        (size_t)(colon - address) >= sizeof host)
        return false;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    if (host[0] != '[')
        return inet_pton(AF_INET, host, bytes) == 1;
    size_t len = strlen(host);
    if (host[len - 1] != ']')
        return false;
    host[len - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, bytes) == 1;
}

static bool has_tls(const struct site *site) {
    return site->kind != LISTENER_HTTP && !site->settings.plain;
}

static size_t index_of(const struct site *site) {
    return (size_t)(site - site->server->sites);
}

/* CivetWeb's list of this site's listens: "127.0.0.1:8443s,[::1]:8443s"; "x/path" is a socket. */
static const char *listen_list(struct arena *arena, const struct site *site) {
    const struct http_server_config *config = &site->server->config;
    struct buffer list = buffer_on(arena);
    for (size_t i = 0; i < config->listen_count; i++)
        if (site->server->site_of[i] == index_of(site)) {
            const char *address = config->listens[i].address;
            bool local = strncmp(address, "unix:", 5) == 0;
            buffer_printf(&list, "%s%s%s%s", list.len > 0 ? "," : "", local ? "x" : "",
                          local ? address + 5 : address, has_tls(site) ? "s" : "");
        }
    return buffer_text(&list);
}

static void note_ports(struct site *site) {
    const struct http_server_config *config = &site->server->config;
    struct mg_server_port ports[64];
    int count = mg_get_server_ports(site->context, 64, ports), next = 0;
    for (size_t i = 0; i < config->listen_count; i++)
        if (site->server->site_of[i] == index_of(site) && next < count)
            site->server->ports[i] = ports[next++].port;
}

static void init_civetweb(void) {
    mg_init_library(MG_FEATURES_TLS | MG_FEATURES_IPV6);
}

static bool start_context(struct site *site, const char *list, struct error *err) {
    const struct http_limits *limits = &site->limits;
    char threads[16], header_limit[24], timeout[16], keep_alive[16], text[200] = "";
    snprintf(threads, sizeof threads, "%d", site->threads);
    snprintf(header_limit, sizeof header_limit, "%zu", limits->header);
    snprintf(timeout, sizeof timeout, "%d", limits->request_ms);
    snprintf(keep_alive, sizeof keep_alive, "%d", limits->keep_alive_ms > 0 ? limits->keep_alive_ms : 1);
    /* No document root, and every request is ours: nothing of CivetWeb's own serving is reached. */
    /* clang-format off */
    const char *options[] = {
        "listening_ports", list, "num_threads", threads, "max_request_size", header_limit,
        "request_timeout_ms", timeout, "enable_keep_alive", "yes",
        "keep_alive_timeout_ms", keep_alive, "tcp_nodelay", "1", "connection_queue", "256",
        "listen_backlog", "1024",
        "decode_url", "no", "decode_query_string", "no", "enable_auth_domain_check", "no",
        "enable_directory_listing", "no", "allow_sendfile_call", "no", NULL,
    };
    /* clang-format on */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct mg_init_data init = {&callbacks, site, options};
    struct mg_error_data trouble = {.text = text, .text_buffer_size = sizeof text};
    pthread_once(&once, init_civetweb);
    start_message[0] = '\0';
    site->context = mg_start2(&init, &trouble);
    if (site->context == NULL)
        return fail(
            err, ERROR_UNAVAILABLE, "cannot-listen",
            "The server cannot listen on %s: %s. Choose another address, or stop what uses it.",
            list, start_message[0] != '\0' ? start_message : text);
    note_ports(site);
    METRIC_ADD(&thread_count, site->threads, kind_names[site->kind]);
    return true;
}

static bool start_site(struct site *site, struct error *err) {
    const struct http_server_config *config = &site->server->config;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *list = listen_list(arena, site);
    if (has_tls(site)) {
        if (config->certificate == NULL)
            return fail_internal(err, "a TLS listener without a certificate callback");
        site->tls_config = (struct http_tls_config){
            site->kind == LISTENER_MTLS, site->settings.require_certificate, config->certificate,
            config->certificate_context, site->settings.proxy_protocol, config->trusts, config->trusts_context};
        TRY(http_tls_new(&site->tls_config, &site->tls, err));
    }
    return start_context(site, list, err);
}

static bool check_config(const struct http_server_config *config, struct error *err) {
    if (config->threads < 1 || config->request_timeout_ms < 1 || config->header_limit < 1024 ||
        config->header_limit > INT32_MAX || config->listen_count > 64)
        return fail_internal(err,
                             "threads, time-out, header limit or number of listens out of range");
    for (size_t i = 0; i < config->listen_count; i++)
        if (!address_valid(config->listens[i].address))
            return fail(
                err, ERROR_MALFORMED, "bad-address",
                "The address \"%.60s\" cannot be listened on; write it like 127.0.0.1:8080 or "
                "[::1]:8080.",
                config->listens[i].address);
    return true;
}

static bool has_settings(const struct http_listen *l) {
    const struct http_limits *m = &l->limits;
    return l->plain || l->require_certificate || l->proxy_protocol || l->paths != NULL || l->threads > 0 || l->most > 0 ||
           m->header > 0 || m->body > 0 || m->request_ms > 0 || m->keep_alive_ms != 0 || m->stop_grace_ms > 0;
}

static struct http_limits limits_of(const struct http_server_config *config, const struct http_limits *own) {
    struct http_limits l = *own;
    l.header = l.header > 0 ? l.header : config->header_limit;
    l.request_ms = l.request_ms > 0 ? l.request_ms : config->request_timeout_ms;
    if (l.keep_alive_ms == 0)
        l.keep_alive_ms = l.request_ms < KEEP_ALIVE_MS ? l.request_ms : KEEP_ALIVE_MS;
    if (l.stop_grace_ms == 0)
        l.stop_grace_ms = config->stop_grace_ms > 0 ? config->stop_grace_ms : config->request_timeout_ms;
    return l;
}

/* The site of the i-th listen; a new one when there is none that it can share. */
static size_t place(struct http_server *server, size_t i) {
    const struct http_listen *l = &server->config.listens[i];
    bool own = has_settings(l);
    for (size_t k = 0; !own && k < server->site_count; k++)
        if (server->sites[k].settings.address == NULL && server->sites[k].kind == l->kind)
            return k;
    struct site *site = &server->sites[server->site_count];
    site->server = server;
    site->kind = l->kind;
    site->threads = l->threads > 0 ? l->threads : server->config.threads;
    site->limits = limits_of(&server->config, &l->limits);
    if (own)
        site->settings = *l;
    return server->site_count++;
}

bool http_server_start(const struct http_server_config *config, struct http_server **ret_server,
                       struct error *err) {
    TRY(check_config(config, err));
    struct http_server *server = must_alloc(sizeof *server);
    server->config = *config;
    server->ports = must_alloc(sizeof *server->ports * (config->listen_count + 1));
    server->site_of = must_alloc(sizeof *server->site_of * (config->listen_count + 1));
    server->sites = must_alloc(sizeof *server->sites * (config->listen_count + 1));
    for (size_t i = 0; i < config->listen_count; i++)
        server->site_of[i] = place(server, i);
    bool ok = true;
    for (size_t i = 0; ok && i < server->site_count; i++)
        ok = start_site(&server->sites[i], err);
    server->config.listens = NULL; /* they need not outlive this call */
    if (!ok) {
        http_server_stop(server);
        return false;
    }
    *ret_server = server;
    return true;
}

int http_server_port(const struct http_server *server, size_t listen) {
    return listen < server->config.listen_count ? server->ports[listen] : 0;
}

void http_server_drain(struct http_server *server) {
    atomic_store(&server->draining, true);
}

static bool waits(const struct http_server *server, int64_t waited_us) {
    for (size_t i = 0; i < server->site_count; i++)
        if (atomic_load(&server->sites[i].running) > 0 && waited_us < server->sites[i].limits.stop_grace_ms * INT64_C(1000))
            return true;
    return false;
}

void http_server_stop(struct http_server *server) {
    if (server == NULL)
        return;
    int64_t began_us = clock_monotonic_us();
    atomic_store(&server->stopping, true);
    while (waits(server, clock_monotonic_us() - began_us))
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    for (size_t i = 0; i < server->site_count; i++) {
        mg_stop(server->sites[i].context);
        SSL_CTX_free(server->sites[i].tls);
    }
    free(server->sites);
    free(server->site_of);
    free(server->ports);
    free(server);
}
