#include "rest/trial.h"

#include "base/clock.h"
#include "rest/handler.h"

struct trials trials_of(struct arena *arena) {
    return (struct trials){.w = reply_list_begin(arena)};
}

void trial_begins(struct trials *trials) {
    trials->begun_us = clock_monotonic_us();
}

void trial_ended(struct trials *trials, const char *target, bool ok, const char *says) {
    trials->tried++;
    trials->answered += ok;
    json_open_object(&trials->w);
    json_put_string(&trials->w, "target", target);
    json_put_bool(&trials->w, "ok", ok);
    json_put_string(&trials->w, "says", says);
    json_put_int(&trials->w, "milliseconds", (clock_monotonic_us() - trials->begun_us) / 1000);
    json_close_object(&trials->w);
}

void trials_reply(struct trials *trials, struct core *core, struct http_request *request, struct http_response *response,
                  struct event_note about) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_int(&w, "tried", (int64_t)trials->tried);
    json_put_int(&w, "answered", (int64_t)trials->answered);
    json_close_object(&w);
    about.code = "connection.tested";
    about.outcome = trials->answered == trials->tried ? "success" : "failure";
    about.details = json_written(&w);
    access_note_alone(core, actor_of(request), &about);
    reply_list(request, response, &trials->w, NULL);
}
