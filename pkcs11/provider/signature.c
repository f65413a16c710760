#include "provider/signature.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_MAX 4 /* signatures that do not verify, each by another agent */

/* ---- life ------------------------------------------------------------------------------------ */

static void *signature_new(enum wire_scheme family) {
    struct signature *s = must_alloc(sizeof *s);
    s->family = family;
    s->padding = RSA_PKCS1_PADDING;
    s->salt = RSA_PSS_SALTLEN_AUTO_DIGEST_MAX;
    return s;
}

#define NEW_FUNCTION(name, family)                                                                 \
    static void *name(void *context, const char *properties) {                                     \
        (void)context, (void)properties;                                                           \
        return signature_new(family);                                                              \
    }
NEW_FUNCTION(new_rsa, WIRE_RSA_PKCS1)
NEW_FUNCTION(new_ecdsa, WIRE_ECDSA)
NEW_FUNCTION(new_eddsa, WIRE_EDDSA)
NEW_FUNCTION(new_ml_dsa, WIRE_ML_DSA)
NEW_FUNCTION(new_slh_dsa, WIRE_SLH_DSA)

static void signature_free(void *context) {
    struct signature *s = context;
    if (s == NULL)
        return;
    verify_reset(s);
    remote_key_release(s->remote);
    EVP_MD_free(s->md);
    EVP_MD_free(s->mgf_md);
    EVP_MD_CTX_free(s->hash);
    free(s);
}

static bool copy_check(struct signature *to, const struct signature *from) {
    to->check = NULL;
    to->check_ctx = NULL;
    if (from->check != NULL) {
        to->check = EVP_MD_CTX_dup(from->check);
        to->check_ctx = to->check == NULL ? NULL : EVP_MD_CTX_get_pkey_ctx(to->check);
    } else if (from->check_ctx != NULL) {
        to->check_ctx = EVP_PKEY_CTX_dup(from->check_ctx);
    }
    return (from->check == NULL || to->check != NULL) &&
           (from->check_ctx == NULL || to->check_ctx != NULL);
}

/* EVP_DigestSignFinal works on a copy, so that the caller may go on with the original. */
static void *signature_dup(void *context) {
    const struct signature *from = context;
    struct signature *s = must_alloc(sizeof *s);
    *s = *from;
    if (s->remote != NULL)
        remote_key_reference(s->remote);
    if (s->md != NULL)
        EVP_MD_up_ref(s->md);
    if (s->mgf_md != NULL)
        EVP_MD_up_ref(s->mgf_md);
    s->hash = from->hash == NULL ? NULL : EVP_MD_CTX_dup(from->hash);
    bool done = (from->hash == NULL || s->hash != NULL) && copy_check(s, from);
    if (!done) {
        signature_free(s);
        return NULL;
    }
    return s;
}

/* ---- signing --------------------------------------------------------------------------------- */

/* A second init without a key keeps the first one's. */
static bool begin(struct signature *s, void *data, const OSSL_PARAM params[]) {
    struct provider_key *key = data;
    verify_reset(s);
    EVP_MD_CTX_free(s->hash);
    s->hash = NULL;
    if (key != NULL && key->remote != NULL) {
        remote_key_release(s->remote);
        s->remote = remote_key_reference(key->remote);
        if (s->family == WIRE_RSA_PKCS1)
            s->padding = key->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    }
    return s->remote != NULL && signature_set_params(s, params);
}

static int sign_init(void *context, void *key, const OSSL_PARAM params[]) {
    return begin(context, key, params);
}

static int digest_sign_init(void *context, const char *digest, void *key,
                            const OSSL_PARAM params[]) {
    struct signature *s = context;
    bool named = digest != NULL && digest[0] != '\0';
    if (signs_message(s))
        return !named &&
               begin(s, key, params); /* these algorithms choose their digest themselves */
    if (named && !signature_set_digest(s, digest))
        return 0;
    if (!begin(s, key, params) || s->md == NULL || (s->hash = EVP_MD_CTX_new()) == NULL)
        return 0;
    return EVP_DigestInit_ex2(s->hash, s->md, NULL);
}

static int digest_sign_update(void *context, const unsigned char *data, size_t len) {
    struct signature *s = context;
    return s->hash != NULL && EVP_DigestUpdate(s->hash, data, len);
}

static bool fill_request(const struct signature *s, struct view data,
                         struct wire_request *request) {
    *request = (struct wire_request){.op = WIRE_SIGN};
    request->sign.scheme = (uint8_t)s->family;
    request->sign.digest = (uint8_t)s->digest;
    request->sign.context = view_of(s->context, s->context_len);
    request->sign.data = data;
    if (s->family != WIRE_RSA_PKCS1 || s->padding != RSA_PKCS1_PSS_PADDING)
        return true;
    int salt = signature_salt_length(s);
    request->sign.scheme = WIRE_RSA_PSS;
    request->sign.mgf_digest = (uint8_t)(s->mgf_md == NULL ? s->digest : s->mgf_digest);
    request->sign.salt_length = (uint16_t)salt;
    return salt >= 0;
}

static bool check_data(const struct signature *s, size_t len, struct error *err) {
    if (len > WIRE_DATA_MAX)
        return fail(err, ERROR_TOO_LARGE, "too-large", "At most 64 MiB can be signed at a time.");
    if (s->family == WIRE_RSA_PKCS1 && s->md == NULL)
        return fail(err, ERROR_POLICY, "key-unfit", "RSA keys sign digests: name the digest.");
    if (s->md != NULL && len != (size_t)EVP_MD_get_size(s->md))
        return fail(err, ERROR_MALFORMED, "bad-data", "The digest has the wrong length.");
    return true;
}

static int sign_data(const struct signature *s, struct view data, unsigned char *out, size_t *len,
                     size_t size) {
    struct wire_request request;
    struct error err = {0};
    if (!check_data(s, data.len, &err))
        return provider_failed(&err);
    if (!fill_request(s, data, &request)) {
        fail(&err, ERROR_POLICY, "key-unfit",
             "The salt does not fit into a signature by this key.");
        return provider_failed(&err);
    }
    for (int tries = 0; tries < WRONG_MAX; tries++) {
        if (!remote_key_operate(s->remote, &request, out, len, size))
            return 0;
        if (!remote_key_is_foreign(s->remote) || signature_is_right(s, data, view_of(out, *len)))
            return 1;
        if (!remote_key_wrong(s->remote))
            break;
    }
    fail(&err, ERROR_UNAVAILABLE, "token-failed",
         "The token gave a signature that its public key does not verify.");
    return provider_failed(&err);
}

static int size_only(const struct signature *s, size_t *len) {
    int size = s->remote == NULL ? 0 : EVP_PKEY_get_size(remote_key_public(s->remote));
    *len = size > 0 ? (size_t)size : 0;
    return size > 0;
}

static int sign(void *context, unsigned char *signature, size_t *len, size_t size,
                const unsigned char *digest, size_t digest_len) {
    struct signature *s = context;
    if (signature == NULL)
        return size_only(s, len);
    return s->remote != NULL && sign_data(s, view_of(digest, digest_len), signature, len, size);
}

static int digest_sign_final(void *context, unsigned char *signature, size_t *len, size_t size) {
    struct signature *s = context;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    if (signature == NULL)
        return size_only(s, len);
    return s->hash != NULL && s->remote != NULL &&
           EVP_DigestFinal_ex(s->hash, digest, &digest_len) &&
           sign_data(s, view_of(digest, digest_len), signature, len, size);
}

static int digest_sign(void *context, unsigned char *signature, size_t *len, size_t size,
                       const unsigned char *data, size_t data_len) {
    struct signature *s = context;
    if (signature == NULL)
        return size_only(s, len);
    if (signs_message(s))
        return s->remote != NULL && sign_data(s, view_of(data, data_len), signature, len, size);
    return digest_sign_update(s, data, data_len) && digest_sign_final(s, signature, len, size);
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define COMMON_FUNCTIONS(new_function)                                                             \
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))new_function},                                    \
        {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))signature_free},                             \
        {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))signature_dup},                               \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))digest_sign_init},                  \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))digest_sign},                            \
        {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, (void (*)(void))digest_verify_init},              \
        {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (void (*)(void))digest_verify},                        \
        {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))signature_get_params},                \
        {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))signature_gettable},             \
        {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))signature_set_params}, {              \
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))signature_settable                \
    }

#define DIGEST_FUNCTIONS                                                                           \
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sign_init},                                    \
        {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sign},                                          \
        {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))verify_init},                            \
        {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))verify},                                      \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, (void (*)(void))digest_sign_update},              \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, (void (*)(void))digest_sign_final},                \
        {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, (void (*)(void))digest_verify_update}, {        \
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, (void (*)(void))digest_verify_final               \
    }

const OSSL_DISPATCH signature_rsa_functions[] = {COMMON_FUNCTIONS(new_rsa), DIGEST_FUNCTIONS,
                                                 OSSL_DISPATCH_END};
const OSSL_DISPATCH signature_ecdsa_functions[] = {COMMON_FUNCTIONS(new_ecdsa), DIGEST_FUNCTIONS,
                                                   OSSL_DISPATCH_END};
const OSSL_DISPATCH signature_eddsa_functions[] = {COMMON_FUNCTIONS(new_eddsa), OSSL_DISPATCH_END};
const OSSL_DISPATCH signature_ml_dsa_functions[] = {COMMON_FUNCTIONS(new_ml_dsa),
                                                    OSSL_DISPATCH_END};
const OSSL_DISPATCH signature_slh_dsa_functions[] = {COMMON_FUNCTIONS(new_slh_dsa),
                                                     OSSL_DISPATCH_END};
