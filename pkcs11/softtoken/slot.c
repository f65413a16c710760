/* The objects of one token: kept in step with its files. */
#include "slot.h"

#include <string.h>

#include <openssl/crypto.h>

#include "module.h"
#include "token.h"

/* A copy of the keys for one sealing or unsealing; the token key is wiped by keys_drop. */
struct keys {
    struct object_keys view;
    uint8_t instance[TOKEN_INSTANCE_LEN];
    uint8_t public_key[SEAL_KEY_LEN];
    uint8_t token_key[SEAL_KEY_LEN];
};

static void keys_drop(struct keys *keys) {
    OPENSSL_cleanse(keys->token_key, sizeof keys->token_key);
}

static void keys_of(struct slot *slot, struct keys *ret_keys) {
    ret_keys->view = (struct object_keys){
        .instance = ret_keys->instance,
        .public_key = ret_keys->public_key,
    };
    pthread_mutex_lock(&slot->key_lock);
    memcpy(ret_keys->instance, slot->record.instance, TOKEN_INSTANCE_LEN);
    memcpy(ret_keys->public_key, slot->record.public_key, SEAL_KEY_LEN);
    if (slot->key_known) {
        memcpy(ret_keys->token_key, slot->token_key, SEAL_KEY_LEN);
        ret_keys->view.token_key = ret_keys->token_key;
    }
    pthread_mutex_unlock(&slot->key_lock);
}

CK_RV slot_unseal_material(struct object *object, struct bytes *ret_material) {
    AUTO(keys) struct keys keys = {0};
    if (!object->on_token)
        return CKR_GENERAL_ERROR; /* session objects have their material from the start */
    keys_of(object->slot, &keys);
    return object_unseal_material(object, &keys.view, ret_material);
}

/* ---- reading -------------------------------------------------------------------------------- */

static CK_RV read_object(struct slot *slot, const char *name, const uint8_t id[OBJECT_ID_LEN],
                         bool private, CK_OBJECT_HANDLE handle) {
    AUTO(bytes) struct bytes file = {0};
    AUTO(object) struct object *object = NULL;
    AUTO(keys) struct keys keys = {0};
    struct file_stamp stamp;
    keys_of(slot, &keys);
    TRY(store_read(&slot->store, name, &file, &stamp));
    TRY(object_unseal(slot, &keys.view, id, private, &file, &object));
    object->stamp = stamp;
    object->handle = handle;
    object->seen = slot->scan;
    return table_put(&slot->table, object);
}

static CK_RV visit_file(void *context, const char *name, const struct file_stamp *stamp) {
    struct slot *slot = context;
    uint8_t id[OBJECT_ID_LEN];
    bool private;
    if (!object_file_parse(name, id, &private) ||
        (private && atomic_load(&slot->login) != LOGIN_USER))
        return CKR_OK;
    AUTO(object) struct object *known = table_get_id(&slot->table, id);
    if (known != NULL && known->private == private && file_stamp_equal(&known->stamp, stamp)) {
        known->seen = slot->scan;
        return CKR_OK;
    }
    CK_RV rv = read_object(slot, name, id, private, known == NULL ? 0 : known->handle);
    if (rv == CKR_HOST_MEMORY)
        return rv;
    if (rv != CKR_OK) /* one damaged file must not take the others away */
        slot->damaged++;
    return CKR_OK;
}

static bool is_gone(const struct object *object, const void *context) {
    const struct slot *slot = context;
    return object->on_token && object->seen != slot->scan;
}

CK_RV token_read_objects(struct slot *slot) {
    struct store_state state;
    TRY(token_present(slot));
    TRY(store_read_state(&slot->store, &state));
    if (slot->scan > 0 && slot->generation == state.generation && state.generation != 0)
        return CKR_OK;
    TRY(store_lock(&slot->store, false));
    CK_RV rv = token_reload(slot);
    if (rv == CKR_OK)
        rv = store_read_state(&slot->store, &state);
    if (rv == CKR_OK) {
        slot->scan++;
        slot->damaged = 0;
        rv = store_list(&slot->store, visit_file, slot);
    }
    store_unlock(&slot->store);
    TRY(rv);
    table_remove_if(&slot->table, is_gone, slot);
    slot->generation = state.generation;
    return CKR_OK;
}

CK_RV slot_refresh(struct slot *slot) {
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = token_read_objects(slot);
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

/* ---- hiding --------------------------------------------------------------------------------- */

static bool is_private(const struct object *object, const void *context) {
    (void)context;
    return object->private;
}

static bool is_opened(const struct object *object, const void *context) {
    (void)context;
    return object->on_token && object_has_material(object) &&
           (atomic_load(&object->pkey) != NULL || atomic_load(&object->secret_known));
}

/* A public token object keeps its handle, but the key that was unsealed for it goes. */
static CK_RV close_again(struct slot *slot, CK_OBJECT_HANDLE handle) {
    AUTO(object) struct object *old = table_get(&slot->table, handle);
    AUTO(object) struct object *fresh = NULL;
    AUTO(attributes) struct attributes attrs = {0};
    if (old == NULL)
        return CKR_OK;
    TRY(attributes_copy(&attrs, &old->attrs));
    TRY(object_restore(slot, &attrs, old->id, &fresh));
    TRY(bytes_append(&fresh->sealed, old->sealed.at, old->sealed.len));
    memcpy(fresh->attrs_tag, old->attrs_tag, sizeof fresh->attrs_tag);
    fresh->handle = old->handle;
    fresh->stamp = old->stamp;
    fresh->seen = old->seen;
    return table_put(&slot->table, fresh);
}

void token_hide_private(struct slot *slot) {
    AUTO(handle_list) struct handle_list opened = {0};
    token_forget_key(slot);
    table_remove_if(&slot->table, is_private, NULL);
    CK_RV rv = table_list(&slot->table, is_opened, NULL, &opened);
    for (size_t i = 0; i < opened.count && rv == CKR_OK; i++)
        rv = close_again(slot, opened.at[i]);
    if (rv != CKR_OK) /* no memory for that: then they go altogether, until they are read again */
        table_remove_if(&slot->table, is_opened, NULL);
    slot->generation = 0;
}

void slot_session_closed(struct slot *slot, bool rw) {
    pthread_mutex_lock(&slot->lock);
    slot->sessions--;
    if (rw)
        slot->rw_sessions--;
    if (slot->sessions == 0 && atomic_exchange(&slot->login, LOGIN_NONE) != LOGIN_NONE)
        token_hide_private(slot);
    pthread_mutex_unlock(&slot->lock);
}

CK_RV slot_session_opened(struct slot *slot, bool rw) {
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = token_present(slot);
    if (rv == CKR_OK && !rw && atomic_load(&slot->login) == LOGIN_SO)
        rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
    if (rv == CKR_OK) {
        slot->sessions++;
        slot->rw_sessions += rw ? 1 : 0;
    }
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

static bool is_owned(const struct object *object, const void *context) {
    return object->owner == *(const CK_SESSION_HANDLE *)context;
}

void slot_drop_session_objects(struct slot *slot, CK_SESSION_HANDLE owner) {
    table_remove_if(&slot->table, is_owned, &owner);
}

/* ---- changing ------------------------------------------------------------------------------- */

static CK_RV write_object(struct slot *slot, struct object *object, const struct bytes *material) {
    AUTO(bytes) struct bytes file = {0};
    AUTO(keys) struct keys keys = {0};
    char name[STORE_NAME_MAX];
    TRY(token_present(slot));
    object_file_name(object->id, object->private, name);
    TRY(store_lock(&slot->store, true));
    CK_RV rv = token_reload(slot); /* nothing of the old token may be sealed for a new one */
    keys_of(slot, &keys);
    if (rv == CKR_OK)
        rv = object_seal(object, &keys.view, material, &file);
    if (rv == CKR_OK)
        rv = token_changes(slot);
    if (rv == CKR_OK)
        rv = store_write(&slot->store, name, &file, &object->stamp);
    store_unlock(&slot->store);
    object->seen = slot->scan;
    return rv;
}

CK_RV slot_add(struct slot *slot, struct object *object) {
    AUTO(bytes) struct bytes material = {0};
    if (object->on_token && object_has_material(object))
        TRY(object_material(object, &material));
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = CKR_OK;
    /* Logged out by another thread since the session looked. */
    if (object->private && atomic_load(&slot->login) != LOGIN_USER)
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK && object->on_token)
        rv = write_object(slot, object, &material);
    if (rv == CKR_OK)
        rv = table_put(&slot->table, object);
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

CK_RV slot_replace(struct slot *slot, struct object *object) {
    AUTO(bytes) struct bytes material = {0};
    if (object->on_token && object_has_material(object))
        TRY(object_material(object, &material));
    pthread_mutex_lock(&slot->lock);
    AUTO(object) struct object *old = table_get(&slot->table, object->handle);
    CK_RV rv = old == NULL ? CKR_OBJECT_HANDLE_INVALID : CKR_OK;
    if (rv == CKR_OK && object->on_token)
        rv = write_object(slot, object, &material);
    if (rv == CKR_OK)
        rv = table_put(&slot->table, object);
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

static CK_RV remove_file(struct slot *slot, const struct object *object) {
    char name[STORE_NAME_MAX];
    TRY(token_present(slot));
    object_file_name(object->id, object->private, name);
    TRY(store_lock(&slot->store, true));
    CK_RV rv = token_changes(slot);
    if (rv == CKR_OK)
        rv = store_remove(&slot->store, name);
    store_unlock(&slot->store);
    return rv;
}

CK_RV slot_remove(struct slot *slot, struct object *object) {
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = object->on_token ? remove_file(slot, object) : CKR_OK;
    if (rv == CKR_OK && !table_remove(&slot->table, object->handle))
        rv = CKR_OBJECT_HANDLE_INVALID; /* another thread was first */
    pthread_mutex_unlock(&slot->lock);
    return rv;
}
