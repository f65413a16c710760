/* What SCEP keeps beside requests: which transaction a request was, what outside services still have to be
 * told, captured messages, configuration profiles that wait for their download. */
#ifndef GATEHOUSE_STORE_SCEP_H
#define GATEHOUSE_STORE_SCEP_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

struct scep_transaction {
    struct uuid template_id;
    struct view poll_key;      /* SHA-256 of transaction id and key */
    struct uuid request_id;
    struct uuid credential_id; /* the challenge that was used, or nil */
    const char *details;       /* JSON */
};
MUST_USE bool scep_transaction_insert(struct tx *tx, const struct scep_transaction *transaction,
                                      struct error *err);
/* The newest of this key. ERROR_NOT_FOUND. */
MUST_USE bool scep_transaction_newest(struct tx *tx, struct arena *arena, struct uuid template_id,
                                      struct view poll_key, struct scep_transaction *ret,
                                      struct error *err);

/* What is to be sent to somebody outside. */
struct scep_message_out {
    struct uuid id, template_id;
    const char *kind;          /* "webhook", "intune" */
    const char *document;      /* JSON */
    int64_t attempts, next_us, created_us;
};
MUST_USE bool scep_outbox_add(struct tx *tx, const struct scep_message_out *message,
                              struct error *err);
/* Those whose time has come, the longest waiting first. */
MUST_USE bool scep_outbox_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                              struct scep_message_out **ret_items, size_t *ret_count,
                              struct error *err);
MUST_USE bool scep_outbox_postpone(struct tx *tx, struct uuid id, int64_t next_us, struct error *err);
MUST_USE bool scep_outbox_remove(struct tx *tx, struct uuid id, struct error *err);

/* Templates whose SCEP settings were ever changed, with what hangs on them. */
struct scep_template {
    struct uuid template_id, ca_id, organisation_id;
    const char *slug, *document;
};
MUST_USE bool scep_template_list(struct tx *tx, struct arena *arena,
                                 struct scep_template **ret_items, size_t *ret_count,
                                 struct error *err);

struct scep_capture {
    struct uuid id, template_id;
    int64_t at_us;
    const char *address, *document;
};
MUST_USE bool scep_capture_insert(struct tx *tx, const struct scep_capture *capture,
                                  struct error *err);
/* Newest first. */
MUST_USE bool scep_capture_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                                const struct page *page, struct scep_capture **ret_items,
                                size_t *ret_count, const char **ret_next, struct error *err);
/* Those older than that, of one template or (nil) of all; at most 10000 a call. */
MUST_USE bool scep_capture_purge(struct tx *tx, struct uuid template_id, int64_t before_us,
                                 struct error *err);

struct scep_profile {
    struct uuid id, template_id;
    struct view hash;          /* SHA-256 of the secret in the link */
    const char *document;      /* JSON: what goes into the profile */
    struct uuid maker_id;
    const char *maker;
    int64_t uses, used, created_us, expires_us;
    bool revoked;
};
MUST_USE bool scep_profile_insert(struct tx *tx, const struct scep_profile *profile,
                                  struct error *err);
/* ERROR_NOT_FOUND also when it is over, used up or revoked. */
MUST_USE bool scep_profile_by_hash(struct tx *tx, struct arena *arena, const uint8_t hash[static 32],
                                   int64_t now_us, struct scep_profile *ret, struct error *err);
/* One download. ret_used: whether there was one left. */
MUST_USE bool scep_profile_use(struct tx *tx, struct uuid id, int64_t now_us, bool *ret_used,
                               struct error *err);
/* Newest first. */
MUST_USE bool scep_profile_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                                const struct page *page, struct scep_profile **ret_items,
                                size_t *ret_count, const char **ret_next, struct error *err);
/* ERROR_NOT_FOUND unless it is the template's. */
MUST_USE bool scep_profile_revoke(struct tx *tx, struct uuid template_id, struct uuid id,
                                  struct error *err);

#endif
