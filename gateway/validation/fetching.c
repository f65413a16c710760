/* Looking at the sources of validators. No transaction is open while a source is waited for. */
#include "validation/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/servers.h"
#include "net/fetch.h"

#include <string.h>

static bool by_http(struct core *core, struct arena *arena, const struct validator_record *v, const char *url,
                    int timeout_s, struct view **ret_lists, size_t *ret_count, struct error *err) {
    struct server_login login;
    struct fetch_reply reply;
    TRY(servers_login(core, arena, v->slug, url, &login, err));
    struct fetch_request ask = {.url = url,
                                .connect_timeout_ms = 5000,
                                .total_timeout_ms = timeout_s * 1000,
                                .max_bytes = VALIDATION_MAX_LIST,
                                .redirects = 3,
                                .reach = FETCH_ANYWHERE,
                                .username = login.username,
                                .password = login.password,
                                .ca_pem = login.ca_pem};
    TRY(fetch(arena, &ask, &reply, err));
    if (reply.status != 200)
        return fail(err, ERROR_UNAVAILABLE, "fetch-failed", "The answer's status is %d.", reply.status);
    *ret_lists = arena_array(arena, 1, sizeof **ret_lists);
    (*ret_lists)[0] = reply.body;
    *ret_count = 1;
    return true;
}

bool validation_place(struct core *core, struct arena *arena, const char *owner, const char *url,
                      struct directory_place *ret, struct error *err) {
    struct server_login login;
    TRY(servers_login(core, arena, owner, url, &login, err));
    /* A password never goes in the clear. */
    *ret = (struct directory_place){.url = url,
                                    .server = {.start_tls = login.username != NULL && strncmp(url, "ldap:", 5) == 0,
                                               .ca = login.ca_pem,
                                               .user = login.username,
                                               .password = login.password}};
    return true;
}

static bool by_ldap(struct core *core, struct arena *arena, const struct validator_record *v, const char *url,
                    int timeout_s, struct view **ret_lists, size_t *ret_count, struct error *err) {
    struct directory_place place;
    TRY(validation_place(core, arena, v->slug, url, &place, err));
    place.attribute = "certificateRevocationList;binary";
    place.server.timeout_s = timeout_s;
    place.max_bytes = VALIDATION_MAX_LIST;
    return directory_read(arena, &place, ret_lists, ret_count, err);
}

/* Of several values, any that is taken or known will do: the directory keeps them in no order. */
static bool take_any(struct core *core, struct arena *arena, const struct validator_record *v, const struct view *lists,
                     size_t count, bool *ret_news, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        *err = (struct error){0};
        if (validation_take_crl(core, arena, &actor_system, v, lists[i], ret_news, err))
            return true;
    }
    return false;
}

/* The first source that gives a list that is taken, or is known already. */
static bool look_at(struct core *core, struct arena *arena, const struct validator_record *v,
                    const struct text_list *sources, int64_t timeout_s, const char **ret_problem) {
    for (size_t i = 0; i < sources->count; i++) {
        const char *url = sources->items[i];
        struct error err = {0};
        struct view *lists;
        size_t count;
        bool news;
        if ((strncmp(url, "ldap", 4) == 0 ? by_ldap : by_http)(core, arena, v, url, (int)timeout_s, &lists, &count, &err) &&
            take_any(core, arena, v, lists, count, &news, &err)) {
            if (news)
                log_info("validation", "validator %s: a new list from %s", v->slug, url);
            *ret_problem = "";
            return true;
        }
        *ret_problem = arena_printf(arena, "%s: %s", url, err.message);
    }
    return false;
}

/* As look_at, for the serial numbers that were issued. */
static bool look_for_issued(struct core *core, struct arena *arena, const struct validator_record *v,
                            const struct text_list *sources, int64_t timeout_s, const char **ret_problem) {
    for (size_t i = 0; i < sources->count; i++) {
        struct validator_record after;
        struct error err = {0};
        struct view *lists;
        size_t count;
        if (by_http(core, arena, v, sources->items[i], (int)timeout_s, &lists, &count, &err) &&
            validation_take_issued(core, arena, &actor_system, v->slug, lists[0], &after, &err)) {
            *ret_problem = "";
            return true;
        }
        *ret_problem = arena_printf(arena, "%s: %s", sources->items[i], err.message);
    }
    return false;
}

bool validation_look(struct core *core, struct arena *arena, const struct validator_record *validator,
                     const char **ret_problem, struct error *err) {
    struct validation_settings settings;
    struct validator_record now;
    const char *problem = "", *delta_problem = "";
    TRY(validation_settings_of(arena, validator, &settings, err));
    if (settings.sources.count > 0)
        (void)look_at(core, arena, validator, &settings.sources, settings.timeout_s, &problem);
    /* A delta continues the list that is there now. */
    TRY(validation_get(core, arena, &actor_system, validator->slug, &now, err));
    if (settings.delta_sources.count > 0 &&
        !look_at(core, arena, &now, &settings.delta_sources, settings.timeout_s, &delta_problem) &&
        problem[0] == '\0')
        problem = delta_problem;
    if (settings.issued_sources.count > 0 &&
        !look_for_issued(core, arena, &now, &settings.issued_sources, settings.timeout_s, &delta_problem) && problem[0] == '\0')
        problem = delta_problem;
    TRY(validation_get(core, arena, &actor_system, validator->slug, &now, err));
    *ret_problem = problem;
    return validation_checked(core, arena, &now, problem, err);
}

bool validation_look_at_all(void *context, struct arena *arena, struct error *err) {
    struct validator_record *items;
    size_t count;
    TRY(validation_all(context, arena, &actor_system, &items, &count, err));
    for (size_t i = 0; i < count; i++) {
        SCOPED_ARENA struct arena *own = arena_new();
        struct validation_settings settings;
        struct error trouble = {0};
        const char *problem;
        if (validation_settings_of(own, &items[i], &settings, &trouble) &&
            (clock_now_us() - items[i].checked_us < settings.interval_s * US_PER_SECOND ||
             validation_look(context, own, &items[i], &problem, &trouble)))
            continue;
        log_failure(LOG_WARN, "validation", items[i].slug, &trouble);
    }
    return true;
}
