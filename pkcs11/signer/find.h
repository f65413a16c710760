/* Keys that stay in their token: found by PKCS#11 URI. */
#ifndef GATEHOUSE_SIGNER_FIND_H
#define GATEHOUSE_SIGNER_FIND_H

#include "signer/key.h"

/* Fills key->public_key and key->type for key->uri in key->token. ERROR_NOT_FOUND "key-not-found",
 * ERROR_CONFLICT "key-ambiguous". */
MUST_USE bool find_public_key(struct key *key, struct error *err);
/* Fills key->object; the caller holds key->lock. */
MUST_USE bool find_private_key(struct key *key, struct error *err);

/* In a task: the private key object that the URI names, and the public half of one. */
struct task;
MUST_USE bool find_by_uri(struct task *task, const struct pkcs11_uri *uri,
                          CK_OBJECT_HANDLE *ret_object, struct error *err);
MUST_USE bool find_public_half(struct task *task, CK_OBJECT_HANDLE object, EVP_PKEY **ret_key,
                               struct error *err);

#endif
