/* Services outside that know which device may have a certificate: they are asked before, and told after.
 * Private to this room. */
#ifndef GATEHOUSE_SCEP_OUTSIDE_H
#define GATEHOUSE_SCEP_OUTSIDE_H

#include "net/fetch.h"
#include "scep/exchange.h"

/* What became of a request. */
struct scep_news {
    struct uuid template_id;
    const char *template_slug, *ca_slug;
    const char *transaction;
    struct view csr;
    const struct certificate_record *certificate; /* NULL: none was issued */
    const char *reason;                           /* why not */
};

/* Asks. ERROR_UNAUTHENTICATED "bad-challenge" when the answer is no, ERROR_UNAVAILABLE when there is none. */
MUST_USE bool scep_webhook_validate(struct scep_exchange *x, struct scep_validation *ret,
                                    struct error *err);
MUST_USE bool scep_intune_validate(struct scep_exchange *x, struct scep_validation *ret,
                                   struct error *err);
/* Tells. */
MUST_USE bool scep_webhook_notify(struct core *core, struct arena *arena,
                                  const struct scep_settings *settings, const struct scep_news *news,
                                  struct error *err);
MUST_USE bool scep_intune_notify(struct core *core, struct arena *arena,
                                 const struct scep_settings *settings, const struct scep_news *news,
                                 struct error *err);
/* {"type":"ping"}: is it there, does it take the signature? */
MUST_USE bool scep_webhook_ping(struct core *core, struct arena *arena, struct uuid template_id,
                                const char *slug, const struct scep_settings *settings,
                                struct error *err);
/* Fetches revocations that Intune asks for, does them, reports. */
MUST_USE bool scep_intune_revocations(struct core *core, struct arena *arena, struct uuid template_id,
                                      const struct scep_settings *settings, struct error *err);

/* A request that failed after it was validated is told, too. */
void scep_queue_failure(struct scep_exchange *x, const char *kind, const struct error *why);

/* Jobs. */
bool scep_deliver(void *core, struct arena *arena, struct error *err);
bool scep_poll_revocations(void *core, struct arena *arena, struct error *err);
bool scep_warn_of_secrets(void *core, struct arena *arena, struct error *err);
/* Does the application's secret for Intune end within 30 days, as far as it is known? */
bool scep_secret_ends(const struct scep_intune *intune);

#endif
