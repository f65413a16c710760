/* What the subcommands share: the option table, and the parts of the instance, opened in order. */
#ifndef GATEHOUSE_COMMANDS_APP_H
#define GATEHOUSE_COMMANDS_APP_H

#include "base/options.h"
#include "ca/core.h"
#include "tsp/clock.h"

extern const struct option_spec app_options[];

struct app {
    struct arena *arena;
    struct options *options;
    const char *data;         /* absolute path of the data directory */
    const char *const *signer_arguments; /* for a signer started here */
    const char *signer_program;
    struct db *db;
    struct signer *signer;
    struct core *core;
};

/* The option log-level; also while the process runs. */
MUST_USE bool app_set_log_levels(const struct options *options, struct error *err);
/* Reads options alone. */
MUST_USE bool app_read_options(struct app *app, int argc, char *const argv[], struct error *err);
/* Reads options, sets up the log, works out paths. Opens nothing. */
MUST_USE bool app_configure(struct app *app, int argc, char *const argv[], struct error *err);
MUST_USE bool app_open_database(struct app *app, struct error *err);
MUST_USE bool app_open_signer(struct app *app, struct error *err);
/* Database and signer are open. ERROR_MALFORMED "bad-option" for an unknown mode. */
MUST_USE bool app_make_core(struct app *app, struct error *err);
MUST_USE bool app_open_core(struct app *app, struct error *err);
/* Closes database, signer and core; options and paths stay. */
void app_disconnect(struct app *app);
/* Whatever is open, in reverse order. */
void app_close(struct app *app);

/* Subcommands: the exit status. */
int command_init(int argc, char *const argv[]);
int command_serve(int argc, char *const argv[]);
int command_check(int argc, char *const argv[]);
int command_migrate(int argc, char *const argv[]);
int command_log(int argc, char *const argv[]);
int command_audit(int argc, char *const argv[]);
/* `gatehouse COMMAND WORD ...` as `gatehouse ctl OPERATION ...`; the last word is NULL. */
struct ctl_word {
    const char *word, *operation;
};
int command_ctl_word(const char *command, const struct ctl_word *words, int argc, char *const argv[]);
int command_key(int argc, char *const argv[]);
int command_tls(int argc, char *const argv[]);
int command_token(int argc, char *const argv[]);
int command_user(int argc, char *const argv[]);
/* A line for each thing that serve needs; false when something is a problem. */
bool check_everything(struct app *app);
/* Every option, its value and where that is from, as `config show` prints it: passwords masked. */
const char *config_shown(struct app *app);
int command_diagnose(int argc, char *const argv[]);
int command_backup(int argc, char *const argv[]);
int command_restore(int argc, char *const argv[]);
int command_ctl(int argc, char *const argv[]);
int command_token_login(int argc, char *const argv[]);
int command_kek(int argc, char *const argv[]);
int command_node(int argc, char *const argv[]);
int command_config(int argc, char *const argv[]);
/* "gatehouse: what: message" on standard error; 1. */
int command_failed(const char *what, const struct error *err);

/* Where the public reaches the instance, by the options. */
struct app_names {
    const char *http, *https;  /* base URLs */
    const char **names;        /* of the TLS certificate; the first is its CN */
    size_t count;
};
MUST_USE bool app_names_of(struct app *app, struct app_names *ret_names, struct error *err);

/* What the clock is compared with, by the options. */
struct clock_settings app_clock(const struct options *options);

/* Where the web console's files lie: option "console", or beside the program. */
const char *app_console_directory(struct app *app);
/* Likewise the public pages: option "public-pages". */
const char *app_public_directory(struct app *app);

#endif
