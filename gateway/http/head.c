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

/* Written once a second in each thread. */
static void add_date(struct buffer *out) {
    static _Thread_local int64_t second = INT64_MIN;
    static _Thread_local char text[HTTP_DATE_SIZE];
    int64_t now = clock_now_us() / US_PER_SECOND;
    if (now != second) {
        http_date(now * US_PER_SECOND, text);
        second = now;
    }
    buffer_add_text(out, "Date: ");
    buffer_add_text(out, text);
    buffer_add_text(out, "\r\n");
}

/* The listener's own headers; a second one would let somebody cut the answer elsewhere. */
static bool is_ours(const char *name) {
    static const struct {
        size_t len;
        const char *name;
    } ours[] = {{4, "Date"},          {10, "Connection"},     {12, "Content-Type"},
                {12, "X-Request-Id"}, {14, "Content-Length"}, {17, "Transfer-Encoding"}};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (len == ours[i].len && strcasecmp(ours[i].name, name) == 0)
            return true;
    return false;
}

static void add_line(struct buffer *out, const char *name, const char *value) {
    buffer_add_text(out, name);
    buffer_add(out, ": ", 2);
    buffer_add_text(out, value);
    buffer_add(out, "\r\n", 2);
}

static void add_header(struct buffer *out, const char *name, const char *value) {
    if (value == NULL || !http_is_token(name) || !http_is_field_value(value) || is_ours(name))
        log_error("http",
                  "the header \"%s\" of an answer is not allowed or has characters that are not; "
                  "it was dropped",
                  name);
    else
        add_line(out, name, value);
}

static void add_number(struct buffer *out, size_t number) {
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    buffer_add(out, digits + at, sizeof digits - at);
}

void http_head(struct buffer *out, const struct http_request *request,
               const struct http_response *response, bool old_version, bool keep_alive) {
    const char *type = response->content_type;
    buffer_add_text(out, "HTTP/1.1 ");
    add_number(out, response->status > 0 ? (size_t)response->status : 0);
    buffer_add_byte(out, ' ');
    buffer_add_text(out, http_reason(response->status));
    buffer_add(out, "\r\n", 2);
    add_date(out);
    if (request->id != NULL)
        add_line(out, "X-Request-Id", request->id);
    if (http_status_has_body(response->status)) {
        if (type != NULL && http_is_field_value(type))
            add_line(out, "Content-Type", type);
        if (response->more == NULL) {
            buffer_add_text(out, "Content-Length: ");
            add_number(out, response->body.len);
            buffer_add(out, "\r\n", 2);
        } else if (!old_version) {
            buffer_add_text(out, "Transfer-Encoding: chunked\r\n");
        }
    }
    for (size_t i = 0; i < response->header_count; i++)
        add_header(out, response->headers[i].name, response->headers[i].value);
    if (!keep_alive)
        buffer_add_text(out, "Connection: close\r\n");
    else if (old_version)
        buffer_add_text(out, "Connection: keep-alive\r\n");
    buffer_add(out, "\r\n", 2);
}
