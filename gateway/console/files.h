/* A directory tree in memory: the console, and the public pages. */
#ifndef GATEHOUSE_CONSOLE_FILES_H
#define GATEHOUSE_CONSOLE_FILES_H

#include "base/arena.h"

struct file {
    const char *path; /* "assets/index-1234.js" */
    struct view bytes, gzip; /* gzip: empty when there is no .gz beside it */
    const char *etag; /* with its quotes */
};
struct files {
    struct arena *arena;
    struct file *items; /* by path */
    size_t count;
};
/* Everything lives on the arena. A directory that is not there gives no files. ERROR_UNAVAILABLE "console". */
MUST_USE bool files_read(struct arena *arena, const char *directory, struct files *ret, struct error *err);
const struct file *files_find(const struct files *files, const char *path); /* or NULL */

#endif
