/* gatehouse-signer: the only process that loads PKCS#11 modules and sees PINs. */
#include "signer/ceremony.h"
#include "signer/child.h"
#include "signer/init.h"
#include "signer/serve.h"

#include "base/log.h"
#include "base/options.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define ENV_PREFIX "GATEHOUSE_SIGNER"
#define SECURE_HEAP (64 * 1024) /* PINs */

static const struct option_spec specs[] = {
    {"config", OPTION_TEXT, NULL, 0, 0, "File with options, one \"name = value\" a line."},
    {"init", OPTION_FLAG, "false", 0, 0,
     "Make what is missing of the managed token (token, PIN files, key-encryption key), test it, "
     "and end."},
    {"new-kek", OPTION_FLAG, "false", 0, 0,
     "With --init: make one more key-encryption key; \"gatehouse kek rotate\" puts it to use."},
    {"split-kek", OPTION_TEXT, NULL, 0, 0,
     "K/N: make a key-encryption key that any K of N shares restore, hand out the shares, and end."},
    {"share-dir", OPTION_TEXT, NULL, 0, 0,
     "Folder for the files of the shares; without it they are shown on the terminal, one after the other."},
    {"share", OPTION_LIST, NULL, 0, 0,
     "File with a share (\"-\": standard input): put the key-encryption key of these shares into the managed token, "
     "and end."},
    {"managed-module", OPTION_TEXT, NULL, 0, 0, "PKCS#11 module of the managed token."},
    {"managed-token", OPTION_TEXT, "gatehouse", 0, 0, "Label of the managed token."},
    {"managed-pin-file", OPTION_TEXT, NULL, 0, 0, "File with the managed token's user PIN."},
    {"managed-so-pin-file", OPTION_TEXT, NULL, 0, 0,
     "File with its security officer's PIN, for --init; default is the PIN file's name with "
     "\".so\" behind it."},
    {"token-dir", OPTION_TEXT, NULL, 0, 0,
     "Folder of softtoken's tokens; sets GATEHOUSE_SOFTTOKEN_DIR."},
    {"module", OPTION_LIST, NULL, 0, 0, "A further PKCS#11 module, as NAME=PATH."},
    {"module-timeout", OPTION_NUMBER, "60", 1, 600,
     "Seconds for an answer of a further module; then its process is killed and started again."},
    {"child", OPTION_TEXT, NULL, 0, 0,
     "NAME=PATH of the one module that this process is for: how a signer starts the processes of "
     "its further modules."},
    {"pin", OPTION_LIST, NULL, 0, 0, "File with a further token's user PIN, as LABEL=FILE; "
     "credential:NAME (systemd) or env:VARIABLE instead of FILE."},
    {"keys-max", OPTION_NUMBER, "1024", 16, 1000000, "Keys that are kept unwrapped at a time."},
    {"fd", OPTION_NUMBER, "-1", -1, 1000000,
     "Number of the control socket by which the gateway passes connections; the end of it is the "
     "end of "
     "this process."},
    {"socket", OPTION_TEXT, NULL, 0, 0,
     "Unix socket to listen on, when the signer runs by itself."},
    {"allow-user", OPTION_TEXT, NULL, 0, 0,
     "The user who may connect to the socket; default is the signer's own."},
    {"log-level", OPTION_TEXT, "info", 0, 0,
     "Least level that is logged: debug, info, warn, error."},
    {"log-json", OPTION_FLAG, "false", 0, 0, "Log lines as JSON."},
    {0}};

#define MANAGED_CHILD "managed="

struct command_line {
    int argc;
    char **argv;
};

/* Nobody reads this process's memory: not a debugger of the same user, not a core file. Programs
 * that were started by a module could not gain rights. */
static void harden(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef GATEHOUSE_SANITIZED /* the leak checker attaches to its own process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (CRYPTO_secure_malloc_init(SECURE_HEAP, 16) == 0)
        fputs("gatehouse-signer: no locked memory for PINs (raise LimitMEMLOCK)\n", stderr);
}

/* What a careless parent left open must not be reachable by a module. */
static void close_stray(int keep) {
    if (keep > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
    close_range((unsigned)(keep > STDERR_FILENO ? keep : STDERR_FILENO) + 1, ~0U, 0);
}

static const char *const *list_option(struct arena *arena, const struct options *options,
                                      const char *name) {
    size_t count = 0;
    while (option_item(options, name, count) != NULL)
        count++;
    const char **items = arena_array(arena, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = option_item(options, name, i);
    return items;
}

static bool is_ceremony(const struct options *options) {
    return option_text(options, "split-kek") != NULL || option_item(options, "share", 0) != NULL;
}

static bool check_options(const struct options *options, struct error *err) {
    bool managed = option_text(options, "managed-module") != NULL;
    if (managed != (option_text(options, "managed-pin-file") != NULL))
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The options managed-module and managed-pin-file go together.");
    if (option_flag(options, "init"))
        return managed ? true
                       : fail(err, ERROR_MALFORMED, "bad-option",
                              "The option init needs managed-module and managed-pin-file.");
    if (is_ceremony(options))
        return managed ? true
                       : fail(err, ERROR_MALFORMED, "bad-option",
                              "The options split-kek and share need managed-module and managed-pin-file.");
    if (option_number(options, "fd") < 0 && option_text(options, "socket") == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "Nothing to do: give --socket PATH to serve on, or --init.");
    return true;
}

static bool run_init(struct vault *vault, struct arena *arena, const struct options *options,
                     struct error *err) {
    struct init_config config = {
        .token_label = option_text(options, "managed-token"),
        .pin_file = option_text(options, "managed-pin-file"),
        .so_pin_file = option_text(options, "managed-so-pin-file"),
        .new_kek = option_flag(options, "new-kek"),
    };
    if (config.so_pin_file == NULL)
        config.so_pin_file = arena_printf(arena, "%s.so", config.pin_file);
    TRY(init_managed_token(vault, &config, err));
    log_info("signer", "the managed token \"%s\" is ready", config.token_label);
    return true;
}

static bool run_ceremony(struct vault *vault, struct arena *arena, const struct options *options,
                         struct error *err) {
    const char *split = option_text(options, "split-kek");
    if (split != NULL)
        return ceremony_split(vault, &(struct split_order){split, option_text(options, "share-dir")}, err);
    return ceremony_join(vault, list_option(arena, options, "share"), err);
}

static void block_stop_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before a module starts threads */
}

/* The program of this process, though it may have been replaced meanwhile. */
static const char *own_program(struct arena *arena) {
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len <= 0)
        return "/proc/self/exe";
    path[len] = '\0';
    return access(path, X_OK) == 0 ? arena_strdup(arena, path) : "/proc/self/exe";
}

/* A child gets the command line of its parent, but for what only the parent serves. */
static const char *const *child_arguments(struct arena *arena, int argc, char **argv) {
    static const char *const own[] = {"--fd", "--socket"};
    const char **list = arena_array(arena, (size_t)argc + 1, sizeof *list);
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        bool skip = false;
        for (size_t k = 0; k < 2 && !skip; k++) {
            size_t len = strlen(own[k]);
            skip = strncmp(argv[i], own[k], len) == 0 && (argv[i][len] == '=' || argv[i][len] == 0);
            if (skip && argv[i][len] == 0)
                i++;
        }
        if (!skip)
            list[count++] = argv[i];
    }
    return list;
}

/* Ours runs in this process, which spares each signature a hop; a vendor's module in one of its own. */
static bool is_softtoken(const char *path) {
    const char *slash = strrchr(path, '/');
    return strcmp(slash == NULL ? path : slash + 1, "gatehouse-softtoken.so") == 0;
}

static const char *managed_child(struct arena *arena, const struct options *options) {
    const char *module = option_text(options, "managed-module");
    return module == NULL || is_softtoken(module) ? NULL : arena_printf(arena, MANAGED_CHILD "%s", module);
}

static bool open_children(struct arena *arena, const struct options *options,
                          const struct command_line *line, struct vault *vault,
                          struct error *err) {
    struct children_config config = {
        .program = own_program(arena),
        .arguments = child_arguments(arena, line->argc, line->argv),
        .modules = list_option(arena, options, "module"),
        .managed = managed_child(arena, options),
        .patience = (unsigned)option_number(options, "module-timeout"),
    };
    return config.modules[0] == NULL && config.managed == NULL ? true : children_open(&config, &vault->children, err);
}

/* A child has one module; the parent that of the managed token, unless that is a child's. `alone`: there are none. */
static struct vault_config vault_settings(struct arena *arena, const struct options *options, bool alone) {
    const char *child = option_text(options, "child");
    bool manages = child != NULL ? strncmp(child, MANAGED_CHILD, sizeof MANAGED_CHILD - 1) == 0
                                 : alone || managed_child(arena, options) == NULL;
    const char **modules = arena_array(arena, 2, sizeof *modules);
    struct vault_config config = {
        .modules_needed = true,
        .pins = list_option(arena, options, "pin"),
        .keys_max = (size_t)option_number(options, "keys-max"),
    };
    if (manages) {
        config.managed_module = option_text(options, "managed-module");
        config.managed_token = config.managed_module == NULL ? NULL : option_text(options, "managed-token");
        config.managed_pin_file = config.managed_module == NULL ? NULL : option_text(options, "managed-pin-file");
    } else if (child != NULL) {
        modules[0] = child;
        config.modules = modules;
    }
    return config;
}

static bool run(struct arena *arena, const struct options *options,
                const struct command_line *line, struct error *err) {
    enum log_level level;
    TRY(check_options(options, err));
    if (!log_level_parse(option_text(options, "log-level"), &level))
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The option log-level is debug, info, warn or error.");
    log_setup(level, option_flag(options, "log-json"), "gatehouse-signer");
    if (option_text(options, "token-dir") != NULL)
        setenv("GATEHOUSE_SOFTTOKEN_DIR", option_text(options, "token-dir"), 1);
    bool is_child = option_text(options, "child") != NULL;
    bool init = !is_child && option_flag(options, "init");
    bool ceremony = !is_child && !init && is_ceremony(options);
    struct vault_config config = vault_settings(arena, options, init || ceremony);
    struct listen_config listen = {(int)option_number(options, "fd"),
                                   option_text(options, "socket"),
                                   option_text(options, "allow-user")};
    struct vault *vault;
    if (!init && !ceremony)
        block_stop_signals();
    TRY(vault_open(&config, &vault, err));
    if (is_child)
        listen.socket_path = NULL; /* the environment's is the parent's */
    else if (!init && !ceremony)
        TRY(open_children(arena, options, line, vault, err));
    if (ceremony)
        return run_ceremony(vault, arena, options, err);
    return init ? run_init(vault, arena, options, err) : serve(vault, &listen, err);
}

/* gatehouse-signer --agent ...: the program beside this one, which starts signers itself. It is another one, so that
 * what talks to a network is not in here. */
static int become_agent(char **argv) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *own = own_program(arena), *end = strrchr(own, '/');
    char *program = arena_printf(arena, "%.*s/gatehouse-agent", (int)(end - own), own);
    argv[1] = program;
    execv(program, argv + 1);
    fprintf(stderr, "gatehouse-signer: %s cannot be started: %s\n", program, strerror(errno));
    return 1;
}

int main(int argc, char **argv) {
    struct error err = {0};
    if (argc > 1 && strcmp(argv[1], "--agent") == 0)
        return become_agent(argv);
    struct options *options;
    harden();
    struct arena *arena = arena_new();
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("gatehouse-signer %s: the process that holds the keys\n"
               "gatehouse-signer --agent ...: gatehouse-agent, which see\n\n%s",
               GATEHOUSE_VERSION,
               options_help(arena, specs, ENV_PREFIX));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("gatehouse-signer %s\n", GATEHOUSE_VERSION);
        return 0;
    }
    bool done = options_read(arena, specs, ENV_PREFIX, argc - 1, argv + 1, &options, &err);
    if (done) {
        close_stray((int)option_number(options, "fd"));
        done = run(arena, options, &(struct command_line){argc, argv}, &err);
    }
    if (!done)
        log_failure(LOG_ERROR, "signer", "stopped", &err);
    /* Threads and modules are alive: their destructors would pull the ground from under them. */
    fflush(NULL);
    _exit(done ? 0 : 1);
}
