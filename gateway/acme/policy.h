/* ACME policies: one typed struct, one JSON document; the same in the database, the REST API and
 * the form.
 *
 * {
 *   "enabled": true, "description": "",
 *   "templates": ["issuing-web-server"],      the first is the default; the others by profile
 *   "profiles": {"short": "issuing-short"},   names that the directory shows
 * (draft-ietf-acme-profiles) "identifiers": [],                        patterns of what may be
 * ordered; empty: anything "preapproved": [],                        patterns that need no
 * challenge "challenges": ["http-01","dns-01","tls-alpn-01"], "wildcards": true, "bareNames": true,
 * host names without a dot "commonName": "csr",                      csr | first (the first name,
 * when the CSR has no subject) | none "open": false,                            accounts without
 * external binding, where the instance is open "caa": false,                             look at
 * CAA records (rfc8659); the instance's identities "dns": {"resolvers": [], "roots": [], "port":
 * 53, "dnssec": false, "trustAnchor": ""}, "validation": {"httpPort": 80, "tlsPort": 443, "proxy":
 * "", "redirects": 10, "redirectPorts": [80,443], "attempts": 3, "retrySeconds": 5,
 * "timeoutSeconds": 10, "reach": "not-local",      anywhere | not-local | public "denied": [],
 * "allowed": [], "vantages": [{"name", "resolvers": [], "proxy": ""}], "quorum": 0},
 * "lifetimes": {"orderHours": 168, "authorizationHours": 720, "pendingHours": 168},
 *   "limits": {"ordersPerHour": 0, "ordersPerIdentifierPerWeek": 0, "policyOrdersPerHour": 0,
 *              "pendingAuthorizations": 300, "accounts": 0, "identifiersPerOrder": 100}   0: none
 * } */
#ifndef GATEHOUSE_ACME_POLICY_H
#define GATEHOUSE_ACME_POLICY_H

#include "acme/identifier.h"
#include "net/dns.h"
#include "net/fetch.h"

enum common_name_rule { COMMON_NAME_CSR, COMMON_NAME_FIRST, COMMON_NAME_NONE };

#define ACME_MAX_VANTAGES 8
/* Another place to look from: by resolvers and, for http-01, a proxy there. */
struct acme_vantage {
    const char *name;
    struct text_list resolvers; /* NULL behind the last; none: those of the policy */
    const char *proxy;          /* "": that of the policy */
};

struct acme_policy {
    bool enabled;
    const char *description;
    struct text_list templates;
    struct text_list profile_names, profile_templates; /* side by side */
    struct text_list identifiers, preapproved, challenges;
    bool wildcards, bare_names, open, caa;
    enum common_name_rule common_name;
    struct text_list resolvers, roots; /* NULL behind the last */
    int64_t dns_port;
    bool dnssec;
    const char *trust_anchor; /* "" */
    int64_t http_port, tls_port;
    const char *proxy; /* "" none */
    int64_t redirects;
    unsigned short *redirect_ports;
    size_t redirect_port_count;
    int64_t attempts, retry_seconds, timeout_seconds;
    enum fetch_reach reach;
    struct text_list denied, allowed; /* NULL behind the last */
    struct acme_vantage *vantages;
    size_t vantage_count;
    int64_t quorum; /* so many of them must agree; 0: all */
    int64_t order_hours, authorization_hours, pending_hours;
    int64_t orders_per_hour, orders_per_identifier_per_week, policy_orders_per_hour;
    int64_t pending_authorizations, accounts, identifiers_per_order;
};

/* What is absent gets the defaults above. Unknown members, values that cannot be, and an empty
 * "templates" are errors that name the member. */
MUST_USE bool acme_policy_from_json(struct arena *arena, const struct json *document,
                                    struct acme_policy *ret, struct error *err);
const char *acme_policy_to_json(struct arena *arena, const struct acme_policy *policy);

/* For policy_vantages.c: lists of texts, name servers as text, and what it reads and writes. */
MUST_USE bool acme_policy_texts(struct arena *arena, const struct json *object, const char *name,
                                struct text_list *list, struct error *err);
MUST_USE bool acme_policy_servers(struct arena *arena, const struct text_list *servers,
                                  struct error *err);
MUST_USE bool acme_policy_read_vantages(struct arena *arena, const struct json *validation,
                                        struct acme_policy *p, struct error *err);
void acme_policy_write_vantages(struct json_writer *w, const struct acme_policy *p);

struct dns_config acme_policy_dns(const struct acme_policy *policy);
/* An array of patterns, e.g. the scope of an external account binding. */
MUST_USE bool name_patterns_from_json(struct arena *arena, const struct json *array,
                                      const char *name, struct text_list *ret, struct error *err);
const char *name_patterns_to_json(struct arena *arena, const struct text_list *patterns);

#endif
