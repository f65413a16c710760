/* Reading a template document: the whole, and the groups that are only values. */
#include "template/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool template_invalid(struct error *err, const char *problem, ...) {
    char text[400];
    va_list args;
    va_start(args, problem);
    vsnprintf(text, sizeof text, problem, args);
    va_end(args);
    return fail(err, ERROR_POLICY, "template-invalid", "%s", text);
}

bool read_list(struct arena *arena, const struct json *object, const char *name,
               const char *const known[], struct text_list *ret_list, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(object, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > TEMPLATE_MAX_ITEMS)
        return template_invalid(err, "\"%s\" has more than %d entries.", name, TEMPLATE_MAX_ITEMS);
    struct text_list list = {.items = arena_array(arena, array->count + 1, sizeof(char *))};
    JSON_EACH (item, array) {
        if (item->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "wrong-type", "\"%s\" must hold strings.", name);
        size_t i = 0;
        while (known != NULL && known[i] != NULL && strcmp(known[i], item->text) != 0)
            i++;
        if (known != NULL && known[i] == NULL)
            return template_invalid(
                err, "\"%s\" does not know \"%.60s\"; docs/templates.md lists what it does.", name,
                item->text);
        list.items[list.count++] = item->text;
    }
    *ret_list = list;
    return true;
}

bool read_choice(const struct json *object, const char *name, const char *const choices[],
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
    return template_invalid(err, "\"%s\" does not know the value \"%.60s\".", name, text);
}

static bool read_validity(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"days",  "maxDays", "backdateSeconds", "over", "issuerEnd",
                                        "align", "endless", NULL};
    const struct json *object = NULL;
    unsigned over = t->clamp_days;
    TRY(json_object(document, "validity", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_int(object, "days", 1, 36525, &t->days, err));
    t->max_days = t->days;
    TRY(json_int(object, "maxDays", 1, 36525, &t->max_days, err));
    TRY(json_int(object, "backdateSeconds", 0, 7 * 86400, &t->backdate_seconds, err));
    TRY(json_bool(object, "endless", &t->endless, err));
    TRY(read_choice(object, "over", over_names, &over, err));
    t->clamp_days = over != 0;
    READ_CHOICE(object, "issuerEnd", issuer_end_names, t->issuer_end, err);
    READ_CHOICE(object, "align", alignment_names, t->align, err);
    return t->days <= t->max_days || template_invalid(err, "validity: days is more than maxDays.");
}

static bool read_keys(struct arena *arena, const struct json *document, struct template *t,
                      struct error *err) {
    TRY(read_list(arena, document, "keys", NULL, &t->keys, err));
    for (size_t i = 0; i < t->keys.count; i++)
        if (!key_family_known(t->keys.items[i]))
            return template_invalid(err, "keys: \"%.60s\" is no key type.", t->keys.items[i]);
    READ_CHOICE(document, "keysLevel", keys_level_names, t->keys_level, err);
    READ_CHOICE(document, "proof", proof_names, t->proof, err);
    return true;
}

static bool read_url_list(struct arena *arena, const struct json *object, const char *name,
                          struct text_list *ret, struct error *err) {
    TRY(read_list(arena, object, name, NULL, ret, err));
    for (size_t i = 0; i < ret->count; i++) {
        const char *url = ret->items[i], *problem = uri_problem(url);
        if (problem == NULL && strncmp(url, "http://", 7) != 0 &&
            strncmp(url, "https://", 8) != 0 && strncmp(url, "ldap://", 7) != 0 &&
            strncmp(url, "ldaps://", 8) != 0)
            problem = "is no http or ldap URL";
        if (problem != NULL)
            return template_invalid(err, "urls.%s: \"%.100s\" %s.", name, url, problem);
    }
    return ret->count <= 8 || template_invalid(err, "urls.%s has more than 8 entries.", name);
}

static bool read_urls(struct arena *arena, const struct json *document, struct template *t,
                      struct error *err) {
    static const char *const names[] = {"caIssuers", "ocsp", "crl", "freshestCrl", NULL};
    const struct json *object = NULL;
    TRY(json_bool(document, "aia", &t->aia, err) && json_bool(document, "ocsp", &t->ocsp, err) &&
        json_bool(document, "crl", &t->crl, err) &&
        json_bool(document, "freshestCrl", &t->freshest_crl, err));
    TRY(json_object(document, "urls", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    return read_url_list(arena, object, "caIssuers", &t->urls.ca_issuers, err) &&
           read_url_list(arena, object, "ocsp", &t->urls.ocsp, err) &&
           read_url_list(arena, object, "crl", &t->urls.crl, err) &&
           read_url_list(arena, object, "freshestCrl", &t->urls.freshest_crl, err);
}

static bool read_signature(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"digest", "padding", NULL};
    const struct json *object = NULL;
    unsigned digest = 0;
    TRY(json_object(document, "signature", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_string(object, "digest", &t->digest, err));
    TRY(read_choice(object, "digest", digest_names, &digest, err));
    READ_CHOICE(object, "padding", padding_names, t->padding, err);
    return true;
}

static bool read_renewal(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"byCertificate", "windowDays", "graceDays",
                                        "revokeOld",     "copyNames",  NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "renewal", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    return json_bool(object, "byCertificate", &t->renewal.by_certificate, err) &&
           json_int(object, "windowDays", 0, 36525, &t->renewal.window_days, err) &&
           json_int(object, "graceDays", 0, 36525, &t->renewal.grace_days, err) &&
           json_bool(object, "revokeOld", &t->renewal.revoke_old, err) &&
           json_bool(object, "copyNames", &t->renewal.copy_names, err);
}

static bool read_lint(const struct json *document, struct template *t, struct error *err) {
    const char *names[LINT_PROFILE_COUNT + 2] = {NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "lint", &object, err));
    if (object == NULL)
        return true;
    for (unsigned i = 0; i < LINT_PROFILE_COUNT; i++)
        names[i] = lint_profile_name(1u << i);
    names[LINT_PROFILE_COUNT] = "rules";
    TRY(json_only(object, names, err));
    for (unsigned i = 0; i < LINT_PROFILE_COUNT; i++)
        READ_CHOICE(object, names[i], lint_level_names, t->lint[i], err);
    TRY(json_array(object, "rules", &t->lint_rules, err));
    return lint_own_check(t->lint_rules, err);
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
    return json_int(object, "pathLength", 0, 20, &t->basic.path_length, err);
}

/* rfc5280#4.2.1.9 and #4.2.1.3: what belongs together. */
static bool check_together(const struct template *t, struct error *err) {
    bool cert_sign = (t->key_usage & KU_KEY_CERT_SIGN) != 0;
    if (t->basic.ca && (!t->basic.include || !cert_sign))
        return template_invalid(
            err,
            "A CA template needs basicConstraints included and keyCertSign (RFC 5280 4.2.1.9).");
    /* Whoever switches the rules off may have the literal bits of an old profile. */
    if (!t->basic.ca && cert_sign && t->lint[0] == LEVEL_BLOCK)
        return template_invalid(
            err, "keyCertSign is for templates with basicConstraints.ca (RFC 5280 4.2.1.3).");
    if (!t->basic.ca && t->basic.path_length >= 0)
        return template_invalid(
            err, "pathLength is for templates with basicConstraints.ca (RFC 5280 4.2.1.9).");
    if (t->approval == APPROVAL_NONE && t->proof == PROOF_RULE_NONE)
        return template_invalid(
            err, "approval \"none\" and proof \"none\" together would certify any key for "
                 "anybody; choose an approval.");
    return true;
}

static const struct template defaults = {
    .enabled = true,
    .description = "",
    .doors = {(const char *[]){"rest", "console"}, 2},
    .unsolicited = true,
    .approval = APPROVAL_ROLE,
    .days = 397,
    .max_days = 397,
    .backdate_seconds = 300,
    .keys_level = LEVEL_BLOCK,
    .subject = {.from = SUBJECT_FROM_CSR,
                .attributes = {(const char *[]){"CN", "O", "OU", "L", "ST", "C"}, 6}},
    .sans = {.types = {(const char *[]){"dns", "ip"}, 2}, .max = 100, .common_name_to_san = true},
    .key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
    .key_usage_critical = true,
    .extended_key_usage = {(const char *[]){"serverAuth"}, 1},
    .basic = {.include = true, .path_length = -1},
    .aia = true,
    .ocsp = true,
    .crl = true,
    .serial_octets = 16,
    .renewal = {.by_certificate = true},
    .caa = {.identities = {(const char *[]){NULL}, 0},
            .resolvers = {(const char *[]){NULL}, 0},
            .trust_anchor = "",
            .dnssec = true,
            .timeout_seconds = 10},
    .related = {.fresh_seconds = 600},
    .hook = {.url = "", .ca_file = "", .timeout_seconds = 5, .generation = 1},
    .ct = {.minimum = (struct ct_minimum[]){{180, 2}, {36525, 3}},
           .minimum_count = 2,
           .operators = 1,
           .spare = 1,
           .timeout_seconds = 5,
           .retry_hours = 24},
    .lint = {LEVEL_BLOCK},
};

bool template_from_json(struct arena *arena, const struct json *document,
                        struct template *ret_template, struct error *err) {
    static const char *const names[] = {"enabled",
                                        "description",
                                        "doors",
                                        "unsolicited",
                                        "approval",
                                        "proof",
                                        "validity",
                                        "keys",
                                        "keysLevel",
                                        "subject",
                                        "variables",
                                        "sans",
                                        "keyUsage",
                                        "keyUsageCritical",
                                        "extendedKeyUsage",
                                        "extendedKeyUsageFrom",
                                        "extendedKeyUsageCritical",
                                        "extendedKeyUsageAllowed",
                                        "basicConstraints",
                                        "aia",
                                        "ocsp",
                                        "crl",
                                        "freshestCrl",
                                        "urls",
                                        "policies",
                                        "requestExtensions",
                                        "extensions",
                                        "subjectKeyId",
                                        "authorityKeyId",
                                        "signature",
                                        "serialOctets",
                                        "renewal",
                                        "caa",
                                        "ct",
                                        "hook",
                                        "related",
                                        "lint",
                                        NULL};
    struct template t = defaults;
    TRY(json_only(document, names, err));
    TRY(json_bool(document, "enabled", &t.enabled, err));
    TRY(json_string(document, "description", &t.description, err));
    TRY(read_list(arena, document, "doors", door_names, &t.doors, err));
    TRY(json_bool(document, "unsolicited", &t.unsolicited, err));
    READ_CHOICE(document, "approval", approval_names, t.approval, err);
    TRY(read_validity(document, &t, err) && read_keys(arena, document, &t, err));
    TRY(read_variables(arena, document, &t, err));
    TRY(read_subject(arena, document, &t, err) && read_sans(arena, document, &t, err));
    TRY(read_lint(document, &t, err)); /* before what it may switch off */
    TRY(read_basic(document, &t, err) && read_usages(arena, document, &t, err));
    TRY(read_urls(arena, document, &t, err) && read_extensions(arena, document, &t, err));
    TRY(read_signature(document, &t, err) && read_renewal(document, &t, err));
    TRY(read_outside(arena, document, &t, err));
    TRY(json_int(document, "serialOctets", 8, 20, &t.serial_octets, err));
    TRY(check_together(&t, err));
    *ret_template = t;
    return true;
}
