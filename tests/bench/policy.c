/* What a template's policy and lint cost for each certificate, beside the signature itself; the template is read
 * once, as the gateway does:
 *   bench_policy [ROUNDS [WHOLE-ISSUANCE-US]]
 * With the cost of a whole issuance it says how much of it that is, and fails when it is 5 % or more. */
#include "base/clock.h"
#include "template/policy.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/ec.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND)

/* Of this thread, so that what else runs on the machine does not count. */
static int64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void must(bool done, const struct error *err, const char *what) {
    if (done)
        return;
    fprintf(stderr, "%s: %s\n", what, err->message);
    exit(1);
}

static X509 *make_issuer(EVP_PKEY *key) {
    static const uint8_t serial[] = {1};
    X509_NAME *subject = NULL;
    X509 *issuer = NULL;
    struct error err = {0};
    must(name_from_text("CN=Issuer,O=Example", &subject, &err), &err, "name");
    struct certificate_plan plan = {.serial = {serial, 1},
                                    .subject = subject,
                                    .public_key = key,
                                    .not_before_us = NOW - US_PER_DAY,
                                    .not_after_us = NOW + 4000 * US_PER_DAY,
                                    .basic_constraints = true,
                                    .is_ca = true,
                                    .path_length = -1,
                                    .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN};
    must(certificate_build(&plan, &issuer, &err), &err, "issuer");
    must(certificate_sign(issuer, key, EVP_sha256(), key, &err), &err, "issuer");
    X509_NAME_free(subject);
    return issuer;
}

/* One certificate; the times of its steps are added up. */
static void one(EVP_PKEY *key, const X509 *issuer, const struct template *t, struct view csr_der,
                int64_t took[3]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    static const uint8_t serial[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct ca_urls urls = {0};
    struct proposal proposal = {0};
    struct policy_notes notes = {0};
    struct certificate_plan plan;
    struct lint_findings findings;
    struct error err = {0};
    X509_REQ *csr = NULL;
    AUTO(X509) *certificate = NULL;
    must(csr_decode(arena, csr_der, &csr, &csr_der, &err), &err, "csr");
    int64_t start = cpu_ns();
    struct policy_input input = {.template = t,
                                 .urls = &urls,
                                 .issuer = issuer,
                                 .csr = csr,
                                 .proposal = &proposal,
                                 .now_us = NOW,
                                 .notes = &notes};
    must(policy_apply(arena, &input, &plan, &err), &err, "policy");
    int64_t applied = cpu_ns();
    plan.serial = view_of(serial, sizeof serial);
    plan.issuer = issuer;
    plan.spki = X509_REQ_get_X509_PUBKEY(csr);
    must(certificate_build(&plan, &certificate, &err), &err, "build");
    int64_t built = cpu_ns();
    must(policy_lint(arena, t, certificate, issuer, &findings, &err), &err, "lint");
    int64_t linted = cpu_ns();
    must(certificate_sign(certificate, key, EVP_sha256(), key, &err), &err, "sign");
    took[0] += applied - start;
    took[1] += linted - built;
    took[2] += cpu_ns() - linted;
    X509_REQ_free(csr);
}

int main(int argc, char **argv) {
    static const char document[] = "{\"policies\":[\"2.23.140.1.2.1\"],\"keyUsage\":["
                                   "\"digitalSignature\"],\"lint\":{\"cabfTls\":\"warn\"},"
                                   "\"sans\":{\"types\":[\"dns\"],\"min\":1,\"max\":100,\"rules\":["
                                   "{\"field\":\"dns\",\"pattern\":"
                                   "\"[a-z0-9.-]+\"}]}}";
    SCOPED_ARENA struct arena *arena = arena_new();
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5000;
    AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
    AUTO(X509) *issuer = make_issuer(key);
    AUTO(X509_NAME) *subject = NULL;
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    struct error err = {0};
    struct view csr;
    int64_t took[3] = {0};
    const struct json *parsed;
    struct template t;
    double whole = argc > 2 ? strtod(argv[2], NULL) : 0;
    must(json_parse(arena, view_text(document), &parsed, &err), &err, "document");
    must(template_from_json(arena, parsed, &t, &err), &err, "template");
    must(name_from_text("CN=www.example.org,O=Example", &subject, &err), &err, "name");
    must(san_add_text(sans, "www.example.org", &err) && san_add_text(sans, "example.org", &err),
         &err, "names");
    must(csr_build(arena, subject, sans, key, EVP_sha256(), &csr, &err), &err, "csr");
    for (int i = 0; i < rounds; i++)
        one(key, issuer, &t, csr, took);
    double policy = (double)took[0] / 1e3 / rounds, lint = (double)took[1] / 1e3 / rounds;
    printf("policy %.1f us, lint %.1f us, signature and its check %.1f us a certificate (%d)\n", policy,
           lint, (double)took[2] / 1e3 / rounds, rounds);
    if (whole <= 0)
        return 0;
    double part = 100 * (policy + lint) / whole;
    printf("policy and lint are %.1f %% of an issuance of %.0f us\n", part, whole);
    return part < 5 ? 0 : 1;
}
