/* Certificate transparency at issuing (RFC 6962). For files of this room alone; nothing here is
 * called with a transaction open. */
#ifndef GATEHOUSE_CA_CT_H
#define GATEHOUSE_CA_CT_H

#include "ca/issue.h"
#include "ca/request_flow.h"

/* How a certificate is signed: what a precertificate takes, too. */
struct ct_signer {
    EVP_PKEY *key, *public_key;
    const EVP_MD *digest;
};
/* Signs a precertificate of the plan, gives it to the template's logs, and adds their timestamps to
 * the unsigned certificate. ERROR_UNAVAILABLE "ct-unavailable" when too few came; ERROR_POLICY
 * "ct-logs" when too few logs take certificates of this end. */
MUST_USE bool ct_embed(struct core *core, struct arena *arena, const struct issue_order *order,
                       const struct certificate_plan *plan, const struct ct_signer *signer,
                       X509 *certificate, struct error *err);
/* Gives the signed certificate to the logs; *ret_list is what OCSP answers carry. Same errors. */
MUST_USE bool ct_submit_certificate(struct core *core, struct arena *arena,
                                    const struct issue_order *order,
                                    const struct certificate_plan *plan, const X509 *certificate,
                                    struct view *ret_list, struct error *err);
bool ct_embeds(const struct template *t);
bool ct_staples(const struct template *t);

/* Whether this failure means: keep the request, and try again. */
bool ct_waits(const struct template *t, const struct error *err);
/* Remembers that, in the caller's transaction. overrides may be NULL. */
MUST_USE bool ct_wait(struct tx *tx, struct arena *arena, const struct actor *actor,
                      const struct request_record *request, const struct json *overrides,
                      struct error *err);

#endif
