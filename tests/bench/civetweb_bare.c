/* The peer of our cached answers: CivetWeb with nothing but a handler that gives the same bytes to
 * every request, on every path.
 *
 *   bench_civetweb ADDRESS:PORT FILE CONTENT-TYPE [THREADS]
 *
 * Serves until SIGINT or SIGTERM. */
#include <civetweb.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    char *bytes; /* head and body */
    size_t len;
};

static bool read_all(const char *path, char **ret_bytes, size_t *ret_len) {
    FILE *file = fopen(path, "rb");
    char *bytes = malloc((size_t)1 << 20);
    if (file == NULL || bytes == NULL) {
        free(bytes);
        if (file != NULL)
            fclose(file);
        return false;
    }
    *ret_len = fread(bytes, 1, (size_t)1 << 20, file);
    bool whole = !ferror(file) && fgetc(file) == EOF; /* 1 MiB is more than any cached answer has */
    fclose(file);
    if (whole)
        *ret_bytes = bytes;
    else
        free(bytes);
    return whole;
}

/* One write for head and body, as ours do it. */
static bool prepare(struct answer *answer, const char *path, const char *content_type) {
    char head[512], *body;
    size_t body_len;
    if (!read_all(path, &body, &body_len))
        return false;
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                       content_type, body_len);
    answer->len = (size_t)len + body_len;
    answer->bytes = len < 0 || (size_t)len >= sizeof head ? NULL : malloc(answer->len);
    if (answer->bytes != NULL) {
        memcpy(answer->bytes, head, (size_t)len);
        memcpy(answer->bytes + len, body, body_len);
    }
    free(body);
    return answer->bytes != NULL;
}

/* The body of the request is read, since ours must read it, too. */
static int give(struct mg_connection *connection, void *context) {
    const struct answer *answer = context;
    char piece[4096];
    while (mg_read(connection, piece, sizeof piece) > 0)
        ;
    mg_write(connection, answer->bytes, answer->len);
    return 200;
}

int main(int argc, char **argv) {
    struct answer answer;
    sigset_t stops;
    int got;
    if (argc < 4 || argc > 5) {
        fputs("usage: bench_civetweb ADDRESS:PORT FILE CONTENT-TYPE [THREADS]\n", stderr);
        return 2;
    }
    if (!prepare(&answer, argv[2], argv[3])) {
        fprintf(stderr, "bench_civetweb: %s cannot be read, or is larger than 1 MiB\n", argv[2]);
        return 1;
    }
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stops, NULL); /* before the threads, which inherit it */
    const char *options[] = {"listening_ports",
                             argv[1],
                             "num_threads",
                             argc == 5 ? argv[4] : "16",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "3000",
                             "tcp_nodelay",
                             "1",
                             "enable_auth_domain_check",
                             "no",
                             NULL};
    struct mg_callbacks none = {0};
    mg_init_library(MG_FEATURES_DEFAULT);
    struct mg_context *server = mg_start(&none, NULL, options);
    if (server == NULL) {
        fprintf(stderr, "bench_civetweb: cannot listen on %s\n", argv[1]);
        return 1;
    }
    mg_set_request_handler(server, "/", give, &answer);
    sigwait(&stops, &got);
    mg_stop(server);
    free(answer.bytes);
    return 0;
}
