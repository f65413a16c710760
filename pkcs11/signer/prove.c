/* Does this private key object belong to that public key? A key wrap binds no identity, so a blob
 * that was swapped in the database would unwrap as well as the right one. */
#include "signer/handles.h"
#include "signer/managed.h"
#include "signer/operate.h"

#include "base/clock.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <string.h>

#define PROBE_SIZE 32

static bool mismatch(struct error *err) {
    fail_internal(NULL, "empties the error queue");
    return fail(
        err, ERROR_CONFLICT, "key-mismatch",
        "The private key does not belong to the public key that is stored with it; restore the "
        "row from a backup.");
}

struct sign_terms proof_terms(const struct key_type *type, struct view probe) {
    struct sign_terms terms = {.data = probe};
    switch (type->ckk) {
    case CKK_RSA:
        terms.scheme = WIRE_RSA_PKCS1;
        terms.digest = WIRE_SHA256;
        break;
    case CKK_EC:
        terms.scheme = WIRE_ECDSA;
        break;
    case CKK_EC_EDWARDS:
        terms.scheme = WIRE_EDDSA;
        break;
    default:
        terms.scheme = type->ckk == CKK_ML_DSA ? WIRE_ML_DSA : WIRE_SLH_DSA;
    }
    return terms;
}

bool proof_verify(const struct key_type *type, EVP_PKEY *public_key, struct view probe,
                   struct view signature) {
    if (type->ckk == CKK_RSA || type->ckk == CKK_EC) {
        AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, public_key, "provider=default");
        return ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
               (type->ckk == CKK_EC || EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1) &&
               EVP_PKEY_verify(ctx, signature.at, signature.len, probe.at, probe.len) == 1;
    }
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    return ctx != NULL &&
           EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, "provider=default", public_key, NULL) ==
               1 &&
           EVP_DigestVerify(ctx, signature.at, signature.len, probe.at, probe.len) == 1;
}

static bool prove_by_signature(struct task *task, const struct use *use, const struct proof *proof,
                               uint8_t *out, struct error *err) {
    uint8_t probe[PROBE_SIZE];
    struct operation operation;
    size_t len = 0;
    random_bytes(probe, sizeof probe);
    struct view data = view_of(probe, sizeof probe);
    struct sign_terms terms = proof_terms(proof->type, data);
    TRY(operation_sign(proof->type, &terms, &operation, err));
    CK_RV rv = use_sign(use, proof->type, &operation, out, &len);
    if (rv == CKR_SIGNATURE_LEN_RANGE || rv == CKR_KEY_TYPE_INCONSISTENT)
        return mismatch(err); /* a key of another type or size */
    if (rv != CKR_OK)
        return task_fail(task, "test signature", rv, err);
    return proof_verify(proof->type, proof->public_key, data, view_of(out, len)) ? true : mismatch(err);
}

static bool encrypt_probe(EVP_PKEY *public_key, const uint8_t probe[static PROBE_SIZE],
                          uint8_t *out, size_t *len) {
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, public_key, "provider=default");
    return ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_encrypt(ctx, out, len, probe, PROBE_SIZE) == 1;
}

static bool prove_by_decryption(struct task *task, const struct use *use, const struct proof *proof,
                                uint8_t *out, struct error *err) {
    uint8_t probe[PROBE_SIZE], cipher[1024];
    size_t cipher_len = sizeof cipher, len = 0;
    struct operation operation;
    random_bytes(probe, sizeof probe);
    if (!encrypt_probe(proof->public_key, probe, cipher, &cipher_len))
        return fail_internal(err, "test encryption");
    struct decrypt_terms terms = {.scheme = WIRE_RSA_PKCS1, .data = view_of(cipher, cipher_len)};
    TRY(operation_decrypt(proof->type, &terms, &operation, err));
    CK_RV rv = use_decrypt(use, &operation, out, &len);
    if (rv == CKR_OK && len == sizeof probe && memcmp(out, probe, len) == 0)
        return true;
    if (rv == CKR_OK || ckr_next(rv) == NEXT_FAIL)
        return mismatch(err);
    return task_fail(task, "test decryption", rv, err);
}

bool key_prove(struct task *task, CK_OBJECT_HANDLE object, const struct proof *proof,
               struct error *err) {
    struct wire_buffer scratch = {0};
    struct use use = {.token = task->token, .session = task->session.handle, .object = object};
    wire_buffer_reserve(&scratch, RESULT_MAX);
    bool done = (proof->purpose & PURPOSE_SIGN) != 0
                    ? prove_by_signature(task, &use, proof, scratch.at, err)
                    : prove_by_decryption(task, &use, proof, scratch.at, err);
    wire_buffer_free(&scratch);
    return done;
}
