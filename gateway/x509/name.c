#include "x509/name.h"

#include "base/encode.h"
#include "x509/internal.h"
#include "x509/name_attribute.h"

#include <string.h>

static bool too_many(struct error *err) {
    return fail(err, ERROR_MALFORMED, "malformed-name",
                "The name has more than %d attributes; leave some out.", NAME_MAX_ATTRIBUTES);
}

/* set: 0 begins a new RDN, -1 goes on with the last one. */
static bool add_value(X509_NAME *name, const ASN1_OBJECT *type, struct view value, int set,
                      struct error *err) {
    TRY(attribute_value_check(type, value, err));
    if (X509_NAME_entry_count(name) >= NAME_MAX_ATTRIBUTES)
        return too_many(err);
    int string_type = attribute_string_type(attribute_kind_of(type));
    if (X509_NAME_add_entry_by_OBJ(name, type, string_type, value.at, (int)value.len, -1, set) != 1)
        return fail_internal(err, "X509_NAME_add_entry_by_OBJ");
    return true;
}

static bool is_old_string(const ASN1_STRING *value) {
    int type = ASN1_STRING_type(value);
    return type == V_ASN1_T61STRING || type == V_ASN1_BMPSTRING || type == V_ASN1_UNIVERSALSTRING;
}

static bool add_modern(struct arena *arena, X509_NAME *name, const X509_NAME_ENTRY *entry, int set, struct error *err) {
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    struct view text;
    int done;
    if (is_old_string(value) && attribute_value_text(arena, value, &text))
        done = X509_NAME_add_entry_by_OBJ(name, X509_NAME_ENTRY_get_object(entry), V_ASN1_UTF8STRING, text.at, (int)text.len,
                                          -1, set);
    else
        done = X509_NAME_add_entry(name, entry, -1, set);
    return done == 1 || fail_internal(err, "X509_NAME_add_entry");
}

bool name_modern(struct arena *arena, const X509_NAME *name, const X509_NAME **ret_name, struct error *err) {
    int count = X509_NAME_entry_count(name), last = -1;
    bool old = false;
    for (int i = 0; i < count; i++)
        old = old || is_old_string(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    *ret_name = name;
    if (!old)
        return true;
    X509_NAME *modern = X509_NAME_new();
    if (modern == NULL)
        return fail_internal(err, "X509_NAME_new");
    keep_X509_NAME(arena, modern);
    for (int i = 0; i < count; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        TRY(add_modern(arena, modern, entry, X509_NAME_ENTRY_set(entry) == last ? -1 : 0, err));
        last = X509_NAME_ENTRY_set(entry);
    }
    *ret_name = modern;
    return true;
}

static bool add_member(X509_NAME *name, const struct json *member, struct error *err) {
    AUTO(ASN1_OBJECT) *type = NULL;
    TRY(attribute_type_parse(view_text(member->name), &type, err));
    if (member->type == JSON_STRING)
        return add_value(name, type, view_text(member->text), 0, err);
    if (member->type == JSON_ARRAY && member->count > 0) {
        JSON_EACH(item, member) {
            if (item->type != JSON_STRING)
                break;
            TRY(add_value(name, type, view_text(item->text), 0, err));
            if (item->next == NULL)
                return true;
        }
    }
    return fail(err, ERROR_MALFORMED, "malformed-name",
                "The attribute %.40s of the name must be a string or an array of strings.",
                member->name);
}

/* One RDN: its members are the attributes of a set (rfc5280#4.1.2.4). */
static bool add_rdn(X509_NAME *name, const struct json *rdn, struct error *err) {
    int set = 0;
    if (rdn->type != JSON_OBJECT || rdn->count == 0)
        return fail(err, ERROR_MALFORMED, "malformed-name",
                    "A name as an array holds objects, one an RDN: [{\"O\":\"Example\"},"
                    "{\"CN\":\"a\",\"UID\":\"b\"}].");
    JSON_EACH(member, rdn) {
        AUTO(ASN1_OBJECT) *type = NULL;
        TRY(attribute_type_parse(view_text(member->name), &type, err));
        if (member->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "malformed-name",
                        "The attribute %.40s of an RDN must be a string.", member->name);
        TRY(add_value(name, type, view_text(member->text), set, err));
        set = -1;
    }
    return true;
}

bool name_from_json(const struct json *value, X509_NAME **ret_name, struct error *err) {
    if (value != NULL && value->type == JSON_STRING)
        return name_from_text(value->text, ret_name, err);
    if (value == NULL || (value->type != JSON_OBJECT && (value->type != JSON_ARRAY || value->count == 0)))
        return fail(err, ERROR_MALFORMED, "malformed-name",
                    "A name is an object such as {\"CN\":\"Example\",\"O\":\"Example\"}, an array of "
                    "such objects, one an RDN, or a text such as \"CN=Example,O=Example\".");
    AUTO(X509_NAME) *name = X509_NAME_new();
    if (name == NULL)
        return fail_internal(err, "X509_NAME_new");
    JSON_EACH(member, value)
        TRY(value->type == JSON_ARRAY ? add_rdn(name, member, err) : add_member(name, member, err));
    *ret_name = TAKE(name);
    return true;
}

static void add_escaped(struct buffer *out, struct view text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool edge_space = c == ' ' && (i == 0 || i + 1 == text.len);
        if (c < 0x20 || c == 0x7f) {
            buffer_printf(out, "\\%02X", c);
            continue;
        }
        /* rfc4514#2.4 */
        if (edge_space || (c == '#' && i == 0) || strchr("\"+,;<>\\", c) != NULL)
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, c);
    }
}

static void add_attribute_text(struct buffer *out, const X509_NAME_ENTRY *entry) {
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    const char *label = attribute_short_name(attribute_kind_of(type));
    struct view text;

    if (label != NULL && attribute_value_text(out->arena, value, &text)) {
        buffer_printf(out, "%s=", label);
        add_escaped(out, text);
        return;
    }
    /* rfc4514#2.4: a dotted type goes with the value's encoding in hex. */
    AUTO(ASN1_TYPE) *any = ASN1_TYPE_new();
    if (any == NULL || ASN1_TYPE_set1(any, ASN1_STRING_type(value), value) != 1)
        ERR_clear_error();
    struct view der =
        any == NULL ? view_text(NULL) : item_der(out->arena, any, ASN1_ITEM_rptr(ASN1_ANY));
    buffer_printf(out, "%s=#%s", label != NULL ? label : oid_text(out->arena, type),
                  hex_encode(out->arena, der));
}

const char *name_text(struct arena *arena, const X509_NAME *name) {
    struct buffer out = buffer_on(arena);
    int count = X509_NAME_entry_count(name), end = count;

    while (end > 0) { /* rfc4514#2.1: starting with the last RDN */
        int start = end - 1;
        int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, start));
        while (start > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, start - 1)) == set)
            start--;
        for (int i = start; i < end; i++) {
            if (out.len > 0)
                buffer_add_byte(&out, i == start ? ',' : '+');
            add_attribute_text(&out, X509_NAME_get_entry(name, i));
        }
        end = start;
    }
    return buffer_text(&out);
}

/* Text for JSON: what is no text, or would be cut at a NUL, as "#hex" of its bytes. */
static const char *entry_text(struct arena *arena, const X509_NAME_ENTRY *entry) {
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    struct view text;
    if (attribute_value_text(arena, value, &text) && utf8_valid(text))
        return arena_text(arena, text);
    text = view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return arena_printf(arena, "#%s", hex_encode(arena, text));
}

static bool seen_before(const X509_NAME *name, int at, const ASN1_OBJECT *type) {
    return X509_NAME_get_index_by_OBJ(name, type, -1) < at;
}

void name_write_json(struct json_writer *w, struct arena *arena, const X509_NAME *name) {
    int count = X509_NAME_entry_count(name);
    json_open_object(w);
    for (int i = 0; i < count; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
        const char *label = attribute_short_name(attribute_kind_of(type));
        if (seen_before(name, i, type))
            continue;
        json_name(w, label != NULL ? label : oid_text(arena, type));
        int more = X509_NAME_get_index_by_OBJ(name, type, i);
        if (more < 0) {
            json_add_string(w, entry_text(arena, entry));
            continue;
        }
        json_open_array(w);
        for (int j = i; j >= 0; j = X509_NAME_get_index_by_OBJ(name, type, j))
            json_add_string(w, entry_text(arena, X509_NAME_get_entry(name, j)));
        json_close_array(w);
    }
    json_close_object(w);
}

const char *name_common_name(struct arena *arena, const X509_NAME *name) {
    int at = -1, last = -1;
    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at;
    return last < 0 ? NULL : entry_text(arena, X509_NAME_get_entry(name, last));
}

bool name_attribute_type(const char *name, ASN1_OBJECT **ret_type, struct error *err) {
    return attribute_type_parse(view_text(name), ret_type, err);
}

bool name_attribute_texts(struct arena *arena, const X509_NAME *name, const char *type,
                          const char ***ret_values, size_t *ret_count, struct error *err) {
    AUTO(ASN1_OBJECT) *object = NULL;
    struct view text;
    size_t count = 0;
    TRY(attribute_type_parse(view_text(type), &object, err));
    const char **values = arena_array(arena, (size_t)X509_NAME_entry_count(name) + 1, sizeof *values);
    for (int at = -1; (at = X509_NAME_get_index_by_OBJ(name, object, at)) >= 0;)
        if (attribute_value_text(arena, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), &text))
            values[count++] = arena_text(arena, text);
    *ret_values = values;
    *ret_count = count;
    return true;
}

const char *name_attribute_text(struct arena *arena, const X509_NAME *name, const char *type) {
    const char **values;
    size_t count;
    struct error ignored;
    bool found = name_attribute_texts(arena, name, type, &values, &count, &ignored) && count > 0;
    return found ? values[0] : NULL;
}

bool name_from_der(struct view der, X509_NAME **ret_name, struct error *err) {
    X509_NAME *name = item_decode(der, ASN1_ITEM_rptr(X509_NAME));
    if (name == NULL)
        return fail(err, ERROR_MALFORMED, "malformed-name",
                    "The name is no DER distinguished name (rfc5280#4.1.2.4), or bytes follow it.");
    *ret_name = name;
    return true;
}

struct view name_der(struct arena *arena, const X509_NAME *name) {
    return item_der(arena, name, ASN1_ITEM_rptr(X509_NAME));
}

bool name_empty(const X509_NAME *name) {
    return X509_NAME_entry_count(name) == 0;
}

bool name_check(const X509_NAME *name, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    int count = X509_NAME_entry_count(name);
    if (count > NAME_MAX_ATTRIBUTES)
        return too_many(err);
    for (int i = 0; i < count; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
        struct view text;
        if (attribute_value_text(arena, X509_NAME_ENTRY_get_data(entry), &text)) {
            TRY(attribute_value_check(type, text, err));
        } else if (attribute_known(attribute_kind_of(type))) {
            return fail(err, ERROR_MALFORMED, "malformed-name",
                        "The attribute %s of the name is no text (rfc5280#4.1.2.4).",
                        attribute_short_name(attribute_kind_of(type)));
        }
    }
    return true;
}
