/* Microsoft's extensions ([MS-WCCE] 2.2.2.7), S/MIME capabilities, and the shapes of what strangers
 * send. */
#include "x509/extension_internal.h"

#include <string.h>

#define SID_OID "1.3.6.1.4.1.311.25.2"
#define SID_NAME SID_OID ".1"

/* [MS-WCCE] 2.2.2.7.7.2: SEQUENCE { OID, major INTEGER, minor INTEGER OPTIONAL } */
bool write_microsoft_template(const struct extension_place *place, const struct json *value,
                              struct buffer *out, struct error *err) {
    static const char *const names[] = {"oid", "major", "minor", NULL};
    struct buffer all = buffer_on(place->arena);
    const char *oid = NULL;
    int64_t major = 100, minor = -1;
    TRY(json_only(value, names, err));
    TRY(json_string(value, "oid", &oid, err) &&
        json_int(value, "major", 0, INT32_MAX, &major, err) &&
        json_int(value, "minor", 0, INT32_MAX, &minor, err));
    if (oid == NULL || !der_add_oid(&all, oid, false))
        return extension_bad(err, "microsoftTemplate",
                             "its value is such as {\"oid\":\"1.3.6.1.4.1.311.21.8.1\","
                             "\"major\":100,\"minor\":0}.");
    der_add_integer(&all, DER_INTEGER, major);
    if (minor >= 0)
        der_add_integer(&all, DER_INTEGER, minor);
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

bool write_microsoft_template_name(const struct extension_place *place, const struct json *value,
                                   struct buffer *out, struct error *err) {
    (void)place;
    if (value == NULL || value->type != JSON_STRING || value->text[0] == '\0' ||
        strlen(value->text) > 128 || !der_add_bmp(out, value->text))
        return extension_bad(err, "microsoftTemplateName",
                             "its value is a name of 1 to 128 bytes.");
    return true;
}

/* [MS-WCCE] 2.2.2.7.7.4: GeneralNames with an otherName of an OCTET STRING that holds the SID as
 * text. */
bool write_microsoft_sid(const struct extension_place *place, const struct json *value,
                         struct buffer *out, struct error *err) {
    struct buffer octets = buffer_on(place->arena), name = buffer_on(place->arena),
                  names = buffer_on(place->arena);
    const char *sid = value != NULL && value->type == JSON_STRING ? value->text : "";
    if (strncmp(sid, "S-1-", 4) != 0 || strlen(sid) > 184 || strlen(sid) < 7 ||
        sid[4 + strspn(sid + 4, "0123456789-")] != '\0' || strstr(sid, "--") != NULL ||
        sid[strlen(sid) - 1] == '-')
        return extension_bad(err, "microsoftSid", "\"%.60s\" is no SID such as S-1-5-21-1-2-3-500.",
                             sid);
    der_add_text(&octets, DER_OCTET_STRING, sid);
    if (!der_add_oid(&name, SID_NAME, false))
        return fail_internal(err, "SID");
    der_add(&name, DER_CONTEXT_CONSTRUCTED, buffer_view(&octets));
    der_add(&names, DER_CONTEXT_CONSTRUCTED, buffer_view(&name));
    der_add(out, DER_SEQUENCE, buffer_view(&names));
    return true;
}

/* rfc8551#2.5.2: SEQUENCE OF SEQUENCE { capabilityID OID } */
bool write_smime_capabilities(const struct extension_place *place, const struct json *value,
                              struct buffer *out, struct error *err) {
    struct buffer all = buffer_on(place->arena);
    if (value == NULL || value->type != JSON_ARRAY || value->count == 0 || value->count > 32)
        return extension_bad(err, "smimeCapabilities",
                             "its value is an array such as [\"AES-256-CBC\"].");
    JSON_EACH (item, value) {
        struct buffer one = buffer_on(place->arena);
        if (item->type != JSON_STRING || !der_add_oid(&one, item->text, true))
            return extension_bad(err, "smimeCapabilities",
                                 "a capability is an OID or a name such as AES-256-CBC.");
        der_add(&all, DER_SEQUENCE, buffer_view(&one));
    }
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

static bool decodes(struct view value, const ASN1_ITEM *item) {
    ASN1_VALUE *decoded = item_decode(value, item);
    bool done = decoded != NULL;
    ASN1_item_free(decoded, item);
    return done;
}

/* One otherName of the SID's type with an OCTET STRING of a SID's characters in it. */
static bool is_sid(struct view value) {
    AUTO(GENERAL_NAMES) *names = item_decode(value, ASN1_ITEM_rptr(GENERAL_NAMES));
    char oid[80];
    if (names == NULL || sk_GENERAL_NAME_num(names) != 1)
        return false;
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
    if (name->type != GEN_OTHERNAME ||
        OBJ_obj2txt(oid, sizeof oid, name->d.otherName->type_id, 1) <= 0 ||
        strcmp(oid, SID_NAME) != 0 ||
        ASN1_TYPE_get(name->d.otherName->value) != V_ASN1_OCTET_STRING)
        return false;
    const ASN1_OCTET_STRING *text = name->d.otherName->value->value.octet_string;
    const unsigned char *at = ASN1_STRING_get0_data(text);
    int len = ASN1_STRING_length(text);
    for (int i = 0; i < len; i++)
        if (memchr("S-0123456789", at[i], 12) == NULL)
            return false;
    return len >= 7 && len <= 184 && memcmp(at, "S-1-", 4) == 0;
}

static bool shape_ok(const char *oid, int nid, struct view value) {
    if (strcmp(oid, SID_OID) == 0)
        return is_sid(value);
    if (strcmp(oid, "1.3.6.1.4.1.311.20.2") == 0)
        return value.at[0] == DER_BMP && value.len <= 2 + 256 && value.len % 2 == 0;
    if (strcmp(oid, "1.3.6.1.4.1.311.21.7") == 0 || strcmp(oid, "1.2.840.113549.1.9.15") == 0)
        return decodes(value, ASN1_ITEM_rptr(ASN1_SEQUENCE_ANY));
    if (strcmp(oid, "2.16.840.1.101.3.6.9.1") == 0)
        return value.len == 3 && value.at[0] == DER_BOOLEAN;
    if (strcmp(oid, "1.3.6.1.4.1.311.21.10") == 0 || nid == NID_certificate_policies)
        return decodes(value, ASN1_ITEM_rptr(CERTIFICATEPOLICIES));
    if (nid == NID_ext_key_usage)
        return decodes(value, ASN1_ITEM_rptr(EXTENDED_KEY_USAGE));
    return true;
}

bool extension_check_value(struct arena *arena, const ASN1_OBJECT *oid, struct view value,
                           struct error *err) {
    if (value.len > 16384)
        return extension_bad(err, extension_label(arena, oid), "its value has more than 16 KiB.");
    if (!der_is_whole(value))
        return extension_bad(err, extension_label(arena, oid),
                             "its value is not one whole DER value.");
    return shape_ok(oid_text(arena, oid), OBJ_obj2nid(oid), value) ||
           extension_bad(err, extension_label(arena, oid),
                         "its value is not of the form that its type has.");
}
