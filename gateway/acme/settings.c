#include "acme/internal.h"

#include "store/organisations.h"
#include "x509/san.h"

#include <string.h>

#define SETTING "acme"

bool acme_settings_from_json(struct arena *arena, const struct json *document,
                             struct acme_settings *ret, struct error *err) {
    static const char *const members[] = {"open",          "terms",         "website",
                                          "caaIdentities", "defaultPolicy", NULL};
    struct acme_settings s = {.terms = "", .website = "", .default_policy = ""};
    const struct json *identities = NULL;
    struct uuid id;
    TRY(json_only(document, members, err));
    TRY(json_bool(document, "open", &s.open, err));
    TRY(json_string(document, "terms", &s.terms, err));
    TRY(json_string(document, "website", &s.website, err));
    TRY(json_string(document, "defaultPolicy", &s.default_policy, err));
    TRY(json_array(document, "caaIdentities", &identities, err));
    if ((*s.terms != '\0' && uri_problem(s.terms) != NULL) ||
        (*s.website != '\0' && uri_problem(s.website) != NULL) || strlen(s.terms) > 1000 ||
        strlen(s.website) > 1000)
        return fail(err, ERROR_POLICY, "bad-acme-settings",
                    "\"terms\" and \"website\" must be URLs of at most 1000 characters.");
    if (*s.default_policy != '\0' && !uuid_parse(s.default_policy, &id))
        return fail(err, ERROR_POLICY, "bad-acme-settings",
                    "\"defaultPolicy\" must be the id of an ACME policy.");
    size_t count = identities == NULL ? 0 : identities->count;
    s.caa_identities.items = arena_array(arena, count, sizeof(char *));
    JSON_EACH (item, identities) {
        if (item->type != JSON_STRING || dns_name_problem(item->text, false) != NULL)
            return fail(err, ERROR_POLICY, "bad-acme-settings",
                        "\"caaIdentities\" must be DNS names (rfc8659#4.2).");
        s.caa_identities.items[s.caa_identities.count++] = item->text;
    }
    *ret = s;
    return true;
}

const char *acme_settings_to_json(struct arena *arena, const struct acme_settings *s) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_bool(&w, "open", s->open);
    json_put_string(&w, "terms", s->terms);
    json_put_string(&w, "website", s->website);
    json_name(&w, "caaIdentities");
    json_open_array(&w);
    for (size_t i = 0; i < s->caa_identities.count; i++)
        json_add_string(&w, s->caa_identities.items[i]);
    json_close_array(&w);
    json_put_string(&w, "defaultPolicy", s->default_policy);
    json_close_object(&w);
    return json_written(&w);
}

bool acme_settings_parse(struct arena *arena, const char *text, struct acme_settings *ret,
                         struct error *err) {
    const struct json *document;
    if (text == NULL || *text == '\0')
        text = "{}";
    TRY(json_parse(arena, view_text(text), &document, err));
    return acme_settings_from_json(arena, document, ret, err);
}

bool acme_settings_get(struct acme *acme, struct arena *arena, struct acme_settings *ret,
                       struct error *err) {
    const char *text = NULL;
    bool done = false;
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = setting_get(tx.tx, arena, SETTING, &text, err);
    TRY(done);
    return acme_settings_parse(arena, text, ret, err);
}
