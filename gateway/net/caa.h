/* Certification Authority Authorization: may this CA issue for that name (RFC 8659, RFC 8657)? */
#ifndef GATEHOUSE_NET_CAA_H
#define GATEHOUSE_NET_CAA_H

#include "net/dns.h"

/* Who asks. */
struct caa_issuer {
    const char *const *identities; /* its domain names in "issue" records; NULL behind the last */
    const char *account_url;       /* for accounturi; NULL: records that name an account do not fit */
    const char *method;            /* for validationmethods; NULL: those records do not fit */
    bool any_method;               /* the method was checked elsewhere, or cannot be known */
};

struct caa_name {
    const char *name; /* without "*." */
    bool wildcard;
};

/* One resolver's view. ERROR_POLICY "caa" when the records forbid it or DNSSEC refuses them,
 * ERROR_UNAVAILABLE "caa-unavailable" when they cannot be read: that is no permission either. */
MUST_USE bool caa_check(struct arena *arena, const struct dns_config *dns,
                        const struct caa_name *name, const struct caa_issuer *issuer,
                        struct error *err);

#define CAA_MAX_VIEWS 8
/* The same by several resolvers at once, each on its own: at least `quorum` of them must permit
 * every one of the names (0: all). No view starts a question after `total_ms`. The error is that of
 * a view that forbids, else of one that fails, and tells how many agreed. */
struct caa_question {
    const struct dns_config *views;
    size_t view_count, quorum;
    const struct caa_name *names;
    size_t name_count;
    struct caa_issuer issuer;
    int total_ms; /* 0: 30,000 */
};
MUST_USE bool caa_ask(struct arena *arena, const struct caa_question *question, struct error *err);

#endif
