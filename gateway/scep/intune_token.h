/* OAuth 2 tokens for Microsoft's services. Private to the Intune adapter. */
#ifndef GATEHOUSE_SCEP_INTUNE_TOKEN_H
#define GATEHOUSE_SCEP_INTUNE_TOKEN_H

#include "scep/outside.h"

/* A bearer token for a resource ("https://graph.microsoft.com"), by client credentials (rfc6749#4.4): with the
 * client secret, or with a signed assertion (rfc7523#2.2) when there is a certificate. Kept in the process until
 * a minute before it ends. */
MUST_USE bool intune_token(struct core *core, struct arena *arena, struct uuid template_id,
                           const struct scep_intune *intune, const char *resource,
                           const char **ret_token, struct error *err);
void intune_token_forget(struct uuid template_id);
/* Proxy and trust of the settings. */
void intune_route(const struct scep_intune *intune, struct fetch_request *request);

#endif
