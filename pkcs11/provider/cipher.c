/* RSA decryption: PKCS#1 v1.5 and OAEP. Encryption is the default provider's, with the public key.
 */
#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 1024

struct cipher {
    struct remote_key *remote;
    int padding; /* RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING */
    enum wire_digest digest, mgf_digest;
    uint8_t label[LABEL_MAX];
    size_t label_len;
};

static void *cipher_new(void *context) {
    struct cipher *c = must_alloc(sizeof *c);
    (void)context;
    c->padding = RSA_PKCS1_PADDING;
    c->digest = WIRE_SHA1; /* rfc8017#A.2.1 */
    return c;
}

static void cipher_free(void *context) {
    struct cipher *c = context;
    if (c == NULL)
        return;
    remote_key_release(c->remote);
    free(c);
}

static void *cipher_dup(void *context) {
    struct cipher *c = must_alloc(sizeof *c);
    *c = *(struct cipher *)context;
    if (c->remote != NULL)
        remote_key_reference(c->remote);
    return c;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static bool set_padding(struct cipher *c, const OSSL_PARAM *p) {
    int padding = 0;
    if (p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL)
        padding = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0 ? RSA_PKCS1_PADDING
                  : strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_OAEP) == 0  ? RSA_PKCS1_OAEP_PADDING
                                                                       : 0;
    else if (!OSSL_PARAM_get_int(p, &padding))
        return false;
    c->padding = padding;
    return padding == RSA_PKCS1_PADDING || padding == RSA_PKCS1_OAEP_PADDING;
}

static bool get_digest(const OSSL_PARAM *p, enum wire_digest *ret_digest) {
    char name[64], *at = name;
    EVP_MD *md = OSSL_PARAM_get_utf8_string(p, &at, sizeof name)
                     ? EVP_MD_fetch(NULL, name, DEFAULT_QUERY)
                     : NULL;
    if (md == NULL)
        return false;
    *ret_digest = wire_digest_by_name(EVP_MD_get0_name(md));
    EVP_MD_free(md);
    return *ret_digest != WIRE_DIGEST_NONE;
}

static bool set_label(struct cipher *c, const OSSL_PARAM *p) {
    void *at = c->label;
    return OSSL_PARAM_get_octet_string(p, &at, sizeof c->label, &c->label_len);
}

/* "implicit-rejection" is accepted either way: the token has it and tells nobody when it happened.
 * The TLS paddings of RSA key exchange are refused; TLS with forward secrecy does not need them. */
static int cipher_set_params(void *context, const OSSL_PARAM params[]) {
    struct cipher *c = context;
    const OSSL_PARAM *p;
    if (params == NULL)
        return 1;
    if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE)) != NULL &&
        !set_padding(c, p))
        return 0;
    if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST)) != NULL &&
        !get_digest(p, &c->digest))
        return 0;
    if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST)) != NULL &&
        !get_digest(p, &c->mgf_digest))
        return 0;
    if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL)) != NULL &&
        !set_label(c, p))
        return 0;
    return 1;
}

static const OSSL_PARAM *cipher_settable(void *context, void *provider) {
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION, NULL),
        OSSL_PARAM_END};
    (void)context, (void)provider;
    return params;
}

static bool put_padding(OSSL_PARAM *p, int padding) {
    if (p->data_type != OSSL_PARAM_UTF8_STRING)
        return OSSL_PARAM_set_int(p, padding);
    return OSSL_PARAM_set_utf8_string(p, padding == RSA_PKCS1_PADDING
                                             ? OSSL_PKEY_RSA_PAD_MODE_PKCSV15
                                             : OSSL_PKEY_RSA_PAD_MODE_OAEP);
}

static int cipher_get_params(void *context, OSSL_PARAM params[]) {
    struct cipher *c = context;
    OSSL_PARAM *p;
    enum wire_digest mgf = c->mgf_digest == WIRE_DIGEST_NONE ? c->digest : c->mgf_digest;
    if ((p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE)) != NULL &&
        !put_padding(p, c->padding))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST)) != NULL &&
        !OSSL_PARAM_set_utf8_string(p, wire_digest_info(c->digest)->name))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST)) != NULL &&
        !OSSL_PARAM_set_utf8_string(p, wire_digest_info(mgf)->name))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL)) != NULL &&
        !OSSL_PARAM_set_octet_ptr(p, c->label, c->label_len))
        return 0;
    return 1;
}

static const OSSL_PARAM *cipher_gettable(void *context, void *provider) {
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0), OSSL_PARAM_END};
    (void)context, (void)provider;
    return params;
}

/* ---- operations ------------------------------------------------------------------------------ */

static int cipher_init(void *context, void *data, const OSSL_PARAM params[]) {
    struct cipher *c = context;
    struct provider_key *key = data;
    if (key == NULL || key->remote == NULL)
        return 0;
    remote_key_release(c->remote);
    c->remote = remote_key_reference(key->remote);
    return cipher_set_params(c, params);
}

static int decrypt(void *context, unsigned char *out, size_t *len, size_t size,
                   const unsigned char *in, size_t in_len) {
    struct cipher *c = context;
    struct wire_request request = {.op = WIRE_DECRYPT};
    if (c->remote == NULL)
        return 0;
    size_t key_size = (size_t)EVP_PKEY_get_size(remote_key_public(c->remote));
    if (out == NULL) {
        *len = key_size;
        return 1;
    }
    if (in_len != key_size)
        return 0;
    request.decrypt.scheme = c->padding == RSA_PKCS1_PADDING ? WIRE_RSA_PKCS1 : WIRE_RSA_OAEP;
    request.decrypt.data = view_of(in, in_len);
    if (c->padding == RSA_PKCS1_OAEP_PADDING) {
        request.decrypt.digest = (uint8_t)c->digest;
        request.decrypt.mgf_digest = (uint8_t)c->mgf_digest;
        request.decrypt.label = view_of(c->label, c->label_len);
    }
    return remote_key_operate(c->remote, &request, out, len, size);
}

static bool set_oaep(const struct cipher *c, EVP_PKEY_CTX *ctx) {
    enum wire_digest mgf = c->mgf_digest == WIRE_DIGEST_NONE ? c->digest : c->mgf_digest;
    if (c->padding != RSA_PKCS1_OAEP_PADDING)
        return true;
    if (EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, wire_digest_info(c->digest)->name, NULL) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, wire_digest_info(mgf)->name, NULL) != 1)
        return false;
    uint8_t *label = c->label_len == 0 ? NULL : OPENSSL_memdup(c->label, c->label_len);
    return label == NULL ? c->label_len == 0
                         : EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, (int)c->label_len) == 1;
}

static int encrypt(void *context, unsigned char *out, size_t *len, size_t size,
                   const unsigned char *in, size_t in_len) {
    struct cipher *c = context;
    if (c->remote == NULL)
        return 0;
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(NULL, remote_key_public(c->remote), DEFAULT_QUERY);
    bool done = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, c->padding) == 1 && set_oaep(c, ctx);
    *len = size;
    done = done && EVP_PKEY_encrypt(ctx, out, len, in, in_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return done;
}

const OSSL_DISPATCH cipher_rsa_functions[] = {
    {OSSL_FUNC_ASYM_CIPHER_NEWCTX, (void (*)(void))cipher_new},
    {OSSL_FUNC_ASYM_CIPHER_FREECTX, (void (*)(void))cipher_free},
    {OSSL_FUNC_ASYM_CIPHER_DUPCTX, (void (*)(void))cipher_dup},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, (void (*)(void))cipher_init},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT, (void (*)(void))decrypt},
    {OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, (void (*)(void))cipher_init},
    {OSSL_FUNC_ASYM_CIPHER_ENCRYPT, (void (*)(void))encrypt},
    {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, (void (*)(void))cipher_set_params},
    {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, (void (*)(void))cipher_settable},
    {OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, (void (*)(void))cipher_get_params},
    {OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, (void (*)(void))cipher_gettable},
    OSSL_DISPATCH_END};
