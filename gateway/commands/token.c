#include "commands/app.h"

#include "commands/instance.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 600 /* for a person on the way to the token */

struct token_command {
    struct arena *arena;
    struct app app;
    struct instance instance;
    bool of_instance; /* it is asked; else a signer of our own */
};

static const char *text_in(const struct json *object, const char *name) {
    const struct json *value = json_get(object, name);
    return value == NULL || value->type != JSON_STRING ? NULL : value->text;
}

static bool is_true(const struct json *object, const char *name) {
    const struct json *value = json_get(object, name);
    return value != NULL && value->type == JSON_BOOL && value->boolean;
}

static const char *or_empty(const char *text) {
    return text == NULL ? "" : text;
}

/* ---- list ------------------------------------------------------------------------------------- */

static void show(const struct token_info *tokens, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct token_info *token = &tokens[i];
        printf("%s\n    module %s, %s %s%s%s\n", token->uri[0] == '\0' ? "(no token)" : token->uri, token->module,
               token->manufacturer, token->model, token->managed ? ", the managed token" : "",
               token->logged_in ? ", logged in" : "");
        if (token->waits_for != NULL)
            printf("    WAITS    %s\n", token->waits_for);
        else if (token->problem != NULL)
            printf("    PROBLEM  %s\n", token->problem);
    }
}

/* With those of agents. */
static bool tokens_of_instance(struct token_command *c, struct token_info **ret_tokens, size_t *ret_count,
                               struct error *err) {
    const struct json *items;
    size_t count = 0;
    TRY(instance_list(c->arena, &c->instance, "GET", "/tokens", NULL, &items, err));
    struct token_info *tokens = arena_array(c->arena, items->count + 1u, sizeof *tokens);
    JSON_EACH (item, items)
        tokens[count++] = (struct token_info){.module = or_empty(text_in(item, "module")),
                                              .manufacturer = or_empty(text_in(item, "manufacturer")),
                                              .model = or_empty(text_in(item, "model")),
                                              .uri = or_empty(text_in(item, "id")),
                                              .managed = is_true(item, "managed"),
                                              .logged_in = is_true(item, "loggedIn"),
                                              .problem = text_in(item, "problem"),
                                              .waits_for = text_in(item, "waitsFor")};
    *ret_tokens = tokens;
    *ret_count = count;
    return true;
}

static bool list(struct token_command *c, struct error *err) {
    struct token_info *tokens = NULL;
    size_t count = 0;
    TRY(c->of_instance ? tokens_of_instance(c, &tokens, &count, err)
                       : signer_tokens(c->app.signer, c->arena, &tokens, &count, err));
    show(tokens, count);
    return true;
}

/* ---- check ------------------------------------------------------------------------------------ */

static bool steps_of_instance(struct token_command *c, const char *uri, struct token_step **ret_steps, size_t *ret_count,
                              struct error *err) {
    struct json_writer w = json_writer_on(c->arena);
    const struct json *items;
    size_t count = 0;
    json_open_object(&w);
    json_put_string(&w, "uri", uri);
    json_close_object(&w);
    TRY(instance_list(c->arena, &c->instance, "POST", "/tokens/check", json_written(&w), &items, err));
    struct token_step *steps = arena_array(c->arena, items->count + 1u, sizeof *steps);
    JSON_EACH (item, items) {
        const char *outcome = or_empty(text_in(item, "outcome"));
        steps[count++] = (struct token_step){or_empty(text_in(item, "step")), or_empty(text_in(item, "text")),
                                             strcmp(outcome, "done") == 0, strcmp(outcome, "left-out") == 0,
                                             strcmp(outcome, "waits") == 0};
    }
    *ret_steps = steps;
    *ret_count = count;
    return true;
}

static bool take_steps(struct token_command *c, const char *uri, struct token_step **ret_steps, size_t *ret_count,
                       struct error *err) {
    return c->of_instance ? steps_of_instance(c, uri, ret_steps, ret_count, err)
                          : signer_token_check(c->app.signer, c->arena, uri, ret_steps, ret_count, err);
}

static bool waits(const struct token_step *steps, size_t count) {
    return count > 0 && steps[count - 1].waits;
}

/* One line for each step; false when one failed. */
static bool check(struct token_command *c, const char *uri, struct error *err) {
    struct token_step *steps = NULL;
    size_t count = 0, failed = 0;
    TRY(take_steps(c, uri, &steps, &count, err));
    for (int seconds = 0; waits(steps, count) && seconds < WAIT_SECONDS; seconds++) {
        if (seconds == 0)
            fprintf(stderr, "%s\n", steps[count - 1].text);
        sleep(1);
        TRY(take_steps(c, uri, &steps, &count, err));
    }
    for (size_t i = 0; i < count; i++) {
        printf("%-8s %-8s %s\n", steps[i].done ? "ok" : steps[i].left_out ? "left out" : "PROBLEM", steps[i].name,
               steps[i].text);
        failed += !steps[i].done && !steps[i].left_out;
    }
    return failed == 0 || fail(err, ERROR_UNAVAILABLE, "token", "%zu of %zu steps failed, see above.", failed, count);
}

/* Whose tokens are meant is said by the options: the instance's, or those that serve takes. */
static bool open_tokens(struct token_command *c, int argc, char *const argv[], struct error *err) {
    TRY(instance_named(c->arena, argc, argv, &c->instance, &c->of_instance, err));
    return c->of_instance || (app_configure(&c->app, argc, argv, err) && app_open_signer(&c->app, err));
}

/* gatehouse token list | token check URI: the running instance's, with those of agents, or with a signer of its own. */
int command_token(int argc, char *const argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct token_command c = {.arena = arena};
    struct error err = {0};
    bool listing = argc >= 1 && strcmp(argv[0], "list") == 0;
    if (!listing && (argc < 2 || strcmp(argv[0], "check") != 0 || argv[1][0] == '-')) {
        fprintf(stderr, "gatehouse: usage: gatehouse token list [options] | gatehouse token check URI [options]\n"
                        "with --url (GATEHOUSE_URL) and --token-file: the tokens of the instance and of its agents; with "
                        "options of serve: those of the modules they name\n");
        return 2;
    }
    int used = listing ? 1 : 2;
    bool ok = open_tokens(&c, argc - used, argv + used, &err) && (listing ? list(&c, &err) : check(&c, argv[1], &err));
    app_close(&c.app);
    return ok ? 0 : command_failed("token", &err);
}
