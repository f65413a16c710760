#include "x509/name_attribute.h"

#include "base/json.h"
#include "x509/internal.h"

#include <openssl/objects.h>
#include <string.h>
#include <strings.h>

struct attribute_kind {
    int nid;
    int string_type;
    size_t least, most; /* characters */
    const char *alias;
};

#define UTF8 V_ASN1_UTF8STRING
#define PRINTABLE V_ASN1_PRINTABLESTRING
#define IA5 V_ASN1_IA5STRING

/* Bounds: rfc5280 appendix A.1 where it has one, else X.520 or RFC 2985. */
static const struct attribute_kind kinds[] = {
    {NID_commonName, UTF8, 1, 64, NULL},
    {NID_organizationName, UTF8, 1, 64, NULL},
    {NID_organizationalUnitName, UTF8, 1, 64, NULL},
    {NID_countryName, PRINTABLE, 2, 2, NULL},
    {NID_stateOrProvinceName, UTF8, 1, 128, "S"},
    {NID_localityName, UTF8, 1, 128, NULL},
    {NID_streetAddress, UTF8, 1, 128, NULL},
    {NID_postalCode, UTF8, 1, 40, NULL},
    {NID_domainComponent, IA5, 1, 63, NULL},
    {NID_pkcs9_emailAddress, IA5, 1, 255, "E"},
    {NID_userId, UTF8, 1, 256, NULL},
    {NID_serialNumber, PRINTABLE, 1, 64, NULL},
    {NID_dnQualifier, PRINTABLE, 1, 64, NULL},
    {NID_title, UTF8, 1, 64, NULL},
    {NID_surname, UTF8, 1, 32768, NULL},
    {NID_givenName, UTF8, 1, 32768, "G"},
    {NID_initials, UTF8, 1, 32768, NULL},
    {NID_generationQualifier, UTF8, 1, 32768, NULL},
    {NID_pseudonym, UTF8, 1, 128, NULL},
    {NID_name, UTF8, 1, 32768, NULL},
    {NID_description, UTF8, 1, 1024, NULL},
    {NID_businessCategory, UTF8, 1, 128, NULL},
    {NID_organizationIdentifier, UTF8, 1, 256, NULL},
    {NID_jurisdictionCountryName, PRINTABLE, 2, 2, NULL},
    {NID_jurisdictionStateOrProvinceName, UTF8, 1, 128, NULL},
    {NID_jurisdictionLocalityName, UTF8, 1, 128, NULL},
    {NID_telephoneNumber, PRINTABLE, 1, 32, NULL},
    {NID_postOfficeBox, UTF8, 1, 40, NULL},
    {NID_houseIdentifier, UTF8, 1, 128, NULL},
    {NID_role, UTF8, 1, 128, NULL},
    {NID_dmdName, UTF8, 1, 128, NULL},
    {NID_destinationIndicator, PRINTABLE, 1, 128, NULL},
    {NID_rfc822Mailbox, IA5, 1, 256, NULL},
    {NID_roomNumber, UTF8, 1, 256, NULL},
    {NID_countryCode3c, PRINTABLE, 3, 3, NULL},
    {NID_pkcs9_unstructuredName, UTF8, 1, 255, NULL},
    {NID_pkcs9_unstructuredAddress, UTF8, 1, 255, NULL},
};
static const struct attribute_kind other_kind = {NID_undef, UTF8, 1, 1024, NULL};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const struct attribute_kind *attribute_kind_of(const ASN1_OBJECT *type) {
    int nid = OBJ_obj2nid(type);
    for (size_t i = 0; nid != NID_undef && i < KIND_COUNT; i++)
        if (kinds[i].nid == nid)
            return &kinds[i];
    return &other_kind;
}

bool attribute_known(const struct attribute_kind *kind) {
    return kind != &other_kind;
}

const char *attribute_short_name(const struct attribute_kind *kind) {
    if (kind->nid == NID_streetAddress)
        return "STREET"; /* rfc4514#3 */
    return attribute_known(kind) ? OBJ_nid2sn(kind->nid) : NULL;
}

int attribute_string_type(const struct attribute_kind *kind) {
    return kind->string_type;
}

/* Spellings that other products use, and attributes that OpenSSL has no name for. */
static const struct {
    const char *alias, *oid;
} aliases[] = {
    {"Org", "2.5.4.10"},
    {"OrgUnit", "2.5.4.11"},
    {"OrganizationUnit", "2.5.4.11"},
    {"Country", "2.5.4.6"},
    {"Locality", "2.5.4.7"},
    {"State", "2.5.4.8"},
    {"STREET", "2.5.4.9"},
    {"T", "2.5.4.12"},
    {"I", "2.5.4.43"},
    {"DeviceSerialNumber", "2.5.4.5"},
    {"Email", "1.2.840.113549.1.9.1"},
    {"JurisdictionOfIncorporationLocalityName", "1.3.6.1.4.1.311.60.2.1.1"},
    {"JurisdictionOfIncorporationStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"},
    {"JurisdictionOfIncorporationCountryName", "1.3.6.1.4.1.311.60.2.1.3"},
    {"TrademarkOfficeName", "1.3.6.1.4.1.53087.1.2"}, /* Verified Mark Certificates */
    {"TrademarkCountryOrRegionName", "1.3.6.1.4.1.53087.1.3"},
    {"TrademarkRegistration", "1.3.6.1.4.1.53087.1.4"},
    {"LegalEntityIdentifier", "1.3.6.1.4.1.53087.1.5"},
    {"WordMark", "1.3.6.1.4.1.53087.1.6"},
    {"MarkType", "1.3.6.1.4.1.53087.1.13"},
    {"StatuteCountryName", "1.3.6.1.4.1.53087.3.2"},
    {"StatuteStateOrProvinceName", "1.3.6.1.4.1.53087.3.3"},
    {"StatuteLocalityName", "1.3.6.1.4.1.53087.3.4"},
    {"StatuteCitation", "1.3.6.1.4.1.53087.3.5"},
    {"StatuteURL", "1.3.6.1.4.1.53087.3.6"},
    {"MatterNodeId", "1.3.6.1.4.1.37244.1.1"}, /* Matter specification 6.5.6 */
    {"MatterIcacId", "1.3.6.1.4.1.37244.1.3"},
    {"MatterRcacId", "1.3.6.1.4.1.37244.1.4"},
    {"MatterFabricId", "1.3.6.1.4.1.37244.1.5"},
    {"MatterNocCat", "1.3.6.1.4.1.37244.1.6"},
    {"MatterVid", "1.3.6.1.4.1.37244.2.1"},
    {"MatterPid", "1.3.6.1.4.1.37244.2.2"},
};

static ASN1_OBJECT *object_of_alias(const char *text) {
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcasecmp(text, aliases[i].alias) == 0)
            return oid_parse(aliases[i].oid, false);
    return NULL;
}

static int nid_of_name(const char *text) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcasecmp(text, OBJ_nid2sn(kinds[i].nid)) == 0 ||
            strcasecmp(text, OBJ_nid2ln(kinds[i].nid)) == 0 ||
            (kinds[i].alias != NULL && strcasecmp(text, kinds[i].alias) == 0))
            return kinds[i].nid;
    return NID_undef;
}

bool attribute_type_parse(struct view text, ASN1_OBJECT **ret_type, struct error *err) {
    char name[130];
    if (text.len < sizeof name && memchr(text.at, 0, text.len) == NULL) {
        memcpy(name, text.at, text.len);
        name[text.len] = '\0';
        int nid = nid_of_name(name);
        ASN1_OBJECT *type = nid != NID_undef ? OBJ_nid2obj(nid) : oid_parse(name, false);
        if (type == NULL)
            type = object_of_alias(name);
        if (type != NULL) {
            *ret_type = type;
            return true;
        }
    }
    return fail(
        err, ERROR_MALFORMED, "malformed-name",
        "The name has an attribute of type \"%.*s\", which is not known; use a name such as "
        "CN, O, OU, L, ST, C, DC, emailAddress or a dotted OID.",
        (int)(text.len > 40 ? 40 : text.len), (const char *)text.at);
}

static bool printable(struct view value) {
    /* X.680 41.4 */
    static const char others[] = " '()+,-./:=?";
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && (c == 0 || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

static bool letters(struct view value) {
    for (size_t i = 0; i < value.len; i++)
        if ((value.at[i] | 0x20) < 'a' || (value.at[i] | 0x20) > 'z')
            return false;
    return true;
}

/* Characters that no name needs and that forge lines in logs: C0 and C1 controls and DEL. */
static bool has_control(struct view value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < 0x20 || value.at[i] == 0x7f ||
            (value.at[i] == 0xc2 && i + 1 < value.len && value.at[i + 1] < 0xa0))
            return true;
    return false;
}

static size_t count_characters(struct view utf8) {
    size_t count = 0;
    for (size_t i = 0; i < utf8.len; i++)
        count += (utf8.at[i] & 0xc0) != 0x80;
    return count;
}

static const char *alphabet_problem(const struct attribute_kind *kind, struct view value) {
    if (!utf8_valid(value))
        return "is no valid UTF-8 or holds a NUL character";
    if (has_control(value))
        return "holds a control character";
    if (kind->string_type == PRINTABLE && !printable(value))
        return "may only hold letters, digits, space and '()+,-./:=? (PrintableString)";
    if (kind->least == 2 && kind->most == 2 && !letters(value))
        return "must be a country code of two letters (ISO 3166)";
    for (size_t i = 0; kind->string_type == IA5 && i < value.len; i++)
        if (value.at[i] >= 0x80)
            return "may only hold ASCII (IA5String); write domains as A-labels";
    return NULL;
}

bool attribute_value_check(const ASN1_OBJECT *type, struct view value, struct error *err) {
    const struct attribute_kind *kind = attribute_kind_of(type);
    char label[64];
    if (attribute_known(kind))
        OPENSSL_strlcpy(label, attribute_short_name(kind), sizeof label);
    else
        OBJ_obj2txt(label, sizeof label, type, 1);
    const char *problem = alphabet_problem(kind, value);
    if (problem != NULL)
        return fail(err, ERROR_MALFORMED, "malformed-name", "The attribute %s of the name %s.",
                    label, problem);
    size_t count = count_characters(value);
    if (count < kind->least || count > kind->most)
        return fail(err, ERROR_MALFORMED, "malformed-name",
                    "The attribute %s of the name has %zu characters; %zu to %zu are allowed "
                    "(rfc5280#A.1).",
                    label, count, kind->least, kind->most);
    return true;
}

bool attribute_value_text(struct arena *arena, const ASN1_STRING *value, struct view *ret_text) {
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    if (len < 0) {
        ERR_clear_error();
        return false;
    }
    struct view text = arena_copy(arena, utf8, (size_t)len);
    OPENSSL_free(utf8);
    /* NUL characters pass here, so that callers can show them; everything else must be UTF-8. */
    for (size_t from = 0, to; from < text.len; from = to + 1) {
        const uint8_t *nul = memchr(text.at + from, 0, text.len - from);
        to = nul == NULL ? text.len : (size_t)(nul - text.at);
        if (!utf8_valid(view_of(text.at + from, to - from)))
            return false;
    }
    *ret_text = text;
    return true;
}
