/* One loaded PKCS#11 module. libp11 is the administration plane: it loads the module, lists slots,
 * initialises tokens, writes certificates. Keys are used through the module's own function list,
 * beside it.
 *
 * One owner per module: whoever comes second finds it initialised, and nobody finalises or logs out
 * while the process lives, since that would end the other side's sessions. */
#ifndef GATEHOUSE_SIGNER_MODULE_H
#define GATEHOUSE_SIGNER_MODULE_H

#include "base/arena.h"

#include "cryptoki.h"

#include <openssl/types.h>
/* libp11's header names two types of the old OpenSSL interface, which we do not compile with. */
typedef struct rsa_meth_st RSA_METHOD;
typedef struct ec_key_method_st EC_KEY_METHOD;
#include <libp11.h>
#include <pthread.h>

#define MODULES_MAX 16

/* libp11's list of slots; older ones stay for good, see module_refresh. */
struct slot_list {
    PKCS11_SLOT *slots;
    unsigned count;
    struct slot_list *older;
};

struct module {
    const char *name, *path;
    const CK_FUNCTION_LIST *f;
    pthread_mutex_t admin; /* guards all of libp11's objects below */
    PKCS11_CTX *ctx;
    struct slot_list *list; /* NULL: never looked */
    uint8_t seen[32];       /* digest of what the list was made from */
};

/* `name` and `path` must outlive the module. ERROR_UNAVAILABLE "module-failed". */
MUST_USE bool module_load(struct module *module, const char *name, const char *path,
                          struct error *err);
/* Reads slots and tokens again; the caller holds `admin`. */
MUST_USE bool module_refresh(struct module *module, struct error *err);
/* The slot of the initialised token of that label, by which it is found again: numbers of slots change when a token
 * is made. And one whose token is not initialised. NULL: none; the caller holds `admin`. */
PKCS11_SLOT *module_slot_labelled(struct module *module, const char *label);
PKCS11_SLOT *module_blank_slot(struct module *module);

#endif
