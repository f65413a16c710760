/* One object of a token. An object never changes once it is in its table: a change puts a changed
 * copy in its place, so whoever holds a reference reads without a lock. */
#ifndef SOFTTOKEN_OBJECT_H
#define SOFTTOKEN_OBJECT_H

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/evp.h>

#include "attributes.h"
#include "store.h"

#define OBJECT_ID_LEN 16
#define INDEXED_ATTRIBUTES 6

struct slot;
struct object;

struct index_link {
    struct object *object;
    uint64_t hash;
    struct index_link *next;
};

struct object {
    atomic_uint refs;
    atomic_bool dead; /* no longer in a table: caches must let go of it */
    CK_OBJECT_HANDLE handle;
    CK_SESSION_HANDLE owner; /* the session that made a session object; 0 for a token object */
    struct slot *slot;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION when it is not a key */
    bool on_token;
    bool private;
    uint8_t id[OBJECT_ID_LEN]; /* CKA_UNIQUE_ID in hexadecimal, name of its file, bound into it */
    struct attributes attrs;   /* everything but secret material */

    /* Key material: made from `sealed` when it is first used, by object_pkey and object_secret. */
    pthread_mutex_t material_lock;
    _Atomic(EVP_PKEY *) pkey;
    atomic_bool secret_known;
    struct bytes secret;
    struct bytes sealed; /* token objects: the sealed material, as in the file */
    uint8_t attrs_tag[16];

    struct file_stamp stamp; /* token objects: the version of the file that was read */
    uint64_t seen;           /* scan in which the file was last seen; under slot.lock */

    struct object *next; /* table: same bucket; under table.lock */
    struct index_link links[INDEXED_ATTRIBUTES];
};

/* Takes the attributes over (they are emptied); class, key type and flags are read from them. */
CK_RV object_new(struct slot *slot, struct attributes *attrs, struct object **ret_object) MUST_USE;
/* The same for an object that was read from its file and has its id already. */
CK_RV object_restore(struct slot *slot, struct attributes *attrs, const uint8_t id[OBJECT_ID_LEN],
                     struct object **ret_object) MUST_USE;
/* A copy with the same material, not yet in a table, for changing its attributes. */
CK_RV object_clone(struct object *object, struct object **ret_object) MUST_USE;
struct object *object_ref(struct object *object);
void object_unref(struct object *object);
void object_drop(struct object **object); /* AUTO(object) */

/* Reads class, key type and flags from the attributes again after they changed. */
void object_settle(struct object *object);

bool object_is_key(const struct object *object);
/* Has private or secret material of its own. */
bool object_has_material(const struct object *object);
/* The key for OpenSSL (public or private keys); borrowed, lives as long as the object.
 * CKR_USER_NOT_LOGGED_IN when it is sealed and nobody is logged in. */
CK_RV object_pkey(struct object *object, EVP_PKEY **ret_pkey) MUST_USE;
/* The value of a secret key; borrowed, lives as long as the object. */
CK_RV object_secret(struct object *object, const struct bytes **ret_secret) MUST_USE;
/* PKCS #8 of a private key, the value of a secret key: what is sealed and what is wrapped. */
CK_RV object_material(struct object *object, struct bytes *ret_material) MUST_USE;

/* ---- the object's file ---------------------------------------------------------------------- */

struct object_keys {
    const uint8_t *instance; /* of the token's record: TOKEN_INSTANCE_LEN octets */
    const uint8_t *public_key;
    const uint8_t *token_key; /* NULL when nobody is logged in */
};

void object_file_name(const uint8_t id[OBJECT_ID_LEN], bool private, char ret_name[STORE_NAME_MAX]);
/* False for any file that is not an object. */
bool object_file_parse(const char *name, uint8_t ret_id[OBJECT_ID_LEN], bool *ret_private);

/* Seals the object; `material` is object_material of it. CKR_USER_NOT_LOGGED_IN without the token
 * key when it is needed. Also fills object->sealed and attrs_tag. */
CK_RV object_seal(struct object *object, const struct object_keys *keys,
                  const struct bytes *material, struct bytes *ret_file) MUST_USE;
/* CKR_DEVICE_ERROR for anything that is damaged or not where it belongs. */
CK_RV object_unseal(struct slot *slot, const struct object_keys *keys,
                    const uint8_t id[OBJECT_ID_LEN], bool private, const struct bytes *file,
                    struct object **ret_object) MUST_USE;
/* The material of a token object, from object->sealed. */
CK_RV object_unseal_material(struct object *object, const struct object_keys *keys,
                             struct bytes *ret_material) MUST_USE;

#endif
