#include "commands/app.h"

#include "base/clock.h"
#include "base/log.h"
#include "commands/network.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct option_spec app_options[] = {
    {"config", OPTION_TEXT, NULL, 0, 0, "Configuration file: the same names, one \"name = value\" a line."},
    {"data", OPTION_TEXT, "./var", 0, 0, "Directory of the managed token, its PIN and the first log-in."},
    {"db", OPTION_TEXT, NULL, 0, 0,
     "Database: mysql://user:password@host:port/name, or mysql://user@localhost/name?socket=/path."},
    {"db-password-file", OPTION_TEXT, NULL, 0, 0,
     "File (or credential:NAME, systemd's LoadCredential=) with the password of the user in db."},
    {"db-pool", OPTION_NUMBER, "16", 1, 500, "Most connections to the database at once."},
    {"mode", OPTION_TEXT, "full", 0, 0,
     "full, or validation: OCSP, CRLs and CA certificates alone, from a database that is only read (docs/operations.md)."},
    {"most-behind", OPTION_NUMBER, "600", 1, 604800,
     "mode = validation: seconds that what is read may be old; then there are no OCSP answers."},
    {"http", OPTION_LIST, "127.0.0.1:8080", 0, 0, "ADDRESS:PORT for plain HTTP (AIA, CRL, OCSP)."},
    {"https", OPTION_LIST, "127.0.0.1:8443", 0, 0, "ADDRESS:PORT for HTTPS without client certificates."},
    {"mtls", OPTION_LIST, NULL, 0, 0, "ADDRESS:PORT for HTTPS that asks for a client certificate."},
    {"listen", OPTION_LIST, NULL, 0, 0,
     "A listener with settings of its own: ADDRESS:PORT or unix:/PATH, then http, https, mtls or proxied (TLS ends "
     "at a trusted proxy), then paths=/a,/b, threads=N, most=N requests at once, "
     "header-kb=, body-kb= (where a route takes more), timeout=, keep-alive= (0: none) and grace= in seconds, "
     "client=required (mtls), "
     "proxy-protocol (https, mtls: a PROXY header, version 1 or 2, of a trusted proxy comes first)."},
    {"agents", OPTION_LIST, NULL, 0, 0,
     "ADDRESS:PORT where agents connect (WebSocket over TLS), see docs/agent.md; without it none can."},
    {"agent-patience", OPTION_NUMBER, "5", 1, 60,
     "Seconds without a word from an agent that was asked for something; then another one is asked."},
    {"trusted-proxy", OPTION_LIST, NULL, 0, 0,
     "Address or network of a proxy in front, or unix; what it says about the client's address is believed."},
    {"proxy-header", OPTION_TEXT, "X-Forwarded-For", 0, 0,
     "The header it says that in: X-Forwarded-For or Forwarded (RFC 7239)."},
    {"outgoing-proxy", OPTION_TEXT, NULL, 0, 0,
     "http://, https:// or socks5h:// URL of the proxy that everything fetched goes through."},
    {"outgoing-proxy-password-file", OPTION_TEXT, NULL, 0, 0,
     "File (or credential:NAME) with the password of the user in outgoing-proxy."},
    {"outgoing-direct", OPTION_LIST, NULL, 0, 0,
     "Name (with all below it), address or network that is fetched from without the proxy."},
    {"outgoing-ca-file", OPTION_TEXT, NULL, 0, 0,
     "PEM file of the CAs that servers we fetch from may have; default: the system's."},
    {"issuers-from", OPTION_LIST, NULL, 0, 0,
     "Address or network of this host that an imported CA's missing issuers may be fetched from as well (caIssuers in its "
     "certificate; other hosts always may); none: nothing is fetched."},
    {"public-name", OPTION_LIST, NULL, 0, 0,
     "Name or address others reach the instance by; the first goes into URLs, all into its TLS certificate."},
    {"public-url", OPTION_TEXT, NULL, 0, 0,
     "Base URL of the plain HTTP listener as others see it; goes into CDP, AIA and OCSP."},
    {"public-https-url", OPTION_TEXT, NULL, 0, 0, "Base URL of the HTTPS listener as others see it."},
    {"console", OPTION_TEXT, NULL, 0, 0,
     "Directory of the web console's files; default: share/gatehouse/console beside this program's."},
    {"public-pages", OPTION_TEXT, NULL, 0, 0,
     "Directory of the public pages' files; default: share/gatehouse/public beside this program's."},
    {"publish-directory", OPTION_TEXT, NULL, 0, 0,
     "Directory under which CAs may publish their CRLs as files (file:///...); without it they may not."},
    {"mail-server", OPTION_TEXT, NULL, 0, 0,
     "smtps://USER@HOST:PORT, smtp://... (STARTTLS) or smtp-plain://...; wins over the setting of the console."},
    {"mail-from", OPTION_TEXT, NULL, 0, 0, "Sender of mail: name@example.org, or Name <name@example.org>."},
    {"mail-password-file", OPTION_TEXT, NULL, 0, 0, "File with the password of the mail server's USER."},
    {"mail-ca-file", OPTION_TEXT, NULL, 0, 0, "CA certificates to trust for the mail server; default: the system's."},
    {"threads", OPTION_NUMBER, "64", 2, 1000, "Worker threads of each kind of listener."},
    {"request-timeout", OPTION_NUMBER, "30", 1, 3600,
     "Seconds a client has to send a request's header; less while others wait for a thread."},
    {"drain", OPTION_NUMBER, "0", 0, 600,
     "Seconds that readyz says no before a stop, so that proxies send nobody any more."},
    {"stop-grace", OPTION_NUMBER, "30", 1, 3600, "Seconds that running requests have to end at a stop."},
    {"jobs-interval", OPTION_NUMBER, "60", 1, 86400, "Seconds between two rounds of renewals."},
    {"ntp-server", OPTION_LIST, NULL, 0, 0,
     "HOST[:PORT] of an NTP server to compare the clock with; several, more than half of them must agree."},
    {"chrony", OPTION_TEXT, NULL, 0, 0,
     "Trust chronyd's tracking instead: ADDRESS:PORT (127.0.0.1:323) or the path of its socket."},
    {"clock-error", OPTION_NUMBER, "1000", 1, 3600000,
     "Milliseconds the clock may be wrong by; past it there are no timestamps."},
    {"clock-interval", OPTION_NUMBER, "16", 1, 3600, "Seconds between two looks at the clock."},
    {"first-login", OPTION_TEXT, NULL, 0, 0,
     "File that init writes the first administrator's password and token into (mode 0600)."},
    {"signer-program", OPTION_TEXT, NULL, 0, 0, "The signer; default: gatehouse-signer beside this program."},
    {"signer-socket", OPTION_TEXT, NULL, 0, 0, "Socket of a signer that runs by itself; else one is started."},
    {"managed-module", OPTION_TEXT, NULL, 0, 0,
     "PKCS#11 module of the managed token; default: the softtoken that comes with this program."},
    {"managed-token", OPTION_TEXT, "gatehouse", 0, 0, "Label of the managed token."},
    {"managed-pin-file", OPTION_TEXT, NULL, 0, 0, "File with its PIN; default: DATA/token.pin."},
    {"module", OPTION_LIST, NULL, 0, 0, "NAME=PATH of a further PKCS#11 module (HSM, YubiKey)."},
    {"module-timeout", OPTION_NUMBER, "60", 1, 600,
     "Seconds for an answer of such a module; then its process is killed and started again."},
    {"pin", OPTION_LIST, NULL, 0, 0,
     "TOKENLABEL=FILE: the PIN of a token of these modules; credential:NAME (systemd) or env:VARIABLE instead of FILE."},
    {"token-requests", OPTION_NUMBER, "0", 0, 100000,
     "Requests a second that an API token may send to this node (429 beyond); 0: no limit. A token may have less."},
    {"token-certificates", OPTION_NUMBER, "0", 0, 1000000000,
     "Certificates a day (UTC) that an API token may be given; 0: no limit."},
    {"organisation-requests", OPTION_NUMBER, "0", 0, 100000,
     "Requests a second that the programs of an organisation may send to this node together; 0: no limit."},
    {"organisation-certificates", OPTION_NUMBER, "0", 0, 1000000000,
     "Certificates a day (UTC) of an organisation's CAs, by all protocols; 0: no limit."},
    {"metrics-allow", OPTION_LIST, NULL, 0, 0,
     "Address or network (10.0.0.0/8) that may read /metrics without an API token."},
    {"log-level", OPTION_TEXT, "info", 0, 0,
     "debug, info, warn or error; for single rooms: info,http=warn,acme=debug. SIGHUP reads it again."},
    {"log-json", OPTION_FLAG, "false", 0, 0, "Log lines as JSON."},
    {NULL, OPTION_TEXT, NULL, 0, 0, NULL},
};

static const char *beside_program(struct arena *arena, const char *relative) {
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len <= 0)
        return relative;
    path[len] = '\0';
    *strrchr(path, '/') = '\0';
    return arena_printf(arena, "%s/%s", path, relative);
}

static bool data_directory(struct app *app, struct error *err) {
    const char *given = option_text(app->options, "data");
    char path[PATH_MAX];
    if (mkdir(given, 0700) != 0 && errno != EEXIST)
        return fail(err, ERROR_UNAVAILABLE, "data-directory",
                    "The data directory %.200s cannot be made: %s.", given, strerror(errno));
    if (realpath(given, path) == NULL)
        return fail(err, ERROR_UNAVAILABLE, "data-directory",
                    "The data directory %.200s cannot be used: %s.", given, strerror(errno));
    app->data = arena_strdup(app->arena, path);
    return true;
}

static void add(const char **list, size_t *count, const char *name, const char *value) {
    list[(*count)++] = name;
    list[(*count)++] = value;
}

static void signer_arguments(struct app *app) {
    const struct options *o = app->options;
    size_t many = 0, count = 0;
    while (option_item(o, "module", many) != NULL || option_item(o, "pin", many) != NULL)
        many++;
    const char **list = arena_array(app->arena, 14 + 4 * many, sizeof *list);
    const char *module = option_text(o, "managed-module"), *pin = option_text(o, "managed-pin-file");
    if (module == NULL)
        module = beside_program(app->arena, "../lib/gatehouse/gatehouse-softtoken.so");
    if (pin == NULL)
        pin = arena_printf(app->arena, "%s/token.pin", app->data);
    add(list, &count, "--managed-module", module);
    add(list, &count, "--managed-token", option_text(o, "managed-token"));
    add(list, &count, "--managed-pin-file", pin);
    add(list, &count, "--token-dir", arena_printf(app->arena, "%s/token", app->data));
    for (size_t i = 0; option_item(o, "module", i) != NULL; i++)
        add(list, &count, "--module", option_item(o, "module", i));
    add(list, &count, "--module-timeout",
        arena_printf(app->arena, "%lld", (long long)option_number(o, "module-timeout")));
    for (size_t i = 0; option_item(o, "pin", i) != NULL; i++)
        add(list, &count, "--pin", option_item(o, "pin", i));
    app->signer_arguments = list;
    app->signer_program = option_text(o, "signer-program");
    if (app->signer_program == NULL)
        app->signer_program = beside_program(app->arena, "gatehouse-signer");
}

bool app_set_log_levels(const struct options *options, struct error *err) {
    return log_set_levels(option_text(options, "log-level")) ||
           fail(err, ERROR_MALFORMED, "bad-option",
                "log-level is debug, info, warn or error, or a list like info,http=warn,acme=debug.");
}

bool app_read_options(struct app *app, int argc, char *const argv[], struct error *err) {
    *app = (struct app){.arena = arena_new()};
    return options_read(app->arena, app_options, "GATEHOUSE", argc, argv, &app->options, err);
}

bool app_configure(struct app *app, int argc, char *const argv[], struct error *err) {
    TRY(app_read_options(app, argc, argv, err));
    log_setup(LOG_INFO, option_flag(app->options, "log-json"), "gatehouse");
    TRY(app_set_log_levels(app->options, err));
    umask(0077);
    TRY(data_directory(app, err));
    signer_arguments(app);
    return true;
}

bool app_open_database(struct app *app, struct error *err) {
    const char *url = option_text(app->options, "db");
    if (url == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The option --db (or db in the configuration file) is missing.");
    const char *file = option_text(app->options, "db-password-file"), *password;
    if (file != NULL) {
        TRY(read_secret(app->arena, file, &password, err));
        url = url_with_password(app->arena, url, password);
        if (url == NULL)
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "db is mysql://USER@HOST/NAME when its password is in db-password-file.");
    }
    return db_open(url, (unsigned)option_number(app->options, "db-pool"), &app->db, err);
}

const char *app_console_directory(struct app *app) {
    const char *given = option_text(app->options, "console");
    return given != NULL ? given : beside_program(app->arena, "../share/gatehouse/console");
}

const char *app_public_directory(struct app *app) {
    const char *given = option_text(app->options, "public-pages");
    return given != NULL ? given : beside_program(app->arena, "../share/gatehouse/public");
}

bool app_open_signer(struct app *app, struct error *err) {
    struct signer_config config = {.socket_path = option_text(app->options, "signer-socket")};
    if (config.socket_path == NULL) {
        config.program = app->signer_program;
        config.arguments = app->signer_arguments;
    }
    return signer_open(&config, &app->signer, err);
}

/* The same after a restart. */
static const char *node_name(const struct app *app) {
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    return arena_printf(app->arena, "%s:%.120s", host, app->data);
}

bool app_make_core(struct app *app, struct error *err) {
    const char *mode = option_text(app->options, "mode");
    struct core_config config = {.db = app->db,
                                 .signer = app->signer,
                                 .publish_directory = option_text(app->options, "publish-directory"),
                                 .node = node_name(app),
                                 .reads_only = strcmp(mode, "validation") == 0,
                                 .most_behind_us = option_number(app->options, "most-behind") * US_PER_SECOND};
    struct app_names names;
    TRY(network_issuers(app->arena, app->options, &config.issuers, err));
    if (!config.reads_only && strcmp(mode, "full") != 0)
        return fail(err, ERROR_MALFORMED, "bad-option", "mode is full or validation, not %.40s.", mode);
    if (config.reads_only) { /* it may not read the settings */
        TRY(app_names_of(app, &names, err));
        config.http = names.http;
        config.https = names.https;
    }
    app->core = core_new(&config);
    return true;
}

bool app_open_core(struct app *app, struct error *err) {
    if (app->db == NULL)
        TRY(app_open_database(app, err));
    TRY(db_schema_check(app->db, err));
    TRY(app_open_signer(app, err));
    return app_make_core(app, err);
}

void app_disconnect(struct app *app) {
    core_free(app->core);
    if (app->signer != NULL)
        signer_close(app->signer);
    if (app->db != NULL)
        db_close(app->db);
    app->core = NULL;
    app->signer = NULL;
    app->db = NULL;
}

void app_close(struct app *app) {
    app_disconnect(app);
    arena_free(app->arena);
    *app = (struct app){0};
}

int command_failed(const char *what, const struct error *err) {
    fprintf(stderr, "gatehouse: %s: %s%s%s%s\n", what, err->message, err->detail[0] ? " (" : "",
            err->detail, err->detail[0] ? ")" : "");
    return 1;
}

struct clock_settings app_clock(const struct options *options) {
    struct clock_settings settings = {.chrony = option_text(options, "chrony"),
                                      .max_error_us = option_number(options, "clock-error") * 1000,
                                      .interval_us = option_number(options, "clock-interval") * US_PER_SECOND};
    for (size_t i = 0; i < TSP_CLOCK_MAX_SERVERS && option_item(options, "ntp-server", i) != NULL; i++)
        settings.servers[settings.server_count++] = option_item(options, "ntp-server", i);
    return settings;
}
