/* From documents to extensions: the table of types, and the short ones. */
#include "x509/extension_internal.h"

#include "base/clock.h"
#include "x509/san.h"

#include <stdio.h>
#include <string.h>

#define MAX_ITEMS 200

bool extension_bad(struct error *err, const char *type, const char *problem, ...) {
    char text[400];
    va_list args;
    va_start(args, problem);
    vsnprintf(text, sizeof text, problem, args);
    va_end(args);
    return REFUSE(err, ERROR_POLICY, "extension", "Extension %s: %s", type, text);
}

static bool write_policy_mappings(const struct extension_place *place, const struct json *value,
                                  struct buffer *out, struct error *err) {
    static const char *const names[] = {"issuer", "subject", NULL};
    static const char type[] = "policyMappings";
    struct buffer all = buffer_on(place->arena);
    if (value == NULL || value->type != JSON_ARRAY || value->count == 0 || value->count > MAX_ITEMS)
        return extension_bad(err, type,
                             "its value is an array such as [{\"issuer\":OID,\"subject\":OID}].");
    JSON_EACH (item, value) {
        struct buffer pair = buffer_on(place->arena);
        const char *issuer = NULL, *subject = NULL;
        TRY(json_only(item, names, err));
        TRY(json_string(item, "issuer", &issuer, err) &&
            json_string(item, "subject", &subject, err));
        if (issuer == NULL || subject == NULL || !der_add_oid(&pair, issuer, true) ||
            !der_add_oid(&pair, subject, true))
            return extension_bad(err, type, "issuer and subject are policy OIDs.");
        /* rfc5280#4.2.1.5: anyPolicy is never mapped. */
        if (strcmp(issuer, "2.5.29.32.0") == 0 || strcmp(subject, "2.5.29.32.0") == 0)
            return extension_bad(err, type, "anyPolicy must not be mapped (RFC 5280 4.2.1.5).");
        der_add(&all, DER_SEQUENCE, buffer_view(&pair));
    }
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

static bool write_policy_constraints(const struct extension_place *place, const struct json *value,
                                     struct buffer *out, struct error *err) {
    static const char *const names[] = {"requireExplicitPolicy", "inhibitPolicyMapping", NULL};
    struct buffer all = buffer_on(place->arena);
    TRY(json_only(value, names, err));
    for (unsigned i = 0; i < 2; i++) {
        int64_t skip = -1;
        TRY(json_int(value, names[i], 0, 100, &skip, err));
        if (skip >= 0)
            der_add_integer(&all, DER_CONTEXT + i, skip);
    }
    if (all.len == 0) /* rfc5280#4.2.1.11 */
        return extension_bad(err, "policyConstraints",
                             "it must hold at least one of its two members.");
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

static bool write_inhibit_any(const struct extension_place *place, const struct json *value,
                              struct buffer *out, struct error *err) {
    struct json member = {.type = JSON_OBJECT, .count = 1};
    struct json copy = value == NULL ? (struct json){.type = JSON_NULL} : *value;
    int64_t skip = -1;
    (void)place;
    copy.name = "inhibitAnyPolicy";
    copy.next = NULL;
    member.first = &copy;
    TRY(json_int(&member, "inhibitAnyPolicy", 0, 100, &skip, err));
    if (skip < 0)
        return extension_bad(err, "inhibitAnyPolicy", "its value is a number of certificates.");
    der_add_integer(out, DER_INTEGER, skip);
    return true;
}

static bool write_issuer_names(const struct extension_place *place, const struct json *value,
                               struct buffer *out, struct error *err) {
    AUTO(GENERAL_NAMES) *names = NULL;
    TRY(san_from_json(value, &names, err));
    if (sk_GENERAL_NAME_num(names) <= 0)
        return extension_bad(err, "issuerAltNames", "it must hold a name (RFC 5280 4.2.1.7).");
    struct view der = san_der(place->arena, names);
    buffer_add(out, der.at, der.len);
    return true;
}

static bool write_usage_period(const struct extension_place *place, const struct json *value,
                               struct buffer *out, struct error *err) {
    static const char *const names[] = {"days", NULL};
    struct buffer both = buffer_on(place->arena);
    int64_t days = 0;
    TRY(json_only(value, names, err) && json_int(value, "days", 1, 36525, &days, err));
    if (days == 0)
        return extension_bad(err, "privateKeyUsagePeriod", "its value is such as {\"days\":90}.");
    int64_t end = place->not_before_us + days * US_PER_DAY;
    if (place->not_after_us != 0 && end > place->not_after_us)
        end = place->not_after_us;
    if (!der_add_time(&both, DER_CONTEXT, place->not_before_us) ||
        !der_add_time(&both, DER_CONTEXT + 1, end))
        return extension_bad(err, "privateKeyUsagePeriod", "a date is out of range.");
    der_add(out, DER_SEQUENCE, buffer_view(&both));
    return true;
}

static bool write_tls_feature(const struct extension_place *place, const struct json *value,
                              struct buffer *out, struct error *err) {
    struct buffer all = buffer_on(place->arena);
    if (value == NULL || value->type != JSON_ARRAY || value->count == 0 || value->count > 10)
        return extension_bad(err, "tlsFeature",
                             "its value is an array such as [\"status_request\"].");
    JSON_EACH (item, value) { /* rfc7633#3: numbers of TLS extensions */
        bool stapling = item->type == JSON_STRING && strcmp(item->text, "status_request") == 0;
        bool multiple = item->type == JSON_STRING && strcmp(item->text, "status_request_v2") == 0;
        if (!stapling && !multiple)
            return extension_bad(err, "tlsFeature",
                                 "it knows status_request and status_request_v2.");
        der_add_integer(&all, DER_INTEGER, stapling ? 5 : 17);
    }
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

static bool put_url(struct buffer *out, unsigned tag, const char *type, const char *url,
                    struct error *err) {
    const char *problem = url == NULL ? "is missing" : uri_problem(url);
    if (problem != NULL)
        return extension_bad(err, type, "the URL \"%.100s\" %s.", url == NULL ? "" : url, problem);
    der_add_text(out, tag, url);
    return true;
}

static bool write_subject_access(const struct extension_place *place, const struct json *value,
                                 struct buffer *out, struct error *err) {
    static const char *const names[] = {"method", "url", NULL};
    static const char type[] = "subjectInfoAccess";
    struct buffer all = buffer_on(place->arena);
    if (value == NULL || value->type != JSON_ARRAY || value->count == 0 || value->count > MAX_ITEMS)
        return extension_bad(err, type, "its value is an array of {\"method\":..,\"url\":..}.");
    JSON_EACH (item, value) {
        struct buffer one = buffer_on(place->arena);
        const char *method = NULL, *url = NULL;
        TRY(json_only(item, names, err));
        TRY(json_string(item, "method", &method, err) && json_string(item, "url", &url, err));
        if (method != NULL && strcmp(method, "timeStamping") == 0)
            method = "1.3.6.1.5.5.7.48.3";
        if (method == NULL || !der_add_oid(&one, method, true))
            return extension_bad(err, type, "a method is caRepository, timeStamping or an OID.");
        TRY(put_url(&one, DER_CONTEXT + 6, type, url, err));
        der_add(&all, DER_SEQUENCE, buffer_view(&one));
    }
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

/* rfc5280#4.2.1.13: one distribution point a URL: [0] { [0] { [6] uri } } */
static bool write_freshest(const struct extension_place *place, const struct json *value,
                           struct buffer *out, struct error *err) {
    struct buffer all = buffer_on(place->arena);
    if (value == NULL || value->type != JSON_ARRAY || value->count == 0 || value->count > 8)
        return extension_bad(err, "freshestCrl", "its value is an array of 1 to 8 URLs.");
    JSON_EACH (item, value) {
        struct buffer uri = buffer_on(place->arena), full = buffer_on(place->arena),
                      name = buffer_on(place->arena);
        TRY(put_url(&uri, DER_CONTEXT + 6, "freshestCrl",
                    item->type == JSON_STRING ? item->text : NULL, err));
        der_add(&full, DER_CONTEXT_CONSTRUCTED, buffer_view(&uri));
        der_add(&name, DER_CONTEXT_CONSTRUCTED, buffer_view(&full));
        der_add(&all, DER_SEQUENCE, buffer_view(&name));
    }
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}

static bool write_null(const struct extension_place *place, const struct json *value,
                       struct buffer *out, struct error *err) {
    (void)place;
    if (value != NULL && value->type != JSON_NULL)
        return extension_bad(err, "ocspNoCheck", "its value is null.");
    der_add(out, DER_NULL, view_of("", 0));
    return true;
}

static bool write_piv_interim(const struct extension_place *place, const struct json *value,
                              struct buffer *out, struct error *err) {
    (void)place;
    if (value == NULL || value->type != JSON_BOOL)
        return extension_bad(err, "pivInterim", "its value is true or false.");
    der_add_boolean(out, value->boolean);
    return true;
}

const struct extension_type extension_types[] = {
    {"certificatePolicies", "2.5.29.32", false, write_policies},
    {"applicationPolicies", "1.3.6.1.4.1.311.21.10", false, write_policies},
    {"policyMappings", "2.5.29.33", true, write_policy_mappings},
    {"policyConstraints", "2.5.29.36", true, write_policy_constraints},
    {"inhibitAnyPolicy", "2.5.29.54", true, write_inhibit_any},
    {"nameConstraints", "2.5.29.30", true, write_name_constraints},
    {"issuerAltNames", "2.5.29.18", false, write_issuer_names},
    {"privateKeyUsagePeriod", "2.5.29.16", false, write_usage_period},
    {"tlsFeature", "1.3.6.1.5.5.7.1.24", false, write_tls_feature},
    {"subjectInfoAccess", "1.3.6.1.5.5.7.1.11", false, write_subject_access},
    {"freshestCrl", "2.5.29.46", false, write_freshest},
    {"subjectDirectoryAttributes", "2.5.29.9", false, write_directory_attributes},
    {"qcStatements", "1.3.6.1.5.5.7.1.3", false, write_qc_statements},
    {"microsoftTemplate", "1.3.6.1.4.1.311.21.7", false, write_microsoft_template},
    {"microsoftTemplateName", "1.3.6.1.4.1.311.20.2", false, write_microsoft_template_name},
    {"microsoftSid", "1.3.6.1.4.1.311.25.2", false, write_microsoft_sid},
    {"smimeCapabilities", "1.2.840.113549.1.9.15", false, write_smime_capabilities},
    {"ocspNoCheck", "1.3.6.1.5.5.7.48.1.5", false, write_null},
    {"pivInterim", "2.16.840.1.101.3.6.9.1", false, write_piv_interim},
    {"relatedCertificate", "1.3.6.1.5.5.7.1.36", false, write_related_certificate},
    {NULL, NULL, false, NULL},
};

static const struct extension_type *type_named(const char *name) {
    for (const struct extension_type *type = extension_types; type->name != NULL; type++)
        if (strcmp(type->name, name) == 0)
            return type;
    return NULL;
}

const char *extension_oid_of(struct arena *arena, const char *name) {
    const struct extension_type *type = type_named(name);
    if (type != NULL)
        return type->oid;
    AUTO(ASN1_OBJECT) *object = oid_parse(name, true);
    return object == NULL ? NULL : oid_text(arena, object);
}

const char *extension_label(struct arena *arena, const ASN1_OBJECT *oid) {
    const char *dotted = oid_text(arena, oid);
    for (const struct extension_type *type = extension_types; type->name != NULL; type++)
        if (strcmp(type->oid, dotted) == 0)
            return type->name;
    int nid = OBJ_obj2nid(oid);
    return nid == NID_undef ? dotted : OBJ_nid2sn(nid);
}

/* Exactly one of "type" and "oid". */
static bool read_kind(struct arena *arena, const struct json *document,
                      const struct extension_type **ret_type, const char **ret_oid,
                      struct error *err) {
    static const char *const names[] = {"type", "oid", "critical", "value", NULL};
    const char *name = NULL, *oid = NULL;
    TRY(json_only(document, names, err));
    TRY(json_string(document, "type", &name, err) && json_string(document, "oid", &oid, err));
    if ((name == NULL) == (oid == NULL))
        return extension_bad(err, "?", "it has either a \"type\" or an \"oid\".");
    if (name != NULL && (*ret_type = type_named(name)) == NULL)
        return extension_bad(err, name,
                             "this type is not known; give its \"oid\" and a typed value.");
    if (name != NULL) {
        *ret_oid = (*ret_type)->oid;
        return true;
    }
    *ret_type = NULL;
    *ret_oid = extension_oid_of(arena, oid);
    return *ret_oid != NULL || extension_bad(err, oid, "this is no OID.");
}

bool extension_oid(struct arena *arena, const struct json *document, const char **ret_oid,
                   struct error *err) {
    const struct extension_type *type;
    return read_kind(arena, document, &type, ret_oid, err);
}

static bool make(const char *oid, bool critical, struct view der, X509_EXTENSION **ret,
                 struct error *err) {
    AUTO(ASN1_OBJECT) *object = oid_parse(oid, false);
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    if (object == NULL || octets == NULL ||
        ASN1_OCTET_STRING_set(octets, der.at, (int)der.len) != 1 ||
        (*ret = X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets)) == NULL)
        return fail_internal(err, "extension %s", oid);
    return true;
}

bool extension_of_type(const struct extension_place *place, const char *name, bool critical,
                       const struct json *value, X509_EXTENSION **ret, struct error *err) {
    const struct extension_type *type = type_named(name);
    struct buffer out = buffer_on(place->arena);
    if (type == NULL)
        return fail_internal(err, "no extension type %s", name);
    TRY(type->write(place, value, &out, err));
    return make(type->oid, critical, buffer_view(&out), ret, err);
}

bool extension_from_json(const struct extension_place *place, const struct json *document,
                         X509_EXTENSION **ret, struct error *err) {
    const struct extension_type *type;
    const char *oid;
    bool critical = false;
    TRY(read_kind(place->arena, document, &type, &oid, err));
    critical = type != NULL && type->critical;
    TRY(json_bool(document, "critical", &critical, err));
    struct buffer out = buffer_on(place->arena);
    const struct json *value = json_get(document, "value");
    extension_writer *writer = type != NULL ? type->write : write_typed_value;
    if (!writer(place, value, &out, err)) {
        if (type == NULL)
            error_prefix(err, "%.60s: ", oid);
        return false;
    }
    return make(oid, critical, buffer_view(&out), ret, err);
}
