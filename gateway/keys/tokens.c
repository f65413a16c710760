#include "keys/tokens.h"

#include "keys/handlers.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "ca/troubles.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 64

/* One that cannot be used. */
struct ailing {
    char name[160], reason[256];
    bool passing; /* it waits for a person, and is no worse for that */
    bool managed; /* readyz has it as its check "signer" */
};

struct token_watch {
    struct core *core;
    int64_t told_us; /* monotonic: when the notices were told; 0: not since the last change. The job's thread alone */
    pthread_mutex_t lock; /* guards what follows */
    struct ailing ailing[MOST];
    size_t count;
};

struct token_watch *token_watch_new(struct core *core) {
    struct token_watch *watch = must_alloc(sizeof *watch);
    watch->core = core;
    pthread_mutex_init(&watch->lock, NULL);
    return watch;
}

void token_watch_free(struct token_watch *watch) {
    if (watch == NULL)
        return;
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

void token_watch_list(void *context, const struct portal_put *put) {
    struct token_watch *watch = context;
    pthread_mutex_lock(&watch->lock);
    for (size_t i = 0; i < watch->count; i++)
        if (!watch->ailing[i].managed)
            put->add(put->to, watch->ailing[i].name, watch->ailing[i].reason);
    pthread_mutex_unlock(&watch->lock);
}

METRIC(usable, METRIC_GAUGE, "gatehouse_token_usable",
       "1 when the token (or, without a label, the module) can be used.", "module", "token");

/* A module that cannot be asked is a row without a label. */
static size_t sick_ones(const struct token_info *tokens, size_t count, struct ailing found[static MOST]) {
    size_t sick = 0;
    for (size_t i = 0; i < count && sick < MOST; i++) {
        const struct token_info *token = &tokens[i];
        bool well = token->problem == NULL || token->problem[0] == '\0';
        METRIC_SET(&usable, well, token->module, token->label);
        if (token->waits_for == NULL && well)
            continue;
        struct ailing *one = &found[sick++];
        if (token->label[0] == '\0')
            snprintf(one->name, sizeof one->name, "module %.100s", token->module);
        else
            snprintf(one->name, sizeof one->name, "token %.60s (%.20s)", token->label, token->serial);
        snprintf(one->reason, sizeof one->reason, "%.250s", well ? token->waits_for : token->problem);
        one->passing = well;
        one->managed = token->managed && !well;
    }
    return sick;
}

static const struct ailing *find(const struct ailing *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (!list[i].passing && strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static void note(struct token_watch *watch, struct arena *arena, const char *code, const struct ailing *one) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "node", core_node(watch->core));
    if (one->reason[0] != '\0')
        json_put_string(&w, "reason", one->reason);
    json_close_object(&w);
    access_note_alone(watch->core, &actor_system,
                      &(struct event_note){.code = code,
                                           .outcome = strcmp(code, "token.lost") == 0 ? "failure" : NULL,
                                           .object_kind = "token",
                                           .object = one->name,
                                           .details = json_written(&w)});
}

/* Those in `now` that are not in `before`. */
static void note_new(struct token_watch *watch, struct arena *arena, const char *code, const struct ailing *now,
                     size_t count, const struct ailing *before, size_t before_count) {
    for (size_t i = 0; i < count; i++)
        if (!now[i].passing && find(before, before_count, now[i].name) == NULL)
            note(watch, arena, code, &now[i]);
}

static bool same(const struct ailing *now, size_t count, const struct ailing *before, size_t before_count) {
    for (size_t i = 0; i < count; i++)
        if (!now[i].passing && find(before, before_count, now[i].name) == NULL)
            return false;
    for (size_t i = 0; i < before_count; i++)
        if (!before[i].passing && find(now, count, before[i].name) == NULL)
            return false;
    return true;
}

/* At each change, and now and then that it is so still. */
static bool tell_notices(struct token_watch *watch, struct arena *arena, const struct ailing *found, size_t count,
                         struct error *err) {
    struct trouble *troubles = arena_array(arena, MOST, sizeof *troubles);
    size_t ailing = 0;
    for (size_t i = 0; i < count; i++)
        if (!found[i].passing)
            troubles[ailing++] = (struct trouble){found[i].name, found[i].reason};
    if (watch->told_us != 0 && (ailing == 0 || clock_monotonic_us() - watch->told_us < TROUBLES_AGAIN_US))
        return true;
    TRY(troubles_are(watch->core, "token", troubles, ailing, err));
    watch->told_us = clock_monotonic_us();
    return true;
}

bool token_watch_run(void *context, struct arena *arena, struct error *err) {
    struct token_watch *watch = context;
    struct token_info *tokens = NULL;
    struct ailing *found = arena_array(arena, MOST, sizeof *found), *before = arena_array(arena, MOST, sizeof *before);
    size_t count = 0;
    TRY(signer_tokens(core_signer(watch->core), arena, &tokens, &count, err));
    count = sick_ones(tokens, count, found);
    pthread_mutex_lock(&watch->lock);
    size_t before_count = watch->count;
    memcpy(before, watch->ailing, before_count * sizeof *before);
    memcpy(watch->ailing, found, count * sizeof *found);
    watch->count = count;
    pthread_mutex_unlock(&watch->lock);
    note_new(watch, arena, "token.lost", found, count, before, before_count);
    note_new(watch, arena, "token.back", before, before_count, found, count);
    if (!same(found, count, before, before_count))
        watch->told_us = 0;
    return tell_notices(watch, arena, found, count, err);
}

/* --- log-in ---------------------------------------------------------------------------------------------- */

static bool log_in(struct core *core, struct http_request *request, const char *uri, const char *pin,
                   struct error *err) {
    struct event_note event = {.code = "token.login", .object_kind = "token", .object = uri};
    struct error why = {0};
    bool done = signer_login(core_signer(core), uri, view_text(pin == NULL ? "" : pin), &why);
    if (!done && strcmp(why.type, "token-waits") == 0) { /* nothing has come of it yet */
        *err = why;
        return false;
    }
    event.outcome = done ? "success" : "failure";
    access_note_alone(core, actor_of(request), &event);
    if (!done)
        *err = why;
    return done;
}

/* The PIN stays in the signer's locked memory; what was read here on its way is overwritten. */
HANDLER(tokens_login) {
    static const char *const members[] = {"token", "pin", NULL};
    static const struct uuid nobody;
    const struct json *document;
    const char *uri = NULL, *pin = NULL;
    bool done = actor_may(actor_of(request), MAY_MANAGE_SETTINGS, nobody, nobody, err) &&
                ask_document(request, members, &document, err) && ask_string(document, "token", &uri, err) &&
                (json_get(document, "pin") == NULL || ask_string(document, "pin", &pin, err)) &&
                log_in(context, request, uri, pin, err);
    OPENSSL_cleanse((void *)(uintptr_t)request->body.at, request->body.len);
    if (pin != NULL)
        OPENSSL_cleanse((void *)(uintptr_t)pin, strlen(pin));
    if (done)
        reply_nothing(response);
    return done;
}
