/* How much programs may ask for: requests a second of an API token and of an organisation's programs (counted by each
 * node for itself), certificates a day of a token and of an organisation (counted in the database). */
#ifndef GATEHOUSE_CA_RATES_H
#define GATEHOUSE_CA_RATES_H

#include "ca/access.h"

struct rate_limits { /* 0: none. A token's own limit counts besides and is never higher. */
    int64_t token_requests, organisation_requests;         /* a second */
    int64_t token_certificates, organisation_certificates; /* a day (UTC) */
};
/* Once, before threads start. */
void rates_configure(const struct rate_limits *limits);
/* One more request of an actor that came by token or certificate. ERROR_TOO_MANY "rate-limit". */
MUST_USE bool rates_request(const struct actor *actor, struct error *err);
/* Forgets what was counted; for tests. */
void rates_forget(void);
/* One more certificate, in the transaction that stores it. ERROR_TOO_MANY "daily-limit". */
MUST_USE bool rates_certificate(struct tx *tx, const struct actor *actor, struct uuid organisation_id,
                                struct error *err);

#endif
