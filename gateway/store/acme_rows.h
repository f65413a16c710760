/* What look-ups and lists of ACME's tables have in common. Private to this room. */
#ifndef GATEHOUSE_STORE_ACME_ROWS_H
#define GATEHOUSE_STORE_ACME_ROWS_H

#include "store/query.h"

/* A kind of row: how it is read, and what is said when there is none. A row's first member is its
 * id. */
struct row_kind {
    size_t size;
    void (*read)(struct rows *rows, void *row);
    const char *what; /* "ACME order" */
    char list;        /* its letter in cursors */
};

/* ret is untouched when there is none: ERROR_NOT_FOUND, its message with `named` where that is
 * given. */
MUST_USE bool acme_row(struct tx *tx, struct arena *arena, const struct row_kind *kind,
                       const char *sql, struct params params, const char *named, void *ret,
                       struct error *err);
/* All rows of a query, on the arena. */
MUST_USE bool acme_rows(struct tx *tx, struct arena *arena, const struct row_kind *kind,
                        const char *sql, struct params params, void *ret_items, size_t *ret_count,
                        struct error *err);
/* A page, in its direction. The query has its text up to the conditions; id_column ("o.id") sorts it.
 * `page` was checked by page_before. ret_items: the address of a pointer to rows of the kind. */
MUST_USE bool acme_page(struct tx *tx, struct arena *arena, const struct row_kind *kind,
                        struct query *query, const char *id_column, const struct page *page,
                        void *ret_items, size_t *ret_count, const char **ret_next,
                        struct error *err);

/* What other files read of their rows. */
#define ACME_ACCOUNT_COLUMNS                                                                       \
    "n.id, n.directory_id, n.policy_id, n.eab_id, n.thumbprint, n.state, n.jwk, n.contacts, "      \
    "n.scope, n.terms, n.eab_jws, n.created_us, n.changed_us "
#define ACME_ORDER_COLUMNS                                                                         \
    "o.id, o.account_id, o.policy_id, o.template_id, o.state, o.identifiers, o.authorizations, "   \
    "o.profile, o.not_before_us, o.not_after_us, o.expires_us, o.problem, o.replaces_id, "         \
    "o.certificate_id, o.created_us, o.changed_us, t.slug "
#define ACME_POLICY_COLUMNS                                                                        \
    "p.id, p.organisation_id, p.name, p.version, p.document, p.created_us, p.changed_us "
void acme_account_read(struct rows *rows, void *row); /* struct acme_account */
void acme_order_read(struct rows *rows, void *row);   /* struct acme_order */
void acme_policy_read(struct rows *rows, void *row);  /* struct acme_policy_record */

#endif
