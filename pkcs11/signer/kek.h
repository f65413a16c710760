/* The managed token's key-encryption keys (KEKs): listing, making, putting in and removing them. */
#ifndef GATEHOUSE_SIGNER_KEK_H
#define GATEHOUSE_SIGNER_KEK_H

#include "base/buffer.h"
#include "signer/task.h"
#include "signer/vault.h"

#define KEK_SIZE 32 /* octets of the AES key */

/* Oldest first, read from the token. */
MUST_USE bool kek_list(struct task *task, struct kek keks[static KEKS_MAX], size_t *ret_count,
                       struct error *err);
/* Makes one in the token; it is the newest, and wraps from now on. ERROR_CONFLICT "too-many". */
MUST_USE bool kek_make(struct task *task, struct kek *ret_kek, struct error *err);
/* Puts one with that id in; `value` empty: made in the token. Never extractable. */
MUST_USE bool kek_put(struct task *task, const struct kek *kek, struct view value,
                      struct error *err);
/* What WIRE_KEK does; the ids are on the arena, each after an octet of length. ERROR_CONFLICT
 * "no-kek", "kek-in-use" for the only one. */
MUST_USE bool vault_keks(struct vault *vault, struct arena *arena, unsigned action, struct view id,
                         struct view *ret_ids, struct error *err);

#endif
