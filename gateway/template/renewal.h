/* Renewal: what the holder of a certificate may have by showing it. */
#ifndef GATEHOUSE_TEMPLATE_RENEWAL_H
#define GATEHOUSE_TEMPLATE_RENEWAL_H

#include "store/cas.h"
#include "store/certificates.h"
#include "template/proposal.h"
#include "template/template.h"

/* May a certificate of this template be got by holding `old`? It must be of the same CA, neither revoked nor
 * held, inside the template's window and days of grace. ERROR_POLICY "renewal" names the rule. */
MUST_USE bool renewal_check(const struct template *template, const struct ca_record *ca,
                            const struct certificate_record *old, int64_t now_us, struct error *err);
/* Under renewal.copyNames the old certificate's subject and SANs take the place of what the request says. The
 * names live as long as the arena. */
MUST_USE bool renewal_copy_names(struct arena *arena, const struct template *template,
                                 const struct certificate_record *old, struct proposal *proposal, struct error *err);
/* Whether the old one is revoked (superseded) when the new one stands. */
bool renewal_revokes(const struct template *template);

#endif
