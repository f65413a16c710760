/* gatehouse config: what the options say, where from, and whether it can be. */
#include "base/buffer.h"
#include "commands/network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line for each value, as a file has it. `mask` instead of ":password". */
static const char *lines_of(struct arena *arena, const struct options *options,
                            const struct option_spec *spec, const char *mask) {
    struct buffer out = buffer_on(arena);
    const char *value = option_text(options, spec->name);
    if (spec->type == OPTION_LIST)
        for (size_t i = 0; (value = option_item(options, spec->name, i)) != NULL; i++)
            buffer_printf(&out, "%s = %s\n", spec->name, option_masked(arena, value, mask));
    else if (value != NULL)
        buffer_printf(&out, "%s = %s\n", spec->name, option_masked(arena, value, mask));
    return buffer_text(&out);
}

static bool is_default(const struct options *options, const struct option_spec *spec) {
    return strcmp(option_source(options, spec->name), "default") == 0;
}

/* --- show, export ---------------------------------------------------------------------------------- */

const char *config_shown(struct app *app) {
    struct buffer out = buffer_on(app->arena);
    for (const struct option_spec *s = app_options; s->name != NULL; s++) {
        const char *lines = lines_of(app->arena, app->options, s, ":***");
        if (*lines == '\0')
            buffer_printf(&out, "# %s is not set\n", s->name);
        else
            buffer_printf(&out, "# %s\n%s", option_source(app->options, s->name), lines);
    }
    return buffer_text(&out);
}

static bool show(struct app *app) {
    fputs(config_shown(app), stdout);
    return true;
}

static const char *exported(struct app *app, bool *ret_left_out) {
    struct buffer out = buffer_on(app->arena);
    buffer_add_text(&out, "# Gatehouse " GATEHOUSE_VERSION ": every option that is not at its default.\n");
    *ret_left_out = false;
    for (const struct option_spec *s = app_options; s->name != NULL; s++) {
        if (is_default(app->options, s) || strcmp(s->name, "config") == 0)
            continue;
        const char *lines = lines_of(app->arena, app->options, s, "");
        *ret_left_out = *ret_left_out || strstr(lines_of(app->arena, app->options, s, ":***"), ":***@") != NULL;
        buffer_add_text(&out, lines);
    }
    return buffer_text(&out);
}

/* In one step, for the owner's eyes. */
static bool write_whole(struct arena *arena, const char *path, const char *text, struct error *err) {
    const char *staged = arena_printf(arena, "%s.new", path);
    int fd = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return (ok && rename(staged, path) == 0) ||
           fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be written: %s.", path,
                strerror(errno));
}

static bool export(struct app *app, const char *path, struct error *err) {
    bool left_out;
    const char *text = exported(app, &left_out);
    if (left_out)
        fputs("gatehouse: passwords in URLs are left out; put them into files (db-password-file)\n", stderr);
    if (strcmp(path, "-") != 0)
        return write_whole(app->arena, path, text, err);
    fputs(text, stdout);
    return true;
}

/* --- check ----------------------------------------------------------------------------------------- */

static void notice(bool *ret_clean, const char *text, const char *value) {
    printf("notice   %s: %s\n", value, text);
    *ret_clean = false;
}

/* What goes into certificates stays there for years. */
static void look_at_url(struct app *app, const char *url, const char *standard, bool *clean) {
    const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/");
    const char *authority = arena_text(app->arena, view_of(host, (size_t)(end - host)));
    const char *colon = strrchr(authority, ':');
    if (authority[0] == '[' || strspn(authority, "0123456789.:") == strlen(authority))
        notice(clean, "an address goes into certificates; give a name with public-url", url);
    if (strncmp(authority, "localhost", 9) == 0)
        notice(clean, "only this machine can reach it", url);
    if (colon != NULL && strchr(colon, ']') == NULL && strcmp(colon + 1, standard) != 0)
        notice(clean, "a port of its own goes into certificates, which firewalls elsewhere may not let through",
               url);
}

static bool check(struct app *app, bool *ret_clean, struct error *err) {
    struct http_listen listens[MAX_LISTENS];
    struct trusted_proxies *proxies;
    struct app_names names;
    size_t count;
    const char *secret, *file = option_text(app->options, "db-password-file");
    *ret_clean = true;
    TRY(network_listens(app->arena, app->options, listens, &count, err));
    TRY(trusted_proxies_read(app->arena, app->options, &proxies, err));
    TRY(network_outgoing(app->arena, app->options, err));
    TRY(app_names_of(app, &names, err));
    if (file != NULL)
        TRY(read_secret(app->arena, file, &secret, err));
    if (option_text(app->options, "db") == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option", "The option db is missing: where the database is.");
    if (strstr(lines_of(app->arena, app->options, app_options, ":***"), ":***@") != NULL ||
        option_masked(app->arena, option_text(app->options, "db"), "") != option_text(app->options, "db"))
        notice(ret_clean, "the password is in the URL; db-password-file keeps it out of process lists", "db");
    look_at_url(app, names.http, "80", ret_clean);
    for (size_t i = 0; i < count; i++)
        printf("ok       listens on %s\n", listens[i].address);
    return count > 0 || fail(err, ERROR_MALFORMED, "bad-option", "There is no listener: set http, https or listen.");
}

/* --- import ---------------------------------------------------------------------------------------- */

static bool read_all(struct arena *arena, const char *path, const char **ret_text, struct error *err) {
    struct buffer out = buffer_on(arena);
    char piece[4096];
    size_t len;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "no-config", "The configuration file %.200s cannot be read: %s.", path,
                    strerror(errno));
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_add(&out, piece, len);
    fclose(file);
    *ret_text = buffer_text(&out);
    return true;
}

/* What changes, option by option; the number of lines. */
static unsigned print_difference(struct arena *arena, const struct options *before,
                                 const struct options *after) {
    unsigned changes = 0;
    for (const struct option_spec *s = app_options; s->name != NULL; s++) {
        const char *was = lines_of(arena, before, s, ":***"), *is = lines_of(arena, after, s, ":***");
        bool same = strcmp(lines_of(arena, before, s, ""), lines_of(arena, after, s, "")) == 0 &&
                    strcmp(was, is) == 0;
        if (same || strcmp(s->name, "config") == 0)
            continue;
        for (const char *at = was; *at != '\0'; at += strcspn(at, "\n") + 1, changes++)
            printf("- %.*s\n", (int)strcspn(at, "\n"), at);
        for (const char *at = is; *at != '\0'; at += strcspn(at, "\n") + 1, changes++)
            printf("+ %.*s\n", (int)strcspn(at, "\n"), at);
    }
    return changes;
}

/* The file alone, whatever the environment says. */
static bool read_file(struct arena *arena, const char *path, struct options **ret, struct error *err) {
    const char *const argv[] = {"--config", path, NULL};
    return options_read(arena, app_options, "GATEHOUSE_NOWHERE", 2, (char *const *)(uintptr_t)argv, ret, err);
}

static bool import(struct app *app, const char *path, bool dry_run, struct error *err) {
    const char *target = option_text(app->options, "config"), *text;
    struct options *before, *after;
    bool clean;
    if (target == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option", "--config must name the file that is to be replaced.");
    TRY(read_file(app->arena, path, &after, err) && read_all(app->arena, path, &text, err));
    struct app other = *app;
    other.options = after;
    TRY(check(&other, &clean, err));
    TRY(access(target, F_OK) == 0 ? read_file(app->arena, target, &before, err)
                                  : read_file(app->arena, "/dev/null", &before, err));
    if (print_difference(app->arena, before, after) == 0)
        puts("nothing changes");
    if (dry_run)
        return true;
    TRY(write_whole(app->arena, target, text, err));
    printf("written to %s; it takes effect with the next start (log-level with SIGHUP)\n", target);
    return true;
}

/* --- reference ------------------------------------------------------------------------------------- */

static bool reference(struct app *app) {
    fputs("# Configuration\n\n"
          "Made from the program's table of options by `gatehouse config reference`.\n\n"
          "A value comes from: default < file (`--config FILE`, lines `name = value`) < environment < command line "
          "(`--name value`).\nAn option that may come several times collects the values of the winning source. "
          "Secrets stand in files, which others\nmust not be able to read, or in systemd credentials "
          "(`credential:NAME`).\n\n",
          stdout);
    fputs(options_reference(app->arena, app_options, "GATEHOUSE"), stdout);
    return true;
}

static bool run(struct app *app, const char *what, const char *path, bool dry_run, struct error *err) {
    bool clean;
    if (strcmp(what, "show") == 0)
        return show(app);
    if (strcmp(what, "reference") == 0)
        return reference(app);
    if (strcmp(what, "export") == 0)
        return export(app, path == NULL ? "-" : path, err);
    if (strcmp(what, "import") == 0 && path != NULL)
        return import(app, path, dry_run, err);
    if (strcmp(what, "check") != 0)
        return fail(err, ERROR_MALFORMED, "usage",
                    "gatehouse config check | show | export [FILE] | import FILE [--dry-run] | reference, and options");
    TRY(check(app, &clean, err));
    puts(clean ? "ok       configuration" : "ok       configuration, with the notices above");
    return true;
}

int command_config(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    const char *what = argc > 0 ? argv[0] : "", *path = NULL;
    const char *rest[256];
    int count = 0;
    bool dry_run = false;
    for (int i = 1; i < argc && count < 255; i++)
        if (strcmp(argv[i], "--dry-run") == 0)
            dry_run = true;
        else if (i == 1 && strncmp(argv[i], "--", 2) != 0)
            path = argv[i];
        else
            rest[count++] = argv[i];
    rest[count] = NULL;
    bool ok = app_read_options(&app, count, (char *const *)(uintptr_t)rest, &err) &&
              run(&app, what, path, dry_run, &err);
    app_close(&app);
    return ok ? 0 : command_failed("config", &err);
}
