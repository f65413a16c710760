/* The order in which a template is applied, the key, and lint. */
#include "template/policy_internal.h"

#include "x509/csr.h"

#include <stdio.h>
#include <string.h>

void policy_note(const struct policy *p, const char *format, ...) {
    char text[600];
    struct policy_notes *notes = p->in->notes;
    va_list args;
    if (notes == NULL || notes->count >= POLICY_MAX_NOTES)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    notes->items[notes->count++] = arena_strdup(p->arena, text);
}

const char *policy_notes_json(struct arena *arena, const struct policy_notes *notes) {
    struct json_writer w = json_writer_on(arena);
    json_open_array(&w);
    for (size_t i = 0; i < notes->count; i++)
        json_add_string(&w, notes->items[i]);
    json_close_array(&w);
    return json_written(&w);
}

/* rfc5280#4.2.1.3, rfc8410#5, rfc9881#5, rfc9909#5, rfc9935#5: bits that the key cannot do are not
 * written. */
static unsigned usable_bits(const char *key_type, unsigned bits) {
    const unsigned encipherment = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT;
    if (strncmp(key_type, "RSA", 3) == 0)
        return bits & ~(unsigned)KU_KEY_AGREEMENT;
    if (key_type_is_ec(key_type))
        return bits & ~encipherment;
    if (strncmp(key_type, "ML-KEM", 6) == 0) /* and nothing else */
        return bits & KU_KEY_ENCIPHERMENT;
    return bits & ~(encipherment | (unsigned)KU_KEY_AGREEMENT);
}

static bool check_key_type(const struct policy *p) {
    const struct text_list *list = &p->t->keys;
    if (key_type_allowed(p->key_type, list->items, list->count) || p->t->keys_level == LEVEL_OFF)
        return true;
    if (p->t->keys_level == LEVEL_BLOCK)
        return fail(p->err, ERROR_POLICY, "key-type",
                    "The CSR's key (%s) is not of a type that the template allows (keys).",
                    p->key_type);
    policy_note(p, "keys: %s is not among the template's key types", p->key_type);
    return true;
}

bool policy_key(struct policy *p) {
    EVP_PKEY *key = X509_REQ_get_pubkey((X509_REQ *)(uintptr_t)p->in->csr);
    if (key == NULL)
        return fail_internal(p->err, "X509_REQ_get_pubkey");
    keep_EVP_PKEY(p->arena, key);
    if (!key_type_of(key, p->key_type))
        return fail(p->err, ERROR_POLICY, "key-type", "The type of the CSR's key is not known.");
    TRY(check_key_type(p));
    p->plan.public_key = key;
    p->plan.key_usage = usable_bits(p->key_type, p->t->key_usage);
    p->plan.key_usage_not_critical = !p->t->key_usage_critical;
    if (p->t->key_usage != 0 && p->plan.key_usage == 0)
        return fail(p->err, ERROR_POLICY, "key-type",
                    "None of the template's key usages is possible with a key of the type %s.",
                    p->key_type);
    return true;
}

/* What the request asks for, decoded once. */
static bool read_asked(struct policy *p) {
    GENERAL_NAMES *sans = NULL;
    if (p->in->proposal->sans != NULL) {
        sans = GENERAL_NAMES_new();
        if (sans != NULL && sk_GENERAL_NAME_num(p->in->proposal->sans) > 0) {
            GENERAL_NAMES_free(sans);
            TRY(san_from_der(san_der(p->arena, p->in->proposal->sans), &sans, p->err));
        }
    } else {
        TRY(csr_sans(p->in->csr, &sans, p->err));
    }
    if (sans == NULL)
        return fail_internal(p->err, "GENERAL_NAMES_new");
    p->asked_sans = keep_GENERAL_NAMES(p->arena, sans);
    TRY(csr_extensions(p->in->csr, &p->asked, p->err));
    if (p->asked != NULL)
        keep_EXTENSION_LIST(p->arena, p->asked);
    return true;
}

static void take_urls(const struct text_list *own, const struct text_list *authority, bool on,
                      const char *const **ret_items, size_t *ret_count) {
    const struct text_list *list = own->count > 0 ? own : authority;
    *ret_items = on ? list->items : NULL;
    *ret_count = on ? list->count : 0;
}

bool policy_apply(struct arena *arena, const struct policy_input *in,
                  struct certificate_plan *ret_plan, struct error *err) {
    const struct template *t = in->template;
    struct policy p = {.arena = arena, .in = in, .t = t, .err = err};
    p.plan = (struct certificate_plan){
        .issuer = in->issuer,
        .basic_constraints = t->basic.include,
        .is_ca = t->basic.ca,
        .path_length = (int)t->basic.path_length,
        .subject_key_id = t->subject_key_id,
        .authority_key_id = t->authority_key_id,
    };
    TRY(policy_key(&p) && read_asked(&p));
    TRY(policy_check_variables(&p));
    TRY(policy_subject(&p) && policy_sans(&p) && policy_dates(&p));
    take_urls(&t->urls.ca_issuers, &in->urls->ca_issuers, t->aia, &p.plan.ca_issuers,
              &p.plan.ca_issuers_count);
    take_urls(&t->urls.ocsp, &in->urls->ocsp, t->ocsp, &p.plan.ocsp, &p.plan.ocsp_count);
    take_urls(&t->urls.crl, &in->urls->crl, t->crl, &p.plan.crl, &p.plan.crl_count);
    TRY(policy_extensions(&p));
    *ret_plan = p.plan;
    return true;
}

static unsigned profiles_at(const struct template *t, enum template_level least) {
    unsigned bits = 0;
    for (unsigned i = 0; i < LINT_PROFILE_COUNT; i++)
        if (t->lint[i] >= least)
            bits |= 1u << i;
    return bits;
}

static bool blocks(const struct template *t, const struct lint_finding *finding) {
    if (finding->severity == LINT_FATAL)
        return true;
    /* An own rule that is an error blocks: who wants less writes a warning. */
    return finding->severity == LINT_ERROR &&
           (finding->profile == 0 || (profiles_at(t, LEVEL_BLOCK) & finding->profile) != 0);
}

bool policy_lint(struct arena *arena, const struct template *t, const X509 *certificate,
                 const X509 *issuer, struct lint_findings *ret, struct error *err) {
    unsigned wanted = profiles_at(t, LEVEL_WARN);
    struct lint_order order = {.certificate = certificate,
                               .issuer = issuer,
                               .profiles = wanted | LINT_RFC5280, /* its fatal rules hold always */
                               .own = t->lint_rules};
    struct lint_findings all, shown;
    struct lint_finding first = {0};
    size_t blocking = 0;
    TRY(lint_run(arena, &order, &all, err));
    shown = (struct lint_findings){.items = all.items};
    for (size_t i = 0; i < all.count; i++) {
        struct lint_finding finding = all.items[i];
        if (blocks(t, &finding) && blocking++ == 0)
            first = finding;
        else if (finding.profile != 0 && (finding.profile & wanted) == 0)
            continue;
        shown.items[shown.count++] = finding;
    }
    *ret = shown;
    if (blocking == 0)
        return true;
    const char *more =
        blocking > 1 ? arena_printf(arena, " (%zu more rules are broken)", blocking - 1) : "";
    return fail(err, ERROR_POLICY, "lint", "Certificate: %s [%s, %s]%s", first.text, first.rule,
                first.source, more);
}
