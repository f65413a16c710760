/* The keys and certificates that an authority had, beside those it has (struct ca_record). */
#ifndef GATEHOUSE_STORE_GENERATIONS_H
#define GATEHOUSE_STORE_GENERATIONS_H

#include "store/cas.h"

/* A key before the present one, with the certificate it had last. */
struct generation {
    struct uuid ca_id, key_id;
    int64_t ordinal; /* 1 for the first key; the present one is ca_record.generation */
    const char *key_type, *subject;
    struct view certificate, chain; /* as in ca_record */
    int64_t not_before_us, not_after_us;
    int64_t retired_us;
    int64_t last_expiry_us; /* until then its CRL and OCSP answers go on */
};
/* Oldest first. */
MUST_USE bool generation_list(struct tx *tx, struct arena *arena, struct uuid ca_id,
                              struct generation **ret_items, size_t *ret_count, struct error *err);
/* The CA goes over to the next key: what it has now becomes a generation, next->key_id, key_type,
 * certificate, chain, dates and subject take its place and the epoch moves (CRLs are made anew).
 * ERROR_CONFLICT "changed-meanwhile" when the revision has moved. */
MUST_USE bool generation_begin(struct tx *tx, const struct ca_record *ca,
                               const struct ca_record *next, int64_t now_us, struct error *err);

/* Further certificates of a CA's keys. */
enum ca_certificate_kind { CA_CERTIFICATE_RENEWED = 1, CA_CERTIFICATE_CROSS = 2, CA_CERTIFICATE_OTHER = 3 };
struct ca_certificate {
    struct uuid id, ca_id;
    int64_t generation;
    enum ca_certificate_kind kind;
    struct view certificate, chain;
    int64_t not_before_us, not_after_us, created_us;
};
MUST_USE bool ca_certificate_insert(struct tx *tx, const struct ca_certificate *certificate,
                                    struct error *err);
/* Oldest first. */
MUST_USE bool ca_certificate_list(struct tx *tx, struct arena *arena, struct uuid ca_id,
                                  struct ca_certificate **ret_items, size_t *ret_count,
                                  struct error *err);
/* The CA's certificate is another one for the same key. ERROR_CONFLICT as generation_begin. */
MUST_USE bool ca_replace_certificate(struct tx *tx, const struct ca_record *ca,
                                     const struct ca_record *next, struct error *err);

/* The CSR that the CA offers now, and the key it is for when that is not the present one (else nil). */
MUST_USE bool ca_set_csr(struct tx *tx, const struct ca_record *ca, struct view csr, struct uuid next_key_id,
                         struct error *err);
/* In the chains of all CAs: the certificate `before` is `after` from now on. */
MUST_USE bool ca_chains_replace(struct tx *tx, struct view before, struct view after, struct error *err);

#endif
