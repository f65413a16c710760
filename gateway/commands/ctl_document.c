#include "commands/ctl_document.h"

#include "api/api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const struct json *object, const char *name) {
    const struct json *value = json_get(object, name);
    return value == NULL || value->type != JSON_STRING ? NULL : value->text;
}

/* "listAcmePolicies" as "list-acme-policies" */
static const char *command_of(struct arena *arena, const char *id) {
    struct buffer out = buffer_on(arena);
    for (; *id != '\0'; id++) {
        if (isupper((unsigned char)*id))
            buffer_add_byte(&out, '-');
        buffer_add_byte(&out, (uint8_t)tolower((unsigned char)*id));
    }
    return buffer_text(&out);
}

static void find_places(struct arena *arena, struct ctl_operation *o) {
    for (const char *at = strchr(o->path, '{'); at != NULL && o->place_count < CTL_MAX_PLACES; at = strchr(at + 1, '{'))
        o->places[o->place_count++] = arena_text(arena, view_of(at + 1, strcspn(at, "}") - 1));
}

const struct json *ctl_follow(const struct ctl_document *document, const struct json *value) {
    for (int hops = 0; hops < 8; hops++) {
        const char *ref = text_of(value, "$ref");
        if (ref == NULL || strncmp(ref, "#/", 2) != 0)
            return value;
        value = document->root;
        for (const char *at = ref + 1; *at == '/' && value != NULL;) {
            char name[100] = "";
            size_t len = strcspn(++at, "/");
            if (len < sizeof name)
                memcpy(name, at, len);
            value = json_get(value, name);
            at += len;
        }
    }
    return value;
}

static void find_body(struct ctl_operation *o, const struct json *operation, const struct ctl_document *document) {
    const struct json *body = ctl_follow(document, json_get(operation, "requestBody"));
    const struct json *content = json_get(body, "content"), *required = json_get(body, "required");
    const struct json *json = json_get(content, "application/json");
    o->needs_body = required != NULL && required->boolean;
    if (json != NULL)
        o->body = ctl_follow(document, json_get(json, "schema"));
    else if (content != NULL && content->first != NULL)
        o->body_type = content->first->name;
}

static int by_command(const void *a, const void *b) {
    return strcmp(((const struct ctl_operation *)a)->command, ((const struct ctl_operation *)b)->command);
}

static const char *upper(struct arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    return copy;
}

bool ctl_document_read(struct arena *arena, struct ctl_document *ret, struct error *err) {
    size_t capacity = 0;
    *ret = (struct ctl_document){0};
    TRY(json_parse(arena, api_openapi_document(), &ret->root, err));
    const struct json *paths = json_get(ret->root, "paths");
    JSON_EACH (path, paths)
        capacity += path->count;
    ret->operations = arena_array(arena, capacity + 1, sizeof *ret->operations);
    JSON_EACH (path, paths)
        JSON_EACH (operation, path) {
            const char *id = text_of(operation, "operationId");
            if (id == NULL)
                continue;
            struct ctl_operation *o = &ret->operations[ret->count++];
            *o = (struct ctl_operation){.command = command_of(arena, id),
                                        .method = upper(arena, operation->name),
                                        .path = path->name,
                                        .summary = text_of(operation, "summary"),
                                        .parameters = json_get(operation, "parameters")};
            find_places(arena, o);
            find_body(o, operation, ret);
        }
    qsort(ret->operations, ret->count, sizeof *ret->operations, by_command);
    return true;
}

const struct ctl_operation *ctl_find(const struct ctl_document *document, const char *command) {
    const struct ctl_operation wanted = {.command = command};
    return bsearch(&wanted, document->operations, document->count, sizeof wanted, by_command);
}

const struct json *ctl_field(const struct ctl_document *document, const struct ctl_operation *operation,
                             const char *name) {
    return ctl_follow(document, json_get(json_get(operation->body, "properties"), name));
}

/* The name of a query parameter, or NULL when it is another kind. */
static const char *query_name(const struct ctl_document *document, const struct json *parameter) {
    const struct json *p = ctl_follow(document, parameter);
    const char *where = text_of(p, "in");
    return where != NULL && strcmp(where, "query") == 0 ? text_of(p, "name") : NULL;
}

bool ctl_is_query(const struct ctl_document *document, const struct ctl_operation *operation, const char *name) {
    JSON_EACH (parameter, operation->parameters) {
        const char *known = query_name(document, parameter);
        if (known != NULL && strcmp(known, name) == 0)
            return true;
    }
    return false;
}

const char *ctl_option(const struct ctl_document *document, const struct ctl_operation *operation, size_t index) {
    JSON_EACH (property, json_get(operation->body, "properties"))
        if (index-- == 0)
            return property->name;
    JSON_EACH (parameter, operation->parameters) {
        const char *known = query_name(document, parameter);
        if (known != NULL && index-- == 0)
            return known;
    }
    return NULL;
}
