/* Requests of strangers on the public pages. */
#ifndef GATEHOUSE_STORE_PUBLIC_H
#define GATEHOUSE_STORE_PUBLIC_H

#include "store/db.h"
#include "store/limits.h"
#include "store/requests.h"

struct public_request {
    struct uuid id, template_id;
    struct uuid request_id;     /* nil while the address is not confirmed */
    const char *email, *name;   /* name may be "" */
    const char *document;       /* JSON, as it was sent; "{}" once the request stands */
    const char *address;        /* of the client */
    enum request_state told;    /* what was last written about; 0: nothing */
    bool open;
    int64_t created_us;
    enum request_state state;   /* read only: of the request, 0 without one */
};
MUST_USE bool public_request_insert(struct tx *tx, const struct public_request *request, struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool public_request_by_id(struct tx *tx, struct arena *arena, struct uuid id,
                                   struct public_request *ret, struct error *err);
/* The address is confirmed: the request stands. ERROR_CONFLICT "already-confirmed" when somebody was faster. */
MUST_USE bool public_request_confirm(struct tx *tx, struct uuid id, struct uuid request_id,
                                     struct error *err);
/* How many came from there since then; email "" and address "" count nothing. */
MUST_USE bool public_request_count(struct tx *tx, const char *email, const char *address, int64_t since_us,
                                   int64_t *ret_by_email, int64_t *ret_by_address, struct error *err);
/* Open ones whose request is in another state than the one that was told, oldest first. */
MUST_USE bool public_request_news(struct tx *tx, struct arena *arena, unsigned limit,
                                  struct public_request **ret_items, size_t *ret_count, struct error *err);
/* Compare-and-set of `told`; false in ret_mine when somebody was quicker. */
MUST_USE bool public_request_tell(struct tx *tx, const struct public_request *request, bool open,
                                  bool *ret_mine, struct error *err);
/* Never confirmed and older than that, at most 10000; and what is spent and over. */
MUST_USE bool public_purge(struct tx *tx, int64_t unconfirmed_before_us, int64_t now_us, struct error *err);
/* ret_duplicate: it was used before. */
MUST_USE bool public_spend(struct tx *tx, const uint8_t hash[static 32], int64_t expires_us,
                           bool *ret_duplicate, struct error *err);

#endif
