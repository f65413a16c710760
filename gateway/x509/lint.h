/* The linter: rules as findings, before a certificate is signed and when one is looked at. Signed
 * or not makes no difference; OpenSSL's cached view of the certificate is never asked for (see
 * certificate_build). */
#ifndef GATEHOUSE_X509_LINT_H
#define GATEHOUSE_X509_LINT_H

#include "x509/certificate.h"

enum lint_severity {
    LINT_NOTICE,  /* worth knowing */
    LINT_WARNING, /* a SHOULD, or what programs are known to stumble over */
    LINT_ERROR,   /* a MUST */
    LINT_FATAL,   /* no certificate of ours breaks it, whatever a template says */
};
const char *
lint_severity_name(enum lint_severity severity); /* "notice", "warning", "error", "fatal" */

/* Sets of rules; what a certificate is measured against is a combination of them. */
enum lint_profile {
    LINT_RFC5280 = 1 << 0,
    LINT_CABF_TLS = 1 << 1,   /* CA/Browser Forum TLS Baseline Requirements */
    LINT_CABF_SMIME = 1 << 2, /* CA/Browser Forum S/MIME Baseline Requirements */
    LINT_CABF_CODE = 1 << 3,  /* CA/Browser Forum Code Signing Baseline Requirements */
    LINT_ETSI = 1 << 4,       /* ETSI EN 319 412: qualified certificates */
};
#define LINT_PROFILE_COUNT 5
#define LINT_EVERY_PROFILE ((1u << LINT_PROFILE_COUNT) - 1)
const char *
lint_profile_name(unsigned bit); /* "rfc5280", "cabfTls", "cabfSmime", "cabfCode", "etsi" */
/* The profiles that a certificate claims by its purposes, policies and statements; RFC 5280 always.
 */
unsigned lint_profiles_claimed(const X509 *certificate);

struct lint_finding {
    const char *rule;   /* stable: "key-usage" */
    const char *source; /* "RFC 5280 4.2.1.3" */
    const char *text;   /* for people: what is wrong and what to do */
    enum lint_severity severity;
    unsigned profile; /* one bit; 0: an own rule */
};
struct lint_findings {
    struct lint_finding *items;
    size_t count;
};

/* All findings of these profiles, on the arena. issuer NULL: self-signed, or not at hand when
 * issuer_unknown. own: rules as data (see lint_own_check), or NULL. False only for a broken
 * document of own rules. */
struct lint_order {
    const X509 *certificate, *issuer;
    bool issuer_unknown;
    unsigned profiles;
    const struct json *own;
};
MUST_USE bool lint_run(struct arena *arena, const struct lint_order *order,
                       struct lint_findings *ret, struct error *err);
/* The same with an issuer (NULL: self-signed, or unknown when the names differ) and no own rules.
 */
MUST_USE bool lint_certificate(struct arena *arena, const X509 *certificate, const X509 *issuer,
                               unsigned profiles, struct lint_findings *ret, struct error *err);
/* An array of {"rule","source","severity","text"} and the profile's name. */
void lint_write_json(struct json_writer *w, const struct lint_findings *findings);

/* Own rules: an array of
 *   {"id":"cn-length","source":"House rule 7","severity":"error","field":"subject.CN",
 *    "pattern":"[a-z.]+"  every value matches this extended regular expression, as a whole
 *    "forbidden":".*x"    no value does
 *    "min":1,"max":1      so many values
 *    "text":"..."}
 * field: subject.TYPE, issuer.TYPE, san.TYPE (as in sans.types), keyType, days, keyUsage,
 * extendedKeyUsage, policy, extension.OID, signature. Refuses a rule that cannot be used. */
MUST_USE bool lint_own_check(const struct json *rules, struct error *err);

#endif
