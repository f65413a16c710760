/* The managed token, made once: token, PINs, key-encryption key. */
#ifndef GATEHOUSE_SIGNER_INIT_H
#define GATEHOUSE_SIGNER_INIT_H

#include "signer/vault.h"

struct init_config {
    const char *token_label; /* at most 32 bytes */
    const char *pin_file,
        *so_pin_file; /* made (0600, random PIN) when the token is new and they do not exist */
    bool new_kek;     /* one more key-encryption key, which wraps from now on */
};

/* Idempotent, and may be interrupted at any point: what is there is kept, what is missing is made;
 * at the end a test key is generated, wrapped, unwrapped and used. Modules[0] of the vault is the
 * managed one. */
MUST_USE bool init_managed_token(struct vault *vault, const struct init_config *config,
                                 struct error *err);

#endif
