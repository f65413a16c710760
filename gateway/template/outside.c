/* What a template asks of others before a certificate is signed: reading and writing it. */
#include "template/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "net/caa.h"
#include "x509/sct.h"

#include <string.h>

/* --- CAA
 * -----------------------------------------------------------------------------------------------
 */

static bool is_domain(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= 253 && text[0] != '.' && text[len - 1] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

/* "ADDRESS" or "ADDRESS@PORT", as net/dns.h takes them. */
static bool is_resolver(struct arena *arena, const char *text) {
    struct net_address address;
    const char *at = strchr(text, '@');
    const char *host = at == NULL ? text : arena_text(arena, view_of(text, (size_t)(at - text)));
    if (at != NULL &&
        (at[1] == '\0' || strlen(at) > 6 || strspn(at + 1, "0123456789") != strlen(at + 1)))
        return false;
    return net_address_parse(host, &address);
}

static bool read_caa(struct arena *arena, const struct json *document, struct template *t,
                     struct error *err) {
    static const char *const names[] = {"check",  "identities",  "resolvers",      "quorum",
                                        "dnssec", "trustAnchor", "timeoutSeconds", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "caa", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_bool(object, "check", &t->caa.check, err) &&
        json_bool(object, "dnssec", &t->caa.dnssec, err));
    TRY(read_list(arena, object, "identities", NULL, &t->caa.identities, err));
    TRY(read_list(arena, object, "resolvers", NULL, &t->caa.resolvers, err));
    TRY(json_string(object, "trustAnchor", &t->caa.trust_anchor, err));
    TRY(json_int(object, "quorum", 0, CAA_MAX_VIEWS, &t->caa.quorum, err));
    TRY(json_int(object, "timeoutSeconds", 1, 60, &t->caa.timeout_seconds, err));
    for (size_t i = 0; i < t->caa.identities.count; i++)
        if (!is_domain(t->caa.identities.items[i]))
            return template_invalid(err, "caa.identities: \"%.100s\" is no domain name.",
                                    t->caa.identities.items[i]);
    for (size_t i = 0; i < t->caa.resolvers.count; i++)
        if (!is_resolver(arena, t->caa.resolvers.items[i]))
            return template_invalid(err, "caa.resolvers: \"%.100s\" is no address or address@port.",
                                    t->caa.resolvers.items[i]);
    if (t->caa.resolvers.count > CAA_MAX_VIEWS)
        return template_invalid(err, "caa.resolvers has more than %d entries.", CAA_MAX_VIEWS);
    if (t->caa.quorum > (int64_t)(t->caa.resolvers.count == 0 ? 1 : t->caa.resolvers.count))
        return template_invalid(err, "caa.quorum is more than there are resolvers.");
    return !t->caa.check || t->caa.identities.count > 0 ||
           template_invalid(err,
                            "caa.check needs caa.identities: the names that stand for this CA in "
                            "CAA records (RFC 8659 4.2).");
}

static void put_caa(struct json_writer *w, const struct template *t) {
    json_name(w, "caa");
    json_open_object(w);
    json_put_bool(w, "check", t->caa.check);
    json_put_texts(w, "identities", &t->caa.identities);
    json_put_texts(w, "resolvers", &t->caa.resolvers);
    json_put_int(w, "quorum", t->caa.quorum);
    json_put_bool(w, "dnssec", t->caa.dnssec);
    json_put_string(w, "trustAnchor", t->caa.trust_anchor);
    json_put_int(w, "timeoutSeconds", t->caa.timeout_seconds);
    json_close_object(w);
}

/* --- certificate transparency
 * ------------------------------------------------------------------------------------------- */

#define MAX_LOGS 16

static bool read_time(const struct json *object, const char *name, int64_t *ret_us,
                      struct error *err) {
    const char *text = NULL;
    TRY(json_string(object, name, &text, err));
    return text == NULL || time_parse(text, ret_us, err);
}

static bool read_log(struct arena *arena, const struct json *item, struct ct_log *ret,
                     struct error *err) {
    static const char *const names[] = {"name", "url", "key", "operator", "from", "to", NULL};
    AUTO(EVP_PKEY) *key = NULL;
    uint8_t id[SCT_ID_SIZE];
    const char *text = NULL, *problem = NULL;
    struct ct_log log = {.operator= "" };
    TRY(json_only(item, names, err));
    TRY(json_string(item, "name", &log.name, err) && json_string(item, "url", &log.url, err) &&
        json_string(item, "key", &text, err) && json_string(item, "operator", &log.operator, err) &&
        read_time(item, "from", &log.from_us, err) && read_time(item, "to", &log.to_us, err));
    if (log.name == NULL || *log.name == '\0' || log.url == NULL || text == NULL)
        return template_invalid(err, "ct.logs: each needs a name, an url and a key.");
    problem = uri_problem(log.url);
    if (problem == NULL && strncmp(log.url, "https://", 8) != 0 &&
        strncmp(log.url, "http://", 7) != 0)
        problem = "is no http or https URL";
    if (problem != NULL)
        return template_invalid(err, "ct.logs: the URL \"%.100s\" %s.", log.url, problem);
    if (!base64_decode(arena, view_text(text), &log.key))
        return template_invalid(err, "ct.logs: the key of %.60s is not in base64.", log.name);
    struct error why = {0};
    if (!sct_log_key(log.key, &key, id, &why))
        return template_invalid(err, "ct.logs, %.60s: %s", log.name, why.message);
    if (log.to_us != 0 && log.from_us >= log.to_us)
        return template_invalid(err, "ct.logs: %.60s ends before it begins.", log.name);
    *ret = log;
    return true;
}

static bool read_logs(struct arena *arena, const struct json *object, struct template *t,
                      struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(object, "logs", &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_LOGS)
        return template_invalid(err, "ct.logs has more than %d entries.", MAX_LOGS);
    t->ct.logs = arena_array(arena, array->count + 1, sizeof *t->ct.logs);
    t->ct.log_count = 0;
    JSON_EACH (item, array) {
        if (item->type != JSON_OBJECT)
            return fail(err, ERROR_MALFORMED, "wrong-type", "\"logs\" must hold objects.");
        TRY(read_log(arena, item, &t->ct.logs[t->ct.log_count++], err));
    }
    return true;
}

static bool read_minimum(struct arena *arena, const struct json *object, struct template *t,
                         struct error *err) {
    static const char *const names[] = {"days", "scts", NULL};
    const struct json *array = NULL;
    int64_t before = 0;
    TRY(json_array(object, "minimum", &array, err));
    if (array == NULL)
        return true;
    if (array->count == 0 || array->count > 8)
        return template_invalid(err, "ct.minimum must have 1 to 8 entries.");
    t->ct.minimum = arena_array(arena, array->count, sizeof *t->ct.minimum);
    t->ct.minimum_count = 0;
    JSON_EACH (item, array) {
        struct ct_minimum *m = &t->ct.minimum[t->ct.minimum_count++];
        TRY(json_only(item, names, err));
        TRY(json_int(item, "days", 1, 36525, &m->days, err) &&
            json_int(item, "scts", 1, MAX_LOGS, &m->scts, err));
        if (m->days <= before || m->scts == 0)
            return template_invalid(
                err, "ct.minimum: each needs scts and more days than the one before.");
        before = m->days;
    }
    return true;
}

static bool check_ct(const struct template *t, struct error *err) {
    if (t->ct.log_count == 0)
        return true;
    if (t->basic.ca)
        return template_invalid(
            err, "ct is for end-entity certificates; an authority's is not logged here.");
    if (t->endless)
        return template_invalid(err, "ct is for certificates that end, and validity.endless gives them no end.");
    for (size_t i = 0; i < t->ct.minimum_count; i++)
        if ((size_t)t->ct.minimum[i].scts > t->ct.log_count &&
            (i == 0 || t->max_days > t->ct.minimum[i - 1].days))
            return template_invalid(err,
                                    "ct.minimum asks for more timestamps than there are logs.");
    return t->max_days <= t->ct.minimum[t->ct.minimum_count - 1].days ||
           template_invalid(err, "ct.minimum ends before validity.maxDays.");
}

static bool read_ct(struct arena *arena, const struct json *document, struct template *t,
                    struct error *err) {
    static const char *const names[] = {"logs",    "minimum",        "operators",
                                        "spare",   "timeoutSeconds", "deliver",
                                        "failure", "retryHours",     NULL};
    const struct json *object = NULL;
    unsigned retry = t->ct.retry;
    TRY(json_object(document, "ct", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(read_logs(arena, object, t, err) && read_minimum(arena, object, t, err));
    TRY(json_int(object, "operators", 1, MAX_LOGS, &t->ct.operators, err) &&
        json_int(object, "spare", 0, MAX_LOGS, &t->ct.spare, err) &&
        json_int(object, "timeoutSeconds", 1, 60, &t->ct.timeout_seconds, err) &&
        json_int(object, "retryHours", 1, 24 * 30, &t->ct.retry_hours, err));
    READ_CHOICE(object, "deliver", ct_delivery_names, t->ct.deliver, err);
    TRY(read_choice(object, "failure", ct_failure_names, &retry, err));
    t->ct.retry = retry != 0;
    return check_ct(t, err);
}

static void put_log(struct json_writer *w, const struct ct_log *log) {
    SCOPED_ARENA struct arena *arena = arena_new();
    json_open_object(w);
    json_put_string(w, "name", log->name);
    json_put_string(w, "url", log->url);
    json_put_string(w, "key", base64_encode(arena, log->key));
    json_put_string(w, "operator", log->operator);
    if (log->from_us != 0)
        json_put_time(w, "from", log->from_us);
    if (log->to_us != 0)
        json_put_time(w, "to", log->to_us);
    json_close_object(w);
}

static void put_ct(struct json_writer *w, const struct template *t) {
    json_name(w, "ct");
    json_open_object(w);
    json_name(w, "logs");
    json_open_array(w);
    for (size_t i = 0; i < t->ct.log_count; i++)
        put_log(w, &t->ct.logs[i]);
    json_close_array(w);
    json_name(w, "minimum");
    json_open_array(w);
    for (size_t i = 0; i < t->ct.minimum_count; i++) {
        json_open_object(w);
        json_put_int(w, "days", t->ct.minimum[i].days);
        json_put_int(w, "scts", t->ct.minimum[i].scts);
        json_close_object(w);
    }
    json_close_array(w);
    json_put_int(w, "operators", t->ct.operators);
    json_put_int(w, "spare", t->ct.spare);
    json_put_int(w, "timeoutSeconds", t->ct.timeout_seconds);
    json_put_string(w, "deliver", ct_delivery_names[t->ct.deliver]);
    json_put_string(w, "failure", ct_failure_names[t->ct.retry]);
    json_put_int(w, "retryHours", t->ct.retry_hours);
    json_close_object(w);
}

/* --- the policy hook
 * ------------------------------------------------------------------------------------------- */

static bool read_hook(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"url", "timeoutSeconds", "generation", "caFile", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "hook", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_string(object, "url", &t->hook.url, err) &&
        json_string(object, "caFile", &t->hook.ca_file, err) &&
        json_int(object, "timeoutSeconds", 1, 30, &t->hook.timeout_seconds, err) &&
        json_int(object, "generation", 1, 1000000, &t->hook.generation, err));
    if (t->hook.url == NULL)
        t->hook.url = "";
    if (t->hook.ca_file == NULL)
        t->hook.ca_file = "";
    if (*t->hook.url != '\0' &&
        (strncmp(t->hook.url, "https://", 8) != 0 || uri_problem(t->hook.url) != NULL))
        return template_invalid(err, "hook.url: \"%.100s\" is no https URL.", t->hook.url);
    return *t->hook.ca_file == '\0' || *t->hook.ca_file == '/' ||
           template_invalid(err, "hook.caFile must be the absolute name of a file.");
}

static void put_hook(struct json_writer *w, const struct template *t) {
    json_name(w, "hook");
    json_open_object(w);
    json_put_string(w, "url", t->hook.url);
    json_put_int(w, "timeoutSeconds", t->hook.timeout_seconds);
    json_put_int(w, "generation", t->hook.generation);
    json_put_string(w, "caFile", t->hook.ca_file);
    json_close_object(w);
}

/* --- related certificates
 * ------------------------------------------------------------------------------------------- */

static bool read_related(const struct json *document, struct template *t, struct error *err) {
    static const char *const names[] = {"from", "freshSeconds", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "related", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    READ_CHOICE(object, "from", related_names, t->related.from, err);
    return json_int(object, "freshSeconds", 1, 7 * 86400, &t->related.fresh_seconds, err);
}

static void put_related(struct json_writer *w, const struct template *t) {
    json_name(w, "related");
    json_open_object(w);
    json_put_string(w, "from", related_names[t->related.from]);
    json_put_int(w, "freshSeconds", t->related.fresh_seconds);
    json_close_object(w);
}

bool read_outside(struct arena *arena, const struct json *document, struct template *t,
                  struct error *err) {
    return read_caa(arena, document, t, err) && read_ct(arena, document, t, err) &&
           read_hook(document, t, err) && read_related(document, t, err);
}

void put_outside(struct json_writer *w, const struct template *t) {
    put_caa(w, t);
    put_ct(w, t);
    put_hook(w, t);
    put_related(w, t);
}
