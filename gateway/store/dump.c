#include "store/dump.h"

#include "store/pool.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGUMENTS 16
#define PIECE ((size_t)65536)

/* A client program of MariaDB that runs; its password is in a file without a name. */
struct child {
    struct arena *arena;
    const char *arguments[MAX_ARGUMENTS];
    size_t count;
    pid_t pid;
    int defaults, pipe, errors;
};

static void add(struct child *child, const char *argument) {
    child->arguments[child->count++] = argument;
}

/* In quotes, as option files have it. */
static const char *quoted(struct arena *arena, const char *text) {
    char *out = arena_alloc(arena, 2 * strlen(text) + 1), *at = out;
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            *at++ = '\\';
        *at++ = *text;
    }
    return out;
}

static int anonymous_file(const char *text) {
    int fd = memfd_create("gatehouse", 0);
    size_t len = text == NULL ? 0 : strlen(text);
    if (fd >= 0 && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool prepare(struct child *child, struct db *db, const char *program, struct error *err) {
    const struct db_url *url = db_url_of(db);
    child->defaults = anonymous_file(arena_printf(
        child->arena, "[client]\nuser=\"%s\"\npassword=\"%s\"\n", quoted(child->arena, url->user),
        quoted(child->arena, url->password == NULL ? "" : url->password)));
    child->errors = anonymous_file("");
    if (child->defaults < 0 || child->errors < 0)
        return fail_internal(err, "a file in memory: %s", strerror(errno));
    add(child, program);
    add(child, arena_printf(child->arena, "--defaults-file=/proc/self/fd/%d", child->defaults));
    if (url->socket != NULL) {
        add(child, arena_printf(child->arena, "--socket=%s", url->socket));
    } else {
        add(child, arena_printf(child->arena, "--host=%s", url->host));
        add(child, "--protocol=tcp");
        if (url->port != 0)
            add(child, arena_printf(child->arena, "--port=%u", url->port));
    }
    if (url->ssl_ca != NULL) {
        add(child, arena_printf(child->arena, "--ssl-ca=%s", url->ssl_ca));
        add(child, "--ssl-verify-server-cert");
    }
    add(child, "--default-character-set=utf8mb4");
    add(child, "--max-allowed-packet=1G");
    return true;
}

/* `theirs`: the descriptor of the child that our end of the pipe is joined to. */
static bool start(struct child *child, int theirs, struct error *err) {
    int ends[2];
    add(child, NULL);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_internal(err, "pipe: %s", strerror(errno));
    int far_end = theirs == STDOUT_FILENO ? ends[1] : ends[0];
    child->pipe = theirs == STDOUT_FILENO ? ends[0] : ends[1];
    child->pid = fork();
    if (child->pid == 0) {
        dup2(far_end, theirs);
        dup2(child->errors, STDERR_FILENO);
        signal(SIGPIPE, SIG_DFL);
        execvp(child->arguments[0], (char *const *)(uintptr_t)child->arguments);
        dprintf(STDERR_FILENO, "it cannot be started: %s; install mariadb-client", strerror(errno));
        _exit(127);
    }
    close(far_end);
    return child->pid > 0 || fail_internal(err, "fork: %s", strerror(errno));
}

static bool finish(struct child *child, struct error *err) {
    char why[300] = "";
    int status = -1;
    if (child->pipe >= 0)
        close(child->pipe);
    bool ended = child->pid > 0 && waitpid(child->pid, &status, 0) == child->pid;
    if (child->errors >= 0 && pread(child->errors, why, sizeof why - 1, 0) < 0)
        why[0] = '\0';
    if (child->defaults >= 0)
        close(child->defaults);
    if (child->errors >= 0)
        close(child->errors);
    why[strcspn(why, "\n")] = '\0';
    return (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           fail(err, ERROR_UNAVAILABLE, "database-program", "%s failed: %.250s", child->arguments[0], why);
}

static bool pass_on(int from, bool (*take)(void *context, struct view piece, struct error *err),
                    void *context, struct error *err) {
    static char piece[PIECE]; /* one dump at a time */
    ssize_t len;
    while ((len = read(from, piece, sizeof piece)) > 0 || (len < 0 && errno == EINTR))
        if (len > 0)
            TRY(take(context, view_of(piece, (size_t)len), err));
    return len == 0 || fail_internal(err, "reading the dump: %s", strerror(errno));
}

bool db_dump(struct db *db, bool (*take)(void *context, struct view piece, struct error *err),
             void *context, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct child child = {.arena = arena, .defaults = -1, .errors = -1, .pipe = -1};
    struct error ignored;
    TRY(prepare(&child, db, "mariadb-dump", err));
    /* One snapshot, no locks: the gateway goes on. */
    add(&child, "--single-transaction");
    add(&child, "--quick");
    add(&child, "--skip-lock-tables");
    add(&child, "--hex-blob");
    add(&child, "--no-tablespaces");
    /* The view of validation nodes: who restores may not make it, sql/validation.sql does. */
    add(&child, arena_printf(arena, "--ignore-table=%s.validation_keys", db_url_of(db)->database));
    add(&child, db_url_of(db)->database);
    bool ok = start(&child, STDOUT_FILENO, err) && pass_on(child.pipe, take, context, err);
    return finish(&child, ok ? err : &ignored) && ok;
}

static bool hand_over(int to, bool (*give)(void *context, void *at, size_t size, size_t *ret_len, struct error *err),
                      void *context, struct error *err) {
    static char piece[PIECE];
    for (;;) {
        size_t len = 0, done = 0;
        TRY(give(context, piece, sizeof piece, &len, err));
        if (len == 0)
            return true;
        while (done < len) {
            ssize_t n = write(to, piece + done, len - done);
            if (n < 0 && errno == EPIPE)
                return true; /* it says itself what it did not like */
            if (n < 0 && errno != EINTR)
                return fail_internal(err, "loading the dump: %s", strerror(errno));
            done += n > 0 ? (size_t)n : 0;
        }
    }
}

bool db_load(struct db *db,
             bool (*give)(void *context, void *at, size_t size, size_t *ret_len, struct error *err),
             void *context, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct child child = {.arena = arena, .defaults = -1, .errors = -1, .pipe = -1};
    struct error ignored;
    TRY(prepare(&child, db, "mariadb", err));
    add(&child, "--batch");
    add(&child, db_url_of(db)->database);
    signal(SIGPIPE, SIG_IGN);
    bool ok = start(&child, STDIN_FILENO, err) && hand_over(child.pipe, give, context, err);
    if (!ok && child.pid > 0)
        kill(child.pid, SIGTERM);
    return finish(&child, ok ? err : &ignored) && ok;
}

bool db_is_empty(struct db *db, bool *ret_empty, struct error *err) {
    int64_t count = 0;
    bool done = false;
    TX(tx, db, &done, err)
        tx.ok = tx_number(tx.tx,
                          "SELECT COUNT(*) FROM information_schema.tables t WHERE t.table_schema = DATABASE()",
                          NO_PARAMS, &count, err);
    *ret_empty = count == 0;
    return done;
}

bool db_after_restore(struct tx *tx, struct error *err) {
    static const char *const statements[] = {
        "DELETE FROM sessions WHERE hash IS NOT NULL",
        "UPDATE leases SET until_us = 0 WHERE until_us > 0",
        "UPDATE ca_epochs SET epoch = epoch + 1000 WHERE epoch >= 0",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        TRY(tx_execute(tx, statements[i], NO_PARAMS, NULL, err));
    return true;
}
