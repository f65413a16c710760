#include "audit/audit.h"
#include "base/clock.h"
#include "base/encode.h"
#include "commands/app.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "gatehouse: usage: gatehouse audit verify [--file FILE] [--key PEM] [options]\n"
    "                  gatehouse audit export [--until TIME] [--output FILE] [options]\n"
    "                  gatehouse audit archive --until TIME --output FILE [options]\n"
    "                  gatehouse audit key [options]\n";

struct audit_arguments {
    const char *file, *key, *until, *output;
    int rest;             /* the options of every command begin here */
    char **others;
};

/* Takes our own options out; the rest is for app_configure. */
static bool take_arguments(int argc, char *const argv[], struct audit_arguments *ret) {
    ret->others = calloc((size_t)argc + 1, sizeof *ret->others);
    if (ret->others == NULL)
        return false;
    for (int i = 0; i < argc; i++) {
        const char **into = strcmp(argv[i], "--file") == 0     ? &ret->file
                            : strcmp(argv[i], "--key") == 0    ? &ret->key
                            : strcmp(argv[i], "--until") == 0  ? &ret->until
                            : strcmp(argv[i], "--output") == 0 ? &ret->output
                                                               : NULL;
        if (into == NULL)
            ret->others[ret->rest++] = argv[i];
        else if (i + 1 == argc)
            return false;
        else
            *into = argv[++i];
    }
    return true;
}

static bool read_key(struct arena *arena, const char *path, const char **ret_pem, struct error *err) {
    char *text = arena_alloc(arena, 16384);
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    *ret_pem = NULL;
    if (path == NULL)
        return true;
    if (file == NULL)
        return fail(err, ERROR_UNAVAILABLE, "no-file", "The key %.200s cannot be read.", path);
    size_t len = fread(text, 1, 16383, file);
    text[len] = '\0';
    fclose(file);
    *ret_pem = text;
    return true;
}

static bool verify(struct app *app, const struct audit_arguments *a, bool *ret_good, struct error *err) {
    struct audit_report report;
    const char *pem;
    TRY(read_key(app->arena, a->key, &pem, err));
    TRY(a->file != NULL ? audit_verify_file(a->file, stdout, pem, &report, err)
                        : audit_verify(app->core, stdout, pem, &report, err));
    printf("seals=%lld events=%lld tokens=%lld archived=%lld unsealed=%lld findings=%lld\n",
           (long long)report.seals, (long long)report.events, (long long)report.tokens,
           (long long)report.archived_seals, (long long)report.unsealed, (long long)report.wrong);
    *ret_good = report.wrong == 0;
    return true;
}

static void print_export(struct app *app, FILE *out, const struct audit_export *made) {
    fprintf(out, "seals=%lld-%lld events=%lld sha256=%s\n", (long long)made->first_seal,
            (long long)made->last_seal, (long long)made->events,
            hex_encode(app->arena, view_of(made->sha256, sizeof made->sha256)));
}

static bool export(struct app *app, const struct audit_arguments *a, int64_t until_us, struct error *err) {
    struct audit_export made;
    FILE *file = a->output == NULL ? stdout : fopen(a->output, "wx");
    if (file == NULL)
        return fail(err, ERROR_UNAVAILABLE, "write-failed", "The file %.200s cannot be made anew.",
                    a->output);
    bool ok = audit_export(app->core, file, until_us, &made, err);
    if (file != stdout)
        fclose(file);
    if (ok)
        print_export(app, file == stdout ? stderr : stdout, &made);
    return ok;
}

static bool archive(struct app *app, const struct audit_arguments *a, int64_t until_us,
                    struct error *err) {
    struct audit_export made;
    TRY(audit_archive(app->core, a->output, until_us, &made, err));
    print_export(app, stdout, &made);
    return true;
}

static bool run(struct app *app, const char *what, const struct audit_arguments *a, bool *ret_good,
                struct error *err) {
    int64_t until_us = 0;
    const char *pem;
    *ret_good = true;
    if (a->until != NULL)
        TRY(time_parse(a->until, &until_us, err));
    if (strcmp(what, "verify") == 0)
        return verify(app, a, ret_good, err);
    if (strcmp(what, "export") == 0)
        return export(app, a, until_us, err);
    if (strcmp(what, "archive") == 0)
        return archive(app, a, until_us, err);
    TRY(audit_key(app->core, app->arena, &pem, err));
    fputs(pem, stdout);
    return true;
}

int command_audit(int argc, char *const argv[]) {
    static const char *const words[] = {"verify", "export", "archive", "key"};
    struct app app = {0};
    struct error err = {0};
    struct audit_arguments a = {0};
    bool known = false, good = false;
    for (size_t i = 0; argc > 0 && i < sizeof words / sizeof words[0]; i++)
        known = known || strcmp(argv[0], words[i]) == 0;
    if (!known || !take_arguments(argc - 1, argv + 1, &a) ||
        (strcmp(argv[0], "archive") == 0 && (a.until == NULL || a.output == NULL))) {
        fputs(usage, stderr);
        free(a.others);
        return 2;
    }
    bool offline = strcmp(argv[0], "verify") == 0 && a.file != NULL;
    bool ok = app_configure(&app, a.rest, a.others, &err) && (offline || app_open_core(&app, &err)) &&
              run(&app, argv[0], &a, &good, &err);
    app_close(&app);
    free(a.others);
    return ok ? (good ? 0 : 1) : command_failed("audit", &err);
}
