#include "wire/uri.h"

#include "base/buffer.h"
#include "base/encode.h"

#include <string.h>
#include <strings.h>

#define URI_MAX 1024

enum place { PLACE_TEXT, PLACE_ID, PLACE_TYPE, PLACE_SLOT, PLACE_REFUSED };

static const struct attribute {
    const char *name;
    bool query; /* after the question mark */
    enum place place;
    size_t offset;
} attributes[] = {
    {"token", false, PLACE_TEXT, offsetof(struct pkcs11_uri, token)},
    {"manufacturer", false, PLACE_TEXT, offsetof(struct pkcs11_uri, manufacturer)},
    {"model", false, PLACE_TEXT, offsetof(struct pkcs11_uri, model)},
    {"serial", false, PLACE_TEXT, offsetof(struct pkcs11_uri, serial)},
    {"object", false, PLACE_TEXT, offsetof(struct pkcs11_uri, object)},
    {"id", false, PLACE_ID, offsetof(struct pkcs11_uri, id)},
    {"type", false, PLACE_TYPE, 0},
    {"slot-id", false, PLACE_SLOT, 0},
    {"module-name", true, PLACE_TEXT, offsetof(struct pkcs11_uri, module_name)},
    {"module-path", true, PLACE_REFUSED, 0},
    {"pin-value", true, PLACE_REFUSED, 0},
    {"pin-source", true, PLACE_REFUSED, 0},
};
#define ATTRIBUTES (sizeof attributes / sizeof attributes[0])

static const char *const types[] = {"", "public", "private", "cert", "secret-key", "data"};

static bool bad_uri(struct error *err, const char *what) {
    return fail(
        err, ERROR_MALFORMED, "bad-uri",
        "The PKCS#11 URI %s. It looks like \"pkcs11:token=Label;object=Name;type=private\".", what);
}

/* rfc7512#2.3 pk11-path-res-avail and unreserved; the query allows "/" and "?" in addition. */
static bool plain_character(uint8_t c, bool query) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != 0 && (strchr("-._~:[]@!$'()*+,=", c) != NULL || (c == '&' && !query) ||
                      ((c == '/' || c == '?' || c == '|') && query));
}

static bool decode_value(struct arena *arena, struct view text, bool query, struct view *ret_value,
                         struct error *err) {
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '%') {
            int high = text.len - i > 2 ? hex_digit((char)text.at[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_digit((char)text.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return bad_uri(err, "has a percent sign without two hexadecimal digits");
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (!plain_character(c, query)) {
            return bad_uri(err, "has a character that must be percent-encoded");
        }
        out[len++] = c;
    }
    *ret_value = view_of(out, len);
    return true;
}

static bool set_text(struct pkcs11_uri *uri, size_t offset, struct view value, struct error *err) {
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < 0x20 || value.at[i] == 0x7f)
            return bad_uri(err, "has a control character in a text");
    /* decode_value left a NUL behind the bytes */
    *(const char **)((char *)uri + offset) = (const char *)value.at;
    return true;
}

static bool set_type(struct pkcs11_uri *uri, struct view value, struct error *err) {
    for (size_t i = 1; i < sizeof types / sizeof types[0]; i++)
        if (view_is(value, types[i])) {
            uri->type = (enum uri_type)i;
            return true;
        }
    return bad_uri(err, "has a type other than public, private, cert, secret-key, data");
}

static bool set_slot(struct pkcs11_uri *uri, struct view value, struct error *err) {
    unsigned long slot = 0;
    if (value.len == 0 || value.len > 18)
        return bad_uri(err, "has a slot-id that is no number");
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return bad_uri(err, "has a slot-id that is no number");
        slot = slot * 10 + (unsigned long)(value.at[i] - '0');
    }
    uri->has_slot_id = true;
    uri->slot_id = slot;
    return true;
}

static bool set_attribute(struct pkcs11_uri *uri, const struct attribute *attribute,
                          struct view value, struct error *err) {
    switch (attribute->place) {
    case PLACE_TEXT:
        return set_text(uri, attribute->offset, value, err);
    case PLACE_ID:
        uri->id = value;
        return true;
    case PLACE_TYPE:
        return set_type(uri, value, err);
    case PLACE_SLOT:
        return set_slot(uri, value, err);
    default:
        return bad_uri(err, "names a PIN or a module file, which the signer takes from its "
                            "configuration alone");
    }
}

static const struct attribute *find_attribute(struct view name, bool query) {
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (attributes[i].query == query && view_is(name, attributes[i].name))
            return &attributes[i];
    return NULL;
}

/* Cuts `text` at the first `mark`; the rest is empty when there is none. */
static struct view cut(struct view *text, char mark) {
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->at, mark, text->len);
    struct view first = at == NULL ? *text : view_of(text->at, (size_t)(at - text->at));
    *text = at == NULL ? view_of(NULL, 0) : view_of(at + 1, text->len - first.len - 1);
    return first;
}

static bool parse_attributes(struct arena *arena, struct view text, bool query,
                             struct pkcs11_uri *uri, bool seen[static ATTRIBUTES],
                             struct error *err) {
    while (text.len > 0) {
        bool more = memchr(text.at, query ? '&' : ';', text.len) != NULL;
        struct view value = cut(&text, query ? '&' : ';'), decoded = {0};
        if (value.len == 0 || (more && text.len == 0))
            return bad_uri(err, "has an empty attribute");
        struct view name = cut(&value, '=');
        if (value.at == NULL)
            return bad_uri(err, "has an attribute without a value");
        const struct attribute *attribute = find_attribute(name, query);
        if (attribute == NULL)
            return bad_uri(err, "has an attribute that is unknown here");
        if (seen[attribute - attributes])
            return bad_uri(err, "has an attribute twice");
        seen[attribute - attributes] = true;
        TRY(decode_value(arena, value, query, &decoded, err));
        TRY(set_attribute(uri, attribute, decoded, err));
    }
    return true;
}

bool pkcs11_uri_parse(struct arena *arena, struct view text, struct pkcs11_uri *ret_uri,
                      struct error *err) {
    static const char scheme[] = "pkcs11:";
    struct pkcs11_uri uri = {0};
    bool seen[ATTRIBUTES] = {false};
    if (text.len > URI_MAX)
        return bad_uri(err, "is longer than 1024 characters");
    if (text.len < strlen(scheme) ||
        strncasecmp((const char *)text.at, scheme, strlen(scheme)) != 0)
        return bad_uri(err, "does not begin with \"pkcs11:\"");
    text = view_of(text.at + strlen(scheme), text.len - strlen(scheme));
    bool has_query = text.len > 0 && memchr(text.at, '?', text.len) != NULL;
    struct view path = cut(&text, '?');
    if (has_query && text.len == 0)
        return bad_uri(err, "ends with a question mark");
    TRY(parse_attributes(arena, path, false, &uri, seen, err));
    TRY(parse_attributes(arena, text, true, &uri, seen, err));
    *ret_uri = uri;
    return true;
}

static void add_attribute(struct buffer *out, const char *name, const char *value) {
    if (value == NULL || value[0] == '\0')
        return;
    buffer_printf(out, "%s%s=", out->len > 7 ? ";" : "", name);
    for (; *value != '\0'; value++) {
        uint8_t c = (uint8_t)*value;
        /* "&" is plain in a path, but copied into a query it would end the value */
        if (plain_character(c, false) && c != '&' && c != '=')
            buffer_add_byte(out, c);
        else
            buffer_printf(out, "%%%02X", c);
    }
}

char *pkcs11_uri_of_token(struct arena *arena, const struct uri_token *token) {
    struct buffer out = buffer_on(arena);
    buffer_add_text(&out, "pkcs11:");
    add_attribute(&out, "token", token->label);
    add_attribute(&out, "manufacturer", token->manufacturer);
    add_attribute(&out, "model", token->model);
    add_attribute(&out, "serial", token->serial);
    return arena_strdup(arena, buffer_text(&out));
}

char *pkcs11_uri_of_key(struct arena *arena, const struct uri_token *token, struct view id,
                        const char *label) {
    struct buffer out = buffer_on(arena);
    buffer_add_text(&out, pkcs11_uri_of_token(arena, token));
    if (id.len > 0)
        buffer_add_text(&out, ";id=");
    for (size_t i = 0; i < id.len; i++)
        buffer_printf(&out, "%%%02x", id.at[i]);
    if (id.len == 0)
        add_attribute(&out, "object", label);
    buffer_add_text(&out, ";type=private");
    return arena_strdup(arena, buffer_text(&out));
}
