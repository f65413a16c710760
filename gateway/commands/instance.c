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

struct instance instance_of_environment(void) {
    return (struct instance){.url = getenv("GATEHOUSE_URL"),
                             .token = getenv("GATEHOUSE_TOKEN"),
                             .token_file = getenv("GATEHOUSE_TOKEN_FILE"),
                             .ca_file = getenv("GATEHOUSE_TLS_CERT")};
}

bool instance_option(struct instance *instance, const char *name, const char *value) {
    if (strcmp(name, "url") == 0)
        instance->url = value;
    else if (strcmp(name, "token-file") == 0)
        instance->token_file = value;
    else if (strcmp(name, "ca-file") == 0)
        instance->ca_file = value;
    else
        return false;
    return true;
}

bool instance_ready(struct arena *arena, struct instance *instance, struct error *err) {
    if (instance->token_file != NULL)
        TRY(read_secret(arena, instance->token_file, &instance->token, err));
    return (instance->url != NULL && instance->token != NULL) ||
           fail(err, ERROR_MALFORMED, "usage",
                "Say where the instance is and who you are: --url (GATEHOUSE_URL) and --token-file (GATEHOUSE_TOKEN_FILE, "
                "or the token itself in GATEHOUSE_TOKEN).");
}

bool instance_named(struct arena *arena, int argc, char *const argv[], struct instance *ret, bool *ret_meant,
                    struct error *err) {
    static const char *const names[] = {"url", "token-file", "ca-file"};
    *ret = instance_of_environment();
    bool meant = true;
    for (int i = 0; i < argc && meant; i++) {
        const char *value = NULL;
        for (size_t k = 0; k < 3 && value == NULL; k++)
            if ((value = value_of(argc, argv, &i, arena_printf(arena, "--%s", names[k]))) != NULL)
                (void)instance_option(ret, names[k], value);
        meant = value != NULL;
    }
    *ret_meant = meant && ret->url != NULL;
    return !*ret_meant || instance_ready(arena, ret, err);
}

bool instance_call(struct arena *arena, const struct instance *instance, const struct instance_call *call,
                   struct fetch_reply *ret, struct error *err) {
    struct fetch_header headers[] = {{"Authorization", arena_printf(arena, "Bearer %s", instance->token)},
                                     {"Accept", "application/json, */*"},
                                     {"Content-Type", call->type == NULL ? "application/json" : call->type}};
    struct fetch_request request = {.method = call->method,
                                    .url = arena_printf(arena, "%s/api/v1%s", instance->url, call->path),
                                    .headers = headers,
                                    .header_count = call->body.len == 0 ? 2 : 3,
                                    .body = call->body,
                                    .total_timeout_ms = TIMEOUT_MS,
                                    .max_bytes = call->most == 0 ? MOST_BYTES : call->most,
                                    .proxy = "",
                                    .ca_file = instance->ca_file};
    return fetch(arena, &request, ret, err);
}

bool instance_ask(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                  const char *body, struct fetch_reply *ret, struct error *err) {
    return instance_call(arena, instance, &(struct instance_call){.method = method, .path = path, .body = view_text(body)},
                         ret, err);
}

static const char *member_text(const struct json *problem, const char *name) {
    const struct json *member = json_get(problem, name);
    return member == NULL || member->text == NULL ? "" : member->text;
}

bool instance_refused(struct arena *arena, const struct fetch_reply *reply, struct error *err) {
    const struct json *problem = NULL;
    if (!json_parse(arena, reply->body, &problem, NULL))
        problem = NULL; /* a proxy's page */
    const char *detail = member_text(problem, "detail");
    return fail(err, ERROR_POLICY, "refused", "%d: %s (%s)", reply->status, *detail == '\0' ? "no reason given" : detail,
                member_text(problem, "type"));
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
