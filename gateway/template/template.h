/* Templates: every certificate is made under one. One typed struct, one JSON document: the same in the
 * database, the REST API, export and import, and the form. docs/templates.md explains each member.
 *
 * {
 *   "enabled": true,
 *   "description": "TLS servers",
 *   "doors": ["rest","console"],      who may use it: rest, console, public, preapproved, acme, scep, est, cmp
 *   "unsolicited": true,              the public page takes requests that nobody was invited to make
 *   "approval": "role",               none | role | always | four-eyes
 *   "proof": "required",              of possession of the key: required (by the CSR or the protocol) | none;
 *                                     keys that cannot sign (ML-KEM) need "none" where no protocol proves them
 *   "validity": {"days":397,"maxDays":397,"backdateSeconds":300,
 *                "over":"refuse",     asked for more than maxDays: refuse | clamp
 *                "issuerEnd":"auto",  past the issuer's end: auto (refuse what was asked for, clamp the
 *                                     template's own) | clamp | refuse
 *                "align":"none",      none | hour | day: begin and end are rounded down to it
 *                "endless":false},    instead of days: 9999-12-31T23:59:59Z, which may also be asked for
 *   "keys": ["RSA","EC","Ed25519","ML-DSA","SLH-DSA"],       see key_type_allowed; empty: all
 *   "keysLevel": "block",             other keys: block | log (taken, and the event says so) | off
 *   "subject": {"from":"csr",         csr | fixed | none | expression
 *               "attributes":["CN","O","OU","L","ST","C"],   others are refused; "*": any
 *               "required":[],"fixed":{},                    fixed ones are set whatever the request says
 *               "expression":{"CN":"{user} ({csr.serialNumber})"},
 *               "rules":[{"field":"CN","pattern":"[a-z]+","values":[],"min":1,"max":1}],
 *               "firstSanToCommonName":false},
 *   "variables": [{"name":"user","description":"Log-in name","required":true,"pattern":"[a-z]+",
 *                  "values":[],"default":""}],               what expressions use beside csr.TYPE, san.TYPE,
 *                                     requester, door, key
 *   "sans": {"types":["dns","ip"],"min":1,"max":100,"commonNameToSan":true,
 *            "from":"request",        request | none
 *            "add":["URI:urn:user:{user}"],
 *            "rules":[{"field":"dns","pattern":".*\\.example\\.com","values":[],"min":0,"max":10}]},
 *   "keyUsage": ["digitalSignature","keyEncipherment"],   keyEncipherment only goes into RSA certificates
 *   "keyUsageCritical": true,
 *   "extendedKeyUsage": ["serverAuth"],
 *   "extendedKeyUsageFrom": "template",   template | request (those of the template when it asks for none) |
 *                                     both | never
 *   "extendedKeyUsageCritical": false,    one that comes from a request may be critical by itself
 *   "extendedKeyUsageAllowed": [],        what a request may ask for; empty: anything
 *   "basicConstraints": {"include":true,"ca":false,"pathLength":null},
 *   "aia": true, "ocsp": true, "crl": true, "freshestCrl": false,
 *   "urls": {"caIssuers":[],"ocsp":[],"crl":[],"freshestCrl":[]},     instead of the authority's
 *   "policies": ["2.23.140.1.2.1",{"oid":"1.2.3","cps":"https://...","notice":"..."}],
 *   "requestExtensions": {"allowed":["certificatePolicies",{"oid":"1.2.3","critical":"request"}],
 *                         "others":"ignore"},             ignore (told in answer and event) | refuse
 *   "extensions": [],                     see x509/extension.h; texts may hold {variables}
 *   "subjectKeyId": "sha1",               sha1 | rfc7093-1 ... rfc7093-4 | none
 *   "authorityKeyId": "keyId",            keyId | keyIdAndIssuer | none
 *   "signature": {"digest":null,"padding":"auto"},        SHA-256 | SHA-384 | SHA-512; auto | pkcs1 | pss
 *   "serialOctets": 16,
 *   "renewal": {"byCertificate":true,"windowDays":0,"graceDays":0,"revokeOld":false,"copyNames":false},
 *   "caa": {"check":false,            whether CAA records let us issue, for DNS names (RFC 8659, RFC 8657)
 *           "identities":["ca.example"],  this CA's names in such records
 *           "resolvers":[],          "ADDRESS" or "ADDRESS@PORT": each is asked on its own; empty: resolv.conf
 *           "quorum":0,              so many of them must permit; 0: all
 *           "dnssec":true,"trustAnchor":"",   DS or DNSKEY records as text; empty: the root's of the system
 *           "timeoutSeconds":10},    of one question
 *   "ct": {"logs":[{"name":"Example 2027","url":"https://ct.example/2027","key":"BASE64 of its SPKI",
 *                   "operator":"Example","from":"2027-01-01T00:00:00Z","to":"2028-01-01T00:00:00Z"}],
 *                                    certificate transparency (RFC 6962); from and to: which ends it takes
 *          "minimum":[{"days":180,"scts":2},{"days":36525,"scts":3}],   by lifetime, shortest first
 *          "operators":1,            so many different ones among them
 *          "spare":1,                more than the minimum that are taken when they come
 *          "timeoutSeconds":5,
 *          "deliver":"embedded",     embedded | ocsp | both
 *          "failure":"refuse",       too few: refuse | retry (the request waits, and is tried again)
 *          "retryHours":24},
 *   "hook": {"url":"",                 who decides besides, see ca/hook.h; empty: nobody
 *            "timeoutSeconds":5,"generation":1,"caFile":""},   another generation is another secret
 *   "related": {"from":"none",         rfc9763: none | request | required, see x509/related.h
 *               "freshSeconds":600},   how old the proof in the CSR may be
 *   "lint": {"rfc5280":"block","cabfTls":"off","cabfSmime":"off","cabfCode":"off","etsi":"off","rules":[]}
 * } */
#ifndef GATEHOUSE_TEMPLATE_TEMPLATE_H
#define GATEHOUSE_TEMPLATE_TEMPLATE_H

#include "base/json.h"
#include "x509/certificate.h"
#include "x509/lint.h"

enum approval { APPROVAL_NONE, APPROVAL_ROLE, APPROVAL_ALWAYS, APPROVAL_FOUR_EYES };
enum subject_source { SUBJECT_FROM_CSR, SUBJECT_FIXED, SUBJECT_NONE, SUBJECT_EXPRESSION };
enum proof_rule { PROOF_RULE_REQUIRED, PROOF_RULE_NONE };
enum purpose_source { PURPOSE_TEMPLATE, PURPOSE_REQUEST, PURPOSE_BOTH, PURPOSE_NEVER };
enum related_source { RELATED_NONE, RELATED_REQUEST, RELATED_REQUIRED };
enum issuer_end { ISSUER_END_AUTO, ISSUER_END_CLAMP, ISSUER_END_REFUSE };
enum alignment { ALIGN_NONE, ALIGN_HOUR, ALIGN_DAY };
enum template_level { LEVEL_OFF, LEVEL_WARN, LEVEL_BLOCK };
enum padding { PADDING_AUTO, PADDING_PKCS1, PADDING_PSS };
enum ct_delivery { CT_EMBEDDED, CT_OCSP, CT_BOTH };
enum critical_rule { CRITICAL_NO, CRITICAL_REQUEST, CRITICAL_YES };

/* What the values of one field must be. */
struct field_rule {
    const char *field;       /* attribute type, or type of SAN */
    const char *pattern;     /* or NULL; see x509/pattern.h */
    struct text_list values; /* empty: any */
    int64_t min, max;        /* how many of them */
};
struct field_rules {
    struct field_rule *items;
    size_t count;
};

struct template_variable {
    const char *name, *description;
    const char *value;       /* when the request gives none; "" */
    const char *pattern;     /* or NULL */
    struct text_list values; /* empty: any */
    bool required;
};

struct requested_extension {
    const char *oid; /* dotted */
    enum critical_rule critical;
};

struct ct_log {
    const char *name, *url, *operator;
    struct view key;          /* SubjectPublicKeyInfo */
    int64_t from_us, to_us;   /* 0: open */
};
struct ct_minimum {
    int64_t days, scts;
};

struct template {
    bool enabled;
    const char *description;
    struct text_list doors;
    bool unsolicited;
    enum approval approval;
    enum proof_rule proof;
    int64_t days, max_days, backdate_seconds;
    bool clamp_days; /* "over" is clamp */
    bool endless;
    enum issuer_end issuer_end;
    enum alignment align;
    struct text_list keys;
    enum template_level keys_level; /* LEVEL_WARN is "log" */
    struct {
        enum subject_source from;
        struct text_list attributes, required;
        const struct json *fixed;      /* object, or NULL */
        const struct json *expression; /* likewise */
        struct field_rules rules;
        bool first_san_to_common_name;
    } subject;
    struct {
        struct template_variable *items;
        size_t count;
    } variables;
    struct {
        struct text_list types;
        int64_t min, max;
        bool common_name_to_san;
        bool none; /* "from" is none */
        struct text_list add;
        struct field_rules rules;
    } sans;
    unsigned key_usage; /* KU_ bits */
    bool key_usage_critical;
    struct text_list extended_key_usage;
    enum purpose_source purposes_from;
    bool purposes_critical;
    struct text_list purposes_allowed;
    struct {
        bool include, ca;
        int64_t path_length; /* -1: none */
    } basic;
    bool aia, ocsp, crl, freshest_crl;
    struct {
        struct text_list ca_issuers, ocsp, crl, freshest_crl;
    } urls;
    const struct json *policies; /* array, or NULL */
    struct {
        struct requested_extension *items;
        size_t count;
        bool refuse_others;
    } requested;
    const struct json *extensions; /* array, or NULL */
    enum subject_key_id subject_key_id;
    enum authority_key_id authority_key_id;
    const char *digest; /* "SHA-256" ... or NULL: the authority's */
    enum padding padding;
    int64_t serial_octets;
    struct {
        bool by_certificate, revoke_old, copy_names;
        int64_t window_days; /* before the old one's end; 0: any time */
        int64_t grace_days;  /* after it */
    } renewal;
    struct {
        bool check, dnssec;
        struct text_list identities, resolvers; /* NULL behind the last */
        const char *trust_anchor;               /* "" */
        int64_t quorum, timeout_seconds;
    } caa;
    struct {
        struct ct_log *logs; /* none: no transparency */
        size_t log_count;
        struct ct_minimum *minimum;
        size_t minimum_count;
        int64_t operators, spare, timeout_seconds, retry_hours;
        enum ct_delivery deliver;
        bool retry; /* "failure" is retry */
    } ct;
    struct {
        const char *url, *ca_file; /* "" */
        int64_t timeout_seconds, generation;
    } hook;
    struct {
        enum related_source from;
        int64_t fresh_seconds;
    } related;
    enum template_level lint[LINT_PROFILE_COUNT]; /* by lint_profile's bit */
    const struct json *lint_rules;                /* array, or NULL */
};

/* Reads a document; what is absent gets the defaults of the example above with approval "role". Unknown
 * members and impossible combinations are errors that name the member. */
MUST_USE bool template_from_json(struct arena *arena, const struct json *document,
                                 struct template *ret_template, struct error *err);
/* The complete document. */
const char *template_to_json(struct arena *arena, const struct template *template);
/* The policies' OIDs, as they were given. */
struct text_list template_policies(struct arena *arena, const struct template *template);
/* The complete document in our spelling. */
MUST_USE bool template_normalize(struct arena *arena, const struct json *document,
                                 const char **ret_text, struct error *err);
/* What differs between two documents: an array of {"path":"sans.max","before":..,"after":..}. Both are completed
 * first, so that a default compares as what it means. */
MUST_USE bool template_diff(struct json_writer *w, struct arena *arena, const char *before, const char *after,
                            struct error *err);

#endif
