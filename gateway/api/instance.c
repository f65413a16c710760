/* The instance: PKCS#11 tokens, organisations, settings, status. */
#include "api/handlers.h"

#include "base/clock.h"
#include "ca/organisations.h"

static const struct uuid nobody;

static void write_token(struct json_writer *w, const struct token_info *token) {
    json_open_object(w);
    json_put_string(w, "id", token->uri);
    json_put_string(w, "module", token->module);
    json_put_string(w, "label", token->label);
    json_put_string(w, "serial", token->serial);
    json_put_string(w, "manufacturer", token->manufacturer);
    json_put_string(w, "model", token->model);
    json_put_bool(w, "managed", token->managed);
    json_put_bool(w, "loggedIn", token->logged_in);
    json_put_string(w, "problem", token->problem);
    json_put_string(w, "waitsFor", token->waits_for);
    json_close_object(w);
}

HANDLER(tokens_list) {
    struct token_info *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    /* Tokens are the instance's, whatever organisation's keys are in them. */
    TRY(actor_may(actor_of(request), MAY_READ_TOKENS, nobody, nobody, err));
    TRY(signer_tokens(core_signer(context), request->arena, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_token(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

static void write_organisation(struct json_writer *w, const struct organisation *organisation) {
    json_open_object(w);
    json_put_string(w, "id", organisation->slug);
    put_uuid(w, "uuid", organisation->id);
    json_put_string(w, "name", organisation->name);
    json_put_time(w, "createdAt", organisation->created_us);
    json_close_object(w);
}

HANDLER(organisations_list) {
    struct organisation *items = NULL;
    struct scope scope;
    size_t count = 0;
    bool done = false;
    TRY(ask_no_query(request, err));
    actor_scope(request->arena, actor_of(request), MAY_READ_CAS, &scope);
    TX(tx, core_db(context), &done, err)
    tx.ok = organisation_list(tx.tx, request->arena, &scope, &items, &count, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_organisation(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(organisations_create) {
    static const char *const members[] = {"id", "name", NULL};
    const struct json *document;
    const char *name, *slug = NULL;
    struct organisation made;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &name, err) && json_string(document, "id", &slug, err));
    TRY(organisation_create(context, request->arena, actor_of(request), slug, name, &made, err));
    struct json_writer w = json_writer_on(request->arena);
    write_organisation(&w, &made);
    reply_created(response, &w, arena_printf(request->arena, "/organisations/%s", made.slug));
    return true;
}

HANDLER(organisations_change) {
    static const char *const members[] = {"name", NULL};
    const struct json *document;
    const char *name;
    struct organisation changed;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &name, err));
    TRY(organisation_change(context, request->arena, actor_of(request), request->parameters[0], name, &changed, err));
    struct json_writer w = json_writer_on(request->arena);
    write_organisation(&w, &changed);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(settings_get) {
    struct core_urls urls;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, nobody, nobody, err));
    TRY(core_public_urls(context, request->arena, &urls, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "publicHttp", urls.http);
    json_put_string(&w, "publicHttps", urls.https);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(status_get) {
    TRY(ask_no_query(request, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "name", "Gatehouse");
    json_put_string(&w, "version", GATEHOUSE_VERSION);
    json_put_time(&w, "time", clock_now_us());
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
