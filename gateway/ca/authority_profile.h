/* What stands in a CA's certificate: read from JSON, or from a certificate that is to be renewed, and made
 * into a signed certificate. For the files authority*.c and the REST API. */
#ifndef GATEHOUSE_CA_AUTHORITY_PROFILE_H
#define GATEHOUSE_CA_AUTHORITY_PROFILE_H

#include "ca/authority.h"
#include "store/certificates.h"

/* The members of the document, all optional:
 * {"subject":{...},"pathLength":0,"keyUsage":["keyCertSign","cRLSign"],"extendedKeyUsage":[...],
 *  "policies":["1.2.3"],"nameConstraints":{"permitted":[...],"excluded":[...]},"validityDays":3650,
 *  "notBefore":"...","notAfter":"...","backdateSeconds":300} */
extern const char *const ca_profile_members[]; /* ends with NULL */
/* Objects live as long as the arena. Checks each member and names it in errors. */
MUST_USE bool ca_profile_from_json(struct arena *arena, const struct json *document,
                                   struct ca_profile *ret, struct error *err);
/* Subject, path length, usages, policies and constraints of a certificate; its length of life. */
MUST_USE bool ca_profile_from_certificate(struct arena *arena, X509 *certificate,
                                          struct ca_profile *ret, struct error *err);

struct ca_signing {
    const struct ca_record *issuer; /* NULL: self-signed */
    const struct ca_record *ca;     /* whose certificate it is: settings, organisation, key */
    const struct ca_profile *profile;
    struct view spki;
    EVP_PKEY *key; /* self-signed: the key that belongs to spki */
    EVP_PKEY *issuer_key; /* of an issuer that is not stored yet; NULL: the stored one */
};
/* Signs; nothing is stored. No transaction is open. */
MUST_USE bool ca_certificate_make(struct core *core, struct arena *arena,
                                  const struct ca_signing *signing,
                                  struct certificate_record *ret, struct error *err);
/* The issuer's own certificate, then its issuers, one after the other. */
struct view ca_chain_below(struct arena *arena, const struct ca_record *issuer);

#endif
