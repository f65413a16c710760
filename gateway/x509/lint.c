/* The linter's engine: runs tables of rules and collects what they say. */
#include "x509/lint_internal.h"

#include "base/clock.h"
#include "x509/name_attribute.h"

#include <stdio.h>
#include <string.h>

#define MAX_FINDINGS 256

static const struct {
    const char *name;
    const struct lint_rule *rules;
} profiles[LINT_PROFILE_COUNT] = {
    {"rfc5280", lint_rules_rfc5280},
    {"cabfTls", lint_rules_cabf_tls},
    {"cabfSmime", lint_rules_cabf_smime},
    {"cabfCode", lint_rules_cabf_code},
    {"etsi", lint_rules_etsi},
};

const char *lint_severity_name(enum lint_severity severity) {
    static const char *const names[] = {"notice", "warning", "error", "fatal"};
    return names[severity];
}

const char *lint_profile_name(unsigned bit) {
    for (unsigned i = 0; i < LINT_PROFILE_COUNT; i++)
        if (bit == 1u << i)
            return profiles[i].name;
    return "own";
}

bool lint_broken(const struct lint *l, const char *rule, ...) {
    char text[sizeof l->err->message];
    va_list args;
    va_start(args, rule);
    vsnprintf(text, sizeof text, rule, args);
    va_end(args);
    return REFUSE(l->err, ERROR_POLICY, "lint", "Certificate: %s", text);
}

void *lint_extension(const X509 *x, int nid, int *ret_critical) {
    int critical;
    void *value = X509_get_ext_d2i(x, nid, &critical, NULL);
    if (value == NULL && critical != -1) /* it is there and cannot be read */
        ERR_clear_error();
    if (ret_critical != NULL)
        *ret_critical = critical;
    return value;
}

bool lint_has_purpose(const struct lint *l, int nid) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(l->purposes); i++)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(l->purposes, i)) == nid)
            return true;
    return false;
}

bool lint_has_policy(const struct lint *l, const char *oid) {
    size_t want = strlen(oid);
    for (int i = 0; i < sk_POLICYINFO_num(l->policies); i++) {
        const char *text = l->policy_oids[i];
        /* A prefix that ends in a dot stands for everything under it. */
        if (oid[want - 1] == '.' ? strncmp(text, oid, want) == 0 : strcmp(text, oid) == 0)
            return true;
    }
    return false;
}

int lint_find(const struct lint *l, const char *oid) {
    AUTO(ASN1_OBJECT) *object = oid_parse(oid, true);
    return object == NULL ? -1 : X509_get_ext_by_OBJ(l->x, object, -1);
}

int lint_subject_count(const struct lint *l, int nid) {
    const X509_NAME *name = X509_get_subject_name(l->x);
    int count = 0;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;)
        count++;
    return count;
}

const char *lint_subject_text(const struct lint *l, int nid) {
    const X509_NAME *name = X509_get_subject_name(l->x);
    struct view text;
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0 || !attribute_value_text(
                      l->arena, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), &text))
        return NULL;
    return arena_text(l->arena, text);
}

int64_t lint_days(const struct lint *l) {
    /* BR 1.6.1: both seconds at the ends count; a begun day is a day. */
    int64_t length = l->to_us - l->from_us + US_PER_SECOND;
    return (length + US_PER_DAY - 1) / US_PER_DAY;
}

void lint_add(const struct lint *l, struct lint_findings *findings, struct lint_finding finding) {
    (void)l;
    if (findings->count < MAX_FINDINGS)
        findings->items[findings->count++] = finding;
}

/* The message without the object, which the finding belongs to anyway. */
static const char *message_text(struct arena *arena, const struct error *err) {
    static const char prefix[] = "Certificate: ";
    const char *text = err->message;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    return arena_strdup(arena, text);
}

static void run_rules(const struct lint *l, unsigned bit, const struct lint_rule *rules,
                      struct lint_findings *findings) {
    for (const struct lint_rule *rule = rules; rule->id != NULL; rule++) {
        l->err->message[0] = '\0';
        if (rule->kept(l))
            continue;
        lint_add(l, findings,
                 (struct lint_finding){.rule = rule->id,
                                       .source = rule->source,
                                       .text = message_text(l->arena, l->err),
                                       .severity = rule->severity,
                                       .profile = bit});
        /* What occurs twice or is not known cannot be judged further. */
        if (rule == lint_rules_rfc5280)
            break;
    }
    ERR_clear_error();
}

static struct lint open_lint(struct arena *arena, const X509 *x, const X509 *issuer,
                             struct error *err) {
    struct lint l = {.arena = arena, .x = x, .issuer = issuer, .err = err};
    lint_read(&l);
    return l;
}

bool lint_run(struct arena *arena, const struct lint_order *order, struct lint_findings *ret,
              struct error *err) {
    struct error scratch;
    struct lint_findings findings = {.items =
                                         arena_array(arena, MAX_FINDINGS, sizeof *findings.items)};
    struct lint l = open_lint(arena, order->certificate, order->issuer, &scratch);
    l.issuer_unknown = order->issuer_unknown;
    for (unsigned i = 0; i < LINT_PROFILE_COUNT; i++)
        if ((order->profiles & 1u << i) != 0)
            run_rules(&l, 1u << i, profiles[i].rules, &findings);
    if (order->own != NULL)
        TRY(lint_own_run(&l, order->own, &findings, err));
    *ret = findings;
    return true;
}

bool lint_certificate(struct arena *arena, const X509 *certificate, const X509 *issuer,
                      unsigned wanted, struct lint_findings *ret, struct error *err) {
    bool self =
        X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(certificate)) == 0;
    struct lint_order order = {.certificate = certificate,
                               .issuer = issuer,
                               .issuer_unknown = issuer == NULL && !self,
                               .profiles = wanted};
    return lint_run(arena, &order, ret, err);
}

bool certificate_lint(const X509 *certificate, const X509 *issuer, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error scratch, *to = err == NULL ? &scratch : err;
    struct lint l = open_lint(arena, certificate, issuer, to);
    for (const struct lint_rule *rule = lint_rules_rfc5280; rule->id != NULL; rule++)
        if (rule->severity >= LINT_ERROR)
            TRY(rule->kept(&l));
    ERR_clear_error();
    return true;
}

unsigned lint_profiles_claimed(const X509 *certificate) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error scratch;
    struct lint l = open_lint(arena, certificate, NULL, &scratch);
    unsigned claimed = LINT_RFC5280;
    if (lint_has_policy(&l, "2.23.140.1.2.") || lint_has_policy(&l, "2.23.140.1.1"))
        claimed |= LINT_CABF_TLS;
    if (lint_has_policy(&l, "2.23.140.1.5."))
        claimed |= LINT_CABF_SMIME;
    if (lint_has_policy(&l, "2.23.140.1.4.") || lint_has_policy(&l, "2.23.140.1.3"))
        claimed |= LINT_CABF_CODE;
    if (lint_find(&l, "1.3.6.1.5.5.7.1.3") >= 0 || lint_has_policy(&l, "0.4.0.194112.1."))
        claimed |= LINT_ETSI;
    return claimed;
}

void lint_write_json(struct json_writer *w, const struct lint_findings *findings) {
    json_open_array(w);
    for (size_t i = 0; i < findings->count; i++) {
        const struct lint_finding *f = &findings->items[i];
        json_open_object(w);
        json_put_string(w, "rule", f->rule);
        json_put_string(w, "profile", lint_profile_name(f->profile));
        json_put_string(w, "source", f->source);
        json_put_string(w, "severity", lint_severity_name(f->severity));
        json_put_string(w, "text", f->text);
        json_close_object(w);
    }
    json_close_array(w);
}
