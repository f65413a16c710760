#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

struct reader {
    struct arena *arena;
    struct view text;
    const jsmntok_t *tokens;
    int count, at; /* tokens, and the next one */
    size_t pos;    /* bytes consumed */
    int depth;
    struct error *err;
};

static bool bad(struct reader *r, const char *what) {
    return fail(r->err, ERROR_MALFORMED, "malformed-json",
                "The JSON document is broken at byte %zu: %s (RFC 8259).", r->pos, what);
}

static void skip_space(struct reader *r) {
    while (r->pos < r->text.len && memchr(" \t\r\n", r->text.at[r->pos], 4) != NULL)
        r->pos++;
}

/* Skips white space, then the one byte. */
static bool take(struct reader *r, char c) {
    skip_space(r);
    if (r->pos >= r->text.len || r->text.at[r->pos] != (uint8_t)c)
        return false;
    r->pos++;
    return true;
}

static size_t utf8_length(const uint8_t *at, size_t left) {
    uint8_t c = at[0];
    size_t len = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (len == 0 || len > left || c == 0)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* rfc3629#3: no overlong forms, no surrogates, nothing above U+10FFFF */
    if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) || (c == 0xf0 && at[1] < 0x90) ||
        (c == 0xf4 && at[1] > 0x8f))
        return 0;
    return len;
}

/* Most text is ASCII: it is passed over eight octets at a time. */
static size_t ascii_length(struct view text) {
    size_t len = 0;
    for (uint64_t octets; text.len - len >= sizeof octets; len += sizeof octets) {
        memcpy(&octets, text.at + len, sizeof octets);
        if ((octets & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return len;
}

bool utf8_valid(struct view text) {
    for (size_t i = ascii_length(text), len; i < text.len; i += len)
        if ((len = utf8_length(text.at + i, text.len - i)) == 0)
            return false;
    return true;
}

static void put_utf8(char **out, uint32_t c) {
    if (c < 0x80) {
        *(*out)++ = (char)c;
    } else if (c < 0x800) {
        *(*out)++ = (char)(0xc0 | c >> 6);
        *(*out)++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *(*out)++ = (char)(0xe0 | c >> 12);
        *(*out)++ = (char)(0x80 | (c >> 6 & 63));
        *(*out)++ = (char)(0x80 | (c & 63));
    } else {
        *(*out)++ = (char)(0xf0 | c >> 18);
        *(*out)++ = (char)(0x80 | (c >> 12 & 63));
        *(*out)++ = (char)(0x80 | (c >> 6 & 63));
        *(*out)++ = (char)(0x80 | (c & 63));
    }
}

/* Four hex digits at `at`, which jsmn has checked. */
static uint32_t hex4(const uint8_t *at) {
    char digits[5] = {(char)at[0], (char)at[1], (char)at[2], (char)at[3], '\0'};
    return (uint32_t)strtoul(digits, NULL, 16);
}

static bool unescape_unicode(struct reader *r, const uint8_t **at, const uint8_t *end, char **out) {
    if (end - *at < 4)
        return bad(r, "\\u needs four hex digits");
    uint32_t c = hex4(*at);
    *at += 4;
    if (c == 0)
        return bad(r, "NUL is not allowed in a string");
    if (c >= 0xdc00 && c <= 0xdfff)
        return bad(r, "a low surrogate stands alone");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
            return bad(r, "a high surrogate stands alone");
        uint32_t low = hex4(*at + 2);
        if (low < 0xdc00 || low > 0xdfff)
            return bad(r, "a high surrogate stands alone");
        *at += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(out, c);
    return true;
}

static bool unescape(struct reader *r, const jsmntok_t *token, const char **ret_text) {
    const uint8_t *at = r->text.at + token->start, *end = r->text.at + token->end;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *text = arena_alloc(r->arena, (size_t)(end - at) + 1), *out = text;
    while (at < end) {
        uint8_t c = *at++;
        if (c < 0x20)
            return bad(r, "a control character in a string must be escaped");
        if (c != '\\') {
            *out++ = (char)c;
            continue;
        }
        if (at == end)
            return bad(r, "a string ends inside an escape");
        c = *at++;
        if (c == 'u') {
            TRY(unescape_unicode(r, &at, end, &out));
            continue;
        }
        const char *found = memchr(from, c, sizeof from - 1);
        if (found == NULL)
            return bad(r, "an unknown escape");
        *out++ = to[found - from];
    }
    *ret_text = text;
    return true;
}

/* rfc8259#6: [-] int [frac] [exp] */
static bool number_valid(const char *at) {
    if (*at == '-')
        at++;
    if (*at < '0' || *at > '9')
        return false;
    if (*at == '0')
        at++;
    else
        at += strspn(at, "0123456789");
    if (*at == '.') {
        size_t digits = strspn(++at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        if (*at == '+' || *at == '-')
            at++;
        size_t digits = strspn(at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    return *at == '\0';
}

static bool read_primitive(struct reader *r, const jsmntok_t *token, struct json *value) {
    const char *text =
        arena_text(r->arena, view_of(r->text.at + token->start, (size_t)(token->end - token->start)));
    r->pos = (size_t)token->end;
    if (strcmp(text, "null") == 0) {
        value->type = JSON_NULL;
    } else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        value->type = JSON_BOOL;
        value->boolean = text[0] == 't';
    } else if (number_valid(text)) {
        value->type = JSON_NUMBER;
        value->text = text;
    } else {
        return bad(r, "neither a value nor a number");
    }
    return true;
}

static bool read_value(struct reader *r, struct json *value);

static bool read_string(struct reader *r, const char **ret_text) {
    const jsmntok_t *token = r->at < r->count ? &r->tokens[r->at] : NULL;
    if (token == NULL || token->type != JSMN_STRING || !take(r, '"') ||
        (size_t)token->start != r->pos)
        return bad(r, "a string is expected");
    r->at++;
    TRY(unescape(r, token, ret_text));
    r->pos = (size_t)token->end + 1;
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool names_unique(struct reader *r, const struct json *object) {
    const char **names = arena_array(r->arena, object->count + 1, sizeof *names);
    size_t n = 0;
    JSON_EACH(member, object)
        names[n++] = member->name;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return fail(r->err, ERROR_MALFORMED, "duplicate-name",
                        "The JSON object has the member \"%.60s\" twice; keep one.", names[i]);
    return true;
}

/* The members or items up to the closing byte; the opening one is consumed. */
static bool read_children(struct reader *r, struct json *value, char close) {
    const struct json **link = &value->first;
    if (take(r, close))
        return true;
    for (;;) {
        struct json *child = arena_alloc(r->arena, sizeof *child);
        if (value->type == JSON_OBJECT) {
            TRY(read_string(r, &child->name));
            if (!take(r, ':'))
                return bad(r, "a colon is expected after a name");
        }
        TRY(read_value(r, child));
        *link = child;
        link = &child->next;
        value->count++;
        if (take(r, close))
            return value->type != JSON_OBJECT || names_unique(r, value);
        if (!take(r, ','))
            return bad(r, "a comma or the end is expected");
    }
}

static bool read_value(struct reader *r, struct json *value) {
    if (r->at >= r->count)
        return bad(r, "a value is expected");
    const jsmntok_t *token = &r->tokens[r->at];
    if (token->type == JSMN_STRING) {
        value->type = JSON_STRING;
        return read_string(r, &value->text);
    }
    skip_space(r);
    if ((size_t)token->start != r->pos)
        return bad(r, "a value is expected");
    r->at++;
    if (token->type == JSMN_PRIMITIVE)
        return read_primitive(r, token, value);
    if (++r->depth > JSON_MAX_DEPTH)
        return fail(r->err, ERROR_MALFORMED, "json-too-deep",
                    "The JSON document is nested deeper than %d levels.", JSON_MAX_DEPTH);
    value->type = token->type == JSMN_OBJECT ? JSON_OBJECT : JSON_ARRAY;
    r->pos++;
    TRY(read_children(r, value, value->type == JSON_OBJECT ? '}' : ']'));
    r->depth--;
    return true;
}

/* jsmn's strict mode takes a bare number or word only when something follows it. */
static struct view with_end(struct arena *arena, struct view text) {
    char *copy = arena_text(arena, text);
    copy[text.len] = '\n';
    return view_of(copy, text.len + 1);
}

static bool tokenize(struct reader *r) {
    jsmn_parser parser;
    const char *text = (const char *)r->text.at;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, text, r->text.len, NULL, 0);
    if (count < 0)
        return fail(r->err, ERROR_MALFORMED, "malformed-json",
                    "The body is not a JSON document (RFC 8259)%s.",
                    count == JSMN_ERROR_PART ? ": it ends too early" : "");
    if (count > JSON_MAX_VALUES)
        return fail(r->err, ERROR_TOO_LARGE, "json-too-many-values",
                    "The JSON document has more than %d values.", JSON_MAX_VALUES);
    jsmntok_t *tokens = arena_array(r->arena, (size_t)count + 1, sizeof *tokens);
    jsmn_init(&parser);
    r->count = jsmn_parse(&parser, text, r->text.len, tokens, (unsigned)count + 1);
    r->tokens = tokens;
    return r->count >= 0 || bad(r, "no value");
}

bool json_parse(struct arena *arena, struct view text, const struct json **ret_value,
                struct error *err) {
    struct reader r = {.arena = arena, .text = text, .err = err};
    if (text.len > JSON_MAX_SIZE)
        return fail(err, ERROR_TOO_LARGE, "json-too-large",
                    "The JSON document is larger than %zu bytes.", JSON_MAX_SIZE);
    if (!utf8_valid(text)) /* rfc8259#8.1 */
        return fail(err, ERROR_MALFORMED, "malformed-json",
                    "The JSON document is not valid UTF-8, or holds a NUL byte.");
    skip_space(&r);
    if (r.pos < text.len && memchr("{[\"", text.at[r.pos], 3) == NULL)
        r.text = with_end(arena, text);
    r.pos = 0;
    TRY(tokenize(&r));
    struct json *value = arena_alloc(arena, sizeof *value);
    TRY(read_value(&r, value));
    skip_space(&r);
    if (r.pos != r.text.len || r.at != r.count)
        return bad(&r, "something follows the value");
    *ret_value = value;
    return true;
}

const struct json *json_get(const struct json *object, const char *name) {
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    JSON_EACH(member, object)
        if (strcmp(member->name, name) == 0)
            return member;
    return NULL;
}

/* Finds a member of the type; *ret_value is NULL when it is absent or null. */
static bool typed(const struct json *object, const char *name, enum json_type type,
                  const struct json **ret_value, struct error *err) {
    static const char *const words[] = {"null", "true or false", "a number", "a string", "an array", "an object"};
    const struct json *member = json_get(object, name);
    *ret_value = NULL;
    if (member == NULL || member->type == JSON_NULL)
        return true;
    if (member->type != type)
        return fail(err, ERROR_MALFORMED, "wrong-type", "The field \"%s\" must be %s.", name,
                    words[type]);
    *ret_value = member;
    return true;
}

bool json_string(const struct json *object, const char *name, const char **ret_value,
                 struct error *err) {
    const struct json *member;
    TRY(typed(object, name, JSON_STRING, &member, err));
    if (member != NULL)
        *ret_value = member->text;
    return true;
}

bool json_bool(const struct json *object, const char *name, bool *ret_value, struct error *err) {
    const struct json *member;
    TRY(typed(object, name, JSON_BOOL, &member, err));
    if (member != NULL)
        *ret_value = member->boolean;
    return true;
}

bool json_int(const struct json *object, const char *name, int64_t min, int64_t max,
              int64_t *ret_value, struct error *err) {
    const struct json *member;
    char *end;
    TRY(typed(object, name, JSON_NUMBER, &member, err));
    if (member == NULL)
        return true;
    errno = 0;
    long long value = strtoll(member->text, &end, 10);
    if (errno != 0 || *end != '\0' || value < min || value > max)
        return fail(err, ERROR_MALFORMED, "out-of-range",
                    "The field \"%s\" must be a whole number from %" PRId64 " to %" PRId64 ".", name,
                    min, max);
    *ret_value = value;
    return true;
}

bool json_array(const struct json *object, const char *name, const struct json **ret_value,
                struct error *err) {
    const struct json *member;
    TRY(typed(object, name, JSON_ARRAY, &member, err));
    if (member != NULL)
        *ret_value = member;
    return true;
}

bool json_object(const struct json *object, const char *name, const struct json **ret_value,
                 struct error *err) {
    const struct json *member;
    TRY(typed(object, name, JSON_OBJECT, &member, err));
    if (member != NULL)
        *ret_value = member;
    return true;
}

bool json_only(const struct json *object, const char *const names[], struct error *err) {
    if (object == NULL || object->type != JSON_OBJECT)
        return fail(err, ERROR_MALFORMED, "wrong-type", "A JSON object is expected here.");
    JSON_EACH(member, object) {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], member->name) != 0)
            i++;
        if (names[i] == NULL)
            return fail(err, ERROR_MALFORMED, "unknown-field",
                        "The field \"%.60s\" is not known here; remove it or correct its name.",
                        member->name);
    }
    return true;
}
