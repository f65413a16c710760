/* The looks themselves. What is fetched goes through the outgoing proxy, as the real thing does. */
#include "connections/internal.h"

#include "audit/audit.h"
#include "base/json.h"
#include "net/dns.h"
#include "tsp/clock.h"

#include <string.h>

#define TIMEOUT_MS 10000
#define ROOTS_MAX ((size_t)16 * 1024 * 1024)

static bool get(struct arena *arena, const char *url, size_t most, struct fetch_reply *ret, struct error *err) {
    struct fetch_request request = {
        .url = url, .total_timeout_ms = TIMEOUT_MS, .max_bytes = most, .reach = FETCH_ANYWHERE};
    return fetch(arena, &request, ret, err);
}

/* Any status is an answer. */
static connection_ask ask_url;
static bool ask_url(struct arena *arena, const struct connection *connection, const char **ret_says, struct error *err) {
    struct fetch_reply reply;
    TRY(get(arena, connection->target, 0, &reply, err));
    *ret_says = arena_printf(arena, "HTTP %d from %s", reply.status, reply.address);
    return true;
}

static bool get_document(struct arena *arena, const char *url, size_t most, const struct json **ret, struct error *err) {
    struct fetch_reply reply;
    TRY(get(arena, url, most, &reply, err));
    if (reply.status != 200)
        return fail(err, ERROR_UNAVAILABLE, "fetch-failed", "%.200s was answered with HTTP %d.", url, reply.status);
    return json_parse(arena, reply.body, ret, err);
}

/* rfc6962#4.7: whoever takes chains says which roots they may lead to. */
static connection_ask ask_log;
static bool ask_log(struct arena *arena, const struct connection *connection, const char **ret_says, struct error *err) {
    const struct json *document, *roots = NULL;
    size_t len = strlen(connection->target);
    const char *slash = len > 0 && connection->target[len - 1] == '/' ? "" : "/";
    TRY(get_document(arena, arena_printf(arena, "%s%sct/v1/get-roots", connection->target, slash), ROOTS_MAX, &document, err));
    TRY(json_array(document, "certificates", &roots, err));
    if (roots == NULL)
        return fail(err, ERROR_UNAVAILABLE, "fetch-failed", "%.200s answers, but not as a transparency log does.",
                    connection->target);
    *ret_says = arena_printf(arena, "takes chains to %zu roots", roots->count);
    return true;
}

/* rfc8555#7.1.1 */
static connection_ask ask_acme;
static bool ask_acme(struct arena *arena, const struct connection *connection, const char **ret_says, struct error *err) {
    static const char *const members[] = {"newNonce", "newAccount", "newOrder"};
    const struct json *document;
    TRY(get_document(arena, connection->target, 0, &document, err));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *url = NULL;
        TRY(json_string(document, members[i], &url, err));
        if (url == NULL)
            return fail(err, ERROR_UNAVAILABLE, "fetch-failed", "%.200s is no ACME directory: it has no %s.",
                        connection->target, members[i]);
    }
    *ret_says = "an ACME directory";
    return true;
}

static connection_ask ask_timestamps;
static bool ask_timestamps(struct arena *arena, const struct connection *connection, const char **ret_says,
                           struct error *err) {
    uint8_t hash[32];
    struct view token;
    random_bytes(hash, sizeof hash);
    TRY(timestamp_fetch(arena, connection->target, hash, &token, err));
    *ret_says = arena_printf(arena, "a timestamp of %zu octets", token.len);
    return true;
}

static connection_ask ask_ntp;
static bool ask_ntp(struct arena *arena, const struct connection *connection, const char **ret_says, struct error *err) {
    struct clock_sample sample;
    TRY(ntp_ask(connection->target, INT64_C(1000) * 5000, &sample, err));
    *ret_says = arena_printf(arena, "%lld us from this clock, right to %lld us", (long long)sample.offset_us,
                             (long long)sample.bound_us);
    return true;
}

/* From there: addresses, CAA records, and an answer by HTTP where a proxy stands. */
static connection_ask ask_dns;
static bool ask_dns(struct arena *arena, const struct connection *connection, const char **ret_says, struct error *err) {
    struct dns_config config = {.resolvers = connection->view.resolvers, .timeout_ms = TIMEOUT_MS / 3};
    struct net_address *addresses;
    struct dns_reply caa;
    struct buffer says = buffer_on(arena);
    size_t count;
    TRY(dns_addresses(arena, &config, connection->target, &addresses, &count, err));
    TRY(dns_query(arena, &config, connection->target, DNS_CAA, &caa, err));
    for (size_t i = 0; i < count; i++)
        buffer_printf(&says, "%s%s", i == 0 ? "" : ", ", net_address_text(arena, &addresses[i]));
    buffer_printf(&says, "%s; CAA records: %zu", count == 0 ? "no address" : "", caa.count);
    if (*connection->view.proxy != '\0') {
        struct fetch_request request = {.url = arena_printf(arena, "http://%s/", connection->target),
                                        .proxy = connection->view.proxy,
                                        .total_timeout_ms = TIMEOUT_MS,
                                        .reach = FETCH_ANYWHERE};
        struct fetch_reply reply;
        TRY(fetch(arena, &request, &reply, err));
        buffer_printf(&says, "; through the proxy HTTP %d", reply.status);
    }
    *ret_says = buffer_text(&says);
    return true;
}

const char *const connection_kinds = "url, dns, ntp, transparency, acme or timestamps";

connection_ask *connection_kind(const char *kind) {
    static const struct {
        const char *name;
        connection_ask *ask;
    } kinds[] = {{"url", ask_url},          {"dns", ask_dns},   {"ntp", ask_ntp},
                 {"transparency", ask_log}, {"acme", ask_acme}, {"timestamps", ask_timestamps}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].ask;
    return NULL;
}
