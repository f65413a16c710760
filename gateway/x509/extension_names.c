/* Policies with qualifiers, name constraints, attributes of the person. */
#include "x509/extension_internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/name_constraints.h"
#include "x509/san.h"

#include <openssl/sha.h>
#include <string.h>

#define MAX_POLICIES 64

/* rfc5280#4.2.1.4: UserNotice { explicitText UTF8String (200 characters at most) } */
static bool put_notice(struct arena *arena, struct buffer *out, const char *text,
                       struct error *err) {
    struct buffer notice = buffer_on(arena), qualifier = buffer_on(arena);
    size_t characters = 0;
    for (const char *at = text; *at != '\0'; at++)
        characters += ((unsigned char)*at & 0xc0) != 0x80;
    if (characters == 0 || characters > 200)
        return extension_bad(err, "certificatePolicies",
                             "a notice has 1 to 200 characters (RFC 5280 4.2.1.4).");
    der_add_text(&notice, DER_UTF8, text);
    if (!der_add_oid(&qualifier, "1.3.6.1.5.5.7.2.2", false))
        return fail_internal(err, "user notice");
    der_add(&qualifier, DER_SEQUENCE, buffer_view(&notice));
    der_add(out, DER_SEQUENCE, buffer_view(&qualifier));
    return true;
}

static bool put_cps(struct arena *arena, struct buffer *out, const char *url, struct error *err) {
    struct buffer qualifier = buffer_on(arena);
    const char *problem = uri_problem(url);
    if (problem != NULL)
        return extension_bad(err, "certificatePolicies", "the CPS URL \"%.100s\" %s.", url,
                             problem);
    if (!der_add_oid(&qualifier, "1.3.6.1.5.5.7.2.1", false))
        return fail_internal(err, "CPS");
    der_add_text(&qualifier, DER_IA5, url);
    der_add(out, DER_SEQUENCE, buffer_view(&qualifier));
    return true;
}

static bool put_policy(struct arena *arena, struct buffer *out, const struct json *item,
                       struct error *err) {
    static const char *const names[] = {"oid", "cps", "notice", NULL};
    struct buffer policy = buffer_on(arena), qualifiers = buffer_on(arena);
    const char *oid = NULL, *cps = NULL, *notice = NULL;
    if (item->type == JSON_STRING) {
        oid = item->text;
    } else {
        TRY(json_only(item, names, err));
        TRY(json_string(item, "oid", &oid, err) && json_string(item, "cps", &cps, err) &&
            json_string(item, "notice", &notice, err));
    }
    if (oid == NULL || !der_add_oid(&policy, oid, true))
        return extension_bad(err, "certificatePolicies",
                             "\"%.60s\" is neither a known name nor an OID.",
                             oid == NULL ? "" : oid);
    TRY(cps == NULL || put_cps(arena, &qualifiers, cps, err));
    TRY(notice == NULL || put_notice(arena, &qualifiers, notice, err));
    if (qualifiers.len > 0)
        der_add(&policy, DER_SEQUENCE, buffer_view(&qualifiers));
    der_add(out, DER_SEQUENCE, buffer_view(&policy));
    return true;
}

bool write_policies(const struct extension_place *place, const struct json *value,
                    struct buffer *out, struct error *err) {
    struct buffer all = buffer_on(place->arena);
    if (value == NULL || value->type != JSON_ARRAY || value->count == 0 ||
        value->count > MAX_POLICIES)
        return extension_bad(err, "certificatePolicies", "policies are an array of 1 to %d OIDs.",
                             MAX_POLICIES);
    JSON_EACH (item, value)
        TRY(put_policy(place->arena, &all, item, err));
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

bool write_name_constraints(const struct extension_place *place, const struct json *value,
                            struct buffer *out, struct error *err) {
    const NAME_CONSTRAINTS *constraints;
    TRY(name_constraints_from_json(place->arena, value, &constraints, err));
    struct view der = item_der(place->arena, constraints, ASN1_ITEM_rptr(NAME_CONSTRAINTS));
    buffer_add(out, der.at, der.len);
    return true;
}

static void put_attribute(struct buffer *out, const char *oid, struct view values) {
    struct buffer attribute = buffer_on(out->arena);
    if (!der_add_oid(&attribute, oid, false))
        return;
    der_add(&attribute, DER_SET, values);
    der_add(out, DER_SEQUENCE, buffer_view(&attribute));
}

static bool put_countries(struct buffer *out, const char *oid, const struct json *list,
                          struct error *err) {
    struct buffer values = buffer_on(out->arena);
    JSON_EACH (item, list) {
        if (item->type != JSON_STRING || strlen(item->text) != 2 ||
            strspn(item->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
            return extension_bad(err, "subjectDirectoryAttributes",
                                 "a country is two capital letters (ISO 3166).");
        der_add_text(&values, DER_PRINTABLE, item->text);
    }
    if (list != NULL)
        put_attribute(out, oid, buffer_view(&values));
    return true;
}

static bool put_birth(struct buffer *out, const char *date, struct error *err) {
    struct buffer value = buffer_on(out->arena);
    int64_t us;
    /* rfc3739#3.2.2: noon, so that no time zone shifts the day. */
    if (strlen(date) != 10 ||
        !time_parse(arena_printf(out->arena, "%sT12:00:00Z", date), &us, err) ||
        !der_add_time(&value, DER_GENERALIZED_TIME, us))
        return extension_bad(err, "subjectDirectoryAttributes",
                             "dateOfBirth is such as 1970-01-31.");
    put_attribute(out, "1.3.6.1.5.5.7.9.1", buffer_view(&value));
    return true;
}

bool write_directory_attributes(const struct extension_place *place, const struct json *value,
                                struct buffer *out, struct error *err) {
    static const char *const names[] = {"dateOfBirth",          "placeOfBirth",       "gender",
                                        "countryOfCitizenship", "countryOfResidence", NULL};
    struct buffer all = buffer_on(place->arena), text = buffer_on(place->arena),
                  sex = buffer_on(place->arena);
    const char *birth = NULL, *born_at = NULL, *gender = NULL;
    const struct json *citizenship = NULL, *residence = NULL;
    TRY(json_only(value, names, err));
    TRY(json_string(value, "dateOfBirth", &birth, err) &&
        json_string(value, "placeOfBirth", &born_at, err) &&
        json_string(value, "gender", &gender, err) &&
        json_array(value, "countryOfCitizenship", &citizenship, err) &&
        json_array(value, "countryOfResidence", &residence, err));
    TRY(birth == NULL || put_birth(&all, birth, err));
    if (born_at != NULL) {
        der_add_text(&text, DER_UTF8, born_at);
        put_attribute(&all, "1.3.6.1.5.5.7.9.2", buffer_view(&text));
    }
    if (gender != NULL) {
        if (strlen(gender) != 1 || strchr("MFmf", gender[0]) == NULL)
            return extension_bad(err, "subjectDirectoryAttributes",
                                 "gender is M or F (RFC 3739 3.2.2).");
        der_add_text(&sex, DER_PRINTABLE, gender);
        put_attribute(&all, "1.3.6.1.5.5.7.9.3", buffer_view(&sex));
    }
    TRY(put_countries(&all, "1.3.6.1.5.5.7.9.4", citizenship, err));
    TRY(put_countries(&all, "1.3.6.1.5.5.7.9.5", residence, err));
    if (all.len == 0)
        return extension_bad(err, "subjectDirectoryAttributes", "it must hold an attribute.");
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

/* rfc9763#4.1: RelatedCertificate ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, hashValue OCTET
 * STRING } */
bool write_related_certificate(const struct extension_place *place, const struct json *value,
                               struct buffer *out, struct error *err) {
    static const char label[] = "relatedCertificate";
    struct buffer algorithm = buffer_on(place->arena), both = buffer_on(place->arena);
    const char *text = value != NULL && value->type == JSON_STRING ? value->text : "";
    struct view digest, der;
    if (strncmp(text, "sha256:", 7) == 0) {
        if (!hex_decode(place->arena, view_text(text + 7), &digest) ||
            digest.len != SHA256_DIGEST_LENGTH)
            return extension_bad(err, label, "sha256: is followed by 64 hex digits.");
    } else if (pem_decode(place->arena, view_text(text), "CERTIFICATE", &der)) {
        uint8_t *hash = arena_alloc(place->arena, SHA256_DIGEST_LENGTH);
        if (EVP_Digest(der.at, der.len, hash, NULL, EVP_sha256(), NULL) != 1)
            return fail_internal(err, "digest of the related certificate");
        digest = view_of(hash, SHA256_DIGEST_LENGTH);
    } else {
        return extension_bad(err, label,
                             "its value is \"sha256:HEX\" or the other certificate as PEM.");
    }
    if (!der_add_oid(&algorithm, "2.16.840.1.101.3.4.2.1", false))
        return fail_internal(err, "SHA-256");
    der_add(&both, DER_SEQUENCE, buffer_view(&algorithm));
    der_add(&both, DER_OCTET_STRING, digest);
    der_add(out, DER_SEQUENCE, buffer_view(&both));
    return true;
}
