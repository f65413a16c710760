#include "rest/reply.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/certificates.h"

#include <inttypes.h>
#include <string.h>

#define JSON_TYPE "application/json"

void reply_json(struct http_response *response, int status, struct json_writer *w) {
    json_written(w);
    http_reply(response, status, JSON_TYPE, buffer_view(&w->out));
}

void reply_created(struct http_response *response, struct json_writer *w, const char *path) {
    http_add_header(response, "Location", arena_printf(response->arena, API_BASE "%s", path));
    reply_json(response, 201, w);
}

void reply_nothing(struct http_response *response) {
    http_reply(response, 204, NULL, view_of(NULL, 0));
}

void reply_version(struct http_response *response, int64_t version) {
    http_add_header(response, "ETag", arena_printf(response->arena, "\"%" PRId64 "\"", version));
}

void reply_file(struct http_response *response, const char *content_type, const char *name,
                struct view bytes) {
    http_add_header(response, "Content-Disposition",
                    arena_printf(response->arena, "attachment; filename=\"%s\"", name));
    http_reply(response, 200, content_type, bytes);
}

struct json_writer reply_list_begin(struct arena *arena) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "items");
    json_open_array(&w);
    return w;
}

/* Percent-encodes what may not stand in a URI reference inside <> of a Link header; `keep` are
 * further characters to leave alone. */
static void add_encoded(struct buffer *out, const char *text, size_t len, const char *keep) {
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < len; i++)
        if (strchr(unreserved, text[i]) != NULL || strchr(keep, text[i]) != NULL)
            buffer_add_byte(out, (uint8_t)text[i]);
        else
            buffer_printf(out, "%%%02X", (unsigned char)text[i]);
}

static const char *next_link(const struct http_request *request, const char *next) {
    struct buffer out = buffer_on(request->arena);
    buffer_add_text(&out, "<");
    add_encoded(&out, request->raw_path, strlen(request->raw_path), "/%");
    char joint = '?';
    for (const char *at = request->query; *at != '\0';) {
        size_t part = strcspn(at, "&");
        if (part > 0 && strncmp(at, "cursor=", 7) != 0) {
            buffer_add_byte(&out, (uint8_t)joint);
            add_encoded(&out, at, part, "=%+:");
            joint = '&';
        }
        at += part + (at[part] == '&');
    }
    buffer_add_byte(&out, (uint8_t)joint);
    buffer_add_text(&out, "cursor=");
    add_encoded(&out, next, strlen(next), "");
    buffer_add_text(&out, ">; rel=\"next\"");
    return buffer_text(&out);
}

void reply_list(const struct http_request *request, struct http_response *response,
                struct json_writer *w, const char *next) {
    json_close_array(w);
    json_put_string(w, "next", next);
    json_close_object(w);
    if (next != NULL)
        http_add_header(response, "Link", next_link(request, next));
    reply_json(response, 200, w);
}

void put_uuid(struct json_writer *w, const char *name, struct uuid id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_put_string(w, name, uuid_is_nil(id) ? NULL : text);
}

void put_time_or_null(struct json_writer *w, const char *name, int64_t us) {
    if (us == 0)
        json_put_null(w, name);
    else
        json_put_time(w, name, us);
}

void put_text_or_null(struct json_writer *w, const char *name, const char *text) {
    json_put_string(w, name, text == NULL || text[0] == '\0' ? NULL : text);
}

void put_joined(struct json_writer *w, struct arena *arena, const char *name, const char *joined) {
    json_name(w, name);
    json_open_array(w);
    for (const char *at = joined == NULL ? "" : joined; *at != '\0';) {
        size_t len = joined_span(at);
        json_add_string(w, arena_text(arena, view_of(at, len)));
        at += len;
        if (*at != '\0')
            at += 2;
    }
    json_close_array(w);
}

void put_document(struct json_writer *w, struct arena *arena, const char *name, const char *text) {
    const struct json *value;
    json_name(w, name);
    if (text != NULL && json_parse(arena, view_text(text), &value, NULL)) {
        json_add_value(w, value);
        return;
    }
    json_open_object(w);
    json_close_object(w);
}

void put_hex(struct json_writer *w, struct arena *arena, const char *name, struct view bytes) {
    json_put_string(w, name, hex_encode(arena, bytes));
}

void put_problem(struct json_writer *w, const struct http_request *request, const char *name,
                 const struct error *err) {
    struct http_response alone = {.arena = request->arena};
    http_problem(request, &alone, err);
    put_document(w, request->arena, name, arena_text(request->arena, alone.body));
}
