/* gatehouse node invite, gatehouse node join: one more node, from the machine of another one. Nothing of it passes
 * through the gateway that serves: the two programs speak with each other, once (node_channel.h). */
#include "base/clock.h"
#include "base/log.h"
#include "commands/node_bundle.h"
#include "commands/node_channel.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 900
#define MOST_SECONDS 86400
#define DONE "done"

struct arguments {
    const char *words[3]; /* what stands before the options */
    int word_count;
    struct node_offer offer;
    struct node_place place;
    const char *seconds;
};

static int usage(void) {
    fputs("usage: gatehouse node invite ADDRESS:PORT [--expires SECONDS] [--node-db URL] [--token-from DIR] [OPTIONS]\n"
          "           waits here, on a node, for the new machine; prints the command to type there\n"
          "       gatehouse node join ADDRESS:PORT CODE [--write-config FILE] [--token-to DIR] [OPTIONS]\n"
          "           on the empty machine: fetches token and configuration; CODE \"-\": it is typed\n"
          "OPTIONS are those of serve; given to join they win over what the other node has.\n",
          stderr);
    return 2;
}

static const char **place_of(struct arguments *a, const char *name) {
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"--expires", &a->seconds},          {"--node-db", &a->offer.db},
                 {"--token-from", &a->offer.token_from}, {"--token-to", &a->place.token_to},
                 {"--write-config", &a->place.config}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].value;
    return NULL;
}

/* The rest is the program's own. */
static bool read_arguments(struct app *app, int argc, char *const argv[], struct arguments *ret, struct error *err) {
    const char **rest = calloc((size_t)argc + 1, sizeof *rest), **value;
    int left = 0;
    *ret = (struct arguments){.seconds = NULL};
    if (rest == NULL)
        abort();
    for (int i = 0; i < argc; i++)
        if (i == ret->word_count && i < 3 && strncmp(argv[i], "--", 2) != 0)
            ret->words[ret->word_count++] = argv[i];
        else if (i + 1 < argc && (value = place_of(ret, argv[i])) != NULL)
            *value = argv[++i];
        else
            rest[left++] = argv[i];
    bool ok = app_configure(app, left, (char *const *)(uintptr_t)rest, err);
    free(rest);
    return ok;
}

/* --- invite ------------------------------------------------------------------------------------------------ */

static bool expiry(const struct arguments *a, int64_t *ret_us, struct error *err) {
    char *end = NULL;
    long seconds = a->seconds == NULL ? SECONDS : strtol(a->seconds, &end, 10);
    *ret_us = clock_monotonic_us() + seconds * US_PER_SECOND;
    return ((end == NULL || *end == '\0') && seconds >= 1 && seconds <= MOST_SECONDS) ||
           fail(err, ERROR_MALFORMED, "usage", "--expires is a number of seconds from 1 to %d.", MOST_SECONDS);
}

static void note(struct app *app, const char *peer) {
    struct core *core = core_new(&(struct core_config){.db = app->db});
    access_note_alone(core, &actor_system, &(struct event_note){.code = "node.joined", .object_kind = "node", .object = peer});
    core_free(core);
}

/* The code is spent with the first who has it, whatever becomes of the transfer. */
static bool hand_over(struct app *app, int fd, const char *code, int64_t until_us, struct view bundle, struct error *err) {
    struct node_channel *channel;
    struct view answer = {NULL, 0};
    char peer[64];
    TRY(node_accept(fd, code, until_us, &channel, peer, err));
    note(app, peer); /* first: from here on somebody else may have the token */
    bool ok = node_send(channel, bundle, err) && node_receive(channel, app->arena, 64, &answer, err);
    node_close(channel);
    TRY(ok);
    if (!view_equal(answer, view_text(DONE)))
        return fail(err, ERROR_UNAVAILABLE, "node-failed",
                    "The machine at %s got everything, but could not put it in place; it says why.", peer);
    printf("joined: %s\n", peer);
    return true;
}

static bool invite(struct app *app, const struct arguments *a, struct error *err) {
    char code[NODE_CODE_SIZE];
    struct view bundle;
    int64_t until_us;
    int fd;
    if (a->word_count != 1)
        return fail(err, ERROR_MALFORMED, "usage", "gatehouse node invite ADDRESS:PORT: where the new machine reaches this one.");
    TRY(expiry(a, &until_us, err) && app_open_database(app, err) && db_schema_check(app->db, err) &&
        node_bundle_make(app, &a->offer, &bundle, err) && node_listen(a->words[0], &fd, err));
    node_code_make(code);
    printf("On the new machine, once, within %lld seconds:\n    gatehouse node join %s %s\n",
           (long long)((until_us - clock_monotonic_us() + US_PER_SECOND - 1) / US_PER_SECOND), a->words[0], code);
    fflush(stdout);
    bool ok = hand_over(app, fd, code, until_us, bundle, err);
    close(fd);
    return ok;
}

/* --- join -------------------------------------------------------------------------------------------------- */

static bool read_code(const struct arguments *a, char typed[static NODE_CODE_SIZE * 2], const char **ret) {
    *ret = a->words[1];
    if (strcmp(a->words[1], "-") != 0)
        return true;
    fputs("Code: ", stderr);
    *ret = typed;
    if (fgets(typed, NODE_CODE_SIZE * 2, stdin) == NULL)
        return false;
    typed[strcspn(typed, "\r\n")] = '\0';
    return true;
}

static bool fetch(struct app *app, const struct arguments *a, const struct node_place *place, struct error *err) {
    char typed[NODE_CODE_SIZE * 2] = "";
    const char *code, *notes = "";
    struct node_channel *channel;
    struct view bundle;
    if (!read_code(a, typed, &code))
        return fail(err, ERROR_MALFORMED, "bad-code", "No code was typed.");
    TRY(node_call(a->words[0], code, &channel, err));
    struct error ignored = {0};
    bool ok = node_receive(channel, app->arena, NODE_BUNDLE_MOST, &bundle, err) &&
              node_bundle_put(app, place, bundle, &notes, err);
    if (!node_send(channel, view_text(ok ? DONE : err->type), &ignored))
        log_failure(LOG_WARN, "node", "the other node was not told", &ignored);
    node_close(channel);
    fputs(notes, stdout);
    return ok;
}

/* With nothing but what was written. */
static bool look(const char *config) {
    const char *const argv[] = {"--config", config, NULL};
    struct app app = {0};
    struct error err = {0};
    bool ok = app_configure(&app, 2, (char *const *)(uintptr_t)argv, &err) ? check_everything(&app)
                                                                          : command_failed("node", &err) == 0;
    app_close(&app);
    return ok;
}

static bool join(struct app *app, const struct arguments *a, struct error *err) {
    struct node_place place = a->place;
    if (a->word_count != 2)
        return fail(err, ERROR_MALFORMED, "usage", "gatehouse node join ADDRESS:PORT CODE, as the other node printed it.");
    if (option_text(app->options, "config") != NULL)
        return fail(err, ERROR_MALFORMED, "usage", "The configuration is written, not read: name its file with --write-config.");
    if (place.config == NULL)
        place.config = arena_printf(app->arena, "%s/gatehouse.conf", app->data);
    TRY(node_place_is_empty(app, &place, err) && fetch(app, a, &place, err));
    bool good = look(place.config);
    printf("%s: gatehouse serve --config %s\n", good ? "ready" : "in place; see to the problems above, then", place.config);
    return true;
}

int command_node(int argc, char *const argv[]) {
    struct app app = {0};
    struct arguments arguments;
    struct error err = {0};
    bool inviting = argc > 0 && strcmp(argv[0], "invite") == 0;
    if (!inviting && (argc < 1 || strcmp(argv[0], "join") != 0))
        return usage();
    signal(SIGPIPE, SIG_IGN);
    bool ok = read_arguments(&app, argc - 1, argv + 1, &arguments, &err) &&
              (inviting ? invite(&app, &arguments, &err) : join(&app, &arguments, &err));
    if (app.arena != NULL)
        app_close(&app);
    return ok ? 0 : command_failed("node", &err);
}
