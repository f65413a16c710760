/* Key management: the public half of a remote key is an ordinary key of the default provider, which
 * answers all questions. There is nothing private to export, and nothing to import but the signer's
 * own keys. */
#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

static void *key_new(void *context) {
    (void)context;
    return must_alloc(sizeof(struct provider_key));
}

static void key_free(void *data) {
    struct provider_key *key = data;
    if (key == NULL)
        return;
    remote_key_release(key->remote);
    free(key);
}

static void *key_dup(const void *data, int selection) {
    const struct provider_key *from = data;
    struct provider_key *key = key_new(NULL);
    (void)selection;
    if (from->remote != NULL)
        key->remote = remote_key_reference(from->remote);
    key->pss = from->pss;
    return key;
}

static int key_has(const void *data, int selection) {
    const struct provider_key *key = data;
    (void)selection;
    return key != NULL && key->remote != NULL;
}

static int key_match(const void *left, const void *right, int selection) {
    const struct provider_key *a = left, *b = right;
    (void)selection;
    return a->remote != NULL && b->remote != NULL &&
           EVP_PKEY_eq(remote_key_public(a->remote), remote_key_public(b->remote)) == 1;
}

/* Only our own pointer is accepted; OpenSSL offers every key of the default provider here, before
 * it goes on to the provider that can use it. */
static int key_import(void *data, int selection, const OSSL_PARAM params[]) {
    struct provider_key *key = data;
    struct remote_key *remote;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_REMOTE_KEY);
    (void)selection;
    if (p == NULL || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof remote)
        return 0;
    memcpy(&remote, p->data, sizeof remote);
    key->remote = remote_key_reference(remote);
    return 1;
}

static const OSSL_PARAM *key_import_types(int selection) {
    static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(PARAM_REMOTE_KEY, NULL, 0),
                                       OSSL_PARAM_END};
    (void)selection;
    return types;
}

static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument) {
    struct provider_key *key = data;
    OSSL_PARAM *params = NULL;
    if (key == NULL || key->remote == NULL || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return 0;
    if (EVP_PKEY_todata(remote_key_public(key->remote), EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return 0;
    int done = callback(params, argument);
    OSSL_PARAM_free(params);
    return done;
}

static const OSSL_PARAM *key_export_types(int selection) {
    static const OSSL_PARAM types[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                       OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_END};
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static int key_get_params(void *data, OSSL_PARAM params[]) {
    struct provider_key *key = data;
    return key->remote != NULL && EVP_PKEY_get_params(remote_key_public(key->remote), params) == 1;
}

static const OSSL_PARAM *key_gettable_params(void *context) {
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0),
        OSSL_PARAM_END};
    (void)context;
    return types;
}

/* The padding that signatures have when nobody names one: X509_sign and its like cannot. */
static int key_set_params(void *data, const OSSL_PARAM params[]) {
    struct provider_key *key = data;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PAD_MODE);
    if (p == NULL)
        return 1;
    if (key->remote == NULL || p->data_type != OSSL_PARAM_UTF8_STRING || p->data == NULL ||
        !EVP_PKEY_is_a(remote_key_public(key->remote), "RSA"))
        return 0;
    key->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
    return key->pss || strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
}

static const OSSL_PARAM *key_settable_params(void *context) {
    static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_PAD_MODE, NULL, 0),
                                       OSSL_PARAM_END};
    (void)context;
    return types;
}

static const char *ec_operation_name(int operation) {
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define COMMON_FUNCTIONS                                                                           \
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new},                                              \
        {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free},                                        \
        {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))key_dup},                                          \
        {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},                                          \
        {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},                                      \
        {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import},                                    \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_import_types},                        \
        {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export},                                    \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_export_types},                        \
        {OSSL_FUNC_KEYMGMT_SET_PARAMS, (void (*)(void))key_set_params},                            \
        {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, (void (*)(void))key_settable_params},                  \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params}, {                          \
        OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable_params                     \
    }

const OSSL_DISPATCH keymgmt_functions[] = {COMMON_FUNCTIONS, OSSL_DISPATCH_END};
const OSSL_DISPATCH keymgmt_ec_functions[] = {
    COMMON_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation_name},
    OSSL_DISPATCH_END};
