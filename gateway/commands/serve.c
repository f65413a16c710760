#include "access/access_room.h"
#include "acme/acme.h"
#include "agents/agents.h"
#include "api/api.h"
#include "audit/audit.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ca/retention.h"
#include "ca/own_tls.h"
#include "commands/app.h"
#include "commands/network.h"
#include "commands/validation_node.h"
#include "console/console.h"
#include "est/est.h"
#include "http/server.h"
#include "base/clock.h"
#include "ca/overdue.h"
#include "ca/request_more.h"
#include "ca/rates.h"
#include "jobs/jobs.h"
#include "keys/keys_room.h"
#include "keys/tokens.h"
#include "metrics/metrics_room.h"
#include "connections/connections.h"
#include "logs/logs.h"
#include "mail/mail.h"
#include "notices/notices.h"
#include "ocsp/ocsp.h"
#include "portal/portal.h"
#include "public/public.h"
#include "rest/ask.h"
#include "cmp/cmp.h"
#include "scep/scep.h"
#include "tls/tls.h"
#include "tsp/manage.h"
#include "validation/validation_room.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_ROOMS 32
#define MAX_JOBS 32
#define TLS_REFRESH_S 30
#define OVERDUE_SHOWN 32
#define TOKENS_EVERY_US (5 * US_PER_SECOND)

/* The TLS identity of the instance, read again now and then so that a new one needs no restart. */
struct tls_identity {
    struct core *core;
    pthread_mutex_t mutex;
    X509 *certificate;
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
    int64_t not_before_us, not_after_us, warn_us;
    bool given; /* nobody here renews it */
};

struct service {
    struct app app;
    struct tls_identity tls;
    struct tls_management tls_management;
    struct ocsp_responder *ocsp;
    struct portal *portal;
    struct metrics_page *metrics;
    struct tsp_clock *clock;
    struct tsp *tsp;
    struct tsp_management tsp_management;
    struct acme *acme;
    struct agents *agents;
    struct console *console;
    struct public_pages *pages;
    struct kek_watch kek;
    struct token_watch *tokens;
    struct jobs *jobs;
    struct http_room rooms[MAX_ROOMS];
    size_t room_count;
    struct http_router router;
    struct http_listen listens[MAX_LISTENS];
    struct http_server_config config;
    struct http_server *server;
};

/* What goes out behind the certificate. */
static bool read_chain(struct view ders, STACK_OF(X509) **ret, struct error *err) {
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *one = NULL;
    while (chain != NULL && (one = certificate_next(&ders)) != NULL)
        if (sk_X509_push(chain, one) == 0) {
            X509_free(one);
            break;
        }
    if (ders.len > 0) {
        sk_X509_pop_free(chain, X509_free);
        chain = NULL;
    }
    *ret = chain;
    return chain != NULL || fail_internal(err, "the chain of the TLS certificate cannot be read");
}

/* Handshakes from now on get the new one; what is connected goes on. */
static bool refresh_tls(struct tls_identity *tls, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct own_tls fresh;
    struct own_tls_settings settings;
    STACK_OF(X509) *chain;
    TRY(own_tls_settings(tls->core, arena, &settings, err) && own_tls(tls->core, arena, &fresh, err) &&
        read_chain(fresh.chain, &chain, err));
    X509_up_ref(fresh.certificate);
    EVP_PKEY_up_ref(fresh.key);
    pthread_mutex_lock(&tls->mutex);
    X509 *old_certificate = tls->certificate;
    STACK_OF(X509) *old_chain = tls->chain;
    EVP_PKEY *old_key = tls->key;
    tls->certificate = fresh.certificate;
    tls->chain = chain;
    tls->key = fresh.key;
    tls->not_before_us = fresh.not_before_us;
    tls->not_after_us = fresh.not_after_us;
    tls->warn_us = own_tls_warn_us(settings.source, fresh.not_before_us, fresh.not_after_us);
    tls->given = settings.source == OWN_TLS_GIVEN;
    pthread_mutex_unlock(&tls->mutex);
    X509_free(old_certificate);
    sk_X509_pop_free(old_chain, X509_free);
    EVP_PKEY_free(old_key);
    return true;
}

/* This node made or got the new one; the others take it over within TLS_REFRESH_S. */
static void tls_changed(void *context) {
    struct error err = {0};
    if (!refresh_tls(context, &err))
        log_failure(LOG_WARN, "serve", "TLS certificate", &err);
}

static void look_at_tls(void *context, char *reason, size_t size) {
    struct tls_identity *tls = context;
    char text[TIME_TEXT_SIZE];
    pthread_mutex_lock(&tls->mutex);
    int64_t not_before_us = tls->not_before_us, not_after_us = tls->not_after_us, warn_us = tls->warn_us;
    bool given = tls->given;
    pthread_mutex_unlock(&tls->mutex);
    bool early = not_before_us > clock_now_us();
    time_format(early ? not_before_us : not_after_us, text);
    reason[0] = '\0';
    if (early)
        snprintf(reason, size, "The TLS certificate holds from %s on alone: a clock was wrong when it was made, or is now.",
                 text);
    else if (clock_now_us() > warn_us)
        snprintf(reason, size, "The TLS certificate ends at %s and %s.", text,
                 given ? "was imported: import the next one" : "was not renewed; the log's rooms jobs and tls say why");
}

static bool set_certificate(void *context, SSL *ssl) {
    struct tls_identity *tls = context;
    pthread_mutex_lock(&tls->mutex);
    bool ok = SSL_use_certificate(ssl, tls->certificate) == 1 && SSL_set1_chain(ssl, tls->chain) == 1 &&
              SSL_use_PrivateKey(ssl, tls->key) == 1;
    pthread_mutex_unlock(&tls->mutex);
    return ok;
}

static void add_room(struct service *s, struct http_room room) {
    assert(s->room_count < MAX_ROOMS);
    s->rooms[s->room_count++] = room;
}

/* "" when the clock can be trusted. */
static void look_at_clock(void *context, char *reason, size_t size) {
    struct clock_state state = tsp_clock_state(context);
    snprintf(reason, size, "%s", state.good ? "" : state.reason);
}

static void list_overdue(void *core, const struct portal_put *put) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct overdue_item *items = arena_array(arena, OVERDUE_SHOWN, sizeof *items);
    size_t count = overdue_read(core, items, OVERDUE_SHOWN);
    for (size_t i = 0; i < count; i++)
        put->add(put->to, arena_printf(arena, "ca %s", items[i].ca), overdue_text(arena, &items[i]));
}

static void build_tsp(struct service *s) {
    struct tsp_source source = tsp_source_core(s->app.core);
    struct clock_settings settings = app_clock(s->app.options);
    s->clock = tsp_clock_new(&settings, tsp_clock_note, s->app.core);
    s->tsp = tsp_new(&source, s->clock);
    add_room(s, tsp_room(s->tsp));
    s->tsp_management = (struct tsp_management){s->app.core, s->tsp};
    add_room(s, tsp_management_room(&s->tsp_management));
    if (settings.chrony != NULL || settings.server_count > 0)
        portal_add_check(s->portal, &(struct portal_check){"clock", look_at_clock, s->clock, false});
}

static void write_clock(void *context, struct buffer *out) {
    struct service *s = context;
    struct clock_state state = tsp_clock_state(s->clock);
    metrics_family(out, METRIC_GAUGE, "gatehouse_clock_trusted", "1 when timestamps can be given by this clock.");
    METRICS_SAMPLE(out, "gatehouse_clock_trusted", state.good, NULL);
    if (state.source == CLOCK_SYSTEM)
        return;
    metrics_family(out, METRIC_GAUGE, "gatehouse_clock_offset_seconds", "The reference's time minus this clock's.");
    METRICS_SAMPLE(out, "gatehouse_clock_offset_seconds", (double)state.offset_us / (double)US_PER_SECOND, NULL);
    metrics_family(out, METRIC_GAUGE, "gatehouse_clock_error_bound_seconds",
                   "The most this clock may be wrong by, as the reference knows.");
    METRICS_SAMPLE(out, "gatehouse_clock_error_bound_seconds", (double)state.bound_us / (double)US_PER_SECOND, NULL);
}

static bool build_metrics(struct service *s, struct error *err) {
    bool validation = validation_node(&s->app);
    size_t count = 0;
    while (option_item(s->app.options, "metrics-allow", count) != NULL)
        count++;
    const char **allow = arena_array(s->app.arena, count + 1, sizeof *allow);
    for (size_t i = 0; i < count; i++)
        allow[i] = option_item(s->app.options, "metrics-allow", i);
    return metrics_page_new(&(struct metrics_config){.core = s->app.core,
                                                     .authenticate = validation ? validation_node_nobody : api_authenticate,
                                                     .authenticate_context = s->app.core,
                                                     .allow = allow,
                                                     .more = validation ? validation_node_metrics : write_clock,
                                                     .more_context = validation ? (void *)s->app.core : (void *)s},
                            &s->metrics, err);
}

static void build_agents(struct service *s) {
    size_t count = 0;
    while (option_item(s->app.options, "agents", count) != NULL)
        count++;
    const char **addresses = arena_array(s->app.arena, count + 1, sizeof *addresses);
    for (size_t i = 0; i < count; i++)
        addresses[i] = option_item(s->app.options, "agents", i);
    s->agents = agents_new(&(struct agents_config){.core = s->app.core,
                                                   .addresses = addresses,
                                                   .patience_s = (unsigned)option_number(s->app.options, "agent-patience"),
                                                   .certificate = set_certificate,
                                                   .certificate_context = &s->tls});
    add_room(s, agents_room(s->agents));
    portal_add_list(s->portal, agents_watch_list, s->agents);
}

/* What every node has. */
static void build_status(struct service *s) {
    struct ocsp_source source = ocsp_source_core(s->app.core);
    s->ocsp = ocsp_responder_new(&source, OCSP_CACHE_BYTES);
    s->portal = portal_new(s->app.core);
    add_room(s, ocsp_room(s->ocsp));
    add_room(s, portal_room(s->portal));
    add_room(s, metrics_room(s->metrics));
}

static void build_router(struct service *s) {
    build_status(s);
    add_room(s, console_room(s->console));
    portal_add_check(s->portal, &(struct portal_check){"tls", look_at_tls, &s->tls, true});
    s->tokens = token_watch_new(s->app.core);
    portal_add_list(s->portal, token_watch_list, s->tokens);
    portal_add_list(s->portal, list_overdue, s->app.core);
    build_tsp(s);
    api_describe_configuration(s->app.options, app_options);
    add_room(s, api_room(s->app.core));
    add_room(s, scep_room(s->app.core));
    add_room(s, validation_room(s->app.core));
    add_room(s, mail_room(s->app.core));
    add_room(s, notices_room(s->app.core));
    add_room(s, tls_room(&s->tls_management));
    add_room(s, public_room(s->pages));
    s->acme = acme_new(s->app.core);
    add_room(s, acme_room(s->acme));
    add_room(s, acme_manage_room(s->acme));
    add_room(s, cmp_room(s->app.core));
    add_room(s, est_room(s->app.core));
    add_room(s, access_room(s->app.core));
    add_room(s, audit_room(s->app.core));
    add_room(s, logs_room(s->app.core));
    add_room(s, connections_room(s->app.core));
    add_room(s, keys_room(s->app.core));
    build_agents(s);
    s->router = (struct http_router){.rooms = s->rooms,
                                     .room_count = s->room_count,
                                     .authenticate = api_authenticate,
                                     .authenticate_context = s->app.core,
                                     .permit = ask_permission,
                                     .refused = api_refused,
                                     .refused_context = s->app.core,
                                     .method_refused = acme_method_refused};
    http_router_index(s->app.arena, &s->router);
}

static bool expire_requests(void *core, struct arena *arena, struct error *err) {
    return requests_expire(core, arena, err);
}

static bool apply_retention(void *core, struct arena *arena, struct error *err) {
    struct retention_result result;
    (void)arena;
    return retention_apply(core, &actor_system, &result, err);
}

static bool retry_requests(void *core, struct arena *arena, struct error *err) {
    return requests_retry(core, arena, err);
}

/* Before the first key is used: a rotation that begins now waits for this node's token. */
static void join_nodes(struct service *s) {
    struct error err = {0};
    s->kek = (struct kek_watch){.core = s->app.core, .node = core_node(s->app.core)};
    if (!kek_watch_run(&s->kek, s->app.arena, &err))
        log_failure(LOG_WARN, "serve", "key-encryption keys", &err);
}

/* What the rooms do by themselves. */
static bool start_jobs(struct service *s, struct error *err) {
    struct job table[MAX_JOBS];
    size_t count = 0;
    count += scep_jobs(s->app.core, table + count);
    count += validation_jobs(s->app.core, table + count);
    count += mail_jobs(s->app.core, table + count);
    count += notices_jobs(s->app.core, table + count);
    count += tls_jobs(&s->tls_management, option_number(s->app.options, "jobs-interval") * US_PER_SECOND, table + count);
    count += public_jobs(s->pages, table + count);
    table[count++] = (struct job){"ocsp-ahead", OCSP_AHEAD_US, true, ocsp_make_ahead, s->ocsp};
    table[count++] = (struct job){.name = "acme-housekeeping",
                                  .every_us = 600 * US_PER_SECOND,
                                  .run = acme_housekeeping,
                                  .context = s->acme};
    count += cmp_jobs(s->app.core, table + count);
    count += audit_jobs(s->app.core, table + count);
    count += logs_jobs(s->app.core, table + count);
    table[count++] = (struct job){.name = "expire-requests",
                                  .every_us = 15 * US_PER_SECOND,
                                  .run = expire_requests,
                                  .context = s->app.core};
    table[count++] = (struct job){.name = "retention",
                                  .every_us = 3600 * US_PER_SECOND,
                                  .run = apply_retention,
                                  .context = s->app.core};
    table[count++] = (struct job){.name = "retry-requests",
                                  .every_us = 15 * US_PER_SECOND,
                                  .run = retry_requests,
                                  .context = s->app.core};
    count += keys_jobs(&s->kek, option_number(s->app.options, "jobs-interval") * US_PER_SECOND, table + count);
    table[count++] = api_bulk_job(s->app.core);
    table[count++] = (struct job){"tokens", TOKENS_EVERY_US, true, token_watch_run, s->tokens};
    table[count++] = (struct job){"agents", TOKENS_EVERY_US, true, agents_watch_run, s->agents};
    return jobs_start(s->app.core, (int)option_number(s->app.options, "jobs-interval"), table, count,
                      &s->jobs, err);
}

static bool configure_mail(const struct app *app, struct error *err) {
    const struct options *o = app->options;
    return mail_configure(app->arena,
                          &(struct mail_configuration){.server = option_text(o, "mail-server"),
                                                       .from = option_text(o, "mail-from"),
                                                       .password_file = option_text(o, "mail-password-file"),
                                                       .ca_file = option_text(o, "mail-ca-file")},
                          err);
}

static bool listen_to_all(struct service *s, size_t listen_count, struct trusted_proxies *proxies, struct error *err) {
    const struct options *o = s->app.options;
    s->config = (struct http_server_config){.listens = s->listens,
                                            .listen_count = listen_count,
                                            .client = network_client,
                                            .client_context = proxies,
                                            .trusts = network_trusts,
                                            .trusts_context = proxies,
                                            .stop_grace_ms = (int)option_number(o, "stop-grace") * 1000,
                                            .threads = (int)option_number(o, "threads"),
                                            .header_limit = 32 * 1024,
                                            .request_timeout_ms =
                                                (int)option_number(o, "request-timeout") * 1000,
                                            .certificate = set_certificate,
                                            .certificate_context = &s->tls,
                                            .router = &s->router};
    return http_server_start(&s->config, &s->server, err);
}

static bool start_validation(struct service *s, size_t listen_count, struct trusted_proxies *proxies, struct error *err) {
    TRY(validation_node_listens(s->listens, listen_count, err) && app_open_core(&s->app, err) && build_metrics(s, err));
    build_status(s);
    validation_node_watch(s->portal, s->app.core);
    add_room(s, validation_node_room());
    s->router = (struct http_router){
        .rooms = s->rooms, .room_count = s->room_count, .authenticate = validation_node_nobody};
    http_router_index(s->app.arena, &s->router);
    return listen_to_all(s, listen_count, proxies, err);
}

static bool start(struct service *s, struct error *err) {
    struct app_names names;
    const struct options *o = s->app.options;
    struct trusted_proxies *proxies;
    size_t listen_count;
    TRY(app_names_of(&s->app, &names, err));
    logs_configured(option_text(o, "log-level"));
    TRY(configure_mail(&s->app, err));
    rates_configure(&(struct rate_limits){.token_requests = option_number(o, "token-requests"),
                                          .organisation_requests = option_number(o, "organisation-requests"),
                                          .token_certificates = option_number(o, "token-certificates"),
                                          .organisation_certificates = option_number(o, "organisation-certificates")});
    TRY(network_listens(s->app.arena, o, s->listens, &listen_count, err) &&
        trusted_proxies_read(s->app.arena, o, &proxies, err) && network_outgoing(s->app.arena, o, err));
    if (validation_node(&s->app)) {
        TRY(start_validation(s, listen_count, proxies, err));
        printf("ready: %s/\n", names.http);
        fflush(stdout);
        return true;
    }
    TRY(app_open_core(&s->app, err));
    join_nodes(s);
    s->tls.core = s->app.core;
    s->tls_management = (struct tls_management){.core = s->app.core,
                                                .names = names.names,
                                                .name_count = names.count,
                                                .changed = tls_changed,
                                                .context = &s->tls};
    pthread_mutex_init(&s->tls.mutex, NULL);
    TRY(own_tls_ensure(s->app.core, s->app.arena, names.names, names.count, err));
    TRY(refresh_tls(&s->tls, err));
    TRY(console_open(app_console_directory(&s->app), &s->console, err));
    TRY(public_pages_open(s->app.core, app_public_directory(&s->app), &s->pages, err));
    TRY(build_metrics(s, err));
    build_router(s);
    TRY(agents_start(s->agents, err));
    TRY(start_jobs(s, err));
    TRY(acme_start(s->acme, err));
    TRY(tsp_clock_start(s->clock, err));
    TRY(listen_to_all(s, listen_count, proxies, err));
    printf("ready: %s/\n", names.https);
    fflush(stdout);
    return true;
}

static void stop(struct service *s) {
    http_server_stop(s->server);
    jobs_stop(s->jobs);
    if (s->acme != NULL)
        acme_stop(s->acme);
    acme_free(s->acme);
    agents_free(s->agents);
    tsp_free(s->tsp);
    tsp_clock_free(s->clock);
    console_free(s->console);
    public_pages_free(s->pages);
    if (s->portal != NULL)
        portal_free(s->portal);
    metrics_page_free(s->metrics);
    free(s->kek.seen);
    token_watch_free(s->tokens);
    if (s->ocsp != NULL)
        ocsp_responder_free(s->ocsp);
    X509_free(s->tls.certificate);
    sk_X509_pop_free(s->tls.chain, X509_free);
    EVP_PKEY_free(s->tls.key);
    app_close(&s->app);
}

/* SIGHUP: the log's levels as the configuration file has them now. */
static void reload(int argc, char *const argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct options *options;
    struct error err = {0};
    if (options_read(arena, app_options, "GATEHOUSE", argc, argv, &options, &err) &&
        app_set_log_levels(options, &err)) {
        logs_configured(option_text(options, "log-level"));
        log_info("serve", "log levels: %s", option_text(options, "log-level"));
    } else {
        log_failure(LOG_ERROR, "serve", "reloading", &err);
    }
}

/* Until SIGINT or SIGTERM; in between the TLS identity is kept up to date. */
static void wait_for_end(struct service *s, const sigset_t *signals, int argc, char *const argv[]) {
    struct timespec interval = {.tv_sec = TLS_REFRESH_S};
    for (;;) {
        struct error err = {0};
        int got = sigtimedwait(signals, NULL, &interval);
        if (got == SIGINT || got == SIGTERM)
            break;
        if (got == SIGHUP)
            reload(argc, argv);
        if (core_reads_only(s->app.core))
            core_forget_keys(s->app.core); /* nobody tells this node of a rotation of the key-encryption key */
        else if (!refresh_tls(&s->tls, &err))
            log_failure(LOG_WARN, "serve", "TLS certificate", &err);
    }
    log_info("serve", "stopping");
}

/* Proxies look at readyz now and then; until they have, requests still come, and are answered. A second signal
 * ends the wait. */
static void drain(struct service *s, const sigset_t *signals) {
    struct timespec wait = {.tv_sec = option_number(s->app.options, "drain")};
    portal_drain(s->portal);
    http_server_drain(s->server);
    if (wait.tv_sec > 0)
        (void)sigtimedwait(signals, NULL, &wait);
}

/* Another process of the same user must not read what passes through this one. */
static void harden(void) {
    struct rlimit none = {0, 0};
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int command_serve(int argc, char *const argv[]) {
    static struct service s; /* too large for comfort on the stack, and one per process */
    struct error err = {0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread is started: all inherit it */
    signal(SIGPIPE, SIG_IGN);
    harden();
    bool ok = app_configure(&s.app, argc, argv, &err) && start(&s, &err);
    if (ok) {
        wait_for_end(&s, &signals, argc, argv);
        drain(&s, &signals);
    }
    stop(&s);
    return ok ? 0 : command_failed("serve", &err);
}
