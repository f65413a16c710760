/* gatehouse log: the levels of an instance that runs, and its lines as they come; over the REST API. */
#include "commands/app.h"

#include "commands/instance.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_ARGUMENTS 16

/* `level` and `level LEVELS ...` are commands of ctl. */
static int levels(int argc, char *const argv[]) {
    char *const show[] = {(char *)(uintptr_t)"show-log-levels"};
    char *set[MAX_ARGUMENTS + 3] = {(char *)(uintptr_t)"set-log-levels"};
    bool sets = argc > 1 && strncmp(argv[1], "--", 2) != 0;
    int count = 1;
    if (sets) {
        set[count++] = (char *)(uintptr_t)"--levels";
        set[count++] = argv[1];
    }
    for (int i = sets ? 2 : 1; i < argc && i < MAX_ARGUMENTS; i++)
        set[count++] = argv[i];
    if (!sets)
        set[0] = show[0];
    return command_ctl(count, set);
}

static bool ask(struct arena *arena, const struct instance *instance, int64_t after, int wait, const struct json **ret,
                struct error *err) {
    const char *path = arena_printf(arena, "/log/lines?after=%lld&wait=%d", (long long)after, wait);
    struct fetch_reply reply;
    TRY(instance_ask(arena, instance, "GET", path, NULL, &reply, err));
    return reply.status == 200 ? json_parse(arena, reply.body, ret, err) : instance_refused(arena, &reply, err);
}

/* True while there is somebody to show lines to. */
static bool show(const struct json *answer, int64_t *after, struct error *err) {
    JSON_EACH (item, json_get(answer, "items")) {
        const char *line = "";
        TRY(json_string(item, "line", &line, err));
        if (puts(line) < 0)
            return fail(err, ERROR_UNAVAILABLE, "cannot-write", "The lines cannot be written.");
    }
    fflush(stdout);
    return json_int(answer, "next", 0, INT64_MAX, after, err);
}

static bool tail(struct error *err) {
    SCOPED_ARENA struct arena *own = arena_new();
    struct instance instance = instance_of_environment();
    char node[64] = "";
    int64_t after = 0;
    TRY(instance_ready(own, &instance, err));
    for (bool first = true;; first = false) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *answer;
        const char *from = "";
        TRY(ask(arena, &instance, after, first ? 0 : 20, &answer, err));
        TRY(json_string(answer, "node", &from, err));
        if (strcmp(from, node) != 0) { /* a restart, or another node behind the proxy: its lines from the start */
            snprintf(node, sizeof node, "%s", from);
            if (!first) {
                after = 0;
                continue;
            }
        }
        TRY(show(answer, &after, err));
    }
}

int command_log(int argc, char *const argv[]) {
    struct error err = {0};
    if (argc > 0 && strcmp(argv[0], "level") == 0)
        return levels(argc, argv);
    bool ok = argc == 1 && strcmp(argv[0], "tail") == 0
                  ? tail(&err)
                  : fail(&err, ERROR_MALFORMED, "usage", "gatehouse log level [LEVELS [--minutes N]] | gatehouse log tail");
    return ok ? 0 : command_failed("log", &err);
}
