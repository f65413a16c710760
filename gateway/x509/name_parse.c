/* The reader of RFC 4514 texts. */
#include "x509/name.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "x509/internal.h"
#include "x509/name_attribute.h"

#include <string.h>

#define NAME_MAX_TEXT ((size_t)64 * 1024)

struct parser {
    struct arena *arena;
    const char *at;
    X509_NAME *name;
    int in_rdn; /* attributes of the RDN that is being read */
    struct error *err;
};

static bool bad_text(struct parser *p, const char *what) {
    return fail(p->err, ERROR_MALFORMED, "malformed-name",
                "The name cannot be read near \"%.20s\": %s (RFC 4514, such as "
                "CN=Example,O=Example\\, Inc.,C=DE).",
                p->at, what);
}

static void skip_spaces(struct parser *p) {
    while (*p->at == ' ')
        p->at++;
}

static bool at_end(const struct parser *p) {
    return *p->at == '\0' || *p->at == ',' || *p->at == '+';
}

static bool take_type(struct parser *p, ASN1_OBJECT **ret_type) {
    skip_spaces(p);
    size_t len = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
    struct view text = view_of(p->at, len);
    if (len == 0)
        return bad_text(p, "an attribute type is missing");
    TRY(attribute_type_parse(text, ret_type, p->err));
    p->at += len;
    skip_spaces(p);
    if (*p->at == '=') {
        p->at++;
        skip_spaces(p);
        return true;
    }
    ASN1_OBJECT_free(*ret_type);
    *ret_type = NULL;
    return bad_text(p, "\"=\" is missing");
}

/* rfc4514#3: pair = ESC ( ESC / special / hexpair ). `at` is after the backslash. */
static bool take_pair(struct parser *p, struct buffer *value) {
    int high = hex_digit(*p->at), low = high < 0 ? -1 : hex_digit(p->at[1]);
    if (low >= 0) {
        buffer_add_byte(value, (uint8_t)(high << 4 | low));
        p->at += 2;
        return true;
    }
    if (*p->at == '\0' || strchr("\\\"+,;<> #=", *p->at) == NULL)
        return bad_text(p, "a backslash stands before a special character or two hex digits");
    buffer_add_byte(value, (uint8_t)*p->at++);
    return true;
}

static bool take_string(struct parser *p, struct view *ret_value) {
    struct buffer value = buffer_on(p->arena);
    size_t keep = 0; /* spaces at the end that are not escaped do not count */
    while (!at_end(p)) {
        if (strchr("\";<>", *p->at) != NULL)
            return bad_text(p, "this character must be written with a backslash before it");
        if (*p->at == '\\') {
            p->at++;
            TRY(take_pair(p, &value));
            keep = value.len;
            continue;
        }
        buffer_add_byte(&value, (uint8_t)*p->at);
        if (*p->at++ != ' ')
            keep = value.len;
    }
    *ret_value = view_of(value.at, keep);
    return true;
}

/* "#" and the hex of a BER-encoded value, which must be of a string type. */
static bool take_encoded(struct parser *p, struct view *ret_value, int *ret_string_type) {
    size_t len = strspn(p->at + 1, "0123456789abcdefABCDEF");
    struct view der;
    AUTO(ASN1_TYPE) *any = NULL;
    if (hex_decode(p->arena, view_of(p->at + 1, len), &der))
        any = item_decode(der, ASN1_ITEM_rptr(ASN1_ANY));
    if (any == NULL)
        return bad_text(p, "\"#\" is followed by the hex form of a DER value");
    switch (ASN1_TYPE_get(any)) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_VISIBLESTRING:
        break;
    default:
        return bad_text(p, "the encoded value is no string");
    }
    if (!attribute_value_text(p->arena, any->value.asn1_string, ret_value))
        return bad_text(p, "the encoded value is no valid text");
    *ret_string_type = ASN1_TYPE_get(any);
    p->at += 1 + len;
    skip_spaces(p);
    return at_end(p) || bad_text(p, "\",\" or \"+\" is missing");
}

static bool insert(struct parser *p, const ASN1_OBJECT *type, int string_type, struct view value) {
    TRY(attribute_value_check(type, value, p->err));
    if (X509_NAME_entry_count(p->name) >= NAME_MAX_ATTRIBUTES)
        return fail(p->err, ERROR_MALFORMED, "malformed-name",
                    "The name has more than %d attributes; leave some out.", NAME_MAX_ATTRIBUTES);
    /* The text begins with the last RDN: a new one goes to the front, its further attributes
     * behind. */
    if (X509_NAME_add_entry_by_OBJ(p->name, type, string_type, value.at, (int)value.len, p->in_rdn,
                                   p->in_rdn == 0 ? 0 : -1) != 1)
        return fail_internal(p->err, "X509_NAME_add_entry_by_OBJ");
    return true;
}

static bool take_attribute(struct parser *p) {
    AUTO(ASN1_OBJECT) *type = NULL;
    struct view value = {NULL, 0};
    TRY(take_type(p, &type));
    const struct attribute_kind *kind = attribute_kind_of(type);
    int string_type = attribute_string_type(kind), given = string_type;
    if (*p->at == '#')
        TRY(take_encoded(p, &value, &given));
    else
        TRY(take_string(p, &value));
    /* An ASCII string type of an attribute we do not know is kept, so that the name stays the same.
     */
    if (!attribute_known(kind) && (given == V_ASN1_PRINTABLESTRING || given == V_ASN1_IA5STRING))
        string_type = given;
    return insert(p, type, string_type, value);
}

bool name_from_text(const char *text, X509_NAME **ret_name, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(X509_NAME) *name = X509_NAME_new();
    struct parser p = {.arena = arena, .at = text, .name = name, .err = err};
    if (name == NULL)
        return fail_internal(err, "X509_NAME_new");
    if (strlen(text) > NAME_MAX_TEXT)
        return fail(err, ERROR_TOO_LARGE, "malformed-name", "The name is longer than 64 KiB.");
    skip_spaces(&p);
    while (*p.at != '\0') {
        TRY(take_attribute(&p));
        if (*p.at == '\0')
            break;
        p.in_rdn = *p.at == '+' ? p.in_rdn + 1 : 0;
        p.at++;
        skip_spaces(&p);
        if (*p.at == '\0')
            return bad_text(&p, "an attribute is missing at the end");
    }
    *ret_name = TAKE(name);
    return true;
}
