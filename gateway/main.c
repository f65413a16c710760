/* gatehouse: the gateway's program and its subcommands. */
#include "commands/app.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char *const argv[]);
    const char *help;
} commands[] = {
    {"init", command_init, "Makes schema, managed token, TLS certificate and the first administrator."},
    {"serve", command_serve, "Serves until SIGINT or SIGTERM."},
    {"check", command_check, "Looks at everything serve needs: a line each, ok or what to do."},
    {"diagnose", command_diagnose,
     "diagnose FILE.zip [--log FILE]: what whoever helps needs to know, without secrets."},
    {"migrate", command_migrate,
     "migrate [--dry-run]: brings the schema up to date, or says what that would run (exit status 3)."},
    {"backup", command_backup,
     "backup FILE --to CERTIFICATE.pem | --passphrase-file FILE [--add PATH]: all of the instance, sealed."},
    {"restore", command_restore,
     "restore FILE --key KEY.pem | --passphrase-file FILE [--events FILE | --extract DIR]: onto an empty machine."},
    {"ctl", command_ctl, "ctl COMMAND ...: every act of an administrator over the REST API; ctl help."},
    {"kek", command_kek, "kek status|rotate|cancel|remove|split|join: the key-encryption keys, see docs/keys.md."},
    {"node", command_node,
     "node invite ADDRESS:PORT; node join ADDRESS:PORT CODE: one more node, by a code that holds once; see docs/operations.md."},
    {"token login", command_token_login, "token login URI: the PIN of a token, typed; the signer keeps it until it ends."},
    {"config", command_config,
     "config check|show|export FILE|import FILE [--dry-run]|reference: the configuration, see docs/configuration.md."},
    {"log", command_log, "log level [LEVELS [--minutes N]], log tail: of an instance that runs, over the REST API."},
    {"audit", command_audit, "audit verify, export, archive, key: the sealed trail of events."},
    {"key", command_key,
     "key create, csr, list, delete, certificate: keys in tokens, over the REST API as ctl; see docs/keys.md."},
    {"token", command_token,
     "token list; token check URI: log in, find, sign, verify, decrypt, wrap, a line each: ok or what to do."},
    {"tls", command_tls,
     "tls show, set, csr, import, renew: the instance's own TLS certificate, over the REST API; see docs/operations.md."},
    {"user", command_user, "user reset NAME: a new one-time password."},
};

static int help(FILE *to) {
    SCOPED_ARENA struct arena *arena = arena_new();
    fputs("usage: gatehouse COMMAND [options]\n\nCommands:\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(to, "\nOptions (default < file < environment < command line):\n%s",
            options_help(arena, app_options, "GATEHOUSE"));
    return to == stdout ? 0 : 2;
}

int main(int argc, char *argv[]) {
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        puts("gatehouse " GATEHOUSE_VERSION);
        return 0;
    }
    if (argc > 2 && strcmp(argv[1], "token") == 0 && strcmp(argv[2], "login") == 0)
        return command_token_login(argc - 3, argv + 3);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return argc > 2 && strcmp(argv[2], "--help") == 0 ? help(stdout)
                                                              : commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "gatehouse: there is no command \"%s\"; gatehouse --help lists them\n", argv[1]);
    return 2;
}
