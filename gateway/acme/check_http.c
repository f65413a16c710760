/* http-01 (rfc8555#8.3, rfc8738#4) and what the checks share. Every hop is resolved by the policy's
 * own resolver and judged by the policy's address rules on the address that is dialled. */
#include "acme/internal.h"

#include <string.h>
#include <sys/socket.h>

#define MOST_SEEN 80

const char *check_seen(struct arena *arena, struct view bytes, size_t most) {
    struct buffer out = buffer_on(arena);
    for (size_t i = 0; i < bytes.len && i < most; i++)
        buffer_add_byte(&out, bytes.at[i] >= 0x20 && bytes.at[i] < 0x7f && bytes.at[i] != '"'
                                  ? bytes.at[i]
                                  : (uint8_t)'.');
    if (bytes.len > most)
        buffer_add_text(&out, "...");
    return buffer_text(&out);
}

static bool resolve(struct arena *arena, const struct acme_policy *policy, const char *host,
                    struct net_address **ret, size_t *ret_count, struct error *err) {
    struct dns_config config = acme_policy_dns(policy);
    struct net_address literal;
    struct error why = {0};
    if (net_address_parse(host, &literal)) {
        *ret = arena_array(arena, 1, sizeof **ret);
        (*ret)[0] = literal;
        *ret_count = 1;
        return true;
    }
    if (!dns_addresses(arena, &config, host, ret, ret_count, &why))
        return acme_refuse(err, "dns", ERROR_POLICY, "%s", why.message);
    return *ret_count > 0 || acme_refuse(err, "dns", ERROR_POLICY,
                                         "%.250s has neither an A nor an AAAA record.", host);
}

bool check_addresses(const struct check *check, struct net_address **ret, size_t *ret_count,
                     struct error *err) {
    return resolve(check->arena, check->policy, check->authorization->identifier, ret, ret_count,
                   err);
}

struct way {
    const struct check *check;
    int family;                       /* tried now */
    const struct net_address *first;  /* of the identifier, asked for once; NULL: behind a proxy, or on the way already */
    size_t count;
};

/* For each host on the way; asked by fetch. */
static bool next_address(void *context, struct arena *arena, const char *host, const char **ret,
                         struct error *err) {
    struct way *way = context;
    const struct net_address *addresses = way->first;
    struct net_address *found;
    size_t count = way->count, at = 0;
    way->first = NULL;
    if (addresses == NULL) {
        TRY(resolve(arena, way->check->policy, host, &found, &count, err));
        addresses = found;
    }
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == way->family) {
            at = i;
            break;
        }
    *ret = net_address_text(arena, &addresses[at]);
    return true;
}

static bool get(struct way way, const char *url, struct fetch_reply *ret, struct error *err) {
    const struct check *check = way.check;
    const struct acme_policy *policy = check->policy;
    unsigned short *ports =
        arena_array(check->arena, policy->redirect_port_count + 1, sizeof *ports);
    if (policy->redirect_port_count > 0)
        memcpy(ports, policy->redirect_ports, policy->redirect_port_count * sizeof *ports);
    ports[policy->redirect_port_count] = (unsigned short)policy->http_port;
    struct fetch_request request = {
        .url = url,
        .connect_timeout_ms = (int)policy->timeout_seconds * 500,
        .total_timeout_ms = (int)policy->timeout_seconds * 1000,
        .max_bytes = 16 * 1024,
        .redirects = (int)policy->redirects,
        .ports = ports,
        .port_count = policy->redirect_port_count + 1,
        .reach = policy->reach,
        .denied = policy->denied.items,
        .allowed = policy->allowed.items,
        .resolve = *policy->proxy == '\0' ? next_address : NULL,
        .resolve_context = &way,
        .proxy = policy->proxy,
        .insecure = true, /* rfc8555#8.3: certificates after a redirect are not looked at */
    };
    return fetch(check->arena, &request, ret, err);
}

static bool refuse_fetch(const struct error *why, struct error *err) {
    if (strncmp(why->type, "acme:", 5) == 0) {
        *err = *why;
        return false;
    }
    return acme_refuse(err, "connection", ERROR_POLICY, "%s", why->message);
}

static bool judge(const struct check *check, const struct fetch_reply *reply, struct error *err) {
    struct view body = reply->body;
    if (reply->status != 200)
        return acme_refuse(err, "incorrectResponse", ERROR_POLICY,
                           "%.250s (at %s) answered with status %d: \"%s\"", reply->url,
                           reply->address, reply->status,
                           check_seen(check->arena, body, MOST_SEEN));
    /* rfc8555#8.3: white space behind it is ignored */
    while (body.len > 0 && strchr(" \t\r\n", body.at[body.len - 1]) != NULL &&
           body.at[body.len - 1] != 0)
        body.len--;
    return view_is(body, check->key_authorization) ||
           acme_refuse(err, "incorrectResponse", ERROR_POLICY,
                       "%.200s (at %s) answered \"%s\" instead of \"%.100s\".", reply->url,
                       reply->address, check_seen(check->arena, body, MOST_SEEN),
                       check->key_authorization);
}

static bool has_both(const struct net_address *addresses, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (addresses[i].family != addresses[0].family)
            return true;
    return false;
}

bool check_http(const struct check *check, struct error *err) {
    const char *host = check->authorization->identifier;
    const char *bracketed =
        strchr(host, ':') != NULL ? arena_printf(check->arena, "[%s]", host) : host;
    const char *port =
        check->policy->http_port == 80
            ? ""
            : arena_printf(check->arena, ":%lld", (long long)check->policy->http_port);
    const char *url = arena_printf(check->arena, "http://%s%s/.well-known/acme-challenge/%s",
                                   bracketed, port, check->token);
    struct net_address *addresses = NULL;
    struct way way = {.check = check, .family = AF_INET6};
    struct fetch_reply reply;
    struct error why = {0};
    if (*check->policy->proxy == '\0')
        TRY(check_addresses(check, &addresses, &way.count, err));
    way.first = addresses;
    /* IPv6 first, IPv4 when nobody answers there */
    bool got = get(way, url, &reply, &why);
    bool refused = why.kind == ERROR_UNAVAILABLE || strcmp(why.type, "fetch-refused") == 0;
    if (!got && refused && has_both(addresses, way.count)) {
        why = (struct error){0};
        way.family = AF_INET;
        got = get(way, url, &reply, &why);
    }
    return got ? judge(check, &reply, err) : refuse_fetch(&why, err);
}
