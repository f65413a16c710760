/* Questions to the DNS, by libunbound: our own resolver, without a cache, so that a validation sees
 * what is there now. Names are asked as they are written: no search list, no hosts file. */
#ifndef GATEHOUSE_NET_DNS_H
#define GATEHOUSE_NET_DNS_H

#include "net/reach.h"

struct dns_config {
    /* "192.0.2.53" or "192.0.2.53@5353": they are asked to resolve. NULL or empty: those of
     * resolv.conf. */
    const char *const *resolvers;
    /* Instead: root servers of a network of its own; names are resolved from there. Same form. The servers that they name
     * are asked at port 53. */
    const char *const *roots;
    int port;                 /* of resolvers and roots that name none; 0: 53 */
    bool dnssec;              /* validate; a bogus answer is an error, an unsigned one is not */
    const char *trust_anchor; /* DS or DNSKEY records as text; NULL: the root's of the system */
    int timeout_ms;           /* of one question; 0: 10,000 */
};

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_TXT = 16, DNS_AAAA = 28, DNS_CAA = 257 };
enum dns_status { DNS_ANSWER, DNS_NO_DATA, DNS_NO_NAME };

struct dns_reply {
    enum dns_status status;
    bool secure;          /* signed and validated */
    struct view *records; /* RDATA */
    size_t count;
    const char *canonical; /* after CNAMEs; the name itself when there were none */
};

/* CNAMEs are followed. ERROR_UNAVAILABLE "dns-failed" (SERVFAIL, REFUSED, nobody answers) and
 * "dns-timeout", ERROR_POLICY "dns-bogus" when DNSSEC refuses it, ERROR_MALFORMED "bad-resolver"
 * for the configuration. */
MUST_USE bool dns_query(struct arena *arena, const struct dns_config *config, const char *name,
                        enum dns_type type, struct dns_reply *ret, struct error *err);
/* AAAA and A, IPv6 first; count 0 when the name has none. */
MUST_USE bool dns_addresses(struct arena *arena, const struct dns_config *config, const char *name,
                            struct net_address **ret_addresses, size_t *ret_count,
                            struct error *err);
/* The strings of a TXT record joined; false when it is broken. */
MUST_USE bool dns_txt(struct arena *arena, struct view rdata, struct view *ret_text);

struct dns_caa { /* rfc8659#4.1 */
    bool critical;
    const char *tag; /* lower case */
    const char *value;
};
MUST_USE bool dns_caa(struct arena *arena, struct view rdata, struct dns_caa *ret);

#endif
