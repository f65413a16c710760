#include "provider/client.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define CONTROL_FD 3
#define STOP_US (5 * US_PER_SECOND)

static const char **argument_list(const char *program, const char *const *arguments) {
    size_t count = 0;
    while (arguments != NULL && arguments[count] != NULL)
        count++;
    const char **list = must_alloc((count + 4) * sizeof *list);
    list[0] = program;
    for (size_t i = 0; i < count; i++)
        list[i + 1] = arguments[i];
    list[count + 1] = "--fd";
    list[count + 2] = "3";
    return list;
}

/* posix_spawn, not fork: the gateway has threads, and a forked child of it could wait for ever on a
 * lock. There is no PR_SET_PDEATHSIG on purpose: it fires when the *thread* that started the child
 * ends. The end of the control socket does what it was meant for, also after kill -9. */
static int spawn(const char *program, const char **list, int control, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    sigemptyset(&none);
    sigfillset(&standard);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, control, CONTROL_FD);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(ret_pid, program, &actions, &attributes, (char *const *)(uintptr_t)list,
                         environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

bool process_start(const char *program, const char *const *arguments, pid_t *ret_pid,
                   int *ret_control, struct error *err) {
    int pair[2];
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_internal(err, "socketpair: %s", strerror(errno));
    const char **list = argument_list(program, arguments);
    int rc = spawn(program, list, pair[1], &pid);
    free(list);
    close(pair[1]);
    if (rc != 0) {
        close(pair[0]);
        return fail(err, ERROR_UNAVAILABLE, "signer-unavailable",
                    "The signer %.200s cannot be started: %s.", program, strerror(rc));
    }
    *ret_pid = pid;
    *ret_control = pair[0];
    return true;
}

void process_stop(pid_t pid, int control, bool at_once) {
    struct timespec nap = {.tv_nsec = 2 * 1000 * 1000};
    if (control >= 0)
        close(control);
    if (pid <= 0)
        return;
    int64_t until = clock_monotonic_us() + STOP_US;
    while (!at_once && clock_monotonic_us() < until) {
        pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended == pid || (ended < 0 && errno == ECHILD))
            return;
        nanosleep(&nap, NULL);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
