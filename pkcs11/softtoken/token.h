/* What the files of this chapter (slots.c, slot.c, token.c) share about the token in a slot. */
#ifndef SOFTTOKEN_TOKEN_H
#define SOFTTOKEN_TOKEN_H

#include "slot.h"

/* Opens the token with this serial number in the slot. CKR_TOKEN_NOT_RECOGNIZED, ... */
CK_RV token_attach(struct slot *slot, const char *serial) MUST_USE;

/* ---- for the files of this chapter, all with slot.lock -------------------------------------- */

/* Is there still a token: CKR_TOKEN_NOT_PRESENT for the free slot, CKR_DEVICE_REMOVED when its
 * directory is gone. */
CK_RV token_present(const struct slot *slot) MUST_USE;
/* Reads the record again, with the store locked; notices that another process has initialised the
 * token anew, and forgets everything of the old one then. */
CK_RV token_reload(struct slot *slot) MUST_USE;
void token_set_key(struct slot *slot, const uint8_t key[SEAL_KEY_LEN]);
void token_forget_key(struct slot *slot);
/* Raises the generation, with the store locked exclusively: before any change of a file. When this
 * process had seen the generation before, it has seen this one too. */
CK_RV token_changes(struct slot *slot) MUST_USE;
/* Logged out: what only the logged-in may see goes away. */
void token_hide_private(struct slot *slot);
/* slot_refresh, with slot.lock. */
CK_RV token_read_objects(struct slot *slot) MUST_USE;

#endif
