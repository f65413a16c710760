/* Keys in the tokens of agents: found, used, and asked for elsewhere when an agent goes. */
#include "agents/hub_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define ROOM "agents"

/* Who answered this thread last, for hub_wrong. */
static _Thread_local struct {
    uint64_t connection;
    size_t key;
} last_answer;

static void blame(struct hub_agent *agent, size_t key, const char *what) {
    struct hub *hub = agent->hub;
    pthread_mutex_lock(&hub->lock);
    bool first = key == SIZE_MAX || !key_of_agent(agent, key)->wrong;
    if (key != SIZE_MAX)
        key_of_agent(agent, key)->wrong = true;
    pthread_mutex_unlock(&hub->lock);
    if (!first)
        return;
    log_warn(ROOM, "agent \"%s\" %s; it is not asked for that key any more", agent->name, what);
    if (hub->config.blame != NULL)
        hub->config.blame(hub->config.context, agent->id, agent->name, what);
}

/* ---- the table of keys ----------------------------------------------------------------------- */

static bool remember_key(struct hub *hub, const char *uri, const struct wire_response *found,
                         size_t *ret_index, struct error *err) {
    struct arena *arena = arena_new();
    struct hub_key key = {.arena = arena, .uri = arena_strdup(arena, uri)};
    bool there = false, done = pkcs11_uri_parse(arena, view_text(key.uri), &key.parsed, err);
    key.spki = arena_copy(arena, found->found.spki.at, found->found.spki.len);
    key.type = arena_text(arena, found->found.key_type);
    pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < hub->key_count && !there; i++) {
        there = strcmp(hub->keys[i]->uri, uri) == 0 && view_equal(hub->keys[i]->spki, key.spki);
        if (there)
            *ret_index = i;
    }
    if (done && !there && hub->key_count == KEYS_MAX)
        done = fail(err, ERROR_TOO_MANY, "too-many-keys",
                    "%d keys of agents are in use; restart the gateway to forget those of old.",
                    KEYS_MAX);
    bool enters = done && !there;
    if (enters) {
        *ret_index = hub->key_count;
        hub->keys[hub->key_count] = must_alloc(sizeof key);
        *hub->keys[hub->key_count++] = key;
    }
    pthread_mutex_unlock(&hub->lock);
    if (!enters)
        arena_free(arena);
    return done;
}

void set_handle(struct hub_agent *agent, size_t key, uint64_t handle) {
    pthread_mutex_lock(&agent->hub->lock);
    key_of_agent(agent, key)->handle = handle;
    pthread_mutex_unlock(&agent->hub->lock);
}

static uint64_t get_handle(struct hub_agent *agent, size_t key) {
    pthread_mutex_lock(&agent->hub->lock);
    uint64_t handle = key_of_agent(agent, key)->handle;
    pthread_mutex_unlock(&agent->hub->lock);
    return handle;
}

/* ---- finding --------------------------------------------------------------------------------- */

static bool disagree(struct error *err) {
    return fail(err, ERROR_CONFLICT, "key-ambiguous",
                "Agents hold different keys that match the PKCS#11 URI: add serial= of the token that is "
                "meant, or remove the agent that should not have it.");
}

/* Every agent that says it has the token is asked: when nobody knows which key is meant, all must
 * have the same. */
static bool find(struct hub *hub, const struct wire_request *request, struct arena *arena,
                 const struct pkcs11_uri *uri, struct wire_response *ret_response,
                 struct error *err) {
    struct round round = {hub, request, arena, uri, .key = SIZE_MAX};
    struct wire_response response, found = {0};
    struct hub_agent *agent;
    size_t index = 0;
    const char *text = arena_text(arena, request->find.uri);
    while ((agent = next_agent(&round, found.op == 0)) != NULL) {
        struct error failure = {0};
        enum exchange_end end = exchange(&round, agent, request, &response, &failure);
        struct view known = found.op != 0 ? found.found.spki : request->find.known;
        bool same = end == EXCHANGED && (known.len == 0 || view_equal(known, response.found.spki));
        bool conflict = end == EXCHANGED && !same && request->find.known.len == 0;
        bool kept = same && remember_key(hub, text, &response, &index, err);
        if (end != EXCHANGED)
            note_failure(&round, &failure);
        if (kept) {
            set_handle(agent, index, response.found.handle);
            found = response;
        } else if (end == EXCHANGED && !same && !conflict) {
            blame(agent, SIZE_MAX, "has another key under a URI than the one that is meant");
        }
        done_with(agent);
        if (conflict)
            return disagree(err);
        if (same && !kept)
            return false;
    }
    if (found.op == 0)
        return given_up(&round, err);
    *ret_response = found;
    ret_response->found.handle = ELSEWHERE << ELSEWHERE_SHIFT | (index + 1);
    return true;
}

/* ---- handles ---------------------------------------------------------------------------------- */

static bool find_at(const struct round *round, struct hub_agent *agent, const struct hub_key *key,
                    uint64_t *ret_handle, struct error *err) {
    struct wire_request request = {.op = WIRE_FIND, .find.uri = view_text(key->uri)};
    struct wire_response response;
    if (exchange(round, agent, &request, &response, err) != EXCHANGED)
        return false;
    if (!view_equal(response.found.spki, key->spki)) {
        blame(agent, round->key, "has another key under a URI than the one that is meant");
        return fail(err, ERROR_UNAVAILABLE, "token-failed", "Agent \"%s\" has another key there.",
                    agent->name);
    }
    set_handle(agent, round->key, response.found.handle);
    *ret_handle = response.found.handle;
    return true;
}

bool handle_at(const struct round *round, struct hub_agent *agent, const struct hub_key *key, uint64_t *ret_handle,
               struct error *err) {
    *ret_handle = get_handle(agent, round->key);
    return *ret_handle != 0 || find_at(round, agent, key, ret_handle, err);
}

struct hub_key *key_by_handle(struct hub *hub, uint64_t handle, size_t *ret_index) {
    uint64_t number = handle & (((uint64_t)1 << ELSEWHERE_SHIFT) - 1);
    pthread_mutex_lock(&hub->lock);
    bool there = number > 0 && number <= hub->key_count;
    struct hub_key *key = there ? hub->keys[number - 1] : NULL;
    pthread_mutex_unlock(&hub->lock);
    if (there)
        *ret_index = (size_t)number - 1;
    return key;
}

/* ---- wrong signatures ------------------------------------------------------------------------- */

void note_answer(const struct hub_agent *agent, size_t key) {
    last_answer.connection = agent->number;
    last_answer.key = key;
}

void hub_wrong(void *context) {
    struct hub *hub = context;
    struct hub_agent *agent;
    pthread_mutex_lock(&hub->lock);
    for (agent = hub->agents; agent != NULL; agent = agent->next)
        if (agent->number == last_answer.connection)
            break;
    if (agent != NULL) {
        agent->users++;
        agent->busy++;
    }
    pthread_mutex_unlock(&hub->lock);
    if (agent == NULL)
        return;
    blame(agent, last_answer.key, "gave a signature that the public key does not verify");
    done_with(agent);
}

/* ---- who does what --------------------------------------------------------------------------- */

bool hub_call(void *context, const struct wire_request *request, struct arena *arena,
              struct wire_response *ret_response, struct error *err) {
    struct hub *hub = context;
    struct pkcs11_uri uri;
    struct error ignored;
    struct view text;
    if (err == NULL)
        err = &ignored;
    switch (request->op) {
    case WIRE_SIGN:
    case WIRE_DECRYPT: return operate(hub, request, arena, ret_response, err);
    case WIRE_TOKENS: list_all(hub, arena, ret_response); return true;
    case WIRE_FIND: text = request->find.uri; break;
    case WIRE_STORE_CERTIFICATE: text = request->store_certificate.uri; break;
    case WIRE_TOKEN: text = request->token.uri; break;
    default: return fail_internal(err, "agents are not asked for operation %u", request->op);
    }
    TRY(pkcs11_uri_parse(arena, text, &uri, err));
    return request->op == WIRE_FIND    ? find(hub, request, arena, &uri, ret_response, err)
           : request->op == WIRE_TOKEN ? serve_token(hub, request, arena, &uri, ret_response, err)
                                       : store_certificate(hub, request, arena, &uri, ret_response, err);
}
