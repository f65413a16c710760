/* CMP transactions (RFC 9810): what one message leaves for the next, on whatever node that arrives. */
#ifndef GATEHOUSE_STORE_CMP_H
#define GATEHOUSE_STORE_CMP_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

enum cmp_state { /* of a transaction */
    CMP_STATE_WAITING = 1, /* for approval: the client polls */
    CMP_STATE_CONFIRM = 2, /* for the client's confirmation */
    CMP_STATE_DONE = 3,
    CMP_STATE_REFUSED = 4,
    CMP_STATE_GIVEN_UP = 5, /* not confirmed in time */
};
const char *cmp_state_name(enum cmp_state state);

struct cmp_transaction {
    struct uuid id, template_id;
    struct view transaction_id; /* 1-64 octets, unique under the template */
    enum cmp_state state;
    int body;                   /* tag of the first message's PKIBody */
    bool implicit_confirm;
    const char *peer;           /* for people, at most 200 characters */
    uint8_t peer_hash[32];      /* who may go on with it */
    struct uuid credential_id;  /* of the shared secret, or nil */
    struct view nonce;          /* our newest senderNonce */
    uint8_t last_request[32];   /* SHA-256 of the newest message received */
    const char *reason;         /* why refused; "" */
    int64_t revision, created_us, changed_us, deadline_us;
};
enum cmp_certificate_state {
    CMP_CERTIFICATE_WAITING = 1,
    CMP_CERTIFICATE_ISSUED = 2,
    CMP_CERTIFICATE_CONFIRMED = 3,
    CMP_CERTIFICATE_REJECTED = 4, /* by the client: revoked */
    CMP_CERTIFICATE_REFUSED = 5,  /* by us */
    CMP_CERTIFICATE_GIVEN_UP = 6, /* not confirmed in time: revoked */
};
struct cmp_certificate {
    struct uuid transaction;
    int64_t cert_req_id;
    enum cmp_certificate_state state;
    bool encrypted;             /* goes out encrypted to its own key */
    struct uuid request_id, certificate_id, renews_id, credential_id; /* each may be nil */
    const char *sealed_key;     /* a private key made here (ca/secret.h), or "" */
    const char *reason;
};
enum cmp_direction { CMP_RECEIVED = 1, CMP_SENT = 2 };
struct cmp_message_record {
    struct uuid id, transaction;
    enum cmp_direction direction;
    int body;
    int64_t at_us;
    struct view der;
};

/* ret_duplicate: a transaction with this ID is there already; nothing has changed. */
MUST_USE bool cmp_transaction_insert(struct tx *tx, const struct cmp_transaction *transaction,
                                     bool *ret_duplicate, struct error *err);
MUST_USE bool cmp_transaction_find(struct tx *tx, struct arena *arena, struct uuid template_id,
                                   struct view transaction_id, struct cmp_transaction *ret, bool *ret_found,
                                   struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool cmp_transaction_by_id(struct tx *tx, struct arena *arena, struct uuid template_id,
                                    struct uuid id, struct cmp_transaction *ret, struct error *err);
/* State, nonce, last request, reason, deadline; compare-and-set on the revision: ERROR_CONFLICT
 * "changed-meanwhile". */
MUST_USE bool cmp_transaction_update(struct tx *tx, const struct cmp_transaction *transaction,
                                     struct error *err);
/* Newest first. */
MUST_USE bool cmp_transaction_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                                   const struct page *page, struct cmp_transaction **ret_items,
                                   size_t *ret_count, const char **ret_next, struct error *err);
/* In that state with a deadline before now, at most 100. */
MUST_USE bool cmp_transaction_overdue(struct tx *tx, struct arena *arena, enum cmp_state state, int64_t now_us,
                                      struct cmp_transaction **ret_items, size_t *ret_count,
                                      struct error *err);
/* Deletes up to 500 that have not changed since then, with all that belongs to them; neither those that wait nor
 * those to be confirmed. */
MUST_USE bool cmp_transaction_prune(struct tx *tx, struct arena *arena, int64_t before_us, int64_t *ret_count,
                                    struct error *err);

/* Inserts, or replaces the row of the same transaction and certReqId. */
MUST_USE bool cmp_certificate_put(struct tx *tx, const struct cmp_certificate *certificate, struct error *err);
MUST_USE bool cmp_certificate_list(struct tx *tx, struct arena *arena, struct uuid transaction,
                                   struct cmp_certificate **ret_items, size_t *ret_count, struct error *err);
/* Whether this credential asked for that certificate. */
MUST_USE bool cmp_certificate_by_credential(struct tx *tx, struct uuid certificate_id, struct uuid credential_id,
                                            bool *ret_found, struct error *err);

MUST_USE bool cmp_message_insert(struct tx *tx, const struct cmp_message_record *message, struct error *err);
/* In their order; at most 100. */
MUST_USE bool cmp_message_list(struct tx *tx, struct arena *arena, struct uuid transaction,
                               struct cmp_message_record **ret_items, size_t *ret_count, struct error *err);

#endif
