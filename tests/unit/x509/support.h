/* What the tests of this room share: keys of every type, certificates in a line, files. */
#ifndef GATEHOUSE_TESTS_X509_SUPPORT_H
#define GATEHOUSE_TESTS_X509_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <cmocka.h> /* after ours: it has a macro fail() */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A key of that type, made once per program and kept to its end. */
EVP_PKEY *test_key(const char *type);
void test_keys_free(void);
/* The key with that private seed; the same each time. */
EVP_PKEY *test_ed25519(uint8_t fill);
/* An RSA public key with that modulus and exponent, good or bad. */
EVP_PKEY *test_rsa_public(const BIGNUM *n, unsigned long e);

X509_NAME *test_name(const char *text);
/* "2026-01-31T12:00:00Z" */
int64_t test_time(const char *text);
const struct json *test_json(struct arena *arena, const char *text);
/* Text with ' for " */
const char *quoted(struct arena *arena, const char *text);

/* A plan with sensible members: a leaf of that key, subject "CN=leaf.example", valid for the year
 * 2026. */
struct certificate_plan test_plan(EVP_PKEY *key, const X509_NAME *subject, const X509 *issuer);
/* The same for a CA. */
struct certificate_plan test_ca_plan(EVP_PKEY *key, const X509_NAME *subject, const X509 *issuer);
/* Builds and signs; fails the test when that is not possible. */
X509 *test_issue(const struct certificate_plan *plan, EVP_PKEY *issuer_key);

/* Checks kind and type, and that the message is not empty. */
void expect_error(const struct error *err, enum error_kind kind, const char *type,
                  const char *in_message);
/* Fails with the error's words when `done` is false. */
void expect_done(bool done, const struct error *err, const char *row);
/* The queue of OpenSSL errors must be empty after every call that did not report it. */
void expect_clean_queue(const char *row);

#endif
