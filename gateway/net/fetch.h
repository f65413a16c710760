/* Outgoing HTTP(S), by libcurl: nothing is fetched without limits on time, size, redirects and
 * addresses. */
#ifndef GATEHOUSE_NET_FETCH_H
#define GATEHOUSE_NET_FETCH_H

#include "base/arena.h"

/* Which addresses a target may have. Checked at the moment of connecting, on the address that is
 * dialled, so that a name that changes its mind (DNS rebinding) gains nothing. */
enum fetch_reach {
    FETCH_ANYWHERE,  /* the administrator named the URL: webhook, proxy, directory */
    FETCH_NOT_LOCAL, /* not this host: loopback, unspecified, link-local, multicast are refused */
    FETCH_PUBLIC,    /* as above, and no private ranges (RFC 1918, RFC 4193, RFC 6598 ...) */
};

struct fetch_header {
    const char *name, *value;
};

struct fetch_request {
    const char *method; /* NULL: GET */
    const char *url;    /* http or https */
    struct view body;
    const struct fetch_header *headers;
    size_t header_count;
    int connect_timeout_ms, total_timeout_ms; /* 0: 5,000 and 15,000 */
    size_t max_bytes;                         /* of the answer's body; 0: 1 MiB */
    int redirects;                            /* how many are followed; 0: none */
    const unsigned short *ports; /* allowed ones, at first and after redirects; NULL: any */
    size_t port_count;
    enum fetch_reach reach;
    const char *const
        *denied; /* "10.0.0.0/8", "fd00::/8": refused besides; NULL-terminated, or NULL */
    const char *const *allowed; /* reached in spite of `reach` */
    /* Asked for the address of every host on the way, redirects included, instead of the system's
     * resolver; its errors become those of fetch. Not asked when there is a proxy. */
    bool (*resolve)(void *context, struct arena *arena, const char *host, const char **ret_address,
                    struct error *err);
    void *resolve_context;
    const char *address;        /* dial this one instead of asking the resolver; NULL: resolver */
    const char *proxy;          /* URL; NULL: the instance's (fetch_configure); "": none */
    const char *username, *password;
    const char *ca_file;       /* NULL: the instance's, or the system's */
    const char *ca_pem;        /* these instead; NULL or "": not */
    struct view client_pkcs12; /* client certificate; empty: none */
    const char *client_password;
    bool insecure; /* the peer's certificate is not looked at: ACME validation over redirects */
};

struct fetch_reply {
    int status;
    struct fetch_header *headers; /* of the last answer */
    size_t header_count;
    struct view body;
    const char *url;     /* after redirects */
    const char *address; /* that was dialled last */
};

/* Once, before threads start. proxy may be NULL; no_proxy: names and CIDRs, comma-separated. */
MUST_USE bool fetch_configure(const char *proxy, const char *no_proxy, const char *ca_file,
                              struct error *err);
/* The proxy on the way to that host; NULL: none. */
const char *fetch_proxy(struct arena *arena, const char *host);
/* Any status is success here. ERROR_UNAVAILABLE "fetch-failed" names URL (without credentials or
 * query) and reason, "fetch-timeout"; ERROR_TOO_LARGE "fetch-too-large"; ERROR_POLICY
 * "fetch-refused" for address, port, scheme or redirects that are not allowed. */
MUST_USE bool fetch(struct arena *arena, const struct fetch_request *request,
                    struct fetch_reply *ret, struct error *err);
/* Several at once, in this thread; none follows redirects. `took` gets each answer, or why there is none (reply
 * NULL), as it comes; once it returns false the rest is given up and not told of. The requests must not share
 * what they change (resolve_context). */
struct fetch_many {
    const struct fetch_request *requests;
    size_t count;
    bool (*took)(void *context, size_t index, const struct fetch_reply *reply, const struct error *why);
    void *context;
};
MUST_USE bool fetch_many(struct arena *arena, const struct fetch_many *many, struct error *err);
/* Case-insensitive; NULL when absent. */
const char *fetch_header(const struct fetch_reply *reply, const char *name);

#endif
