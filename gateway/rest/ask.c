#include "rest/ask.h"

#include "base/clock.h"
#include "ca/access.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_LIMIT 50
#define MAX_LIMIT 500
#define MAX_CURSOR 512

static bool listed(const char *const names[], const char *name) {
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool check_parameter(const struct http_request *request, const char *name, size_t times,
                            struct error *err) {
    if (times > 1)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"%.60s\" comes twice; keep one.", name);
    if (http_query(request, name) == NULL)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"%.60s\" has no value, or one that is not UTF-8.", name);
    return true;
}

/* How often the raw query has this name. */
static size_t count_name(const char *query, const char *name) {
    size_t len = strlen(name), count = 0;
    for (const char *at = query; *at != '\0';) {
        size_t part = strcspn(at, "&");
        if (strncmp(at, name, len) == 0 && (part == len || at[len] == '='))
            count++;
        at += part + (at[part] == '&');
    }
    return count;
}

bool ask_query(const struct http_request *request, const char *const names[], struct error *err) {
    for (const char *at = request->query; *at != '\0';) {
        size_t part = strcspn(at, "&");
        size_t len = strcspn(at, "=&");
        const char *name = arena_text(request->arena, view_of(at, len));
        if (part > 0 && !listed(names, name))
            return fail(err, ERROR_MALFORMED, "bad-query",
                        "The query parameter \"%.60s\" is not known here; remove it or correct its "
                        "name.",
                        name);
        if (part > 0)
            TRY(check_parameter(request, name, count_name(request->query, name), err));
        at += part + (at[part] == '&');
    }
    return true;
}

bool ask_no_query(const struct http_request *request, struct error *err) {
    static const char *const none[] = {NULL};
    return ask_query(request, none, err);
}

bool ask_page(const struct http_request *request, const char *const others[], struct page *ret_page,
              struct error *err) {
    const char *names[40] = {"limit", "cursor"};
    for (size_t i = 0;
         others != NULL && others[i] != NULL && i + 3 < sizeof names / sizeof names[0]; i++)
        names[i + 2] = others[i];
    TRY(ask_query(request, names, err));
    struct page page = {.limit = DEFAULT_LIMIT, .cursor = http_query(request, "cursor")};
    const char *limit = http_query(request, "limit");
    if (limit != NULL) {
        char *end;
        unsigned long value = strtoul(limit, &end, 10);
        if (limit[0] < '0' || limit[0] > '9' || *end != '\0' || value < 1 || value > MAX_LIMIT)
            return fail(err, ERROR_MALFORMED, "bad-query",
                        "The query parameter \"limit\" must be a whole number from 1 to %d.",
                        MAX_LIMIT);
        page.limit = (unsigned)value;
    }
    if (page.cursor != NULL && strlen(page.cursor) > MAX_CURSOR)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"cursor\" is not one of ours; take it from \"next\".");
    *ret_page = page;
    return true;
}

bool ask_direction(const struct http_request *request, const char *member, struct page *page, struct error *err) {
    const char *sort = http_query(request, "sort");
    if (sort == NULL)
        return true;
    page->oldest_first = sort[0] != '-';
    return strcmp(sort + !page->oldest_first, member) == 0 ||
           fail(err, ERROR_MALFORMED, "bad-query", "The query parameter \"sort\" is \"%s\" or \"-%s\" here.", member, member);
}

const char *ask_media_type(const struct http_request *request) {
    const char *header = http_header(request, "Content-Type");
    if (header == NULL)
        return "";
    size_t len = strcspn(header, "; \t");
    char *type = arena_text(request->arena, view_of(header, len));
    for (char *c = type; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return type;
}

bool ask_document(const struct http_request *request, const char *const names[],
                  const struct json **ret_document, struct error *err) {
    const struct json *document;
    TRY(ask_no_query(request, err));
    if (strcmp(ask_media_type(request), "application/json") != 0)
        return fail(err, ERROR_MALFORMED, "unsupported-media-type",
                    "The body must be JSON; send it with Content-Type: application/json.");
    TRY(json_parse(request->arena, request->body, &document, err));
    TRY(json_only(document, names, err));
    *ret_document = document;
    return true;
}

bool ask_optional_document(const struct http_request *request, const char *const names[],
                           const struct json **ret_document, struct error *err) {
    static const struct json nothing = {.type = JSON_OBJECT};
    if (request->body.len == 0) {
        TRY(ask_no_query(request, err));
        *ret_document = &nothing;
        return true;
    }
    return ask_document(request, names, ret_document, err);
}

bool ask_string(const struct json *document, const char *name, const char **ret_value,
                struct error *err) {
    const char *value = NULL;
    TRY(json_string(document, name, &value, err));
    if (value == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"%s\" is missing.", name);
    *ret_value = value;
    return true;
}

bool ask_time(const struct json *document, const char *name, int64_t *ret_us, struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    if (text == NULL || time_parse(text, ret_us, err))
        return true;
    error_prefix(err, "The field \"%s\": ", name);
    return false;
}

bool ask_strings(struct arena *arena, const struct json *document, const char *name, size_t max,
                 const char *const **ret_items, size_t *ret_count, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > max)
        return fail(err, ERROR_MALFORMED, "out-of-range",
                    "The field \"%s\" may have at most %zu items.", name, max);
    const char **items = arena_array(arena, array->count + 1, sizeof *items);
    size_t count = 0;
    JSON_EACH (item, array) {
        if (item->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "wrong-type",
                        "The field \"%s\" must be an array of strings.", name);
        items[count++] = item->text;
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

const struct json *ask_without(struct arena *arena, const struct json *document,
                               const char *const names[]) {
    struct json *rest = arena_alloc(arena, sizeof *rest);
    *rest = (struct json){.type = JSON_OBJECT};
    const struct json **link = &rest->first;
    JSON_EACH (member, document) {
        if (listed(names, member->name) || member->type == JSON_NULL)
            continue;
        struct json *copy = arena_alloc(arena, sizeof *copy);
        *copy = *member;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        rest->count++;
    }
    return rest->count == 0 ? NULL : rest;
}

bool ask_id(const struct http_request *request, size_t parameter, const char *kind,
            struct uuid *ret_id, struct error *err) {
    const char *text = request->parameters[parameter];
    if (text != NULL && uuid_parse(text, ret_id))
        return true;
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no %s with the id \"%.60s\".", kind,
                text == NULL ? "" : text);
}

/* "17" in quotes, as reply_version writes it. */
static bool read_entity_tag(const char *tag, int64_t *ret_version) {
    char *end;
    if (tag[0] != '"' || tag[1] < '1' || tag[1] > '9' || strlen(tag) > 20)
        return false;
    *ret_version = strtoll(tag + 1, &end, 10);
    return strcmp(end, "\"") == 0;
}

bool ask_version(const struct http_request *request, const struct json *document,
                 int64_t *ret_version, struct error *err) {
    const char *tag = http_header(request, "If-Match");
    int64_t tagged = 0, named = 0;
    TRY(json_int(document, "version", 1, INT64_MAX, &named, err));
    if (tag != NULL && !read_entity_tag(tag, &tagged))
        return fail(err, ERROR_MALFORMED, "bad-if-match",
                    "If-Match must be the ETag that a GET of this object gave.");
    if (tagged != 0 && named != 0 && tagged != named)
        return fail(err, ERROR_MALFORMED, "bad-if-match",
                    "If-Match and the field \"version\" name different versions.");
    *ret_version = tagged != 0 ? tagged : named;
    return true;
}

bool ask_permission(const struct http_request *request, const char *name, struct error *err) {
    enum permission permission;
    if (name == NULL)
        return true;
    if (!permission_from_name(name, &permission))
        return fail_internal(err, "a route with the unknown permission %s", name);
    const struct actor *actor = request->actor;
    struct uuid nobody = {{0}};
    return actor_could(actor, permission) || actor_may(actor, permission, nobody, nobody, err);
}
