/* Files of one token's directory, written so that a crash at any moment leaves the old or the new
 * content, and so that several processes may share the directory.
 *
 *   token            the token's record
 *   state            lock file; in it a generation counter and the failed PIN tries (in place: they
 *                    must still be writable on a full disk)
 *   <32 hex>.pub     a public object      <32 hex>.prv   a private object
 *   .tmp-...         unfinished; removed by whoever next opens the directory
 *
 * Whoever changes a file holds the exclusive lock and raises the generation *before* the change, so
 * a reader that sees the old generation has seen the old files, whenever the writer may have died.
 */
#ifndef SOFTTOKEN_STORE_H
#define SOFTTOKEN_STORE_H

#include <sys/types.h>
#include <time.h>

#include "bytes.h"

#define STORE_TOKEN_FILE "token"
#define STORE_STATE_FILE "state"
#define STORE_FILE_MAX (4u * 1024u * 1024u)
#define STORE_NAME_MAX 64

struct store {
    int dir_fd;   /* -1 when closed */
    int state_fd; /* -1 when closed */
};

struct store_state {
    uint64_t generation;
    uint32_t failed_tries[2]; /* by enum role */
};

/* What tells one version of a file from another: a rename always brings another inode or time. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    struct timespec changed;
    off_t size;
};

bool file_stamp_equal(const struct file_stamp *one, const struct file_stamp *other);

/* `path` exists. Creates the state file when it is missing. */
CK_RV store_open(const char *path, struct store *ret_store) MUST_USE;
void store_close(struct store *store);

CK_RV store_lock(struct store *store, bool exclusive) MUST_USE;
void store_unlock(struct store *store);

CK_RV store_read_state(struct store *store, struct store_state *ret_state) MUST_USE;
/* With the exclusive lock. `durable`: on the disk before it returns. */
CK_RV store_write_state(struct store *store, const struct store_state *state, bool durable)
    MUST_USE;

/* CKR_DEVICE_ERROR when it is not there, not a regular file or larger than STORE_FILE_MAX. */
CK_RV store_read(struct store *store, const char *name, struct bytes *ret_content,
                 struct file_stamp *ret_stamp) MUST_USE;
/* With the exclusive lock. Replaces the file as a whole; durable when it returns. A full disk is
 * CKR_DEVICE_MEMORY, a directory that may not be written CKR_TOKEN_WRITE_PROTECTED. */
CK_RV store_write(struct store *store, const char *name, const struct bytes *content,
                  struct file_stamp *ret_stamp) MUST_USE;
/* With the exclusive lock. A file that is already gone is success. */
CK_RV store_remove(struct store *store, const char *name) MUST_USE;

/* Calls back for every file; stops at the first answer other than CKR_OK and returns it. */
typedef CK_RV (*store_visit)(void *context, const char *name, const struct file_stamp *stamp);
CK_RV store_list(struct store *store, store_visit visit, void *context) MUST_USE;

/* Makes `path` and what is missing above it, mode 0700. */
CK_RV store_make_directory(const char *path) MUST_USE;

#endif
