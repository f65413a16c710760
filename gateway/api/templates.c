/* Templates and starters. */
#include "api/handlers.h"

#include "ca/templates.h"
#include "template/text.h"

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
    put_text_or_null(w, "starter", template->starter);
    json_close_object(w);
}

bool template_reply(struct http_request *request, struct http_response *response, int status,
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
    return template_reply(request, response, 201, &template);
}

HANDLER(templates_get) {
    struct template_record template;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template,
                     err));
    return template_reply(request, response, 200, &template);
}

/* An edit must say which version it has seen. */
static bool ask_based_on(const struct http_request *request, const struct json *body,
                         int64_t *ret_version, struct error *err) {
    TRY(ask_version(request, body, ret_version, err));
    return *ret_version != 0 ||
           fail(err, ERROR_MALFORMED, "missing-field",
                "Say which version the edit is based on: If-Match with the template's ETag, or "
                "the field \"version\".");
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
    TRY(ask_based_on(request, body, &version, err));
    TRY(template_change(context, request->arena, actor_of(request), request->parameters[0], version,
                        name, document, &template, err));
    return template_reply(request, response, 200, &template);
}

HANDLER(templates_remove) {
    TRY(ask_no_query(request, err));
    TRY(template_remove(context, request->arena, actor_of(request), request->parameters[0], err));
    reply_nothing(response);
    return true;
}

HANDLER(templates_clone) {
    static const char *const members[] = {"name", "ca", NULL};
    const struct json *body, *document;
    const char *name, *ca = NULL;
    struct template_record from, made;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "name", &name, err) && json_string(body, "ca", &ca, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &from,
                     err));
    TRY(json_parse(request->arena, view_text(from.document), &document, err));
    TRY(template_create(context, request->arena, actor_of(request), ca == NULL ? from.ca_slug : ca,
                        name, document, &made, err));
    return template_reply(request, response, 201, &made);
}

#define EXPORT_FORMAT "gatehouse-template"

HANDLER(templates_export) {
    struct template_record template;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template,
                     err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "format", EXPORT_FORMAT);
    json_put_int(&w, "formatVersion", 1);
    json_put_string(&w, "name", template.name);
    json_put_int(&w, "version", template.version);
    put_document(&w, request->arena, "document", template.document);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(templates_openssl) {
    struct template_record template;
    const char *text;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template,
                     err));
    TRY(template_to_text(request->arena, &template, &text, err));
    reply_file(response, "text/plain; charset=utf-8",
               arena_printf(request->arena, "%s.cnf", template.slug), view_text(text));
    return true;
}

/* What a text would make of a template, and what of it cannot be read or says nothing. */
static bool check_reply(struct http_request *request, struct http_response *response,
                        const char *text, const char *current, struct error *err) {
    const struct json *base = NULL, *document = NULL;
    struct text_findings *findings = arena_alloc(request->arena, sizeof *findings);
    TRY(current == NULL || json_parse(request->arena, view_text(current), &base, err));
    TRY(template_check_text(request->arena, text, base, findings, &document, err));
    struct json_writer w = json_writer_on(request->arena), made = json_writer_on(request->arena);
    json_open_object(&w);
    if (document == NULL) {
        json_put_null(&w, "document");
        json_name(&w, "changes");
        json_open_array(&w);
        json_close_array(&w);
    } else {
        json_add_value(&made, document);
        json_name(&w, "document");
        json_add_value(&w, document);
        json_name(&w, "changes");
        TRY(template_diff(&w, request->arena, current == NULL ? "{}" : current,
                          json_written(&made), err));
    }
    json_name(&w, "findings");
    json_open_array(&w);
    for (size_t i = 0; i < findings->count; i++) {
        const struct text_finding *one = &findings->items[i];
        json_open_object(&w);
        if (one->line > 0)
            json_put_int(&w, "line", one->line);
        else
            json_put_null(&w, "line");
        json_put_string(&w, "severity", one->error ? "error" : "notice");
        json_put_string(&w, "text", one->text);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(templates_openssl_check) {
    static const char *const members[] = {"openssl", NULL};
    const struct json *body;
    const char *text;
    struct template_record template;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "openssl", &text, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template,
                     err));
    return check_reply(request, response, text, template.document, err);
}

HANDLER(templates_openssl_change) {
    static const char *const members[] = {"openssl", "version", NULL};
    const struct json *body, *current, *document;
    const char *text;
    int64_t version;
    struct template_record template;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "openssl", &text, err));
    TRY(template_get(context, request->arena, actor_of(request), request->parameters[0], &template,
                     err));
    TRY(ask_based_on(request, body, &version, err));
    TRY(json_parse(request->arena, view_text(template.document), &current, err));
    TRY(template_from_text(request->arena, text, current, &document, err));
    TRY(template_change(context, request->arena, actor_of(request), request->parameters[0], version,
                        template.name, document, &template, err));
    return template_reply(request, response, 200, &template);
}

HANDLER(templates_import) {
    static const char *const members[] = {"format",   "formatVersion", "name", "version",
                                          "document", "openssl",       "dryRun",
                                          NULL};
    const struct json *body, *document = NULL;
    const char *format, *name, *text = NULL;
    int64_t format_version = 1, version = 0;
    bool dry = false;
    struct template_record made;
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "name", &name, err) && json_string(body, "openssl", &text, err));
    TRY(json_bool(body, "dryRun", &dry, err));
    if (dry && text == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "A dry run reads a text: the field \"openssl\" is missing.");
    if (dry)
        return check_reply(request, response, text, NULL, err);
    if (text != NULL) {
        TRY(template_from_text(request->arena, text, NULL, &document, err));
        TRY(template_create(context, request->arena, actor_of(request), request->parameters[0], name,
                            document, &made, err));
        return template_reply(request, response, 201, &made);
    }
    TRY(ask_string(body, "format", &format, err));
    TRY(json_int(body, "formatVersion", 1, INT32_MAX, &format_version, err) &&
        json_int(body, "version", 1, INT64_MAX, &version, err) &&
        json_object(body, "document", &document, err));
    if (strcmp(format, EXPORT_FORMAT) != 0 || format_version != 1)
        return fail(
            err, ERROR_POLICY, "unknown-format",
            "This is no export of a template that this release reads (\"format\" " EXPORT_FORMAT
            ", \"formatVersion\" 1).");
    if (document == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"document\" is missing.");
    TRY(template_create(context, request->arena, actor_of(request), request->parameters[0], name,
                        document, &made, err));
    return template_reply(request, response, 201, &made);
}

HANDLER(templates_versions) {
    struct template_record *items;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(template_history(context, request->arena, actor_of(request), request->parameters[0], &items,
                         &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        json_put_int(&w, "version", items[i].version);
        json_put_string(&w, "name", items[i].name);
        json_put_time(&w, "createdAt", items[i].created_us);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

/* A version number of the query; absent: 0, the newest. */
static bool ask_number(const struct http_request *request, const char *name, int64_t *ret,
                       struct error *err) {
    const char *text = http_query(request, name);
    struct json number = {.type = JSON_NUMBER, .name = name, .text = text};
    struct json object = {.type = JSON_OBJECT, .count = 1, .first = &number};
    if (text == NULL)
        return true;
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return fail(err, ERROR_MALFORMED, "bad-query", "\"%s\" is a version number.", name);
    return json_int(&object, name, 1, INT64_MAX, ret, err);
}

HANDLER(templates_diff) {
    static const char *const names[] = {"from", "to", NULL};
    struct template_record before, after;
    int64_t from = 0, to = 0;
    TRY(ask_query(request, names, err));
    TRY(ask_number(request, "from", &from, err) && ask_number(request, "to", &to, err));
    TRY(template_at(context, request->arena, actor_of(request), request->parameters[0], to, &after,
                    err));
    if (from == 0) /* what the newest edit did */
        from = after.version > 1 ? after.version - 1 : 1;
    TRY(template_at(context, request->arena, actor_of(request), request->parameters[0], from,
                    &before, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "from", before.version);
    json_put_int(&w, "to", after.version);
    json_name(&w, "changes");
    TRY(template_diff(&w, request->arena, before.document, after.document, err));
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
