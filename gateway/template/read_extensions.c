/* Reading a template document: usages, policies, and every other extension. */
#include "template/internal.h"

#include "x509/extension.h"

#include <string.h>

static bool read_key_usage(struct arena *arena, const struct json *document, struct template *t,
                           struct error *err) {
    struct text_list list = {0};
    const struct json *array = NULL;
    TRY(json_array(document, "keyUsage", &array, err));
    TRY(json_bool(document, "keyUsageCritical", &t->key_usage_critical, err));
    if (array == NULL)
        return true;
    TRY(read_list(arena, document, "keyUsage", NULL, &list, err));
    t->key_usage = 0;
    for (size_t i = 0; i < list.count; i++) {
        unsigned bit = key_usage_bit(list.items[i]);
        if (bit == 0)
            return template_invalid(
                err, "keyUsage: \"%.60s\" is no key usage of RFC 5280 section 4.2.1.3.",
                list.items[i]);
        t->key_usage |= bit;
    }
    return true;
}

static bool check_oids(const char *member, const struct text_list *list, struct error *err) {
    for (size_t i = 0; i < list->count; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(list->items[i], 0);
        if (object == NULL)
            return template_invalid(err, "%s: \"%.60s\" is neither a known name nor an OID.",
                                    member, list->items[i]);
        ASN1_OBJECT_free(object);
    }
    return true;
}

bool read_usages(struct arena *arena, const struct json *document, struct template *t,
                 struct error *err) {
    TRY(read_key_usage(arena, document, t, err));
    READ_CHOICE(document, "extendedKeyUsageFrom", purpose_source_names, t->purposes_from, err);
    /* A default of purposes would be beside the point when the request decides. */
    if (t->purposes_from != PURPOSE_TEMPLATE)
        t->extended_key_usage = (struct text_list){0};
    TRY(read_list(arena, document, "extendedKeyUsage", NULL, &t->extended_key_usage, err));
    TRY(json_bool(document, "extendedKeyUsageCritical", &t->purposes_critical, err));
    TRY(read_list(arena, document, "extendedKeyUsageAllowed", NULL, &t->purposes_allowed, err));
    TRY(check_oids("extendedKeyUsage", &t->extended_key_usage, err));
    TRY(check_oids("extendedKeyUsageAllowed", &t->purposes_allowed, err));
    return t->purposes_from != PURPOSE_NEVER || t->extended_key_usage.count == 0 ||
           template_invalid(err, "extendedKeyUsageFrom \"never\" allows no extendedKeyUsage.");
}

/* What the template has members of its own for, or what only the issuer knows. */
static const char *reserved(const char *oid) {
    static const struct {
        const char *oid, *instead;
    } all[] = {{"2.5.29.14", "subjectKeyId"},
               {"2.5.29.15", "keyUsage"},
               {"2.5.29.17", "sans"},
               {"2.5.29.19", "basicConstraints"},
               {"2.5.29.31", "crl and urls.crl"},
               {"2.5.29.32", "policies"},
               {"2.5.29.35", "authorityKeyId"},
               {"2.5.29.37", "extendedKeyUsage"},
               {"1.3.6.1.5.5.7.1.1", "aia and urls"},
               {"2.5.29.46", "freshestCrl and urls.freshestCrl"},
               {"1.3.6.1.4.1.11129.2.4.2", "nothing: only logs give it"},
               {"1.3.6.1.4.1.11129.2.4.3", "nothing: precertificates alone have it"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].oid, oid) == 0)
            return all[i].instead;
    return NULL;
}

static bool has_variable(const struct json *value) {
    if (value == NULL)
        return false;
    if (value->type == JSON_STRING)
        return strchr(value->text, '{') != NULL;
    if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        JSON_EACH (item, value)
            if (has_variable(item))
                return true;
    return false;
}

static bool check_extension(struct arena *arena, const struct template *t,
                            const struct json *document, const struct json *all,
                            struct error *err) {
    const struct extension_place place = {
        .arena = arena, .not_before_us = 0, .not_after_us = INT64_C(1) << 52};
    AUTO(X509_EXTENSION) *built = NULL;
    const char *oid, *other;
    TRY(extension_oid(arena, document, &oid, err));
    if (reserved(oid) != NULL)
        return template_invalid(err, "extensions: %s has a member of its own: %s.", oid,
                                reserved(oid));
    for (const struct json *before = all->first; before != document; before = before->next)
        if (extension_oid(arena, before, &other, err) && strcmp(other, oid) == 0)
            return template_invalid(err, "extensions: %s occurs twice (RFC 5280 4.2).", oid);
    TRY(check_variables(t, "extensions", document, err));
    /* Refused now, not when somebody needs a certificate; what holds variables shows then. */
    struct error why = {0};
    return has_variable(document) || extension_from_json(&place, document, &built, &why) ||
           template_invalid(err, "extensions: %.350s", why.message);
}

static bool read_requested(struct arena *arena, const struct json *document, struct template *t,
                           struct error *err) {
    static const char *const names[] = {"allowed", "others", NULL};
    static const char *const entry_names[] = {"oid", "critical", NULL};
    const struct json *object = NULL, *array = NULL;
    unsigned refuse = t->requested.refuse_others;
    TRY(json_object(document, "requestExtensions", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(read_choice(object, "others", other_extension_names, &refuse, err));
    t->requested.refuse_others = refuse != 0;
    TRY(json_array(object, "allowed", &array, err));
    if (array == NULL)
        return true;
    if (array->count > TEMPLATE_MAX_ITEMS)
        return template_invalid(err, "requestExtensions.allowed has more than %d entries.",
                                TEMPLATE_MAX_ITEMS);
    t->requested.items = arena_array(arena, array->count + 1, sizeof *t->requested.items);
    t->requested.count = 0;
    JSON_EACH (item, array) {
        struct requested_extension *entry = &t->requested.items[t->requested.count++];
        const char *name = item->type == JSON_STRING ? item->text : NULL;
        if (name == NULL) {
            TRY(json_only(item, entry_names, err) && json_string(item, "oid", &name, err));
            READ_CHOICE(item, "critical", critical_rule_names, entry->critical, err);
        }
        entry->oid = name == NULL ? NULL : extension_oid_of(arena, name);
        if (entry->oid == NULL)
            return template_invalid(
                err,
                "requestExtensions.allowed: \"%.60s\" is neither a known extension nor an "
                "OID.",
                name == NULL ? "" : name);
        if (reserved(entry->oid) != NULL && strcmp(entry->oid, "2.5.29.32") != 0)
            return template_invalid(err, "requestExtensions.allowed: %s is decided by %s.",
                                    entry->oid, reserved(entry->oid));
    }
    return true;
}

bool read_extensions(struct arena *arena, const struct json *document, struct template *t,
                     struct error *err) {
    TRY(json_array(document, "policies", &t->policies, err));
    if (t->policies != NULL && t->policies->count > 0) {
        const struct extension_place place = {.arena = arena};
        AUTO(X509_EXTENSION) *built = NULL;
        struct error why = {0};
        if (!extension_of_type(&place, "certificatePolicies", false, t->policies, &built, &why))
            return template_invalid(err, "policies: %.350s", why.message);
    }
    TRY(read_requested(arena, document, t, err));
    TRY(json_array(document, "extensions", &t->extensions, err));
    if (t->extensions != NULL && t->extensions->count > TEMPLATE_MAX_ITEMS)
        return template_invalid(err, "extensions has more than %d entries.", TEMPLATE_MAX_ITEMS);
    JSON_EACH (extension, t->extensions)
        TRY(check_extension(arena, t, extension, t->extensions, err));
    READ_CHOICE(document, "subjectKeyId", subject_key_id_names, t->subject_key_id, err);
    READ_CHOICE(document, "authorityKeyId", authority_key_id_names, t->authority_key_id, err);
    return true;
}
