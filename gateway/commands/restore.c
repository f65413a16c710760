/* gatehouse restore: reads a backup twice, first to see that it is whole, then into an empty database and an empty
 * data directory (or into files alone). */
#include "commands/backup.h"

#include "base/json.h"
#include "ca/authority.h"
#include "ca/issue.h"
#include "commands/network.h"
#include "commands/sealed.h"
#include "store/dump.h"
#include "x509/crl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE "database.sql"
#define MAX_ITEM_NAME 1000
#define MAX_PIECE ((uint32_t)1 << 24)

/* ---- arguments ---- */

static bool take_argument(const char *name, const char *value, struct backup_arguments *a,
                          size_t *certificates, const char **ret_passphrase_file) {
    if (strcmp(name, "--to") == 0)
        a->certificates[(*certificates)++] = value;
    else if (strcmp(name, "--add") == 0)
        a->added[a->added_count++] = value;
    else if (strcmp(name, "--key") == 0)
        a->key = value;
    else if (strcmp(name, "--certificate") == 0)
        a->certificate = value;
    else if (strcmp(name, "--extract") == 0)
        a->extract = value;
    else if (strcmp(name, "--events") == 0)
        a->events = value;
    else if (strcmp(name, "--passphrase-file") == 0)
        *ret_passphrase_file = value;
    else
        return false;
    return true;
}

bool backup_arguments_read(struct app *app, int argc, char *const argv[], struct backup_arguments *ret,
                           struct error *err) {
    size_t certificates = 0, count = (size_t)(argc < 0 ? 0 : argc);
    const char *passphrase_file = NULL;
    const char **rest = calloc(count + 1, sizeof *rest), **lists = calloc(2 * count + 2, sizeof *lists);
    int left = 0;
    if (rest == NULL || lists == NULL)
        abort();
    *ret = (struct backup_arguments){.certificates = lists, .added = lists + count + 1};
    for (int i = 0; i < argc; i++) {
        if (i + 1 < argc && take_argument(argv[i], argv[i + 1], ret, &certificates, &passphrase_file))
            i++;
        else if (ret->file == NULL && i == 0 && strncmp(argv[i], "--", 2) != 0)
            ret->file = argv[i];
        else
            rest[left++] = argv[i];
    }
    bool ok = app_configure(app, left, (char *const *)(uintptr_t)rest, err);
    free(rest);
    if (app->arena != NULL)
        arena_defer(app->arena, free, lists);
    TRY(ok);
    if (ret->file == NULL)
        return fail(err, ERROR_MALFORMED, "usage", "The first argument is the backup's file.");
    return passphrase_file == NULL || read_secret(app->arena, passphrase_file, &ret->passphrase, err);
}

/* ---- reading items ---- */

struct restore {
    struct app app;
    struct backup_arguments arguments;
    struct sealed *sealed;
    bool apply; /* false: only look */
    const char *name;
    unsigned mode;
    uint32_t left; /* of the present piece */
    bool over;     /* the present item has ended */
    unsigned files;
};

static bool get_number(struct restore *r, int octets, uint32_t *ret, struct error *err) {
    uint8_t bytes[4];
    TRY(sealed_read(r->sealed, bytes, (size_t)octets, err));
    *ret = 0;
    for (int i = 0; i < octets; i++)
        *ret = *ret << 8 | bytes[i];
    return true;
}

static bool odd(struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-backup", "The backup is of another version, or broken.");
}

/* What is left of the item, at most `size` octets; 0 at its end. */
static bool give(void *context, void *at, size_t size, size_t *ret_len, struct error *err) {
    struct restore *r = context;
    *ret_len = 0;
    while (!r->over && r->left == 0) {
        char kind;
        TRY(sealed_read(r->sealed, &kind, 1, err));
        r->over = kind == 'E';
        if (!r->over && kind != 'D')
            return odd(err);
        if (!r->over)
            TRY(get_number(r, 4, &r->left, err));
        if (r->left > MAX_PIECE)
            return odd(err);
    }
    if (r->over)
        return true;
    *ret_len = r->left < size ? r->left : size;
    r->left -= (uint32_t)*ret_len;
    return sealed_read(r->sealed, at, *ret_len, err);
}

static bool skip(struct restore *r, struct error *err) {
    char piece[4096];
    size_t len = 1;
    while (len > 0)
        TRY(give(r, piece, sizeof piece, &len, err));
    return true;
}

/* Relative, and nowhere up. */
static bool is_sane(const char *name) {
    return name[0] != '/' && name[0] != '\0' && strstr(name, "//") == NULL && strcmp(name, "..") != 0 &&
           strncmp(name, "../", 3) != 0 && strstr(name, "/../") == NULL &&
           (strlen(name) < 3 || strcmp(name + strlen(name) - 3, "/..") != 0);
}

static bool make_parents(char *path, struct error *err) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        int why = errno;
        *slash = '/';
        if (!ok)
            return fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be made: %s.", path, strerror(why));
    }
    return true;
}

static bool write_item(struct restore *r, const char *path, struct error *err) {
    char piece[32768];
    size_t len = 1;
    TRY(make_parents(arena_strdup(r->app.arena, path), err));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, r->mode & 0700);
    bool ok = fd >= 0;
    while (ok && len > 0) {
        if (!give(r, piece, sizeof piece, &len, err)) {
            close(fd);
            return false;
        }
        ok = write(fd, piece, len) == (ssize_t)len;
    }
    ok = ok && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    explicit_bzero(piece, sizeof piece);
    return ok || fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be written: %s.", path, strerror(why));
}

/* Where an item goes; NULL: nowhere by itself. */
static const char *place(struct restore *r) {
    struct arena *arena = r->app.arena;
    if (r->arguments.extract != NULL)
        return arena_printf(arena, "%s/%s", r->arguments.extract, r->name);
    if (strncmp(r->name, "data/", 5) == 0)
        return arena_printf(arena, "%s/%s", r->app.data, r->name + 5);
    return arena_printf(arena, "%s/restored/%s", r->app.data, r->name);
}

static bool take_item(struct restore *r, struct error *err) {
    if (!r->apply)
        return skip(r, err);
    r->files++;
    if (r->arguments.extract == NULL && strcmp(r->name, DATABASE) == 0)
        return db_load(r->app.db, give, r, err) && skip(r, err);
    return write_item(r, place(r), err);
}

static bool read_items(struct restore *r, struct error *err) {
    for (;;) {
        char kind, *name;
        uint32_t len, mode;
        TRY(sealed_read(r->sealed, &kind, 1, err));
        if (kind == 'Z')
            return true;
        if (kind != 'F')
            return odd(err);
        TRY(get_number(r, 2, &len, err));
        if (len > MAX_ITEM_NAME)
            return odd(err);
        name = arena_alloc(r->app.arena, len + 1);
        TRY(sealed_read(r->sealed, name, len, err) && get_number(r, 4, &mode, err));
        if (strlen(name) != len || !is_sane(name))
            return odd(err);
        r->name = name;
        r->mode = mode;
        r->left = 0;
        r->over = false;
        TRY(take_item(r, err));
    }
}

static bool pass(struct restore *r, bool apply, struct error *err) {
    struct sealed_opener opener = {r->arguments.key, r->arguments.certificate, r->arguments.passphrase};
    FILE *file = fopen(r->arguments.file, "re");
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "no-backup", "%.200s cannot be read: %s.", r->arguments.file,
                    strerror(errno));
    r->apply = apply;
    bool ok = sealed_read_begin(r->app.arena, file, &opener, &r->sealed, err) && read_items(r, err);
    fclose(file);
    return ok;
}

/* ---- what happened since ---- */

static int reason_of(const char *code, const char *name) {
    if (strcmp(code, "certificate.held") == 0)
        return REASON_CERTIFICATE_HOLD;
    int reason = reason_from_name(name == NULL ? "" : name);
    return reason < 0 ? 0 : reason;
}

static bool again(struct restore *r, const struct json *event, unsigned *ret_count, struct error *err) {
    const char *code = "", *object = "", *reason = NULL;
    struct uuid id;
    struct certificate_record certificate;
    struct error why = {0};
    TRY(json_string(event, "code", &code, err));
    if (strcmp(code, "certificate.revoked") != 0 && strcmp(code, "certificate.held") != 0)
        return true;
    const struct json *subject = json_get(event, "object");
    if (subject != NULL && subject->type == JSON_OBJECT)
        TRY(json_string(subject, "id", &object, err));
    else
        TRY(json_string(event, "object", &object, err));
    TRY(json_string(json_get(event, "details"), "reason", &reason, err));
    if (!uuid_parse(object, &id))
        return fail(err, ERROR_MALFORMED, "bad-events", "An event names no certificate: \"%.60s\".", object);
    if (certificate_revoke(r->app.core, r->app.arena, &actor_system, id, reason_of(code, reason), 0, &certificate,
                           &why)) {
        ++*ret_count;
        return true;
    }
    if (why.kind == ERROR_NOT_FOUND)
        printf("notice   certificate %s was issued and revoked after the backup: it is unknown here\n", object);
    return why.kind == ERROR_NOT_FOUND || why.kind == ERROR_CONFLICT ||
           fail(err, why.kind, why.type, "Revoking %s again: %s", object, why.message);
}

/* One event a line, as `gatehouse audit export` and the stream to a SIEM have them. */
static bool revoke_again(struct restore *r, struct error *err) {
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    unsigned count = 0;
    bool ok = true;
    FILE *file = fopen(r->arguments.events, "re");
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "bad-events", "%.200s cannot be read: %s.", r->arguments.events,
                    strerror(errno));
    while (ok && (len = getline(&line, &size, file)) >= 0) {
        const struct json *event;
        if (len > 1)
            ok = json_parse(r->app.arena, view_of(line, (size_t)len), &event, err) && again(r, event, &count, err);
    }
    free(line);
    fclose(file);
    if (ok)
        printf("ok       %u certificates revoked again\n", count);
    return ok;
}

/* Certificates of the time since the backup are in the field and not here: a CA that answers "revoked" for what it never
 * issued would take them all back. */
static bool doubt_one(struct restore *r, const struct ca_record *ca, struct error *err) {
    static const char text[] = "{\"ocsp\":{\"neverIssued\":\"unknown\"}}";
    struct ca_settings settings;
    struct ca_record after;
    const struct json *document;
    TRY(authority_settings(r->app.arena, ca, &settings, err));
    if (settings.ocsp.never_issued != NEVER_ISSUED_REVOKED)
        return true;
    TRY(json_parse(r->app.arena, view_text(text), &document, err));
    TRY(authority_change(r->app.core, r->app.arena, &actor_system, ca->slug, &(struct ca_change){.settings = document},
                         &after, err));
    printf("notice   CA %s answers unknown for serial numbers that it does not know: certificates issued after the backup are "
           "among them. When they are replaced or over, set ocsp.neverIssued to \"revoked\" again\n",
           ca->slug);
    return true;
}

static bool doubt(struct restore *r, struct error *err) {
    struct page page = {.limit = 100};
    do {
        struct ca_record *cas;
        size_t count;
        TRY(authority_page(r->app.core, r->app.arena, &actor_system, &page, &cas, &count, &page.cursor, err));
        for (size_t i = 0; i < count; i++)
            TRY(doubt_one(r, &cas[i], err));
    } while (page.cursor != NULL && page.cursor[0] != '\0');
    return true;
}

/* ---- the steps ---- */

/* A signer that runs by itself must be there before anything is written: its token is no part of what is restored. */
static bool signer_stands(struct restore *r, struct error *err) {
    if (option_text(r->app.options, "signer-socket") == NULL)
        return true;
    bool ok = app_open_signer(&r->app, err) && signer_ping(r->app.signer, err);
    if (r->app.signer != NULL)
        signer_close(r->app.signer);
    r->app.signer = NULL;
    return ok;
}

static bool nothing_here(struct restore *r, struct error *err) {
    bool empty = false;
    TRY(app_open_database(&r->app, err) && db_is_empty(r->app.db, &empty, err));
    if (!empty)
        return fail(err, ERROR_CONFLICT, "not-empty",
                    "The database has tables. A backup goes into an empty one alone; make one, and name it with --db.");
    if (access(arena_printf(r->app.arena, "%s/token", r->app.data), F_OK) == 0)
        return fail(err, ERROR_CONFLICT, "not-empty",
                    "%.200s has a token already. A backup goes into an empty --data directory alone.", r->app.data);
    return signer_stands(r, err);
}

static bool after(struct restore *r, struct error *err) {
    struct event_note note = {.code = "backup.restored", .object_kind = "file", .object = r->arguments.file};
    bool done = false;
    TRY(db_migrate(r->app.db, err));
    TX(tx, r->app.db, &done, err)
        tx.ok = db_after_restore(tx.tx, err) && access_note(tx.tx, &actor_system, &note, err);
    TRY(done);
    TRY(app_open_core(&r->app, err));
    TRY(doubt(r, err));
    if (r->arguments.events != NULL)
        TRY(revoke_again(r, err));
    else
        puts("notice   revocations after the backup are not in it: give the events since with --events");
    return true;
}

static bool run(struct restore *r, struct error *err) {
    if (r->arguments.extract == NULL)
        TRY(nothing_here(r, err));
    TRY(pass(r, false, err));
    puts("ok       the backup is whole");
    TRY(pass(r, true, err));
    printf("ok       %u files\n", r->files);
    return r->arguments.extract != NULL || after(r, err);
}

int command_restore(int argc, char *const argv[]) {
    static struct restore r;
    struct error err = {0};
    bool ok = backup_arguments_read(&r.app, argc, argv, &r.arguments, &err) && run(&r, &err);
    bool whole = ok && r.arguments.extract == NULL;
    if (whole)
        app_disconnect(&r.app);
    bool checked = !whole || check_everything(&r.app);
    app_close(&r.app);
    return ok ? (checked ? 0 : 1) : command_failed("restore", &err);
}
