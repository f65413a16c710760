#include "base/clock.h"
#include "ca/authority.h"
#include "ca/own_tls.h"
#include "ca/reading.h"
#include "ca/service.h"
#include "commands/app.h"

#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#define SOON_US (30 * US_PER_DAY)

/* One line per thing: "ok" or what to do. */
static bool report(const char *what, bool ok, const struct error *err) {
    if (ok)
        printf("ok       %s\n", what);
    else
        printf("PROBLEM  %s: %s%s%s%s\n", what, err->message, err->detail[0] ? " (" : "", err->detail,
               err->detail[0] ? ")" : "");
    return ok;
}

static bool check_clock(struct error *err) {
    struct timex state = {0};
    if (clock_now_us() < INT64_C(1767225600) * US_PER_SECOND) /* 2026 */
        return fail(err, ERROR_UNAVAILABLE, "clock", "The clock stands before 2026; set it.");
    if (adjtimex(&state) == TIME_ERROR)
        printf("notice   clock: the kernel does not know of a time source; run chrony or "
               "systemd-timesyncd\n");
    return true;
}

static bool check_tokens(struct app *app, struct error *err) {
    struct token_info *tokens;
    size_t count;
    bool ok = true;
    TRY(signer_tokens(app->signer, app->arena, &tokens, &count, err));
    for (size_t i = 0; i < count; i++) {
        struct error problem = {0};
        const char *what = arena_printf(app->arena, "token %s (module %s)", tokens[i].label, tokens[i].module);
        if (tokens[i].problem != NULL)
            fail(&problem, ERROR_UNAVAILABLE, "token", "%s", tokens[i].problem);
        ok = report(what, tokens[i].problem == NULL, &problem) && ok;
    }
    return ok || fail(err, ERROR_UNAVAILABLE, "token", "Not every token can be used, see above.");
}

static bool ends_well(const char *what, int64_t not_after_us, const char *remedy, struct error *err) {
    char text[TIME_TEXT_SIZE];
    time_format(not_after_us, text);
    return not_after_us > clock_now_us() + SOON_US ||
           fail(err, ERROR_UNAVAILABLE, "expires", "%s ends at %s; %s", what, text, remedy);
}

static bool check_tls(struct app *app, struct error *err) {
    struct own_tls own;
    struct own_tls_settings settings;
    char text[TIME_TEXT_SIZE];
    TRY(own_tls_settings(app->core, app->arena, &settings, err) && own_tls(app->core, app->arena, &own, err));
    time_format(own.not_before_us, text);
    if (own.not_before_us > clock_now_us())
        return fail(err, ERROR_UNAVAILABLE, "not-yet",
                    "The TLS certificate holds from %s on alone: see to the clock; \"gatehouse tls renew\" or \"import\" brings "
                    "another one.",
                    text);
    if (clock_now_us() < own_tls_warn_us(settings.source, own.not_before_us, own.not_after_us))
        return true;
    time_format(own.not_after_us, text);
    return fail(err, ERROR_UNAVAILABLE, "expires", "The TLS certificate ends at %s; %s", text,
                settings.source == OWN_TLS_GIVEN ? "import the next one (\"gatehouse tls import\")."
                                                 : "\"gatehouse tls renew\" says why it was not renewed.");
}

static bool check_urls(struct app *app, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(app->core, app->arena, &urls, err));
    if (strstr(urls.http, "//localhost") != NULL || strstr(urls.http, "//127.") != NULL ||
        strstr(urls.http, "//[") != NULL)
        printf("notice   public URL: %s goes into certificates, but only this machine reaches it; set "
               "--public-name before you issue for others\n",
               urls.http);
    return true;
}

static bool check_age(struct app *app, struct error *err) {
    int64_t as_of_us;
    return reading_recent(app->core, &as_of_us, err);
}

static bool check_cas(struct app *app) {
    struct ca_record *cas;
    size_t count;
    struct error err = {0};
    bool ok = authority_public_list(app->core, app->arena, &cas, &count, &err);
    if (!ok)
        return report("authorities", false, &err);
    for (size_t i = 0; i < count; i++) {
        struct service_identity identity;
        const char *what = arena_printf(app->arena, "CA %s", cas[i].slug);
        if (cas[i].state != CA_ACTIVE)
            continue;
        memset(&err, 0, sizeof err);
        bool fine = ends_well("Its certificate", cas[i].not_after_us, "make its successor.", &err) &&
                    service_ocsp(app->core, app->arena, &cas[i], &identity, &err);
        ok = report(what, fine, &err) && ok;
    }
    return ok;
}

static bool step(const char *what, bool (*check)(struct app *app, struct error *err), struct app *app) {
    struct error err = {0};
    return report(what, check(app, &err), &err);
}

static bool open_and_ping(struct app *app, struct error *err) {
    return app_open_database(app, err) && db_ping(app->db, err);
}

static bool schema(struct app *app, struct error *err) {
    return db_schema_check(app->db, err);
}

static bool signer_answers(struct app *app, struct error *err) {
    return app_open_signer(app, err) && signer_ping(app->signer, err);
}

static bool clock_stands(struct app *app, struct error *err) {
    (void)app;
    return check_clock(err);
}

/* One look at the references that timestamps rely on, where there are any. */
static bool clock_references(struct app *app) {
    struct clock_settings settings = app_clock(app->options);
    struct error err = {0};
    if (settings.chrony == NULL && settings.server_count == 0)
        return true;
    struct tsp_clock *clock = tsp_clock_new(&settings, NULL, NULL);
    tsp_clock_look(clock);
    struct clock_state state = tsp_clock_state(clock);
    tsp_clock_free(clock);
    if (!state.good)
        fail(&err, ERROR_UNAVAILABLE, "clock", "%s Timestamps are refused meanwhile.", state.reason);
    const char *what = arena_printf(app->arena, "clock reference (%s): off by %lld us, at most %lld us",
                                    state.source == CLOCK_CHRONY ? "chrony" : "NTP", (long long)state.offset_us,
                                    (long long)state.bound_us);
    return report(state.good ? what : "clock reference", state.good, &err);
}

bool check_everything(struct app *app) {
    bool ok = step("clock", clock_stands, app);
    ok = clock_references(app) && ok;
    bool database = step("database", open_and_ping, app) && step("schema", schema, app);
    bool signer = step("signer", signer_answers, app) && step("tokens", check_tokens, app);
    if (!database || !signer)
        return false;
    if (!step("mode", app_make_core, app))
        return false;
    ok = step("public URL", check_urls, app) && ok;
    if (core_reads_only(app->core))
        ok = step("age of what is read", check_age, app) && ok;
    else
        ok = step("TLS certificate", check_tls, app) && ok;
    return check_cas(app) && ok;
}

int command_check(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    if (!app_configure(&app, argc, argv, &err)) {
        app_close(&app);
        return command_failed("check", &err);
    }
    bool ok = check_everything(&app);
    app_close(&app);
    return ok ? 0 : 1;
}
