/* Requests for certificates and their states. */
#ifndef GATEHOUSE_STORE_REQUESTS_H
#define GATEHOUSE_STORE_REQUESTS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

enum request_state {
    REQUEST_PENDING = 1,
    REQUEST_APPROVED = 2, /* four-eyes: the first of two has agreed */
    REQUEST_ISSUED = 3,
    REQUEST_DECLINED = 4,
    REQUEST_CANCELLED = 5,
};
/* States of requests that begin without a CSR. No device ever makes one, so what answers devices need not tell
 * them apart: they are no members of the enumeration. */
#define REQUEST_AWAITING_CSR ((enum request_state)6) /* approved: its claim link is out */
#define REQUEST_EXPIRED ((enum request_state)7)      /* nobody came with the link in time */

enum request_proof {
    PROOF_SIGNATURE = 1, /* the CSR's own (rfc2986#4.2) */
    PROOF_PROTOCOL = 2,  /* checked by the protocol: the CSR may be unsigned */
};

struct request_record {
    struct uuid id, ca_id, template_id;
    struct uuid organisation_id;         /* read only: the CA's */
    const char *ca_slug, *template_slug; /* read only */
    int64_t template_version;
    enum request_state state;
    const char *door;           /* "rest", "console", "acme" ... */
    struct view csr;            /* DER, unchanged */
    const char *proposal;       /* JSON: what came beside the CSR (subject, sans, validity); "{}" */
    const char *subject;        /* RFC 4514, of the CSR or the proposal; for lists */
    const char *sans;           /* text; for lists */
    const char *key_type;
    struct uuid requester_id;   /* user, or nil */
    const char *requester;      /* name to show */
    struct uuid approver_id;    /* who agreed first (four-eyes), or nil */
    const char *reason;         /* why declined or cancelled; "" */
    struct uuid certificate_id; /* nil unless issued */
    int64_t created_us, changed_us;
    enum request_proof proof;   /* 0 counts as PROOF_SIGNATURE */
    struct uuid renews_id;      /* the certificate it renews, or nil */
    int64_t ca_revision;        /* written only: the CA must still be at it; 0: any */
    const char *notes;          /* what policy left out or changed: a JSON array of texts; NULL: [] */
};
/* ERROR_NOT_FOUND when the template, of that CA, has been deleted meanwhile; ERROR_CONFLICT "changed-meanwhile" when
 * it is at another version, or the CA at another revision. */
MUST_USE bool request_insert(struct tx *tx, const struct request_record *request, struct error *err);
/* Requests of deleted CAs are not found and not listed. */
MUST_USE bool request_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                            struct request_record *ret, struct error *err);
/* Where those of these requests belong that wait for a decision: pending, or agreed to by the first of two. */
struct request_waiting {
    struct uuid id, ca_id, organisation_id;
    const char *door;
};
MUST_USE bool requests_waiting(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count,
                               struct request_waiting **ret_items, size_t *ret_count, struct error *err);
/* Newest first. state 0: all. ca_id nil: all CAs in scope. */
MUST_USE bool request_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                           struct uuid ca_id, enum request_state state, const struct page *page,
                           struct request_record **ret_items, size_t *ret_count, const char **ret_next,
                           struct error *err);
/* How many that would list; *ret_count is over `most` when there are more than so many. */
MUST_USE bool request_count(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid ca_id,
                            enum request_state state, unsigned most, size_t *ret_count, struct error *err);
struct request_change {
    enum request_state from, to;
    struct uuid approver_id;    /* who agreed first (four-eyes) or decided; may be nil */
    struct uuid certificate_id; /* may be nil */
    const char *reason;         /* may be "" */
    int64_t now_us;
};
/* Compare-and-set from `from` to `to`; ERROR_CONFLICT "request-state" names the state it is in. */
MUST_USE bool request_move(struct tx *tx, struct uuid id, const struct request_change *change,
                           struct error *err);

/* The CSR of a request that was made without one; only while it is awaiting it, else ERROR_CONFLICT
 * "request-state". */
MUST_USE bool request_set_csr(struct tx *tx, struct uuid id, struct view csr, const char *key_type,
                              struct error *err);
/* A pending or once approved request goes to another template of its CA and is pending again. ERROR_CONFLICT
 * "request-state". */
MUST_USE bool request_set_template(struct tx *tx, struct uuid id, struct uuid template_id,
                                   int64_t version, int64_t now_us, struct error *err);

/* What a device calls its request; unique within template and door. */
struct request_transaction {
    struct uuid template_id, request_id;
    const char *door;
    struct view transaction; /* 1-128 octets */
    uint8_t fingerprint[32]; /* of what was asked for */
};
/* ERROR_CONFLICT "transaction-known" (at COMMIT): there is one of that name. */
MUST_USE bool request_transaction_insert(struct tx *tx, const struct request_transaction *transaction,
                                         struct error *err);
/* Fills request_id and fingerprint from the other members. */
MUST_USE bool request_transaction_find(struct tx *tx, struct request_transaction *transaction,
                                       bool *ret_found, struct error *err);

const char *request_state_name(enum request_state state); /* "pending" ... */
enum request_state request_state_from_name(const char *name); /* 0 when unknown */

#endif
