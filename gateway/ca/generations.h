/* An authority over time. A CA begins with its first key, generation 1. A re-key gives it the next one: from
 * then on everything new is signed by that, while CRL and OCSP answers of the old key go on until the last
 * certificate under it has expired. Nothing else changes: slug, templates, requests, settings stay.
 *
 * How the CRL and the OCSP answers of a generation are found
 *
 * - A `struct ca_record` stands for one generation: key_id, key_type, certificate, chain, dates and
 *   `generation` belong together. authority_get, ca_by_slug and their like give the present one;
 *   generation_view makes that of an older one. Signing, issuing, CRL and OCSP code work with either, if
 *   they hang what they keep on (ca->id, ca->key_id) and not on ca->id alone.
 * - Entries: a certificate belongs to the generation whose key_id is its issuer_key_id
 *   (certificates.issuer_key_id). A CA of one generation needs no such condition.
 * - Stored CRLs and service certificates say by crls.key_id and service_certificates.issuer_key_id which key
 *   signed them; NULL means the CA's first key. CRL numbers are shared by all generations of a CA.
 * - The epoch (ca_epochs) is the CA's: a revocation under any key moves it.
 * - URLs: the first generation's are plain (/crl/{ca}.crl, /ca/{ca}.crt, /ocsp/{ca}), for they are in its
 *   certificates; generation N has "{ca}.N" in their place (/crl/{ca}.2.crl). authority_public and
 *   status_authority take both forms; the plain one means the first generation while that is alive, else the
 *   present one. authority_urls writes them. OCSP: a CertID under the plain URL may belong to any generation:
 *   authority_generations lists those that are alive. */
#ifndef GATEHOUSE_CA_GENERATIONS_H
#define GATEHOUSE_CA_GENERATIONS_H

#include "ca/authority.h"
#include "store/generations.h"

/* The CA as it was with that key. Shares what does not change with `ca`. */
struct ca_record generation_view(struct arena *arena, const struct ca_record *ca,
                                 const struct generation *generation);
/* All that answer now: the present one first, then the retired ones that are alive. */
MUST_USE bool authority_generations(struct core *core, struct arena *arena,
                                    const struct ca_record *ca, struct ca_record **ret_items,
                                    size_t *ret_count, struct error *err);
/* The key by which stored CRLs and service certificates are told apart: nil for the first one. */
struct uuid generation_key(const struct ca_record *ca);
/* The slug by which a generation's documents are asked for: the first one's is plain. */
const char *generation_slug(struct arena *arena, const struct ca_record *ca);
/* "example" or "example.2": the CA of the slug in that generation, with the text that was asked as its slug.
 * ERROR_NOT_FOUND. */
MUST_USE bool generation_by_public_slug(struct core *core, struct arena *arena, const char *text,
                                        struct ca_record *ret, struct error *err);

#endif
