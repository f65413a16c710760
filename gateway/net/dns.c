#include "net/dns.h"

#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unbound.h>

#define ROOT_KEY "/usr/share/dns/root.key"

static void drop_context(struct ub_ctx **context) {
    if (*context != NULL)
        ub_ctx_delete(*context);
}

static void drop_result(struct ub_result **result) {
    if (*result != NULL)
        ub_resolve_free(*result);
}

static bool set(struct ub_ctx *context, const char *option, const char *value, struct error *err) {
    int code = ub_ctx_set_option(context, option, value);
    return code == 0 ||
           fail_internal(err, "libunbound %s %s: %s", option, value, ub_strerror(code));
}

/* "ADDRESS" gets the port; what is no address is refused here, since libunbound looks at it late.
 */
static bool server(struct arena *arena, const struct dns_config *config, const char *text,
                   const char **ret_text, struct error *err) {
    struct net_address address;
    const char *at = strchr(text, '@');
    const char *host = at == NULL ? text : arena_text(arena, view_of(text, (size_t)(at - text)));
    unsigned long port = config->port > 0 ? (unsigned long)config->port : 53;
    if (at != NULL) {
        port = 0;
        for (const char *c = at + 1; *c != '\0'; c++)
            port = *c >= '0' && *c <= '9' && port < 65536 ? port * 10 + (unsigned long)(*c - '0')
                                                          : 65536;
    }
    if (!net_address_parse(host, &address) || port == 0 || port > 65535)
        return fail(err, ERROR_MALFORMED, "bad-resolver",
                    "'%.60s' is no resolver; write an address, or address@port", text);
    *ret_text = arena_printf(arena, "%s@%lu", host, port);
    return true;
}

/* Roots are asked who the roots are, whose addresses come without a port: at another one there are those listed alone. */
static int add_root(struct ub_ctx *context, const char *text) {
    return ub_ctx_set_stub(context, ".", text, strcmp(strchr(text, '@'), "@53") == 0);
}

static bool set_servers(struct arena *arena, struct ub_ctx *context,
                        const struct dns_config *config, struct error *err) {
    int code = 0;
    bool roots = config->roots != NULL && config->roots[0] != NULL;
    const char *const *list = roots ? config->roots : config->resolvers;
    if (list == NULL || list[0] == NULL) {
        code = ub_ctx_resolvconf(context, NULL);
        return code == 0 || fail(err, ERROR_UNAVAILABLE, "dns-failed",
                                 "resolv.conf cannot be read: %s", ub_strerror(code));
    }
    for (size_t i = 0; list[i] != NULL && code == 0; i++) {
        const char *text;
        TRY(server(arena, config, list[i], &text, err));
        code = roots ? add_root(context, text) : ub_ctx_set_fwd(context, text);
    }
    return code == 0 || fail_internal(err, "libunbound servers: %s", ub_strerror(code));
}

static bool set_dnssec(struct ub_ctx *context, const struct dns_config *config, struct error *err) {
    int code;
    if (!config->dnssec)
        return set(context, "module-config:", "iterator", err);
    if (config->trust_anchor == NULL) {
        code = ub_ctx_add_ta_file(context, ROOT_KEY);
    } else {
        SCOPED_ARENA struct arena *arena = arena_new();
        code = 0;
        for (const char *line = config->trust_anchor; *line != '\0' && code == 0;) {
            size_t len = strcspn(line, "\r\n");
            if (len > 0)
                code = ub_ctx_add_ta(context, arena_text(arena, view_of(line, len)));
            line += len + strspn(line + len, "\r\n");
        }
    }
    return code == 0 ||
           fail(err, ERROR_MALFORMED, "bad-resolver",
                "The DNSSEC trust anchor cannot be used: %s (without one of its own, a "
                "policy takes %s, of the package dns-root-data)",
                ub_strerror(code), ROOT_KEY);
}

static bool set_up(struct arena *arena, struct ub_ctx *context, const struct dns_config *config,
                   struct error *err) {
    /* Answered without asking anybody, if we let it: names of closed networks live there. */
    static const char *const built_in[] = {"test.", "home.arpa.", "localhost.", "invalid.",
                                           "127.in-addr.arpa."};
    ub_ctx_debuglevel(context, 0);
    ub_ctx_async(context, 1); /* a thread, not a process */
    TRY(set(context, "do-not-query-localhost:", "no", err));
    TRY(set(context, "unblock-lan-zones:", "yes", err));
    TRY(set(context, "insecure-lan-zones:", "yes", err));
    TRY(set(context, "cache-min-ttl:", "0", err));
    TRY(set_servers(arena, context, config, err));
    TRY(set_dnssec(context, config, err));
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
        ub_ctx_zone_remove(context, built_in[i]);
    return true;
}

struct wait {
    bool over;
    int code;
    struct ub_result *result;
};

static void take(void *context, int code, struct ub_result *result) {
    struct wait *wait = context;
    wait->over = true;
    wait->code = code;
    wait->result = result;
}

static bool ask(struct ub_ctx *context, const struct dns_config *config, const char *name,
                enum dns_type type, struct wait *wait, struct error *err) {
    int id = 0;
    int64_t until =
        clock_monotonic_us() + (config->timeout_ms > 0 ? config->timeout_ms : 10000) * 1000ll;
    int code = ub_resolve_async(context, name, (int)type, 1, wait, take, &id);
    while (code == 0 && !wait->over) {
        struct pollfd wanted = {.fd = ub_fd(context), .events = POLLIN};
        int64_t left_ms = (until - clock_monotonic_us()) / 1000;
        if (left_ms <= 0 || poll(&wanted, 1, (int)left_ms) == 0) {
            ub_cancel(context, id);
            return fail(err, ERROR_UNAVAILABLE, "dns-timeout",
                        "The DNS did not answer in time for %.250s.", name);
        }
        code = ub_process(context);
    }
    if (code == 0)
        code = wait->code;
    return code == 0 || fail(err, ERROR_UNAVAILABLE, "dns-failed", "Asking the DNS for %.250s: %s.",
                             name, ub_strerror(code));
}

static const char *rcode_name(int rcode) {
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    return rcode >= 0 && rcode < 6 ? names[rcode] : "an error";
}

static bool read_result(struct arena *arena, const char *name, const struct ub_result *result,
                        struct dns_reply *ret, struct error *err) {
    if (result->bogus)
        return fail(err, ERROR_POLICY, "dns-bogus", "DNSSEC refuses the answer for %.200s: %.200s",
                    name, result->why_bogus == NULL ? "bogus" : result->why_bogus);
    if (result->rcode != 0 && result->rcode != 3)
        return fail(err, ERROR_UNAVAILABLE, "dns-failed", "The DNS answered %s for %.250s.",
                    rcode_name(result->rcode), name);
    struct dns_reply out = {
        .status = result->nxdomain   ? DNS_NO_NAME
                  : result->havedata ? DNS_ANSWER
                                     : DNS_NO_DATA,
        .secure = result->secure,
        .canonical = arena_strdup(arena, result->canonname == NULL ? name : result->canonname),
    };
    while (result->havedata && result->data[out.count] != NULL)
        out.count++;
    out.records = arena_array(arena, out.count, sizeof *out.records);
    for (size_t i = 0; i < out.count; i++)
        out.records[i] = arena_copy(arena, result->data[i], (size_t)result->len[i]);
    *ret = out;
    return true;
}

bool dns_query(struct arena *arena, const struct dns_config *config, const char *name,
               enum dns_type type, struct dns_reply *ret, struct error *err) {
    struct wait wait = {0};
    __attribute__((cleanup(drop_context))) struct ub_ctx *context = ub_ctx_create();
    if (context == NULL)
        return fail_internal(err, "ub_ctx_create");
    TRY(set_up(arena, context, config, err));
    bool asked = ask(context, config, name, type, &wait, err);
    __attribute__((cleanup(drop_result))) struct ub_result *result = wait.result;
    TRY(asked);
    if (result == NULL)
        return fail_internal(err, "libunbound gave no result");
    return read_result(arena, name, result, ret, err);
}

static size_t add_addresses(const struct dns_reply *reply, int family, struct net_address *to) {
    size_t count = 0, len = family == AF_INET ? 4 : 16;
    for (size_t i = 0; i < reply->count; i++) {
        if (reply->records[i].len != len)
            continue;
        to[count] = (struct net_address){.family = family};
        memcpy(to[count++].bytes, reply->records[i].at, len);
    }
    return count;
}

bool dns_addresses(struct arena *arena, const struct dns_config *config, const char *name,
                   struct net_address **ret_addresses, size_t *ret_count, struct error *err) {
    struct dns_reply six = {0}, four = {0};
    struct error first = {0};
    bool have_six = dns_query(arena, config, name, DNS_AAAA, &six, &first);
    if (!have_six && first.kind == ERROR_POLICY) {
        if (err != NULL)
            *err = first;
        return false;
    }
    if (!dns_query(arena, config, name, DNS_A, &four, err)) {
        if (!have_six || six.count == 0)
            return false;
        four.count = 0;
    }
    struct net_address *addresses = arena_array(arena, six.count + four.count, sizeof *addresses);
    size_t count = add_addresses(&six, AF_INET6, addresses);
    count += add_addresses(&four, AF_INET, addresses + count);
    *ret_addresses = addresses;
    *ret_count = count;
    return true;
}

bool dns_txt(struct arena *arena, struct view rdata, struct view *ret_text) {
    uint8_t *text = arena_alloc(arena, rdata.len + 1);
    size_t len = 0;
    for (size_t at = 0; at < rdata.len;) {
        size_t piece = rdata.at[at++];
        if (piece > rdata.len - at)
            return false;
        memcpy(text + len, rdata.at + at, piece);
        len += piece;
        at += piece;
    }
    *ret_text = view_of(text, len);
    return true;
}

bool dns_caa(struct arena *arena, struct view rdata, struct dns_caa *ret) {
    if (rdata.len < 3 || rdata.at[1] == 0 || rdata.at[1] > rdata.len - 2)
        return false;
    size_t len = rdata.at[1];
    char *tag = arena_text(arena, view_of(rdata.at + 2, len));
    for (size_t i = 0; i < len; i++) {
        if (tag[i] >= 'A' && tag[i] <= 'Z')
            tag[i] = (char)(tag[i] + 'a' - 'A');
        if (!((tag[i] >= 'a' && tag[i] <= 'z') || (tag[i] >= '0' && tag[i] <= '9')))
            return false;
    }
    struct view value = view_of(rdata.at + 2 + len, rdata.len - 2 - len);
    if (memchr(value.at, 0, value.len) != NULL)
        return false;
    *ret = (struct dns_caa){(rdata.at[0] & 0x80) != 0, tag, arena_text(arena, value)};
    return true;
}
