/* Identity providers: who else vouches for users. */
#include "access/handlers.h"

#include "base/clock.h"
#include "identity/outside.h"
#include "store/organisations.h"

#include <string.h>

static const char *const kinds[] = {[IDENTITY_LDAP] = "ldap", [IDENTITY_OIDC] = "oidc"};

static void write_provider(struct json_writer *w, struct arena *arena, const struct identity_provider *p) {
    json_open_object(w);
    json_put_string(w, "id", p->slug);
    json_put_string(w, "kind", kinds[p->kind]);
    json_put_string(w, "name", p->name);
    json_put_bool(w, "enabled", p->enabled);
    put_document(w, arena, "settings", p->settings);
    json_put_bool(w, "hasSecret", p->secret[0] != '\0');
    json_put_int(w, "version", p->revision);
    json_close_object(w);
}

HANDLER(providers_list) {
    struct identity_provider *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(identity_providers(context, request->arena, actor_of(request), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_provider(&w, request->arena, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(providers_open) {
    struct identity_provider *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(identity_choices(context, request->arena, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        json_put_string(&w, "id", items[i].slug);
        json_put_string(&w, "kind", kinds[items[i].kind]);
        json_put_string(&w, "name", items[i].name);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

static bool check_slug(const char *slug, struct error *err) {
    /* These are methods of log-in already. */
    bool taken = strcmp(slug, "password") == 0 || strcmp(slug, "certificate") == 0 || strcmp(slug, "passkey") == 0;
    return (!taken && slug_valid(slug)) ||
           fail(err, ERROR_POLICY, "bad-slug", "An id has 1 to %d characters of a-z, 0-9 and \"-\", and is no method of log-in.",
                MAX_SLUG);
}

static bool read_kind(const struct json *document, enum identity_kind *ret, struct error *err) {
    const char *kind;
    TRY(ask_string(document, "kind", &kind, err));
    bool oidc = strcmp(kind, kinds[IDENTITY_OIDC]) == 0;
    if (!oidc && strcmp(kind, kinds[IDENTITY_LDAP]) != 0)
        return fail(err, ERROR_POLICY, "bad-setting", "The kind of an identity provider is \"ldap\" or \"oidc\".");
    *ret = oidc ? IDENTITY_OIDC : IDENTITY_LDAP;
    return true;
}

static bool read_provider(struct http_request *request, const struct json *document,
                          struct identity_provider *p, const char **ret_secret, struct error *err) {
    const struct json *settings = NULL;
    *ret_secret = NULL;
    TRY(ask_string(document, "name", &p->name, err) && read_kind(document, &p->kind, err) &&
        json_bool(document, "enabled", &p->enabled, err) && json_object(document, "settings", &settings, err) &&
        json_string(document, "secret", ret_secret, err));
    if (strlen(p->name) > 200 || p->name[0] == '\0')
        return fail(err, ERROR_POLICY, "bad-setting", "The name has 1 to 200 bytes.");
    if (*ret_secret != NULL && strlen(*ret_secret) > 1000)
        return fail(err, ERROR_POLICY, "bad-setting", "The secret is too long.");
    if (settings == NULL)
        TRY(json_parse(request->arena, view_text("{}"), &settings, err));
    TRY(outside_check(request->arena, p->kind, settings, err));
    struct json_writer w = json_writer_on(request->arena);
    json_add_value(&w, settings);
    p->settings = json_written(&w);
    return true;
}

HANDLER(providers_create) {
    static const char *const members[] = {"id", "kind", "name", "enabled", "settings", "secret", NULL};
    const struct json *document;
    const char *secret;
    struct identity_provider p = {.enabled = true, .created_us = clock_now_us()};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "id", &p.slug, err) && check_slug(p.slug, err));
    TRY(read_provider(request, document, &p, &secret, err));
    TRY(identity_save(context, request->arena, actor_of(request), &p, secret, err));
    struct json_writer w = json_writer_on(request->arena);
    write_provider(&w, request->arena, &p);
    reply_created(response, &w, arena_printf(request->arena, "/identity-providers/%s", p.slug));
    return true;
}

HANDLER(providers_change) {
    static const char *const members[] = {"kind", "name", "enabled", "settings", "secret", "version", NULL};
    const struct json *document;
    const char *secret;
    struct identity_provider p = {.slug = request->parameters[0], .enabled = true};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &p.revision, err));
    if (p.revision == 0)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"version\" is needed: of what you have read.");
    TRY(read_provider(request, document, &p, &secret, err));
    TRY(identity_save(context, request->arena, actor_of(request), &p, secret, err));
    struct json_writer w = json_writer_on(request->arena);
    write_provider(&w, request->arena, &p);
    reply_version(response, p.revision);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(providers_remove) {
    TRY(ask_no_query(request, err));
    TRY(identity_remove(context, request->arena, actor_of(request), request->parameters[0], err));
    reply_nothing(response);
    return true;
}

HANDLER(providers_test) {
    TRY(ask_no_query(request, err));
    TRY(outside_test(context, request->arena, request->parameters[0], err));
    reply_nothing(response);
    return true;
}
