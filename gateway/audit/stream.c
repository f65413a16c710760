/* Streams carry sealed events to where others look: syslog (RFC 5424 over TLS, RFC 5425), HTTP, systemd's journal,
 * the service's own output as JSON lines. What a stream has delivered is the number of a seal, so the database is its
 * spool: nothing is lost while the other side is away, and a batch may come twice. */
#include "audit/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/secret.h"
#include "net/fetch.h"
#include "net/tunnel.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S 10
#define SEALS_AT_ONCE 20u
#define RETRY_US (15 * US_PER_SECOND)
#define FACILITY_AUDIT 13 /* rfc5424#6.2.1: log audit */
#define MAX_CA_PEM ((size_t)64 * 1024)

const char *stream_secret_place(struct arena *arena, const char *slug) {
    return arena_printf(arena, "event_streams/%s/secret", slug);
}

/* --- settings ----------------------------------------------------------------------------------------------- */

static bool bad_setting(const char *what, struct error *err) {
    return fail(err, ERROR_POLICY, "bad-setting", "The stream's settings are refused: %s.", what);
}

static bool check_syslog(const struct json *settings, struct error *err) {
    static const char *const members[] = {"host", "port", "tls", "ca", NULL};
    const char *host = NULL, *ca = NULL;
    int64_t port = 6514;
    bool tls = true;
    TRY(json_only(settings, members, err) && json_string(settings, "host", &host, err) &&
        json_string(settings, "ca", &ca, err) && json_int(settings, "port", 1, 65535, &port, err) &&
        json_bool(settings, "tls", &tls, err));
    if (host == NULL || host[0] == '\0' || strlen(host) > 255 || strpbrk(host, " /\r\n") != NULL)
        return bad_setting("syslog needs \"host\", a name or an address", err);
    return ca == NULL || strlen(ca) <= MAX_CA_PEM || bad_setting("\"ca\" is too long", err);
}

static bool check_http(const struct json *settings, struct error *err) {
    static const char *const members[] = {"url", "format", NULL};
    const char *url = NULL, *format = NULL;
    TRY(json_only(settings, members, err) && json_string(settings, "url", &url, err) &&
        json_string(settings, "format", &format, err));
    if (url == NULL || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) ||
        strlen(url) > 1000)
        return bad_setting("http needs \"url\", http or https", err);
    return format == NULL || strcmp(format, "lines") == 0 || strcmp(format, "array") == 0 ||
           bad_setting("\"format\" is \"lines\" or \"array\"", err);
}

bool stream_check(struct arena *arena, const char *kind, const struct json *settings,
                  struct error *err) {
    static const char *const nothing[] = {NULL};
    (void)arena;
    if (strcmp(kind, "syslog") == 0)
        return check_syslog(settings, err);
    if (strcmp(kind, "http") == 0)
        return check_http(settings, err);
    if (strcmp(kind, "log") == 0 || strcmp(kind, "journal") == 0)
        return json_only(settings, nothing, err);
    return bad_setting("its kind is \"syslog\", \"http\", \"journal\" or \"log\"", err);
}

/* --- syslog -------------------------------------------------------------------------------------------------- */

/* A value of structured data (rfc5424#6.3.3). */
static const char *escape(struct arena *arena, const char *text) {
    struct buffer out = buffer_on(arena);
    for (; *text != '\0'; text++) {
        if (strchr("\"\\]", *text) != NULL)
            buffer_add_byte(&out, '\\');
        buffer_add_byte(&out, (uint8_t)((unsigned char)*text < 0x20 ? ' ' : *text));
    }
    return buffer_text(&out);
}

/* PRINTUSASCII of at most so many characters, or "-". */
static const char *token(struct arena *arena, const char *text, size_t most) {
    struct buffer out = buffer_on(arena);
    for (; *text != '\0' && out.len < most; text++)
        buffer_add_byte(&out, (uint8_t)(*text > 0x20 && *text < 0x7f ? *text : '_'));
    return out.len == 0 ? "-" : buffer_text(&out);
}

/* rfc5424#6; the number in the structured data's id is that of documentation (rfc5612): the names are ours. */
static const char *syslog_message(struct arena *arena, const struct event *event) {
    char host[256] = "-";
    struct json_writer w = json_writer_on(arena);
    int severity = strcmp(event->outcome, "success") == 0 ? 5 : 4; /* notice, warning */
    (void)gethostname(host, sizeof host - 1);
    json_put_time(&w, "t", event->at_us);
    const char *at = strchr(json_written(&w), ':') + 2;
    return arena_printf(arena,
                        "<%d>1 %.*s %s gatehouse - %s [event@32473 actor=\"%s\" outcome=\"%s\" object=\"%s\"] "
                        "\xef\xbb\xbf%s",
                        FACILITY_AUDIT * 8 + severity, (int)strcspn(at, "\""), at,
                        token(arena, host, 255), token(arena, event->code, 32),
                        escape(arena, event->actor), escape(arena, event->outcome),
                        escape(arena, event->object), audit_line(arena, event));
}

static bool no_delivery(const char *host, const char *why, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "delivery-failed", "The syslog receiver %.100s: %s.", host, why);
}

static bool trust(SSL_CTX *ctx, const char *pem) {
    if (pem == NULL)
        return SSL_CTX_set_default_verify_paths(ctx) == 1;
    AUTO(BIO) *bio = BIO_new_mem_buf(pem, -1);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int count = 0;
    X509 *certificate;
    while (bio != NULL && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
    }
    return count > 0;
}

/* Name or address as the certificate must have it (rfc5425#5.2). */
static bool expect(SSL *ssl, const char *host) {
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return true;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool send_all(BIO *bio, struct arena *arena, const struct event *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *message = syslog_message(arena, &events[i]);
        const char *frame = arena_printf(arena, "%zu %s", strlen(message), message); /* rfc5425#4.3 */
        size_t len = strlen(frame), sent = 0;
        while (sent < len) {
            int n = BIO_write(bio, frame + sent, (int)(len - sent));
            if (n <= 0)
                return false;
            sent += (size_t)n;
        }
    }
    return BIO_flush(bio) == 1;
}

static void limit_time(int fd) {
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

static void free_ctx(void *ctx) {
    SSL_CTX_free(ctx);
}

/* TLS over the connection, with the receiver's certificate verified. */
static bool add_tls(struct arena *arena, const char *host, const char *ca, BIO **bio, struct error *err) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    BIO *tls;
    if (ctx == NULL)
        return fail_internal(err, "SSL_CTX_new");
    arena_defer(arena, free_ctx, ctx);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || !trust(ctx, ca))
        return no_delivery(host, "its CA certificates cannot be read", err);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if ((tls = BIO_new_ssl(ctx, 1)) == NULL)
        return fail_internal(err, "BIO_new_ssl");
    *bio = BIO_push(tls, *bio);
    BIO_get_ssl(tls, &ssl);
    SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
    return (expect(ssl, host) && BIO_do_handshake(tls) == 1) ||
           no_delivery(host, "its certificate is not trusted, or it speaks no TLS", err);
}

/* Its close_notify says that it has read what we sent. */
static void end_tls(BIO *bio) {
    SSL *ssl = NULL;
    uint8_t byte;
    BIO_get_ssl(bio, &ssl);
    SSL_shutdown(ssl);
    (void)SSL_read(ssl, &byte, 1);
}

static bool deliver_syslog(const struct json *settings, const struct event *events, size_t count,
                           struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new(); /* the connection ends with it */
    const char *host = NULL, *ca = NULL;
    int64_t port = 6514;
    bool tls = true;
    int fd;
    TRY(json_string(settings, "host", &host, err) && json_string(settings, "ca", &ca, err) &&
        json_int(settings, "port", 1, 65535, &port, err) && json_bool(settings, "tls", &tls, err));
    TRY(tunnel_open(arena, host, port, TIMEOUT_S, &fd, err));
    limit_time(fd);
    AUTO(BIO) *bio = BIO_new_socket(fd, BIO_NOCLOSE);
    if (bio == NULL)
        return fail_internal(err, "BIO_new_socket");
    if (tls)
        TRY(add_tls(arena, host, ca, &bio, err));
    if (!send_all(bio, arena, events, count))
        return no_delivery(host, "the connection broke", err);
    if (tls)
        end_tls(bio);
    return true;
}

/* --- HTTP ---------------------------------------------------------------------------------------------------- */

static bool deliver_http(struct core *core, struct arena *arena, const struct event_stream *stream,
                         const struct json *settings, const struct event *events, size_t count,
                         struct error *err) {
    const char *url = NULL, *format = "lines";
    struct buffer body = buffer_on(arena);
    struct fetch_reply reply;
    struct view secret = {0};
    TRY(json_string(settings, "url", &url, err) && json_string(settings, "format", &format, err));
    if (stream->secret[0] != '\0')
        TRY(secret_open(core, arena, stream_secret_place(arena, stream->slug), stream->secret, &secret,
                        err));
    bool array = strcmp(format, "array") == 0;
    for (size_t i = 0; i < count; i++)
        buffer_printf(&body, "%s%s%s", array ? (i == 0 ? "[" : ",") : "", audit_line(arena, &events[i]),
                      array ? "" : "\n");
    if (array)
        buffer_printf(&body, "]");
    const struct fetch_header headers[] = {
        {"Content-Type", array ? "application/json" : "application/x-ndjson"},
        {"Authorization", arena_text(arena, secret)}};
    struct fetch_request request = {.method = "POST",
                                    .url = url,
                                    .body = view_text(buffer_text(&body)),
                                    .headers = headers,
                                    .header_count = secret.len > 0 ? 2 : 1,
                                    .reach = FETCH_ANYWHERE};
    TRY(fetch(arena, &request, &reply, err));
    return (reply.status >= 200 && reply.status < 300) ||
           fail(err, ERROR_UNAVAILABLE, "delivery-failed", "%.200s answered with status %d.", url,
                reply.status);
}

/* --- all ----------------------------------------------------------------------------------------------------- */

static bool deliver_log(struct arena *arena, const struct event *events, size_t count) {
    for (size_t i = 0; i < count; i++)
        printf("%s\n", audit_line(arena, &events[i])); /* whole lines: stdio locks the stream for each */
    return fflush(stdout) == 0;
}

bool stream_deliver(struct core *core, struct arena *arena, const struct event_stream *stream,
                    const struct event *events, size_t count, struct error *err) {
    const struct json *settings;
    TRY(json_parse(arena, view_text(stream->settings), &settings, err));
    if (strcmp(stream->kind, "syslog") == 0)
        return deliver_syslog(settings, events, count, err);
    if (strcmp(stream->kind, "journal") == 0)
        return journal_deliver(arena, JOURNAL_SOCKET, events, count, err);
    if (strcmp(stream->kind, "http") == 0)
        return deliver_http(core, arena, stream, settings, events, count, err);
    return deliver_log(arena, events, count) ||
           fail(err, ERROR_UNAVAILABLE, "delivery-failed", "The output of the service is closed.");
}

static bool note(struct core *core, const struct event_stream *stream, int64_t position,
                 const char *failure, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = stream_note(tx.tx, stream->slug, position, failure, clock_now_us(), err);
    return done;
}

static bool deliver_seal(struct core *core, const struct event_stream *stream, const struct seal *seal,
                         bool *ret_good, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct event *events = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = event_by_ids(tx.tx, arena, seal->ids, &events, &count, err);
    TRY(done);
    struct error why = {0};
    *ret_good = count == 0 || stream_deliver(core, arena, stream, events, count, &why);
    if (*ret_good)
        return note(core, stream, seal->number, "", err);
    if (stream->failure[0] == '\0')
        log_failure(LOG_WARN, "audit", stream->slug, &why);
    return note(core, stream, seal->number, why.message, err);
}

static bool run_stream(struct core *core, const struct event_stream *stream, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct seal *seals;
    size_t count;
    bool done = false, good = true;
    if (!stream->enabled ||
        (stream->failure[0] != '\0' && stream->failed_us + RETRY_US > clock_now_us()))
        return true;
    TX(tx, core_db(core), &done, err)
        tx.ok = seal_list(tx.tx, arena, stream->position + 1, SEALS_AT_ONCE, &seals, &count, err);
    TRY(done);
    for (size_t i = 0; good && i < count; i++)
        TRY(deliver_seal(core, stream, &seals[i], &good, err));
    return true;
}

bool audit_streams_run(void *core, struct arena *arena, struct error *err) {
    struct event_stream *streams;
    size_t count;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = stream_all(tx.tx, arena, &streams, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        TRY(run_stream(core, &streams[i], err));
    return true;
}
