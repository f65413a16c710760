/* A token's record and PINs. */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include "module.h"

static char *token_path(const char *serial) {
    char *path = NULL;
    return asprintf(&path, "%s/%s", module.dir, serial) < 0 ? NULL : path;
}

static CK_RV read_record(struct store *store, struct token_record *ret_record) {
    AUTO(bytes) struct bytes content = {0};
    if (store_read(store, STORE_TOKEN_FILE, &content, NULL) != CKR_OK)
        return CKR_TOKEN_NOT_RECOGNIZED;
    return record_decode(&content, ret_record);
}

static void set_record(struct slot *slot, const struct token_record *record) {
    pthread_mutex_lock(&slot->key_lock);
    slot->record = *record;
    pthread_mutex_unlock(&slot->key_lock);
}

static CK_RV write_record(struct slot *slot, const struct token_record *record) {
    AUTO(bytes) struct bytes content = {0};
    TRY(record_encode(record, &content));
    TRY(store_write(&slot->store, STORE_TOKEN_FILE, &content, NULL));
    set_record(slot, record);
    return CKR_OK;
}

CK_RV token_attach(struct slot *slot, const char *serial) {
    char *path = token_path(serial);
    if (path == NULL)
        return CKR_HOST_MEMORY;
    CK_RV rv = store_open(path, &slot->store);
    free(path);
    if (rv == CKR_OK)
        rv = read_record(&slot->store, &slot->record);
    if (rv == CKR_OK && strcmp(slot->record.serial, serial) != 0)
        rv = CKR_TOKEN_NOT_RECOGNIZED; /* a copied directory is another token only when renamed */
    if (rv == CKR_OK)
        atomic_store(&slot->initialized, true);
    else
        store_close(&slot->store);
    return rv;
}

CK_RV token_present(const struct slot *slot) {
    struct stat info;
    if (!slot->initialized)
        return CKR_TOKEN_NOT_RECOGNIZED;
    if (fstat(slot->store.dir_fd, &info) != 0 || info.st_nlink == 0)
        return CKR_DEVICE_REMOVED;
    return CKR_OK;
}

CK_RV token_reload(struct slot *slot) {
    struct token_record record;
    TRY(read_record(&slot->store, &record));
    bool same = memcmp(record.instance, slot->record.instance, sizeof record.instance) == 0;
    set_record(slot, &record);
    if (!same) {
        atomic_store(&slot->login, LOGIN_NONE);
        token_forget_key(slot);
        table_remove_if(&slot->table, NULL, NULL);
        slot->generation = 0;
    }
    return CKR_OK;
}

void token_set_key(struct slot *slot, const uint8_t key[SEAL_KEY_LEN]) {
    pthread_mutex_lock(&slot->key_lock);
    memcpy(slot->token_key, key, SEAL_KEY_LEN);
    slot->key_known = true;
    pthread_mutex_unlock(&slot->key_lock);
}

void token_forget_key(struct slot *slot) {
    pthread_mutex_lock(&slot->key_lock);
    OPENSSL_cleanse(slot->token_key, SEAL_KEY_LEN);
    slot->key_known = false;
    pthread_mutex_unlock(&slot->key_lock);
}

CK_RV token_changes(struct slot *slot) {
    struct store_state state;
    TRY(store_read_state(&slot->store, &state));
    bool up_to_date = state.generation == slot->generation && slot->scan > 0;
    state.generation++;
    TRY(store_write_state(&slot->store, &state, false));
    if (up_to_date)
        slot->generation = state.generation;
    return CKR_OK;
}

/* ---- PINs, with the store locked exclusively ------------------------------------------------ */

static CK_RV pin_length(CK_ULONG len) {
    return len >= PIN_MIN && len <= PIN_MAX ? CKR_OK : CKR_PIN_LEN_RANGE;
}

/* A wrong try is on the disk before anybody hears of it, and where it could not be written no PIN is looked at. One that
 * was cut off by the end of the process told nobody anything and does not count: otherwise a signer that is killed while
 * it logs in would lock its own token. */
static CK_RV try_pin(struct slot *slot, enum role role, const uint8_t *pin, CK_ULONG pin_len,
                     uint8_t ret_key[SEAL_KEY_LEN]) {
    struct store_state state;
    TRY(token_reload(slot));
    TRY(store_read_state(&slot->store, &state));
    if (!slot->record.pins[role].set)
        return CKR_USER_PIN_NOT_INITIALIZED;
    if (state.failed_tries[role] >= PIN_TRIES_MAX)
        return CKR_PIN_LOCKED;
    TRY(store_write_state(&slot->store, &state, false));
    CK_RV rv = pin_len > PIN_MAX ? CKR_PIN_INCORRECT
                                 : record_open(&slot->record, role, pin, pin_len, ret_key);
    if (rv != CKR_OK && rv != CKR_PIN_INCORRECT)
        return rv; /* the PIN was not looked at */
    if (rv == CKR_OK && state.failed_tries[role] == 0)
        return rv;
    state.failed_tries[role] = rv == CKR_OK ? 0 : state.failed_tries[role] + 1;
    CK_RV written = store_write_state(&slot->store, &state, rv != CKR_OK);
    return written != CKR_OK ? written : rv;
}

static CK_RV change_pin(struct slot *slot, enum role role, const uint8_t *pin, CK_ULONG pin_len,
                        const uint8_t key[SEAL_KEY_LEN]) {
    struct token_record record = slot->record;
    struct store_state state;
    TRY(record_set_pin(&record, role, pin, pin_len, key));
    TRY(write_record(slot, &record));
    TRY(store_read_state(&slot->store, &state));
    state.failed_tries[role] = 0;
    return store_write_state(&slot->store, &state, true);
}

/* ---- C_InitToken ---------------------------------------------------------------------------- */

static CK_RV remove_file(void *context, const char *name, const struct file_stamp *stamp) {
    struct slot *slot = context;
    (void)stamp;
    if (strcmp(name, STORE_STATE_FILE) == 0 || strcmp(name, STORE_TOKEN_FILE) == 0)
        return CKR_OK;
    return store_remove(&slot->store, name);
}

/* With the store locked. The old objects go first: a crash in between leaves a token that is partly
 * erased, under its old PINs. */
static CK_RV write_new_token(struct slot *slot, const char *serial, const uint8_t *pin,
                             CK_ULONG pin_len, const uint8_t label[TOKEN_LABEL_LEN]) {
    struct token_record record = {0};
    struct store_state state;
    uint8_t key[SEAL_KEY_LEN];
    memcpy(record.serial, serial, TOKEN_SERIAL_LEN + 1);
    memcpy(record.label, label, TOKEN_LABEL_LEN);
    TRY(random_octets(record.instance, sizeof record.instance));
    TRY(random_octets(record.public_key, sizeof record.public_key));
    TRY(random_octets(key, sizeof key));
    CK_RV rv = record_set_pin(&record, ROLE_SO, pin, pin_len, key);
    OPENSSL_cleanse(key, sizeof key);
    TRY(rv);
    TRY(store_read_state(&slot->store, &state));
    state.generation++;
    state.failed_tries[ROLE_SO] = state.failed_tries[ROLE_USER] = 0;
    TRY(store_write_state(&slot->store, &state, true));
    TRY(store_list(&slot->store, remove_file, slot));
    TRY(write_record(slot, &record));
    table_remove_if(&slot->table, NULL, NULL);
    slot->generation = 0;
    atomic_store(&slot->initialized, true);
    return CKR_OK;
}

static CK_RV init_again(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len,
                        const uint8_t label[TOKEN_LABEL_LEN]) {
    char serial[TOKEN_SERIAL_LEN + 1];
    uint8_t key[SEAL_KEY_LEN];
    TRY(token_present(slot));
    TRY(store_lock(&slot->store, true));
    CK_RV rv = try_pin(slot, ROLE_SO, pin, pin_len, key);
    OPENSSL_cleanse(key, sizeof key);
    memcpy(serial, slot->record.serial, sizeof serial);
    if (rv == CKR_OK)
        rv = write_new_token(slot, serial, pin, pin_len, label);
    store_unlock(&slot->store);
    return rv;
}

static CK_RV init_first(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len,
                        const uint8_t label[TOKEN_LABEL_LEN]) {
    uint8_t raw[TOKEN_SERIAL_LEN / 2];
    char serial[TOKEN_SERIAL_LEN + 1];
    TRY(random_octets(raw, sizeof raw));
    hex_encode(serial, raw, sizeof raw);
    char *path = token_path(serial);
    if (path == NULL)
        return CKR_HOST_MEMORY;
    slot_claim_serial(slot, serial);
    CK_RV rv = store_make_directory(path);
    if (rv == CKR_OK)
        rv = store_open(path, &slot->store);
    free(path);
    TRY(rv);
    rv = store_lock(&slot->store, true);
    if (rv == CKR_OK)
        rv = write_new_token(slot, serial, pin, pin_len, label);
    store_unlock(&slot->store);
    if (rv != CKR_OK)
        store_close(&slot->store); /* a directory without a record is not a token */
    return rv;
}

CK_RV slot_init_token(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len,
                      const uint8_t label[TOKEN_LABEL_LEN]) {
    CK_RV rv = pin_length(pin_len);
    TRY(rv);
    pthread_mutex_lock(&slot->lock);
    if (slot->sessions > 0)
        rv = CKR_SESSION_EXISTS;
    else if (slot->initialized)
        rv = init_again(slot, pin, pin_len, label);
    else
        rv = init_first(slot, pin, pin_len, label);
    pthread_mutex_unlock(&slot->lock);
    return rv == CKR_OK ? slots_rescan() : rv; /* there is a free slot again */
}

/* ---- status --------------------------------------------------------------------------------- */

static CK_FLAGS try_flags(const struct store_state *state, enum role role) {
    static const CK_FLAGS flags[ROLE_COUNT][3] = {
        [ROLE_SO] = {CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED},
        [ROLE_USER] = {CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED},
    };
    uint32_t failed = state->failed_tries[role];
    if (failed >= PIN_TRIES_MAX)
        return flags[role][2];
    return (failed > 0 ? flags[role][0] : 0) | (failed == PIN_TRIES_MAX - 1 ? flags[role][1] : 0);
}

static CK_RV status(struct slot *slot, struct token_status *ret_status) {
    struct store_state state;
    *ret_status =
        (struct token_status){.flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS};
    if (!slot->initialized) {
        memset(ret_status->record.label, ' ', TOKEN_LABEL_LEN);
        return CKR_OK;
    }
    if (token_present(slot) != CKR_OK)
        return CKR_TOKEN_NOT_PRESENT;
    TRY(store_lock(&slot->store, false));
    CK_RV rv = token_reload(slot);
    if (rv == CKR_OK)
        rv = store_read_state(&slot->store, &state);
    store_unlock(&slot->store);
    TRY(rv);
    ret_status->record = slot->record;
    ret_status->sessions = slot->sessions;
    ret_status->rw_sessions = slot->rw_sessions;
    ret_status->flags |= CKF_TOKEN_INITIALIZED | try_flags(&state, ROLE_SO);
    if (slot->record.pins[ROLE_USER].set)
        ret_status->flags |= CKF_USER_PIN_INITIALIZED | try_flags(&state, ROLE_USER);
    return CKR_OK;
}

CK_RV slot_status(struct slot *slot, struct token_status *ret_status) {
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = status(slot, ret_status);
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

/* ---- log-in, with slot.lock ----------------------------------------------------------------- */

static CK_RV login(struct slot *slot, enum role role, const uint8_t *pin, CK_ULONG pin_len) {
    uint8_t key[SEAL_KEY_LEN];
    enum login wanted = role == ROLE_SO ? LOGIN_SO : LOGIN_USER;
    enum login now = (enum login)atomic_load(&slot->login);
    TRY(token_present(slot));
    if (now != LOGIN_NONE)
        return now == wanted ? CKR_USER_ALREADY_LOGGED_IN : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    if (role == ROLE_SO && slot->rw_sessions < slot->sessions)
        return CKR_SESSION_READ_ONLY_EXISTS;
    TRY(store_lock(&slot->store, true));
    CK_RV rv = try_pin(slot, role, pin, pin_len, key);
    store_unlock(&slot->store);
    TRY(rv);
    token_set_key(slot, key);
    OPENSSL_cleanse(key, sizeof key);
    atomic_store(&slot->login, wanted);
    slot->generation = 0; /* private objects are to be read now */
    rv = token_read_objects(slot);
    if (rv != CKR_OK) {
        atomic_store(&slot->login, LOGIN_NONE);
        token_hide_private(slot);
    }
    return rv;
}

CK_RV slot_login(struct slot *slot, enum role role, const uint8_t *pin, CK_ULONG pin_len) {
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = login(slot, role, pin, pin_len);
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

CK_RV slot_check_pin(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len) {
    uint8_t key[SEAL_KEY_LEN];
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = CKR_USER_NOT_LOGGED_IN;
    enum login now = (enum login)atomic_load(&slot->login);
    if (now != LOGIN_NONE) {
        rv = store_lock(&slot->store, true);
        if (rv == CKR_OK) {
            rv = try_pin(slot, now == LOGIN_SO ? ROLE_SO : ROLE_USER, pin, pin_len, key);
            store_unlock(&slot->store);
        }
    }
    pthread_mutex_unlock(&slot->lock);
    OPENSSL_cleanse(key, sizeof key);
    return rv;
}

CK_RV slot_logout(struct slot *slot) {
    pthread_mutex_lock(&slot->lock);
    bool was = atomic_exchange(&slot->login, LOGIN_NONE) != LOGIN_NONE;
    if (was)
        token_hide_private(slot);
    pthread_mutex_unlock(&slot->lock);
    return was ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV init_pin(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len) {
    uint8_t key[SEAL_KEY_LEN];
    TRY(token_present(slot));
    TRY(store_lock(&slot->store, true));
    CK_RV rv = token_reload(slot);
    if (rv == CKR_OK && !slot->key_known) /* initialised anew by somebody else meanwhile */
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK) {
        memcpy(key, slot->token_key, sizeof key);
        rv = change_pin(slot, ROLE_USER, pin, pin_len, key);
        OPENSSL_cleanse(key, sizeof key);
    }
    store_unlock(&slot->store);
    return rv;
}

CK_RV slot_init_pin(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len) {
    TRY(pin_length(pin_len));
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = atomic_load(&slot->login) == LOGIN_SO ? init_pin(slot, pin, pin_len)
                                                     : CKR_USER_NOT_LOGGED_IN;
    pthread_mutex_unlock(&slot->lock);
    return rv;
}

static CK_RV set_pin(struct slot *slot, enum role role, const uint8_t *old_pin, CK_ULONG old_len,
                     const uint8_t *new_pin, CK_ULONG new_len) {
    uint8_t key[SEAL_KEY_LEN];
    TRY(token_present(slot));
    TRY(store_lock(&slot->store, true));
    CK_RV rv = try_pin(slot, role, old_pin, old_len, key);
    if (rv == CKR_OK) {
        rv = change_pin(slot, role, new_pin, new_len, key);
        OPENSSL_cleanse(key, sizeof key);
    }
    store_unlock(&slot->store);
    return rv;
}

CK_RV slot_set_pin(struct slot *slot, enum role role, const uint8_t *old_pin, CK_ULONG old_len,
                   const uint8_t *new_pin, CK_ULONG new_len) {
    TRY(pin_length(new_len));
    pthread_mutex_lock(&slot->lock);
    CK_RV rv = set_pin(slot, role, old_pin, old_len, new_pin, new_len);
    pthread_mutex_unlock(&slot->lock);
    return rv;
}
