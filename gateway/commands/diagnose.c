/* gatehouse diagnose: a ZIP of what whoever helps needs to know. Nothing that is collected should hold a secret;
 * whatever secrets this machine knows are looked for in it all the same, and taken out. */
#include "rest/zip.h"
#include "base/clock.h"
#include "commands/network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LOG_BYTES (512 * 1024) /* the end of the log is what matters */
#define MAX_SECRETS 64
#define LEAST_SECRET 6 /* shorter ones would take ordinary words out, and are no secrets */

struct bundle {
    struct app *app;
    struct zip zip;
    const char *secrets[MAX_SECRETS];
    size_t secret_count;
};

/* --- the secrets that must not be in it -------------------------------------------------------------- */

static void add_secret(struct bundle *b, const char *text, size_t len) {
    if (len >= LEAST_SECRET && b->secret_count < MAX_SECRETS)
        b->secrets[b->secret_count++] = arena_text(b->app->arena, view_of(text, len));
}

/* The last `most` bytes of a file; NULL when it cannot be read. */
static const char *end_of(struct arena *arena, const char *path, off_t most) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &status) == 0) {
        /* What /proc has is of no size. */
        off_t size = status.st_size > 0 && status.st_size < most ? status.st_size : most;
        text = arena_alloc(arena, (size_t)size + 1);
        ssize_t got = pread(fd, text, (size_t)size, status.st_size > most ? status.st_size - most : 0);
        text[got < 0 ? 0 : got] = '\0';
    }
    if (fd >= 0)
        close(fd);
    return text;
}

/* Each line, or what comes after its first "=": PIN files and first-login.txt. */
static void add_secrets_of(struct bundle *b, const char *path) {
    const char *at = path == NULL ? NULL : end_of(b->app->arena, path, 4096);
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, "\r\n");
        const char *equals = memchr(at, '=', len);
        bool named = equals != NULL && (strncmp(at, "password", 8) == 0 || strncmp(at, "token", 5) == 0);
        if (named)
            add_secret(b, equals + 1, (size_t)(at + len - equals - 1));
        else if (strncmp(at, "user=", 5) != 0 && strncmp(at, "console=", 8) != 0 && strncmp(at, "public=", 7) != 0)
            add_secret(b, at, len);
        at += len + strspn(at + len, "\r\n");
    }
}

static void add_secret_of_url(struct bundle *b, const char *url) {
    const char *start = url == NULL ? NULL : strstr(url, "://"), *at = start == NULL ? NULL : strrchr(start, '@');
    const char *colon = at == NULL ? NULL : memchr(start + 3, ':', (size_t)(at - start - 3));
    if (colon != NULL)
        add_secret(b, colon + 1, (size_t)(at - colon - 1));
}

static void find_secrets(struct bundle *b) {
    static const char *const files[] = {"db-password-file", "outgoing-proxy-password-file", "mail-password-file",
                                        "managed-pin-file", "first-login"};
    const struct options *o = b->app->options;
    struct error ignored;
    const char *secret, *item;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *from = option_text(o, files[i]);
        add_secrets_of(b, from);
        if (from != NULL && read_secret(b->app->arena, from, &secret, &ignored))
            add_secret(b, secret, strlen(secret)); /* systemd's credential */
    }
    for (size_t i = 0; (item = option_item(o, "pin", i)) != NULL; i++)
        add_secrets_of(b, strchr(item, '=') == NULL ? NULL : strchr(item, '=') + 1);
    add_secrets_of(b, arena_printf(b->app->arena, "%s/token.pin", b->app->data));
    add_secrets_of(b, arena_printf(b->app->arena, "%s/token.pin.so", b->app->data));
    add_secrets_of(b, arena_printf(b->app->arena, "%s/first-login.txt", b->app->data));
    add_secret_of_url(b, option_text(o, "db"));
    add_secret_of_url(b, option_text(o, "outgoing-proxy"));
    add_secret_of_url(b, option_text(o, "mail-server"));
}

static const char *without(struct arena *arena, const char *text, const char *secret) {
    struct buffer out = buffer_on(arena);
    const char *found;
    if (strstr(text, secret) == NULL)
        return text;
    for (; (found = strstr(text, secret)) != NULL; text = found + strlen(secret))
        buffer_printf(&out, "%.*s[removed]", (int)(found - text), text);
    buffer_add_text(&out, text);
    return buffer_text(&out);
}

/* API tokens of others, which nobody could have listed: "gh_" and the secret behind it. */
static const char *without_tokens(struct arena *arena, const char *text) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct buffer out = buffer_on(arena);
    const char *found;
    while ((found = strstr(text, "gh_")) != NULL) {
        size_t len = 3 + strspn(found + 3, alphabet);
        buffer_printf(&out, "%.*s%s", (int)(found - text), text, len >= 3 + 16 ? "[removed]" : "gh_");
        text = found + (len >= 3 + 16 ? len : 3);
    }
    buffer_add_text(&out, text);
    return buffer_text(&out);
}

static void add(struct bundle *b, const char *name, const char *text) {
    for (size_t i = 0; i < b->secret_count; i++)
        text = without(b->app->arena, text, b->secrets[i]);
    zip_add(&b->zip, name, view_text(without_tokens(b->app->arena, text)));
}

/* --- what is in it ----------------------------------------------------------------------------------- */

static void add_system(struct bundle *b) {
    struct buffer out = buffer_on(b->app->arena);
    struct utsname name;
    struct statvfs disk;
    char now[TIME_TEXT_SIZE];
    static const char *const files[] = {"/etc/os-release", "/proc/loadavg", "/proc/meminfo", "/proc/self/limits"};
    time_format(clock_now_us(), now);
    buffer_printf(&out, "gatehouse %s\n%s\ntime %s\n", GATEHOUSE_VERSION, OpenSSL_version(OPENSSL_VERSION), now);
    if (uname(&name) == 0)
        buffer_printf(&out, "%s %s %s, %ld processors\n", name.sysname, name.release, name.machine,
                      sysconf(_SC_NPROCESSORS_ONLN));
    if (statvfs(b->app->data, &disk) == 0)
        buffer_printf(&out, "disk of the data directory: %llu MiB free\n",
                      (unsigned long long)disk.f_bavail * disk.f_frsize >> 20);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *text = end_of(b->app->arena, files[i], 8192);
        buffer_printf(&out, "\n--- %s\n%s", files[i], text == NULL ? "not readable\n" : text);
    }
    add(b, "system.txt", buffer_text(&out));
}

/* Names, owners and modes: what is wrong with a token is often one of them. No content. */
static void add_files(struct bundle *b) {
    struct buffer out = buffer_on(b->app->arena);
    DIR *directory = opendir(b->app->data);
    struct dirent *entry;
    struct stat status;
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            buffer_printf(&out, "%06o %u:%u %10lld %s\n", (unsigned)status.st_mode, status.st_uid, status.st_gid,
                          (long long)status.st_size, entry->d_name);
    if (directory != NULL)
        closedir(directory);
    add(b, "data-directory.txt", buffer_text(&out));
}

/* `gatehouse check`, as it prints. */
static bool add_check(struct bundle *b, struct error *err) {
    int file = memfd_create("check", MFD_CLOEXEC), old;
    fflush(stdout);
    old = dup(STDOUT_FILENO);
    if (file < 0 || old < 0 || dup2(file, STDOUT_FILENO) < 0) {
        close(file);
        close(old);
        return fail_internal(err, "a file in memory: %s", strerror(errno));
    }
    bool ok = check_everything(b->app);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    const char *text = end_of(b->app->arena, arena_printf(b->app->arena, "/proc/self/fd/%d", file), LOG_BYTES);
    add(b, "check.txt", arena_printf(b->app->arena, "%s\nexit status %d\n", text == NULL ? "" : text, ok ? 0 : 1));
    close(file);
    close(old);
    return true;
}

static void add_schema(struct bundle *b) {
    struct buffer out = buffer_on(b->app->arena);
    struct migration_step *steps = NULL;
    size_t count = 0;
    struct error err = {0};
    if (b->app->db == NULL)
        buffer_add_text(&out, "no database, see check.txt\n");
    else if (!db_migrate_plan(b->app->db, b->app->arena, &steps, &count, &err))
        buffer_printf(&out, "%s (%s)\n", err.message, err.detail);
    else
        buffer_printf(&out, "statements that gatehouse migrate would run: %zu\n", count);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&out, "%s, statement %zu of %zu\n", steps[i].migration, steps[i].number, steps[i].of);
    add(b, "schema.txt", buffer_text(&out));
}

static bool write_new(const char *path, struct view bytes, struct error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len && fsync(fd) == 0;
    if (!ok)
        fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be written: %s.", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool diagnose(struct app *app, const char *path, const char *log, struct error *err) {
    struct bundle bundle = {.app = app, .zip = zip_on(app->arena)};
    const char *text = log == NULL ? NULL : end_of(app->arena, log, LOG_BYTES);
    if (log != NULL && text == NULL)
        return fail(err, ERROR_UNAVAILABLE, "cannot-read", "The log %.200s cannot be read: %s.", log,
                    strerror(errno));
    find_secrets(&bundle);
    add_system(&bundle);
    add(&bundle, "configuration.txt", config_shown(app));
    add_files(&bundle);
    TRY(add_check(&bundle, err));
    add_schema(&bundle);
    if (text != NULL)
        add(&bundle, "log.txt", text);
    return write_new(path, zip_end(&bundle.zip), err);
}

int command_diagnose(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    const char *path = argc > 0 ? argv[0] : "-", *log = NULL;
    if (path[0] == '-') {
        fputs("gatehouse: usage: gatehouse diagnose FILE.zip [--log FILE] [options]\n", stderr);
        return 2;
    }
    argc--, argv++;
    if (argc > 1 && strcmp(argv[0], "--log") == 0) {
        log = argv[1];
        argc -= 2, argv += 2;
    }
    bool ok = app_configure(&app, argc, argv, &err) && diagnose(&app, path, log, &err);
    if (ok)
        printf("%s: look through it before you send it\n", path);
    app_close(&app);
    return ok ? 0 : command_failed("diagnose", &err);
}
