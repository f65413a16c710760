/* Templates and starters. */
#include "api/handlers.h"

#include <string.h>

static void write_template(struct json_writer *w, struct arena *arena,
                           const struct template_record *template) {
    json_open_object(w);
    json_put_string(w, "id", template->slug);
    put_uuid(w, "uuid", template->id);
    json_put_string(w, "ca", template->ca_slug);
    json_put_string(w, "name", template->name);
    json_put_int(w, "version", template->version);
    put_document(w, arena, "document", template->document);
    json_put_time(w, "createdAt", template->created_us);
    json_put_time(w, "changedAt", template->changed_us);
    json_close_object(w);
}

static bool reply_template(struct http_request *request, struct http_response *response, int status,
                           const struct template_record *template) {
    struct json_writer w = json_writer_on(request->arena);
    write_template(&w, request->arena, template);
    reply_version(response, template->version);
    if (status == 201)
        reply_created(response, &w, arena_printf(request->arena, "/templates/%s", template->slug));
    else
        reply_json(response, status, &w);
    return true;
}

HANDLER(templates_list) {
    struct page page;
    struct template_record *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    TRY(ask_page(request, NULL, &page, err));
    TRY(template_page(context, request->arena, actor_of(request), request->parameters[0], &page,
                      &items, &count, &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_template(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

/* The document itself, or the one of a starter. */
static bool read_document(struct arena *arena, const struct json *body, const struct json **ret,
                          struct error *err) {
    const struct json *document = NULL;
    const char *starter = NULL;
    size_t count;
    TRY(json_object(body, "document", &document, err));
    TRY(json_string(body, "starter", &starter, err));
    if ((document == NULL) == (starter == NULL))
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "A template needs either a \"document\" or a \"starter\".");
    if (document != NULL) {
        *ret = document;
        return true;
    }
    const struct template_starter *starters = template_starters(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(starters[i].id, starter) == 0)
            return json_parse(arena, view_text(starters[i].document), ret, err);
    return fail(err, ERROR_POLICY, "unknown-starter",
                "There is no starter \"%.40s\"; GET starters lists them.", starter);
}

HANDLER(templates_create) {
    static const char *const members[] = {"name", "document", "starter", NULL};
    const struct json *body, *document;
    const char *name;
    struct template_record template;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "name", &name, err));
    TRY(read_document(request->arena, body, &document, err));
    TRY(template_create(context, request->arena, actor_of(request), request->parameters[0], name,
                        document, &template, err));
    return reply_template(request, response, 201, &template);
}

HANDLER(templates_get) {
    struct template_record template;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template,
                     err));
    return reply_template(request, response, 200, &template);
}

HANDLER(templates_change) {
    static const char *const members[] = {"name", "document", "version", NULL};
    const struct json *body, *document = NULL;
    const char *name;
    int64_t version;
    struct template_record template;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "name", &name, err));
    TRY(json_object(body, "document", &document, err));
    if (document == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"document\" is missing.");
    TRY(ask_version(request, body, &version, err));
    if (version == 0)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "Say which version the edit is based on: If-Match with the template's ETag, or "
                    "the field \"version\".");
    TRY(template_change(context, request->arena, actor_of(request), request->parameters[0], version,
                        name, document, &template, err));
    return reply_template(request, response, 200, &template);
}

HANDLER(templates_remove) {
    TRY(ask_no_query(request, err));
    TRY(template_remove(context, request->arena, actor_of(request), request->parameters[0], err));
    reply_nothing(response);
    return true;
}

HANDLER(starters_list) {
    size_t count;
    TRY(ask_no_query(request, err));
    const struct template_starter *starters = template_starters(&count);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        json_put_string(&w, "id", starters[i].id);
        json_put_string(&w, "name", starters[i].name);
        put_document(&w, request->arena, "document", starters[i].document);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}
