/* Every private key that the instance knows: where it is, what uses it, how often it was used; and its destruction. */
#ifndef GATEHOUSE_CA_KEY_INVENTORY_H
#define GATEHOUSE_CA_KEY_INVENTORY_H

#include "ca/core.h"
#include "store/key_inventory.h"

struct key_line {
    struct key_item item;
    const char **users; /* "CA example-root", "OCSP of example-root": who needs it */
    size_t user_count;
};
/* What the actor sees with MAY_READ_TOKENS, newest first. */
MUST_USE bool key_inventory_page(struct core *core, struct arena *arena, const struct actor *actor,
                                 const struct page *page, struct key_line **ret_lines, size_t *ret_count,
                                 const char **ret_next, struct error *err);
MUST_USE bool key_inventory_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                                struct key_line *ret, struct error *err);
/* Overwrites the wrapped key of an authority or service, with an event that proves which one it was. The caller names
 * the fingerprint (hexadecimal) once more. MAY_MANAGE_CAS of its organisation (of the instance for the instance's own).
 * ERROR_CONFLICT "key-in-use" names the users, "key-destroyed"; ERROR_POLICY "key-fingerprint"; a person's key:
 * ERROR_POLICY "key-of-person". */
MUST_USE bool key_inventory_destroy(struct core *core, struct arena *arena, const struct actor *actor,
                                    struct uuid id, const char *fingerprint, struct key_line *ret,
                                    struct error *err);

/* Writes down how often keys were used since the last call: a job, everywhere. */
MUST_USE bool key_uses_write(void *core, struct arena *arena, struct error *err);

#endif
