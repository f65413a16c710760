/* Typed values of custom extensions. */
#include "x509/extension_internal.h"

#include "base/clock.h"
#include "base/encode.h"

#include <string.h>

#define MAX_DEPTH 8

static bool bad(struct error *err, const char *problem) {
    return extension_bad(err, "value", "%s", problem);
}

static bool write_value(const struct extension_place *place, const struct json *value, int depth,
                        struct buffer *out, struct error *err);

static bool write_text(struct buffer *out, unsigned tag, const struct json *value,
                       struct error *err) {
    static const char printable[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    const char *text = value->type == JSON_STRING ? value->text : NULL;
    if (text == NULL)
        return bad(err, "a text value must be a string.");
    if (tag == DER_BMP)
        return der_add_bmp(out, text) || bad(err, "a BMPString holds characters up to U+FFFF.");
    for (const char *at = text; tag != DER_UTF8 && *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            return bad(err, "this string type holds ASCII only; use utf8.");
    if (tag == DER_PRINTABLE && text[strspn(text, printable)] != '\0')
        return bad(err, "a PrintableString holds letters, digits, space and '()+,-./:=? only.");
    if (tag == DER_NUMERIC && text[strspn(text, "0123456789 ")] != '\0')
        return bad(err, "a NumericString holds digits and spaces only.");
    der_add_text(out, tag, text);
    return true;
}

static bool write_hex(struct arena *arena, struct buffer *out, unsigned tag,
                      const struct json *value, struct error *err) {
    struct view bytes;
    if (value->type != JSON_STRING || !hex_decode(arena, view_text(value->text), &bytes))
        return bad(err, "octets, bits and der are hex: two digits an octet.");
    if (tag == 0) {
        if (!der_is_whole(bytes))
            return bad(err, "der is not one whole DER value.");
        buffer_add(out, bytes.at, bytes.len);
        return true;
    }
    if (tag == DER_BIT_STRING) {
        struct buffer bits = buffer_on(arena);
        buffer_add_byte(&bits, 0);
        buffer_add(&bits, bytes.at, bytes.len);
        bytes = buffer_view(&bits);
    }
    der_add(out, tag, bytes);
    return true;
}

static bool write_number(struct buffer *out, unsigned tag, const struct json *value,
                         struct error *err) {
    struct json object = {.type = JSON_OBJECT, .count = 1}, copy = *value;
    int64_t number = 0;
    copy.next = NULL;
    object.first = &copy;
    if (value->type != JSON_NUMBER)
        return bad(err, "integer and enumerated are numbers.");
    TRY(json_int(&object, copy.name, INT64_MIN, INT64_MAX, &number, err));
    der_add_integer(out, tag, number);
    return true;
}

static bool write_list(const struct extension_place *place, unsigned tag, const struct json *value,
                       int depth, struct buffer *out, struct error *err) {
    struct buffer all = buffer_on(place->arena);
    if (value->type != JSON_ARRAY || value->count > 200)
        return bad(err, "sequence and set are arrays of at most 200 values.");
    JSON_EACH (item, value)
        TRY(write_value(place, item, depth + 1, &all, err));
    der_add(out, tag, buffer_view(&all));
    return true;
}

static bool write_tagged(const struct extension_place *place, bool is_explicit,
                         const struct json *value, int depth, struct buffer *out,
                         struct error *err) {
    static const char *const explicit_names[] = {"tag", "value", NULL};
    static const char *const implicit_names[] = {"tag", "octets", NULL};
    struct buffer inside = buffer_on(place->arena);
    int64_t tag = -1;
    TRY(json_only(value, is_explicit ? explicit_names : implicit_names, err));
    TRY(json_int(value, "tag", 0, 30, &tag, err));
    const struct json *content = json_get(value, is_explicit ? "value" : "octets");
    if (tag < 0 || content == NULL)
        return bad(err,
                   "a tagged value has \"tag\" (0 to 30) and \"value\", implicit ones \"octets\".");
    if (!is_explicit)
        return write_hex(place->arena, out, DER_CONTEXT + (unsigned)tag, content, err);
    TRY(write_value(place, content, depth + 1, &inside, err));
    der_add(out, DER_CONTEXT_CONSTRUCTED + (unsigned)tag, buffer_view(&inside));
    return true;
}

static bool write_time(struct buffer *out, const struct json *value, struct error *err) {
    int64_t us;
    if (value->type != JSON_STRING)
        return bad(err, "time is a text such as 2026-01-31T00:00:00Z.");
    TRY(time_parse(value->text, &us, err));
    return der_add_time(out, DER_GENERALIZED_TIME, us) || bad(err, "the time is out of range.");
}

enum form { TEXT, HEX, NUMBER, BOOLEAN, NOTHING, OID, TIME, LIST, TAGGED };
static const struct {
    const char *name;
    enum form form;
    unsigned tag;
} forms[] = {
    {"utf8", TEXT, DER_UTF8},
    {"printable", TEXT, DER_PRINTABLE},
    {"ia5", TEXT, DER_IA5},
    {"visible", TEXT, DER_VISIBLE},
    {"numeric", TEXT, DER_NUMERIC},
    {"bmp", TEXT, DER_BMP},
    {"octets", HEX, DER_OCTET_STRING},
    {"bits", HEX, DER_BIT_STRING},
    {"der", HEX, 0},
    {"integer", NUMBER, DER_INTEGER},
    {"enumerated", NUMBER, DER_ENUMERATED},
    {"boolean", BOOLEAN, 0},
    {"null", NOTHING, 0},
    {"oid", OID, 0},
    {"time", TIME, 0},
    {"sequence", LIST, DER_SEQUENCE},
    {"set", LIST, DER_SET},
    {"explicit", TAGGED, 1},
    {"implicit", TAGGED, 0},
};

static bool write_form(const struct extension_place *place, size_t form, const struct json *value,
                       int depth, struct buffer *out, struct error *err) {
    switch (forms[form].form) {
    case TEXT:
        return write_text(out, forms[form].tag, value, err);
    case HEX:
        return write_hex(place->arena, out, forms[form].tag, value, err);
    case NUMBER:
        return write_number(out, forms[form].tag, value, err);
    case BOOLEAN:
        if (value->type != JSON_BOOL)
            return bad(err, "boolean is true or false.");
        der_add_boolean(out, value->boolean);
        return true;
    case NOTHING:
        der_add(out, DER_NULL, view_of("", 0));
        return true;
    case OID:
        return (value->type == JSON_STRING && der_add_oid(out, value->text, true)) ||
               bad(err, "oid is a dotted OID or a known name.");
    case TIME:
        return write_time(out, value, err);
    case LIST:
        return write_list(place, forms[form].tag, value, depth, out, err);
    case TAGGED:
        return write_tagged(place, forms[form].tag == 1, value, depth, out, err);
    }
    return false;
}

static bool write_value(const struct extension_place *place, const struct json *value, int depth,
                        struct buffer *out, struct error *err) {
    if (depth > MAX_DEPTH)
        return bad(err, "it is nested more than 8 deep.");
    if (value != NULL && value->type == JSON_OBJECT && value->count == 1)
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
            if (strcmp(forms[i].name, value->first->name) == 0)
                return write_form(place, i, value->first, depth, out, err);
    return bad(
        err, "it is an object of one member: utf8, printable, ia5, visible, numeric, bmp, integer, "
             "enumerated, boolean, null, oid, octets, bits, time, sequence, set, explicit, "
             "implicit, der.");
}

bool write_typed_value(const struct extension_place *place, const struct json *value,
                       struct buffer *out, struct error *err) {
    return write_value(place, value, 0, out, err);
}
