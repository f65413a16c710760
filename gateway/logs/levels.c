/* Levels that somebody wants for a while: a setting that every node looks at, so that it does not matter which one
 * was asked, and that nobody has to remember to take back. */
#include "logs/logs.h"

#include "base/clock.h"
#include "base/log.h"
#include "logs/handlers.h"
#include "store/organisations.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SETTING "log-levels"
#define MAX_LEVELS 500
#define LOOK_EVERY_US (2 * US_PER_SECOND)

static struct {
    pthread_mutex_t mutex;
    char configured[MAX_LEVELS + 1], wanted[MAX_LEVELS + 1]; /* wanted: "" for none */
    int64_t until_us;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .configured = "info"};

/* With the mutex held. */
static void apply(void) {
    const char *levels = state.wanted[0] != '\0' ? state.wanted : state.configured;
    if (!log_set_levels(levels))
        log_error("logs", "the levels \"%s\" cannot be read", levels);
}

void logs_configured(const char *levels) {
    pthread_mutex_lock(&state.mutex);
    snprintf(state.configured, sizeof state.configured, "%s", levels);
    apply();
    pthread_mutex_unlock(&state.mutex);
}

static void take_over(const char *wanted, int64_t until_us) {
    bool over = until_us <= clock_now_us();
    pthread_mutex_lock(&state.mutex);
    bool changed = strcmp(state.wanted, over ? "" : wanted) != 0;
    state.until_us = over ? 0 : until_us;
    if (changed) {
        snprintf(state.wanted, sizeof state.wanted, "%s", over ? "" : wanted);
        apply();
        log_info("logs", "levels: %s", state.wanted[0] != '\0' ? state.wanted : state.configured);
    }
    pthread_mutex_unlock(&state.mutex);
}

static bool look(void *context, struct arena *arena, struct error *err) {
    const char *text = NULL, *wanted = "";
    const struct json *document;
    int64_t until_us = 0;
    bool done = false;
    TX(tx, core_db(context), &done, err)
        tx.ok = setting_get(tx.tx, arena, SETTING, &text, err);
    TRY(done);
    if (text != NULL)
        TRY(json_parse(arena, view_text(text), &document, err) && json_string(document, "levels", &wanted, err) &&
            json_int(document, "untilUs", 0, INT64_MAX, &until_us, err));
    take_over(wanted, until_us);
    return true;
}

size_t logs_jobs(struct core *core, struct job *table) {
    table[0] = (struct job){.name = "log-levels", .every_us = LOOK_EVERY_US, .everywhere = true, .run = look, .context = core};
    return 1;
}

static void reply(struct http_request *request, struct http_response *response) {
    struct json_writer w = json_writer_on(request->arena);
    pthread_mutex_lock(&state.mutex);
    json_open_object(&w);
    json_put_string(&w, "levels", state.wanted[0] != '\0' ? state.wanted : state.configured);
    json_put_string(&w, "configured", state.configured);
    put_time_or_null(&w, "until", state.wanted[0] != '\0' ? state.until_us : 0);
    json_close_object(&w);
    pthread_mutex_unlock(&state.mutex);
    reply_json(response, 200, &w);
}

HANDLER(log_levels_show) {
    (void)context;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, (struct uuid){{0}}, (struct uuid){{0}}, err));
    reply(request, response);
    return true;
}

static bool check_levels(const char *levels, struct error *err) {
    return (strlen(levels) <= MAX_LEVELS && (levels[0] == '\0' || log_levels_valid(levels))) ||
           fail(err, ERROR_POLICY, "bad-setting",
                "Levels are debug, info, warn or error, or a list like info,http=warn,acme=debug of at most %d rooms; \"\" "
                "goes back to what is configured.",
                LOG_MAX_ROOMS);
}

HANDLER(log_levels_set) {
    static const char *const members[] = {"levels", "minutes", NULL};
    const struct json *document;
    const char *levels;
    int64_t minutes = 60;
    bool done = false;
    const struct actor *actor = actor_of(request);
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, (struct uuid){{0}}, (struct uuid){{0}}, err));
    TRY(ask_document(request, members, &document, err) && ask_string(document, "levels", &levels, err) &&
        json_int(document, "minutes", 1, 10080, &minutes, err) && check_levels(levels, err));
    int64_t until_us = levels[0] == '\0' ? 0 : clock_now_us() + minutes * 60 * US_PER_SECOND;
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "levels", levels);
    json_put_int(&w, "untilUs", until_us);
    json_close_object(&w);
    const char *text = json_written(&w);
    TX(tx, core_db(context), &done, err)
        tx.ok = setting_put(tx.tx, SETTING, text, err) &&
                access_note(tx.tx, actor,
                            &(struct event_note){.code = "log.levels-changed", .object_kind = "setting",
                                                 .object = SETTING, .details = text},
                            err);
    TRY(done);
    take_over(levels, until_us);
    reply(request, response);
    return true;
}
