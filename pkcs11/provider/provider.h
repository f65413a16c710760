/* The OpenSSL provider "gatehouse": private keys that live in the signer. It is built in, and
 * beside the default provider, which stays the one for every other key. */
#ifndef GATEHOUSE_PROVIDER_PROVIDER_H
#define GATEHOUSE_PROVIDER_PROVIDER_H

#include "provider/remote_key.h"

#include <openssl/core_dispatch.h>

#define PROVIDER_NAME "gatehouse"
#define PROVIDER_QUERY "provider=gatehouse"
#define DEFAULT_QUERY "provider=default"
#define PARAM_REMOTE_KEY "gatehouse-remote-key" /* a pointer, within this process */

/* Registers and loads it, once per process. */
MUST_USE bool provider_register(struct error *err);
/* Wraps the key; the reference goes over to the EVP_PKEY, also on failure. */
MUST_USE bool provider_key(struct remote_key *key, EVP_PKEY **ret_key, struct error *err);

/* What keymgmt calls a key: one remote key. */
struct provider_key {
    struct remote_key *remote;
    bool pss; /* RSA: signatures are PSS unless the caller says otherwise */
};

extern const OSSL_DISPATCH keymgmt_functions[], keymgmt_ec_functions[];
extern const OSSL_DISPATCH signature_rsa_functions[], signature_ecdsa_functions[],
    signature_eddsa_functions[], signature_ml_dsa_functions[], signature_slh_dsa_functions[];
extern const OSSL_DISPATCH cipher_rsa_functions[];

#endif
