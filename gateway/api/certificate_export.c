/* The certificates of a filter as a file: CSV for spreadsheets, JSON for programs, ZIP with the
 * certificates. */
#include "api/bulk.h"
#include "api/handlers.h"
#include "api/zip.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/crl.h"

#include <string.h>

#define MAX_ROWS 10000
#define MAX_FILES 2000

/* rfc4180#2; and what a spreadsheet would run as a formula is made text. */
static void add_cell(struct buffer *out, const char *text, bool first) {
    if (!first)
        buffer_add_byte(out, ',');
    buffer_add_byte(out, '"');
    if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
        buffer_add_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buffer_add_byte(out, '"');
        buffer_add_byte(out, (uint8_t)*text);
    }
    buffer_add_byte(out, '"');
}

static const char *time_cell(struct arena *arena, int64_t us) {
    char text[TIME_TEXT_SIZE];
    if (us == 0)
        return "";
    time_format(us, text);
    return arena_strdup(arena, text);
}

void export_csv_row(struct buffer *out, struct arena *arena, const struct certificate_record *c) {
    const char *const cells[] = {
        uuid_text(arena, c->id),
        hex_encode(arena, c->serial),
        c->subject,
        c->common_name,
        c->sans,
        certificate_state_name(c),
        c->ca_slug,
        c->template_slug,
        c->key_type,
        c->door,
        c->requester,
        c->owner,
        c->tags,
        c->fields,
        time_cell(arena, c->not_before_us),
        time_cell(arena, c->not_after_us),
        time_cell(arena, c->revoked ? c->revoked_us : 0),
        c->revoked ? reason_name(c->reason) : "",
        hex_encode(arena, view_of(c->fingerprint_sha256, 32)),
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        add_cell(out, cells[i] == NULL ? "" : cells[i], i == 0);
    buffer_add_text(out, "\r\n");
}

void export_csv_head(struct buffer *out) {
    buffer_add_text(out, "id,serial,subject,commonName,sans,state,ca,template,keyType,door,requester,owner,"
                         "tags,fields,notBefore,notAfter,revokedAt,reason,fingerprintSha256\r\n");
}

static struct view to_csv(struct arena *arena, const struct certificate_record *items,
                          size_t count) {
    struct buffer out = buffer_on(arena);
    export_csv_head(&out);
    for (size_t i = 0; i < count; i++)
        export_csv_row(&out, arena, &items[i]);
    return buffer_view(&out);
}

const char *export_pem_name(struct arena *arena, const struct certificate_record *c) {
    return arena_printf(arena, "%s-%s.pem", c->ca_slug, hex_encode(arena, c->serial));
}

static bool to_zip(struct core *core, const struct http_request *request,
                   const struct certificate_record *items, size_t count, struct view *ret,
                   struct error *err) {
    struct arena *arena = request->arena;
    struct zip zip = zip_on(arena);
    zip_add(&zip, "index.csv", to_csv(arena, items, count));
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

/* The names of the filter and "format". */
static bool check_query(const struct http_request *request, struct error *err) {
    const char *names[40] = {"format"};
    for (size_t i = 0; certificate_filter_names[i] != NULL; i++)
        names[i + 1] = certificate_filter_names[i];
    return ask_query(request, names, err);
}

HANDLER(certificates_export) {
    struct certificate_filter filter;
    struct certificate_record *items;
    const char *ca = NULL, *format = http_query(request, "format");
    struct view bytes;
    size_t count;
    TRY(check_query(request, err));
    if (format == NULL ||
        (strcmp(format, "csv") != 0 && strcmp(format, "json") != 0 && strcmp(format, "zip") != 0))
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"format\" is csv, json or zip.");
    bool zip = strcmp(format, "zip") == 0, csv = strcmp(format, "csv") == 0;
    TRY(certificate_filter_read(context, request, &ca, &filter, err));
    TRY(certificate_collect(context, request, ca, &filter, zip ? MAX_FILES : MAX_ROWS, &items,
                            &count, err));
    if (zip)
        TRY(to_zip(context, request, items, count, &bytes, err));
    else
        bytes = csv ? to_csv(request->arena, items, count) : to_json(request->arena, items, count);
    export_note(context, request, format, count);
    reply_file(response,
               zip   ? "application/zip"
               : csv ? "text/csv; charset=utf-8; header=present"
                     : "application/json",
               arena_printf(request->arena, "certificates.%s", format), bytes);
    return true;
}
