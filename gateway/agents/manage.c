/* Agents by REST: who may come, with which code, and what those that are there say. */
#include "agents/internal.h"

#include "base/clock.h"
#include "rest/handler.h"
#include "store/troubles.h"

#include <openssl/crypto.h>
#include <string.h>

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define CODE_MINUTES 60
#define CODE_MINUTES_MAX (7 * 24 * 60)

static const struct uuid nobody = {{0}};

/* ---- writing --------------------------------------------------------------------------------- */

static const char *state_of(const struct agent_record *a, bool connected) {
    if (a->certificate.len == 0)
        return a->has_code && a->code_until_us > clock_now_us() ? "invited" : "expired";
    return connected ? "connected" : "away";
}

static void write_tokens(struct json_writer *w, struct arena *arena, struct hub *hub,
                         struct uuid id) {
    struct token_info *tokens;
    size_t count;
    hub_tokens(hub, arena, id, &tokens, &count);
    json_name(w, "tokens");
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        json_open_object(w);
        json_put_string(w, "id", tokens[i].uri);
        json_put_string(w, "module", tokens[i].module);
        json_put_string(w, "label", tokens[i].label);
        json_put_string(w, "serial", tokens[i].serial);
        json_put_string(w, "manufacturer", tokens[i].manufacturer);
        json_put_string(w, "model", tokens[i].model);
        json_put_bool(w, "loggedIn", tokens[i].logged_in);
        put_text_or_null(w, "problem", tokens[i].problem);
        put_text_or_null(w, "waitsFor", tokens[i].waits_for);
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_agent(struct json_writer *w, struct arena *arena, const struct agents *agents,
                        const struct agent_record *a, const char *code) {
    struct hub_look look;
    bool connected = hub_connected(agents->hub, a->id, &look);
    json_open_object(w);
    put_uuid(w, "id", a->id);
    json_put_string(w, "name", a->name);
    json_put_string(w, "state", state_of(a, connected));
    put_text_or_null(w, "problem", look.silent_us > 0 ? agents_silence(arena, &look) : NULL);
    put_time_or_null(w, "connectedAt", look.since_us);
    put_time_or_null(w, "codeExpiresAt", a->has_code ? a->code_until_us : 0);
    json_put_time(w, "createdAt", a->created_us);
    put_time_or_null(w, "enrolledAt", a->enrolled_us);
    put_time_or_null(w, "lastSeenAt", a->seen_us);
    put_text_or_null(w, "address", a->address);
    put_text_or_null(w, "program", a->program);
    write_tokens(w, arena, agents->hub, a->id);
    if (code != NULL)
        json_put_string(w, "code", code);
    json_close_object(w);
}

/* ---- codes ----------------------------------------------------------------------------------- */

struct code {
    char text[CODE_TEXT_SIZE];
    uint8_t hash[32];
    int64_t until_us;
};

static bool make_code(struct agents *agents, struct arena *arena, int64_t minutes, struct code *ret,
                      struct error *err) {
    struct party gateway;
    uint8_t secret[HANDSHAKE_CODE], pin[HANDSHAKE_PIN];
    TRY(identity_get(agents->config.core, arena, &gateway, err));
    TRY(handshake_pin(gateway.certificate, pin, err));
    random_bytes(secret, sizeof secret);
    code_write(secret, pin, ret->text);
    ret->until_us = clock_now_us() + minutes * 60 * US_PER_SECOND;
    bool done = EVP_Digest(secret, sizeof secret, ret->hash, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_cleanse(secret, sizeof secret);
    return done || fail_internal(err, "digest");
}

static bool may_manage(const struct http_request *request, struct error *err) {
    return actor_may(actor_of(request), MAY_MANAGE_SETTINGS, nobody, nobody, err);
}

static bool ask_minutes(const struct json *document, int64_t *ret_minutes, struct error *err) {
    *ret_minutes = CODE_MINUTES;
    return json_int(document, "codeMinutes", 1, CODE_MINUTES_MAX, ret_minutes, err);
}

static bool ask_name(const struct json *document, const char **ret_name, struct error *err) {
    TRY(ask_string(document, "name", ret_name, err));
    size_t len = strlen(*ret_name), plain = 0;
    for (const char *at = *ret_name; *at != '\0'; at++)
        plain += (unsigned char)*at >= 0x20 && *at != 0x7f;
    if (len > 0 && len <= 64 && plain == len)
        return true;
    return fail(err, ERROR_POLICY, "bad-name",
                "An agent's name has 1 to 64 octets without control characters.");
}

static bool note(struct tx *tx, const struct actor *actor, const char *code, const char *name,
                 struct error *err) {
    return access_note(
        tx, actor, &(struct event_note){.code = code, .object_kind = "agent", .object = name}, err);
}

/* ---- handlers -------------------------------------------------------------------------------- */

static HANDLER(agents_list) {
    struct agents *agents = context;
    struct agent_record *items = NULL;
    size_t count = 0;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_TOKENS, nobody, nobody, err));
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_all(tx.tx, request->arena, &items, &count, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_agent(&w, request->arena, agents, &items[i], NULL);
    reply_list(request, response, &w, NULL);
    return true;
}

static bool read_agent(struct agents *agents, struct http_request *request, struct uuid id,
                       struct agent_record *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_get(tx.tx, request->arena, id, ret, err);
    return done;
}

static HANDLER(agents_show) {
    struct agent_record agent;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_TOKENS, nobody, nobody, err));
    TRY(ask_id(request, 0, "agent", &id, err));
    TRY(read_agent(context, request, id, &agent, err));
    struct json_writer w = json_writer_on(request->arena);
    write_agent(&w, request->arena, context, &agent, NULL);
    reply_json(response, 200, &w);
    return true;
}

static HANDLER(agents_create) {
    static const char *const members[] = {"name", "codeMinutes", NULL};
    struct agents *agents = context;
    const struct json *document;
    struct agent_record agent = {.id = uuid_new(), .has_code = true, .created_us = clock_now_us()};
    struct code code;
    int64_t minutes;
    bool done = false;
    TRY(may_manage(request, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_name(document, &agent.name, err));
    TRY(ask_minutes(document, &minutes, err));
    TRY(make_code(agents, request->arena, minutes, &code, err));
    agent.code_until_us = code.until_us;
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_insert(tx.tx, &agent, code.hash, err) &&
                note(tx.tx, actor_of(request), "agent.invited", agent.name, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    write_agent(&w, request->arena, agents, &agent, code.text);
    reply_created(response, &w,
                  arena_printf(request->arena, "/agents/%s", uuid_text(request->arena, agent.id)));
    return true;
}

static HANDLER(agents_code) {
    static const char *const members[] = {"codeMinutes", NULL};
    struct agents *agents = context;
    const struct json *document;
    struct agent_record agent;
    struct uuid id;
    struct code code;
    int64_t minutes;
    bool done = false;
    TRY(may_manage(request, err));
    TRY(ask_id(request, 0, "agent", &id, err));
    TRY(ask_optional_document(request, members, &document, err));
    TRY(ask_minutes(document, &minutes, err));
    TRY(make_code(agents, request->arena, minutes, &code, err));
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_set_code(tx.tx, id, code.hash, code.until_us, err) &&
                agent_get(tx.tx, request->arena, id, &agent, err) &&
                note(tx.tx, actor_of(request), "agent.invited", agent.name, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    write_agent(&w, request->arena, agents, &agent, code.text);
    reply_json(response, 200, &w);
    return true;
}

static HANDLER(agents_remove) {
    struct agents *agents = context;
    struct agent_record agent;
    struct uuid id;
    bool done = false;
    TRY(may_manage(request, err));
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "agent", &id, err));
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_get(tx.tx, request->arena, id, &agent, err) && agent_delete(tx.tx, id, err) &&
                trouble_forget(tx.tx, "agent", arena_printf(request->arena, "agent %s", agent.name), err) &&
                note(tx.tx, actor_of(request), "agent.removed", agent.name, err);
    TRY(done);
    hub_dismiss(agents->hub, id, "the agent was removed"); /* on other nodes within half a minute */
    reply_nothing(response);
    return true;
}

/* clang-format off */
#define ROUTES(X) \
    X("GET", "/agents", NO_BODY, agents_list, "tokens:read") \
    X("POST", "/agents", SMALL, agents_create, "settings:manage") \
    X("GET", "/agents/{}", NO_BODY, agents_show, "tokens:read") \
    X("DELETE", "/agents/{}", NO_BODY, agents_remove, "settings:manage") \
    X("POST", "/agents/{}/code", SMALL, agents_code, "settings:manage")
/* clang-format on */

#define ROUTE(method, path, limit, handler, permission)                                            \
    {method, API_BASE path, GATE_ACTOR, TLS, limit, handler, permission},
static const struct http_route routes[] = {ROUTES(ROUTE)};

struct http_room agents_room(struct agents *agents) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], agents};
}
