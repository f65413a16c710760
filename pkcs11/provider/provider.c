#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <pthread.h>

#define PROPERTIES "provider=" PROVIDER_NAME

#define SLH_DSA_SETS(X)                                                                            \
    X("SLH-DSA-SHA2-128s"), X("SLH-DSA-SHA2-128f"), X("SLH-DSA-SHA2-192s"),                        \
        X("SLH-DSA-SHA2-192f"), X("SLH-DSA-SHA2-256s"), X("SLH-DSA-SHA2-256f"),                    \
        X("SLH-DSA-SHAKE-128s"), X("SLH-DSA-SHAKE-128f"), X("SLH-DSA-SHAKE-192s"),                 \
        X("SLH-DSA-SHAKE-192f"), X("SLH-DSA-SHAKE-256s"), X("SLH-DSA-SHAKE-256f")

#define KEY(name)                                                                                  \
    { name, PROPERTIES, keymgmt_functions, name " key in the signer" }
#define SLH_DSA(name)                                                                              \
    { name, PROPERTIES, signature_slh_dsa_functions, name " by the signer" }

static const OSSL_ALGORITHM keymgmt_algorithms[] = {
    KEY("RSA"),
    {"EC", PROPERTIES, keymgmt_ec_functions, "EC key in the signer"},
    KEY("ED25519"),
    KEY("ED448"),
    KEY("ML-DSA-44"),
    KEY("ML-DSA-65"),
    KEY("ML-DSA-87"),
    SLH_DSA_SETS(KEY),
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA", PROPERTIES, signature_rsa_functions, "RSA by the signer"},
    {"ECDSA", PROPERTIES, signature_ecdsa_functions, "ECDSA by the signer"},
    {"ED25519", PROPERTIES, signature_eddsa_functions, "Ed25519 by the signer"},
    {"ED448", PROPERTIES, signature_eddsa_functions, "Ed448 by the signer"},
    {"ML-DSA-44", PROPERTIES, signature_ml_dsa_functions, "ML-DSA-44 by the signer"},
    {"ML-DSA-65", PROPERTIES, signature_ml_dsa_functions, "ML-DSA-65 by the signer"},
    {"ML-DSA-87", PROPERTIES, signature_ml_dsa_functions, "ML-DSA-87 by the signer"},
    SLH_DSA_SETS(SLH_DSA),
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM cipher_algorithms[] = {
    {"RSA", PROPERTIES, cipher_rsa_functions, "RSA decryption by the signer"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache) {
    (void)context;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return keymgmt_algorithms;
    case OSSL_OP_SIGNATURE:
        return signature_algorithms;
    case OSSL_OP_ASYM_CIPHER:
        return cipher_algorithms;
    default:
        return NULL;
    }
}

static const OSSL_PARAM *gettable_params(void *context) {
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0), OSSL_PARAM_END};
    (void)context;
    return params;
}

static int get_params(void *context, OSSL_PARAM params[]) {
    OSSL_PARAM *name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    OSSL_PARAM *version = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    (void)context;
    return (name == NULL || OSSL_PARAM_set_utf8_ptr(name, "Gatehouse signer keys")) &&
           (version == NULL || OSSL_PARAM_set_utf8_ptr(version, GATEHOUSE_VERSION)) &&
           (status == NULL || OSSL_PARAM_set_int(status, 1));
}

static void teardown(void *context) {
    (void)context;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **ret_context) {
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
        {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params},
        {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        OSSL_DISPATCH_END};
    (void)in;
    *out = functions;
    *ret_context = (void *)(uintptr_t)handle; /* there is no state */
    return 1;
}

static bool registered;
static OSSL_PROVIDER *default_provider, *own_provider;

static void unload(void) {
    OSSL_PROVIDER_unload(own_provider);
    OSSL_PROVIDER_unload(default_provider);
}

/* The default provider is loaded by name first: as soon as any provider is loaded explicitly,
 * OpenSSL stops loading it by itself. Of two that do an algorithm OpenSSL takes the one that came
 * first, so ordinary keys stay with it. */
static void register_once(void) {
    registered = (default_provider = OSSL_PROVIDER_load(NULL, "default")) != NULL &&
                 OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, provider_init) == 1 &&
                 (own_provider = OSSL_PROVIDER_load(NULL, PROVIDER_NAME)) != NULL;
    OPENSSL_atexit(unload);
}

bool provider_register(struct error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    return registered ? true : fail_internal(err, "the OpenSSL provider cannot be loaded");
}

bool provider_key(struct remote_key *remote, EVP_PKEY **ret_key, struct error *err) {
    EVP_PKEY *key = NULL;
    const char *type = EVP_PKEY_get0_type_name(remote_key_public(remote));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, PROVIDER_QUERY);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(PARAM_REMOTE_KEY, &remote, sizeof remote),
        OSSL_PARAM_construct_end()};
    bool done = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1;
    EVP_PKEY_CTX_free(ctx);
    remote_key_release(remote); /* the import took its own reference */
    if (!done)
        return fail_internal(err, "a key of type %s cannot be used with the signer", type);
    *ret_key = key;
    return true;
}
