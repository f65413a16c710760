/* What people write about certificates: owner, tags, fields; counting; saved views. */
#include "ca/inventory.h"
#include "api/handlers.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MOST 1000000

/* The names of a filter, and "most". */
static const char *const *count_names(struct arena *arena) {
    size_t count = 0;
    while (certificate_filter_names[count] != NULL)
        count++;
    const char **names = arena_array(arena, count + 2, sizeof *names);
    memcpy(names, certificate_filter_names, count * sizeof *names);
    names[count] = "most";
    names[count + 1] = NULL;
    return names;
}

static bool read_most(const struct http_request *request, int64_t *ret_most, struct error *err) {
    const char *text = http_query(request, "most");
    char *end;
    *ret_most = COUNT_MOST;
    if (text == NULL)
        return true;
    *ret_most = strtol(text, &end, 10);
    return (text[0] >= '1' && text[0] <= '9' && *end == '\0' && *ret_most <= COUNT_MOST) ||
           fail(err, ERROR_MALFORMED, "bad-query", "The parameter \"most\" is a number from 1 to %d.", COUNT_MOST);
}

HANDLER(certificates_count) {
    struct certificate_filter filter;
    const char *ca = NULL;
    int64_t count = 0, most;
    TRY(ask_query(request, count_names(request->arena), err));
    TRY(read_most(request, &most, err));
    TRY(certificate_filter_read(context, request, &ca, &filter, err));
    TRY(certificate_count_all(context, request->arena, actor_of(request), ca, &filter, most, &count, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "count", count > most ? most : count);
    json_put_bool(&w, "more", count > most);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(certificates_edit) {
    static const char *const members[] = {"owner",  "tags",     "addTags",  "removeTags",
                                          "fields", "archived", "revision", NULL};
    struct certificate_edit edit = {.revision = -1};
    struct certificate_record certificate;
    const struct json *document;
    struct uuid id;
    bool archived = false;
    TRY(ask_id(request, 0, "certificate", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "owner", &edit.owner, err) &&
        json_array(document, "tags", &edit.tags, err) &&
        json_array(document, "addTags", &edit.add_tags, err) &&
        json_array(document, "removeTags", &edit.remove_tags, err) &&
        json_object(document, "fields", &edit.fields, err) &&
        json_bool(document, "archived", &archived, err) &&
        json_int(document, "revision", 0, INT64_MAX, &edit.revision, err));
    const struct json *said = json_get(document, "archived");
    if (said != NULL && said->type == JSON_BOOL)
        edit.archived = &archived;
    TRY(certificate_edit(context, request->arena, actor_of(request), id, &edit, &certificate, err));
    reply_certificate(request, response, &certificate);
    return true;
}

static void reply_fields(struct http_request *request, struct http_response *response,
                         const struct field_document *document) {
    const struct json *fields = NULL;
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "fields");
    if (json_parse(request->arena, view_text(document->document), &fields, NULL))
        json_add_value(&w, fields);
    else
        json_add_null(&w);
    json_put_int(&w, "version", document->version);
    json_close_object(&w);
    reply_json(response, 200, &w);
}

HANDLER(fields_show) {
    static const char *const names[] = {"organisation", NULL};
    struct field_document document;
    TRY(ask_query(request, names, err));
    TRY(fields_get(context, request->arena, actor_of(request), http_query(request, "organisation"),
                   &document, err));
    reply_fields(request, response, &document);
    return true;
}

HANDLER(fields_replace) {
    static const char *const members[] = {"fields", "version", "organisation", NULL};
    const struct json *document, *fields = NULL;
    const char *organisation = NULL;
    struct field_document after;
    int64_t version = -1;
    TRY(ask_document(request, members, &document, err));
    TRY(json_array(document, "fields", &fields, err) &&
        json_string(document, "organisation", &organisation, err) &&
        json_int(document, "version", 0, INT64_MAX - 1, &version, err));
    if (fields == NULL || version < 0)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"%s\" is missing.",
                    fields == NULL ? "fields" : "version");
    TRY(fields_put(context, request->arena, actor_of(request), organisation, fields, version,
                   &after, err));
    reply_fields(request, response, &after);
    return true;
}

static void write_view(struct json_writer *w, const struct view_record *view) {
    json_open_object(w);
    put_uuid(w, "id", view->id);
    json_put_string(w, "name", view->name);
    json_put_string(w, "filter", view->filter);
    json_put_time(w, "createdAt", view->created_us);
    json_close_object(w);
}

HANDLER(views_list) {
    struct view_record *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(view_all(context, request->arena, actor_of(request), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_view(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

/* "list=events&..." belongs to another list of the console, whose query is kept as it is. */
static bool is_of_other_list(const char *text) {
    static const char name[] = "abcdefghijklmnopqrstuvwxyz-";
    const size_t begin = sizeof "list=" - 1;
    if (strncmp(text, "list=", begin) != 0)
        return false;
    size_t length = strspn(text + begin, name);
    return length > 0 && length <= 63 && text[begin + length] == '&';
}

HANDLER(views_create) {
    static const char *const members[] = {"name", "filter", NULL};
    const struct json *document;
    const char *name, *text, *ca = NULL;
    struct certificate_filter filter;
    struct view_record view;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &name, err) && ask_string(document, "filter", &text, err));
    /* What would not work later is refused now. */
    TRY(is_of_other_list(text) || certificate_filter_parse(context, request, text, &ca, &filter, err));
    TRY(view_create(context, request->arena, actor_of(request), name, text, &view, err));
    struct json_writer w = json_writer_on(request->arena);
    write_view(&w, &view);
    reply_created(response, &w,
                  arena_printf(request->arena, "/views/%s", uuid_text(request->arena, view.id)));
    return true;
}

HANDLER(views_remove) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "view", &id, err));
    TRY(view_remove(context, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}
