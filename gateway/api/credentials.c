/* Secrets for devices: challenge passwords, MAC secrets, one-time codes of a template. */
#include "api/handlers.h"
#include "base/clock.h"
#include "ca/credentials.h"
#include "ca/templates.h"

#include <string.h>

static const struct {
    enum credential_state state;
    const char *name;
} states[] = {{CREDENTIAL_AVAILABLE, "available"},
              {CREDENTIAL_CONSUMED, "consumed"},
              {CREDENTIAL_EXPIRED, "expired"},
              {CREDENTIAL_REVOKED, "revoked"}};

static const char *state_name(enum credential_state state) {
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (states[i].state == state)
            return states[i].name;
    return "";
}

static void write_credential(struct json_writer *w, struct arena *arena,
                             const struct credential *credential, const char *secret) {
    json_open_object(w);
    put_uuid(w, "id", credential->id);
    json_put_string(w, "kind", credential_kind_name(credential->kind));
    json_put_string(w, "state", state_name(credential_state_at(credential, clock_now_us())));
    json_put_string(w, "name", credential->name);
    json_put_string(w, "label", credential->label);
    json_put_int(w, "uses", credential->uses);
    json_put_int(w, "used", credential->used);
    json_put_time(w, "createdAt", credential->created_us);
    put_time_or_null(w, "expiresAt", credential->expires_us);
    put_time_or_null(w, "lastUsedAt", credential->last_used_us);
    json_name(w, "maker");
    json_open_object(w);
    put_uuid(w, "id", credential->maker_id);
    json_put_string(w, "name", credential->maker);
    json_close_object(w);
    put_document(w, arena, "bound", credential->bound);
    if (secret != NULL)
        json_put_string(w, "secret", secret);
    json_close_object(w);
}

static bool read_query(struct credential_query *query, const char *kind, const char *state,
                       const char *maker, struct error *err) {
    query->any_state = state == NULL;
    if (kind != NULL && !credential_kind_from_name(kind, &query->kind))
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The kind is \"challenge\", \"mac\" or \"code\", not \"%.40s\".", kind);
    if (maker != NULL && !uuid_parse(maker, &query->maker_id))
        return fail(err, ERROR_MALFORMED, "bad-query", "The maker is a user's id, not \"%.40s\".",
                    maker);
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(state, states[i].name) == 0) {
            query->state = states[i].state;
            return true;
        }
    }
    return state == NULL ||
           fail(err, ERROR_MALFORMED, "bad-query",
                "The state is \"available\", \"consumed\", \"expired\" or \"revoked\", not \"%.40s\".",
                state);
}

HANDLER(credentials_list) {
    static const char *const others[] = {"kind", "state", "maker", NULL};
    struct credential_query query = {0};
    struct credential *items = NULL;
    const char *next = NULL;
    struct page page;
    size_t count = 0;
    TRY(ask_page(request, others, &page, err));
    TRY(read_query(&query, http_query(request, "kind"), http_query(request, "state"),
                   http_query(request, "maker"), err));
    TRY(credential_search(context, request->arena, actor_of(request), request->parameters[0],
                          &query, &page, &items, &count, &next, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_credential(&w, request->arena, &items[i], NULL);
    reply_list(request, response, &w, next);
    return true;
}

/* Either a time or a number of minutes from now. */
static bool read_end(const struct json *document, int64_t *ret_us, struct error *err) {
    int64_t minutes = 0;
    TRY(ask_time(document, "expiresAt", ret_us, err));
    TRY(json_int(document, "validMinutes", 1, 366 * 24 * 60, &minutes, err));
    if (minutes != 0 && *ret_us != 0)
        return fail(err, ERROR_MALFORMED, "contradiction",
                    "Give either \"expiresAt\" or \"validMinutes\".");
    if (minutes != 0)
        *ret_us = clock_now_us() + minutes * 60 * US_PER_SECOND;
    return true;
}

static bool read_order(struct arena *arena, const struct json *document,
                       struct credential_order *order, struct error *err) {
    const char *kind = "challenge", *maker = NULL;
    const struct json *bound = NULL;
    int64_t octets = 0;
    TRY(json_string(document, "kind", &kind, err));
    TRY(json_string(document, "name", &order->name, err));
    TRY(json_string(document, "label", &order->label, err));
    TRY(json_string(document, "secret", &order->secret, err));
    TRY(json_string(document, "onBehalfOf", &maker, err));
    TRY(json_int(document, "octets", 8, 64, &octets, err));
    TRY(json_int(document, "uses", 0, 1000000, &order->uses, err));
    TRY(json_object(document, "bound", &bound, err));
    TRY(read_end(document, &order->expires_us, err));
    order->secret_octets = (size_t)octets;
    if (maker != NULL && !uuid_parse(maker, &order->on_behalf_of))
        return fail(err, ERROR_POLICY, "bad-user", "\"onBehalfOf\" is a user's id, not \"%.40s\".",
                    maker);
    if (!credential_kind_from_name(kind, &order->kind))
        return fail(err, ERROR_POLICY, "bad-kind",
                    "A credential's kind is \"challenge\", \"mac\" or \"code\", not \"%.40s\".", kind);
    if (bound != NULL) {
        struct json_writer w = json_writer_on(arena);
        json_add_value(&w, bound);
        order->bound = json_written(&w);
    }
    return true;
}

static bool template_id_of(struct core *core, const struct http_request *request,
                           struct uuid *ret_id, struct error *err) {
    struct template_record record;
    TRY(template_get(core, request->arena, actor_of(request), request->parameters[0], &record, err));
    *ret_id = record.id;
    return true;
}

static void made(struct http_request *request, struct http_response *response,
                 const struct credential *credential, const char *secret) {
    struct json_writer w = json_writer_on(request->arena);
    write_credential(&w, request->arena, credential, secret);
    reply_created(response, &w, arena_printf(request->arena, "/credentials/%s",
                                             uuid_text(request->arena, credential->id)));
}

HANDLER(credentials_create) {
    static const char *const members[] = {"kind",      "name",  "label",        "secret", "octets",
                                          "uses",      "bound", "validMinutes", "expiresAt",
                                          "onBehalfOf", NULL};
    struct credential_order order = {.uses = 1};
    const struct json *document;
    struct credential credential;
    const char *secret;
    TRY(ask_document(request, members, &document, err));
    TRY(read_order(request->arena, document, &order, err));
    TRY(template_id_of(context, request, &order.template_id, err));
    TRY(credential_create(context, request->arena, actor_of(request), &order, &credential, &secret,
                          err));
    made(request, response, &credential, secret);
    return true;
}

HANDLER(credentials_rotate) {
    static const char *const members[] = {"label", "octets", "expiresAt", "validMinutes",
                                          "overlapMinutes", NULL};
    struct credential_order order = {.kind = CREDENTIAL_CHALLENGE};
    const struct json *document;
    struct credential credential;
    const char *secret;
    int64_t overlap = 0, octets = 0;
    TRY(ask_optional_document(request, members, &document, err));
    TRY(json_string(document, "label", &order.label, err));
    TRY(json_int(document, "octets", 8, 64, &octets, err));
    TRY(json_int(document, "overlapMinutes", 0, 366 * 24 * 60, &overlap, err));
    TRY(read_end(document, &order.expires_us, err));
    order.secret_octets = (size_t)octets;
    TRY(template_id_of(context, request, &order.template_id, err));
    TRY(credential_rotate(context, request->arena, actor_of(request), &order,
                          overlap * 60 * US_PER_SECOND, &credential, &secret, err));
    made(request, response, &credential, secret);
    return true;
}

HANDLER(credentials_remove) {
    static const char *const members[] = {"kind", "state", "maker", NULL};
    const char *kind = NULL, *state, *maker = NULL;
    struct credential_query query = {0};
    const struct json *document;
    int64_t removed;
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "kind", &kind, err));
    TRY(ask_string(document, "state", &state, err));
    TRY(json_string(document, "maker", &maker, err));
    TRY(read_query(&query, kind, strcmp(state, "any") == 0 ? NULL : state, maker, err));
    TRY(credential_remove(context, request->arena, actor_of(request), request->parameters[0],
                          &query, &removed, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "removed", removed);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(credentials_get) {
    struct credential credential;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "credential", &id, err));
    TRY(credential_get(context, request->arena, actor_of(request), id, &credential, err));
    struct json_writer w = json_writer_on(request->arena);
    write_credential(&w, request->arena, &credential, NULL);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(credentials_revoke) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "credential", &id, err));
    TRY(credential_revoke(context, request->arena, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}
