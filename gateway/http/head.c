#include "http/internal.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>
#include <strings.h>
#include <time.h>

bool http_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

const char *http_reason(int status) {
    /* clang-format off */
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
        {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"}, {308, "Permanent Redirect"}, {400, "Bad Request"},
        {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
        {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"},
        {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"}, {501, "Not Implemented"}, {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static void add_date(struct buffer *out) {
    char text[HTTP_DATE_SIZE];
    http_date(clock_now_us(), text);
    buffer_printf(out, "Date: %s\r\n", text);
}

/* The listener's own headers; a second one would let somebody cut the answer elsewhere. */
static bool is_ours(const char *name) {
    static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Connection",
                                       "Date",           "Content-Type",      "X-Request-Id"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcasecmp(ours[i], name) == 0)
            return true;
    return false;
}

static void add_header(struct buffer *out, const char *name, const char *value) {
    if (value == NULL || !http_is_token(name) || !http_is_field_value(value) || is_ours(name))
        log_error("http",
                  "the header \"%s\" of an answer is not allowed or has characters that are not; "
                  "it was dropped",
                  name);
    else
        buffer_printf(out, "%s: %s\r\n", name, value);
}

struct view http_head(const struct http_request *request, const struct http_response *response,
                      bool old_version, bool keep_alive) {
    struct buffer out = buffer_on(response->arena);
    const char *type = response->content_type;
    buffer_printf(&out, "HTTP/1.1 %d %s\r\n", response->status, http_reason(response->status));
    add_date(&out);
    if (request->id != NULL)
        buffer_printf(&out, "X-Request-Id: %s\r\n", request->id);
    if (http_status_has_body(response->status)) {
        if (type != NULL && http_is_field_value(type))
            buffer_printf(&out, "Content-Type: %s\r\n", type);
        buffer_printf(&out, "Content-Length: %zu\r\n", response->body.len);
    }
    for (size_t i = 0; i < response->header_count; i++)
        add_header(&out, response->headers[i].name, response->headers[i].value);
    if (!keep_alive)
        buffer_add_text(&out, "Connection: close\r\n");
    else if (old_version)
        buffer_add_text(&out, "Connection: keep-alive\r\n");
    buffer_add_text(&out, "\r\n");
    return buffer_view(&out);
}
