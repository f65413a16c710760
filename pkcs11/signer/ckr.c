#include "signer/ckr.h"

#include <stddef.h>

#define GONE "it is not reachable: check that it is plugged in and powered"
#define LOST "its session was lost and could not be opened again"
#define UNFIT "it refuses this key or operation: the log names the reason"

#define ROW(rv, next, kind, type, text)                                                            \
    { rv, #rv, next, kind, type, text }

static const struct ckr_meaning meanings[] = {
    ROW(CKR_SESSION_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", LOST),
    ROW(CKR_SESSION_CLOSED, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", LOST),
    /* handles die with the session that made them */
    ROW(CKR_OBJECT_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", LOST),
    ROW(CKR_KEY_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", LOST),
    ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable",
        LOST),
    ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", LOST),
    ROW(CKR_DEVICE_REMOVED, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", GONE),
    ROW(CKR_TOKEN_NOT_PRESENT, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", GONE),
    ROW(CKR_SLOT_ID_INVALID, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-unreachable", GONE),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, NEXT_FAIL, ERROR_UNAVAILABLE, "token-unreachable", GONE),
    ROW(CKR_GENERAL_ERROR, NEXT_SUSPECT, ERROR_UNAVAILABLE, "token-failed",
        "it reported a general error"),
    ROW(CKR_FUNCTION_FAILED, NEXT_SUSPECT, ERROR_UNAVAILABLE, "token-failed",
        "it reported a general error"),
    ROW(CKR_DEVICE_ERROR, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-failed",
        "it reported a fault of the device"),
    ROW(CKR_DEVICE_MEMORY, NEXT_FAIL, ERROR_UNAVAILABLE, "token-full",
        "it has no room left; delete objects that are not needed"),
    ROW(CKR_HOST_MEMORY, NEXT_FAIL, ERROR_UNAVAILABLE, "token-failed", "its module has no memory"),
    ROW(CKR_SESSION_COUNT, NEXT_FAIL, ERROR_UNAVAILABLE, "token-busy", "it has no free session"),
    ROW(CKR_OPERATION_ACTIVE, NEXT_REOPEN, ERROR_UNAVAILABLE, "token-busy",
        "another operation holds its session"),
    ROW(CKR_USER_NOT_LOGGED_IN, NEXT_LOGIN, ERROR_UNAVAILABLE, "token-locked",
        "nobody is logged in: give the signer its PIN"),
    ROW(CKR_PIN_INCORRECT, NEXT_STOP, ERROR_FORBIDDEN, "pin-refused",
        "the PIN is wrong; it is not tried again until it changes"),
    ROW(CKR_PIN_INVALID, NEXT_STOP, ERROR_FORBIDDEN, "pin-refused",
        "the PIN has characters that it does not take"),
    ROW(CKR_PIN_LEN_RANGE, NEXT_STOP, ERROR_FORBIDDEN, "pin-refused",
        "the PIN is too short or too long"),
    ROW(CKR_PIN_EXPIRED, NEXT_STOP, ERROR_FORBIDDEN, "pin-refused",
        "the PIN has expired: change it with the vendor's tool"),
    ROW(CKR_PIN_LOCKED, NEXT_STOP, ERROR_UNAVAILABLE, "pin-locked",
        "the PIN is locked: unlock it with the SO PIN or PUK"),
    ROW(CKR_PIN_TOO_WEAK, NEXT_STOP, ERROR_POLICY, "pin-refused", "the PIN is too weak for it"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, NEXT_STOP, ERROR_UNAVAILABLE, "token-locked",
        "it has no user PIN yet: run gatehouse-signer --init"),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, NEXT_STOP, ERROR_UNAVAILABLE, "token-locked",
        "another user is logged in"),
    ROW(CKR_USER_TOO_MANY_TYPES, NEXT_STOP, ERROR_UNAVAILABLE, "token-locked",
        "another user is logged in"),
    ROW(CKR_MECHANISM_INVALID, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "it cannot do this algorithm: choose another key type or token"),
    ROW(CKR_MECHANISM_PARAM_INVALID, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "it cannot do this algorithm with these parameters"),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "its module does not have this function"),
    ROW(CKR_CURVE_NOT_SUPPORTED, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "it cannot do this curve"),
    ROW(CKR_DOMAIN_PARAMS_INVALID, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "it cannot do this curve"),
    ROW(CKR_PARAMETER_SET_NOT_SUPPORTED, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "it cannot do this parameter set"),
    ROW(CKR_KEY_SIZE_RANGE, NEXT_FAIL, ERROR_POLICY, "token-cannot",
        "it cannot do keys of this size"),
    ROW(CKR_KEY_TYPE_INCONSISTENT, NEXT_FAIL, ERROR_POLICY, "key-unfit",
        "the key is of another type than the operation needs"),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, NEXT_FAIL, ERROR_POLICY, "key-unfit",
        "the key is not made for this operation"),
    ROW(CKR_DATA_INVALID, NEXT_FAIL, ERROR_MALFORMED, "bad-data", UNFIT),
    ROW(CKR_DATA_LEN_RANGE, NEXT_FAIL, ERROR_MALFORMED, "bad-data",
        "the data are too long for this key"),
    /* one text for every way a decryption fails: which one it was would be an oracle */
    ROW(CKR_ENCRYPTED_DATA_INVALID, NEXT_FAIL, ERROR_MALFORMED, "decryption-failed",
        "the data cannot be decrypted"),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, NEXT_FAIL, ERROR_MALFORMED, "decryption-failed",
        "the data cannot be decrypted"),
    ROW(CKR_WRAPPED_KEY_INVALID, NEXT_FAIL, ERROR_CONFLICT, "key-not-unwrapped",
        "the wrapped key is damaged, or was wrapped by another key-encryption key"),
    ROW(CKR_WRAPPED_KEY_LEN_RANGE, NEXT_FAIL, ERROR_CONFLICT, "key-not-unwrapped",
        "the wrapped key is damaged, or was wrapped by another key-encryption key"),
    ROW(CKR_TOKEN_WRITE_PROTECTED, NEXT_FAIL, ERROR_CONFLICT, "token-read-only",
        "it is write-protected"),
    ROW(CKR_ATTRIBUTE_SENSITIVE, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_TEMPLATE_INCONSISTENT, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_TEMPLATE_INCOMPLETE, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_KEY_UNEXTRACTABLE, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_KEY_NOT_WRAPPABLE, NEXT_FAIL, ERROR_POLICY, "token-cannot", UNFIT),
    ROW(CKR_FUNCTION_CANCELED, NEXT_FAIL, ERROR_UNAVAILABLE, "token-cancelled",
        "the operation was cancelled at the token (no touch or PIN in time?)"),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, NEXT_STOP, ERROR_UNAVAILABLE, "token-failed",
        "its module is not started; restart the signer"),
};

static const struct ckr_meaning unknown = {0,
                                           "",
                                           NEXT_FAIL,
                                           ERROR_UNAVAILABLE,
                                           "token-failed",
                                           "it refused the operation; the log names its code"};

const struct ckr_meaning *ckr_meaning(CK_RV rv) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].rv == rv)
            return &meanings[i];
    return &unknown;
}

bool ckr_fail(struct error *err, const char *token, const char *call, CK_RV rv) {
    const struct ckr_meaning *m = ckr_meaning(rv);
    fail(err, m->kind, m->type, "Token \"%s\": %s.", token, m->text);
    error_detail(err, "%s: 0x%lx %s", call, rv, m->name);
    return false;
}
