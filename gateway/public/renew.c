/* Renewal by whoever holds the key of a certificate: TLS has shown that, or a challenge is signed with it; and the
 * template's rules apply. */
#include "public/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/certificates.h"
#include "template/renewal.h"
#include "x509/certificate.h"
#include "x509/key_type.h"
#include "x509/name.h"
#include "x509/san.h"

#include <string.h>

struct renewal {
    struct public_pages *pages;
    struct http_request *request;
    struct certificate_record old;
    X509 *certificate;
    struct ca_record ca;
    struct public_request row;
    uint8_t challenge[32];
    bool spend; /* the challenge */
};

static bool read_der(struct arena *arena, const char *text, struct view *ret, struct error *err) {
    if (pem_decode(arena, view_text(text), "CERTIFICATE", ret) || base64_decode(arena, view_text(text), ret))
        return true;
    return fail(err, ERROR_MALFORMED, "malformed-certificate",
                "The certificate is neither PEM nor base64 of DER.");
}

/* A certificate of the authority in the path. */
static bool read_old(struct renewal *r, struct view der, struct error *err) {
    struct arena *arena = r->request->arena;
    struct ca_settings settings;
    TRY(public_ca(r->pages->core, arena, r->request->parameters[0], &r->ca, &settings, err));
    TRY(enrol_certificate(r->pages->core, arena, der, &r->old, err));
    if (!uuid_equal(r->old.ca_id, r->ca.id) || r->old.template_slug[0] == '\0')
        return fail(err, ERROR_NOT_FOUND, "not-found", "This authority knows no such certificate.");
    TRY(certificate_decode(arena, der, &r->certificate, err));
    keep_X509(arena, r->certificate);
    return true;
}

static bool read_named(struct renewal *r, const struct json *document, struct error *err) {
    struct view der;
    const char *text;
    TRY(ask_string(document, "certificate", &text, err));
    return read_der(r->request->arena, text, &der, err) && read_old(r, der, err);
}

static struct view bound_to(const struct renewal *r) {
    return view_of(r->old.fingerprint_sha256, sizeof r->old.fingerprint_sha256);
}

static bool begin(struct public_pages *pages, struct http_request *request, struct renewal *r,
                  struct error *err) {
    struct public_settings settings;
    *r = (struct renewal){.pages = pages, .request = request};
    return public_check_open(pages->core, request->arena, &settings, err) &&
           public_slow_down(pages, request, err);
}

/* Refuses early what the template would refuse later. */
static bool check_rules(struct renewal *r, struct error *err) {
    struct enrolment_target target;
    TRY(enrol_target(r->pages->core, r->request->arena, r->old.template_slug, "public", &target, err));
    return renewal_check(&target.template, &target.ca, &r->old, clock_now_us(), err);
}

HANDLER(public_renewal_challenge) {
    static const char *const members[] = {"certificate", NULL};
    const struct json *document;
    const char *challenge;
    char key_type[KEY_TYPE_SIZE] = "";
    struct renewal r;
    TRY(begin(context, request, &r, err));
    TRY(ask_document(request, members, &document, err));
    TRY(read_named(&r, document, err) && check_rules(&r, err));
    TRY(public_challenge_make(r.pages, request->arena, bound_to(&r), &challenge, err));
    EVP_PKEY *key = X509_get0_pubkey(r.certificate);
    if (key == NULL || !key_type_of(key, key_type))
        return fail_internal(err, "the key of a certificate");
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "challenge", challenge);
    json_put_string(&w, "keyType", key_type);
    json_put_bool(&w, "digest", key_type_digest(key_type) != NULL);
    json_put_string(&w, "subject", r.old.subject);
    put_joined(&w, request->arena, "sans", r.old.sans);
    json_put_time(&w, "notAfter", r.old.not_after_us);
    json_put_time(&w, "expiresAt", clock_now_us() + PUZZLE_US);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* SHA-256 and the usual padding, what `openssl dgst -sha256 -sign` makes; keys that sign whole messages sign it so. */
static bool check_signature(const struct renewal *r, const char *challenge, struct view signature,
                            struct error *err) {
    char key_type[KEY_TYPE_SIZE];
    EVP_PKEY *key = X509_get0_pubkey(r->certificate);
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    if (context == NULL || key == NULL || !key_type_of(key, key_type))
        return fail_internal(err, "verifying a challenge");
    const EVP_MD *digest = key_type_digest(key_type) == NULL ? NULL : EVP_sha256();
    if (EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
        EVP_DigestVerify(context, signature.at, signature.len, (const unsigned char *)challenge,
                         strlen(challenge)) == 1)
        return true;
    return fail(err, ERROR_POLICY, "possession",
                "The signature is not one over this challenge by the key of the certificate.");
}

/* The names of the old certificate, whatever the CSR says. */
static bool proposal_of(const struct renewal *r, const struct json **ret, struct error *err) {
    struct arena *arena = r->request->arena;
    struct json_writer w = json_writer_on(arena);
    AUTO(GENERAL_NAMES) *sans = X509_get_ext_d2i(r->certificate, NID_subject_alt_name, NULL, NULL);
    json_open_object(&w);
    json_put_string(&w, "subject", name_text(arena, X509_get_subject_name(r->certificate)));
    json_name(&w, "sans");
    san_write_json(&w, arena, sans);
    json_close_object(&w);
    return json_parse(arena, view_text(json_written(&w)), ret, err);
}

static bool alongside(struct tx *tx, void *context, const struct request_record *request, struct error *err) {
    struct renewal *r = context;
    if (r->spend)
        TRY(public_spend_once(tx, r->challenge, err));
    r->row.request_id = request->id;
    r->row.template_id = request->template_id;
    r->row.told = request->state;
    return public_request_insert(tx, &r->row, err);
}

static bool renew(struct renewal *r, const char *csr, struct enrolled *ret, struct error *err) {
    struct arena *arena = r->request->arena;
    const char *name = arena_printf(arena, "renewal of %s", hex_encode(arena, r->old.serial));
    struct actor actor = public_actor(r->request, name);
    struct enrolment enrolment = {.template_slug = r->old.template_slug, .door = "public",
                                  .csr = view_text(csr), .requester = name, .approved = true,
                                  .renews = r->old.id, .alongside = alongside, .context = r};
    TRY(proposal_of(r, &enrolment.proposal, err));
    return enrol(r->pages->core, arena, &actor, &enrolment, ret, err);
}

static bool prove_by_signature(struct renewal *r, const struct json *document, struct error *err) {
    struct arena *arena = r->request->arena;
    const char *challenge, *text;
    struct view signature;
    TRY(ask_string(document, "challenge", &challenge, err));
    TRY(ask_string(document, "signature", &text, err));
    TRY(read_named(r, document, err));
    TRY(public_challenge_check(r->pages, arena, bound_to(r), challenge, r->challenge, err));
    if (!base64_decode(arena, view_text(text), &signature))
        return fail(err, ERROR_MALFORMED, "bad-encoding", "The signature is not base64.");
    r->spend = true;
    return check_signature(r, challenge, signature, err);
}

HANDLER(public_renew) {
    static const char *const members[] = {"certificate", "challenge", "signature", "csr", NULL};
    static const char *const csr_only[] = {"csr", NULL};
    bool by_tls = request->client_certificate.len > 0;
    const char *csr, *secret;
    const struct json *document;
    struct enrolled enrolled;
    struct renewal r;
    TRY(begin(context, request, &r, err));
    TRY(ask_document(request, by_tls ? csr_only : members, &document, err));
    TRY(ask_string(document, "csr", &csr, err));
    TRY(by_tls ? read_old(&r, request->client_certificate, err) : prove_by_signature(&r, document, err));
    r.row = (struct public_request){.id = uuid_new(), .email = "", .name = "", .document = "{}", .open = true,
                                    .address = public_origin(request->arena, request->address),
                                    .created_us = clock_now_us()};
    TRY(renew(&r, csr, &enrolled, err));
    TRY(public_link_make(r.pages, request->arena, LINK_STATUS, r.row.id, &secret, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "state", request_state_name(enrolled.request.state));
    json_put_string(&w, "template", r.old.template_slug);
    json_put_string(&w, "secret", secret);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
