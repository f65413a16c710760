/* A line of input is a request target, the rest its headers: path, query, cookies, framing and
 * routing. Whatever is captured is clean: no NUL, no control character, no way up. */
#include "http/internal.h"

#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void must(bool holds) {
    if (!holds)
        abort();
}

static bool check(void *context, struct http_request *request, struct http_response *response,
                  struct error *err) {
    bool may_have_slash = context != NULL;
    (void)err;
    for (size_t i = 0; i < HTTP_MAX_PARAMETERS && request->parameters[i] != NULL; i++) {
        const char *text = request->parameters[i];
        must(utf8_valid(view_text(text)));
        must(may_have_slash || (text[0] != '\0' && strchr(text, '/') == NULL));
        must(strcmp(text, "..") != 0 && strncmp(text, "../", 3) != 0 &&
             strstr(text, "/../") == NULL);
        for (; *text != '\0'; text++)
            must((unsigned char)*text >= 0x20 && *text != 0x7f);
    }
    http_reply_text(response, 200, "text/plain", "x");
    return true;
}

static const struct http_route names[] = {
    {"GET", "/ca/{}.crt", GATE_OPEN, 7, 0, check, NULL},
    {"GET", "/ca/{}", GATE_OPEN, 7, 0, check, NULL},
    {"GET", "/{}/{}/{}", GATE_OPEN, 7, 0, check, NULL},
};
static const struct http_route rests[] = {{"GET", "/o/{*}", GATE_OPEN, 7, 0, check, NULL}};
static const struct http_room rooms[] = {{names, 3, NULL}, {rests, 1, (void *)(uintptr_t)rests}};
static const struct http_router router = {.rooms = rooms, .room_count = 2};

/* "name:value" lines become headers. */
static void take_headers(struct http_request *request, char *text) {
    char *saved, *line = strtok_r(text, "\n", &saved);
    for (; line != NULL && request->header_count < HTTP_MAX_HEADERS;
         line = strtok_r(NULL, "\n", &saved)) {
        char *colon = strchr(line, ':');
        if (colon == NULL)
            continue;
        *colon = '\0';
        request->headers[request->header_count++] = (struct http_header){line, colon + 1};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    char *target = arena_text(arena, view_of(at, len));
    struct http_request request = {
        .arena = arena, .method = "GET", .raw_path = target, .query = ""};
    struct http_response response = {.arena = arena};
    struct http_framing framing;
    log_setup(LOG_ERROR, false, "fuzz");
    char *end = strchr(target, '\n');
    if (end != NULL) {
        *end = '\0';
        take_headers(&request, end + 1);
    }
    char *query = strchr(target, '?');
    if (query != NULL) {
        *query = '\0';
        request.query = query + 1;
    }
    const char *value = http_query(&request, "a");
    must(value == NULL || utf8_valid(view_text(value)));
    (void)http_cookie(&request, "a");
    (void)http_framing_check(&request, "1.1", &framing, NULL);
    if (!http_path_decode(arena, target, &request.path, NULL))
        return 0;
    http_router_handle(&router, &request, &response);
    must(response.status == 200 || response.status == 404);
    return 0;
}
