/* What the files of second factors share. Private to this room. */
#ifndef GATEHOUSE_CA_FACTOR_INTERNAL_H
#define GATEHOUSE_CA_FACTOR_INTERNAL_H

#include "ca/access_internal.h"
#include "ca/factors.h"
#include "ca/webauthn.h"

/* A ticket with this document; its secret. */
MUST_USE bool ticket_make(struct core *core, struct arena *arena, enum ticket_kind kind,
                          struct uuid user_id, const char *document, const char **ret_secret,
                          struct error *err);
/* Counts a try; ERROR_UNAUTHENTICATED "ticket-over". */
MUST_USE bool ticket_open(struct core *core, struct arena *arena, const char *secret,
                          enum ticket_kind kind, struct ticket *ret, struct error *err);
/* The one string member of its document, or NULL. */
const char *ticket_member(struct arena *arena, const struct ticket *ticket, const char *name);

MUST_USE bool factor_site(struct core *core, struct arena *arena, struct webauthn_site *ret,
                          struct error *err);
/* {"challenge": ...} for a ticket. */
const char *challenge_document(struct arena *arena, const char *challenge, const char *label);
/* The sealed TOTP secret's place (ca/secret.h). */
const char *factor_place(struct arena *arena, struct uuid id);
/* The stored key of a WebAuthn factor. */
struct webauthn_key factor_key(struct arena *arena, const struct factor *factor);
/* SHA-256 of a recovery code, without dashes and in lower case. */
void recovery_hash(const char *code, uint8_t ret_hash[static 32]);

#endif
