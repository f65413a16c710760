/* The rows that a `token` request is answered with, one after the other: a key, a certificate, or a
 * step of a check. Pure, as messages.h. */
#ifndef GATEHOUSE_WIRE_ROWS_H
#define GATEHOUSE_WIRE_ROWS_H

#include "wire/messages.h"

enum wire_key_flag {
    WIRE_KEY_ALWAYS_AUTHENTICATE = 1, /* a PIN for every use */
    WIRE_KEY_MADE_HERE = 2,           /* CKA_LOCAL: it was made on the token */
    WIRE_KEY_EXTRACTABLE = 4,
};

enum wire_outcome { WIRE_STEP_DONE = 1, WIRE_STEP_FAILED = 2, WIRE_STEP_LEFT_OUT = 3, WIRE_STEP_WAITS = 4 };

struct wire_row {
    struct view name;     /* label of the object; name of the step */
    struct view uri;      /* of a key */
    struct view key_type; /* of a key; empty: none that we know */
    struct view text;     /* of a step: what was seen, or what is wrong and what helps */
    struct view id;       /* CKA_ID */
    struct view der;      /* SubjectPublicKeyInfo or certificate; may be empty for a key */
    uint8_t flags;        /* enum wire_key_flag as bits, or enum wire_outcome */
};

/* Texts are cut and cleaned to fit. */
void wire_add_row(struct wire_buffer *list, const struct wire_row *row);
/* Takes the first row from the list; false at its end, and where it is broken. */
bool wire_next_row(struct view *list, struct wire_row *ret_row);

#endif
