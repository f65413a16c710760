/* gatehouse backup, gatehouse restore: the database at one moment, the managed token with its PINs and the
 * configuration, in one sealed file.
 *
 * Inside the seal: items, each 'F', name (2 octets of length), mode (4), then pieces 'D' (4 octets of length), 'E';
 * at the end 'Z'. */
#include "commands/backup.h"

#include "commands/network.h"
#include "commands/sealed.h"
#include "store/dump.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE "database.sql"
#define MAX_ITEM_NAME 1000

struct backup {
    struct app app;
    struct backup_arguments arguments;
    struct sealed *sealed;
    uint64_t bytes, files;
};

/* ---- writing ---- */

static bool put(struct backup *b, const void *at, size_t len, struct error *err) {
    b->bytes += len;
    return sealed_write(b->sealed, at, len, err);
}

static bool put_number(struct backup *b, uint32_t number, int octets, struct error *err) {
    uint8_t bytes[4];
    for (int i = 0; i < octets; i++)
        bytes[i] = (uint8_t)(number >> (8 * (octets - 1 - i)));
    return put(b, bytes, (size_t)octets, err);
}

static bool item_begin(struct backup *b, const char *name, unsigned mode, struct error *err) {
    size_t len = strlen(name);
    b->files++;
    if (len > MAX_ITEM_NAME)
        return fail(err, ERROR_POLICY, "too-long", "The name %.60s... is too long.", name);
    return put(b, "F", 1, err) && put_number(b, (uint32_t)len, 2, err) && put(b, name, len, err) &&
           put_number(b, mode & 0777, 4, err);
}

static bool item_piece(void *context, struct view piece, struct error *err) {
    struct backup *b = context;
    return put(b, "D", 1, err) && put_number(b, (uint32_t)piece.len, 4, err) &&
           put(b, piece.at, piece.len, err);
}

static bool cannot_read(const char *path, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "cannot-read",
                "%.200s cannot be read: %s. Run this as the user that owns it, or as root.", path,
                strerror(errno));
}

static bool add_file(struct backup *b, const char *path, const char *name, struct error *err) {
    char piece[32768];
    struct stat status;
    ssize_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) != 0) {
        cannot_read(path, err);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = item_begin(b, name, status.st_mode, err);
    while (ok && (len = read(fd, piece, sizeof piece)) > 0)
        ok = item_piece(b, view_of(piece, (size_t)len), err);
    close(fd);
    explicit_bzero(piece, sizeof piece);
    return ok && (len == 0 || cannot_read(path, err)) && put(b, "E", 1, err);
}

static bool add_path(struct backup *b, const char *path, const char *name, struct error *err);

static bool add_directory(struct backup *b, const char *path, const char *name, struct error *err) {
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool ok = true;
    if (directory == NULL)
        return cannot_read(path, err);
    while (ok && (entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = add_path(b, arena_printf(b->app.arena, "%s/%s", path, entry->d_name),
                          arena_printf(b->app.arena, "%s/%s", name, entry->d_name), err);
    closedir(directory);
    return ok;
}

/* Sockets and devices are nobody's backup. */
static bool add_path(struct backup *b, const char *path, const char *name, struct error *err) {
    struct stat status;
    if (lstat(path, &status) != 0)
        return cannot_read(path, err);
    if (S_ISDIR(status.st_mode))
        return add_directory(b, path, name, err);
    return !S_ISREG(status.st_mode) || add_file(b, path, name, err);
}

static bool add_token(struct backup *b, struct error *err) {
    static const char *const names[] = {"token", "token.pin", "token.pin.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = arena_printf(b->app.arena, "%s/%s", b->app.data, names[i]);
        if (access(path, F_OK) == 0)
            TRY(add_path(b, path, arena_printf(b->app.arena, "data/%s", names[i]), err));
    }
    for (size_t i = 0; i < b->arguments.added_count; i++) {
        const char *path = b->arguments.added[i], *slash = strrchr(path, '/');
        TRY(add_path(b, path, arena_printf(b->app.arena, "added/%s", slash == NULL ? path : slash + 1), err));
    }
    return true;
}

static bool add_everything(struct backup *b, struct error *err) {
    const char *config = option_text(b->app.options, "config");
    struct event_note note = {.code = "backup.made", .object_kind = "file", .object = b->arguments.file};
    bool done = false;
    /* Its own event is in it. */
    TX(tx, b->app.db, &done, err)
        tx.ok = access_note(tx.tx, &actor_system, &note, err);
    TRY(done);
    if (config != NULL)
        TRY(add_file(b, config, "gatehouse.conf", err));
    TRY(item_begin(b, DATABASE, 0600, err));
    TRY(db_dump(b->app.db, item_piece, b, err));
    TRY(put(b, "E", 1, err));
    /* After the database: keys that were made meanwhile are wrapped by a token that is here. */
    return add_token(b, err) && put(b, "Z", 1, err) && sealed_write_end(b->sealed, err);
}

static bool write_backup(struct backup *b, struct error *err) {
    const char *staged = arena_printf(b->app.arena, "%s.new", b->arguments.file);
    struct sealed_recipients to = {b->arguments.certificates, b->arguments.passphrase};
    TRY(app_open_database(&b->app, err) && db_schema_check(b->app.db, err));
    int fd = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL)
        return fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be written: %s.", staged,
                    strerror(errno));
    bool ok = sealed_write_begin(b->app.arena, file, &to, &b->sealed, err) && add_everything(b, err);
    ok = ok && (fsync(fd) == 0 || fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s: %s.", staged, strerror(errno)));
    fclose(file);
    if (ok && rename(staged, b->arguments.file) == 0) {
        printf("%s: %llu files, %llu bytes\n", b->arguments.file, (unsigned long long)b->files,
               (unsigned long long)b->bytes);
        if (option_text(b->app.options, "signer-socket") != NULL && b->arguments.added_count == 0)
            puts("notice   the managed token is the signer's and not in it: name its directory with --add, or be sure that there "
                 "is a copy of it. Without it the keys in the database are worth nothing.");
        return true;
    }
    unlink(staged);
    return ok ? fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s: %s.", b->arguments.file, strerror(errno)) : false;
}

int command_backup(int argc, char *const argv[]) {
    struct backup b = {0};
    struct error err = {0};
    bool ok = backup_arguments_read(&b.app, argc, argv, &b.arguments, &err) &&
              ((b.arguments.certificates[0] != NULL || b.arguments.passphrase != NULL) ||
               fail(&err, ERROR_MALFORMED, "usage",
                    "Name who may open the backup: --to CERTIFICATE.pem (several) or --passphrase-file FILE.")) &&
              write_backup(&b, &err);
    app_close(&b.app);
    return ok ? 0 : command_failed("backup", &err);
}
