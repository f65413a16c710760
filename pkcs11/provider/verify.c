/* Verification: all of it is the default provider's. */
#include "provider/signature.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

void verify_reset(struct signature *s) {
    if (s->check != NULL)
        EVP_MD_CTX_free(s->check);
    else
        EVP_PKEY_CTX_free(s->check_ctx);
    s->check = NULL;
    s->check_ctx = NULL;
}

/* ---- shadows of a signature ------------------------------------------------------------------ */

static bool set_rsa(const struct signature *s, EVP_PKEY_CTX *ctx) {
    if (s->family != WIRE_RSA_PKCS1)
        return true;
    if (EVP_PKEY_CTX_set_rsa_padding(ctx, s->padding) != 1)
        return false;
    if (s->padding != RSA_PKCS1_PSS_PADDING)
        return true;
    return EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, s->mgf_md == NULL ? s->md : s->mgf_md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, signature_salt_length(s)) == 1;
}

static bool set_context(const struct signature *s, EVP_PKEY_CTX *ctx) {
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                             (void *)(uintptr_t)s->context,
                                                             s->context_len),
                           OSSL_PARAM_construct_end()};
    return s->context_len == 0 || EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

EVP_MD_CTX *signature_shadow(const struct signature *s, EVP_PKEY_CTX **ret_ctx) {
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *shadow = EVP_MD_CTX_new();
    const char *digest = s->md == NULL ? NULL : EVP_MD_get0_name(s->md);
    if (shadow != NULL &&
        EVP_DigestVerifyInit_ex(shadow, &ctx, digest, NULL, DEFAULT_QUERY,
                                remote_key_public(s->remote), NULL) == 1 &&
        set_rsa(s, ctx) && set_context(s, ctx)) {
        *ret_ctx = ctx;
        return shadow;
    }
    EVP_MD_CTX_free(shadow);
    return NULL;
}

static bool digest_is_right(const struct signature *s, struct view digest, struct view signature) {
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(NULL, remote_key_public(s->remote), DEFAULT_QUERY);
    bool right = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
                 (s->md == NULL || EVP_PKEY_CTX_set_signature_md(ctx, s->md) == 1) &&
                 set_rsa(s, ctx) &&
                 EVP_PKEY_verify(ctx, signature.at, signature.len, digest.at, digest.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return right;
}

bool signature_is_right(const struct signature *s, struct view data, struct view signature) {
    EVP_PKEY_CTX *ctx;
    ERR_set_mark();
    bool right = false;
    if (signs_message(s)) {
        EVP_MD_CTX *shadow = signature_shadow(s, &ctx);
        right = shadow != NULL &&
                EVP_DigestVerify(shadow, signature.at, signature.len, data.at, data.len) == 1;
        EVP_MD_CTX_free(shadow);
    } else {
        right = digest_is_right(s, data, signature);
    }
    ERR_pop_to_mark();
    return right;
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool take_key(struct signature *s, void *data) {
    struct provider_key *key = data;
    verify_reset(s);
    if (key != NULL && key->remote != NULL) {
        remote_key_release(s->remote);
        s->remote = remote_key_reference(key->remote);
    }
    return s->remote != NULL;
}

int verify_init(void *context, void *key, const OSSL_PARAM params[]) {
    struct signature *s = context;
    if (!take_key(s, key))
        return 0;
    s->check_ctx = EVP_PKEY_CTX_new_from_pkey(NULL, remote_key_public(s->remote), DEFAULT_QUERY);
    return s->check_ctx != NULL && EVP_PKEY_verify_init_ex(s->check_ctx, params) == 1;
}

int verify(void *context, const unsigned char *signature, size_t signature_len,
           const unsigned char *data, size_t len) {
    struct signature *s = context;
    return s->check == NULL && s->check_ctx != NULL
               ? EVP_PKEY_verify(s->check_ctx, signature, signature_len, data, len)
               : 0;
}

int digest_verify_init(void *context, const char *digest, void *key, const OSSL_PARAM params[]) {
    struct signature *s = context;
    if (!take_key(s, key) || (s->check = EVP_MD_CTX_new()) == NULL)
        return 0;
    return EVP_DigestVerifyInit_ex(s->check, &s->check_ctx, digest, NULL, DEFAULT_QUERY,
                                   remote_key_public(s->remote), params);
}

int digest_verify_update(void *context, const unsigned char *data, size_t len) {
    struct signature *s = context;
    return s->check != NULL && EVP_DigestVerifyUpdate(s->check, data, len);
}

int digest_verify_final(void *context, const unsigned char *signature, size_t len) {
    struct signature *s = context;
    return s->check == NULL ? 0 : EVP_DigestVerifyFinal(s->check, signature, len);
}

int digest_verify(void *context, const unsigned char *signature, size_t signature_len,
                  const unsigned char *data, size_t len) {
    struct signature *s = context;
    return s->check == NULL ? 0 : EVP_DigestVerify(s->check, signature, signature_len, data, len);
}
