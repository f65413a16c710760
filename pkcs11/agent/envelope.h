/* CMS SignedData by one party inside of AuthEnvelopedData to the other: a message of the handshake. */
#ifndef GATEHOUSE_AGENT_ENVELOPE_H
#define GATEHOUSE_AGENT_ENVELOPE_H

#include "agent/handshake.h"

/* Appends to `out`; RSA recipients by OAEP with SHA-256 (rfc8017#7.1), EC ones by ephemeral ECDH. */
MUST_USE bool envelope_make(const struct party *from, X509 *to, struct view content,
                            struct wire_buffer *out, struct error *err);
/* `from` NULL: whoever signed it, whose certificate must be in it. *ret_content is in `scratch`.
 * ERROR_MALFORMED "bad-envelope". The caller frees *ret_signer. */
MUST_USE bool envelope_open(const struct party *to, X509 *from, struct view message,
                            struct wire_buffer *scratch, X509 **ret_signer,
                            struct view *ret_content, struct error *err);

#endif
