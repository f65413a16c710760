/* A template's policy hook: somebody else decides, too. A POST of JSON over TLS, signed both ways:
 *
 *   X-Gatehouse-Timestamp: seconds since 1970
 *   X-Gatehouse-Signature: sha256=HEX of HMAC-SHA256(secret, timestamp + "." + body)
 *   {"type":"decide","id":"...","stage":"submit","template":{"id":..,"ca":..,"version":..},
 *    "requester":..,"approver":..,"door":..,"csr":BASE64,"keyType":..,"subject":"CN=..","sans":["DNS:..."],
 *    "notBefore":..,"notAfter":..}
 *     -> 200 {"allow":true}
 *        200 {"allow":false,"reason":"..."}
 *        200 {"allow":true,"changes":{...}}     as struct proposal; judged by the template like the request itself
 *        X-Gatehouse-Signature: sha256=HEX of HMAC-SHA256(secret, id + "." + body)
 *
 * What is not answered so, in time, refuses the request. stage is "sign" when somebody approves it later. */
#ifndef GATEHOUSE_CA_HOOK_H
#define GATEHOUSE_CA_HOOK_H

#include "ca/request_flow.h"

/* *ret_changed: c->proposal has the hook's changes. ERROR_POLICY "hook-denied", ERROR_UNAVAILABLE "hook-failed". */
MUST_USE bool hook_ask(struct arena *arena, struct request_context *c, const struct certificate_plan *plan,
                       bool *ret_changed, struct error *err);
/* What both sides sign with: 43 characters, of the template and its hook.generation. Reading it is an event. */
MUST_USE bool hook_secret(struct core *core, struct arena *arena, const struct actor *actor,
                          const char *template_slug, const char **ret_secret, struct error *err);

#endif
