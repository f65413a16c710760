#include "x509/san.h"

#include "base/encode.h"
#include "x509/internal.h"
#include "x509/name.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool refuse(struct error *err, const char *kind, const char *value, const char *problem) {
    return REFUSE(err, ERROR_MALFORMED, "malformed-san", "The %s \"%.100s\" %s.", kind, value,
                  problem);
}

static GENERAL_NAME *ia5_name(int type, const char *value) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (name == NULL || text == NULL || ASN1_STRING_set(text, value, -1) != 1) {
        ASN1_IA5STRING_free(text);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, type, text);
    return TAKE(name);
}

static bool make_ia5(int type, const char *value, GENERAL_NAME **ret_name, struct error *err) {
    *ret_name = ia5_name(type, value);
    return *ret_name != NULL || fail_internal(err, "IA5 general name");
}

static bool make_dns(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    const char *problem = dns_name_problem(value, true);
    if (problem != NULL)
        return refuse(err, "DNS name", value, problem);
    return make_ia5(GEN_DNS, value, ret_name, err);
}

static bool make_uri(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    const char *problem = uri_problem(value);
    if (problem != NULL)
        return refuse(err, "URI", value, problem);
    return make_ia5(GEN_URI, value, ret_name, err);
}

static const char *email_problem(const char *value) {
    static const char specials[] = "!#$%&'*+-/=?^_`{|}~.";
    const char *at = strchr(value, '@');
    if (at == NULL || at == value || at[1] == '\0')
        return "is not of the form name@domain (rfc5280#4.2.1.6)";
    if (at - value > 64 || strlen(value) > 254)
        return "is too long: 64 characters before the @, 254 in all (rfc5321#4.5.3.1)";
    if (value[0] == '.' || at[-1] == '.' || memmem(value, (size_t)(at - value), "..", 2) != NULL)
        return "has a dot at a wrong place before the @ (rfc5321#4.1.2)";
    for (const char *c = value; c < at; c++) {
        bool alnum = (*c >= '0' && *c <= '9') || ((*c | 32) >= 'a' && (*c | 32) <= 'z');
        if (!alnum && strchr(specials, *c) == NULL)
            return "holds a character before the @ that a plain mailbox cannot have";
    }
    return dns_name_problem(at + 1, false);
}

static bool make_email(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    const char *problem = email_problem(value);
    if (problem != NULL)
        return refuse(err, "e-mail address", value, problem);
    return make_ia5(GEN_EMAIL, value, ret_name, err);
}

/* 4 or 16 octets in network order (rfc5280#4.2.1.6); 0 when it is no address. */
static int parse_ip(const char *text, unsigned char ret_octets[static 16]) {
    if (inet_pton(AF_INET, text, ret_octets) == 1)
        return 4;
    return inet_pton(AF_INET6, text, ret_octets) == 1 ? 16 : 0;
}

static bool make_ip(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    unsigned char octets[16];
    int len = parse_ip(value, octets);
    if (len == 0)
        return refuse(err, "IP address", value,
                      "is no IPv4 or IPv6 address; write it like 192.0.2.1 or 2001:db8::1");
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    if (name == NULL || bytes == NULL || ASN1_OCTET_STRING_set(bytes, octets, len) != 1) {
        ASN1_OCTET_STRING_free(bytes);
        return fail_internal(err, "IP general name");
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
    *ret_name = TAKE(name);
    return true;
}

/* An otherName whose value is one string. */
static bool other_name(int nid, int string_type, const char *value, GENERAL_NAME **ret_name,
                       struct error *err) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    AUTO(ASN1_TYPE) *any = ASN1_TYPE_new();
    ASN1_STRING *text = ASN1_STRING_type_new(string_type);
    if (name == NULL || any == NULL || text == NULL || ASN1_STRING_set(text, value, -1) != 1) {
        ASN1_STRING_free(text);
        return fail_internal(err, "otherName general name");
    }
    ASN1_TYPE_set(any, string_type, text);
    if (GENERAL_NAME_set0_othername(name, OBJ_nid2obj(nid), any) != 1)
        return fail_internal(err, "GENERAL_NAME_set0_othername");
    any = NULL; /* the name owns it now */
    *ret_name = TAKE(name);
    return true;
}

static bool make_upn(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    const char *at = strchr(value, '@');
    if (at == NULL || at == value || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        strlen(value) > 1024)
        return refuse(err, "UPN", value, "is not of the form user@realm");
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return refuse(err, "UPN", value, "holds a space or a control character");
    return other_name(NID_ms_upn, V_ASN1_UTF8STRING, value, ret_name, err);
}

/* "_Service.Name" (rfc4985#2): the service's label, then the domain. */
static bool make_srv(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    size_t label = value[0] == '_' ? strcspn(value + 1, ".") : 0;
    if (label == 0 || label > 62 || value[1 + label] != '.' || value[1] == '-' ||
        value[label] == '-' || strspn(value + 1, LETTERS_DIGITS "-") != label)
        return refuse(err, "SRV name", value,
                      "is not of the form _service.domain, such as _xmpp-client.example.com "
                      "(rfc4985#2)");
    const char *problem = dns_name_problem(value + label + 2, false);
    if (problem != NULL)
        return refuse(err, "SRV name", value, problem);
    return other_name(NID_SRVName, V_ASN1_IA5STRING, value, ret_name, err);
}

static bool is_jid_local(const char *value, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] <= 0x20 || value[i] == 0x7f || strchr("\"&'/:<>@", value[i]) != NULL)
            return false;
    return len > 0 && len <= 1023;
}

/* A bare address: domain or local@domain (rfc6120#13.7.1.4, rfc7622#3.1); the domain as A-labels. */
static bool make_xmpp(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    const char *at = strchr(value, '@'), *domain = at == NULL ? value : at + 1;
    if (!utf8_valid(view_text(value)) || (at != NULL && !is_jid_local(value, (size_t)(at - value))))
        return refuse(err, "XMPP address", value,
                      "is not of the form domain or local@domain (rfc7622#3.1)");
    const char *problem = dns_name_problem(domain, false);
    if (problem != NULL)
        return refuse(err, "XMPP address", value, problem);
    return other_name(NID_XmppAddr, V_ASN1_UTF8STRING, value, ret_name, err);
}

static bool make_rid(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    ASN1_OBJECT *oid = oid_parse(value, false);
    if (oid == NULL)
        return refuse(err, "registered ID", value, "is no dotted OID such as 1.3.6.1.4.1.5");
    if (name == NULL) {
        ASN1_OBJECT_free(oid);
        return fail_internal(err, "GENERAL_NAME_new");
    }
    GENERAL_NAME_set0_value(name, GEN_RID, oid);
    *ret_name = TAKE(name);
    return true;
}

static bool make_directory(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    AUTO(X509_NAME) *directory = NULL;
    TRY(name_from_text(value, &directory, err));
    if (name_empty(directory))
        return refuse(err, "directory name", value, "is empty");
    if (name == NULL)
        return fail_internal(err, "GENERAL_NAME_new");
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, TAKE(directory));
    *ret_name = TAKE(name);
    return true;
}

/* Names that are carried as they are, since nothing here knows their inside. */
static bool is_opaque(const GENERAL_NAME *name) {
    if (name->type == GEN_OTHERNAME) {
        int nid = OBJ_obj2nid(name->d.otherName->type_id);
        return nid != NID_ms_upn && nid != NID_SRVName && nid != NID_XmppAddr;
    }
    return name->type == GEN_X400 || name->type == GEN_EDIPARTY;
}

/* No limit of a standard: what a name may hold that nobody here reads. */
#define MAX_OTHER 4096

static bool make_other(const char *value, GENERAL_NAME **ret_name, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(GENERAL_NAME) *name = NULL;
    struct view der;
    if (strlen(value) > (size_t)2 * MAX_OTHER)
        return refuse(err, "other name", value, "is longer than 4,096 octets");
    if (hex_decode(arena, view_text(value), &der))
        name = item_decode(der, ASN1_ITEM_rptr(GENERAL_NAME));
    if (name == NULL)
        return refuse(err, "other name", value, "is no GeneralName in hex of its DER");
    /* What has a form of its own goes through its own checks. */
    if (!is_opaque(name))
        return refuse(err, "other name", value, "must be written in the form of its type");
    *ret_name = TAKE(name);
    return true;
}

static const struct {
    const char *type, *prefix;
    bool (*make)(const char *value, GENERAL_NAME **ret_name, struct error *err);
} forms[] = {
    {"dns", "DNS:", make_dns},
    {"ip", "IP:", make_ip},
    {"email", "email:", make_email},
    {"uri", "URI:", make_uri},
    {"upn", "UPN:", make_upn},
    {"rid", "RID:", make_rid},
    {"dirName", "dirName:", make_directory},
    {"srv", "SRV:", make_srv},
    {"xmpp", "XMPP:", make_xmpp},
    {"other", "other:", make_other},
};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

static bool make_from_text(const char *text, GENERAL_NAME **ret_name, struct error *err) {
    unsigned char octets[16];
    for (size_t i = 0; i < FORM_COUNT; i++) {
        size_t len = strlen(forms[i].prefix);
        if (strncasecmp(text, forms[i].prefix, len) == 0)
            return forms[i].make(text + len, ret_name, err);
    }
    if (parse_ip(text, octets) != 0)
        return make_ip(text, ret_name, err);
    if (strstr(text, "://") != NULL)
        return make_uri(text, ret_name, err);
    if (strchr(text, '@') != NULL)
        return make_email(text, ret_name, err);
    return make_dns(text, ret_name, err);
}

static bool add(GENERAL_NAMES *sans, GENERAL_NAME *name, struct error *err) {
    AUTO(GENERAL_NAME) *owned = name;
    int count = sk_GENERAL_NAME_num(sans);
    for (int i = 0; i < count; i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(sans, i), owned) == 0)
            return true;
    if (count >= SAN_MAX_COUNT)
        return fail(err, ERROR_MALFORMED, "malformed-san",
                    "There are more than %d subject alternative names; ask for several "
                    "certificates.",
                    SAN_MAX_COUNT);
    if (sk_GENERAL_NAME_push(sans, owned) <= 0)
        return fail_internal(err, "sk_GENERAL_NAME_push");
    owned = NULL; /* the list owns it now */
    return true;
}

bool san_add_text(GENERAL_NAMES *sans, const char *text, struct error *err) {
    GENERAL_NAME *name = NULL;
    TRY(make_from_text(text, &name, err));
    return add(sans, name, err);
}

static bool add_object(GENERAL_NAMES *sans, const struct json *object, struct error *err) {
    static const char *const members[] = {"type", "value", NULL};
    const char *type = NULL, *value = NULL;
    GENERAL_NAME *name = NULL;
    TRY(json_only(object, members, err));
    TRY(json_string(object, "type", &type, err));
    TRY(json_string(object, "value", &value, err));
    for (size_t i = 0; type != NULL && value != NULL && i < FORM_COUNT; i++)
        if (strcasecmp(type, forms[i].type) == 0) {
            TRY(forms[i].make(value, &name, err));
            return add(sans, name, err);
        }
    return fail(err, ERROR_MALFORMED, "malformed-san",
                "A subject alternative name has the members \"type\" (dns, ip, email, uri, upn, "
                "rid, dirName, srv, xmpp or other) and \"value\".");
}

bool san_from_json(const struct json *array, GENERAL_NAMES **ret_sans, struct error *err) {
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    if (sans == NULL)
        return fail_internal(err, "GENERAL_NAMES_new");
    if (array == NULL || array->type != JSON_ARRAY)
        return fail(err, ERROR_MALFORMED, "malformed-san",
                    "Subject alternative names are an array such as [\"DNS:www.example.com\"].");
    JSON_EACH(item, array) {
        if (item->type == JSON_STRING)
            TRY(san_add_text(sans, item->text, err));
        else
            TRY(add_object(sans, item, err));
    }
    *ret_sans = TAKE(sans);
    return true;
}

/* Printable ASCII without spaces: text that means the same to everyone who reads it. */
static bool plain(const ASN1_STRING *text) {
    const unsigned char *at = ASN1_STRING_get0_data(text);
    int len = ASN1_STRING_length(text);
    for (int i = 0; i < len; i++)
        if (at[i] <= 0x20 || at[i] >= 0x7f)
            return false;
    return len > 0;
}

static const char *ip_text(struct arena *arena, const ASN1_STRING *octets) {
    char text[INET6_ADDRSTRLEN];
    int len = ASN1_STRING_length(octets);
    if (len != 4 && len != 16)
        return NULL;
    if (inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(octets), text,
                  sizeof text) == NULL)
        return NULL;
    return arena_strdup(arena, text);
}

static const char *ia5_text(struct arena *arena, const ASN1_STRING *text) {
    return plain(text) ? arena_text(arena, view_of(ASN1_STRING_get0_data(text),
                                                   (size_t)ASN1_STRING_length(text)))
                       : NULL;
}

/* The form of an otherName and its text, or NULL. */
static const char *other_text(struct arena *arena, const OTHERNAME *other, size_t *ret_form) {
    int nid = OBJ_obj2nid(other->type_id);
    int wanted = nid == NID_SRVName ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING;
    *ret_form = nid == NID_SRVName ? 7 : nid == NID_XmppAddr ? 8 : 4;
    if ((nid != NID_ms_upn && nid != NID_SRVName && nid != NID_XmppAddr) || other->value == NULL ||
        ASN1_TYPE_get(other->value) != wanted)
        return NULL;
    const ASN1_STRING *text = other->value->value.asn1_string;
    if (nid == NID_SRVName)
        return ia5_text(arena, text);
    struct view v = view_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    return v.len > 0 && utf8_valid(v) ? arena_text(arena, v) : NULL;
}

/* The value in its form and the index of the form, or NULL. */
static const char *value_text(struct arena *arena, const GENERAL_NAME *name, size_t *ret_form) {
    switch (name->type) {
    case GEN_DNS:
        *ret_form = 0;
        return ia5_text(arena, name->d.dNSName);
    case GEN_IPADD:
        *ret_form = 1;
        return ip_text(arena, name->d.iPAddress);
    case GEN_EMAIL:
        *ret_form = 2;
        return ia5_text(arena, name->d.rfc822Name);
    case GEN_URI:
        *ret_form = 3;
        return ia5_text(arena, name->d.uniformResourceIdentifier);
    case GEN_OTHERNAME:
        return other_text(arena, name->d.otherName, ret_form);
    case GEN_RID:
        *ret_form = 5;
        return oid_text(arena, name->d.registeredID);
    case GEN_DIRNAME:
        *ret_form = 6;
        return name_text(arena, name->d.directoryName);
    default:
        return NULL;
    }
}

const char *san_text(struct arena *arena, const GENERAL_NAME *name, const char **ret_type) {
    size_t form = FORM_COUNT - 1;
    const char *value = value_text(arena, name, &form);
    if (value == NULL) {
        form = FORM_COUNT - 1;
        value = hex_encode(arena, item_der(arena, name, ASN1_ITEM_rptr(GENERAL_NAME)));
    }
    if (ret_type != NULL)
        *ret_type = forms[form].type;
    return arena_printf(arena, "%s%s", forms[form].prefix, value);
}

static void add_escaped(struct buffer *out, const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == ',' && at[1] == ' ' && (at == text || at[-1] != '\\'))
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)*at);
    }
}

const char *san_joined(struct arena *arena, const GENERAL_NAMES *sans) {
    struct buffer out = buffer_on(arena);
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        if (i > 0)
            buffer_add_text(&out, ", ");
        add_escaped(&out, san_text(arena, sk_GENERAL_NAME_value(sans, i), NULL));
    }
    return buffer_text(&out);
}

void san_write_json(struct json_writer *w, struct arena *arena, const GENERAL_NAMES *sans) {
    json_open_array(w);
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++)
        json_add_string(w, san_text(arena, sk_GENERAL_NAME_value(sans, i), NULL));
    json_close_array(w);
}

bool san_from_der(struct view der, GENERAL_NAMES **ret_sans, struct error *err) {
    AUTO(GENERAL_NAMES) *sans = item_decode(der, ASN1_ITEM_rptr(GENERAL_NAMES));
    if (sans == NULL)
        return fail(err, ERROR_MALFORMED, "malformed-san",
                    "The subject alternative names are no DER GeneralNames (rfc5280#4.2.1.6), or "
                    "bytes follow them.");
    if (sk_GENERAL_NAME_num(sans) > SAN_MAX_COUNT)
        return fail(err, ERROR_MALFORMED, "malformed-san",
                    "There are more than %d subject alternative names.", SAN_MAX_COUNT);
    *ret_sans = TAKE(sans);
    return true;
}

struct view san_der(struct arena *arena, const GENERAL_NAMES *sans) {
    return item_der(arena, sans, ASN1_ITEM_rptr(GENERAL_NAMES));
}

bool san_check(const GENERAL_NAMES *sans, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *given = sk_GENERAL_NAME_value(sans, i);
        AUTO(GENERAL_NAME) *again = NULL;
        const char *type, *text = san_text(arena, given, &type);
        if (given->type == GEN_DIRNAME) {
            TRY(name_check(given->d.directoryName, err));
            continue;
        }
        if (strcmp(type, "other") == 0 && !is_opaque(given))
            return refuse(err, "subject alternative name", text,
                          "holds a byte or a length that its type does not allow "
                          "(rfc5280#4.2.1.6)");
        /* What would not be accepted as text is not accepted in a CSR. */
        TRY(make_from_text(text, &again, err));
    }
    return true;
}
