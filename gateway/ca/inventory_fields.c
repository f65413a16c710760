/* Fields that an organisation gives its certificates: definitions and values. */
#include "ca/inventory.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/cas.h"
#include "store/organisations.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELD_NAME 40
#define MAX_LABEL 100
#define MAX_PATTERN 200
#define MAX_VALUES 200
#define MAX_VALUE 500

static bool bad_field(struct error *err, const char *name, const char *rule) {
    return fail(err, ERROR_POLICY, "bad-field", "The field \"%.40s\" %s.", name, rule);
}

static bool good_name(const char *name) {
    size_t len = strlen(name);
    if (len == 0 || len > MAX_FIELD_NAME || !isalpha((unsigned char)name[0]))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

/* A back-reference makes matching exponential. */
static bool compile(const char *pattern, regex_t *ret) {
    if (strlen(pattern) > MAX_PATTERN)
        return false;
    for (const char *c = pattern; *c != '\0'; c++)
        if (c[0] == '\\' && c[1] != '\0' && (isdigit((unsigned char)c[1]) || *++c == '\\'))
            if (isdigit((unsigned char)c[1]))
                return false;
    return regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB) == 0;
}

static bool check_values_list(const struct json *field, const char *name, struct error *err) {
    const struct json *values = NULL;
    TRY(json_array(field, "values", &values, err));
    if (values == NULL || values->count == 0 || values->count > MAX_VALUES)
        return bad_field(err, name, "is a list and needs 1 to 200 \"values\"");
    JSON_EACH (value, values)
        if (value->type != JSON_STRING || value->text[0] == '\0' || strlen(value->text) > MAX_VALUE)
            return bad_field(err, name, "has a value that is no text of 1 to 500 octets");
    return true;
}

static bool check_definition(const struct json *definitions, const struct json *field,
                             struct error *err) {
    static const char *const members[] = {"name",    "label",    "type", "values",
                                          "pattern", "required", NULL};
    static const char *const types[] = {"text", "list", "number", "date"};
    const char *name = "", *label = "", *type = "text", *pattern = NULL;
    bool required = false, known = false;
    TRY(json_only(field, members, err));
    TRY(json_string(field, "name", &name, err) && json_string(field, "label", &label, err) &&
        json_string(field, "type", &type, err) && json_string(field, "pattern", &pattern, err) &&
        json_bool(field, "required", &required, err));
    if (!good_name(name))
        return bad_field(err, name,
                         "has no name of a letter and up to 39 more letters, digits, _ or -");
    if (strlen(label) > MAX_LABEL)
        return bad_field(err, name, "has a label of more than 100 octets");
    for (const struct json *other = definitions->first; other != field; other = other->next)
        if (strcmp(json_get(other, "name")->text, name) == 0)
            return bad_field(err, name, "is there twice");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        known = known || strcmp(type, types[i]) == 0;
    if (!known)
        return bad_field(err, name, "has a type that is none of text, list, number, date");
    if (strcmp(type, "list") == 0)
        TRY(check_values_list(field, name, err));
    if (pattern == NULL)
        return true;
    regex_t compiled;
    if (strcmp(type, "text") != 0 || !compile(pattern, &compiled))
        return bad_field(err, name,
                         "has a pattern that is no POSIX extended regular expression of at "
                         "most 200 octets without back-references, or is no text");
    regfree(&compiled);
    return true;
}

bool fields_check(const struct json *definitions, struct error *err) {
    if (definitions == NULL || definitions->type != JSON_ARRAY || definitions->count > MAX_FIELDS)
        return fail(err, ERROR_POLICY, "bad-field",
                    "Fields are an array of at most %d definitions.", MAX_FIELDS);
    JSON_EACH (field, definitions)
        TRY(check_definition(definitions, field, err));
    return true;
}

static bool is_number(const char *text) {
    char *end;
    if (text[0] == '\0' || strspn(text, "0123456789.-") != strlen(text))
        return false;
    strtod(text, &end);
    return *end == '\0';
}

static bool is_date(const char *text) {
    char whole[32];
    int64_t us;
    if (strlen(text) != 10)
        return false;
    memcpy(whole, text, 10);
    memcpy(whole + 10, "T00:00:00Z", 11);
    return time_parse(whole, &us, NULL);
}

static bool matches(const char *pattern, const char *text) {
    regex_t compiled;
    if (!compile(pattern, &compiled))
        return false;
    bool ok = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return ok;
}

static bool check_value(const struct json *field, const struct json *value, struct error *err) {
    const char *name = json_get(field, "name")->text;
    const struct json *type = json_get(field, "type"), *pattern = json_get(field, "pattern");
    const char *kind = type == NULL || type->type != JSON_STRING ? "text" : type->text;
    if (value->type != JSON_STRING || strlen(value->text) > MAX_VALUE)
        return bad_field(err, name, "must be a text of at most 500 octets");
    if (strcmp(kind, "number") == 0 && !is_number(value->text))
        return bad_field(err, name, "must be a number");
    if (strcmp(kind, "date") == 0 && !is_date(value->text))
        return bad_field(err, name, "must be a date such as 2027-01-31");
    if (strcmp(kind, "list") == 0) {
        JSON_EACH (allowed, json_get(field, "values"))
            if (strcmp(allowed->text, value->text) == 0)
                return true;
        return bad_field(err, name, "must be one of its values");
    }
    if (pattern != NULL && pattern->type == JSON_STRING && !matches(pattern->text, value->text))
        return bad_field(err, name, "does not match its pattern");
    return true;
}

bool fields_check_values(const struct json *definitions, const struct json *values,
                         struct error *err) {
    JSON_EACH (value, values) {
        const struct json *found = NULL;
        JSON_EACH (field, definitions)
            if (strcmp(json_get(field, "name")->text, value->name) == 0)
                found = field;
        if (found == NULL)
            return bad_field(err, value->name, "is not defined; an administrator can add it");
        TRY(check_value(found, value, err));
    }
    JSON_EACH (field, definitions) {
        const struct json *required = json_get(field, "required");
        const struct json *value = json_get(values, json_get(field, "name")->text);
        if (required != NULL && required->boolean && (value == NULL || value->text[0] == '\0'))
            return bad_field(err, json_get(field, "name")->text, "is required");
    }
    return true;
}

/* Who has the permission on one CA of the organisation may know its fields. */
static bool on_some_ca(struct tx *tx, struct arena *arena, const struct actor *actor,
                       enum permission permission, struct uuid organisation_id, bool *ret_may,
                       struct error *err) {
    struct scope scope;
    struct ca_record *cas;
    struct page page = {.limit = 500};
    const char *next;
    size_t count;
    actor_scope(arena, actor, permission, &scope);
    TRY(ca_list(tx, arena, &scope, &page, &cas, &count, &next, err));
    *ret_may = false;
    for (size_t i = 0; i < count; i++)
        *ret_may = *ret_may || uuid_equal(cas[i].organisation_id, organisation_id);
    return true;
}

static bool find_organisation(struct tx *tx, struct arena *arena, const struct actor *actor,
                              enum permission permission, const char *slug,
                              struct organisation *ret, struct error *err) {
    TRY(organisation_by_slug(tx, arena, slug == NULL ? "default" : slug, ret, err));
    bool may = actor_can(actor, permission, ret->id, (struct uuid){{0}});
    if (!may && permission == MAY_READ_CERTIFICATES)
        TRY(on_some_ca(tx, arena, actor, permission, ret->id, &may, err));
    return may || fail(err, ERROR_NOT_FOUND, "not-found", "There is no organisation %.63s.",
                       slug == NULL ? "default" : slug);
}

bool fields_get(struct core *core, struct arena *arena, const struct actor *actor,
                const char *organisation, struct field_document *ret, struct error *err) {
    struct organisation found;
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok =
        find_organisation(tx.tx, arena, actor, MAY_READ_CERTIFICATES, organisation, &found, err) &&
        field_document_get(tx.tx, arena, found.id, ret, err);
    return done;
}

bool fields_put(struct core *core, struct arena *arena, const struct actor *actor,
                const char *organisation, const struct json *definitions, int64_t version,
                struct field_document *ret, struct error *err) {
    struct organisation found;
    struct json_writer w = json_writer_on(arena);
    bool done = false;
    TRY(fields_check(definitions, err));
    json_add_value(&w, definitions);
    struct field_document document = {json_written(&w), version};
    TX(tx, core_db(core), &done, err) {
        tx.ok = find_organisation(tx.tx, arena, actor, MAY_MANAGE_SETTINGS, organisation, &found,
                                  err) &&
                field_document_put(tx.tx, found.id, &document, err);
        struct event_note note = {.code = "certificate-fields.changed",
                                  .organisation_id = found.id,
                                  .object_kind = "organisation",
                                  .object = found.slug,
                                  .details = NULL};
        tx.ok = tx.ok && access_note(tx.tx, actor, &note, err);
    }
    TRY(done);
    document.version++;
    *ret = document;
    return true;
}
