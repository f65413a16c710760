#include "ca/template.h"
#include "ca/template_tables.h"

#include <inttypes.h>
#include <string.h>

#define MAX_ITEMS 64

/* An array of strings; each must be in `known` when that is not NULL. */
static bool read_list(struct arena *arena, const struct json *object, const char *name,
                      const char *const known[], struct text_list *ret_list, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(object, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_ITEMS)
        return fail(err, ERROR_POLICY, "template-invalid", "\"%s\" has more than %d entries.", name,
                    MAX_ITEMS);
    struct text_list list = {.items = arena_array(arena, array->count + 1, sizeof(char *))};
    JSON_EACH(item, array) {
        if (item->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "wrong-type", "\"%s\" must hold strings.", name);
        size_t i = 0;
        while (known != NULL && known[i] != NULL && strcmp(known[i], item->text) != 0)
            i++;
        if (known != NULL && known[i] == NULL)
            return fail(err, ERROR_POLICY, "template-invalid",
                        "\"%s\" does not know \"%.60s\"; docs/rest.md lists what it does.",
                        name, item->text);
        list.items[list.count++] = item->text;
    }
    *ret_list = list;
    return true;
}

static bool read_choice(const struct json *object, const char *name, const char *const choices[],
                        unsigned *ret_choice, struct error *err) {
    const char *text = NULL;
    TRY(json_string(object, name, &text, err));
    if (text == NULL)
        return true;
    for (unsigned i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], text) == 0) {
            *ret_choice = i;
            return true;
        }
    return fail(err, ERROR_POLICY, "template-invalid", "\"%s\" does not know the value \"%.60s\".",
                name, text);
}

static bool read_validity(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"days", "maxDays", "backdateSeconds", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "validity", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_int(object, "days", 1, 36525, &t->days, err));
    t->max_days = t->days;
    TRY(json_int(object, "maxDays", 1, 36525, &t->max_days, err));
    TRY(json_int(object, "backdateSeconds", 0, 7 * 86400, &t->backdate_seconds, err));
    return t->days <= t->max_days ||
           fail(err, ERROR_POLICY, "template-invalid", "validity: days is more than maxDays.");
}

static bool read_subject(struct arena *arena, const struct json *document, struct template *t,
                         struct error *err) {
    static const char *const names[] = {"from", "attributes", "required", "fixed", NULL};
    const struct json *object = NULL;
    unsigned from = t->subject.from;
    TRY(json_object(document, "subject", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(read_choice(object, "from", subject_source_names, &from, err));
    t->subject.from = (enum subject_source)from;
    TRY(read_list(arena, object, "attributes", NULL, &t->subject.attributes, err));
    TRY(read_list(arena, object, "required", NULL, &t->subject.required, err));
    TRY(json_object(object, "fixed", &t->subject.fixed, err));
    for (size_t i = 0; i < t->subject.attributes.count; i++)
        if (OBJ_txt2nid(t->subject.attributes.items[i]) == NID_undef)
            return fail(err, ERROR_POLICY, "template-invalid",
                        "subject: \"%.60s\" is no known attribute type.",
                        t->subject.attributes.items[i]);
    if (t->subject.fixed != NULL && t->subject.fixed->count > 0) {
        AUTO(X509_NAME) *name = NULL; /* refused now, not when somebody needs a certificate */
        TRY(name_from_json(t->subject.fixed, &name, err));
    }
    return true;
}

static bool read_sans(struct arena *arena, const struct json *document, struct template *t,
                      struct error *err) {
    static const char *const names[] = {"types", "min", "max", "commonNameToSan", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "sans", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(read_list(arena, object, "types", san_type_names, &t->sans.types, err));
    TRY(json_int(object, "min", 0, SAN_MAX_COUNT, &t->sans.min, err));
    TRY(json_int(object, "max", 0, SAN_MAX_COUNT, &t->sans.max, err));
    TRY(json_bool(object, "commonNameToSan", &t->sans.common_name_to_san, err));
    return t->sans.min <= t->sans.max ||
           fail(err, ERROR_POLICY, "template-invalid", "sans: min is more than max.");
}

static bool read_key_usage(struct arena *arena, const struct json *document, struct template *t,
                           struct error *err) {
    struct text_list list = {0};
    const struct json *array = NULL;
    TRY(json_array(document, "keyUsage", &array, err));
    if (array == NULL)
        return true;
    TRY(read_list(arena, document, "keyUsage", NULL, &list, err));
    t->key_usage = 0;
    for (size_t i = 0; i < list.count; i++) {
        unsigned bit = key_usage_bit(list.items[i]);
        if (bit == 0)
            return fail(err, ERROR_POLICY, "template-invalid",
                        "keyUsage: \"%.60s\" is no key usage of RFC 5280 section 4.2.1.3.",
                        list.items[i]);
        t->key_usage |= bit;
    }
    return true;
}

static bool check_oids(const char *member, const struct text_list *list, struct error *err) {
    for (size_t i = 0; i < list->count; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(list->items[i], 0);
        if (object == NULL)
            return fail(err, ERROR_POLICY, "template-invalid",
                        "%s: \"%.60s\" is neither a known name nor an OID.", member, list->items[i]);
        ASN1_OBJECT_free(object);
    }
    return true;
}

static bool read_basic(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"include", "ca", "pathLength", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "basicConstraints", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_bool(object, "include", &t->basic.include, err));
    TRY(json_bool(object, "ca", &t->basic.ca, err));
    TRY(json_int(object, "pathLength", 0, 20, &t->basic.path_length, err));
    return true;
}

/* rfc5280#4.2.1.9 and #4.2.1.3: what belongs together. */
static bool check_together(const struct template *t, struct error *err) {
    bool cert_sign = (t->key_usage & KU_KEY_CERT_SIGN) != 0;
    if (t->basic.ca && (!t->basic.include || !cert_sign))
        return fail(err, ERROR_POLICY, "template-invalid",
                    "A CA template needs basicConstraints included and keyCertSign (RFC 5280 4.2.1.9).");
    if (!t->basic.ca && cert_sign)
        return fail(err, ERROR_POLICY, "template-invalid",
                    "keyCertSign is for templates with basicConstraints.ca (RFC 5280 4.2.1.3).");
    if (!t->basic.ca && t->basic.path_length >= 0)
        return fail(err, ERROR_POLICY, "template-invalid",
                    "pathLength is for templates with basicConstraints.ca (RFC 5280 4.2.1.9).");
    return true;
}

static const struct template defaults = {
    .enabled = true,
    .description = "",
    .doors = {(const char *[]){"rest", "console"}, 2},
    .approval = APPROVAL_ROLE,
    .days = 397,
    .max_days = 397,
    .backdate_seconds = 300,
    .subject = {.from = SUBJECT_FROM_CSR,
                .attributes = {(const char *[]){"CN", "O", "OU", "L", "ST", "C"}, 6}},
    .sans = {.types = {(const char *[]){"dns", "ip"}, 2}, .max = 100, .common_name_to_san = true},
    .key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
    .extended_key_usage = {(const char *[]){"serverAuth"}, 1},
    .basic = {.include = true, .path_length = -1},
    .aia = true,
    .ocsp = true,
    .crl = true,
    .serial_octets = 16,
};

bool template_from_json(struct arena *arena, const struct json *document,
                        struct template *ret_template, struct error *err) {
    static const char *const names[] = {
        "enabled", "description", "doors", "approval", "validity", "keys", "subject", "sans",
        "keyUsage", "extendedKeyUsage", "basicConstraints", "aia", "ocsp", "crl", "policies",
        "serialOctets", NULL};
    struct template t = defaults;
    unsigned approval = t.approval;
    TRY(json_only(document, names, err));
    TRY(json_bool(document, "enabled", &t.enabled, err));
    TRY(json_string(document, "description", &t.description, err));
    TRY(read_list(arena, document, "doors", door_names, &t.doors, err));
    TRY(read_choice(document, "approval", approval_names, &approval, err));
    t.approval = (enum approval)approval;
    TRY(read_validity(document, &t, err));
    TRY(read_list(arena, document, "keys", NULL, &t.keys, err));
    for (size_t i = 0; i < t.keys.count; i++)
        if (!key_family_known(t.keys.items[i]))
            return fail(err, ERROR_POLICY, "template-invalid", "keys: \"%.60s\" is no key type.",
                        t.keys.items[i]);
    TRY(read_subject(arena, document, &t, err));
    TRY(read_sans(arena, document, &t, err));
    TRY(read_key_usage(arena, document, &t, err));
    TRY(read_list(arena, document, "extendedKeyUsage", NULL, &t.extended_key_usage, err));
    TRY(check_oids("extendedKeyUsage", &t.extended_key_usage, err));
    TRY(read_basic(document, &t, err));
    TRY(json_bool(document, "aia", &t.aia, err) && json_bool(document, "ocsp", &t.ocsp, err) &&
        json_bool(document, "crl", &t.crl, err));
    TRY(read_list(arena, document, "policies", NULL, &t.policies, err));
    TRY(check_oids("policies", &t.policies, err));
    TRY(json_int(document, "serialOctets", 8, 20, &t.serial_octets, err));
    TRY(check_together(&t, err));
    *ret_template = t;
    return true;
}
