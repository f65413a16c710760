/* Every key that the managed token has wrapped, wherever it lies: which key-encryption key (KEK) it is under, and its
 * replacement by one under another. And the KEKs that each node's signer holds. */
#ifndef GATEHOUSE_STORE_WRAPPED_H
#define GATEHOUSE_STORE_WRAPPED_H

#include "store/db.h"

#define KEK_ID_MAX 64

/* Where wrapped keys lie. The first is of authorities and services; the others are of people and devices, sealed
 * (ca/secret.h). */
enum wrapped_home { WRAPPED_PRIVATE, WRAPPED_USER, WRAPPED_EST, WRAPPED_MDM, WRAPPED_CMP, WRAPPED_HOMES };

struct wrapped_row {
    struct uuid id;
    int64_t number;       /* WRAPPED_CMP: the request in the transaction; else 0 */
    struct uuid place_id; /* WRAPPED_EST, WRAPPED_MDM: the template; else the id */
    struct view value;    /* the wrapped key, or its sealed form as text */
    struct view spki;     /* of WRAPPED_PRIVATE */
};
/* Up to `limit` rows that are not known to be under this KEK, by id, after that row (NULL: from the first). */
MUST_USE bool wrapped_list(struct tx *tx, struct arena *arena, enum wrapped_home home, struct view kek,
                           const struct wrapped_row *after, size_t limit, struct wrapped_row **ret_rows,
                           size_t *ret_count, struct error *err);
/* The same key under `kek`, unless the row has changed meanwhile; equal values only note the KEK. */
MUST_USE bool wrapped_replace(struct tx *tx, enum wrapped_home home, const struct wrapped_row *row,
                              struct view value, struct view kek, struct error *err);

struct wrapped_count {
    struct view kek; /* empty: not looked at yet */
    int64_t keys;
};
/* A row for each KEK. */
MUST_USE bool wrapped_counts(struct tx *tx, struct arena *arena, struct wrapped_count **ret_counts,
                             size_t *ret_count, struct error *err);

struct kek_node {
    const char *name;  /* host and data directory: the same after a restart */
    struct view keks;  /* each: one octet of length and the id */
    int64_t seen_us;
};
/* Notes what this node's signer holds now. */
MUST_USE bool kek_node_put(struct tx *tx, const struct kek_node *node, struct error *err);
MUST_USE bool kek_node_list(struct tx *tx, struct arena *arena, struct kek_node **ret_nodes,
                            size_t *ret_count, struct error *err);
/* When the last of them did; 0: none ever has. */
MUST_USE bool kek_nodes_seen(struct tx *tx, int64_t *ret_us, struct error *err);
/* A node that is no more. ERROR_NOT_FOUND. */
MUST_USE bool kek_node_remove(struct tx *tx, const char *name, struct error *err);

#endif
