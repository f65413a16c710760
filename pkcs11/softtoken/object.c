#include "object.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "slot.h"

static CK_RV object_alloc(struct slot *slot, struct object **ret_object) {
    struct object *object = calloc(1, sizeof *object);
    if (object == NULL)
        return CKR_HOST_MEMORY;
    if (pthread_mutex_init(&object->material_lock, NULL) != 0) {
        free(object);
        return CKR_HOST_MEMORY;
    }
    atomic_init(&object->refs, 1);
    object->slot = slot;
    *ret_object = object;
    return CKR_OK;
}

void object_settle(struct object *object) {
    object->class = attributes_ulong(&object->attrs, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    object->key_type = attributes_ulong(&object->attrs, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    object->on_token = attributes_bool(&object->attrs, CKA_TOKEN);
    object->private = attributes_bool(&object->attrs, CKA_PRIVATE);
}

CK_RV object_restore(struct slot *slot, struct attributes *attrs, const uint8_t id[OBJECT_ID_LEN],
                     struct object **ret_object) {
    struct object *object;
    TRY(object_alloc(slot, &object));
    object->attrs = *attrs;
    *attrs = (struct attributes){0};
    memcpy(object->id, id, sizeof object->id);
    object_settle(object);
    *ret_object = object;
    return CKR_OK;
}

CK_RV object_new(struct slot *slot, struct attributes *attrs, struct object **ret_object) {
    uint8_t id[OBJECT_ID_LEN];
    char unique[2 * OBJECT_ID_LEN + 1];
    TRY(random_octets(id, sizeof id));
    hex_encode(unique, id, sizeof id);
    TRY(attributes_set(attrs, CKA_UNIQUE_ID, unique, 2 * OBJECT_ID_LEN));
    return object_restore(slot, attrs, id, ret_object);
}

CK_RV object_clone(struct object *object, struct object **ret_object) {
    AUTO(object) struct object *clone = NULL;
    TRY(object_alloc(object->slot, &clone));
    TRY(attributes_copy(&clone->attrs, &object->attrs));
    memcpy(clone->id, object->id, sizeof clone->id);
    clone->handle = object->handle;
    clone->owner = object->owner;
    clone->stamp = object->stamp;
    clone->seen = object->seen;
    memcpy(clone->attrs_tag, object->attrs_tag, sizeof clone->attrs_tag);
    TRY(bytes_append(&clone->sealed, object->sealed.at, object->sealed.len));
    object_settle(clone);
    if (object->class == CKO_SECRET_KEY) {
        const struct bytes *secret;
        TRY(object_secret(object, &secret));
        TRY(bytes_set(&clone->secret, secret->at, secret->len));
        atomic_store(&clone->secret_known, true);
    } else if (object->class == CKO_PRIVATE_KEY) {
        EVP_PKEY *pkey;
        TRY(object_pkey(object, &pkey));
        if (EVP_PKEY_up_ref(pkey) != 1)
            return CKR_HOST_MEMORY;
        atomic_store(&clone->pkey, pkey);
    }
    *ret_object = clone;
    clone = NULL;
    return CKR_OK;
}

struct object *object_ref(struct object *object) {
    atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
    return object;
}

void object_unref(struct object *object) {
    if (object == NULL || atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(atomic_load(&object->pkey));
    bytes_drop(&object->secret);
    bytes_drop(&object->sealed);
    attributes_drop(&object->attrs);
    (void)pthread_mutex_destroy(&object->material_lock);
    free(object);
}

void object_drop(struct object **object) {
    object_unref(*object);
    *object = NULL;
}

bool object_is_key(const struct object *object) {
    return object->class == CKO_PUBLIC_KEY || object_has_material(object);
}

bool object_has_material(const struct object *object) {
    return object->class == CKO_PRIVATE_KEY || object->class == CKO_SECRET_KEY;
}

/* With material_lock. */
static CK_RV make_pkey(struct object *object) {
    EVP_PKEY *pkey = NULL;
    if (object->class == CKO_PUBLIC_KEY) {
        const struct attribute *info = attributes_find(&object->attrs, CKA_PUBLIC_KEY_INFO);
        if (info == NULL)
            return CKR_DEVICE_ERROR;
        TRY(key_from_public_info(attribute_at(info), info->len, &pkey));
    } else {
        AUTO(bytes) struct bytes material = {0};
        TRY(slot_unseal_material(object, &material));
        CK_RV rv = key_from_pkcs8(&material, &pkey);
        if (rv != CKR_OK) /* the file was whole but does not hold a key: not the caller's fault */
            return rv == CKR_HOST_MEMORY ? rv : CKR_DEVICE_ERROR;
    }
    atomic_store_explicit(&object->pkey, pkey, memory_order_release);
    return CKR_OK;
}

CK_RV object_pkey(struct object *object, EVP_PKEY **ret_pkey) {
    EVP_PKEY *pkey = atomic_load_explicit(&object->pkey, memory_order_acquire);
    if (pkey == NULL) {
        if (object->class != CKO_PUBLIC_KEY && object->class != CKO_PRIVATE_KEY)
            return CKR_KEY_TYPE_INCONSISTENT;
        pthread_mutex_lock(&object->material_lock);
        CK_RV rv = CKR_OK;
        if (atomic_load(&object->pkey) == NULL)
            rv = make_pkey(object);
        pkey = atomic_load(&object->pkey);
        pthread_mutex_unlock(&object->material_lock);
        TRY(rv);
    }
    *ret_pkey = pkey;
    return CKR_OK;
}

CK_RV object_secret(struct object *object, const struct bytes **ret_secret) {
    if (object->class != CKO_SECRET_KEY)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!atomic_load_explicit(&object->secret_known, memory_order_acquire)) {
        pthread_mutex_lock(&object->material_lock);
        CK_RV rv = CKR_OK;
        if (!atomic_load(&object->secret_known)) {
            rv = slot_unseal_material(object, &object->secret);
            atomic_store_explicit(&object->secret_known, rv == CKR_OK, memory_order_release);
        }
        pthread_mutex_unlock(&object->material_lock);
        TRY(rv);
    }
    *ret_secret = &object->secret;
    return CKR_OK;
}

CK_RV object_material(struct object *object, struct bytes *ret_material) {
    if (object->class == CKO_SECRET_KEY) {
        const struct bytes *secret;
        TRY(object_secret(object, &secret));
        return bytes_set(ret_material, secret->at, secret->len);
    }
    if (object->class == CKO_PRIVATE_KEY) {
        EVP_PKEY *pkey;
        TRY(object_pkey(object, &pkey));
        return key_to_pkcs8(pkey, ret_material);
    }
    bytes_clear(ret_material);
    return CKR_OK;
}
