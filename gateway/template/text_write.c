/* A template as a text in the form of OpenSSL's configuration files. */
#include "template/text_internal.h"

#include "base/encode.h"
#include "x509/extension.h"

#include <inttypes.h>
#include <string.h>

static void put_list(struct buffer *out, const char *name, bool critical,
                     const struct text_list *list) {
    if (list->count == 0)
        return;
    buffer_printf(out, "%s = %s", name, critical ? "critical, " : "");
    for (size_t i = 0; i < list->count; i++)
        buffer_printf(out, "%s%s", i == 0 ? "" : ", ", list->items[i]);
    buffer_add_byte(out, '\n');
}

static void put_usages(struct buffer *out, const struct template *t) {
    unsigned bits = t->key_usage;
    if (t->basic.include) {
        buffer_printf(out, "basicConstraints = critical, CA:%s", t->basic.ca ? "TRUE" : "FALSE");
        if (t->basic.path_length >= 0)
            buffer_printf(out, ", pathlen:%" PRId64, t->basic.path_length);
        buffer_add_byte(out, '\n');
    }
    if (bits != 0) {
        const char *separator = t->key_usage_critical ? "critical, " : "";
        buffer_add_text(out, "keyUsage = ");
        for (const struct key_usage_word *word = key_usage_words; word->name != NULL; word++)
            if ((bits & word->bit) != 0) {
                buffer_printf(out, "%s%s", separator, word->name);
                separator = ", ";
                bits &= ~word->bit;
            }
        buffer_add_byte(out, '\n');
    }
    put_list(out, "extendedKeyUsage", t->purposes_critical, &t->extended_key_usage);
}

/* The items behind each other, each after `before`; false when one of them cannot be in such a list. */
static bool add_items(struct buffer *out, const char **separator, const char *before,
                      const struct json *array) {
    JSON_EACH (item, array) {
        if (item->type != JSON_STRING || strchr(item->text, ',') != NULL ||
            strncmp(item->text, "IP:", 3) == 0) /* OpenSSL wants a mask */
            return false;
        buffer_printf(out, "%s%s%s", *separator, before, item->text);
        *separator = ", ";
    }
    return true;
}

/* In OpenSSL's own words, where it has some and they say the same. */
static bool put_typed(struct buffer *out, struct arena *arena, const struct json *document) {
    const struct json *type = json_get(document, "type"), *value = json_get(document, "value"),
                      *critical = json_get(document, "critical");
    struct buffer line = buffer_on(arena);
    const char *separator = critical != NULL && critical->boolean ? "critical, " : "";
    bool said = false;
    if (type == NULL || type->type != JSON_STRING)
        return false;
    if (strcmp(type->text, "ocspNoCheck") == 0) {
        buffer_printf(&line, "noCheck = %signored", separator);
        said = true;
    } else if (strcmp(type->text, "inhibitAnyPolicy") == 0) {
        buffer_printf(&line, "inhibitAnyPolicy = %s%s", separator, value->text);
        said = true;
    } else if (strcmp(type->text, "tlsFeature") == 0) {
        buffer_add_text(&line, "tlsfeature = ");
        said = value->count > 0 && add_items(&line, &separator, "", value);
    } else if (strcmp(type->text, "issuerAltNames") == 0) {
        buffer_add_text(&line, "issuerAltName = ");
        said = value->count > 0 && add_items(&line, &separator, "", value);
    } else if (strcmp(type->text, "nameConstraints") == 0) {
        const char *before = separator;
        buffer_add_text(&line, "nameConstraints = ");
        said = add_items(&line, &separator, "permitted;", json_get(value, "permitted")) &&
               add_items(&line, &separator, "excluded;", json_get(value, "excluded")) &&
               separator != before;
    }
    if (said)
        buffer_printf(out, "%s\n", buffer_text(&line));
    return said;
}

/* What the template writes itself, where OpenSSL has no words for it as DER; what holds variables is in the document
 * alone. */
static bool put_extensions(struct buffer *out, struct arena *arena, const struct template *t,
                           struct error *err) {
    const struct extension_place place = {.arena = arena, .not_after_us = INT64_C(1) << 52};
    JSON_EACH (document, t->extensions) {
        AUTO(X509_EXTENSION) *extension = NULL;
        const char *oid;
        TRY(extension_oid(arena, document, &oid, err));
        if (text_holds_variable(json_get(document, "value")) ||
            !extension_from_json(&place, document, &extension, err)) {
            buffer_printf(out, "# %s is in the document above\n", oid);
            continue;
        }
        if (put_typed(out, arena, document))
            continue;
        const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(extension);
        buffer_printf(out, "%s = %sDER:%s\n", oid,
                      X509_EXTENSION_get_critical(extension) == 1 ? "critical," : "",
                      hex_encode(arena, view_of(ASN1_STRING_get0_data(octets),
                                                (size_t)ASN1_STRING_length(octets))));
    }
    return true;
}

static void put_addresses(struct buffer *out, const char **separator, const char *before,
                          const struct text_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        buffer_printf(out, "%s%s%s", *separator, before, list->items[i]);
        *separator = ", ";
    }
}

/* Addresses of the template's own; those of the authority are not known here. */
static void put_urls(struct buffer *out, const struct template *t) {
    const struct text_list none = {.count = 0};
    const struct text_list *issuers = t->aia ? &t->urls.ca_issuers : &none,
                           *ocsp = t->ocsp ? &t->urls.ocsp : &none;
    const char *separator = "authorityInfoAccess = ";
    put_addresses(out, &separator, "caIssuers;URI:", issuers);
    put_addresses(out, &separator, "OCSP;URI:", ocsp);
    buffer_add_text(out, issuers->count + ocsp->count > 0 ? "\n" : "");
    separator = "crlDistributionPoints = ";
    put_addresses(out, &separator, "URI:", t->crl ? &t->urls.crl : &none);
    buffer_add_text(out, t->crl && t->urls.crl.count > 0 ? "\n" : "");
    separator = "freshestCRL = ";
    put_addresses(out, &separator, "URI:", t->freshest_crl ? &t->urls.freshest_crl : &none);
    buffer_add_text(out, t->freshest_crl && t->urls.freshest_crl.count > 0 ? "\n" : "");
}

static void put_subject(struct buffer *out, const struct template *t) {
    bool whole = true; /* else the document above says it better */
    for (size_t i = 0; i < t->subject.attributes.count; i++)
        whole = whole && (t->subject.from != SUBJECT_FROM_CSR ||
                          strcmp(t->subject.attributes.items[i], "*") != 0);
    JSON_EACH (member, t->subject.expression)
        whole = whole && (t->subject.from != SUBJECT_EXPRESSION || member->type == JSON_STRING);
    buffer_add_text(out, "\n[dn]\n");
    if (whole && t->subject.from == SUBJECT_FROM_CSR)
        for (size_t i = 0; i < t->subject.attributes.count; i++)
            buffer_printf(out, "%s = {csr.%s}\n", t->subject.attributes.items[i],
                          t->subject.attributes.items[i]);
    if (whole && t->subject.from == SUBJECT_EXPRESSION)
        JSON_EACH (member, t->subject.expression)
            buffer_printf(out, "%s = %s\n", member->name, member->text);
}

bool template_to_text(struct arena *arena, const struct template_record *record,
                      const char **ret_text, struct error *err) {
    struct buffer out = buffer_on(arena);
    const struct json *document;
    struct template t;
    TRY(json_parse(arena, view_text(record->document), &document, err));
    TRY(template_from_json(arena, document, &t, err));
    buffer_printf(&out,
                  "# A template of Gatehouse: %s, version %" PRId64 "\n#gatehouse: %s\n\n[req]\n",
                  record->name, record->version, template_to_json(arena, &t));
    buffer_printf(&out, "default_days = %" PRId64 "\n", t.days);
    for (size_t i = 0; t.digest != NULL && digest_names[i] != NULL; i++)
        if (strcmp(digest_names[i], t.digest) == 0)
            buffer_printf(&out, "default_md = %s\n",
                          (const char *[]){"sha256", "sha384", "sha512"}[i]);
    buffer_add_text(&out, "prompt = no\ndistinguished_name = dn\nx509_extensions = v3_ext\n");
    if (t.variables.count > 0)
        buffer_add_text(&out, "\n[variables]\n");
    for (size_t i = 0; i < t.variables.count; i++)
        buffer_printf(&out, "%s = %s\n", t.variables.items[i].name, t.variables.items[i].value);
    put_subject(&out, &t);
    buffer_add_text(&out, "\n[v3_ext]\n");
    put_usages(&out, &t);
    put_list(&out, "subjectAltName", false, &t.sans.add);
    struct text_list policies = template_policies(arena, &t);
    bool plain = true;
    JSON_EACH (policy, t.policies)
        plain = plain && policy->type == JSON_STRING;
    if (plain)
        put_list(&out, "certificatePolicies", false, &policies);
    buffer_printf(&out, "subjectKeyIdentifier = %s\n",
                  t.subject_key_id == KEY_ID_NONE ? "none" : "hash");
    buffer_printf(&out, "authorityKeyIdentifier = %s\n",
                  (const char *[]){"keyid", "keyid, issuer", "none"}[t.authority_key_id]);
    put_urls(&out, &t);
    TRY(put_extensions(&out, arena, &t, err));
    *ret_text = buffer_text(&out);
    return true;
}
