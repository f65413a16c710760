#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char state_magic[8] = {'G', 'H', 'S', 'T', 'A', '0', '0', '1'};
#define STATE_LEN 24
#define TEMPORARY ".tmp-"

static CK_RV from_errno(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return CKR_DEVICE_MEMORY;
    case EROFS:
    case EACCES:
    case EPERM:
        return CKR_TOKEN_WRITE_PROTECTED;
    case ENOMEM:
        return CKR_HOST_MEMORY;
    default:
        return CKR_DEVICE_ERROR;
    }
}

static struct file_stamp stamp_of(const struct stat *info) {
    return (struct file_stamp){
        .device = info->st_dev,
        .inode = info->st_ino,
        .changed = info->st_mtim,
        .size = info->st_size,
    };
}

bool file_stamp_equal(const struct file_stamp *one, const struct file_stamp *other) {
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           one->changed.tv_sec == other->changed.tv_sec &&
           one->changed.tv_nsec == other->changed.tv_nsec;
}

static bool is_temporary(const char *name) {
    return strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0;
}

static CK_RV remove_temporary(void *context, const char *name, const struct file_stamp *stamp) {
    struct store *store = context;
    (void)stamp;
    if (is_temporary(name))
        (void)unlinkat(store->dir_fd, name, 0);
    return CKR_OK;
}

CK_RV store_open(const char *path, struct store *ret_store) {
    struct store store = {.dir_fd = -1, .state_fd = -1};
    store.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store.dir_fd < 0)
        return CKR_DEVICE_ERROR;
    int flags = O_CLOEXEC | O_NOFOLLOW;
    store.state_fd = openat(store.dir_fd, STORE_STATE_FILE, flags | O_RDWR | O_CREAT, 0600);
    if (store.state_fd < 0) /* a token that we may only read */
        store.state_fd = openat(store.dir_fd, STORE_STATE_FILE, flags | O_RDONLY);
    if (store.state_fd < 0) {
        CK_RV rv = from_errno(errno);
        store_close(&store);
        return rv;
    }
    /* What a killed writer left behind; not when somebody is writing just now. */
    if (flock(store.state_fd, LOCK_EX | LOCK_NB) == 0) {
        CK_RV rv = store_list(&store, remove_temporary, &store);
        (void)rv; /* leftovers do no harm */
        store_unlock(&store);
    }
    *ret_store = store;
    return CKR_OK;
}

void store_close(struct store *store) {
    if (store->state_fd >= 0)
        (void)close(store->state_fd);
    if (store->dir_fd >= 0)
        (void)close(store->dir_fd);
    *store = (struct store){.dir_fd = -1, .state_fd = -1};
}

CK_RV store_lock(struct store *store, bool exclusive) {
    while (flock(store->state_fd, exclusive ? LOCK_EX : LOCK_SH) != 0)
        if (errno != EINTR)
            return CKR_DEVICE_ERROR;
    return CKR_OK;
}

void store_unlock(struct store *store) {
    (void)flock(store->state_fd, LOCK_UN);
}

CK_RV store_read_state(struct store *store, struct store_state *ret_state) {
    uint8_t raw[STATE_LEN];
    ssize_t got = pread(store->state_fd, raw, sizeof raw, 0);
    if (got < 0)
        return CKR_DEVICE_ERROR;
    if (got == 0) { /* just created */
        *ret_state = (struct store_state){0};
        return CKR_OK;
    }
    if (got != STATE_LEN || memcmp(raw, state_magic, sizeof state_magic) != 0)
        return CKR_DEVICE_ERROR;
    struct reader in = {.at = raw + sizeof state_magic, .left = sizeof raw - sizeof state_magic};
    ret_state->generation = read_u64(&in);
    ret_state->failed_tries[0] = read_u32(&in);
    ret_state->failed_tries[1] = read_u32(&in);
    return CKR_OK;
}

CK_RV store_write_state(struct store *store, const struct store_state *state, bool durable) {
    AUTO(bytes) struct bytes raw = {0};
    TRY(bytes_append(&raw, state_magic, sizeof state_magic));
    TRY(bytes_put_u64(&raw, state->generation));
    TRY(bytes_put_u32(&raw, state->failed_tries[0]));
    TRY(bytes_put_u32(&raw, state->failed_tries[1]));
    ssize_t put = pwrite(store->state_fd, raw.at, raw.len, 0);
    if (put < 0)
        return errno == EBADF ? CKR_TOKEN_WRITE_PROTECTED : from_errno(errno);
    if (put != (ssize_t)raw.len)
        return CKR_DEVICE_MEMORY;
    if (durable && fdatasync(store->state_fd) != 0)
        return from_errno(errno);
    return CKR_OK;
}

static CK_RV read_all(int fd, struct bytes *content, size_t size) {
    bytes_clear(content);
    TRY(bytes_reserve(content, size));
    while (content->len < size) {
        ssize_t got = read(fd, content->at + content->len, size - content->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* it shrank under our eyes */
            return CKR_DEVICE_ERROR;
        content->len += (size_t)got;
    }
    return CKR_OK;
}

CK_RV store_read(struct store *store, const char *name, struct bytes *ret_content,
                 struct file_stamp *ret_stamp) {
    /* O_NONBLOCK: a FIFO put there by somebody must not hang the token. */
    int fd = openat(store->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return CKR_DEVICE_ERROR;
    struct stat info;
    CK_RV rv = CKR_DEVICE_ERROR;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= (off_t)STORE_FILE_MAX)
        rv = read_all(fd, ret_content, (size_t)info.st_size);
    (void)close(fd);
    if (rv == CKR_OK && ret_stamp != NULL)
        *ret_stamp = stamp_of(&info);
    return rv;
}

static CK_RV write_all(int fd, const struct bytes *content) {
    size_t done = 0;
    while (done < content->len) {
        ssize_t put = write(fd, content->at + done, content->len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? from_errno(errno) : CKR_DEVICE_MEMORY;
        done += (size_t)put;
    }
    return fsync(fd) == 0 ? CKR_OK : from_errno(errno);
}

CK_RV store_write(struct store *store, const char *name, const struct bytes *content,
                  struct file_stamp *ret_stamp) {
    char temporary[STORE_NAME_MAX + sizeof TEMPORARY];
    struct stat info = {0};
    (void)snprintf(temporary, sizeof temporary, TEMPORARY "%s", name);
    (void)unlinkat(store->dir_fd, temporary, 0); /* ours alone: we hold the exclusive lock */
    int fd = openat(store->dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    0600);
    if (fd < 0)
        return from_errno(errno);
    CK_RV rv = write_all(fd, content);
    if (rv == CKR_OK && fstat(fd, &info) != 0)
        rv = CKR_DEVICE_ERROR;
    if (close(fd) != 0 && rv == CKR_OK)
        rv = from_errno(errno);
    if (rv == CKR_OK && renameat(store->dir_fd, temporary, store->dir_fd, name) != 0)
        rv = from_errno(errno);
    if (rv != CKR_OK) {
        (void)unlinkat(store->dir_fd, temporary, 0);
        return rv;
    }
    if (fsync(store->dir_fd) != 0)
        return from_errno(errno);
    if (ret_stamp != NULL)
        *ret_stamp = stamp_of(&info);
    return CKR_OK;
}

CK_RV store_remove(struct store *store, const char *name) {
    if (unlinkat(store->dir_fd, name, 0) != 0 && errno != ENOENT)
        return from_errno(errno);
    return fsync(store->dir_fd) == 0 ? CKR_OK : from_errno(errno);
}

CK_RV store_list(struct store *store, store_visit visit, void *context) {
    int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return CKR_DEVICE_ERROR;
    }
    CK_RV rv = CKR_OK;
    const struct dirent *entry;
    while (rv == CKR_OK && (entry = readdir(dir)) != NULL) {
        struct stat info;
        if (fstatat(store->dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        struct file_stamp stamp = stamp_of(&info);
        rv = visit(context, entry->d_name, &stamp);
    }
    (void)closedir(dir);
    return rv;
}

CK_RV store_make_directory(const char *path) {
    char *copy = strdup(path);
    if (copy == NULL)
        return CKR_HOST_MEMORY;
    CK_RV rv = CKR_OK;
    for (char *slash = copy + 1; rv == CKR_OK; slash++) {
        if (*slash != '/' && *slash != '\0')
            continue;
        char kept = *slash;
        *slash = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            rv = from_errno(errno);
        *slash = kept;
        if (kept == '\0')
            break;
    }
    free(copy);
    return rv;
}
