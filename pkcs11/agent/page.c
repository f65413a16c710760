#include "agent/page.h"

#include "agent/password.h"
#include "agent/state.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "http/server.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM "agent"
#define THREADS 3
#define FORM_MAX ((size_t)64 * 1024)

struct page {
    struct page_config config;
    struct party tls;
    struct http_room room;
    struct http_router router;
    struct http_server_config server_config;
    struct http_server *server;
    pthread_mutex_t lock; /* guards what follows, and makes guessing slow */
    uint8_t accepted[32]; /* SHA-256 of the last good Authorization, so that Argon2id is rare */
    bool has_accepted;
};

/* ---- who calls ------------------------------------------------------------------------------- */

/* "Basic base64(user:password)" (rfc7617#2); any user name. */
static const char *password_in(struct arena *arena, const char *header) {
    struct view bytes;
    if (strncasecmp(header, "Basic ", 6) != 0 || !base64_decode(arena, view_text(header + 6), &bytes))
        return NULL;
    const char *text = arena_text(arena, bytes), *colon = strchr(text, ':');
    return colon == NULL || strlen(text) != bytes.len ? NULL : colon + 1;
}

static bool is_known(struct page *page, struct arena *arena, const char *header) {
    uint8_t hash[32];
    const char *password;
    if (header == NULL || EVP_Digest(header, strlen(header), hash, NULL, EVP_sha256(), NULL) != 1)
        return false;
    pthread_mutex_lock(&page->lock);
    bool good = page->has_accepted && CRYPTO_memcmp(hash, page->accepted, sizeof hash) == 0;
    if (!good && (password = password_in(arena, header)) != NULL) {
        good = page_password_is(page->config.directory, password);
        if (good)
            memcpy(page->accepted, hash, sizeof hash);
        else
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        page->has_accepted = page->has_accepted || good;
    }
    pthread_mutex_unlock(&page->lock);
    return good;
}

/* A browser sends the password along with other sites' forms, too: they are known by their Origin
 * (rfc6454#7.3). */
static bool is_own_form(const struct http_request *request, struct arena *arena) {
    const char *origin = http_header(request, "Origin"), *host = http_header(request, "Host");
    return origin != NULL && host != NULL &&
           strcmp(origin, arena_printf(arena, "https://%s", host)) == 0;
}

static bool admitted(struct page *page, struct http_request *request,
                     struct http_response *response, struct error *err) {
    if (!is_known(page, request->arena, http_header(request, "Authorization"))) {
        http_add_header(response, "WWW-Authenticate", "Basic realm=\"Gatehouse agent\", charset=\"UTF-8\"");
        http_reply_text(response, 401, "text/plain; charset=utf-8",
                        "The agent's password is needed; any user name.\n");
        return false;
    }
    if (strcmp(request->method, "POST") == 0 && !is_own_form(request, request->arena)) {
        fail(err, ERROR_FORBIDDEN, "cross-site", "The form is not of this page.");
        http_problem(request, response, err);
        return false;
    }
    return true;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void cell(struct buffer *out, const char *text) {
    buffer_add_text(out, "<td>");
    buffer_add_markup(out, text);
    buffer_add_text(out, "</td>");
}

static void write_gateways(struct buffer *out, struct gateways *gateways) {
    struct gateway_line lines[GATEWAYS_MAX];
    char since[HTTP_DATE_SIZE];
    size_t count = gateways_look(gateways, lines);
    buffer_add_text(out, "<h2>Gateways</h2><table><tr><th>Address</th><th>State</th><th>Since</th></tr>");
    for (size_t i = 0; i < count; i++) {
        http_date(lines[i].since_us, since);
        buffer_add_text(out, "<tr>");
        cell(out, lines[i].address);
        cell(out, lines[i].connected          ? "connected"
                  : lines[i].problem[0] != '\0' ? lines[i].problem
                                              : "connecting");
        cell(out, lines[i].since_us == 0 ? "" : since);
        buffer_add_text(out, "</tr>");
    }
    buffer_add_text(out, "</table>");
}

static void write_token(struct buffer *out, const struct token_info *token) {
    buffer_add_text(out, "<tr>");
    cell(out, token->label);
    cell(out, token->serial);
    cell(out, token->model);
    cell(out, token->module);
    cell(out, token->problem != NULL ? token->problem : token->logged_in ? "ready, logged in" : "ready");
    buffer_add_text(out, "<td><form method=\"post\" action=\"/pin\"><input type=\"hidden\" name=\"uri\" value=\"");
    buffer_add_markup(out, token->uri);
    buffer_add_text(out, "\"><label>PIN <input type=\"password\" name=\"pin\" autocomplete=\"off\" required></label>"
                         " <button>Log in</button></form></td></tr>");
}

static void write_tokens(struct buffer *out, struct arena *arena, struct signer *signer) {
    struct token_info *tokens = NULL;
    size_t count = 0;
    struct error err = {0};
    bool done = signer_tokens(signer, arena, &tokens, &count, &err);
    buffer_add_text(out, "<h2>Tokens</h2>");
    if (!done || count == 0) {
        buffer_add_text(out, "<p>");
        buffer_add_markup(out, done ? "There is none: name a module in agent.conf, or plug one in." : err.message);
        buffer_add_text(out, "</p>");
        return;
    }
    buffer_add_text(out, "<table><tr><th>Label</th><th>Serial</th><th>Model</th><th>Module</th><th>State</th><th></th></tr>");
    for (size_t i = 0; i < count; i++)
        write_token(out, &tokens[i]);
    buffer_add_text(out, "</table>");
}

static const char head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Gatehouse agent</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"><style>body{font:16px/1.5 sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}th,td{text-align:left;padding:.3rem .8rem .3rem 0;"
    "border-bottom:1px solid #ccc}textarea{width:100%;height:8rem;font-family:monospace}.news{padding:.5rem 1rem;"
    "border-left:4px solid #06c;background:#eef}</style></head><body><h1>Gatehouse agent</h1>";
static const char store_form[] =
    "<h2>Store a certificate</h2><form method=\"post\" action=\"/certificate\"><p><label>PKCS#11 URI of its place, with "
    "object= or id=<br><input name=\"uri\" size=\"70\" placeholder=\"pkcs11:serial=12345678;object=ca\" required></label></p>"
    "<p><label>Certificate (PEM)<br><textarea name=\"certificate\" required></textarea></label></p>"
    "<button>Store</button></form><p><a href=\"/\">Look again</a></p></body></html>";
static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";

static void show(struct page *page, struct http_request *request, struct http_response *response,
                 int status, const char *news) {
    struct buffer out = buffer_on(request->arena);
    buffer_add_text(&out, head);
    if (news != NULL) {
        buffer_add_text(&out, "<p class=\"news\" role=\"status\">");
        buffer_add_markup(&out, news);
        buffer_add_text(&out, "</p>");
    }
    write_gateways(&out, page->config.gateways);
    write_tokens(&out, request->arena, page->config.signer);
    buffer_add_text(&out, store_form);
    http_add_header(response, "Content-Security-Policy", policy);
    http_reply(response, status, "text/html; charset=utf-8", buffer_view(&out));
}

/* ---- handlers -------------------------------------------------------------------------------- */

static bool get_page(void *context, struct http_request *request, struct http_response *response,
                     struct error *err) {
    struct page *page = context;
    if (admitted(page, request, response, err))
        show(page, request, response, 200, NULL);
    return true;
}

/* A form's field is written as a query's parameter is. */
static const char *field(const struct http_request *request, const char *name) {
    struct http_request form = *request;
    form.query = arena_text(request->arena, request->body);
    const char *value = http_query(&form, name);
    return value == NULL ? "" : value;
}

static void tell(struct page *page, struct http_request *request, struct http_response *response,
                 bool done, const char *what, const struct error *cause) {
    if (done)
        log_info(ROOM, "%s, from %s", what, request->address);
    show(page, request, response, done ? 200 : http_status_of(cause->kind),
         done ? what : cause->message);
}

static bool post_pin(void *context, struct http_request *request, struct http_response *response,
                     struct error *err) {
    struct page *page = context;
    struct error cause = {0};
    if (!admitted(page, request, response, err))
        return true;
    bool done = signer_login(page->config.signer, field(request, "uri"),
                             view_text(field(request, "pin")), &cause);
    tell(page, request, response, done, "Logged in to the token", &cause);
    return true;
}

static bool post_certificate(void *context, struct http_request *request,
                             struct http_response *response, struct error *err) {
    struct page *page = context;
    struct error cause = {0};
    struct view der;
    if (!admitted(page, request, response, err))
        return true;
    bool done = pem_decode(request->arena, view_text(field(request, "certificate")), "CERTIFICATE", &der) ||
                fail(&cause, ERROR_MALFORMED, "bad-certificate", "That is no certificate in PEM.");
    done = done && signer_store_certificate(page->config.signer, field(request, "uri"), der, &cause);
    tell(page, request, response, done, "The certificate was stored in the token", &cause);
    return true;
}

#define HTTPS (1u << LISTENER_HTTPS)
static const struct http_route routes[] = {
    {"GET", "/", GATE_OPEN, HTTPS, 0, get_page, NULL},
    {"POST", "/pin", GATE_OPEN, HTTPS, FORM_MAX, post_pin, NULL},
    {"POST", "/certificate", GATE_OPEN, HTTPS, FORM_MAX, post_certificate, NULL},
};

/* ---- beginning ------------------------------------------------------------------------------- */

static bool set_certificate(void *context, SSL *ssl) {
    const struct page *page = context;
    return SSL_use_certificate(ssl, page->tls.certificate) == 1 &&
           SSL_use_PrivateKey(ssl, page->tls.key) == 1;
}

static bool nobody(void *context, struct http_request *request, struct error *err) {
    (void)context, (void)request, (void)err;
    return true;
}

bool page_start(const struct page_config *config, struct error *err) {
    struct page *page = must_alloc(sizeof *page);
    static struct http_listen listen = {.kind = LISTENER_HTTPS};
    page->config = *config;
    pthread_mutex_init(&page->lock, NULL);
    TRY(state_tls(config->directory, &page->tls, err));
    listen.address = config->address;
    page->room = (struct http_room){routes, sizeof routes / sizeof routes[0], page};
    page->router = (struct http_router){.rooms = &page->room, .room_count = 1, .authenticate = nobody};
    page->server_config = (struct http_server_config){.listens = &listen,
                                                      .listen_count = 1,
                                                      .threads = THREADS,
                                                      .header_limit = 16384,
                                                      .request_timeout_ms = 10000,
                                                      .certificate = set_certificate,
                                                      .certificate_context = page,
                                                      .router = &page->router};
    TRY(http_server_start(&page->server_config, &page->server, err));
    log_info(ROOM, "page: https://%s/", config->address);
    return true;
}
