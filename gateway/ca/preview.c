/* Previews: the exact certificate before anybody asks for it. */
#include "ca/request_flow.h"

#include "base/clock.h"
#include "ca/preview.h"
#include "x509/csr.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <string.h>

static bool load(struct core *core, struct arena *arena, const struct actor *actor,
                 const struct preview_order *order, struct request_context *c, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(core), &done, err)
    tx.ok =
        template_by_slug(tx.tx, arena, &scope, order->template_slug, &c->template_record, err) &&
        ca_by_id(tx.tx, arena, &scope, c->template_record.ca_id, &c->ca, err);
    TRY(done);
    TRY(actor_may(actor, MAY_CREATE_REQUESTS, c->ca.organisation_id, c->ca.id, err));
    TRY(flow_open(core, arena, c, err));
    return order->document == NULL || template_from_json(arena, order->document, &c->template, err);
}

/* A key that is made in a moment, or NULL. */
static EVP_PKEY *quick_key(const char *key_type) {
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    static const char *const algorithms[] = {"Ed25519",    "Ed448",      "ML-DSA-44",
                                             "ML-DSA-65",  "ML-DSA-87",  "ML-KEM-512",
                                             "ML-KEM-768", "ML-KEM-1024"};
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (strcmp(key_type, curves[i]) == 0)
            return EVP_EC_gen(curves[i]);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (strcmp(key_type, algorithms[i]) == 0)
            return EVP_PKEY_Q_keygen(NULL, NULL, algorithms[i]);
    return NULL;
}

/* Of the template's first key type that can be made; an RSA key takes a tenth of a second. */
static EVP_PKEY *sample_key(const struct template *t) {
    for (size_t i = 0; i < t->keys.count; i++) {
        const char *type = t->keys.items[i];
        EVP_PKEY *key = strncmp(type, "RSA", 3) == 0  ? EVP_RSA_gen(type[3] == '\0' ? 2048 : 3072)
                        : strcmp(type, "EC") == 0     ? EVP_EC_gen("P-256")
                        : strcmp(type, "ML-DSA") == 0 ? quick_key("ML-DSA-65")
                        : strcmp(type, "ML-KEM") == 0 ? quick_key("ML-KEM-768")
                                                      : quick_key(type);
        if (key != NULL)
            return key;
    }
    return EVP_EC_gen("P-256");
}

static bool sample_csr(struct arena *arena, struct request_context *c, struct view *ret_csr,
                       struct error *err) {
    AUTO(EVP_PKEY) *key = sample_key(&c->template);
    AUTO(X509_NAME) *empty = X509_NAME_new();
    if (key == NULL || empty == NULL)
        return fail_internal(err, "sample key");
    return csr_unsigned(arena, c->proposal.subject != NULL ? c->proposal.subject : empty,
                        c->proposal.sans, NULL, key, ret_csr, err);
}

static bool sign_sample(const struct request_context *c, X509 *certificate, struct error *err) {
    AUTO(EVP_PKEY) *key = quick_key(c->ca.key_type);
    char type[KEY_TYPE_SIZE];
    if (key == NULL)
        key = EVP_EC_gen("P-256");
    if (key == NULL || !key_type_of(key, type))
        return fail_internal(err, "key of a preview");
    return certificate_sign(certificate, key, key_type_digest(type), key, err);
}

bool policy_preview(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct preview_order *order, struct preview *ret, struct error *err) {
    static const uint8_t sample_serial[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct request_context *c = arena_alloc(arena, sizeof *c);
    struct certificate_plan plan;
    struct preview preview = {0};
    struct view csr = order->csr;
    struct error refusal = {0};
    AUTO(X509) *certificate = NULL;
    TRY(load(core, arena, actor, order, c, err));
    TRY(proposal_from_json(arena, order->proposal, &c->proposal, err));
    c->requester = actor->name;
    c->door = "preview";
    c->asks_nobody = true;
    bool sample = csr.len == 0;
    if (sample)
        TRY(sample_csr(arena, c, &csr, err));
    bool proven = sample || c->template.proof == PROOF_RULE_NONE;
    TRY(flow_decode_csr(arena, csr, proven ? PROOF_PROTOCOL : PROOF_SIGNATURE, c, err));
    TRY(flow_apply_policy(arena, c, &plan, err));
    plan.serial = view_of(sample_serial, sizeof sample_serial);
    plan.issuer = c->issuer;
    TRY(certificate_build(&plan, &certificate, err));
    if (!policy_lint(arena, &c->template, certificate, c->issuer, &preview.findings, &refusal))
        preview.blocked = arena_strdup(arena, refusal.message);
    TRY(sign_sample(c, certificate, err));
    preview.der = certificate_der(arena, certificate);
    preview.text = certificate_text(arena, certificate);
    preview.notes = c->notes;
    *ret = preview;
    return true;
}
