/* gatehouse-agent: lends the tokens of this machine to a gateway elsewhere. It loads no PKCS#11 module:
 * gatehouse-signer, which it starts, does. */
#include "agent/gateways.h"
#include "agent/page.h"
#include "agent/password.h"

#include "base/log.h"
#include "base/options.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENV_PREFIX "GATEHOUSE_AGENT"
#define ROOM "agent"
#define LARGE (256 * 1024)
#define MADE_MAX 64 /* tokens that were made on the page */

static const struct option_spec specs[] = {
    {"config", OPTION_TEXT, NULL, 0, 0, "File with options, one \"name = value\" a line."},
    {"gateway", OPTION_LIST, NULL, 0, 0,
     "HOST:PORT of a gateway's agents listener; give every node's, the agent keeps a connection to each."},
    {"gateway-ca", OPTION_TEXT, NULL, 0, 0,
     "PEM file of the CAs that the gateway's TLS certificate may have; default: it is not looked at, since "
     "the messages within prove who the gateway is."},
    {"state", OPTION_TEXT, "/var/lib/gatehouse-agent", 0, 0,
     "Directory of the agent's key and certificate."},
    {"enrol", OPTION_FLAG, "false", 0, 0, "Enrol with a one-time code of the gateway, and end."},
    {"code-file", OPTION_TEXT, "-", 0, 0, "File with the code for --enrol; - is standard input."},
    {"module", OPTION_LIST, NULL, 0, 0, "A PKCS#11 module, as NAME=PATH."},
    {"pin", OPTION_LIST, NULL, 0, 0, "File with a token's user PIN, as LABEL=FILE."},
    {"token-dir", OPTION_TEXT, NULL, 0, 0,
     "Folder of softtoken's tokens; sets GATEHOUSE_SOFTTOKEN_DIR."},
    {"page", OPTION_TEXT, NULL, 0, 0,
     "ADDRESS:PORT of the local page (HTTPS), e.g. 127.0.0.1:8446; without it there is none."},
    {"set-password", OPTION_FLAG, "false", 0, 0,
     "Set the local page's password, a line on standard input, and end."},
    {"module-timeout", OPTION_NUMBER, "60", 1, 600,
     "Seconds for an answer of a module; then its process is killed and started again."},
    {"gateway-keys", OPTION_TEXT, "all", 0, 0,
     "What gateways may do with keys in the tokens beside using them: none, make (new ones), all (remove them, too)."},
    {"threads", OPTION_NUMBER, "8", 1, 64, "Requests that are worked on at once."},
    {"signer-program", OPTION_TEXT, NULL, 0, 0,
     "The program gatehouse-signer; default: the one beside this program."},
    {"log-level", OPTION_TEXT, "info", 0, 0,
     "Least level that is logged: debug, info, warn, error."},
    {"log-json", OPTION_FLAG, "false", 0, 0, "Log lines as JSON."},
    {0}};

struct agent {
    struct arena *arena;
    const struct options *options;
    struct agent_state state;
    SSL_CTX *tls;
    struct signer *signer;
    struct relay *relay;
    struct gateways *gateways;
    const char *program; /* of this process, to begin anew */
    char **arguments;
};

/* ---- small parts ----------------------------------------------------------------------------- */

/* Its memory holds the key of its sessions. */
static void harden(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef GATEHOUSE_SANITIZED /* the leak checker attaches to its own process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static const char *const *list_option(const struct agent *agent, const char *name) {
    size_t count = 0;
    while (option_item(agent->options, name, count) != NULL)
        count++;
    const char **items = arena_array(agent->arena, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = option_item(agent->options, name, i);
    return items;
}

static const char *own_program(struct arena *arena) {
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    return len <= 0 ? "gatehouse-agent" : arena_text(arena, view_of(path, (size_t)len));
}

static const char *signer_program(const struct agent *agent) {
    const char *given = option_text(agent->options, "signer-program"), *slash = strrchr(agent->program, '/');
    if (given != NULL || slash == NULL)
        return given != NULL ? given : "gatehouse-signer";
    return arena_printf(agent->arena, "%.*s/gatehouse-signer", (int)(slash - agent->program), agent->program);
}

static void add(const char **list, size_t *count, const char *name, const char *value) {
    if (value == NULL)
        return;
    list[(*count)++] = name;
    list[(*count)++] = value;
}

/* Tokens that were made on the page: their PINs lie in the state directory. */
static void add_made_tokens(const struct agent *agent, const char **list, size_t *count) {
    const char *directory = option_text(agent->options, "state");
    const struct dirent *entry;
    size_t made = 0, prefix = strlen(PAGE_PIN_PREFIX), suffix = strlen(PAGE_PIN_SUFFIX);
    DIR *folder = opendir(directory);
    while (folder != NULL && made < MADE_MAX && (entry = readdir(folder)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len <= prefix + suffix || strncmp(entry->d_name, PAGE_PIN_PREFIX, prefix) != 0 ||
            strcmp(entry->d_name + len - suffix, PAGE_PIN_SUFFIX) != 0)
            continue;
        add(list, count, "--pin",
            arena_printf(agent->arena, "%.*s=%s/%s", (int)(len - prefix - suffix), entry->d_name + prefix, directory,
                         entry->d_name));
        made++;
    }
    if (folder != NULL)
        closedir(folder);
}

static const char *const *signer_arguments(const struct agent *agent) {
    const char *const *modules = list_option(agent, "module"), *const *pins = list_option(agent, "pin");
    size_t many = 0, count = 0;
    while (modules[many] != NULL)
        many++;
    for (size_t i = 0; pins[i] != NULL; i++)
        many++;
    const char **list = arena_array(agent->arena, 2 * (many + MADE_MAX) + 8, sizeof *list);
    for (size_t i = 0; modules[i] != NULL; i++)
        add(list, &count, "--module", modules[i]);
    for (size_t i = 0; pins[i] != NULL; i++)
        add(list, &count, "--pin", pins[i]);
    add_made_tokens(agent, list, &count);
    add(list, &count, "--token-dir", option_text(agent->options, "token-dir"));
    add(list, &count, "--module-timeout",
        arena_printf(agent->arena, "%ld", option_number(agent->options, "module-timeout")));
    add(list, &count, "--log-level", option_text(agent->options, "log-level"));
    return list;
}

/* SoftHSM2 wants a configuration; without one its tokens lie in the state directory. */
static bool prepare_softhsm(const struct agent *agent, struct error *err) {
    const char *directory = option_text(agent->options, "state");
    const char *const *modules = list_option(agent, "module");
    bool used = false;
    for (size_t i = 0; modules[i] != NULL; i++)
        used = used || strstr(modules[i], "libsofthsm2") != NULL;
    if (!used || getenv("SOFTHSM2_CONF") != NULL)
        return true;
    const char *folder = arena_printf(agent->arena, "%s/softhsm", directory);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fail(err, ERROR_UNAVAILABLE, "state", "The folder %.200s cannot be made: %s.", folder, strerror(errno));
    const char *text = arena_printf(
        agent->arena, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", folder);
    TRY(state_write(directory, "softhsm2.conf", view_text(text), err));
    return setenv("SOFTHSM2_CONF", arena_printf(agent->arena, "%s/softhsm2.conf", directory), 1) == 0 ||
           fail_internal(err, "setenv");
}

/* ---- enrolment ------------------------------------------------------------------------------- */

static bool read_code(const struct agent *agent, char text[static CODE_TEXT_SIZE],
                      struct error *err) {
    const char *path = option_text(agent->options, "code-file");
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool done = file != NULL && fgets(text, CODE_TEXT_SIZE, file) != NULL;
    if (file != NULL && file != stdin)
        fclose(file);
    if (!done)
        return fail(err, ERROR_UNAVAILABLE, "bad-code", "The code cannot be read from %.200s.", path);
    text[strcspn(text, " \r\n")] = '\0';
    return true;
}

/* By the first address that can be reached. */
static bool enrol(struct agent *agent, struct error *err) {
    char text[CODE_TEXT_SIZE];
    uint8_t secret[HANDSHAKE_CODE], pin[HANDSHAKE_PIN];
    const char *const *gateways = list_option(agent, "gateway");
    struct link *link = NULL;
    TRY(read_code(agent, text, err));
    TRY(code_read(text, secret, pin, err));
    for (size_t i = 0; gateways[i] != NULL && link == NULL; i++)
        if (!dial(agent->tls, gateways[i], &link, err))
            link = NULL;
    if (link == NULL)
        return false;
    TRY(dial_enrol(link, secret, pin, option_text(agent->options, "state"), err));
    printf("enrolled\n");
    return true;
}

static bool set_password(const struct agent *agent, struct error *err) {
    char line[1026];
    if (fgets(line, sizeof line, stdin) == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option", "There is no password on standard input.");
    line[strcspn(line, "\r\n")] = '\0';
    bool done = page_password_set(option_text(agent->options, "state"), line, err);
    OPENSSL_cleanse(line, sizeof line);
    return done;
}

/* ---- serving --------------------------------------------------------------------------------- */

static bool rights_of(const struct agent *agent, enum relay_rights *ret, struct error *err) {
    static const char *const names[] = {[RELAY_USE] = "none", [RELAY_MAKE] = "make", [RELAY_ALL] = "all"};
    const char *given = option_text(agent->options, "gateway-keys");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(given, names[i]) == 0) {
            *ret = (enum relay_rights)i;
            return true;
        }
    return fail(err, ERROR_MALFORMED, "bad-option", "The option gateway-keys is none, make or all.");
}

/* The same program with the same arguments in the same process: nothing of before is left. */
static void *reload_main(void *argument) {
    struct agent *agent = argument;
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL); /* the answer goes out */
    log_info(ROOM, "begins anew");
    signer_close(agent->signer);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execv(agent->program, agent->arguments);
    log_error(ROOM, "%s cannot be started again: %s", agent->program, strerror(errno));
    _exit(1); /* whoever keeps services running starts it */
}

static void reload(void *context) {
    static atomic_flag once = ATOMIC_FLAG_INIT;
    pthread_t thread;
    if (!atomic_flag_test_and_set(&once) && pthread_create(&thread, NULL, reload_main, context) == 0)
        pthread_detach(thread);
}

static bool start(struct agent *agent, struct error *err) {
    enum relay_rights rights;
    TRY(rights_of(agent, &rights, err));
    struct signer_config config = {.program = signer_program(agent),
                                   .arguments = signer_arguments(agent)};
    TRY(state_load(option_text(agent->options, "state"), &agent->state, err));
    TRY(prepare_softhsm(agent, err));
    TRY(signer_open(&config, &agent->signer, err));
    TRY(relay_new(agent->signer, (unsigned)option_number(agent->options, "threads"), rights,
                  &agent->relay, err));
    TRY(gateways_start(list_option(agent, "gateway"), &agent->state, agent->tls, agent->relay,
                       &agent->gateways, err));
    struct page_config page = {.address = option_text(agent->options, "page"),
                               .directory = option_text(agent->options, "state"),
                               .modules = list_option(agent, "module"),
                               .signer = agent->signer,
                               .gateways = agent->gateways,
                               .reload = reload,
                               .reload_context = agent};
    return page.address == NULL || page_start(&page, err);
}

static bool run(struct agent *agent, const sigset_t *signals, struct error *err) {
    enum log_level level;
    int which;
    if (!log_level_parse(option_text(agent->options, "log-level"), &level))
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The option log-level is debug, info, warn or error.");
    log_setup(level, option_flag(agent->options, "log-json"), "gatehouse-agent");
    if (option_flag(agent->options, "set-password"))
        return set_password(agent, err);
    if (option_item(agent->options, "gateway", 0) == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "Nothing to connect to: give --gateway HOST:PORT.");
    TRY(dial_context(option_text(agent->options, "gateway-ca"), &agent->tls, err));
    if (option_flag(agent->options, "enrol"))
        return enrol(agent, err);
    TRY(start(agent, err));
    log_info(ROOM, "ready");
    sigwait(signals, &which);
    signer_close(agent->signer);
    return true;
}

int main(int argc, char **argv) {
    struct agent agent = {.arena = arena_new(), .arguments = argv};
    struct error err = {0};
    struct options *options;
    sigset_t signals;
    harden();
    agent.program = own_program(agent.arena);
    mallopt(M_MMAP_THRESHOLD, LARGE); /* fixed: what Argon2id took goes back to the system */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread is started: all inherit it */
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("gatehouse-agent %s: lends this machine's tokens to a gateway\n\n%s", GATEHOUSE_VERSION,
               options_help(agent.arena, specs, ENV_PREFIX));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("gatehouse-agent %s\n", GATEHOUSE_VERSION);
        return 0;
    }
    bool done = options_read(agent.arena, specs, ENV_PREFIX, argc - 1, argv + 1, &options, &err);
    if (done) {
        agent.options = options;
        done = run(&agent, &signals, &err);
    }
    if (!done)
        log_failure(LOG_ERROR, ROOM, "stopped", &err);
    fflush(NULL);
    _exit(done ? 0 : 1); /* threads are at work */
}
