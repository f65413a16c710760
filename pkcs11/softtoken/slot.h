/* Slots and the tokens in them: a directory of tokens, each a directory; every token is a slot, and
 * there is always one free slot in which C_InitToken makes the next. */
#ifndef SOFTTOKEN_SLOT_H
#define SOFTTOKEN_SLOT_H

#include "record.h"
#include "table.h"

#define SLOTS_MAX 256
#define PIN_TRIES_MAX 10

enum login { LOGIN_NONE, LOGIN_USER, LOGIN_SO };

struct slot {
    CK_SLOT_ID id;
    pthread_mutex_t lock;
    atomic_bool initialized;           /* has a token */
    char serial[TOKEN_SERIAL_LEN + 1]; /* of its token; under slots_lock, never changes again */
    struct store store;
    struct token_record record; /* changed with slot.lock and key_lock, read with either */
    atomic_int login;           /* enum login; of all sessions of this process */
    pthread_mutex_t key_lock;   /* innermost: record, token_key, key_known */
    uint8_t token_key[SEAL_KEY_LEN];
    bool key_known;
    uint64_t generation; /* the files were read at this generation; 0 is never */
    uint64_t scan;       /* counts the readings */
    unsigned damaged;    /* files that did not open at the last reading */
    CK_ULONG sessions;
    CK_ULONG rw_sessions;
    struct table table;
};

struct token_status {
    CK_FLAGS flags;
    CK_ULONG sessions;
    CK_ULONG rw_sessions;
    struct token_record record; /* keys wiped */
};

/* ---- all slots ------------------------------------------------------------------------------ */

CK_RV slots_open(void) MUST_USE;
void slots_close(void);
/* In the child of a fork, where nothing but this is safe: closes files and wipes token keys. */
void slots_abandon(void);
/* Looks for tokens made by other processes. */
CK_RV slots_rescan(void) MUST_USE;
/* Tokens first, the free slot last. Pass NULL for the count alone. */
CK_RV slots_list(bool with_token, CK_SLOT_ID *ret_ids, CK_ULONG *count) MUST_USE;
/* Makes the serial number known before its directory can be seen. */
void slot_claim_serial(struct slot *slot, const char *serial);
/* Slots live until C_Finalize. CKR_SLOT_ID_INVALID. */
CK_RV slot_find(CK_SLOT_ID id, struct slot **ret_slot) MUST_USE;

/* ---- one token ------------------------------------------------------------------------------ */

CK_RV slot_status(struct slot *slot, struct token_status *ret_status) MUST_USE;
CK_RV slot_init_token(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len,
                      const uint8_t label[TOKEN_LABEL_LEN]) MUST_USE;
CK_RV slot_session_opened(struct slot *slot, bool rw) MUST_USE;
/* Closing the last one logs out. */
void slot_session_closed(struct slot *slot, bool rw);

CK_RV slot_login(struct slot *slot, enum role role, const uint8_t *pin, CK_ULONG pin_len) MUST_USE;
CK_RV slot_logout(struct slot *slot) MUST_USE;
/* For CKU_CONTEXT_SPECIFIC: is this the PIN of who is logged in? */
CK_RV slot_check_pin(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len) MUST_USE;
CK_RV slot_init_pin(struct slot *slot, const uint8_t *pin, CK_ULONG pin_len) MUST_USE;
CK_RV slot_set_pin(struct slot *slot, enum role role, const uint8_t *old_pin, CK_ULONG old_len,
                   const uint8_t *new_pin, CK_ULONG new_len) MUST_USE;

/* ---- its objects ---------------------------------------------------------------------------- */

/* Reads what other processes have changed. Cheap when nothing has. */
CK_RV slot_refresh(struct slot *slot) MUST_USE;
/* Stores a token object; puts any object into the table; its handle is known then. */
CK_RV slot_add(struct slot *slot, struct object *object) MUST_USE;
/* The object takes the place of the one with its handle. */
CK_RV slot_replace(struct slot *slot, struct object *object) MUST_USE;
CK_RV slot_remove(struct slot *slot, struct object *object) MUST_USE;
/* Session objects of a session that closes. */
void slot_drop_session_objects(struct slot *slot, CK_SESSION_HANDLE owner);
/* The material of a token object; CKR_USER_NOT_LOGGED_IN. */
CK_RV slot_unseal_material(struct object *object, struct bytes *ret_material) MUST_USE;

#endif
