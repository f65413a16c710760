/* New certificates for a CA that has one: renewal of the same key, re-key, cross-certificates, chains. */
#ifndef GATEHOUSE_CA_AUTHORITY_RENEW_H
#define GATEHOUSE_CA_AUTHORITY_RENEW_H

#include "ca/generations.h"

struct ca_renewal {
    int64_t revision; /* the one it is based on, 0: any */
    /* What is not said stays as in the present certificate; of the profile only the dates count. */
    struct ca_profile profile;
    const char *issuer; /* slug of another CA of this instance; NULL: who signed the present certificate */
    bool csr_only;      /* a CSR for a CA elsewhere; the present certificate goes on until the new one is there */
    bool new_key;       /* re-key: */
    const char *key_type, *key_uri; /* as in ca_order; both NULL: the present type */
};
/* Events "ca.renewed", "ca.rekeyed", "ca.csr-made". After a re-key the old key's CRL and OCSP answers go on, see
 * generations.h; a root's new key is also certified by the old one where that may (rfc4210#4.4, newWithOld). */
MUST_USE bool authority_renew(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, const struct ca_renewal *renewal, struct ca_record *ret,
                              struct error *err);

/* All certificates of the CA's keys; the one that is in use first, with a nil id. */
MUST_USE bool authority_chains(struct core *core, struct arena *arena, const struct actor *actor,
                               const char *slug, struct ca_certificate **ret_items, size_t *ret_count,
                               struct error *err);
/* A cross-certificate: by another CA of this instance, or (issuer NULL) one that was signed elsewhere. */
MUST_USE bool authority_cross(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, const char *issuer, const struct ca_profile *profile,
                              struct view certificates, struct ca_certificate *ret, struct error *err);
/* From now on the CA's certificate and chain are those; the others stay in the list. */
MUST_USE bool authority_use_chain(struct core *core, struct arena *arena, const struct actor *actor,
                                  const char *slug, struct uuid id, struct ca_record *ret,
                                  struct error *err);
/* Stores that the CA's certificate is `next`'s now: of the same key, or (new_key) of the next one. */
MUST_USE bool authority_adopt(struct tx *tx, const struct actor *actor, const struct ca_record *ca,
                              const struct ca_record *next, bool new_key, struct error *err);

#endif
