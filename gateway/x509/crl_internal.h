/* What the files about CRLs share; nobody else includes it. */
#ifndef GATEHOUSE_X509_CRL_INTERNAL_H
#define GATEHOUSE_X509_CRL_INTERNAL_H

#include "x509/crl.h"
#include "x509/handles.h"

bool crl_bad_plan(struct error *err, const char *rule);
MUST_USE bool crl_plan_check(const struct crl_plan *plan, struct error *err);
/* crlExtensions [0] EXPLICIT, DER on the arena. */
MUST_USE bool crl_plan_extensions(struct arena *arena, const struct crl_plan *plan, struct view *ret_der,
                                  struct error *err);
/* The signature of a whole CertificateList. ERROR_POLICY "crl-signature". */
MUST_USE bool crl_verify_with(struct view der, EVP_PKEY *key, struct error *err);

#endif
