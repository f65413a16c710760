/* Sessions, and the operation that each may have going of each kind. */
#ifndef SOFTTOKEN_SESSION_H
#define SOFTTOKEN_SESSION_H

#include "cipher.h"
#include "signature.h"
#include "slot.h"

#define SESSIONS_MAX 65535
/* What a multi-part operation may collect (signatures over whole messages, authenticated
 * decryption); more is CKR_DATA_LEN_RANGE. */
#define MESSAGE_MAX (64u * 1024u * 1024u)

struct find_op {
    bool active;
    struct handle_list found;
    size_t next;
};

struct digest_op {
    bool active;
    bool multipart;
    EVP_MD_CTX *ctx;
    size_t len;
};

struct session {
    pthread_mutex_t lock;
    CK_SESSION_HANDLE handle; /* 0: free */
    uint32_t generation;      /* upper half of the next handle */
    uint64_t opened; /* which of all sessions ever opened it is */
    struct slot *slot;
    CK_FLAGS flags;
    bool has_objects;   /* may have made session objects */
    atomic_bool forget; /* a key died: whoever gives the session back looks for it */
    struct find_op find;
    struct digest_op digest;
    struct signature_op sign;
    struct signature_op verify;
    struct signature_op sign_recover;
    struct signature_op verify_recover;
    struct cipher_op encrypt;
    struct cipher_op decrypt;
};

/* The session, locked: give it back with session_put. CKR_SESSION_HANDLE_INVALID. */
CK_RV session_get(CK_SESSION_HANDLE handle, struct session **ret_session) MUST_USE;
void session_put(struct session **session); /* AUTO(session) */
static inline void session_drop(struct session **session) {
    session_put(session);
}

bool session_is_rw(const struct session *session);
/* The object if this session may see it, with a reference; CKR_OBJECT_HANDLE_INVALID. */
CK_RV session_object(struct session *session, CK_OBJECT_HANDLE handle, struct object **ret_object)
    MUST_USE;
/* May this session make or change such an object: CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN. */
CK_RV session_may_write(const struct session *session, const struct object *object) MUST_USE;
/* session_may_write, then stores it: for everything that makes objects. */
CK_RV session_add(struct session *session, struct object *object, CK_OBJECT_HANDLE *ret_handle)
    MUST_USE;

/* Sessions keep the last key ready for its next use; after a key was destroyed or the user logged
 * out they must not. Does not wait for sessions that are at work: they see to it when they end. */
void sessions_forget_dead(void);
void sessions_close_all(const struct slot *slot); /* NULL: of every slot */
void sessions_abandon(void);                      /* in the child of a fork */

#endif
