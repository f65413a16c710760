#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

static void before_value(struct json_writer *w) {
    if (w->need_comma)
        buffer_add_byte(&w->out, ',');
    w->need_comma = true;
}

static void open_with(struct json_writer *w, char c) {
    before_value(w);
    buffer_add_byte(&w->out, (uint8_t)c);
    w->need_comma = false;
}

static void close_with(struct json_writer *w, char c) {
    buffer_add_byte(&w->out, (uint8_t)c);
    w->need_comma = true;
}

void json_open_object(struct json_writer *w) {
    open_with(w, '{');
}

void json_close_object(struct json_writer *w) {
    close_with(w, '}');
}

void json_open_array(struct json_writer *w) {
    open_with(w, '[');
}

void json_close_array(struct json_writer *w) {
    close_with(w, ']');
}

static void add_escaped(struct buffer *out, uint8_t c) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    for (size_t i = 0; i < sizeof from - 1; i++)
        if (c == (uint8_t)from[i]) {
            buffer_add_byte(out, '\\');
            buffer_add_byte(out, (uint8_t)to[i]);
            return;
        }
    buffer_printf(out, "\\u%04x", c);
}

/* 0x80 in each octet that is below `low`; right for octets below 0x80 up to the first one that is below, which is enough to
 * know whether there is any. */
#define EACH(octet) (UINT64_C(0x0101010101010101) * (octet))
#define BELOW(octets, low) (((octets) - EACH(low)) & ~(octets) & EACH(0x80))

/* Whether all eight stand as they are. DEL is not among them, nor is what is not ASCII. */
static bool are_plain(const uint8_t *at) {
    uint64_t octets;
    memcpy(&octets, at, sizeof octets);
    return ((octets & EACH(0x80)) | BELOW(octets, 0x20) | BELOW(octets ^ EACH('"'), 1) | BELOW(octets ^ EACH('\\'), 1) |
            BELOW(octets ^ EACH(0x7f), 1)) == 0;
}

/* What stands as it is. */
static size_t plain_length(struct view text) {
    size_t len = 0;
    while (text.len - len >= sizeof(uint64_t) && are_plain(text.at + len))
        len += sizeof(uint64_t);
    while (len < text.len && text.at[len] >= 0x20 && text.at[len] < 0x7f && text.at[len] != '"' &&
           text.at[len] != '\\')
        len++;
    return len;
}

static void add_quoted(struct buffer *out, const char *text) {
    buffer_add_byte(out, '"');
    for (struct view left = view_text(text); left.len > 0;) {
        size_t len = plain_length(left);
        if (len > 0) {
            buffer_add(out, left.at, len);
        } else if (left.at[0] < 0x80) {
            add_escaped(out, left.at[0]);
            len = 1;
        } else {
            for (len = 2; len <= 4 && len <= left.len && !utf8_valid(view_of(left.at, len)); len++)
                ;
            if (len > 4 || len > left.len) {
                len = 1;
                buffer_add_text(out, "\xef\xbf\xbd");
            } else {
                buffer_add(out, left.at, len);
            }
        }
        left = view_of(left.at + len, left.len - len);
    }
    buffer_add_byte(out, '"');
}

void json_name(struct json_writer *w, const char *name) {
    before_value(w);
    add_quoted(&w->out, name);
    buffer_add_byte(&w->out, ':');
    w->need_comma = false;
}

void json_add_string(struct json_writer *w, const char *text) {
    if (text == NULL) {
        json_add_null(w);
        return;
    }
    before_value(w);
    add_quoted(&w->out, text);
}

void json_add_int(struct json_writer *w, int64_t value) {
    before_value(w);
    buffer_printf(&w->out, "%" PRId64, value);
}

void json_add_bool(struct json_writer *w, bool value) {
    before_value(w);
    buffer_add_text(&w->out, value ? "true" : "false");
}

void json_add_null(struct json_writer *w) {
    before_value(w);
    buffer_add_text(&w->out, "null");
}

static void add_children(struct json_writer *w, const struct json *value) {
    JSON_EACH(child, value) {
        if (value->type == JSON_OBJECT)
            json_name(w, child->name);
        json_add_value(w, child);
    }
}

void json_add_value(struct json_writer *w, const struct json *value) {
    switch (value->type) {
    case JSON_NULL:
        json_add_null(w);
        break;
    case JSON_BOOL:
        json_add_bool(w, value->boolean);
        break;
    case JSON_NUMBER:
        before_value(w);
        buffer_add_text(&w->out, value->text);
        break;
    case JSON_STRING:
        json_add_string(w, value->text);
        break;
    case JSON_ARRAY:
        json_open_array(w);
        add_children(w, value);
        json_close_array(w);
        break;
    case JSON_OBJECT:
        json_open_object(w);
        add_children(w, value);
        json_close_object(w);
        break;
    }
}

void json_put_string(struct json_writer *w, const char *name, const char *text) {
    json_name(w, name);
    json_add_string(w, text);
}

void json_put_texts(struct json_writer *w, const char *name, const struct text_list *list) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_add_string(w, list->items[i]);
    json_close_array(w);
}

void json_put_int(struct json_writer *w, const char *name, int64_t value) {
    json_name(w, name);
    json_add_int(w, value);
}

void json_put_bool(struct json_writer *w, const char *name, bool value) {
    json_name(w, name);
    json_add_bool(w, value);
}

void json_put_null(struct json_writer *w, const char *name) {
    json_name(w, name);
    json_add_null(w);
}

void json_put_time(struct json_writer *w, const char *name, int64_t us) {
    char text[TIME_TEXT_SIZE];
    time_format(us, text);
    json_put_string(w, name, text);
}

const char *json_written(struct json_writer *w) {
    return buffer_text(&w->out);
}
