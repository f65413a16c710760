/* JSON (RFC 8259), read into a tree on an arena and written by one writer.
 *
 * The reader is strict where jsmn is not: the whole grammar, one value and nothing after it, valid UTF-8,
 * no duplicate names (rfc8259#4 leaves them undefined, I-JSON rfc7493#2.3 forbids them), no NUL in strings,
 * bounded depth and number of values. */
#ifndef GATEHOUSE_BASE_JSON_H
#define GATEHOUSE_BASE_JSON_H

#include "base/buffer.h"

#define JSON_MAX_DEPTH 32
#define JSON_MAX_VALUES 65536 /* our own OpenAPI document is the longest that is read */
#define JSON_MAX_SIZE ((size_t)4 * 1024 * 1024)

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    const char *name;         /* in an object: the member's name */
    const char *text;         /* string: unescaped UTF-8 without NUL; number: its literal */
    bool boolean;
    size_t count;             /* members or items */
    const struct json *first; /* first member or item */
    const struct json *next;  /* next sibling */
};

MUST_USE bool json_parse(struct arena *arena, struct view text, const struct json **ret_value,
                         struct error *err);

/* The member of that name, or NULL; also NULL when object is NULL or no object. */
const struct json *json_get(const struct json *object, const char *name);
#define JSON_EACH(item, parent)                                                                    \
    for (const struct json *item = (parent) == NULL ? NULL : (parent)->first; item != NULL;        \
         item = item->next)

/* Members by type. An absent member (or null) leaves *ret_value untouched and is no error; a member of
 * another type is ERROR_MALFORMED "wrong-type" that names the member. */
MUST_USE bool json_string(const struct json *object, const char *name, const char **ret_value,
                          struct error *err);
MUST_USE bool json_bool(const struct json *object, const char *name, bool *ret_value,
                        struct error *err);
/* An integer literal in [min, max], without fraction or exponent. */
MUST_USE bool json_int(const struct json *object, const char *name, int64_t min, int64_t max,
                       int64_t *ret_value, struct error *err);
MUST_USE bool json_array(const struct json *object, const char *name, const struct json **ret_value,
                         struct error *err);
MUST_USE bool json_object(const struct json *object, const char *name,
                          const struct json **ret_value, struct error *err);
/* Refuses members that are not in the NULL-terminated list (ERROR_MALFORMED "unknown-field"), and a value
 * that is no object. */
MUST_USE bool json_only(const struct json *object, const char *const names[], struct error *err);

/* The writer. Commas are its business. Strings are written as valid UTF-8 whatever they hold (broken bytes
 * become U+FFFD). In an object call json_name (or the json_put_ forms) before each value. */
struct json_writer {
    struct buffer out;
    bool need_comma;
};

static inline struct json_writer json_writer_on(struct arena *arena) {
    return (struct json_writer){.out = buffer_on(arena)};
}
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_name(struct json_writer *w, const char *name);
void json_add_string(struct json_writer *w, const char *text); /* NULL writes null */
void json_add_int(struct json_writer *w, int64_t value);
void json_add_bool(struct json_writer *w, bool value);
void json_add_null(struct json_writer *w);
/* A tree that was read, written again. */
void json_add_value(struct json_writer *w, const struct json *value);
void json_put_string(struct json_writer *w, const char *name, const char *text);
void json_put_texts(struct json_writer *w, const char *name, const struct text_list *list); /* an array */
void json_put_int(struct json_writer *w, const char *name, int64_t value);
void json_put_bool(struct json_writer *w, const char *name, bool value);
void json_put_null(struct json_writer *w, const char *name);
void json_put_time(struct json_writer *w, const char *name, int64_t us); /* RFC 3339 */
/* The document so far, NUL-terminated. */
const char *json_written(struct json_writer *w);

/* True when the bytes are well-formed UTF-8 (RFC 3629) without NUL. */
bool utf8_valid(struct view text);

#endif
