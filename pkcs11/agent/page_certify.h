/* A certificate or a CSR made with a key of a token, after a pattern or by a few fields: what the page does when the gateway
 * cannot reach the token. */
#ifndef GATEHOUSE_AGENT_PAGE_CERTIFY_H
#define GATEHOUSE_AGENT_PAGE_CERTIFY_H

#include "x509/handles.h"

struct certify_order {
    const char *pattern; /* PEM: its names, dates and extensions are taken, not its key; or "" and what follows */
    const char *common_name, *organisation, *country;
    const char *years;
};

/* The certificate of a root: signed by its own key. The caller frees it. ERROR_POLICY "lint", "bad-field". */
MUST_USE bool certify_self(struct arena *arena, EVP_PKEY *key, const struct certify_order *order, X509 **ret,
                           struct error *err);
/* PKCS#10 (DER) with the names. */
MUST_USE bool certify_request(struct arena *arena, EVP_PKEY *key, const struct certify_order *order, struct view *ret,
                              struct error *err);

#endif
