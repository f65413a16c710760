/* HMAC and AES-CMAC, as signing and verifying operations of a session (signature.h). */
#ifndef SOFTTOKEN_MAC_H
#define SOFTTOKEN_MAC_H

#include "signature.h"

bool mac_is(const struct mechanism *mechanism);
/* The length that a ..._GENERAL mechanism is to give: CKR_MECHANISM_PARAM_INVALID. */
CK_RV mac_read_params(const struct mechanism *mechanism, const CK_MECHANISM *given,
                      struct signature_params *ret_params) MUST_USE;
/* Sets op->mac and op->signature_len. CKR_KEY_SIZE_RANGE. */
CK_RV mac_prepare(struct signature_op *op) MUST_USE;
/* From the beginning, with the same key. */
CK_RV mac_restart(struct signature_op *op) MUST_USE;
CK_RV mac_update(struct signature_op *op, const uint8_t *part, size_t len) MUST_USE;
/* Writes op->signature_len octets. */
CK_RV mac_finish(struct signature_op *op, const uint8_t *data, size_t len, uint8_t *ret_mac)
    MUST_USE;

#endif
