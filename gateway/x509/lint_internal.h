/* What the files of the linter share. */
#ifndef GATEHOUSE_X509_LINT_INTERNAL_H
#define GATEHOUSE_X509_LINT_INTERNAL_H

#include "x509/internal.h"
#include "x509/lint.h"

/* What the rules look at, decoded once. */
struct lint {
    struct arena *arena;
    const X509 *x, *issuer; /* issuer NULL: self-signed or unknown */
    bool issuer_unknown;
    bool is_ca, has_constraints, constraints_critical;
    int64_t path_length; /* -1: none */
    unsigned key_usage;  /* KU_ constants */
    bool has_key_usage, key_usage_critical;
    char key_type[KEY_TYPE_SIZE];  /* "" when not known */
    EXTENDED_KEY_USAGE *purposes;  /* or NULL */
    GENERAL_NAMES *sans;           /* or NULL */
    CERTIFICATEPOLICIES *policies; /* or NULL */
    int purposes_critical, sans_critical, policies_critical; /* see lint_extension */
    int64_t from_us, to_us;
    const char **policy_oids; /* as many as there are policies, dotted */
    bool all_read; /* basicConstraints and keyUsage, as far as they are there */
    struct error *err; /* of the rule that runs */
};

/* A rule is kept (true) or fills the error: its message is the finding. */
struct lint_rule {
    const char *id, *source;
    enum lint_severity severity;
    bool (*kept)(const struct lint *);
};
/* Each ends with a rule without id. */
extern const struct lint_rule lint_rules_rfc5280[], lint_rules_cabf_tls[], lint_rules_cabf_smime[],
    lint_rules_cabf_code[], lint_rules_etsi[];

/* Decodes what the rules share; what cannot be read is left out (a rule of RFC 5280 tells). */
void lint_read(struct lint *l);

bool lint_broken(const struct lint *l, const char *rule, ...) PRINTF_LIKE(2, 3);
/* The decoded extension, or NULL; ret_critical as of X509_get_ext_d2i: -1 absent, -2 twice. */
void *lint_extension(const X509 *x, int nid, int *ret_critical);
bool lint_has_purpose(const struct lint *l, int nid);
bool lint_has_policy(const struct lint *l, const char *oid);
/* Index of the extension, or -1. */
int lint_find(const struct lint *l, const char *oid);
/* How many attributes of that type the subject has, and the first one's text. */
int lint_subject_count(const struct lint *l, int nid);
const char *lint_subject_text(const struct lint *l, int nid);
int64_t lint_days(const struct lint *l); /* begun days of validity, both ends included (BR 1.6.1) */

/* Own rules, appended to the findings. */
MUST_USE bool lint_own_run(const struct lint *l, const struct json *rules,
                           struct lint_findings *findings, struct error *err);
void lint_add(const struct lint *l, struct lint_findings *findings, struct lint_finding finding);

#endif
