/* What request_form.c, request_claim.c and request_key.c share. */
#ifndef GATEHOUSE_CA_REQUEST_LINK_H
#define GATEHOUSE_CA_REQUEST_LINK_H

#include "ca/request_flow.h"
#include "ca/request_more.h"

void claim_hash(const char *secret, uint8_t ret_hash[static 32]);
/* Policy on a request that has no key yet. */
MUST_USE bool form_judge(struct arena *arena, struct request_context *c,
                         const struct json *proposal, struct certificate_plan *ret_plan,
                         struct error *err);

#endif
