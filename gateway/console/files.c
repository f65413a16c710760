#include "console/files.h"

#include "base/encode.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 2000
#define MAX_FILE ((long)16 * 1024 * 1024)
#define MAX_DEPTH 4

static bool unreadable(const char *path, int why, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "console",
                "%.300s, of the console, cannot be read: %s. Build it again or correct --console.", path,
                strerror(why));
}

static bool read_file(struct arena *arena, const char *path, struct view *ret, struct error *err) {
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return unreadable(path, errno, err);
    bool ok = fstat(fileno(file), &info) == 0 && info.st_size <= MAX_FILE;
    size_t size = ok ? (size_t)info.st_size : 0;
    uint8_t *bytes = arena_alloc(arena, size + 1);
    ok = ok && fread(bytes, 1, size, file) == size;
    fclose(file);
    *ret = view_of(bytes, size);
    return ok || unreadable(path, EFBIG, err);
}

static const char *etag_of(struct arena *arena, struct view bytes) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(bytes.at, bytes.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return "\"\"";
    return arena_printf(arena, "\"%s\"", hex_encode(arena, view_of(digest, 16)));
}

static bool add_file(struct files *files, const char *path, const char *name, struct error *err) {
    if (files->count == MAX_FILES)
        return fail(err, ERROR_UNAVAILABLE, "console",
                    "The console's directory has more than %d files; is it the right one?", MAX_FILES);
    struct file *file = &files->items[files->count];
    TRY(read_file(files->arena, path, &file->bytes, err));
    file->path = name;
    file->etag = etag_of(files->arena, file->bytes);
    files->count++;
    return true;
}

static bool read_directory(struct files *files, const char *path, const char *prefix, int depth,
                           struct error *err);

static bool add_entry(struct files *files, const char *path, const char *prefix, const char *name,
                      int depth, struct error *err) {
    const char *whole = arena_printf(files->arena, "%s/%s", path, name);
    const char *relative = arena_printf(files->arena, "%s%s", prefix, name);
    struct stat info;
    if (stat(whole, &info) != 0)
        return unreadable(whole, errno, err);
    if (S_ISREG(info.st_mode))
        return add_file(files, whole, relative, err);
    return !S_ISDIR(info.st_mode) || depth == MAX_DEPTH ||
           read_directory(files, whole, arena_printf(files->arena, "%s/", relative), depth + 1, err);
}

static bool read_directory(struct files *files, const char *path, const char *prefix, int depth,
                           struct error *err) {
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool ok = true;
    if (directory == NULL)
        return (depth == 0 && errno == ENOENT) || unreadable(path, errno, err);
    while (ok && (entry = readdir(directory)) != NULL)
        ok = entry->d_name[0] == '.' || add_entry(files, path, prefix, entry->d_name, depth, err);
    closedir(directory);
    return ok;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* Each .gz goes to the file it is of. */
static void join_compressed(struct files *files) {
    for (size_t i = 0; i < files->count; i++) {
        const char *name = arena_printf(files->arena, "%s.gz", files->items[i].path);
        const struct file *compressed = files_find(files, name);
        if (compressed != NULL)
            files->items[i].gzip = compressed->bytes;
    }
}

bool files_read(struct arena *arena, const char *directory, struct files *ret, struct error *err) {
    struct files files = {.arena = arena, .items = arena_array(arena, MAX_FILES, sizeof *files.items)};
    TRY(read_directory(&files, directory, "", 0, err));
    qsort(files.items, files.count, sizeof *files.items, by_path);
    join_compressed(&files);
    *ret = files;
    return true;
}

const struct file *files_find(const struct files *files, const char *path) {
    struct file key = {.path = path};
    if (files->count == 0)
        return NULL;
    return bsearch(&key, files->items, files->count, sizeof *files->items, by_path);
}
