/* A stream that only its recipients read: what backups are written in.
 *
 *   "GATEHOUSE-SEALED-1\n", 4 octets of length, CMS (RFC 5083, 5652) with a 32-octet key for the recipients:
 *   certificates (RSA, EC) and a passphrase; then pieces, each 4 octets (length of the plain text, highest bit: the
 *   last one) and AES-256-GCM under that key: nonce 4 zero octets and the piece's number (8 octets), the 4 octets as
 *   additional data, tag at the end. Numbers are big endian. A stream without its last piece is refused. */
#ifndef GATEHOUSE_COMMANDS_SEALED_H
#define GATEHOUSE_COMMANDS_SEALED_H

#include "base/arena.h"

#include <stdio.h>

struct sealed; /* a stream that is written or read; on the arena, which frees it */

struct sealed_recipients {
    const char *const *certificates; /* PEM files, NULL-terminated */
    const char *passphrase;          /* or NULL */
};
MUST_USE bool sealed_write_begin(struct arena *arena, FILE *to, const struct sealed_recipients *recipients,
                                 struct sealed **ret, struct error *err);
MUST_USE bool sealed_write(struct sealed *s, const void *at, size_t len, struct error *err);
MUST_USE bool sealed_write_end(struct sealed *s, struct error *err);

struct sealed_opener {
    const char *key_file, *certificate_file; /* PEM; or */
    const char *passphrase;
};
/* ERROR_MALFORMED "bad-backup" for what is none, ERROR_FORBIDDEN "wrong-key" for the wrong opener. */
MUST_USE bool sealed_read_begin(struct arena *arena, FILE *from, const struct sealed_opener *opener,
                                struct sealed **ret, struct error *err);
/* Exactly so many octets; ERROR_MALFORMED "bad-backup" when they are not there or were changed. */
MUST_USE bool sealed_read(struct sealed *s, void *at, size_t len, struct error *err);

#endif
