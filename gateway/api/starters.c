/* Starters, and sets of them on a CA. */
#include "api/handlers.h"

#include "ca/templates.h"

static void write_starter(struct json_writer *w, struct arena *arena,
                          const struct template_starter *starter) {
    json_open_object(w);
    json_put_string(w, "id", starter->id);
    json_put_string(w, "name", starter->name);
    json_put_string(w, "set", starter->set);
    put_document(w, arena, "document", starter->document);
    json_close_object(w);
}

HANDLER(starters_list) {
    size_t count;
    TRY(ask_no_query(request, err));
    const struct template_starter *starters = template_starters(&count);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_starter(&w, request->arena, &starters[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

static void write_set(struct json_writer *w, const struct starter_set *set) {
    json_put_string(w, "id", set->id);
    json_put_string(w, "name", set->name);
    json_put_string(w, "description", set->description);
    json_name(w, "starters");
    json_open_array(w);
    for (size_t i = 0; i < set->count; i++)
        json_add_string(w, set->starters[i].id);
    json_close_array(w);
}

static void write_state(struct json_writer *w, const struct starter_state *state) {
    json_open_object(w);
    write_set(w, state->set);
    json_put_int(w, "made", (int64_t)state->made);
    json_put_int(w, "enabled", (int64_t)state->enabled);
    json_put_bool(w, "on", state->enabled == state->set->count);
    json_close_object(w);
}

HANDLER(starter_sets_list) {
    size_t count;
    TRY(ask_no_query(request, err));
    const struct starter_set *sets = starter_sets(&count);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        write_set(&w, &sets[i]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(starter_sets_of_ca) {
    struct starter_state *items;
    size_t count;
    TRY(ask_no_query(request, err));
    TRY(starter_states(context, request->arena, actor_of(request), request->parameters[0], &items,
                       &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_state(&w, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

static bool reply_state(struct http_request *request, struct http_response *response,
                        const struct starter_state *state) {
    struct json_writer w = json_writer_on(request->arena);
    write_state(&w, state);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(starter_sets_on) {
    struct starter_state state;
    TRY(ask_no_query(request, err));
    TRY(starter_set_on(context, request->arena, actor_of(request), request->parameters[0],
                       request->parameters[1], &state, err));
    return reply_state(request, response, &state);
}

HANDLER(starter_sets_off) {
    struct starter_state state;
    TRY(ask_no_query(request, err));
    TRY(starter_set_off(context, request->arena, actor_of(request), request->parameters[0],
                        request->parameters[1], &state, err));
    return reply_state(request, response, &state);
}
