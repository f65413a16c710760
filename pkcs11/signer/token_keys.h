/* Keys and certificates that live in a token of any module: listed, made, removed, checked. What is
 * made here never leaves the token; managed keys (managed.h) are another thing. */
#ifndef GATEHOUSE_SIGNER_TOKEN_KEYS_H
#define GATEHOUSE_SIGNER_TOKEN_KEYS_H

#include "signer/task.h"
#include "wire/uri.h"
#include "signer/vault.h"

#include "wire/rows.h"

struct token_order {
    struct view uri;         /* the token, and the key or certificate in it */
    struct view key_type;    /* of a key that is made */
    unsigned purpose;        /* PURPOSE_SIGN, PURPOSE_DECRYPT */
    struct view officer_pin; /* empty: the user's log-in writes */
    struct view certificate; /* DER, that is stored */
    struct view private_key; /* PKCS#8, that is imported */
    uint8_t pin_policy, touch_policy; /* enum wire_policy */
    struct view user_pin;    /* of a token that is made */
};

/* Answers a `token` request (enum wire_token_action) with rows. */
MUST_USE bool token_serve(struct vault *vault, struct arena *arena, unsigned action,
                          const struct token_order *order, struct wire_buffer *rows,
                          struct error *err);

/* token_write.c: work in a read-write session. With an officer's PIN the security officer is logged
 * in for that long: all other sessions are closed before and opened again afterwards, and who needs
 * the token waits. Done once; the subject is task_work's. */
MUST_USE bool token_write(struct token *token, struct view officer_pin, task_work work,
                          void *subject, struct error *err);

/* token_init.c: a token out of a blank slot of the URI's module, with its PINs; a row with its URI.
 * For trying out: SoftHSM2, softtoken. ERROR_CONFLICT "exists", "no-blank-token". */
MUST_USE bool token_init(struct vault *vault, struct arena *arena, const struct token_order *order,
                         const struct pkcs11_uri *uri, struct wire_buffer *rows, struct error *err);

/* token_check.c: each step is a row, and what cannot be done says why and what helps. Fails only
 * when the URI is none. */
MUST_USE bool token_check(struct vault *vault, struct arena *arena, struct view uri,
                          struct wire_buffer *rows, struct error *err);

#endif
