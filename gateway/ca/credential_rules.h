/* What the files about credentials share. Private to them. */
#ifndef GATEHOUSE_CA_CREDENTIAL_RULES_H
#define GATEHOUSE_CA_CREDENTIAL_RULES_H

#include "ca/credentials.h"
#include "store/cas.h"
#include "store/credentials.h"
#include "store/templates.h"

/* The template, its CA, and whether the actor manages it. */
struct credential_owner {
    struct template_record template;
    struct ca_record ca;
    bool manages;
};
/* By slug, or by id when slug is NULL; must be the actor's to see. */
MUST_USE bool credential_owner(struct tx *tx, struct arena *arena, const struct actor *actor,
                               struct uuid template_id, const char *slug,
                               struct credential_owner *ret, struct error *err);
/* ERROR_NOT_FOUND for who may see only their own. */
MUST_USE bool credential_visible(const struct actor *actor, const struct credential_owner *owner,
                                 const struct credential_record *record, struct error *err);
/* Sizes, numbers, dates and the bound document. */
MUST_USE bool credential_order_check(struct arena *arena, const struct credential_order *order,
                                     int64_t now_us, struct error *err);
MUST_USE bool credential_note(struct tx *tx, const struct actor *actor,
                              const struct credential_owner *owner, const char *code,
                              struct uuid id, const char *details, struct error *err);
void credential_from_record(const struct credential_record *record, struct credential *ret);
/* Where a MAC secret is sealed. */
const char *credential_place(struct arena *arena, struct uuid id);
/* Who guesses from here guesses together: the address, of IPv6 its /64. */
const char *guess_place(struct arena *arena, struct uuid template_id, const char *address);

#endif
