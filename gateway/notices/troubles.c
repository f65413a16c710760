/* Tokens, agents and jobs that fail. One is told of when it has failed for some minutes, and of its end when it has been
 * well for as long: what comes and goes meanwhile is one trouble, told once. The rule remembers which are open and since
 * when; who was told of what is a mark like that of any notice. */
#include "notices/internal.h"

#include "base/clock.h"
#include "store/organisations.h"
#include "store/troubles.h"

#include <string.h>

#define MINUTES 2
#define MINUTES_MOST 60

static const char *const kinds[] = {"token", "agent", "job"};

static bool known_kind(const char *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    return false;
}

static bool ask_minutes(const struct json *rule, int64_t *ret_us, struct error *err) {
    int64_t minutes = MINUTES;
    TRY(json_int(rule, "minutes", 0, MINUTES_MOST, &minutes, err));
    *ret_us = minutes * 60 * US_PER_SECOND;
    return true;
}

bool notices_check_troubles(const struct json *rule, struct error *err) {
    const struct json *wanted = NULL;
    int64_t settle_us;
    TRY(json_array(rule, "kinds", &wanted, err) && ask_minutes(rule, &settle_us, err));
    bool ok = wanted == NULL || (wanted->count > 0 && wanted->count <= sizeof kinds / sizeof kinds[0]);
    JSON_EACH (kind, wanted)
        ok = ok && kind->type == JSON_STRING && known_kind(kind->text);
    return ok || fail(err, ERROR_POLICY, "bad-notice", "\"%.60s\": \"kinds\" are token, agent and job; without it all of them.",
                      notices_text(rule, "id"));
}

static bool concerns(const struct json *rule, const struct trouble_record *t) {
    const struct json *wanted = json_get(rule, "kinds");
    bool named = wanted == NULL;
    JSON_EACH (kind, wanted)
        named = named || strcmp(kind->text, t->kind) == 0;
    return named && known_kind(t->kind);
}

/* --- what the rule remembers: [{"node", "kind", "object", "began"}] --------------------------------------------------- */

const char *notices_troubles_place(struct arena *arena, const char *rule) {
    return arena_printf(arena, "%s/troubles", notices_position(arena, rule));
}

static bool is_of(const struct json *open, const char *name, const char *text) {
    const char *own = notices_text(open, name);
    return own != NULL && strcmp(own, text) == 0;
}

/* When the open trouble began; 0: there is none. */
static int64_t began(const struct json *all, const struct trouble_record *t) {
    struct error none = {0};
    int64_t at_us = 0;
    JSON_EACH (open, all)
        if (is_of(open, "node", t->node) && is_of(open, "kind", t->kind) && is_of(open, "object", t->object))
            return json_int(open, "began", 1, INT64_MAX, &at_us, &none) ? at_us : 0;
    return 0;
}

static void put_open(struct json_writer *w, const struct trouble_record *t, int64_t began_us) {
    json_open_object(w);
    json_put_string(w, "node", t->node);
    json_put_string(w, "kind", t->kind);
    json_put_string(w, "object", t->object);
    json_put_int(w, "began", began_us);
    json_close_object(w);
}

struct memory {
    const struct json *open; /* as it was: an array, or NULL */
    const char *text;        /* the same, or NULL */
    struct trouble_record *now;
    size_t count;
};

static bool recall(struct core *core, struct arena *arena, const struct json *rule, struct memory *ret, struct error *err) {
    struct error odd = {0};
    bool done = false;
    *ret = (struct memory){0};
    TX(tx, core_db(core), &done, err)
        tx.ok = trouble_list(tx.tx, arena, &ret->now, &ret->count, err) &&
                setting_get(tx.tx, arena, notices_troubles_place(arena, notices_text(rule, "id")), &ret->text, err);
    TRY(done);
    if (ret->text != NULL && (!json_parse(arena, view_text(ret->text), &ret->open, &odd) || ret->open->type != JSON_ARRAY))
        ret->open = NULL;
    return true;
}

/* --- telling ----------------------------------------------------------------------------------------------------------- */

static const char *sentence(struct arena *arena, const struct trouble_record *t, const char *began_at, const char *since) {
    bool job = strcmp(t->kind, "job") == 0;
    if (t->ailing)
        return job ? arena_printf(arena, "The job %s fails on %s since %s: %s", t->object, t->node, began_at, t->reason)
                   : arena_printf(arena, "%s cannot be used on %s since %s: %s", t->object, t->node, began_at, t->reason);
    return job ? arena_printf(arena, "Back again: the job %s succeeds on %s since %s (it failed since %s)", t->object, t->node,
                              since, began_at)
               : arena_printf(arena, "Back again: %s is not missed on %s any more since %s (it was since %s)", t->object,
                              t->node, since, began_at);
}

static struct notice told(struct arena *arena, const struct trouble_record *t, int64_t began_us) {
    char since[TIME_TEXT_SIZE], began_at[TIME_TEXT_SIZE];
    struct json_writer w = json_writer_on(arena);
    const char *gone = arena_printf(arena, "trouble/%s/%s/%s/%lld", t->node, t->kind, t->object, (long long)began_us);
    time_format(t->since_us / US_PER_SECOND * US_PER_SECOND, since);
    time_format(began_us / US_PER_SECOND * US_PER_SECOND, began_at);
    json_open_object(&w);
    json_put_string(&w, "kind", t->ailing ? "trouble" : "trouble.over");
    json_put_string(&w, "what", t->kind);
    json_put_string(&w, "object", t->object);
    json_put_string(&w, "node", t->node);
    json_put_time(&w, "began", began_us);
    if (t->ailing)
        json_put_string(&w, "reason", t->reason);
    else
        json_put_time(&w, "ended", t->since_us);
    json_close_object(&w);
    return (struct notice){.occasion = t->ailing ? gone : arena_printf(arena, "%s/over", gone),
                           .follows = t->ailing ? NULL : gone,
                           .text = sentence(arena, t, began_at, since),
                           .data = json_written(&w)};
}

/* Both of one moment: what is told, and what stays open: what fails, and what is well for less than the rule's time. */
bool notices_find_troubles(struct core *core, struct arena *arena, const struct json *rule, struct found *ret,
                           const char **ret_memory, struct error *err) {
    struct memory memory;
    int64_t settle_us, now_us = clock_now_us();
    TRY(ask_minutes(rule, &settle_us, err) && recall(core, arena, rule, &memory, err));
    struct json_writer w = json_writer_on(arena);
    *ret = (struct found){.notices = arena_array(arena, memory.count + 1, sizeof *ret->notices)};
    json_open_array(&w);
    for (size_t i = 0; i < memory.count; i++) {
        const struct trouble_record *t = &memory.now[i];
        int64_t began_us = began(memory.open, t);
        if (began_us == 0 && t->ailing)
            began_us = t->since_us;
        if (began_us == 0 || !concerns(rule, t))
            continue;
        bool settled = now_us - (t->ailing ? began_us : t->since_us) >= settle_us;
        if (settled)
            ret->notices[ret->count++] = told(arena, t, began_us);
        if (t->ailing || !settled)
            put_open(&w, t, began_us);
    }
    json_close_array(&w);
    *ret_memory = json_written(&w);
    if (strcmp(*ret_memory, memory.text == NULL ? "[]" : memory.text) == 0)
        *ret_memory = NULL;
    return true;
}
