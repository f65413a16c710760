/* Accounts and orders for administrators: what happened, and why something failed. */
#include "acme/manage.h"

#include "base/clock.h"
#include "rest/organisation.h"

#include <string.h>

static void put_json(struct json_writer *w, struct arena *arena, const char *name,
                     const char *text) {
    const struct json *value;
    json_name(w, name);
    if (*text != '\0' && json_parse(arena, view_text(text), &value, NULL))
        json_add_value(w, value);
    else
        json_add_null(w);
}

bool manage_policy(struct acme *acme, const struct http_request *request,
                   enum permission permission, struct uuid id, struct acme_policy_record *ret,
                   struct error *err) {
    struct uuid none = {{0}};
    struct scope scope;
    bool done = false;
    actor_scope(request->arena, manage_actor(request), MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_policy_by_id(tx.tx, request->arena, &scope, id, ret, err);
    TRY(done);
    return actor_may(manage_actor(request), permission, ret->organisation_id, none, err);
}

static const char *account_state(enum acme_account_state state) {
    return state == ACME_ACCOUNT_VALID         ? "valid"
           : state == ACME_ACCOUNT_DEACTIVATED ? "deactivated"
                                               : "revoked";
}

static void write_account(struct json_writer *w, struct arena *arena,
                          const struct acme_account *account) {
    json_open_object(w);
    put_uuid(w, "id", account->id);
    put_uuid(w, "policy", account->policy_id);
    put_uuid(w, "binding", account->eab_id);
    json_put_string(w, "state", account_state(account->state));
    put_json(w, arena, "contacts", account->contacts);
    put_json(w, arena, "scope", account->scope);
    put_hex(w, arena, "keyThumbprint", view_of(account->thumbprint, 32));
    put_text_or_null(w, "terms", account->terms);
    json_put_time(w, "createdAt", account->created_us);
    json_put_time(w, "changedAt", account->changed_us);
    json_close_object(w);
}

/* The query's ?policy=, or nil. */
static bool ask_policy(const struct http_request *request, struct uuid *ret, struct error *err) {
    const char *text = http_query(request, "policy");
    struct uuid id = {{0}};
    if (text != NULL && !uuid_parse(text, &id))
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no ACME policy %.60s.", text);
    *ret = id;
    return true;
}

HANDLER(acme_accounts_list) {
    static const char *const others[] = {"policy", "organisation", "sort", NULL};
    struct acme *acme = context;
    struct acme_account *items = NULL;
    struct scope scope;
    struct page page;
    struct uuid policy;
    const char *next = NULL;
    size_t count = 0;
    bool done = false;
    TRY(ask_page(request, others, &page, err) && ask_direction(request, "createdAt", &page, err));
    TRY(ask_organisation(acme->core, request, err));
    TRY(ask_policy(request, &policy, err));
    actor_scope(request->arena, manage_actor(request), MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok =
        acme_account_list(tx.tx, request->arena, &scope, policy, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_account(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

static bool load_account(struct acme *acme, const struct http_request *request,
                         enum permission permission, struct acme_account *ret,
                         struct acme_policy_record *ret_policy, struct error *err) {
    struct uuid id;
    bool done = false;
    TRY(ask_id(request, 0, "ACME account", &id, err));
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_account_by_id(tx.tx, request->arena, id, ret, err);
    TRY(done);
    return manage_policy(acme, request, permission, ret->policy_id, ret_policy, err);
}

HANDLER(acme_accounts_get) {
    struct acme_account account;
    struct acme_policy_record policy;
    struct json_writer w = json_writer_on(request->arena);
    TRY(ask_no_query(request, err));
    TRY(load_account(context, request, MAY_READ_TEMPLATES, &account, &policy, err));
    write_account(&w, request->arena, &account);
    reply_json(response, 200, &w);
    return true;
}

static bool change_account(struct acme *acme, const struct http_request *request, struct http_response *response,
                           const struct acme_account *account, struct event_note note, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    bool done = false;
    note.object_kind = "acme-account";
    note.object = uuid_text(request->arena, account->id);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_account_update(tx.tx, account, err) &&
            access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    write_account(&w, request->arena, account);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(acme_accounts_deactivate) {
    struct acme_account account;
    struct acme_policy_record policy;
    TRY(ask_no_query(request, err));
    TRY(load_account(context, request, MAY_MANAGE_TEMPLATES, &account, &policy, err));
    account.state = ACME_ACCOUNT_REVOKED;
    account.changed_us = clock_now_us();
    return change_account(
        context, request, response, &account,
        (struct event_note){.code = "acme.account.revoked", .organisation_id = policy.organisation_id}, err);
}

/* Its holder has agreed to the terms as they are now: a person says so, for no request can (rfc8555#7.3.2, #7.3.3). */
HANDLER(acme_accounts_agree) {
    struct acme_account account;
    struct acme_policy_record policy;
    struct acme_settings settings;
    struct json_writer w = json_writer_on(request->arena);
    TRY(ask_no_query(request, err));
    TRY(load_account(context, request, MAY_MANAGE_TEMPLATES, &account, &policy, err));
    TRY(acme_settings_get(context, request->arena, &settings, err));
    account.terms = *settings.terms == '\0' ? "agreed" : settings.terms;
    account.changed_us = clock_now_us();
    json_open_object(&w);
    json_put_string(&w, "terms", account.terms);
    json_close_object(&w);
    return change_account(context, request, response, &account,
                          (struct event_note){.code = "acme.account.changed",
                                              .organisation_id = policy.organisation_id,
                                              .details = json_written(&w)},
                          err);
}

static bool read_authorizations(struct core *core, struct arena *arena, const struct acme_order *order,
                                struct acme_authorization **ret_items, size_t *ret_count, struct error *err) {
    size_t wanted = order->authorizations.len / 16;
    struct uuid *ids = arena_array(arena, wanted, sizeof *ids);
    bool done = false;
    *ret_count = 0;
    for (size_t i = 0; i < wanted; i++)
        memcpy(ids[i].bytes, order->authorizations.at + 16 * i, 16);
    TX(tx, core_db(core), &done, err)
    tx.ok = wanted == 0 || acme_authorization_by_ids(tx.tx, arena, ids, wanted, ret_items, ret_count, err);
    return done;
}

/* Why an order is invalid that says nothing itself: what its first failed challenge has met. */
static bool find_failure(struct core *core, struct arena *arena, const struct acme_order *order,
                         const struct json **ret, struct error *err) {
    struct acme_authorization *items = NULL;
    size_t count;
    TRY(read_authorizations(core, arena, order, &items, &count, err));
    for (size_t i = 0; i < count && *ret == NULL; i++) {
        struct challenges challenges;
        TRY(challenges_read(arena, items[i].challenges, &challenges, err));
        for (size_t j = 0; j < challenges.count && *ret == NULL; j++)
            if (challenges.items[j].state == CHALLENGE_INVALID)
                *ret = challenges.items[j].problem;
    }
    return true;
}

static bool write_order(struct core *core, struct json_writer *w, struct arena *arena,
                        const struct acme_order *order, struct error *err) {
    enum order_status status;
    const struct json *failure = NULL;
    TRY(order_status(core, arena, order, &status, err));
    if (status == ORDER_INVALID && *order->problem == '\0')
        TRY(find_failure(core, arena, order, &failure, err));
    put_uuid(w, "id", order->id);
    put_uuid(w, "account", order->account_id);
    put_uuid(w, "policy", order->policy_id);
    json_put_string(w, "status", order_status_name(status));
    put_json(w, arena, "identifiers", order->identifiers);
    put_text_or_null(w, "profile", order->profile);
    if (failure != NULL) {
        json_name(w, "problem");
        json_add_value(w, failure);
    } else {
        put_json(w, arena, "problem", order->problem);
    }
    put_uuid(w, "certificate", order->certificate_id);
    put_uuid(w, "replaces", order->replaces_id);
    json_put_time(w, "createdAt", order->created_us);
    json_put_time(w, "changedAt", order->changed_us);
    json_put_time(w, "expiresAt", order->expires_us);
    return true;
}

static bool list_orders(struct acme *acme, struct http_request *request,
                        struct http_response *response, struct uuid account, struct uuid policy,
                        const struct page *page, struct error *err) {
    struct acme_order *items = NULL;
    struct scope scope;
    const char *next = NULL;
    size_t count = 0;
    bool done = false;
    actor_scope(request->arena, manage_actor(request), MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_order_list(tx.tx, request->arena, &scope, account, policy, page, &items, &count,
                            &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        TRY(write_order(acme->core, &w, request->arena, &items[i], err));
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(acme_orders_list) {
    static const char *const others[] = {"policy", "organisation", "sort", NULL};
    struct page page;
    struct uuid policy, none = {{0}};
    TRY(ask_page(request, others, &page, err) && ask_direction(request, "createdAt", &page, err));
    TRY(ask_organisation(((struct acme *)context)->core, request, err));
    TRY(ask_policy(request, &policy, err));
    return list_orders(context, request, response, none, policy, &page, err);
}

HANDLER(acme_account_orders_list) {
    struct acme_account account;
    struct acme_policy_record policy;
    struct page page;
    struct uuid none = {{0}};
    TRY(ask_page(request, NULL, &page, err));
    TRY(load_account(context, request, MAY_READ_TEMPLATES, &account, &policy, err));
    return list_orders(context, request, response, account.id, none, &page, err);
}

static bool write_authorization(struct json_writer *w, struct arena *arena,
                                const struct acme_authorization *authorization, struct error *err) {
    struct challenges challenges;
    struct identifier identifier = {authorization->kind, authorization->identifier,
                                    authorization->wildcard};
    TRY(challenges_read(arena, authorization->challenges, &challenges, err));
    json_open_object(w);
    put_uuid(w, "id", authorization->id);
    json_name(w, "identifier");
    identifier_write(w, arena, &identifier, true);
    json_put_string(w, "status", authorization_state_name(authorization_state(authorization)));
    json_put_bool(w, "preapproved", challenges.count == 0);
    json_put_time(w, "expiresAt", authorization->expires_us);
    json_name(w, "challenges");
    json_open_array(w);
    for (size_t i = 0; i < challenges.count; i++) {
        const struct challenge *one = &challenges.items[i];
        json_open_object(w);
        json_put_string(w, "type", one->type);
        json_put_string(w, "status", challenge_state_name(one->state));
        json_put_int(w, "attempts", one->attempts);
        put_time_or_null(w, "validatedAt", one->validated_us);
        json_name(w, "problem");
        if (one->problem != NULL)
            json_add_value(w, one->problem);
        else
            json_add_null(w);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
    return true;
}

HANDLER(acme_orders_get) {
    struct acme *acme = context;
    struct acme_order order;
    struct acme_policy_record policy;
    struct acme_authorization *items = NULL;
    struct json_writer w = json_writer_on(request->arena);
    struct uuid id;
    size_t count = 0;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "ACME order", &id, err));
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_order_by_id(tx.tx, request->arena, id, &order, err);
    TRY(done);
    TRY(manage_policy(acme, request, MAY_READ_TEMPLATES, order.policy_id, &policy, err));
    TRY(read_authorizations(acme->core, request->arena, &order, &items, &count, err));
    json_open_object(&w);
    TRY(write_order(acme->core, &w, request->arena, &order, err));
    json_name(&w, "authorizations");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++)
        TRY(write_authorization(&w, request->arena, &items[i], err));
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* --- routes
 * ------------------------------------------------------------------------------------------------
 */

#define LISTENERS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define MEDIUM ((size_t)256 * 1024)
#define READ "templates:read"
#define MANAGE "templates:manage"

/* clang-format off */
#define ROUTES(X) \
    X("GET", "/acme/policies", NO_BODY, acme_policies_list, READ) \
    X("POST", "/acme/policies", MEDIUM, acme_policies_create, MANAGE) \
    X("GET", "/acme/policies/{}", NO_BODY, acme_policies_get, READ) \
    X("PUT", "/acme/policies/{}", MEDIUM, acme_policies_change, MANAGE) \
    X("DELETE", "/acme/policies/{}", NO_BODY, acme_policies_remove, MANAGE) \
    X("GET", "/acme/policies/{}/bindings", NO_BODY, acme_bindings_list, READ) \
    X("POST", "/acme/policies/{}/bindings", MEDIUM, acme_bindings_create, MANAGE) \
    X("DELETE", "/acme/bindings/{}", NO_BODY, acme_bindings_revoke, MANAGE) \
    X("GET", "/acme/accounts", NO_BODY, acme_accounts_list, READ) \
    X("GET", "/acme/accounts/{}", NO_BODY, acme_accounts_get, READ) \
    X("GET", "/acme/accounts/{}/orders", NO_BODY, acme_account_orders_list, READ) \
    X("POST", "/acme/accounts/{}/deactivate", NO_BODY, acme_accounts_deactivate, MANAGE) \
    X("POST", "/acme/accounts/{}/agree", NO_BODY, acme_accounts_agree, MANAGE) \
    X("GET", "/acme/orders", NO_BODY, acme_orders_list, READ) \
    X("GET", "/acme/orders/{}", NO_BODY, acme_orders_get, READ) \
    X("GET", "/acme/settings", NO_BODY, acme_settings_show, "settings:read") \
    X("PUT", "/acme/settings", MEDIUM, acme_settings_change, "settings:manage")
/* clang-format on */

#define ROUTE(method, path, limit, handler, permission)                                            \
    {method, API_BASE path, GATE_ACTOR, LISTENERS, limit, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room acme_manage_room(struct acme *acme) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], acme};
}
