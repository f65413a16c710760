#include "net/smtp.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct smtp_session {
    CURL *curl;
    struct arena *arena;
    const struct smtp_server *server;
    char reason[CURL_ERROR_SIZE];
    char answer[256]; /* the server's last refusal */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void start(void) {
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Keeps the server's last refusal, printable; the farewell after it is none. */
static size_t take_line(char *at, size_t size, size_t count, void *context) {
    struct smtp_session *s = context;
    size_t len = size * count, room = sizeof s->answer - 1, n = 0;
    if (len == 0 || (at[0] != '4' && at[0] != '5'))
        return len;
    for (size_t i = 0; i < len && n < room; i++)
        if (at[i] >= ' ' && at[i] < 127)
            s->answer[n++] = at[i];
    s->answer[n] = '\0';
    return len;
}

static void set_server(struct smtp_session *s) {
    const struct smtp_server *server = s->server;
    CURL *curl = s->curl;
    curl_easy_setopt(curl, CURLOPT_URL,
                     arena_printf(s->arena, strchr(server->host, ':') ? "%s://[%s]:%d/%s" : "%s://%s:%d/%s",
                                  server->security == SMTP_TLS ? "smtps" : "smtp", server->host,
                                  server->port, server->own_name));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* also keeps libcurl from looking at the environment */
    if (server->security != SMTP_PLAIN) {
        curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    }
    if (server->ca_pem != NULL && *server->ca_pem != '\0') {
        struct curl_blob blob = {(void *)(uintptr_t)server->ca_pem, strlen(server->ca_pem), CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (server->security != SMTP_PLAIN && server->username != NULL && *server->username != '\0') {
        curl_easy_setopt(curl, CURLOPT_USERNAME, server->username);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password == NULL ? "" : server->password);
    }
}

bool smtp_open(struct arena *arena, const struct smtp_server *server, struct smtp_session **ret,
               struct error *err) {
    pthread_once(&once, start);
    struct smtp_session *s = arena_alloc(arena, sizeof *s);
    s->curl = started == CURLE_OK ? curl_easy_init() : NULL;
    if (s->curl == NULL)
        return fail_internal(err, "curl_easy_init");
    s->arena = arena;
    s->server = server;
    set_server(s);
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, 15000L);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS,
                     server->timeout_ms > 0 ? (long)server->timeout_ms : 60000L);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->reason);
    curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, take_line);
    curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, s);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take_line);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    *ret = s;
    return true;
}

void smtp_close(struct smtp_session *session) {
    if (session != NULL)
        curl_easy_cleanup(session->curl);
}

static size_t give(char *to, size_t size, size_t count, void *context) {
    struct view *left = context;
    size_t n = size * count < left->len ? size * count : left->len;
    if (n > 0)
        memcpy(to, left->at, n);
    left->at += n;
    left->len -= n;
    return n;
}

static bool explain(struct smtp_session *s, CURLcode code, struct error *err) {
    long status = 0;
    const char *why = s->reason[0] != '\0' ? s->reason : curl_easy_strerror(code);
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    /* rfc5321#4.2.1: 5yz is for good. Who we are (535) and where we are (530) can be mended here. */
    bool final = status >= 550 && status <= 559 && code != CURLE_LOGIN_DENIED;
    if (final)
        return fail(err, ERROR_POLICY, "mail-refused", "The mail server %.100s refused the message: %.250s",
                    s->server->host, s->answer);
    return fail(err, ERROR_UNAVAILABLE, "mail-failed", "The mail server %.100s: %.200s%s%.150s%s",
                s->server->host, why, s->answer[0] ? " (" : "", s->answer, s->answer[0] ? ")" : "");
}

bool smtp_deliver(struct smtp_session *s, const char *from, const char *to, struct view message,
                  struct error *err) {
    struct view left = message;
    struct curl_slist *recipients = curl_slist_append(NULL, arena_printf(s->arena, "<%s>", to));
    if (recipients == NULL)
        return fail_internal(err, "curl_slist_append");
    s->reason[0] = s->answer[0] = '\0';
    curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, arena_printf(s->arena, "<%s>", from));
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(s->curl, CURLOPT_READDATA, &left);
    curl_easy_setopt(s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)message.len);
    CURLcode code = curl_easy_perform(s->curl);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(recipients);
    return code == CURLE_OK || explain(s, code, err);
}
