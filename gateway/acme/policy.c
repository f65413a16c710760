#include "acme/policy.h"

#include <string.h>

#define MAX_LIST 1000

static const char *const reaches[] = {"anywhere", "not-local", "public", NULL};
static const char *const common_names[] = {"csr", "first", "none", NULL};
static const char *const known_challenges[] = {
    "http-01",        "dns-01",           "tls-alpn-01", "dns-account-01",
    "dns-persist-01", "device-attest-01", NULL};

static bool bad(struct error *err, const char *member, const char *what) {
    return fail(err, ERROR_POLICY, "bad-acme-policy", "The member \"%s\" of the ACME policy %s.",
                member, what);
}

/* Absent: untouched. The array has a NULL behind the last. */
bool acme_policy_texts(struct arena *arena, const struct json *object, const char *name,
                       struct text_list *list, struct error *err) {
    const struct json *array = NULL;
    size_t count = 0;
    TRY(json_array(object, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_LIST)
        return bad(err, name, "has more than 1000 items");
    const char **items = arena_array(arena, array->count + 1, sizeof *items);
    JSON_EACH (item, array) {
        if (item->type != JSON_STRING || *item->text == '\0' || strlen(item->text) > 255)
            return bad(err, name, "must be a list of texts of 1 to 255 characters");
        items[count++] = item->text;
    }
    *list = (struct text_list){items, count};
    return true;
}

static bool choice(const struct json *object, const char *name, const char *const values[],
                   int *value, struct error *err) {
    const char *text = NULL;
    TRY(json_string(object, name, &text, err));
    if (text == NULL)
        return true;
    for (int i = 0; values[i] != NULL; i++)
        if (strcmp(values[i], text) == 0) {
            *value = i;
            return true;
        }
    return bad(err, name, "has a value that does not exist");
}

bool name_patterns_from_json(struct arena *arena, const struct json *array, const char *name,
                             struct text_list *ret, struct error *err) {
    struct json holder = {.type = JSON_OBJECT, .count = 1};
    struct json copy = {0};
    struct text_list list = {0};
    if (array != NULL) {
        copy = *array;
        copy.name = name;
        copy.next = NULL;
        holder.first = &copy;
        TRY(acme_policy_texts(arena, &holder, name, &list, err));
    }
    for (size_t i = 0; i < list.count; i++)
        TRY(name_pattern_check(list.items[i], err));
    *ret = list;
    return true;
}

static bool check_patterns(const struct text_list *list, struct error *err) {
    for (size_t i = 0; i < list->count; i++)
        TRY(name_pattern_check(list->items[i], err));
    return true;
}

static bool read_profiles(struct arena *arena, const struct json *document, struct acme_policy *p,
                          struct error *err) {
    const struct json *object = NULL;
    size_t i = 0;
    TRY(json_object(document, "profiles", &object, err));
    if (object == NULL)
        return true;
    if (object->count > 50)
        return bad(err, "profiles", "has more than 50 members");
    p->profile_names.items = arena_array(arena, object->count, sizeof(char *));
    p->profile_templates.items = arena_array(arena, object->count, sizeof(char *));
    JSON_EACH (item, object) {
        if (item->type != JSON_STRING || *item->name == '\0' || strlen(item->name) > 60)
            return bad(err, "profiles", "must give a template's id to each name");
        p->profile_names.items[i] = item->name;
        p->profile_templates.items[i++] = item->text;
    }
    p->profile_names.count = p->profile_templates.count = i;
    return true;
}

bool acme_policy_servers(struct arena *arena, const struct text_list *servers, struct error *err) {
    for (size_t i = 0; i < servers->count; i++) {
        const char *text = servers->items[i];
        struct net_address address;
        if (!net_address_parse(arena_text(arena, view_of(text, strcspn(text, "@"))), &address))
            return bad(err, "dns", "names a server that is no address or address@port");
    }
    return true;
}

static bool read_dns(struct arena *arena, const struct json *document, struct acme_policy *p,
                     struct error *err) {
    static const char *const members[] = {"resolvers", "roots",       "port",
                                          "dnssec",    "trustAnchor", NULL};
    const struct json *dns = NULL;
    TRY(json_object(document, "dns", &dns, err));
    if (dns == NULL)
        return true;
    TRY(json_only(dns, members, err));
    TRY(acme_policy_texts(arena, dns, "resolvers", &p->resolvers, err));
    TRY(acme_policy_texts(arena, dns, "roots", &p->roots, err));
    TRY(json_int(dns, "port", 1, 65535, &p->dns_port, err));
    TRY(json_bool(dns, "dnssec", &p->dnssec, err));
    TRY(json_string(dns, "trustAnchor", &p->trust_anchor, err));
    if (p->resolvers.count > 0 && p->roots.count > 0)
        return bad(err, "dns", "has both \"resolvers\" and \"roots\"; one of them is asked");
    return acme_policy_servers(arena, &p->resolvers, err) && acme_policy_servers(arena, &p->roots, err);
}

static bool read_ports(struct arena *arena, const struct json *object, struct acme_policy *p,
                       struct error *err) {
    const struct json *array = NULL;
    size_t count = 0;
    TRY(json_array(object, "redirectPorts", &array, err));
    if (array == NULL)
        return true;
    p->redirect_ports = arena_array(arena, array->count, sizeof *p->redirect_ports);
    JSON_EACH (item, array) {
        struct json one = *item;
        struct json holder = {.type = JSON_OBJECT, .count = 1, .first = &one};
        int64_t port = 0;
        one.name = "redirectPorts";
        one.next = NULL;
        TRY(json_int(&holder, "redirectPorts", 1, 65535, &port, err));
        p->redirect_ports[count++] = (unsigned short)port;
    }
    p->redirect_port_count = count;
    return true;
}

static bool read_validation(struct arena *arena, const struct json *document, struct acme_policy *p,
                            struct error *err) {
    static const char *const members[] = {
        "httpPort",     "tlsPort",        "proxy", "redirects", "redirectPorts", "attempts",
        "retrySeconds", "timeoutSeconds", "reach", "denied",    "allowed",       "vantages",
        "quorum",       NULL};
    const struct json *v = NULL;
    int reach = (int)p->reach;
    TRY(json_object(document, "validation", &v, err));
    if (v == NULL)
        return true;
    TRY(json_only(v, members, err));
    TRY(json_int(v, "httpPort", 1, 65535, &p->http_port, err));
    TRY(json_int(v, "tlsPort", 1, 65535, &p->tls_port, err));
    TRY(json_string(v, "proxy", &p->proxy, err));
    TRY(json_int(v, "redirects", 0, 20, &p->redirects, err));
    TRY(read_ports(arena, v, p, err));
    TRY(json_int(v, "attempts", 1, 20, &p->attempts, err));
    TRY(json_int(v, "retrySeconds", 1, 3600, &p->retry_seconds, err));
    TRY(json_int(v, "timeoutSeconds", 1, 60, &p->timeout_seconds, err));
    TRY(choice(v, "reach", reaches, &reach, err));
    TRY(acme_policy_texts(arena, v, "denied", &p->denied, err));
    TRY(acme_policy_texts(arena, v, "allowed", &p->allowed, err));
    TRY(acme_policy_read_vantages(arena, v, p, err));
    p->reach = (enum fetch_reach)reach;
    struct net_reach rule;
    return net_reach_parse(arena, p->reach, p->denied.items, p->allowed.items, &rule, err);
}

static bool read_lifetimes(const struct json *document, struct acme_policy *p, struct error *err) {
    static const char *const members[] = {"orderHours", "authorizationHours", "pendingHours", NULL};
    const struct json *l = NULL;
    TRY(json_object(document, "lifetimes", &l, err));
    if (l == NULL)
        return true;
    TRY(json_only(l, members, err));
    TRY(json_int(l, "orderHours", 1, 8760, &p->order_hours, err));
    TRY(json_int(l, "authorizationHours", 1, 17520, &p->authorization_hours, err));
    return json_int(l, "pendingHours", 1, 8760, &p->pending_hours, err);
}

static bool read_limits(const struct json *document, struct acme_policy *p, struct error *err) {
    static const char *const members[] = {"ordersPerHour",
                                          "ordersPerIdentifierPerWeek",
                                          "policyOrdersPerHour",
                                          "pendingAuthorizations",
                                          "accounts",
                                          "identifiersPerOrder",
                                          NULL};
    const struct json *l = NULL;
    TRY(json_object(document, "limits", &l, err));
    if (l == NULL)
        return true;
    TRY(json_only(l, members, err));
    TRY(json_int(l, "ordersPerHour", 0, 1000000, &p->orders_per_hour, err));
    TRY(json_int(l, "ordersPerIdentifierPerWeek", 0, 100000, &p->orders_per_identifier_per_week,
                 err));
    TRY(json_int(l, "policyOrdersPerHour", 0, 1000000, &p->policy_orders_per_hour, err));
    TRY(json_int(l, "pendingAuthorizations", 0, 100000, &p->pending_authorizations, err));
    TRY(json_int(l, "accounts", 0, 1000000, &p->accounts, err));
    return json_int(l, "identifiersPerOrder", 1, MAX_IDENTIFIERS, &p->identifiers_per_order, err);
}

static struct acme_policy defaults(void) {
    static unsigned short ports[] = {80, 443};
    static const char *challenges[] = {"http-01", "dns-01", "tls-alpn-01", NULL};
    static const char *none[] = {NULL};
    return (struct acme_policy){
        .enabled = true,
        .description = "",
        .challenges = {challenges, 3},
        .wildcards = true,
        .bare_names = true,
        .resolvers = {none, 0},
        .roots = {none, 0},
        .dns_port = 53,
        .trust_anchor = "",
        .http_port = 80,
        .tls_port = 443,
        .proxy = "",
        .redirects = 10,
        .redirect_ports = ports,
        .redirect_port_count = 2,
        .attempts = 3,
        .retry_seconds = 5,
        .timeout_seconds = 10,
        .reach = FETCH_NOT_LOCAL,
        .denied = {none, 0},
        .allowed = {none, 0},
        .order_hours = 168,
        .authorization_hours = 720,
        .pending_hours = 168,
        .pending_authorizations = 300,
        .identifiers_per_order = MAX_IDENTIFIERS,
    };
}

static bool read_rules(struct arena *arena, const struct json *document, struct acme_policy *p,
                       struct error *err) {
    int rule = (int)p->common_name;
    TRY(acme_policy_texts(arena, document, "identifiers", &p->identifiers, err));
    TRY(acme_policy_texts(arena, document, "preapproved", &p->preapproved, err));
    TRY(check_patterns(&p->identifiers, err));
    TRY(check_patterns(&p->preapproved, err));
    TRY(acme_policy_texts(arena, document, "challenges", &p->challenges, err));
    for (size_t i = 0; i < p->challenges.count; i++) {
        const char *const *known = known_challenges;
        while (*known != NULL && strcmp(*known, p->challenges.items[i]) != 0)
            known++;
        if (*known == NULL)
            return bad(err, "challenges", "names one that does not exist");
    }
    TRY(json_bool(document, "wildcards", &p->wildcards, err));
    TRY(json_bool(document, "bareNames", &p->bare_names, err));
    TRY(json_bool(document, "open", &p->open, err));
    TRY(json_bool(document, "caa", &p->caa, err));
    TRY(choice(document, "commonName", common_names, &rule, err));
    p->common_name = (enum common_name_rule)rule;
    return true;
}

bool acme_policy_from_json(struct arena *arena, const struct json *document,
                           struct acme_policy *ret, struct error *err) {
    static const char *const members[] = {
        "enabled",    "description", "templates", "profiles",   "identifiers", "preapproved",
        "challenges", "wildcards",   "bareNames", "commonName", "open",        "caa",
        "dns",        "validation",  "lifetimes", "limits",     NULL};
    struct acme_policy p = defaults();
    TRY(json_only(document, members, err));
    TRY(json_bool(document, "enabled", &p.enabled, err));
    TRY(json_string(document, "description", &p.description, err));
    if (strlen(p.description) > 1000)
        return bad(err, "description", "is longer than 1000 bytes");
    TRY(acme_policy_texts(arena, document, "templates", &p.templates, err));
    if (p.templates.count == 0)
        return bad(err, "templates", "must name at least one template");
    TRY(read_profiles(arena, document, &p, err));
    TRY(read_rules(arena, document, &p, err));
    TRY(read_dns(arena, document, &p, err));
    TRY(read_validation(arena, document, &p, err));
    TRY(read_lifetimes(document, &p, err));
    TRY(read_limits(document, &p, err));
    *ret = p;
    return true;
}

static void put_dns(struct json_writer *w, const struct acme_policy *p) {
    json_name(w, "dns");
    json_open_object(w);
    json_put_texts(w, "resolvers", &p->resolvers);
    json_put_texts(w, "roots", &p->roots);
    json_put_int(w, "port", p->dns_port);
    json_put_bool(w, "dnssec", p->dnssec);
    json_put_string(w, "trustAnchor", p->trust_anchor);
    json_close_object(w);
}

static void put_validation(struct json_writer *w, const struct acme_policy *p) {
    json_name(w, "validation");
    json_open_object(w);
    json_put_int(w, "httpPort", p->http_port);
    json_put_int(w, "tlsPort", p->tls_port);
    json_put_string(w, "proxy", p->proxy);
    json_put_int(w, "redirects", p->redirects);
    json_name(w, "redirectPorts");
    json_open_array(w);
    for (size_t i = 0; i < p->redirect_port_count; i++)
        json_add_int(w, p->redirect_ports[i]);
    json_close_array(w);
    json_put_int(w, "attempts", p->attempts);
    json_put_int(w, "retrySeconds", p->retry_seconds);
    json_put_int(w, "timeoutSeconds", p->timeout_seconds);
    json_put_string(w, "reach", reaches[p->reach]);
    json_put_texts(w, "denied", &p->denied);
    json_put_texts(w, "allowed", &p->allowed);
    acme_policy_write_vantages(w, p);
    json_close_object(w);
}

static void put_numbers(struct json_writer *w, const struct acme_policy *p) {
    json_name(w, "lifetimes");
    json_open_object(w);
    json_put_int(w, "orderHours", p->order_hours);
    json_put_int(w, "authorizationHours", p->authorization_hours);
    json_put_int(w, "pendingHours", p->pending_hours);
    json_close_object(w);
    json_name(w, "limits");
    json_open_object(w);
    json_put_int(w, "ordersPerHour", p->orders_per_hour);
    json_put_int(w, "ordersPerIdentifierPerWeek", p->orders_per_identifier_per_week);
    json_put_int(w, "policyOrdersPerHour", p->policy_orders_per_hour);
    json_put_int(w, "pendingAuthorizations", p->pending_authorizations);
    json_put_int(w, "accounts", p->accounts);
    json_put_int(w, "identifiersPerOrder", p->identifiers_per_order);
    json_close_object(w);
}

const char *acme_policy_to_json(struct arena *arena, const struct acme_policy *p) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_bool(&w, "enabled", p->enabled);
    json_put_string(&w, "description", p->description);
    json_put_texts(&w, "templates", &p->templates);
    json_name(&w, "profiles");
    json_open_object(&w);
    for (size_t i = 0; i < p->profile_names.count; i++)
        json_put_string(&w, p->profile_names.items[i], p->profile_templates.items[i]);
    json_close_object(&w);
    json_put_texts(&w, "identifiers", &p->identifiers);
    json_put_texts(&w, "preapproved", &p->preapproved);
    json_put_texts(&w, "challenges", &p->challenges);
    json_put_bool(&w, "wildcards", p->wildcards);
    json_put_bool(&w, "bareNames", p->bare_names);
    json_put_string(&w, "commonName", common_names[p->common_name]);
    json_put_bool(&w, "open", p->open);
    json_put_bool(&w, "caa", p->caa);
    put_dns(&w, p);
    put_validation(&w, p);
    put_numbers(&w, p);
    json_close_object(&w);
    return json_written(&w);
}

const char *name_patterns_to_json(struct arena *arena, const struct text_list *patterns) {
    struct json_writer w = json_writer_on(arena);
    json_open_array(&w);
    for (size_t i = 0; i < patterns->count; i++)
        json_add_string(&w, patterns->items[i]);
    json_close_array(&w);
    return json_written(&w);
}

struct dns_config acme_policy_dns(const struct acme_policy *p) {
    return (struct dns_config){
        .resolvers = p->resolvers.items,
        .roots = p->roots.items,
        .port = (int)p->dns_port,
        .dnssec = p->dnssec,
        .trust_anchor = *p->trust_anchor == '\0' ? NULL : p->trust_anchor,
        .timeout_ms = (int)p->timeout_seconds * 1000,
    };
}
