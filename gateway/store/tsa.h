/* Timestamping: issuers, certificates for them that come from elsewhere, logged tokens. */
#ifndef GATEHOUSE_STORE_TSA_H
#define GATEHOUSE_STORE_TSA_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

#define MAX_TSA_ISSUERS 200 /* of one CA */

struct tsa_issuer_record {
    struct uuid id, ca_id;
    const char *name;     /* "": the issuer at /tsa/{ca} */
    int64_t version;      /* 1, 2 ...; 0: never stored */
    const char *document; /* JSON */
    struct uuid certificate_id; /* as in the document, or nil */
    int64_t created_us, changed_us;
};
/* ERROR_NOT_FOUND. The issuer without a name is always there: with version 0 when it was never stored. */
MUST_USE bool tsa_issuer_get(struct tx *tx, struct arena *arena, struct uuid ca_id, const char *name,
                             struct tsa_issuer_record *ret, struct error *err);
/* By name, the stored ones. */
MUST_USE bool tsa_issuer_list(struct tx *tx, struct arena *arena, struct uuid ca_id,
                              struct tsa_issuer_record **ret_items, size_t *ret_count, struct error *err);
/* The stored ones that sign with that certificate's key; nil: with the CA's own. */
MUST_USE bool tsa_issuer_signed_by(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid certificate_id,
                                   struct tsa_issuer_record **ret_items, size_t *ret_count, struct error *err);
/* version 0: a new one (ERROR_CONFLICT "exists", and "too-many" past MAX_TSA_ISSUERS); else the one the edit is
 * based on (ERROR_CONFLICT "changed-meanwhile"). */
MUST_USE bool tsa_issuer_put(struct tx *tx, const struct tsa_issuer_record *record, struct error *err);
MUST_USE bool tsa_issuer_delete(struct tx *tx, struct uuid ca_id, const char *name, struct error *err);

struct tsa_certificate_record {
    struct uuid id, organisation_id;
    const char *name;
    struct uuid key_id;
    const char *key_type;      /* of the key; read alone */
    bool managed;              /* read alone: the key is no token's */
    struct view csr;           /* DER */
    struct view certificate;   /* DER; empty until it has come */
    struct view chain;         /* DER of the issuers, nearest first */
    int64_t not_before_us, not_after_us, created_us, changed_us;
};
MUST_USE bool tsa_certificate_insert(struct tx *tx, const struct tsa_certificate_record *record,
                                     struct error *err);
MUST_USE bool tsa_certificate_get(struct tx *tx, struct arena *arena, const struct scope *scope,
                                  struct uuid id, struct tsa_certificate_record *ret, struct error *err);
MUST_USE bool tsa_certificate_page(struct tx *tx, struct arena *arena, const struct scope *scope,
                                   const struct page *page, struct tsa_certificate_record **ret_items,
                                   size_t *ret_count, const char **ret_next, struct error *err);
/* A renewed certificate replaces the one before. */
MUST_USE bool tsa_certificate_set(struct tx *tx, const struct tsa_certificate_record *record,
                                  struct error *err);
/* ERROR_CONFLICT "in-use" while an issuer names it. The key's row stays. */
MUST_USE bool tsa_certificate_delete(struct tx *tx, struct uuid id, struct error *err);

/* The time for the next token of an issuer that keeps an order: at least now_us and later than every time
 * given before, on any node. */
MUST_USE bool tsa_order_next(struct tx *tx, struct arena *arena, struct uuid owner_id, int64_t now_us,
                             int64_t *ret_us, struct error *err);

struct tsa_token_record {
    struct uuid id, ca_id;
    const char *issuer; /* "" */
    struct view serial;
    int64_t at_us; /* genTime */
    const char *address;
    struct view imprint; /* the hash; Authenticode: SHA-256 of the signature */
    struct view token;   /* DER; lists leave it out */
};
MUST_USE bool tsa_token_insert(struct tx *tx, const struct tsa_token_record *record, struct error *err);
MUST_USE bool tsa_token_get(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid id,
                            struct tsa_token_record *ret, struct error *err);
/* Newest first; imprint empty: all. */
MUST_USE bool tsa_token_page(struct tx *tx, struct arena *arena, struct uuid ca_id, struct view imprint,
                             const struct page *page, struct tsa_token_record **ret_items,
                             size_t *ret_count, const char **ret_next, struct error *err);

#endif
