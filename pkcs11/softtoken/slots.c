/* The list of slots. It only grows until C_Finalize, so a slot that was found stays valid. */
#include "slot.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "module.h"
#include "token.h"

static pthread_rwlock_t slots_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct slot *slots[SLOTS_MAX];
static atomic_size_t slot_count;

static bool id_in_use(CK_SLOT_ID id) {
    for (size_t i = 0; i < slot_count; i++)
        if (slots[i]->id == id)
            return true;
    return false;
}

static CK_RV slot_new(CK_SLOT_ID id, struct slot **ret_slot) {
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return CKR_HOST_MEMORY;
    slot->id = id;
    slot->store = (struct store){.dir_fd = -1, .state_fd = -1};
    if (table_init(&slot->table) != CKR_OK) {
        free(slot);
        return CKR_HOST_MEMORY;
    }
    (void)pthread_mutex_init(&slot->lock, NULL); /* never fails with default attributes */
    (void)pthread_mutex_init(&slot->key_lock, NULL);
    *ret_slot = slot;
    return CKR_OK;
}

static void slot_free(struct slot *slot) {
    table_destroy(&slot->table);
    store_close(&slot->store);
    (void)pthread_mutex_destroy(&slot->lock);
    (void)pthread_mutex_destroy(&slot->key_lock);
    OPENSSL_cleanse(slot, sizeof *slot);
    free(slot);
}

/* With slots_lock, as all that follow up to rescan(). */
static bool serial_known(const char *serial) {
    for (size_t i = 0; i < slot_count; i++)
        if (strcmp(slots[i]->serial, serial) == 0)
            return true;
    return false;
}

/* A token has the same slot number in every process: it comes from its serial number. */
static CK_SLOT_ID id_of_serial(const char *serial) {
    char first[9];
    memcpy(first, serial, 8);
    first[8] = '\0';
    CK_SLOT_ID id = (strtoul(first, NULL, 16) & 0x3fffffffu) | 0x40000000u;
    while (id_in_use(id))
        id++;
    return id;
}

static CK_RV add_token(const char *serial) {
    struct slot *slot;
    if (slot_count == SLOTS_MAX)
        return CKR_OK; /* beyond the limit tokens are not shown */
    TRY(slot_new(id_of_serial(serial), &slot));
    memcpy(slot->serial, serial, sizeof slot->serial);
    CK_RV rv = token_attach(slot, serial);
    if (rv != CKR_OK) { /* not a token, or a damaged one: not shown */
        slot_free(slot);
        return rv == CKR_HOST_MEMORY ? rv : CKR_OK;
    }
    slots[slot_count] = slot;
    slot_count++;
    return CKR_OK;
}

void slot_claim_serial(struct slot *slot, const char *serial) {
    pthread_rwlock_wrlock(&slots_lock);
    memcpy(slot->serial, serial, sizeof slot->serial);
    pthread_rwlock_unlock(&slots_lock);
}

static CK_RV add_free_slot(void) {
    for (size_t i = 0; i < slot_count; i++)
        if (!slots[i]->initialized)
            return CKR_OK;
    if (slot_count == SLOTS_MAX)
        return CKR_OK;
    CK_SLOT_ID id = 0;
    while (id_in_use(id))
        id++;
    struct slot *slot;
    TRY(slot_new(id, &slot));
    slots[slot_count] = slot;
    slot_count++;
    return CKR_OK;
}

static int is_serial(const struct dirent *entry) {
    uint8_t raw[TOKEN_SERIAL_LEN / 2];
    return strlen(entry->d_name) == TOKEN_SERIAL_LEN && hex_decode(raw, sizeof raw, entry->d_name);
}

static CK_RV rescan(void) {
    struct dirent **entries = NULL;
    int count = scandir(module.dir, &entries, is_serial, alphasort);
    CK_RV rv = CKR_OK; /* no directory yet: no tokens */
    for (int i = 0; i < count; i++) {
        if (rv == CKR_OK && !serial_known(entries[i]->d_name))
            rv = add_token(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rv == CKR_OK ? add_free_slot() : rv;
}

CK_RV slots_rescan(void) {
    pthread_rwlock_wrlock(&slots_lock);
    CK_RV rv = rescan();
    pthread_rwlock_unlock(&slots_lock);
    return rv;
}

CK_RV slots_open(void) {
    return slots_rescan();
}

void slots_close(void) {
    pthread_rwlock_wrlock(&slots_lock);
    for (size_t i = 0; i < slot_count; i++) {
        slot_free(slots[i]);
        slots[i] = NULL;
    }
    slot_count = 0;
    pthread_rwlock_unlock(&slots_lock);
}

void slots_abandon(void) {
    size_t count = atomic_load(&slot_count);
    for (size_t i = 0; i < count; i++) {
        /* The files share their locks with the parent's: an open copy here would keep a lock of the
         * parent alive after the parent has died. */
        store_close(&slots[i]->store);
        OPENSSL_cleanse(slots[i]->token_key, sizeof slots[i]->token_key);
        slots[i] = NULL; /* its memory is lost: locks in it may be held by threads that are gone */
    }
    atomic_store(&slot_count, 0);
    (void)pthread_rwlock_init(&slots_lock, NULL);
}

CK_RV slots_list(bool with_token, CK_SLOT_ID *ret_ids, CK_ULONG *count) {
    CK_ULONG found = 0, room = *count;
    CK_RV rv = CKR_OK;
    pthread_rwlock_rdlock(&slots_lock);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < slot_count; i++) {
            bool wanted = slots[i]->initialized ? pass == 0 : pass == 1 && !with_token;
            if (!wanted)
                continue;
            if (ret_ids != NULL && found < room)
                ret_ids[found] = slots[i]->id;
            found++;
        }
    }
    pthread_rwlock_unlock(&slots_lock);
    if (ret_ids != NULL && found > room)
        rv = CKR_BUFFER_TOO_SMALL;
    *count = found;
    return rv;
}

CK_RV slot_find(CK_SLOT_ID id, struct slot **ret_slot) {
    CK_RV rv = CKR_SLOT_ID_INVALID;
    pthread_rwlock_rdlock(&slots_lock);
    for (size_t i = 0; i < slot_count && rv != CKR_OK; i++) {
        if (slots[i]->id == id) {
            *ret_slot = slots[i];
            rv = CKR_OK;
        }
    }
    pthread_rwlock_unlock(&slots_lock);
    return rv;
}
