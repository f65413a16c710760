/* qcStatements (RFC 3739 section 3.2.6) of ETSI EN 319 412-5, and those of PSD2 (ETSI TS 119 495):
 * {
 *   "compliance": true,                                     QcCompliance: qualified in the EU
 *   "countries": ["CH"],                                    QcCClegislation: under the law of these
 *   "limit": {"currency":"EUR","amount":10,"exponent":3},   QcLimitValue
 *   "retentionYears": 10,                                   QcRetentionPeriod
 *   "device": true,                                         QcSSCD
 *   "types": ["signature","seal","website"],                QcType
 *   "disclosure": [{"url":"https://...","language":"en"}],  QcPDS
 *   "semantics": {"id":"natural","authorities":["URI:https://..."]},
 *                                                           natural, legal, eidas-natural,
 * eidas-legal or an OID "psd2":
 * {"roles":["PSP_AS","PSP_PI","PSP_AI","PSP_IC"],"authority":"...","authorityId":"DE-BAFIN"},
 *   "other": [{"oid":"1.2.3","value":{"utf8":"..."}}]
 * } */
#include "x509/extension_internal.h"
#include "x509/san.h"

#include <string.h>

#define QC "0.4.0.1862.1."

static bool bad(struct error *err, const char *problem) {
    return extension_bad(err, "qcStatements", "%s", problem);
}

static void put_statement(struct buffer *out, const char *oid, struct view information) {
    struct buffer statement = buffer_on(out->arena);
    if (!der_add_oid(&statement, oid, false))
        return;
    buffer_add(&statement, information.at, information.len);
    der_add(out, DER_SEQUENCE, buffer_view(&statement));
}

static bool put_flag(const struct json *value, const char *name, const char *oid,
                     struct buffer *out, struct error *err) {
    bool flag = false;
    TRY(json_bool(value, name, &flag, err));
    if (flag)
        put_statement(out, oid, view_of(NULL, 0));
    return true;
}

static bool is_country(const struct json *item) {
    return item->type == JSON_STRING && strlen(item->text) == 2 &&
           strspn(item->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2;
}

static bool put_countries(const struct json *value, struct buffer *out, struct error *err) {
    struct buffer list = buffer_on(out->arena), sequence = buffer_on(out->arena);
    const struct json *array = NULL;
    TRY(json_array(value, "countries", &array, err));
    JSON_EACH (item, array) {
        if (!is_country(item))
            return bad(err, "countries are two capital letters each (ISO 3166).");
        der_add_text(&list, DER_PRINTABLE, item->text);
    }
    if (list.len == 0)
        return true;
    der_add(&sequence, DER_SEQUENCE, buffer_view(&list));
    put_statement(out, QC "7", buffer_view(&sequence));
    return true;
}

static bool put_limit(const struct json *value, struct buffer *out, struct error *err) {
    static const char *const names[] = {"currency", "amount", "exponent", NULL};
    struct buffer all = buffer_on(out->arena), sequence = buffer_on(out->arena);
    const struct json *limit = NULL;
    const char *currency = NULL;
    int64_t amount = -1, exponent = 0;
    TRY(json_object(value, "limit", &limit, err));
    if (limit == NULL)
        return true;
    TRY(json_only(limit, names, err));
    TRY(json_string(limit, "currency", &currency, err) &&
        json_int(limit, "amount", 0, INT64_MAX, &amount, err) &&
        json_int(limit, "exponent", 0, 100, &exponent, err));
    if (currency == NULL || strlen(currency) != 3 ||
        strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3 || amount < 0)
        return bad(err, "limit is such as {\"currency\":\"EUR\",\"amount\":10,\"exponent\":3}.");
    der_add_text(&all, DER_PRINTABLE, currency);
    der_add_integer(&all, DER_INTEGER, amount);
    der_add_integer(&all, DER_INTEGER, exponent);
    der_add(&sequence, DER_SEQUENCE, buffer_view(&all));
    put_statement(out, QC "2", buffer_view(&sequence));
    return true;
}

static bool put_retention(const struct json *value, struct buffer *out, struct error *err) {
    struct buffer number = buffer_on(out->arena);
    int64_t years = -1;
    TRY(json_int(value, "retentionYears", 0, 1000, &years, err));
    if (years < 0)
        return true;
    der_add_integer(&number, DER_INTEGER, years);
    put_statement(out, QC "3", buffer_view(&number));
    return true;
}

static bool put_types(const struct json *value, struct buffer *out, struct error *err) {
    static const char *const names[] = {"signature", "seal", "website"};
    static const char *const oids[] = {QC "6.1", QC "6.2", QC "6.3"};
    struct buffer list = buffer_on(out->arena), sequence = buffer_on(out->arena);
    const struct json *array = NULL;
    TRY(json_array(value, "types", &array, err));
    JSON_EACH (item, array) {
        size_t i = 0;
        while (i < 3 && (item->type != JSON_STRING || strcmp(item->text, names[i]) != 0))
            i++;
        if (i == 3 || !der_add_oid(&list, oids[i], false))
            return bad(err, "types are signature, seal and website.");
    }
    if (list.len == 0)
        return true;
    der_add(&sequence, DER_SEQUENCE, buffer_view(&list));
    put_statement(out, QC "6", buffer_view(&sequence));
    return true;
}

static bool put_disclosure(const struct json *value, struct buffer *out, struct error *err) {
    static const char *const names[] = {"url", "language", NULL};
    struct buffer list = buffer_on(out->arena), sequence = buffer_on(out->arena);
    const struct json *array = NULL;
    TRY(json_array(value, "disclosure", &array, err));
    JSON_EACH (item, array) {
        struct buffer one = buffer_on(out->arena);
        const char *url = NULL, *language = NULL;
        TRY(json_only(item, names, err));
        TRY(json_string(item, "url", &url, err) && json_string(item, "language", &language, err));
        if (url == NULL || uri_problem(url) != NULL || language == NULL || strlen(language) != 2)
            return bad(err,
                       "disclosure is an array of {\"url\":\"https://...\",\"language\":\"en\"}.");
        der_add_text(&one, DER_IA5, url);
        der_add_text(&one, DER_PRINTABLE, language);
        der_add(&list, DER_SEQUENCE, buffer_view(&one));
    }
    if (list.len == 0)
        return true;
    der_add(&sequence, DER_SEQUENCE, buffer_view(&list));
    put_statement(out, QC "5", buffer_view(&sequence));
    return true;
}

/* ETSI EN 319 412-1 5.1: how the identifiers in the subject are to be read. */
static bool put_semantics(const struct json *value, struct buffer *out, struct error *err) {
    static const char *const names[] = {"id", "authorities", NULL};
    static const char *const words[] = {"natural", "legal", "eidas-natural", "eidas-legal"};
    static const char *const oids[] = {"0.4.0.194121.1.1", "0.4.0.194121.1.2", "0.4.0.194121.1.3",
                                       "0.4.0.194121.1.4"};
    struct buffer all = buffer_on(out->arena), sequence = buffer_on(out->arena);
    const struct json *semantics = NULL, *authorities = NULL;
    const char *id = NULL;
    TRY(json_object(value, "semantics", &semantics, err));
    if (semantics == NULL)
        return true;
    TRY(json_only(semantics, names, err));
    TRY(json_string(semantics, "id", &id, err) &&
        json_array(semantics, "authorities", &authorities, err));
    for (size_t i = 0; id != NULL && i < 4; i++)
        if (strcmp(id, words[i]) == 0)
            id = oids[i];
    if (id != NULL && !der_add_oid(&all, id, false))
        return bad(err, "semantics.id is natural, legal, eidas-natural, eidas-legal or an OID.");
    if (authorities != NULL && authorities->count > 0) {
        AUTO(GENERAL_NAMES) *list = NULL;
        TRY(san_from_json(authorities, &list, err));
        struct view der = san_der(out->arena, list);
        buffer_add(&all, der.at, der.len);
    }
    if (all.len == 0)
        return bad(err, "semantics holds an id or authorities.");
    der_add(&sequence, DER_SEQUENCE, buffer_view(&all));
    put_statement(out, "1.3.6.1.5.5.7.11.2", buffer_view(&sequence));
    return true;
}

static bool put_roles(const struct json *array, struct buffer *out, struct error *err) {
    static const char *const words[] = {"PSP_AS", "PSP_PI", "PSP_AI", "PSP_IC"};
    static const char *const oids[] = {"0.4.0.19495.1.1", "0.4.0.19495.1.2", "0.4.0.19495.1.3",
                                       "0.4.0.19495.1.4"};
    struct buffer list = buffer_on(out->arena);
    JSON_EACH (item, array) {
        struct buffer role = buffer_on(out->arena);
        size_t i = 0;
        while (i < 4 && (item->type != JSON_STRING || strcmp(item->text, words[i]) != 0))
            i++;
        if (i == 4 || !der_add_oid(&role, oids[i], false))
            return bad(err, "psd2.roles are PSP_AS, PSP_PI, PSP_AI and PSP_IC.");
        der_add_text(&role, DER_UTF8, words[i]);
        der_add(&list, DER_SEQUENCE, buffer_view(&role));
    }
    der_add(out, DER_SEQUENCE, buffer_view(&list));
    return true;
}

static bool put_psd2(const struct json *value, struct buffer *out, struct error *err) {
    static const char *const names[] = {"roles", "authority", "authorityId", NULL};
    struct buffer all = buffer_on(out->arena), sequence = buffer_on(out->arena);
    const struct json *psd2 = NULL, *roles = NULL;
    const char *authority = NULL, *id = NULL;
    TRY(json_object(value, "psd2", &psd2, err));
    if (psd2 == NULL)
        return true;
    TRY(json_only(psd2, names, err));
    TRY(json_array(psd2, "roles", &roles, err) && json_string(psd2, "authority", &authority, err) &&
        json_string(psd2, "authorityId", &id, err));
    if (roles == NULL || roles->count == 0 || authority == NULL || id == NULL)
        return bad(err, "psd2 has roles, authority and authorityId (ETSI TS 119 495 5.1).");
    TRY(put_roles(roles, &all, err));
    der_add_text(&all, DER_UTF8, authority);
    der_add_text(&all, DER_UTF8, id);
    der_add(&sequence, DER_SEQUENCE, buffer_view(&all));
    put_statement(out, "0.4.0.19495.2", buffer_view(&sequence));
    return true;
}

static bool put_other(const struct extension_place *place, const struct json *value,
                      struct buffer *out, struct error *err) {
    static const char *const names[] = {"oid", "value", NULL};
    const struct json *array = NULL;
    TRY(json_array(value, "other", &array, err));
    JSON_EACH (item, array) {
        struct buffer information = buffer_on(out->arena), probe = buffer_on(out->arena);
        const char *oid = NULL;
        TRY(json_only(item, names, err) && json_string(item, "oid", &oid, err));
        if (oid == NULL || !der_add_oid(&probe, oid, false))
            return bad(err,
                       "other statements have a dotted \"oid\" and may have a typed \"value\".");
        if (json_get(item, "value") != NULL)
            TRY(write_typed_value(place, json_get(item, "value"), &information, err));
        put_statement(out, oid, buffer_view(&information));
    }
    return true;
}

bool write_qc_statements(const struct extension_place *place, const struct json *value,
                         struct buffer *out, struct error *err) {
    static const char *const names[] = {"compliance", "countries", "limit",      "retentionYears",
                                        "device",     "types",     "disclosure", "semantics",
                                        "psd2",       "other",     NULL};
    struct buffer all = buffer_on(place->arena);
    TRY(json_only(value, names, err));
    TRY(put_flag(value, "compliance", QC "1", &all, err) && put_countries(value, &all, err) &&
        put_limit(value, &all, err) && put_retention(value, &all, err) &&
        put_flag(value, "device", QC "4", &all, err) && put_types(value, &all, err) &&
        put_disclosure(value, &all, err) && put_semantics(value, &all, err) &&
        put_psd2(value, &all, err) && put_other(place, value, &all, err));
    if (all.len == 0)
        return bad(err, "it must hold a statement.");
    der_add(out, DER_SEQUENCE, buffer_view(&all));
    return true;
}
