/* Service certificates: the delegated certificates an authority needs to answer (OCSP now; TSA, SCEP RA
 * later), made on demand, renewed before they end. */
#ifndef GATEHOUSE_CA_SERVICE_H
#define GATEHOUSE_CA_SERVICE_H

#include "ca/authority.h"

struct service_identity {
    X509 *certificate;  /* referenced; the arena drops it */
    EVP_PKEY *key;      /* remote key; the arena drops it */
    const EVP_MD *digest;
    int64_t not_after_us;
};
/* The OCSP signer of the CA, its key of the CA's own type where that is quick to sign with (SLH-DSA CAs get
 * an ML-DSA-65 one): extendedKeyUsage OCSPSigning, id-pkix-ocsp-nocheck. Made when there is none or the
 * present one has less than a third of its life left; one maker at a time. */
MUST_USE bool service_ocsp(struct core *core, struct arena *arena, const struct ca_record *ca,
                           struct service_identity *ret, struct error *err);

/* The instance's own TLS certificate for these names and addresses (self-signed, key in the signer),
 * stored as SERVICE_TLS without a CA. Made by `init` when there is none or the names changed. */
MUST_USE bool service_tls_ensure(struct core *core, struct arena *arena, const char *const *names,
                                 size_t count, struct error *err);
MUST_USE bool service_tls(struct core *core, struct arena *arena, struct service_identity *ret,
                          struct error *err);

#endif
