/* Changes of one certificate inside the caller's transaction. Private to this room. */
#ifndef GATEHOUSE_CA_CERTIFICATE_STEPS_H
#define GATEHOUSE_CA_CERTIFICATE_STEPS_H

#include "ca/inventory.h"

/* What is refused has written nothing. now_us: of whole seconds. */
MUST_USE bool revoke_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id, int reason,
                        int64_t now_us, int64_t invalidity_us, struct certificate_record *ret, struct error *err);
MUST_USE bool unhold_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id, int64_t now_us,
                        struct certificate_record *ret, struct error *err);
MUST_USE bool edit_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                      const struct certificate_edit *edit, struct error *err);

#endif
