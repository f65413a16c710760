/* A managed key as it lies in the database: the private key wrapped by the managed token's
 * key-encryption key (KEK).
 *
 *   byte 0      version, 1
 *   bytes 1-4   Cryptoki mechanism of the wrapping, big-endian (a property of the token that
 * wrapped it) byte 5      length of the KEK's CKA_ID (1 to 64), then the id 2 bytes     length of
 * the wrapped key, big-endian, then the wrapped key to the end
 *
 * A person's key, which may leave (user_key.h), has version 2: what is wrapped there is an AES-256 key of its own, and
 * after it come 2 bytes of length and the private key, wrapped by that AES key with the same mechanism.
 *
 * Key wrap (RFC 5649) protects the key's bytes, and binds no identity: the signer checks the key
 * against the public key by a test operation whenever it loads one. */
#ifndef GATEHOUSE_SIGNER_BLOB_H
#define GATEHOUSE_SIGNER_BLOB_H

#include "base/arena.h"

#include "cryptoki.h"

struct key_blob {
    CK_MECHANISM_TYPE mechanism;
    struct view kek_id, wrapped;
    struct view inner; /* of a person's key: the private key, and `wrapped` is its AES key; else empty */
};

struct view key_blob_encode(struct arena *arena, const struct key_blob *blob);
/* The views borrow from `bytes`. ERROR_MALFORMED "bad-key-blob". */
MUST_USE bool key_blob_decode(struct view bytes, struct key_blob *ret_blob, struct error *err);

#endif
