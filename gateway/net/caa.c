#include "net/caa.h"

#include "base/clock.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

struct caa_set {
    struct dns_caa *items;
    size_t count;
    bool critical_unknown;
    const char *found_at;
};

static bool known_tag(const char *tag) {
    static const char *const tags[] = {"issue",    "issuewild",    "iodef",       "issuemail",
                                       "issuevmc", "contactemail", "contactphone"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (strcmp(tags[i], tag) == 0)
            return true;
    return false;
}

static bool read_set(struct arena *arena, const char *at, const struct dns_reply *reply,
                     struct caa_set *ret, struct error *err) {
    ret->items = arena_array(arena, reply->count, sizeof *ret->items);
    ret->found_at = at;
    for (size_t i = 0; i < reply->count; i++) {
        struct dns_caa one;
        if (!dns_caa(arena, reply->records[i], &one))
            return fail(err, ERROR_POLICY, "caa", "%.200s has a broken CAA record.", at);
        ret->critical_unknown = ret->critical_unknown || (one.critical && !known_tag(one.tag));
        ret->items[ret->count++] = one;
    }
    return true;
}

/* rfc8659#3: the records of the closest name that has any. */
static bool climb(struct arena *arena, const struct dns_config *dns, const char *name,
                  struct caa_set *ret, struct error *err) {
    for (const char *at = name; at != NULL && *at != '\0';
         at = strchr(at, '.') == NULL ? NULL : strchr(at, '.') + 1) {
        struct dns_reply reply;
        struct error why = {0};
        if (!dns_query(arena, dns, at, DNS_CAA, &reply, &why))
            return fail(err, why.kind == ERROR_POLICY ? ERROR_POLICY : ERROR_UNAVAILABLE,
                        why.kind == ERROR_POLICY ? "caa" : "caa-unavailable",
                        "The CAA records of %.200s cannot be read: %.250s", at, why.message);
        if (reply.count > 0)
            return read_set(arena, at, &reply, ret, err);
    }
    return true;
}

static struct view trimmed(const char *at, size_t len) {
    while (len > 0 && (*at == ' ' || *at == '\t'))
        at++, len--;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return view_of(at, len);
}

/* rfc8657#4: a list of methods with commas between. */
static bool method_listed(const char *list, const char *method) {
    size_t wanted = strlen(method);
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        struct view one = trimmed(list, len);
        if (one.len == wanted && strncmp((const char *)one.at, method, wanted) == 0)
            return true;
        list += len + (list[len] != '\0');
    }
    return false;
}

/* rfc8657#3 and #4: accounturi and validationmethods narrow who may, and how. */
static bool parameters_fit(struct arena *arena, const char *text, const struct caa_issuer *issuer) {
    size_t accounts = 0;
    for (const char *at = text; at != NULL;) {
        const char *end = strchr(at, ';');
        const char *pair =
            arena_text(arena, trimmed(at, end == NULL ? strlen(at) : (size_t)(end - at)));
        const char *equals = strchr(pair, '=');
        size_t tag = equals == NULL ? strlen(pair) : trimmed(pair, (size_t)(equals - pair)).len;
        const char *value =
            equals == NULL ? "" : arena_text(arena, trimmed(equals + 1, strlen(equals + 1)));
        if (tag == 10 && strncasecmp(pair, "accounturi", tag) == 0 &&
            (++accounts > 1 || issuer->account_url == NULL ||
             strcmp(value, issuer->account_url) != 0))
            return false;
        if (tag == 17 && strncasecmp(pair, "validationmethods", tag) == 0 && !issuer->any_method &&
            (issuer->method == NULL || !method_listed(value, issuer->method)))
            return false;
        at = end == NULL ? NULL : end + 1;
    }
    return true;
}

static bool record_fits(struct arena *arena, const char *value, const struct caa_issuer *issuer) {
    const char *semicolon = strchr(value, ';');
    size_t len = semicolon == NULL ? strlen(value) : (size_t)(semicolon - value);
    const char *domain = arena_text(arena, trimmed(value, len));
    for (const char *const *identity = issuer->identities; *identity != NULL; identity++)
        if (strcasecmp(domain, *identity) == 0)
            return semicolon == NULL || parameters_fit(arena, semicolon + 1, issuer);
    return false;
}

bool caa_check(struct arena *arena, const struct dns_config *dns, const struct caa_name *name,
               const struct caa_issuer *issuer, struct error *err) {
    struct caa_set set = {0};
    bool restricted = false, wild = false;
    TRY(climb(arena, dns, name->name, &set, err));
    if (set.critical_unknown) /* rfc8659#4.1 */
        return fail(err, ERROR_POLICY, "caa",
                    "%.200s has a critical CAA record of an unknown kind.", set.found_at);
    for (size_t i = 0; i < set.count; i++) /* rfc8659#4.3 */
        wild = wild || (name->wildcard && strcmp(set.items[i].tag, "issuewild") == 0);
    for (size_t i = 0; i < set.count; i++) {
        if (strcmp(set.items[i].tag, wild ? "issuewild" : "issue") != 0)
            continue;
        restricted = true;
        if (record_fits(arena, set.items[i].value, issuer))
            return true;
    }
    return !restricted ||
           fail(err, ERROR_POLICY, "caa",
                "The CAA records at %.200s do not let this CA issue for %s%.200s; its name "
                "in such records is %.200s.",
                set.found_at, name->wildcard ? "*." : "", name->name,
                issuer->identities[0] == NULL ? "not set" : issuer->identities[0]);
}

/* --- several resolvers
 * ------------------------------------------------------------------------------------------- */

struct caa_view {
    const struct caa_question *question;
    size_t index;
    int64_t until_us;
    bool permits;
    struct error err;
};

static void *look(void *context) {
    struct caa_view *view = context;
    const struct caa_question *q = view->question;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct dns_config dns = q->views[view->index];
    for (size_t i = 0; i < q->name_count; i++) {
        int64_t left_ms = (view->until_us - clock_monotonic_us()) / 1000;
        if (left_ms <= 0) {
            (void)fail(&view->err, ERROR_UNAVAILABLE, "caa-unavailable",
                       "The time for the CAA records was over before those of %.200s were read.",
                       q->names[i].name);
            return NULL;
        }
        if (dns.timeout_ms <= 0 || dns.timeout_ms > left_ms)
            dns.timeout_ms = (int)(left_ms > 10000 ? 10000 : left_ms);
        if (!caa_check(arena, &dns, &q->names[i], &q->issuer, &view->err))
            return NULL;
    }
    view->permits = true;
    return NULL;
}

static bool refuse(const struct caa_view *views, const struct caa_question *q, size_t agreed,
                   struct error *err) {
    const struct error *why = NULL;
    for (size_t i = 0; i < q->view_count; i++)
        if (!views[i].permits &&
            (why == NULL || (views[i].err.kind == ERROR_POLICY && why->kind != ERROR_POLICY)))
            why = &views[i].err;
    if (why == NULL)
        return fail_internal(err, "a quorum above the number of resolvers");
    if (q->view_count == 1) {
        *err = *why;
        return false;
    }
    return fail(err, why->kind, why->type, "%.400s (%zu of %zu resolvers permit it)", why->message,
                agreed, q->view_count);
}

bool caa_ask(struct arena *arena, const struct caa_question *q, struct error *err) {
    struct caa_view *views = arena_array(arena, q->view_count, sizeof *views);
    pthread_t threads[CAA_MAX_VIEWS];
    bool running[CAA_MAX_VIEWS] = {false};
    size_t agreed = 0, quorum = q->quorum == 0 ? q->view_count : q->quorum;
    int64_t until = clock_monotonic_us() + (q->total_ms > 0 ? q->total_ms : 30000) * 1000ll;
    if (q->view_count == 0 || q->view_count > CAA_MAX_VIEWS)
        return fail_internal(err, "%zu resolvers for CAA", q->view_count);
    /* The first view is looked at here. */
    for (size_t i = q->view_count; i-- > 0;) {
        views[i] = (struct caa_view){.question = q, .index = i, .until_us = until};
        running[i] = i > 0 && pthread_create(&threads[i], NULL, look, &views[i]) == 0;
        if (!running[i])
            look(&views[i]);
    }
    for (size_t i = 0; i < q->view_count; i++) {
        if (running[i])
            pthread_join(threads[i], NULL);
        agreed += views[i].permits;
    }
    return agreed >= quorum || refuse(views, q, agreed, err);
}
