/* The instance: PKCS#11 tokens, organisations, settings, status. */
#include "api/handlers.h"

#include "base/clock.h"
#include "store/organisations.h"

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
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        json_put_string(&w, "id", items[i].slug);
        put_uuid(&w, "uuid", items[i].id);
        json_put_string(&w, "name", items[i].name);
        json_put_time(&w, "createdAt", items[i].created_us);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
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
