#include "signer/operate.h"

#include "signer/key.h"

#include <string.h>

#define ORDER_MAX 72 /* octets of the largest order */

static CK_BYTE *input_of(const struct operation *operation) {
    static CK_BYTE nothing[1]; /* some modules refuse a NULL pointer even for an empty message */
    return operation->input.len == 0 ? nothing : (CK_BYTE *)(uintptr_t)operation->input.at;
}

static CK_RV log_in_for_use(const struct use *use) {
    char *pin;
    if (!use->always_authenticate)
        return CKR_OK;
    if (!token_pin(use->token, &pin, NULL)) {
        if (!use->token->has_pad)
            return CKR_USER_NOT_LOGGED_IN;
        return use->token->module->f->C_Login(use->session, CKU_CONTEXT_SPECIFIC, NULL, 0);
    }
    CK_RV rv = use->token->module->f->C_Login(use->session, CKU_CONTEXT_SPECIFIC,
                                              (CK_UTF8CHAR *)pin, strlen(pin));
    token_pin_free(pin);
    return rv;
}

/* Adds an INTEGER of these octets, unsigned, in the fewest (X.690 8.3.2). */
static uint8_t *put_integer(uint8_t *out, const uint8_t *octets, size_t len) {
    while (len > 1 && octets[0] == 0) {
        octets++;
        len--;
    }
    size_t sign = (octets[0] & 0x80) != 0;
    *out++ = 0x02;
    *out++ = (uint8_t)(len + sign);
    if (sign > 0)
        *out++ = 0;
    memcpy(out, octets, len);
    return out + len;
}

/* PKCS#11 gives r and s side by side; X.509 wants rfc3279#2.2.3's SEQUENCE. P-521 has 66 octets each, so that the
 * length takes one octet or two. */
static void ecdsa_to_der(uint8_t *out, size_t *len) {
    uint8_t body[2 * (ORDER_MAX + 3)], *end = body;
    size_t half = *len / 2;
    end = put_integer(end, out, half);
    end = put_integer(end, out + half, half);
    size_t body_len = (size_t)(end - body);
    *out++ = 0x30;
    if (body_len > 127)
        *out++ = 0x81;
    *out++ = (uint8_t)body_len;
    memcpy(out, body, body_len);
    *len = body_len + (body_len > 127 ? 3 : 2);
}

CK_RV use_sign(const struct use *use, const struct key_type *type, struct operation *operation,
               uint8_t *out, size_t *ret_len) {
    const CK_FUNCTION_LIST *f = use->token->module->f;
    CK_ULONG len = RESULT_MAX;
    CK_RV rv = f->C_SignInit(use->session, &operation->mechanism, use->object);
    if (rv == CKR_OK)
        rv = log_in_for_use(use);
    if (rv == CKR_OK)
        rv = f->C_Sign(use->session, input_of(operation), operation->input.len, out, &len);
    if (rv != CKR_OK)
        return rv;
    *ret_len = len;
    if (type->ckk != CKK_EC)
        return CKR_OK;
    if (len != 2 * type->order_size || type->order_size > ORDER_MAX)
        return CKR_SIGNATURE_LEN_RANGE;
    ecdsa_to_der(out, ret_len);
    return CKR_OK;
}

CK_RV use_decrypt(const struct use *use, struct operation *operation, uint8_t *out,
                  size_t *ret_len) {
    const CK_FUNCTION_LIST *f = use->token->module->f;
    CK_ULONG len = RESULT_MAX;
    CK_RV rv = f->C_DecryptInit(use->session, &operation->mechanism, use->object);
    if (rv == CKR_OK)
        rv = log_in_for_use(use);
    if (rv == CKR_OK)
        rv = f->C_Decrypt(use->session, input_of(operation), operation->input.len, out, &len);
    if (rv == CKR_OK)
        *ret_len = len;
    return rv;
}

/* ---- with a key ------------------------------------------------------------------------------ */

/* One signature or decryption with a key, which may take two attempts. */
struct run {
    struct key *key;
    bool sign;
    struct operation *operation;
    uint8_t *out;
    size_t len;
    /* of the last attempt */
    uint64_t generation;
    CK_RV rv; /* CKR_OK after a failure: the error is final */
};

static bool attempt(struct run *run, struct error *err) {
    struct key *key = run->key;
    struct session session;
    struct use use = {.token = key->token};
    run->rv = CKR_OK;
    TRY(key_object(key, &use.object, &run->generation, err));
    TRY(token_take(key->token, &session, err));
    use.session = session.handle;
    use.always_authenticate = key->always_authenticate;
    if (session.generation != run->generation) /* lost between the two lines above */
        run->rv = CKR_SESSION_HANDLE_INVALID;
    else if (run->sign)
        run->rv = use_sign(&use, key->type, run->operation, run->out, &run->len);
    else
        run->rv = use_decrypt(&use, run->operation, run->out, &run->len);
    token_give(key->token, session, run->rv);
    if (run->rv == CKR_OBJECT_HANDLE_INVALID || run->rv == CKR_KEY_HANDLE_INVALID)
        key_forget_object(key, use.object);
    return run->rv == CKR_OK;
}

static bool operate(struct key *key, bool sign, struct operation *operation,
                    struct wire_buffer *scratch, struct view *ret_result, struct error *err) {
    scratch->len = 0;
    wire_buffer_reserve(scratch, RESULT_MAX);
    struct run run = {.key = key, .sign = sign, .operation = operation, .out = scratch->at};
    for (int tries = 0; !attempt(&run, err); tries++) {
        if (run.rv == CKR_OK)
            return false;
        if (tries > 0 || !token_recover(key->token, run.rv, run.generation))
            return ckr_fail(err, key->token->label, sign ? "C_Sign" : "C_Decrypt", run.rv);
    }
    *ret_result = view_of(run.out, run.len);
    return true;
}

static bool check_purpose(const struct key *key, unsigned purpose, struct error *err) {
    if ((key->purpose & purpose) != 0)
        return true;
    return fail(err, ERROR_POLICY, "key-unfit", "The key was loaded for %s only.",
                purpose == PURPOSE_SIGN ? "decryption" : "signing");
}

bool key_sign(struct key *key, const struct sign_terms *terms, struct wire_buffer *scratch,
              struct view *ret_signature, struct error *err) {
    struct operation operation;
    TRY(check_purpose(key, PURPOSE_SIGN, err));
    TRY(operation_sign(key->type, terms, &operation, err));
    return operate(key, true, &operation, scratch, ret_signature, err);
}

bool key_decrypt(struct key *key, const struct decrypt_terms *terms, struct wire_buffer *scratch,
                 struct view *ret_plain, struct error *err) {
    struct operation operation;
    TRY(check_purpose(key, PURPOSE_DECRYPT, err));
    TRY(operation_decrypt(key->type, terms, &operation, err));
    if (operate(key, false, &operation, scratch, ret_plain, err))
        return true;
    /* What the padding looked like is nobody's business (Bleichenbacher, Manger): only an
     * unreachable token is told apart from data that cannot be decrypted. */
    if (err != NULL && (err->kind != ERROR_UNAVAILABLE || strcmp(err->type, "token-failed") == 0))
        fail(err, ERROR_MALFORMED, "decryption-failed",
             "The data cannot be decrypted by this key.");
    return false;
}
