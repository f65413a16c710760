#include "http/internal.h"

#include "base/encode.h"
#include "base/json.h"

#include <string.h>

/* rfc3986#3.3: pchar without pct-encoded, and the slash */
static const char path_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    "-._~!$&'()*+,;=:@/";

int http_percent_next(const char **at, const char *end) {
    if (**at != '%')
        return (unsigned char)*(*at)++;
    if (end - *at < 3)
        return -1;
    int high = hex_digit((*at)[1]), low = hex_digit((*at)[2]);
    if (high < 0 || low < 0)
        return -1;
    *at += 3;
    return high << 4 | low;
}

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_MALFORMED, "malformed-path", "The path of the request is malformed: %s.",
                rule);
}

static bool has_dot_segment(const char *path) {
    for (const char *at = path; *at != '\0';) {
        at++; /* the slash */
        size_t len = strcspn(at, "/");
        if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return true;
        at += len;
    }
    return false;
}

bool http_path_decode(struct arena *arena, const char *raw, const char **ret_path,
                      struct error *err) {
    const char *end = raw + strlen(raw);
    char *path = arena_alloc(arena, (size_t)(end - raw) + 1), *out = path;
    if (*raw != '/')
        return refuse(err, "it must begin with a slash");
    for (const char *at = raw; at < end;) {
        if (*at != '%' && strchr(path_characters, *at) == NULL)
            return refuse(err, "a character in it must be percent-encoded (RFC 3986, section 3.3)");
        int byte = http_percent_next(&at, end);
        if (byte < 0)
            return refuse(err, "a percent sign needs two hexadecimal digits");
        if (byte < 0x20 || byte == 0x7f)
            return refuse(err, "control characters are not allowed");
        *out++ = (char)byte;
    }
    if (!utf8_valid(view_of(path, (size_t)(out - path))))
        return refuse(err, "it is not valid UTF-8");
    /* Decoded: an encoded dot is a dot (rfc3986#6.2.2.2), and so is one behind an encoded slash. */
    if (has_dot_segment(path))
        return refuse(err, "\".\" and \"..\" segments are not resolved here; send the final path");
    *ret_path = path;
    return true;
}
