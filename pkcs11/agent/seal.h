/* Messages under the key of a session: CMS AuthEnvelopedData (RFC 5083, RFC 5084: AES-256-GCM) to
 * the key of one direction (RFC 5652 section 6.2.3, RFC 3565), with a number inside that grows by
 * one. Links keep their order, so any other number than the next is a replay, a gap or a change of
 * order, and the end of the session. */
#ifndef GATEHOUSE_AGENT_SEAL_H
#define GATEHOUSE_AGENT_SEAL_H

#include "wire/messages.h"

#define SEAL_KEY_SIZE 32
#define SEAL_ID_SIZE 16
#define SEAL_OVERHEAD ((size_t)512) /* octets that sealing adds, at most */

struct seal {
    uint8_t key[SEAL_KEY_SIZE];
    uint8_t id[SEAL_ID_SIZE]; /* keyIdentifier: of the session and direction */
    uint64_t next;
};

/* Appends the message to `out`. */
MUST_USE bool seal_message(struct seal *seal, struct view plain, struct wire_buffer *out,
                           struct error *err);
/* *ret_plain is in `scratch`. ERROR_MALFORMED "bad-seal": not by who has the key, or changed;
 * "bad-sequence": not the next one. */
MUST_USE bool seal_open(struct seal *seal, struct view message, struct wire_buffer *scratch,
                        struct view *ret_plain, struct error *err);

#endif
