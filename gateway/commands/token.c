#include "commands/app.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 600 /* for a person on the way to the token */

static bool list(struct app *app, struct error *err) {
    struct token_info *tokens;
    size_t count;
    TRY(signer_tokens(app->signer, app->arena, &tokens, &count, err));
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
    return true;
}

static bool waits(const struct token_step *steps, size_t count) {
    return count > 0 && steps[count - 1].waits;
}

/* One line for each step; false when one failed. */
static bool check(struct app *app, const char *uri, struct error *err) {
    struct token_step *steps;
    size_t count, failed = 0;
    TRY(signer_token_check(app->signer, app->arena, uri, &steps, &count, err));
    for (int seconds = 0; waits(steps, count) && seconds < WAIT_SECONDS; seconds++) {
        if (seconds == 0)
            fprintf(stderr, "%s\n", steps[count - 1].text);
        sleep(1);
        TRY(signer_token_check(app->signer, app->arena, uri, &steps, &count, err));
    }
    for (size_t i = 0; i < count; i++) {
        printf("%-8s %-8s %s\n", steps[i].done ? "ok" : steps[i].left_out ? "left out" : "PROBLEM", steps[i].name,
               steps[i].text);
        failed += !steps[i].done && !steps[i].left_out;
    }
    return failed == 0 || fail(err, ERROR_UNAVAILABLE, "token", "%zu of %zu steps failed, see above.", failed, count);
}

/* gatehouse token list | token check URI: with a signer of its own, or the one of signer-socket. */
int command_token(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    bool listing = argc >= 1 && strcmp(argv[0], "list") == 0;
    if (!listing && (argc < 2 || strcmp(argv[0], "check") != 0 || argv[1][0] == '-')) {
        fprintf(stderr, "gatehouse: usage: gatehouse token list [options] | gatehouse token check URI [options]\n");
        return 2;
    }
    int used = listing ? 1 : 2;
    bool ok = app_configure(&app, argc - used, argv + used, &err) && app_open_signer(&app, &err) &&
              (listing ? list(&app, &err) : check(&app, argv[1], &err));
    app_close(&app);
    return ok ? 0 : command_failed("token", &err);
}
