/* What an agent keeps in its directory: its key and certificate, and whom it enrolled with. */
#ifndef GATEHOUSE_AGENT_STATE_H
#define GATEHOUSE_AGENT_STATE_H

#include "agent/handshake.h"

struct agent_state {
    struct party party;
    uint8_t pin[HANDSHAKE_PIN]; /* of the gateway's key */
};
/* ERROR_CONFLICT "not-enrolled" when it has not; ERROR_UNAVAILABLE "state" names the file. */
MUST_USE bool state_load(const char *directory, struct agent_state *ret, struct error *err);
/* A new P-256 key with a self-signed certificate, in memory. */
MUST_USE bool state_new(struct party *ret, struct error *err);
/* Key and certificate (DER) after an enrolment. */
MUST_USE bool state_save(const char *directory, EVP_PKEY *key, struct view certificate,
                         const uint8_t pin[static HANDSHAKE_PIN], struct error *err);
/* The local page's self-signed certificate, made once. */
MUST_USE bool state_tls(const char *directory, struct party *ret, struct error *err);
void state_free(struct agent_state *state);

/* One file of the directory, written whole or not at all (mode 0600), and read (at most 64 KiB;
 * ERROR_NOT_FOUND). */
MUST_USE bool state_write(const char *directory, const char *name, struct view bytes,
                          struct error *err);
MUST_USE bool state_read(struct arena *arena, const char *directory, const char *name,
                         struct view *ret_bytes, struct error *err);

#endif
