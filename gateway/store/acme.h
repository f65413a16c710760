/* ACME: policies, external account bindings, accounts, orders, authorizations and used nonces. */
#ifndef GATEHOUSE_STORE_ACME_H
#define GATEHOUSE_STORE_ACME_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

struct acme_policy_record {
    struct uuid id, organisation_id;
    const char *name;
    int64_t version;      /* 1, 2 ... */
    const char *document; /* JSON */
    int64_t created_us, changed_us;
};
MUST_USE bool acme_policy_insert(struct tx *tx, const struct acme_policy_record *policy,
                                 struct error *err);
/* ERROR_NOT_FOUND also when deleted. */
MUST_USE bool acme_policy_by_id(struct tx *tx, struct arena *arena, const struct scope *scope,
                                struct uuid id, struct acme_policy_record *ret, struct error *err);
/* Newest first. */
MUST_USE bool acme_policy_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                               const struct page *page, struct acme_policy_record **ret_items,
                               size_t *ret_count, const char **ret_next, struct error *err);
/* ERROR_CONFLICT "changed-meanwhile" unless `version` is the newest. */
MUST_USE bool acme_policy_update(struct tx *tx, struct uuid id, int64_t version, const char *name,
                                 const char *document, int64_t now_us, struct error *err);
MUST_USE bool acme_policy_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);

struct acme_eab {
    struct uuid id, policy_id;
    const char *name, *secret; /* sealed */
    const char *scope;         /* JSON array */
    int64_t uses, used;        /* uses 0: any number */
    bool revoked;
    int64_t created_us, expires_us, last_used_us;
    const char *maker;
};
MUST_USE bool acme_eab_insert(struct tx *tx, const struct acme_eab *eab, struct error *err);
MUST_USE bool acme_eab_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                             struct acme_eab *ret, struct error *err);
MUST_USE bool acme_eab_list(struct tx *tx, struct arena *arena, struct uuid policy_id,
                            const struct page *page, struct acme_eab **ret_items, size_t *ret_count,
                            const char **ret_next, struct error *err);
MUST_USE bool acme_eab_revoke(struct tx *tx, struct uuid id, struct error *err);
/* One use; *ret_spent is false when it is used up, expired or revoked: affected rows decide. */
MUST_USE bool acme_eab_spend(struct tx *tx, struct uuid id, int64_t now_us, bool *ret_spent,
                             struct error *err);

enum acme_account_state {
    ACME_ACCOUNT_VALID = 1,
    ACME_ACCOUNT_DEACTIVATED = 2,
    ACME_ACCOUNT_REVOKED = 3
};
struct acme_account {
    struct uuid id, directory_id, policy_id, eab_id; /* directory_id, eab_id may be nil */
    uint8_t thumbprint[32];
    enum acme_account_state state;
    const char *jwk;      /* canonical JSON (rfc7638) */
    const char *contacts; /* JSON array */
    const char *scope;    /* JSON array of the EAB, kept when the EAB is gone */
    const char *terms;    /* URL of the terms it agreed to, or "" */
    const char *eab_jws;  /* JSON or "" */
    int64_t created_us, changed_us;
};
/* *ret_duplicate: the key has an account in this directory. */
MUST_USE bool acme_account_insert(struct tx *tx, const struct acme_account *account,
                                  bool *ret_duplicate, struct error *err);
MUST_USE bool acme_account_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                                 struct acme_account *ret, struct error *err);
MUST_USE bool acme_account_by_key(struct tx *tx, struct arena *arena, struct uuid directory_id,
                                  const uint8_t thumbprint[32], struct acme_account *ret,
                                  struct error *err);
/* state, contacts, terms */
MUST_USE bool acme_account_update(struct tx *tx, const struct acme_account *account,
                                  struct error *err);
/* Another key; *ret_duplicate: it has an account already. */
MUST_USE bool acme_account_rekey(struct tx *tx, const struct acme_account *account,
                                 bool *ret_duplicate, struct error *err);
/* policy_id nil: all. Newest first. */
MUST_USE bool acme_account_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                                struct uuid policy_id, const struct page *page,
                                struct acme_account **ret_items, size_t *ret_count,
                                const char **ret_next, struct error *err);
/* At most `most` are counted. */
MUST_USE bool acme_account_count(struct tx *tx, struct uuid policy_id, int64_t most,
                                 int64_t *ret_count, struct error *err);

enum acme_authorization_state {
    ACME_AUTHZ_PENDING = 1,
    ACME_AUTHZ_VALID = 2,
    ACME_AUTHZ_INVALID = 3,
    ACME_AUTHZ_DEACTIVATED = 4,
    ACME_AUTHZ_EXPIRED = 5,
    ACME_AUTHZ_REVOKED = 6,
};
enum acme_order_state {
    ACME_ORDER_PENDING = 1,
    ACME_ORDER_PROCESSING = 2,
    ACME_ORDER_VALID = 3,
    ACME_ORDER_INVALID = 4,
};
struct acme_order {
    struct uuid id, account_id, policy_id, template_id;
    enum acme_order_state state;
    const char *identifiers;    /* JSON: [{"type":"dns","value":"..."}] */
    struct view authorizations; /* ids */
    const char *profile;        /* or "" */
    int64_t not_before_us, not_after_us, expires_us;
    const char *problem;        /* JSON or "" */
    struct uuid replaces_id;    /* certificate, or nil */
    struct uuid certificate_id; /* or nil */
    int64_t created_us, changed_us;
    const char *template_slug; /* only read */
    /* Only read, by acme_order_open: of the one authorization of an order with one identifier; state 0 otherwise. */
    enum acme_authorization_state authorization_state;
    int64_t authorization_expires_us;
    const char *replaces;      /* how the client named replaces_id; not stored, may be NULL */
};
/* `counted`: others in this transaction may count orders (acme_order_count). ERROR_CONFLICT "acme-replaced" (at
 * COMMIT): the certificate it replaces is replaced already. */
MUST_USE bool acme_order_insert(struct tx *tx, const struct acme_order *order, bool counted,
                                struct error *err);
MUST_USE bool acme_order_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                               struct acme_order *ret, struct error *err);
MUST_USE bool acme_order_by_certificate(struct tx *tx, struct arena *arena,
                                        struct uuid certificate_id, struct acme_order *ret,
                                        struct error *err);
/* Ids of certificates with this serial number, of any issuer; at most 8 (rfc9773#4.1 names them by
 * it). */
MUST_USE bool acme_certificates_by_serial(struct tx *tx, struct arena *arena, struct view serial,
                                          struct uuid ret_ids[static 8], size_t *ret_count,
                                          struct error *err);
MUST_USE bool acme_order_by_replaced(struct tx *tx, struct arena *arena, struct uuid certificate_id,
                                     struct acme_order *ret, struct error *err);
/* Compare-and-set on the state: writes state, problem and certificate. ERROR_CONFLICT
 * "changed-meanwhile" (at COMMIT). */
MUST_USE bool acme_order_move(struct tx *tx, const struct acme_order *order,
                              enum acme_order_state from, int64_t now_us, struct error *err);
/* What every request of an account begins with, in one statement: the account, its policy and the
 * instance's settings ("" when there are none). ERROR_NOT_FOUND also when the policy is deleted. */
struct acme_session {
    struct acme_account account;
    struct acme_policy_record policy;
    const char *settings;
};
MUST_USE bool acme_session_open(struct tx *tx, struct arena *arena, struct uuid account_id,
                                struct acme_session *ret, struct error *err);
/* An order with its certificate, and its authorization when it has one. ERROR_NOT_FOUND. */
struct acme_opened_order {
    struct acme_order order;
    struct view certificate; /* DER */
    struct uuid certificate_ca, certificate_key; /* the CA and its key */
};
MUST_USE bool acme_order_open(struct tx *tx, struct arena *arena, struct uuid id,
                              struct acme_opened_order *ret, struct error *err);
/* account_id or policy_id; both nil: all in scope. Newest first. */
MUST_USE bool acme_order_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                              struct uuid account_id, struct uuid policy_id,
                              const struct page *page, struct acme_order **ret_items,
                              size_t *ret_count, const char **ret_next, struct error *err);
/* Orders made since then, by account or by policy (the other nil); at most `most` are counted. */
MUST_USE bool acme_order_count(struct tx *tx, struct uuid account_id, struct uuid policy_id,
                               int64_t since_us, int64_t most, int64_t *ret_count,
                               struct error *err);
MUST_USE bool acme_order_name_add(struct tx *tx, struct uuid policy_id, const char *identifier,
                                  struct uuid order_id, struct error *err);
MUST_USE bool acme_order_name_count(struct tx *tx, struct uuid policy_id, const char *identifier,
                                    int64_t since_us, int64_t most, int64_t *ret_count,
                                    struct error *err);

enum acme_kind { ACME_DNS = 1, ACME_IP = 2, ACME_EMAIL = 3, ACME_PERMANENT = 4 };
struct acme_authorization {
    struct uuid id, account_id, policy_id;
    enum acme_kind kind;
    const char *identifier; /* without "*." */
    bool wildcard;
    enum acme_authorization_state state; /* as stored; see expires_us */
    int64_t expires_us;
    const char *challenges; /* JSON */
    int64_t work_us;        /* 0: nothing to do */
    int64_t revision;
    int64_t created_us;
};
MUST_USE bool acme_authorization_insert(struct tx *tx,
                                        const struct acme_authorization *authorization,
                                        struct error *err);
MUST_USE bool acme_authorization_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                                       struct acme_authorization *ret, struct error *err);
/* Those of the ids that there are, in any order. */
MUST_USE bool acme_authorization_by_ids(struct tx *tx, struct arena *arena, const struct uuid *ids,
                                        size_t count, struct acme_authorization **ret_items,
                                        size_t *ret_count, struct error *err);
/* The one in that state that lives longest, at least until `until_us`; ret->id is nil when there is
 * none. */
MUST_USE bool acme_authorization_find(struct tx *tx, struct arena *arena,
                                      const struct acme_authorization *like, int64_t until_us,
                                      struct acme_authorization *ret, struct error *err);
/* State, expiry, challenges and work_us; compare-and-set on the revision: *ret_changed is false
 * when another was quicker. */
MUST_USE bool acme_authorization_update(struct tx *tx,
                                        const struct acme_authorization *authorization,
                                        bool *ret_changed, struct error *err);
/* Work that is due, oldest first, at most `limit`. */
MUST_USE bool acme_authorization_due(struct tx *tx, struct arena *arena, int64_t now_us,
                                     unsigned limit, struct acme_authorization **ret_items,
                                     size_t *ret_count, struct error *err);
MUST_USE bool acme_authorization_count(struct tx *tx, struct uuid account_id, int64_t now_us,
                                       int64_t most, int64_t *ret_pending, struct error *err);

#define ACME_NONCE_SIZE 24
/* Errors (at COMMIT): ERROR_CONFLICT "acme-nonce-used": it was used before; "acme-account-changed": `account`, which
 * the caller remembered from earlier, or its policy, is no longer what it was, or gone; or `authorization`, which was
 * remembered beside it (nil: none was), is not valid any more. account NULL: there is none, or it was read just now. */
MUST_USE bool acme_nonce_use(struct tx *tx, const uint8_t nonce[ACME_NONCE_SIZE],
                             const struct acme_account *account, int64_t policy_version,
                             struct uuid authorization, struct error *err);
/* That of the account alone. */
MUST_USE bool acme_account_unchanged(struct tx *tx, const struct acme_account *account,
                                     int64_t policy_version, struct error *err);

/* Housekeeping, at most 5,000 rows of each a call; *ret_gone: how many went. Nonces that are older
 * than `nonces_us`; open orders that expired become invalid; authorizations that expired before
 * `before_us` and open or invalid orders that did go. Orders with a certificate stay: renewal and
 * revocation need them. */
MUST_USE bool acme_sweep(struct tx *tx, int64_t now_us, int64_t nonces_us, int64_t before_us,
                         int64_t *ret_gone, struct error *err);

#endif
