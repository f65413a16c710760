/* Making ciphers ready, and C_Encrypt... and C_Decrypt..., which differ in a flag. */
#include "cipher.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "session.h"

#define BLOCK 16

void cipher_op_drop(struct cipher_op *op) {
    EVP_CIPHER_CTX_free(op->ctx);
    EVP_PKEY_CTX_free(op->pctx);
    bytes_drop(&op->message);
    bytes_drop(&op->result);
    object_unref(op->key);
    *op = (struct cipher_op){0};
}

void cipher_end(struct cipher_op *op) {
    cipher_op_drop(op);
}

bool cipher_op_wants_login(const struct cipher_op *op) {
    return op->active && op->wants_login;
}

/* ---- making ready --------------------------------------------------------------------------- */

static CK_RV begin_gcm(struct cipher_op *op, const CK_MECHANISM *given, const struct bytes *key) {
    const EVP_CIPHER *cipher = module_cipher(CIPHER_GCM, key->len);
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_GCM_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_GCM_PARAMS *gcm = given->pParameter;
    /* Short tags are forged too easily; sp800-38d#5.2.1.2 has 96 to 128 bits for general use. */
    if (gcm->pIv == NULL || gcm->ulIvLen == 0 || gcm->ulIvLen > 128 || gcm->ulTagBits < 96 ||
        gcm->ulTagBits > 128 || gcm->ulTagBits % 8 != 0 || gcm->ulAADLen > MESSAGE_MAX ||
        (gcm->pAAD == NULL && gcm->ulAADLen > 0))
        return CKR_MECHANISM_PARAM_INVALID;
    int enc = op->encrypting ? 1 : 0, len;
    op->tag_len = gcm->ulTagBits / 8;
    if (EVP_CipherInit_ex2(op->ctx, cipher, NULL, NULL, enc, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(op->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)gcm->ulIvLen, NULL) != 1 ||
        EVP_CipherInit_ex2(op->ctx, NULL, key->at, gcm->pIv, enc, NULL) != 1)
        return CKR_MECHANISM_PARAM_INVALID;
    if (gcm->ulAADLen > 0 &&
        EVP_CipherUpdate(op->ctx, NULL, &len, gcm->pAAD, (int)gcm->ulAADLen) != 1)
        return CKR_FUNCTION_FAILED;
    return CKR_OK;
}

static CK_RV begin_cbc(struct cipher_op *op, const CK_MECHANISM *given, const struct bytes *key) {
    if (given->pParameter == NULL || given->ulParameterLen != BLOCK)
        return CKR_MECHANISM_PARAM_INVALID;
    if (EVP_CipherInit_ex2(op->ctx, module_cipher(CIPHER_CBC, key->len), key->at, given->pParameter,
                           op->encrypting ? 1 : 0, NULL) != 1)
        return CKR_FUNCTION_FAILED;
    (void)EVP_CIPHER_CTX_set_padding(op->ctx, op->mechanism->family == FAMILY_AES_CBC_PAD);
    return CKR_OK;
}

static CK_RV begin_ecb(struct cipher_op *op, const CK_MECHANISM *given, const struct bytes *key) {
    TRY(mechanism_no_parameter(given));
    if (EVP_CipherInit_ex2(op->ctx, module_cipher(CIPHER_ECB, key->len), key->at, NULL,
                           op->encrypting ? 1 : 0, NULL) != 1)
        return CKR_FUNCTION_FAILED;
    (void)EVP_CIPHER_CTX_set_padding(op->ctx, 0);
    return CKR_OK;
}

/* OpenSSL counts in all 128 bits: a shorter counter must not run over into what is beside it. */
static uint64_t counter_room(const CK_AES_CTR_PARAMS *ctr) {
    uint64_t low = 0;
    for (int i = 8; i < BLOCK; i++)
        low = low << 8 | ctr->cb[i];
    if (ctr->ulCounterBits >= 60)
        return UINT64_MAX; /* more than anybody encrypts with one key */
    uint64_t all = (uint64_t)1 << ctr->ulCounterBits;
    return (all - (low & (all - 1))) * BLOCK;
}

static CK_RV begin_ctr(struct cipher_op *op, const CK_MECHANISM *given, const struct bytes *key) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_AES_CTR_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    const CK_AES_CTR_PARAMS *ctr = given->pParameter;
    if (ctr->ulCounterBits == 0 || ctr->ulCounterBits > 128)
        return CKR_MECHANISM_PARAM_INVALID;
    op->counter_left = counter_room(ctr);
    if (EVP_CipherInit_ex2(op->ctx, module_cipher(CIPHER_CTR, key->len), key->at, ctr->cb,
                           op->encrypting ? 1 : 0, NULL) != 1)
        return CKR_FUNCTION_FAILED;
    return CKR_OK;
}

static CK_RV begin_aes(struct cipher_op *op, const CK_MECHANISM *given) {
    const struct bytes *key;
    TRY(object_secret(op->key, &key));
    op->ctx = EVP_CIPHER_CTX_new();
    if (op->ctx == NULL)
        return CKR_HOST_MEMORY;
    if (module_cipher(CIPHER_CBC, key->len) == NULL)
        return CKR_KEY_SIZE_RANGE;
    switch (op->mechanism->family) {
    case FAMILY_AES_GCM:
        return begin_gcm(op, given, key);
    case FAMILY_AES_ECB:
        return begin_ecb(op, given, key);
    case FAMILY_AES_CTR:
        return begin_ctr(op, given, key);
    default:
        return begin_cbc(op, given, key);
    }
}

CK_RV oaep_configure(EVP_PKEY_CTX *pctx, const CK_RSA_PKCS_OAEP_PARAMS *oaep) {
    enum digest_id hash = digest_by_mechanism(oaep->hashAlg), mgf = digest_by_mgf(oaep->mgf);
    bool labelled = oaep->source == CKZ_DATA_SPECIFIED && oaep->ulSourceDataLen > 0;
    if (hash == DIGEST_NONE || mgf == DIGEST_NONE ||
        (oaep->source != CKZ_DATA_SPECIFIED && oaep->ulSourceDataLen > 0) ||
        (labelled && (oaep->pSourceData == NULL || oaep->ulSourceDataLen > 65536)))
        return CKR_MECHANISM_PARAM_INVALID;
    if (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(pctx, module_digest(hash)) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, module_digest(mgf)) != 1)
        return CKR_MECHANISM_PARAM_INVALID;
    if (!labelled)
        return CKR_OK;
    void *label = OPENSSL_memdup(oaep->pSourceData, oaep->ulSourceDataLen);
    if (label == NULL)
        return CKR_HOST_MEMORY;
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(pctx, label, (int)oaep->ulSourceDataLen) != 1) {
        OPENSSL_free(label);
        return CKR_MECHANISM_PARAM_INVALID;
    }
    return CKR_OK;
}

static CK_RV begin_oaep(struct cipher_op *op, const CK_MECHANISM *given) {
    if (given->pParameter == NULL || given->ulParameterLen != sizeof(CK_RSA_PKCS_OAEP_PARAMS))
        return CKR_MECHANISM_PARAM_INVALID;
    return oaep_configure(op->pctx, given->pParameter);
}

static CK_RV begin_rsa(struct cipher_op *op, const CK_MECHANISM *given) {
    EVP_PKEY *pkey;
    TRY(object_pkey(op->key, &pkey));
    op->rsa_len = (size_t)EVP_PKEY_get_size(pkey);
    op->pctx = EVP_PKEY_CTX_new_from_pkey(module.libctx, pkey, NULL);
    if (op->pctx == NULL)
        return CKR_HOST_MEMORY;
    if ((op->encrypting ? EVP_PKEY_encrypt_init(op->pctx) : EVP_PKEY_decrypt_init(op->pctx)) != 1)
        return CKR_FUNCTION_FAILED;
    if (op->mechanism->family == FAMILY_RSA_OAEP)
        return begin_oaep(op, given);
    TRY(mechanism_no_parameter(given));
    /* PKCS #1 v1.5: OpenSSL answers a bad padding with random text instead of an error (implicit
     * rejection), so decryption here is no oracle. */
    int padding = op->mechanism->family == FAMILY_RSA_PKCS ? RSA_PKCS1_PADDING : RSA_NO_PADDING;
    return EVP_PKEY_CTX_set_rsa_padding(op->pctx, padding) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV cipher_begin(struct cipher_op *op, const CK_MECHANISM *given, struct object *key,
                   bool encrypting) {
    const struct mechanism *mechanism;
    TRY(mechanism_find(given->mechanism, encrypting ? CKF_ENCRYPT : CKF_DECRYPT, &mechanism));
    TRY(mechanism_permitted(mechanism, key, encrypting ? CKA_ENCRYPT : CKA_DECRYPT));
    *op = (struct cipher_op){
        .encrypting = encrypting,
        .mechanism = mechanism,
        .key = object_ref(key),
        .wants_login = !encrypting && attributes_bool(&key->attrs, CKA_ALWAYS_AUTHENTICATE),
    };
    CK_RV rv = mechanism->key_type == CKK_RSA ? begin_rsa(op, given) : begin_aes(op, given);
    if (rv == CKR_OK)
        op->active = true;
    else
        cipher_op_drop(op);
    return rv;
}

/* ---- RSA: one part, whose result may be shorter than the key --------------------------------- */

static CK_RV rsa_result(struct cipher_op *op, const uint8_t *data, size_t len) {
    uint8_t padded[1024] = {0};
    size_t out_len = op->rsa_len;
    CK_RV range = op->encrypting ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    if (len > op->rsa_len || op->rsa_len > sizeof padded || (!op->encrypting && len != op->rsa_len))
        return range;
    if (op->mechanism->family == FAMILY_RSA_RAW) {
        memcpy(padded + op->rsa_len - len, data, len);
        data = padded;
        len = op->rsa_len;
    }
    TRY(bytes_reserve(&op->result, out_len));
    int done = op->encrypting ? EVP_PKEY_encrypt(op->pctx, op->result.at, &out_len, data, len)
                              : EVP_PKEY_decrypt(op->pctx, op->result.at, &out_len, data, len);
    OPENSSL_cleanse(padded, sizeof padded);
    ERR_clear_error();
    if (done != 1)
        return op->encrypting ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_INVALID;
    op->result.len = out_len;
    return CKR_OK;
}

/* ---- AES ------------------------------------------------------------------------------------ */

/* What a call to EVP_CipherUpdate with `len` more octets will give. */
static size_t update_size(const struct cipher_op *op, size_t len) {
    size_t total = op->held + len;
    if (op->mechanism->family == FAMILY_AES_GCM)
        return op->encrypting ? len : 0;
    if (op->mechanism->family == FAMILY_AES_CTR)
        return len;
    if (!op->encrypting && op->mechanism->family == FAMILY_AES_CBC_PAD)
        return total == 0 ? 0 : (total - 1) / BLOCK * BLOCK; /* the last block may be padding */
    return total / BLOCK * BLOCK;
}

static CK_RV aes_update(struct cipher_op *op, const uint8_t *part, size_t len, struct bytes *out) {
    if (op->mechanism->family == FAMILY_AES_GCM && !op->encrypting) {
        if (len > MESSAGE_MAX - op->message.len)
            return CKR_ENCRYPTED_DATA_LEN_RANGE;
        return bytes_append(&op->message, part, len);
    }
    size_t size = update_size(op, len);
    int written = 0;
    if (len > MESSAGE_MAX || (op->mechanism->family == FAMILY_AES_CTR && len > op->counter_left))
        return CKR_DATA_LEN_RANGE;
    op->counter_left -= op->mechanism->family == FAMILY_AES_CTR ? len : 0;
    TRY(bytes_reserve(out, size + BLOCK));
    if (len > 0 && EVP_CipherUpdate(op->ctx, out->at + out->len, &written, part, (int)len) != 1)
        return CKR_FUNCTION_FAILED;
    op->held = op->held + len - (size_t)written;
    out->len += (size_t)written;
    return CKR_OK;
}

static CK_RV gcm_open(struct cipher_op *op, struct bytes *out) {
    int len = 0, rest = 0;
    if (op->message.len < op->tag_len)
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    size_t text = op->message.len - op->tag_len;
    TRY(bytes_reserve(out, text + BLOCK));
    bool done =
        (text == 0 || EVP_CipherUpdate(op->ctx, out->at, &len, op->message.at, (int)text) == 1) &&
        EVP_CIPHER_CTX_ctrl(op->ctx, EVP_CTRL_AEAD_SET_TAG, (int)op->tag_len,
                            op->message.at + text) == 1 &&
        EVP_CipherFinal_ex(op->ctx, out->at + len, &rest) == 1;
    out->len = text;
    if (!done) {
        bytes_clear(out);
        ERR_clear_error();
        return CKR_AEAD_DECRYPT_FAILED;
    }
    return CKR_OK;
}

static CK_RV aes_final(struct cipher_op *op, struct bytes *out) {
    int written = 0;
    if (op->mechanism->family == FAMILY_AES_GCM && !op->encrypting)
        return gcm_open(op, out);
    TRY(bytes_reserve(out, BLOCK));
    if (EVP_CipherFinal_ex(op->ctx, out->at + out->len, &written) != 1) {
        ERR_clear_error();
        if (op->encrypting)
            return CKR_DATA_LEN_RANGE; /* CBC without padding: not whole blocks */
        return op->held % BLOCK != 0 ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_INVALID;
    }
    out->len += (size_t)written;
    if (op->mechanism->family != FAMILY_AES_GCM)
        return CKR_OK;
    TRY(bytes_reserve(out, op->tag_len));
    if (EVP_CIPHER_CTX_ctrl(op->ctx, EVP_CTRL_AEAD_GET_TAG, (int)op->tag_len, out->at + out->len) !=
        1)
        return CKR_FUNCTION_FAILED;
    out->len += op->tag_len;
    return CKR_OK;
}

/* ---- the calls ------------------------------------------------------------------------------ */

static CK_RV init(CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key_of,
                  bool encrypting) {
    AUTO(session) struct session *session = NULL;
    AUTO(object) struct object *key = NULL;
    TRY(session_get(handle, &session));
    struct cipher_op *op = encrypting ? &session->encrypt : &session->decrypt;
    if (mechanism == NULL) {
        cipher_end(op);
        return CKR_OK;
    }
    if (op->active)
        return CKR_OPERATION_ACTIVE;
    if (session_object(session, key_of, &key) != CKR_OK)
        return CKR_KEY_HANDLE_INVALID;
    return cipher_begin(op, mechanism, key, encrypting);
}

/* False: no answer to this length, not even to the question how long it would be. */
static bool whole_blocks(const struct cipher_op *op, size_t len) {
    bool padded = op->mechanism->family == FAMILY_AES_CBC_PAD && op->encrypting;
    bool blocks = op->mechanism->family == FAMILY_AES_CBC || op->mechanism->family == FAMILY_AES_ECB ||
                  op->mechanism->family == FAMILY_AES_CBC_PAD;
    return !blocks || padded || len % BLOCK == 0;
}

/* Upper bound of a one-part result, from lengths alone. */
static size_t whole_size(const struct cipher_op *op, size_t len) {
    switch (op->mechanism->family) {
    case FAMILY_AES_GCM:
        if (op->encrypting)
            return len + op->tag_len;
        return len < op->tag_len ? 0 : len - op->tag_len;
    case FAMILY_AES_CBC:
    case FAMILY_AES_ECB:
    case FAMILY_AES_CTR:
        return len;
    case FAMILY_AES_CBC_PAD:
        return op->encrypting ? (len / BLOCK + 1) * BLOCK : len;
    default:
        return op->rsa_len;
    }
}

/* Gives `result` out, or says how much room it needs and keeps it. */
static CK_RV deliver(struct cipher_op *op, CK_BYTE *out, CK_ULONG *out_len) {
    CK_ULONG room = *out_len;
    *out_len = op->result.len;
    op->finished = true;
    if (out == NULL)
        return CKR_OK;
    if (room < op->result.len)
        return CKR_BUFFER_TOO_SMALL;
    if (op->result.len > 0)
        memcpy(out, op->result.at, op->result.len);
    cipher_end(op);
    return CKR_OK;
}

static CK_RV compute(struct cipher_op *op, const CK_BYTE *in, CK_ULONG in_len) {
    if (op->wants_login && !op->authenticated)
        return CKR_USER_NOT_LOGGED_IN;
    if (op->mechanism->key_type == CKK_RSA)
        return rsa_result(op, in, in_len);
    TRY(aes_update(op, in, in_len, &op->result));
    return aes_final(op, &op->result);
}

static CK_RV whole(CK_SESSION_HANDLE handle, bool encrypting, const CK_BYTE *in, CK_ULONG in_len,
                   CK_BYTE *out, CK_ULONG *out_len) {
    AUTO(session) struct session *session = NULL;
    TRY(session_get(handle, &session));
    struct cipher_op *op = encrypting ? &session->encrypt : &session->decrypt;
    if (!op->active || op->multipart)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (out_len == NULL || (in == NULL && in_len > 0) || in_len > MESSAGE_MAX) {
        cipher_end(op);
        return in_len > MESSAGE_MAX ? CKR_DATA_LEN_RANGE : CKR_ARGUMENTS_BAD;
    }
    if (op->finished)
        return deliver(op, out, out_len);
    if (!whole_blocks(op, in_len)) {
        cipher_end(op);
        return encrypting ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    if (out == NULL) {
        *out_len = whole_size(op, in_len);
        return CKR_OK;
    }
    CK_RV rv = compute(op, in, in_len);
    if (rv != CKR_OK) {
        cipher_end(op);
        return rv;
    }
    return deliver(op, out, out_len);
}

static CK_RV update(CK_SESSION_HANDLE handle, bool encrypting, const CK_BYTE *in, CK_ULONG in_len,
                    CK_BYTE *out, CK_ULONG *out_len) {
    AUTO(session) struct session *session = NULL;
    AUTO(bytes) struct bytes result = {0};
    TRY(session_get(handle, &session));
    struct cipher_op *op = encrypting ? &session->encrypt : &session->decrypt;
    if (!op->active || op->finished)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = CKR_OK;
    if (out_len == NULL || (in == NULL && in_len > 0))
        rv = CKR_ARGUMENTS_BAD;
    else if (op->mechanism->key_type == CKK_RSA) /* single-part mechanisms */
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    if (rv == CKR_OK) {
        CK_ULONG room = *out_len;
        *out_len = update_size(op, in_len);
        if (out == NULL)
            return CKR_OK;
        if (room < *out_len)
            return CKR_BUFFER_TOO_SMALL;
        op->multipart = true;
        rv = aes_update(op, in, in_len, &result);
    }
    if (rv != CKR_OK) {
        cipher_end(op);
        return rv;
    }
    *out_len = result.len;
    if (result.len > 0)
        memcpy(out, result.at, result.len);
    return CKR_OK;
}

static CK_RV final(CK_SESSION_HANDLE handle, bool encrypting, CK_BYTE *out, CK_ULONG *out_len) {
    AUTO(session) struct session *session = NULL;
    TRY(session_get(handle, &session));
    struct cipher_op *op = encrypting ? &session->encrypt : &session->decrypt;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = CKR_OK;
    if (out_len == NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if (op->mechanism->key_type == CKK_RSA)
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    else if (!op->finished)
        rv = aes_final(op, &op->result);
    if (rv != CKR_OK) {
        cipher_end(op);
        return rv;
    }
    return deliver(op, out, out_len);
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
    REQUIRE_READY();
    return init(hSession, pMechanism, hKey, true);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen,
                CK_BYTE *pEncryptedData, CK_ULONG *pulEncryptedDataLen) {
    REQUIRE_READY();
    return whole(hSession, true, pData, ulDataLen, pEncryptedData, pulEncryptedDataLen);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen,
                      CK_BYTE *pEncryptedPart, CK_ULONG *pulEncryptedPartLen) {
    REQUIRE_READY();
    return update(hSession, true, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pLastEncryptedPart,
                     CK_ULONG *pulLastEncryptedPartLen) {
    REQUIRE_READY();
    return final(hSession, true, pLastEncryptedPart, pulLastEncryptedPartLen);
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
    REQUIRE_READY();
    return init(hSession, pMechanism, hKey, false);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE hSession, CK_BYTE *pEncryptedData, CK_ULONG ulEncryptedDataLen,
                CK_BYTE *pData, CK_ULONG *pulDataLen) {
    REQUIRE_READY();
    return whole(hSession, false, pEncryptedData, ulEncryptedDataLen, pData, pulDataLen);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pEncryptedPart,
                      CK_ULONG ulEncryptedPartLen, CK_BYTE *pPart, CK_ULONG *pulPartLen) {
    REQUIRE_READY();
    return update(hSession, false, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pLastPart, CK_ULONG *pulLastPartLen) {
    REQUIRE_READY();
    return final(hSession, false, pLastPart, pulLastPartLen);
}
