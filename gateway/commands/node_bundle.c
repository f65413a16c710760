#include "commands/node_bundle.h"

#include "base/encode.h"
#include "base/json.h"
#include "commands/network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define MOST_DEPTH 4

/* Of this machine alone. */
static const char *const own[] = {"config", "data", "first-login", "signer-program", "signer-socket", "console",
                                  "public-pages", NULL};
/* What is told by others, or in every case. */
static const char *const special[] = {"db", "db-password-file", "pin", "public-url", "public-https-url", "public-name",
                                      NULL};
static const char *const files[] = {"mail-password-file", "mail-ca-file", "outgoing-proxy-password-file",
                                    "outgoing-ca-file", "managed-pin-file", NULL};

static bool is_among(const char *name, const char *const list[]) {
    size_t i = 0;
    while (list[i] != NULL && strcmp(list[i], name) != 0)
        i++;
    return list[i] != NULL;
}

static bool is_given(const struct options *options, const char *name) {
    return strcmp(option_source(options, name), "default") != 0;
}

/* --- making ----------------------------------------------------------------------------------------------- */

struct making {
    struct app *app;
    struct arena *arena;
    struct json_writer options, files, notes; /* the insides of the three arrays */
    size_t bytes;
};

static void add_option(struct making *m, const char *name, const char *value, const char *file) {
    json_open_object(&m->options);
    json_put_string(&m->options, "name", name);
    json_put_string(&m->options, "value", value);
    if (file != NULL)
        json_put_string(&m->options, "file", file);
    json_close_object(&m->options);
}

static bool add_content(struct making *m, const char *name, unsigned mode, struct view content, struct error *err) {
    m->bytes += content.len;
    if (m->bytes > NODE_BUNDLE_MOST / 2)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The token and the files of the configuration are too large.");
    json_open_object(&m->files);
    json_put_string(&m->files, "name", name);
    json_put_int(&m->files, "mode", mode & 0700);
    json_put_string(&m->files, "content", base64_encode(m->arena, content));
    json_close_object(&m->files);
    return true;
}

static bool cannot_read(const char *path, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "cannot-read",
                "%.200s cannot be read: %s. Run this as the user that owns it, or as root.", path, strerror(errno));
}

static bool add_file(struct making *m, const char *path, const char *name, struct error *err) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fstat(fd, &status) == 0;
    if (!ok)
        cannot_read(path, err);
    else if (!S_ISREG(status.st_mode) || status.st_size > (off_t)NODE_BUNDLE_MOST)
        ok = fail(err, ERROR_POLICY, "cannot-read", "%.200s is no file that could be handed over.", path);
    uint8_t *bytes = ok ? arena_alloc(m->arena, (size_t)status.st_size + 1) : NULL;
    ssize_t len = ok ? read(fd, bytes, (size_t)status.st_size) : -1;
    if (ok && len != (ssize_t)status.st_size)
        ok = cannot_read(path, err);
    if (fd >= 0)
        close(fd);
    return ok && add_content(m, name, status.st_mode, view_of(bytes, (size_t)len), err);
}

static bool add_tree(struct making *m, const char *path, const char *name, int depth, struct error *err) {
    struct stat status;
    if (lstat(path, &status) != 0)
        return cannot_read(path, err);
    if (S_ISREG(status.st_mode))
        return add_file(m, path, name, err);
    if (!S_ISDIR(status.st_mode) || depth == MOST_DEPTH)
        return true;
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool ok = directory != NULL || cannot_read(path, err);
    while (ok && (entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            ok = add_tree(m, arena_printf(m->arena, "%s/%s", path, entry->d_name),
                          arena_printf(m->arena, "%s/%s", name, entry->d_name), depth + 1, err);
    if (directory != NULL)
        closedir(directory);
    return ok;
}

/* The softtoken is files; whatever else holds the managed token is a device or a service that the new node reaches. */
static bool add_token(struct making *m, const struct node_offer *offer, struct error *err) {
    static const char *const names[] = {"token", "token.pin", "token.pin.so"};
    const struct options *o = m->app->options;
    bool elsewhere = option_text(o, "signer-socket") != NULL;
    const char *from = offer->token_from != NULL ? offer->token_from : m->app->data;
    if (option_text(o, "managed-module") != NULL && offer->token_from == NULL) {
        json_add_string(&m->notes, "The managed token is in a module of its own: it must be within reach here, under the "
                                   "same label (managed-module, managed-token, managed-pin-file).");
        return true;
    }
    if (elsewhere && offer->token_from == NULL)
        return fail(err, ERROR_POLICY, "no-token",
                    "The signer runs by itself and has the managed token: name its directory with --token-from (as root), "
                    "like /var/lib/gatehouse-signer.");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = arena_printf(m->arena, "%s/%s", from, names[i]);
        if (i == 0 && access(path, F_OK) != 0)
            return cannot_read(path, err);
        if (access(path, F_OK) == 0)
            TRY(add_tree(m, path, names[i], 0, err));
    }
    return true;
}

static bool is_local(const char *url) {
    const char *host = strstr(url, "://"), *at;
    if (host == NULL || strstr(url, "socket=") != NULL)
        return host != NULL;
    host += 3;
    at = strchr(host, '@');
    host = at == NULL ? host : at + 1;
    return strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0;
}

static bool add_database(struct making *m, const struct node_offer *offer, struct error *err) {
    const struct options *o = m->app->options;
    const char *url = offer->db != NULL ? offer->db : option_text(o, "db"), *file = option_text(o, "db-password-file"), *secret;
    if (url == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option", "The option db is missing: where the database is.");
    if (offer->db == NULL && is_local(url))
        return fail(err, ERROR_POLICY, "local-database",
                    "db names a database that only this machine reaches: say with --node-db how the new node reaches it.");
    add_option(m, "db", url, NULL);
    if (strstr(url, "ssl-ca=") != NULL)
        json_add_string(&m->notes, "db names a file (ssl-ca): copy it to the same place.");
    if (file == NULL)
        return true;
    TRY(read_secret(m->arena, file, &secret, err));
    add_option(m, "db-password-file", "", "db-password");
    return add_content(m, "db-password", 0600, view_text(secret), err);
}

/* credential:NAME and env:NAME are found on the new machine, or are not. */
static bool is_indirect(struct making *m, const char *name, const char *from) {
    if (strncmp(from, "credential:", 11) != 0 && strncmp(from, "env:", 4) != 0)
        return false;
    json_add_string(&m->notes, arena_printf(m->arena, "%s needs %s here, too.", name, from));
    return true;
}

static bool add_pins(struct making *m, struct error *err) {
    const char *pin;
    for (size_t i = 0; (pin = option_item(m->app->options, "pin", i)) != NULL; i++) {
        const char *equals = strrchr(pin, '='), *name = arena_printf(m->arena, "pin-%zu", i + 1);
        if (equals == NULL || is_indirect(m, "pin", equals + 1)) {
            add_option(m, "pin", pin, NULL);
            continue;
        }
        add_option(m, "pin", arena_text(m->arena, view_of(pin, (size_t)(equals + 1 - pin))), name);
        TRY(add_file(m, equals + 1, name, err));
    }
    return true;
}

static bool add_ordinary(struct making *m, const struct option_spec *spec, struct error *err) {
    const struct options *o = m->app->options;
    const char *value = option_text(o, spec->name);
    if (is_among(spec->name, files)) {
        bool indirect = is_indirect(m, spec->name, value);
        add_option(m, spec->name, indirect ? value : "", indirect ? NULL : spec->name);
        return indirect || add_file(m, value, spec->name, err);
    }
    if (spec->type != OPTION_LIST)
        add_option(m, spec->name, value, NULL);
    for (size_t i = 0; spec->type == OPTION_LIST && (value = option_item(o, spec->name, i)) != NULL; i++)
        add_option(m, spec->name, value, NULL);
    if (strcmp(spec->name, "module") == 0)
        json_add_string(&m->notes, "The modules of tokens must be installed here at the same places (module).");
    return true;
}

/* The same on all nodes, whatever a machine is called. */
static bool add_names(struct making *m, struct error *err) {
    struct app_names names;
    const char *name;
    TRY(app_names_of(m->app, &names, err));
    add_option(m, "public-url", names.http, NULL);
    add_option(m, "public-https-url", names.https, NULL);
    if (!is_given(m->app->options, "public-name"))
        add_option(m, "public-name", names.names[0], NULL);
    for (size_t i = 0; (name = option_item(m->app->options, "public-name", i)) != NULL; i++)
        add_option(m, "public-name", name, NULL);
    return true;
}

bool node_bundle_make(struct app *app, const struct node_offer *offer, struct view *ret, struct error *err) {
    struct arena *arena = app->arena;
    struct making m = {.app = app,
                       .arena = arena,
                       .options = json_writer_on(arena),
                       .files = json_writer_on(arena),
                       .notes = json_writer_on(arena)};
    struct buffer out = buffer_on(arena);
    TRY(add_database(&m, offer, err) && add_names(&m, err) && add_pins(&m, err) && add_token(&m, offer, err));
    for (const struct option_spec *spec = app_options; spec->name != NULL; spec++)
        if (is_given(app->options, spec->name) && !is_among(spec->name, own) && !is_among(spec->name, special))
            TRY(add_ordinary(&m, spec, err));
    buffer_printf(&out, "{\"format\":%d,\"options\":[%s],\"files\":[%s],\"notes\":[%s]}", FORMAT,
                  json_written(&m.options), json_written(&m.files), json_written(&m.notes));
    *ret = buffer_view(&out);
    return true;
}

/* --- putting ---------------------------------------------------------------------------------------------- */

static bool cannot_write(const char *path, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "cannot-write", "%.200s cannot be written: %s.", path, strerror(errno));
}

bool node_place_is_empty(const struct app *app, const struct node_place *place, struct error *err) {
    const char *token = place->token_to == NULL ? app->data : place->token_to;
    const char *const paths[] = {arena_printf(app->arena, "%s/token", token),
                                 arena_printf(app->arena, "%s/token.pin", token), place->config};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (access(paths[i], F_OK) == 0)
            return fail(err, ERROR_CONFLICT, "not-empty",
                        "There is %.200s already: a node joins on an empty machine alone. Name another --data, or take it "
                        "away.", paths[i]);
    return true;
}

/* What a join has put in place so far, the newest first: a join that fails takes it back, or the next would find a
 * machine that is not empty. Directories that were there already are not among it. */
struct written {
    const char *path;
    struct written *older;
};

struct putting {
    struct app *app;
    const struct node_place *place;
    struct written *written;
};

static void note_written(struct putting *p, const char *path) {
    struct written *entry = arena_alloc(p->app->arena, sizeof *entry);
    *entry = (struct written){path, p->written};
    p->written = entry;
}

static void take_back(const struct putting *p) {
    for (const struct written *entry = p->written; entry != NULL; entry = entry->older)
        (void)remove(entry->path);
}

/* Ours to begin with; root gives it to whom the directory belongs. */
static bool write_file(struct putting *p, const char *path, const struct stat *owner, unsigned mode, struct view content,
                       struct error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        note_written(p, path);
    bool ok = fd >= 0 && write(fd, content.at, content.len) == (ssize_t)content.len && fchmod(fd, mode & 0700) == 0 &&
              (geteuid() != 0 || fchown(fd, owner->st_uid, owner->st_gid) == 0) && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return ok || cannot_write(path, err);
}

static bool is_plain(const char *name) {
    return name[0] != '/' && name[0] != '\0' && strstr(name, "..") == NULL && strlen(name) < 200;
}

static bool make_directories(struct putting *p, const char *base, const char *name, const struct stat *owner,
                             struct error *err) {
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const char *path = arena_printf(p->app->arena, "%s/%.*s", base, (int)(slash - name), name);
        bool made = mkdir(path, 0700) == 0;
        if (made)
            note_written(p, path);
        if (made ? geteuid() == 0 && chown(path, owner->st_uid, owner->st_gid) != 0 : errno != EEXIST)
            return cannot_write(path, err);
    }
    return true;
}

static bool put_file(struct putting *p, const struct json *file, struct error *err) {
    struct app *app = p->app;
    const char *name = "", *content = "";
    int64_t mode = 0600;
    struct stat owner;
    struct view bytes;
    TRY(json_string(file, "name", &name, err) && json_string(file, "content", &content, err) &&
        json_int(file, "mode", 0, 0777, &mode, err));
    bool token = strncmp(name, "token", 5) == 0;
    const char *base = token && p->place->token_to != NULL ? p->place->token_to : app->data;
    if (!is_plain(name) || !base64_decode(app->arena, view_text(content), &bytes))
        return fail(err, ERROR_MALFORMED, "bad-bundle", "What the other node sent is broken (file %.60s).", name);
    if (stat(base, &owner) != 0)
        return cannot_write(base, err);
    return make_directories(p, base, name, &owner, err) &&
           write_file(p, arena_printf(app->arena, "%s/%s", base, name), &owner, (unsigned)mode, bytes, err);
}

static void put_own(struct buffer *out, const struct options *options, const struct option_spec *spec) {
    const char *value = option_text(options, spec->name);
    if (spec->type != OPTION_LIST)
        buffer_printf(out, "%s = %s\n", spec->name, value);
    for (size_t i = 0; spec->type == OPTION_LIST && (value = option_item(options, spec->name, i)) != NULL; i++)
        buffer_printf(out, "%s = %s\n", spec->name, value);
}

static bool is_known(const char *name) {
    const struct option_spec *spec = app_options;
    while (spec->name != NULL && strcmp(spec->name, name) != 0)
        spec++;
    return spec->name != NULL;
}

static bool put_config(struct putting *p, const struct json *options, struct error *err) {
    struct app *app = p->app;
    struct buffer out = buffer_on(app->arena);
    struct stat owner;
    buffer_add_text(&out, "# Written by gatehouse node join.\n");
    buffer_printf(&out, "data = %s\n", app->data);
    JSON_EACH(option, options) {
        const char *name = "", *value = "", *file = NULL;
        TRY(json_string(option, "name", &name, err) && json_string(option, "value", &value, err) &&
            json_string(option, "file", &file, err));
        if (!is_known(name) || strpbrk(value, "\r\n") != NULL)
            return fail(err, ERROR_MALFORMED, "bad-bundle",
                        "The other node has an option %.60s that this release does not know: install the same one.", name);
        if (!is_given(app->options, name))
            buffer_printf(&out, "%s = %s%s%s%s\n", name, value, file == NULL ? "" : app->data, file == NULL ? "" : "/",
                          file == NULL ? "" : file);
    }
    for (const struct option_spec *spec = app_options; spec->name != NULL; spec++)
        if (is_given(app->options, spec->name) && strcmp(spec->name, "data") != 0 && strcmp(spec->name, "config") != 0)
            put_own(&out, app->options, spec);
    if (stat(app->data, &owner) != 0)
        return cannot_write(app->data, err);
    return write_file(p, p->place->config, &owner, 0600, buffer_view(&out), err);
}

static bool put_all(struct putting *p, const struct json *list, const struct json *options, struct error *err) {
    JSON_EACH(file, list)
        TRY(put_file(p, file, err));
    return put_config(p, options, err);
}

bool node_bundle_put(struct app *app, const struct node_place *place, struct view bundle, const char **ret_notes,
                     struct error *err) {
    const struct json *document, *options = NULL, *list = NULL, *notes = NULL;
    struct buffer out = buffer_on(app->arena);
    int64_t format = 0;
    TRY(json_parse(app->arena, bundle, &document, err) && json_int(document, "format", 0, 1000, &format, err) &&
        json_array(document, "options", &options, err) && json_array(document, "files", &list, err) &&
        json_array(document, "notes", &notes, err));
    if (format != FORMAT || options == NULL)
        return fail(err, ERROR_MALFORMED, "bad-bundle", "The other node is of another release: install the same one.");
    struct putting putting = {.app = app, .place = place};
    if (!put_all(&putting, list, options, err)) {
        take_back(&putting);
        return false;
    }
    JSON_EACH(note, notes)
        if (note->type == JSON_STRING)
            buffer_printf(&out, "notice   %s\n", note->text);
    *ret_notes = buffer_text(&out);
    return true;
}
