/* Writing a template document: complete, in one order, so that two of them can be compared. */
#include "template/internal.h"

static void put_object(struct json_writer *w, const char *name, const struct json *object) {
    json_name(w, name);
    if (object != NULL) {
        json_add_value(w, object);
        return;
    }
    json_open_object(w);
    json_close_object(w);
}

static void put_array(struct json_writer *w, const char *name, const struct json *array) {
    json_name(w, name);
    if (array != NULL) {
        json_add_value(w, array);
        return;
    }
    json_open_array(w);
    json_close_array(w);
}

static void put_key_usage(struct json_writer *w, unsigned bits) {
    json_name(w, "keyUsage");
    json_open_array(w);
    for (const struct key_usage_word *word = key_usage_words; word->name != NULL; word++)
        if ((bits & word->bit) != 0) {
            json_add_string(w, word->name);
            bits &= ~word->bit; /* the alias is not written */
        }
    json_close_array(w);
}

static void put_rules(struct json_writer *w, const struct field_rules *rules) {
    json_name(w, "rules");
    json_open_array(w);
    for (size_t i = 0; i < rules->count; i++) {
        const struct field_rule *rule = &rules->items[i];
        json_open_object(w);
        json_put_string(w, "field", rule->field);
        json_put_string(w, "pattern", rule->pattern);
        json_put_texts(w, "values", &rule->values);
        json_put_int(w, "min", rule->min);
        json_put_int(w, "max", rule->max);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_variables(struct json_writer *w, const struct template *t) {
    json_name(w, "variables");
    json_open_array(w);
    for (size_t i = 0; i < t->variables.count; i++) {
        const struct template_variable *v = &t->variables.items[i];
        json_open_object(w);
        json_put_string(w, "name", v->name);
        json_put_string(w, "description", v->description);
        json_put_bool(w, "required", v->required);
        json_put_string(w, "pattern", v->pattern);
        json_put_texts(w, "values", &v->values);
        json_put_string(w, "default", v->value);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_subject(struct json_writer *w, const struct template *t) {
    json_name(w, "subject");
    json_open_object(w);
    json_put_string(w, "from", subject_source_names[t->subject.from]);
    json_put_texts(w, "attributes", &t->subject.attributes);
    json_put_texts(w, "required", &t->subject.required);
    put_object(w, "fixed", t->subject.fixed);
    put_object(w, "expression", t->subject.expression);
    put_rules(w, &t->subject.rules);
    json_put_bool(w, "firstSanToCommonName", t->subject.first_san_to_common_name);
    json_close_object(w);
    put_variables(w, t);
}

static void put_sans(struct json_writer *w, const struct template *t) {
    json_name(w, "sans");
    json_open_object(w);
    json_put_texts(w, "types", &t->sans.types);
    json_put_int(w, "min", t->sans.min);
    json_put_int(w, "max", t->sans.max);
    json_put_bool(w, "commonNameToSan", t->sans.common_name_to_san);
    json_put_string(w, "from", san_source_names[t->sans.none]);
    json_put_texts(w, "add", &t->sans.add);
    put_rules(w, &t->sans.rules);
    json_close_object(w);
}

static void put_validity(struct json_writer *w, const struct template *t) {
    json_name(w, "validity");
    json_open_object(w);
    json_put_int(w, "days", t->days);
    json_put_int(w, "maxDays", t->max_days);
    json_put_int(w, "backdateSeconds", t->backdate_seconds);
    json_put_string(w, "over", over_names[t->clamp_days]);
    json_put_string(w, "issuerEnd", issuer_end_names[t->issuer_end]);
    json_put_string(w, "align", alignment_names[t->align]);
    if (t->endless)
        json_put_bool(w, "endless", true);
    json_close_object(w);
}

static void put_usages(struct json_writer *w, const struct template *t) {
    put_key_usage(w, t->key_usage);
    json_put_bool(w, "keyUsageCritical", t->key_usage_critical);
    json_put_texts(w, "extendedKeyUsage", &t->extended_key_usage);
    json_put_string(w, "extendedKeyUsageFrom", purpose_source_names[t->purposes_from]);
    json_put_bool(w, "extendedKeyUsageCritical", t->purposes_critical);
    json_put_texts(w, "extendedKeyUsageAllowed", &t->purposes_allowed);
    json_name(w, "basicConstraints");
    json_open_object(w);
    json_put_bool(w, "include", t->basic.include);
    json_put_bool(w, "ca", t->basic.ca);
    json_name(w, "pathLength");
    if (t->basic.path_length >= 0)
        json_add_int(w, t->basic.path_length);
    else
        json_add_null(w);
    json_close_object(w);
}

static void put_urls(struct json_writer *w, const struct template *t) {
    json_put_bool(w, "aia", t->aia);
    json_put_bool(w, "ocsp", t->ocsp);
    json_put_bool(w, "crl", t->crl);
    json_put_bool(w, "freshestCrl", t->freshest_crl);
    json_name(w, "urls");
    json_open_object(w);
    json_put_texts(w, "caIssuers", &t->urls.ca_issuers);
    json_put_texts(w, "ocsp", &t->urls.ocsp);
    json_put_texts(w, "crl", &t->urls.crl);
    json_put_texts(w, "freshestCrl", &t->urls.freshest_crl);
    json_close_object(w);
}

static void put_extensions(struct json_writer *w, const struct template *t) {
    put_array(w, "policies", t->policies);
    json_name(w, "requestExtensions");
    json_open_object(w);
    json_name(w, "allowed");
    json_open_array(w);
    for (size_t i = 0; i < t->requested.count; i++) {
        json_open_object(w);
        json_put_string(w, "oid", t->requested.items[i].oid);
        json_put_string(w, "critical", critical_rule_names[t->requested.items[i].critical]);
        json_close_object(w);
    }
    json_close_array(w);
    json_put_string(w, "others", other_extension_names[t->requested.refuse_others]);
    json_close_object(w);
    put_array(w, "extensions", t->extensions);
    json_put_string(w, "subjectKeyId", subject_key_id_names[t->subject_key_id]);
    json_put_string(w, "authorityKeyId", authority_key_id_names[t->authority_key_id]);
}

static void put_rest(struct json_writer *w, const struct template *t) {
    json_name(w, "signature");
    json_open_object(w);
    json_put_string(w, "digest", t->digest);
    json_put_string(w, "padding", padding_names[t->padding]);
    json_close_object(w);
    json_put_int(w, "serialOctets", t->serial_octets);
    json_name(w, "renewal");
    json_open_object(w);
    json_put_bool(w, "byCertificate", t->renewal.by_certificate);
    json_put_int(w, "windowDays", t->renewal.window_days);
    json_put_int(w, "graceDays", t->renewal.grace_days);
    json_put_bool(w, "revokeOld", t->renewal.revoke_old);
    json_put_bool(w, "copyNames", t->renewal.copy_names);
    json_close_object(w);
    put_outside(w, t);
    json_name(w, "lint");
    json_open_object(w);
    for (unsigned i = 0; i < LINT_PROFILE_COUNT; i++)
        json_put_string(w, lint_profile_name(1u << i), lint_level_names[t->lint[i]]);
    put_array(w, "rules", t->lint_rules);
    json_close_object(w);
}

const char *template_to_json(struct arena *arena, const struct template *t) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_bool(&w, "enabled", t->enabled);
    json_put_string(&w, "description", t->description);
    json_put_texts(&w, "doors", &t->doors);
    json_put_bool(&w, "unsolicited", t->unsolicited);
    json_put_string(&w, "approval", approval_names[t->approval]);
    json_put_string(&w, "proof", proof_names[t->proof]);
    put_validity(&w, t);
    json_put_texts(&w, "keys", &t->keys);
    json_put_string(&w, "keysLevel", keys_level_names[t->keys_level]);
    put_subject(&w, t);
    put_sans(&w, t);
    put_usages(&w, t);
    put_urls(&w, t);
    put_extensions(&w, t);
    put_rest(&w, t);
    json_close_object(&w);
    return json_written(&w);
}

struct text_list template_policies(struct arena *arena, const struct template *t) {
    size_t count = t->policies == NULL ? 0 : t->policies->count;
    struct text_list list = {.items = arena_array(arena, count + 1, sizeof(char *))};
    JSON_EACH (item, t->policies) {
        const struct json *oid = item->type == JSON_STRING ? item : json_get(item, "oid");
        if (oid != NULL && oid->type == JSON_STRING)
            list.items[list.count++] = oid->text;
    }
    return list;
}
