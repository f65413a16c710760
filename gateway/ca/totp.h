/* Time-based one-time passwords (RFC 6238 over RFC 4226): SHA-1, six digits, steps of 30 seconds, which is what
 * every authenticator app does. */
#ifndef GATEHOUSE_CA_TOTP_H
#define GATEHOUSE_CA_TOTP_H

#include "base/arena.h"

#define TOTP_SECRET_SIZE 20 /* rfc4226#4 R6: 160 bits */
#define TOTP_STEP_S 30

/* The code of a time step. */
void totp_code(struct view secret, uint64_t step, char ret_code[static 7]);
/* The step whose code this is: the present one, or one beside it (rfc6238#5.2); 0 when it is none of them.
 * Spaces in the code are skipped. */
int64_t totp_match(struct view secret, const char *code, int64_t now_us);
/* RFC 4648 base32 without padding, as apps take it typed. */
const char *totp_base32(struct arena *arena, struct view bytes);
/* otpauth://totp/ISSUER:ACCOUNT?secret=...&issuer=ISSUER */
const char *totp_uri(struct arena *arena, const char *issuer, const char *account, struct view secret);

#endif
