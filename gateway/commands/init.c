#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/access.h"
#include "ca/own_tls.h"
#include "commands/app.h"
#include "store/organisations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADMINISTRATOR "admin"

/* Writes a file that only its owner reads; what is there is replaced in one step. */
static bool write_secret(struct arena *arena, const char *path, const char *text, struct error *err) {
    const char *temporary = arena_printf(arena, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (ok && rename(temporary, path) == 0)
        return true;
    return fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be written: %s.", path,
                strerror(errno));
}

/* The managed token's PIN: random, made once. A file that was given is only read, by the signer. */
static bool ensure_pin(struct app *app, struct error *err) {
    const char *path = arena_printf(app->arena, "%s/token.pin", app->data);
    const char *token_dir = arena_printf(app->arena, "%s/token", app->data);
    uint8_t bytes[24];
    if (mkdir(token_dir, 0700) != 0 && errno != EEXIST)
        return fail(err, ERROR_UNAVAILABLE, "data-directory", "%.200s cannot be made: %s.", token_dir,
                    strerror(errno));
    if (option_text(app->options, "managed-pin-file") != NULL || access(path, F_OK) == 0)
        return true;
    random_bytes(bytes, sizeof bytes);
    const char *pin = base64url_encode(app->arena, view_of(bytes, sizeof bytes));
    return write_secret(app->arena, path, arena_printf(app->arena, "%s\n", pin), err);
}

static bool run_signer_init(struct app *app, struct error *err) {
    size_t count = 0;
    while (app->signer_arguments[count] != NULL)
        count++;
    const char **argv = arena_array(app->arena, count + 3, sizeof *argv);
    argv[0] = app->signer_program;
    memcpy(argv + 1, app->signer_arguments, count * sizeof *argv);
    argv[count + 1] = "--init";
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        execv(app->signer_program, (char *const *)(uintptr_t)argv);
        fprintf(stderr, "gatehouse: %s cannot be started: %s\n", app->signer_program, strerror(errno));
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return fail_internal(err, "the signer cannot be started");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(err, ERROR_UNAVAILABLE, "signer-init",
                    "The managed token \"%.60s\" cannot be initialised; the signer says why above.",
                    option_text(app->options, "managed-token"));
    return true;
}

static bool ensure_organisation(struct app *app, struct error *err) {
    struct organisation organisation = {.id = uuid_new(), .slug = "default", .name = "Default organisation"};
    bool done = false;
    organisation.created_us = clock_now_us();
    TX(tx, app->db, &done, err) {
        struct organisation present;
        struct error missing = {0};
        tx.ok = organisation_by_slug(tx.tx, app->arena, "default", &present, &missing);
        if (!tx.ok && missing.kind == ERROR_NOT_FOUND)
            tx.ok = organisation_insert(tx.tx, &organisation, err);
        else if (!tx.ok)
            *err = missing;
    }
    return done;
}

static bool put_url(struct tx *tx, struct arena *arena, const char *name, const char *url,
                    struct error *err) {
    const char *old = NULL;
    TRY(setting_get(tx, arena, name, &old, err));
    if (old != NULL && strcmp(old, url) == 0)
        return true;
    if (old != NULL)
        log_warn("init", "%s was %s and is %s from now on; certificates keep the old one", name, old, url);
    struct event_note note = {.code = "settings.changed", .object_kind = "setting", .object = name};
    return setting_put(tx, name, url, err) && access_note(tx, &actor_system, &note, err);
}

static bool store_urls(struct app *app, const struct app_names *names, struct error *err) {
    bool done = false;
    TX(tx, app->db, &done, err)
        tx.ok = put_url(tx.tx, app->arena, "public-http", names->http, err) &&
                put_url(tx.tx, app->arena, "public-https", names->https, err);
    return done;
}

/* The first administrator: made when there is no user. When an earlier init made it but never got to
 * write the file, it gets a new password. */
static bool first_administrator(struct app *app, bool file_missing, const char **ret_password,
                                const char **ret_token, struct error *err) {
    static const struct grant everything = {.role = ROLE_ADMINISTRATOR, .scope = ROLE_SCOPE_INSTANCE};
    static const struct token_order token_order = {.label = "first administrator"};
    struct user_order order = {.username = ADMINISTRATOR, .grants = &everything, .grant_count = 1};
    struct user user = {0};
    struct api_token token;
    struct actor actor = actor_system;
    int64_t count = 0;
    bool done = false;
    TX(tx, app->db, &done, err)
        tx.ok = user_count(tx.tx, &count, err) &&
                (count == 0 || user_by_name(tx.tx, app->arena, ADMINISTRATOR, &user, NULL) || true);
    TRY(done);
    if (count == 0)
        TRY(access_user_create(app->core, app->arena, &actor_system, &order, &user, ret_password, err));
    else if (file_missing && !uuid_is_nil(user.id) && user.last_login_us == 0)
        TRY(access_user_reset(app->core, app->arena, &actor_system, ADMINISTRATOR, ret_password, err));
    else
        return true;
    actor.user_id = user.id;
    return access_token_create(app->core, app->arena, &actor, &token_order, ret_token, &token, err);
}

static bool announce(struct app *app, const struct app_names *names, const char *password,
                     const char *token, struct error *err) {
    const char *path = option_text(app->options, "first-login");
    if (password == NULL) {
        printf("already initialised: %s/\n", names->https);
        return true;
    }
    const char *text = arena_printf(app->arena, "console=%s/\npublic=%s\nuser=%s\npassword=%s\ntoken=%s\n",
                                    names->https, names->http, ADMINISTRATOR, password, token);
    if (path != NULL)
        TRY(write_secret(app->arena, path, text, err));
    else
        fputs(text, stdout);
    return true;
}

static bool initialise(struct app *app, struct error *err) {
    struct app_names names;
    const char *password = NULL, *token = NULL;
    const char *login = option_text(app->options, "first-login");
    TRY(app_names_of(app, &names, err));
    if (option_text(app->options, "signer-socket") == NULL)
        TRY(ensure_pin(app, err) && run_signer_init(app, err));
    TRY(app_open_database(app, err));
    TRY(db_migrate(app->db, err));
    TRY(app_open_core(app, err));
    TRY(ensure_organisation(app, err));
    TRY(store_urls(app, &names, err));
    TRY(own_tls_ensure(app->core, app->arena, names.names, names.count, err));
    bool file_missing = login != NULL && access(login, F_OK) != 0;
    TRY(first_administrator(app, file_missing, &password, &token, err));
    return announce(app, &names, password, token, err);
}

int command_init(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    bool ok = app_configure(&app, argc, argv, &err) && initialise(&app, &err);
    app_close(&app);
    return ok ? 0 : command_failed("init", &err);
}
