#include "agent/page_internal.h"

#include "agent/password.h"
#include "base/encode.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM "agent"
#define THREADS 3

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

bool page_admits(struct page *page, struct http_request *request, struct http_response *response, struct error *err) {
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
    page->room = (struct http_room){page_routes, page_route_count, page};
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
