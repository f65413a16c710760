/* What a CA says about its certificates: CRL and the data of OCSP answers. Caches hang on the CA's epoch:
 * on the node that revoked the next answer is right, elsewhere within a second; a node that cannot read the
 * epoch does not serve its cache (design.md section 8). */
#ifndef GATEHOUSE_CA_STATUS_H
#define GATEHOUSE_CA_STATUS_H

#include "ca/authority.h"
#include "store/certificates.h"

/* A list as it is served. Its bytes are shared by all who read it, and live as long as the arena. */
struct crl_held;
struct crl_document {
    struct view der;
    int64_t number, base_number; /* base_number of a delta; else CRL_COMPLETE */
    int64_t this_update_us, next_update_us;
    struct crl_held *held;
};
/* The current CRL: the stored one while it is fresh, else a new one. With delta lists (settings) the complete one
 * is made by schedule, the delta when a status changes. */
MUST_USE bool status_crl(struct core *core, struct arena *arena, const char *ca_slug,
                         struct crl_document *ret, struct error *err);
/* A new one in any case. */
MUST_USE bool status_crl_now(struct core *core, struct arena *arena, const char *ca_slug,
                             struct crl_document *ret, struct error *err);
/* ERROR_NOT_FOUND when the CA makes none. */
MUST_USE bool status_crl_delta(struct core *core, struct arena *arena, const char *ca_slug,
                               struct crl_document *ret, struct error *err);
/* The list of partition p of n, scope n + p. ERROR_NOT_FOUND for what the CA never had. */
MUST_USE bool status_crl_partition(struct core *core, struct arena *arena, const char *ca_slug, int scope,
                                   struct crl_document *ret, struct error *err);
/* Makes what is due of all its lists. */
MUST_USE bool status_refresh(struct core *core, struct arena *arena, const char *ca_slug, struct error *err);
struct view status_crl_pem(const struct crl_document *document);
/* "4-2.crl" and its scope, 4 + 2; -1 for other names. */
const char *status_partition_name(struct arena *arena, int scope);
int status_partition_scope(const char *name_without_suffix);
/* Where a CA has partitions, a certificate that names its CRL names the one of its serial number's partition: the
 * plan has its serial number already. */
MUST_USE bool status_point_to_partition(struct core *core, struct arena *arena, const struct ca_record *ca,
                                        const struct ca_settings *settings, struct certificate_plan *plan,
                                        struct error *err);
/* An edit of settings that lists in use forbid: the number of partitions only grows, since certificates name theirs.
 * ERROR_POLICY "crl-partitions". */
MUST_USE bool status_settings_change(const struct ca_settings *before, const struct ca_settings *after,
                                     struct error *err);
/* The scope of a certificate's partition; 0 when there are none. */
int status_partition_of(struct view serial, int64_t partitions);

enum certificate_status { STATUS_GOOD, STATUS_REVOKED, STATUS_UNKNOWN };
struct status_answer {
    enum certificate_status status;
    int reason;
    int64_t revoked_us, invalidity_us; /* the second 0: none */
    struct view scts; /* value of the OCSP extension (rfc6962#3.3); empty: none */
    /* Of a list of others: when it was made and when it ends; of a node that only reads: as of when. 0: known now. */
    int64_t known_us, until_us;
};
/* Read from the database. */
MUST_USE bool status_certificate(struct core *core, struct arena *arena, const struct ca_record *ca,
                                 struct view serial, struct status_answer *ret, struct error *err);
/* The CA by slug, cached and at most a second old, with its present epoch (ret->epoch). For hot paths. */
MUST_USE bool status_authority(struct core *core, struct arena *arena, const char *ca_slug,
                               struct ca_record *ret, struct error *err);


/* The issuer that a CertID names (rfc6960#4.1.1) among all authorities that are answered for: its slug on the arena.
 * ERROR_NOT_FOUND. */
struct issuer_hashes {
    int digest; /* NID */
    struct view name, key;
};
MUST_USE bool status_find_issuer(struct core *core, struct arena *arena, const struct issuer_hashes *hashes,
                                 const char **ret_slug, struct error *err);

#endif
