/* gatehouse kek: the key-encryption keys. Rotation goes over the REST API; splitting and joining concern the token of this
 * machine, and are the signer's work. */
#include "commands/app.h"

#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_FILES 64
#define MOST_ARGUMENTS 128
#define ID_MAX 160

extern char **environ;

/* What is another name for a command of ctl. */
static const struct {
    const char *name, *command;
} remote[] = {{"status", "get-kek"},
              {"rotate", "rotate-kek"},
              {"cancel", "cancel-kek-rotation"},
              {"remove", "remove-kek"},
              {"forget-node", "forget-kek-node"}};

static int usage(void) {
    fputs("usage: gatehouse kek status                      the keys, the nodes that hold them, the rotation\n"
          "       gatehouse kek rotate [--kek ID]           wrap every key anew, by a new one or by that one\n"
          "       gatehouse kek cancel                      give up a rotation that waits for nodes\n"
          "       gatehouse kek remove ID                   one that wraps nothing, for good\n"
          "       gatehouse kek forget-node --name NAME     nobody waits for it any more\n"
          "       gatehouse kek split K/N [DIR] [OPTIONS]   make one whose N shares restore it, K of them\n"
          "       gatehouse kek join FILE... [OPTIONS]      put the one of these shares into this machine's token\n"
          "The first five ask the instance, as \"gatehouse ctl\" does; the others take the options of serve.\n",
          stderr);
    return 2;
}

/* --- the signer's work ----------------------------------------------------------------------------------- */

/* Runs the signer with more arguments; its standard output is the id of the key. */
static bool run_signer(struct app *app, const char *const *more, char ret_id[static ID_MAX], struct error *err) {
    const char *list[MOST_ARGUMENTS] = {app->signer_program};
    size_t count = 1;
    int ends[2], status = -1;
    posix_spawn_file_actions_t actions;
    pid_t pid;
    for (size_t i = 0; app->signer_arguments[i] != NULL && count < MOST_ARGUMENTS - 1; i++)
        list[count++] = app->signer_arguments[i];
    for (size_t i = 0; more[i] != NULL && count < MOST_ARGUMENTS - 1; i++)
        list[count++] = more[i];
    if (pipe(ends) != 0)
        return fail_internal(err, "pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int rc = posix_spawn(&pid, app->signer_program, &actions, NULL, (char *const *)(uintptr_t)list, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "re");
    if (rc == 0 && out != NULL && fgets(ret_id, ID_MAX, out) != NULL)
        ret_id[strcspn(ret_id, "\n")] = '\0';
    if (out != NULL)
        fclose(out);
    if (rc == 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return true;
    return rc == 0 ? fail(err, ERROR_CONFLICT, "signer-failed", "gatehouse-signer did not do it; it has said why.")
                   : fail(err, ERROR_UNAVAILABLE, "signer-unavailable", "%.200s cannot be started: %s.",
                          app->signer_program, strerror(rc));
}

/* The instance learns of it; without a database (a machine that is still being set up) the log does. */
static void note(struct app *app, const char *code, const char *id, const char *shares) {
    struct error err = {0};
    struct json_writer w = json_writer_on(app->arena);
    json_open_object(&w);
    if (shares != NULL)
        json_put_string(&w, "shares", shares);
    json_close_object(&w);
    if (!app_open_database(app, &err)) {
        log_failure(LOG_WARN, "kek", "the event was not written", &err);
        return;
    }
    struct core *core = core_new(&(struct core_config){.db = app->db});
    access_note_alone(core, &actor_system,
                      &(struct event_note){
                          .code = code, .object_kind = "kek", .object = id, .details = json_written(&w)});
    core_free(core);
}

/* What is no option comes first. */
static int take_names(int argc, char *const argv[], const char *names[MOST_FILES + 1], struct error *err) {
    int count = 0;
    while (count < argc && strncmp(argv[count], "--", 2) != 0 && count < MOST_FILES) {
        names[count] = argv[count];
        count++;
    }
    names[count] = NULL;
    return count > 0 ? count : (fail(err, ERROR_MALFORMED, "usage", "K/N, or the files of the shares, are missing."), 0);
}

static bool local(struct app *app, bool split, int argc, char *const argv[], struct error *err) {
    const char *names[MOST_FILES + 1], *more[2 * MOST_FILES + 1] = {NULL};
    char id[ID_MAX] = "";
    size_t count = 0;
    int taken = take_names(argc, argv, names, err);
    if (taken == 0)
        return false;
    if (split && taken > 2)
        return fail(err, ERROR_MALFORMED, "usage", "gatehouse kek split takes K/N and one folder.");
    TRY(app_configure(app, argc - taken, argv + taken, err));
    if (option_text(app->options, "signer-socket") != NULL)
        return fail(err, ERROR_CONFLICT, "usage",
                    "The signer runs by itself: use gatehouse-signer --split-kek or --share with its own options.");
    for (int i = 0; i < taken; i++) {
        more[count++] = !split ? "--share" : i == 0 ? "--split-kek" : "--share-dir";
        more[count++] = names[i];
    }
    TRY(run_signer(app, more, id, err));
    printf("%s\n", id);
    note(app, split ? "kek.split" : "kek.joined", id, split ? names[0] : NULL);
    return true;
}

int command_kek(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    for (size_t i = 0; argc > 0 && i < sizeof remote / sizeof remote[0]; i++)
        if (strcmp(argv[0], remote[i].name) == 0) {
            char *list[MOST_ARGUMENTS] = {(char *)(uintptr_t)remote[i].command};
            int count = 1;
            while (count < argc && count < MOST_ARGUMENTS - 1) {
                list[count] = argv[count];
                count++;
            }
            return command_ctl(count, list);
        }
    if (argc < 1 || (strcmp(argv[0], "split") != 0 && strcmp(argv[0], "join") != 0))
        return usage();
    bool done = local(&app, strcmp(argv[0], "split") == 0, argc - 1, argv + 1, &err);
    int status = done ? 0 : command_failed("kek", &err);
    if (app.arena != NULL)
        app_close(&app);
    return status;
}
