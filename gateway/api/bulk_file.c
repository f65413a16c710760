/* The file of an export: made while it is sent, some hundred certificates at a time, so that a million take no more memory
 * than a few. Nothing of it is kept; what the caller no longer sees is left out. */
#include "api/bulk.h"
#include "rest/zip.h"

#include "base/encode.h"

#include <string.h>

static const struct {
    const char *name, *type;
} formats[] = {[EXPORT_CSV] = {"csv", "text/csv; charset=utf-8; header=present"},
               [EXPORT_JSON] = {"json", "application/json"},
               [EXPORT_ZIP] = {"zip", "application/zip"}};
#define FORMATS (sizeof formats / sizeof formats[0])

bool export_format_read(const struct json *document, enum export_format *ret, struct error *err) {
    const char *name = NULL;
    TRY(json_string(document, "format", &name, err));
    for (size_t i = 0; name != NULL && i < FORMATS; i++)
        if (strcmp(name, formats[i].name) == 0) {
            *ret = (enum export_format)i;
            return true;
        }
    return fail(err, ERROR_POLICY, "unknown-format", "An export has a \"format\": csv, json or zip.");
}

struct export {
    struct core *core;
    const struct actor *actor;
    struct uuid job_id;
    enum export_format format;
    int64_t next;
    bool begun, listed, over;
    struct zip_stream *zip;
};

static bool add_pem(struct export *e, struct arena *arena, struct buffer *out, const struct certificate_record *c,
                    struct error *err) {
    if (c->der.len == 0) /* of a CA that was imported: its serial number alone is known */
        return true;
    return zip_stream_add(e->zip, out, export_pem_name(arena, c), view_text(pem_encode(arena, "CERTIFICATE", c->der)),
                          err);
}

static void add_object(struct export *e, struct arena *arena, struct buffer *out, struct certificate_record *c) {
    struct json_writer w = json_writer_on(arena);
    buffer_add_text(out, e->begun ? ",\n" : "[");
    json_open_object(&w);
    certificate_write(&w, arena, c);
    json_close_object(&w);
    buffer_add_text(out, json_written(&w));
    e->begun = true;
}

static bool add(struct export *e, struct arena *arena, struct buffer *out, struct certificate_record *c,
                struct error *err) {
    if (e->format == EXPORT_ZIP)
        return add_pem(e, arena, out, c, err);
    if (e->format == EXPORT_JSON)
        add_object(e, arena, out, c);
    else
        export_csv_row(out, arena, c);
    return true;
}

/* What stands before the first and after the last. */
static void begin(struct export *e, struct arena *arena, struct buffer *out) {
    if (e->format == EXPORT_CSV && !e->begun) {
        export_csv_head(out, arena);
        e->begun = true;
    }
}

static bool end(struct export *e, struct buffer *out, struct error *err) {
    if (e->format == EXPORT_ZIP)
        return zip_stream_end(e->zip, out, &e->over, err);
    if (e->format == EXPORT_JSON)
        buffer_add_text(out, e->begun ? "]\n" : "[]\n");
    e->over = true;
    return true;
}

/* A piece is empty only at the end: where nothing of a page is visible, the next is read. */
static bool more(void *context, struct arena *arena, struct view *ret_piece, struct error *err) {
    struct export *e = context;
    struct buffer out = buffer_on(arena);
    begin(e, arena, &out);
    while (out.len == 0 && !e->over) {
        struct certificate_record *items;
        size_t count = 0;
        int64_t next = e->next;
        if (!e->listed)
            TRY(bulk_export_read(e->core, arena, e->actor, e->job_id, e->next, e->format == EXPORT_ZIP, &items, &count,
                                 &next, err));
        e->listed = next == e->next;
        e->next = next;
        for (size_t i = 0; i < count; i++)
            TRY(add(e, arena, &out, &items[i], err));
        if (e->listed)
            TRY(end(e, &out, err));
    }
    *ret_piece = buffer_view(&out);
    return true;
}

bool export_stream(struct core *core, struct http_request *request, struct http_response *response,
                   const struct bulk_job *job, enum export_format format, struct error *err) {
    struct export *e = arena_alloc(request->arena, sizeof *e);
    *e = (struct export){.core = core, .actor = actor_of(request), .job_id = job->id, .format = format};
    if (format == EXPORT_ZIP)
        TRY(zip_stream_on(request->arena, &e->zip, err));
    export_note(core, request, formats[format].name, (size_t)job->total);
    reply_file(response, formats[format].type, arena_printf(request->arena, "certificates.%s", formats[format].name),
               (struct view){NULL, 0});
    response->more = more;
    response->more_context = e;
    return true;
}
