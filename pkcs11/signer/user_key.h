/* Keys of people: made in the managed token like all others, used like them, and given to their owner. They alone can
 * leave the signer.
 *
 * Such a key is wrapped by an AES-256 key of its own, and that one by the token's key-encryption key (version 2 of
 * blob.h). To give the key out its AES key is opened; the key of a CA or a service has none. Were its wrapped private
 * key put into that place, it would be no AES key of 32 bytes, and the other way round 32 bytes are no private key: what
 * a key is does not rest on what the gateway says of it. */
#ifndef GATEHOUSE_SIGNER_USER_KEY_H
#define GATEHOUSE_SIGNER_USER_KEY_H

#include "signer/managed.h"

/* Wraps an extractable private key object; for managed_generate. */
MUST_USE bool user_key_wrap(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                            struct view *ret_blob, struct error *err);
/* The key's AES key as an object of the session; the caller destroys it. `leaves`: it can be read and wrapped, else it
 * only unwraps. ERROR_MALFORMED "bad-key-blob". */
MUST_USE bool user_key_own(struct task *task, const struct key_blob *blob, bool leaves,
                           CK_OBJECT_HANDLE *ret_object, struct error *err);
/* managed_rewrap for such keys. */
MUST_USE bool user_key_rewrap(struct vault *vault, struct arena *arena, struct view blob,
                              struct view spki, struct view kek_id, struct view *ret_blob,
                              struct error *err);

/* The request of the wire (PROTOCOL.md); the result is on the arena. ERROR_POLICY "not-exportable" for every key that is
 * not a person's, "key-unfit" for a recipient to whom nothing can be encrypted. */
MUST_USE bool user_key_export(struct vault *vault, struct arena *arena,
                              const struct wire_request *request, struct view *ret_file,
                              struct error *err);

#endif
