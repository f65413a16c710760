/* What a token says of the keys that were made in it: a YubiKey's attestation certificates, which its PKCS#11 module
 * shows as certificates beside the keys. */
#ifndef GATEHOUSE_CA_TOKEN_ATTESTATION_H
#define GATEHOUSE_CA_TOKEN_ATTESTATION_H

#include "ca/core.h"
#include "store/token_keys.h"

/* Fills attestation and attested of the record from the token of the key. Without a root what there is is kept,
 * unverified; with one (PEM) it must lead there: ERROR_POLICY "attestation". */
MUST_USE bool token_attestation(struct core *core, struct arena *arena, const struct token_key *key, const char *root,
                                struct token_key_record *record, struct error *err);

/* What a YubiKey's attestation certificate (the first of the record's) tells; false when it is none. */
struct token_attested {
    const char *serial, *firmware; /* "10000001", "5.4.3" */
    const char *pin_policy, *touch_policy; /* "never", "once", "always"; "never", "always", "cached" */
};
bool token_attested_read(struct arena *arena, struct view attestation, struct token_attested *ret);
/* The certificates of a record's attestation as PEM, one after the other. */
const char *token_attestation_pem(struct arena *arena, struct view attestation);

#endif
