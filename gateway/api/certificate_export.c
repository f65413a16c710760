/* The certificates of a filter as a file: CSV for spreadsheets, JSON for programs, ZIP with the
 * certificates. */
#include "api/bulk.h"
#include "api/handlers.h"

#include "base/clock.h"
#include "base/encode.h"
#include "rest/table.h"
#include "rest/zip.h"
#include "x509/crl.h"

#include <string.h>

#define MAX_ROWS 10000
#define MAX_FILES 2000

static const char *const columns[] = {"id",      "serial",    "subject",   "commonName", "sans",   "state", "ca",
                                      "template", "keyType",  "door",      "requester",  "owner",  "tags",  "fields",
                                      "notBefore", "notAfter", "revokedAt", "reason",    "fingerprintSha256"};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void add_row(struct table *table, struct arena *arena, const struct certificate_record *c) {
    const struct table_cell cells[COLUMNS] = {
        {uuid_text(arena, c->id), 0},
        {hex_encode(arena, c->serial), 0},
        {c->subject, 0},
        {c->common_name, 0},
        {c->sans, 0},
        {certificate_state_name(c), 0},
        {c->ca_slug, 0},
        {c->template_slug, 0},
        {c->key_type, 0},
        {c->door, 0},
        {c->requester, 0},
        {c->owner, 0},
        {c->tags, 0},
        {c->fields, 0},
        {NULL, c->not_before_us},
        {NULL, c->not_after_us},
        {NULL, c->revoked ? c->revoked_us : 0},
        {c->revoked ? reason_name(c->reason) : NULL, 0},
        {hex_encode(arena, view_of(c->fingerprint_sha256, 32)), 0},
    };
    table_row(table, cells);
}

static struct view to_table(struct arena *arena, enum table_format format, const struct certificate_record *items,
                            size_t count) {
    struct table table = table_on(arena, format, "Certificates", columns, COLUMNS);
    for (size_t i = 0; i < count; i++)
        add_row(&table, arena, &items[i]);
    return table_end(&table);
}

static void add_view(struct buffer *out, struct view bytes) {
    buffer_add(out, bytes.at, bytes.len);
}

void export_csv_head(struct buffer *out, struct arena *arena) {
    add_view(out, to_table(arena, TABLE_CSV, NULL, 0));
}

void export_csv_row(struct buffer *out, struct arena *arena, const struct certificate_record *c) {
    struct table table = {.arena = arena, .out = buffer_on(arena), .format = TABLE_CSV, .columns = COLUMNS, .rows = 1};
    add_row(&table, arena, c);
    add_view(out, table_end(&table));
}

const char *export_pem_name(struct arena *arena, const struct certificate_record *c) {
    return arena_printf(arena, "%s-%s.pem", c->ca_slug, hex_encode(arena, c->serial));
}

static bool to_zip(struct core *core, const struct http_request *request,
                   const struct certificate_record *items, size_t count, struct view *ret,
                   struct error *err) {
    struct arena *arena = request->arena;
    struct zip zip = zip_on(arena);
    zip_add(&zip, "index.csv", to_table(arena, TABLE_CSV, items, count));
    for (size_t i = 0; i < count; i++) {
        struct certificate_record whole;
        TRY(certificate_get(core, arena, actor_of(request), items[i].id, &whole, err));
        if (whole.der.len == 0) /* of a CA that was imported: its serial number alone is known */
            continue;
        zip_add(&zip, export_pem_name(arena, &whole), view_text(pem_encode(arena, "CERTIFICATE", whole.der)));
    }
    *ret = zip_end(&zip);
    return true;
}

static struct view to_json(struct arena *arena, const struct certificate_record *items,
                           size_t count) {
    struct json_writer w = json_writer_on(arena);
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        certificate_write(&w, arena, &items[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    return view_text(json_written(&w));
}

void export_note(struct core *core, const struct http_request *request, const char *format,
                        size_t count) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "format", format);
    json_put_int(&w, "count", (int64_t)count);
    json_close_object(&w);
    access_note_alone(
        core, actor_of(request),
        &(struct event_note){.code = "certificates.exported", .details = json_written(&w)});
}

bool certificate_collect(struct core *core, const struct http_request *request, const char *ca,
                         struct certificate_filter *filter, size_t most,
                         struct certificate_record **ret_items, size_t *ret_count,
                         struct error *err) {
    struct certificate_record *items = arena_array(request->arena, most + 501, sizeof *items),
                              *some;
    struct page page = {.limit = 500};
    size_t count = 0, more;
    do {
        TRY(certificate_page(core, request->arena, actor_of(request), ca, filter, &page, &some,
                             &more, &page.cursor, err));
        memcpy(items + count, some, more * sizeof *items);
        count += more;
    } while (page.cursor != NULL && count <= most);
    if (count > most)
        return fail(
            err, ERROR_POLICY, "too-many",
            "The filter finds more than %zu certificates; narrow it, for example by CA or date.",
            most);
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* The names of the filter and "format". */
static bool check_query(const struct http_request *request, struct error *err) {
    const char *names[40] = {"format"};
    for (size_t i = 0; certificate_list_names[i] != NULL; i++)
        names[i + 1] = certificate_list_names[i];
    return ask_query(request, names, err);
}

HANDLER(certificates_export) {
    struct certificate_filter filter;
    struct certificate_record *items;
    const char *ca = NULL, *format = http_query(request, "format");
    struct view bytes;
    size_t count;
    TRY(check_query(request, err));
    enum table_format kind = TABLE_CSV;
    bool table = format != NULL && table_format_read(format, &kind), zip = format != NULL && strcmp(format, "zip") == 0;
    if (!table && !zip && (format == NULL || strcmp(format, "json") != 0))
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"format\" is csv, xlsx, html, json or zip.");
    TRY(certificate_filter_read(context, request, &ca, &filter, err));
    TRY(certificate_collect(context, request, ca, &filter, zip ? MAX_FILES : MAX_ROWS, &items,
                            &count, err));
    if (zip)
        TRY(to_zip(context, request, items, count, &bytes, err));
    else
        bytes = table ? to_table(request->arena, kind, items, count) : to_json(request->arena, items, count);
    export_note(context, request, format, count);
    reply_file(response, zip ? "application/zip" : table ? table_media_type(kind) : "application/json",
               arena_printf(request->arena, "certificates.%s", format), bytes);
    return true;
}
