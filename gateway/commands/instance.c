#include "commands/instance.h"

#include "commands/network.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 300000 /* a PIN pad, a touch */
#define MOST_BYTES ((size_t)4 * 1024 * 1024) /* of an answer: lines of a log */

static const char *value_of(int argc, char *const argv[], int *at, const char *name) {
    size_t len = strlen(name);
    if (strncmp(argv[*at], name, len) != 0)
        return NULL;
    if (argv[*at][len] == '=')
        return argv[*at] + len + 1;
    return argv[*at][len] == '\0' && *at + 1 < argc ? argv[++*at] : NULL;
}

bool instance_named(struct arena *arena, int argc, char *const argv[], struct instance *ret, bool *ret_meant,
                    struct error *err) {
    const char *value, *file = getenv("GATEHOUSE_TOKEN_FILE");
    *ret = (struct instance){getenv("GATEHOUSE_URL"), getenv("GATEHOUSE_TOKEN"), getenv("GATEHOUSE_TLS_CERT")};
    bool meant = true;
    for (int i = 0; i < argc && meant; i++) {
        if ((value = value_of(argc, argv, &i, "--url")) != NULL)
            ret->url = value;
        else if ((value = value_of(argc, argv, &i, "--token-file")) != NULL)
            file = value;
        else if ((value = value_of(argc, argv, &i, "--ca-file")) != NULL)
            ret->ca_file = value;
        else
            meant = false;
    }
    *ret_meant = meant && ret->url != NULL;
    if (!*ret_meant)
        return true;
    if (file != NULL)
        TRY(read_secret(arena, file, &ret->token, err));
    return ret->token != NULL ||
           fail(err, ERROR_MALFORMED, "usage",
                "Say who you are: GATEHOUSE_TOKEN_FILE or GATEHOUSE_TOKEN, or --token-file.");
}

bool instance_ask(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                  const char *body, struct fetch_reply *ret, struct error *err) {
    struct fetch_header headers[] = {{"Authorization", arena_printf(arena, "Bearer %s", instance->token)},
                                     {"Content-Type", "application/json"}};
    struct fetch_request request = {.method = method,
                                    .url = arena_printf(arena, "%s/api/v1%s", instance->url, path),
                                    .headers = headers,
                                    .header_count = body == NULL ? 1 : 2,
                                    .body = view_text(body),
                                    .total_timeout_ms = TIMEOUT_MS,
                                    .max_bytes = MOST_BYTES,
                                    .proxy = "",
                                    .ca_file = instance->ca_file};
    return fetch(arena, &request, ret, err);
}

bool instance_refused(struct arena *arena, const struct fetch_reply *reply, struct error *err) {
    const struct json *problem = NULL, *detail = NULL;
    if (json_parse(arena, reply->body, &problem, NULL))
        detail = json_get(problem, "detail");
    return fail(err, ERROR_POLICY, "refused", "%d: %s", reply->status,
                detail == NULL || detail->text == NULL ? "no reason given" : detail->text);
}

bool instance_list(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                   const char *body, const struct json **ret_items, struct error *err) {
    struct fetch_reply reply;
    const struct json *document;
    TRY(instance_ask(arena, instance, method, path, body, &reply, err));
    if (reply.status != 200)
        return instance_refused(arena, &reply, err);
    TRY(json_parse(arena, reply.body, &document, err));
    *ret_items = json_get(document, "items");
    return *ret_items != NULL && (*ret_items)->type == JSON_ARRAY
               ? true
               : fail(err, ERROR_UNAVAILABLE, "refused", "What answers at %s is no Gatehouse.", instance->url);
}
