#include "session.h"

#include <stdlib.h>

#include "module.h"

/* A session's memory is never given back while the module lives, so a stale handle meets a free or
 * another session, never freed memory. */
#define CHUNK 64
#define CHUNKS ((SESSIONS_MAX + 1) / CHUNK)

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *_Atomic chunks[CHUNKS];
static uint32_t free_list[SESSIONS_MAX + 1]; /* indexes of free sessions, a stack */
static size_t free_count;
static size_t made_count;

/* handle = generation << 16 | (index + 1) */
static struct session *session_at(uint32_t index) {
    struct session *chunk = atomic_load_explicit(&chunks[index / CHUNK], memory_order_acquire);
    return chunk == NULL ? NULL : &chunk[index % CHUNK];
}

CK_RV session_get(CK_SESSION_HANDLE handle, struct session **ret_session) {
    uint32_t number = (uint32_t)(handle & 0xffff);
    struct session *session = number == 0 ? NULL : session_at(number - 1);
    if (session == NULL)
        return CKR_SESSION_HANDLE_INVALID;
    pthread_mutex_lock(&session->lock);
    if (session->handle != handle) {
        pthread_mutex_unlock(&session->lock);
        return CKR_SESSION_HANDLE_INVALID;
    }
    *ret_session = session;
    return CKR_OK;
}

static void forget_dead(struct session *session) {
    signature_op_forget_dead(&session->sign);
    signature_op_forget_dead(&session->verify);
    signature_op_forget_dead(&session->sign_recover);
    signature_op_forget_dead(&session->verify_recover);
}

/* The flag is raised before the lock is tried, and looked at again after the lock was given back:
 * so either the one who raises it or the one who holds the session sees to it. */
static void unlock(struct session *session) {
    do {
        if (atomic_exchange(&session->forget, false))
            forget_dead(session);
        pthread_mutex_unlock(&session->lock);
    } while (atomic_load(&session->forget) && pthread_mutex_trylock(&session->lock) == 0);
}

void session_put(struct session **session) {
    if (*session != NULL)
        unlock(*session);
    *session = NULL;
}

/* With pool_lock. */
static CK_RV make_chunk(void) {
    if (made_count + CHUNK > SESSIONS_MAX)
        return CKR_SESSION_COUNT;
    struct session *chunk = calloc(CHUNK, sizeof *chunk);
    if (chunk == NULL)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < CHUNK; i++)
        (void)pthread_mutex_init(&chunk[i].lock, NULL);
    atomic_store_explicit(&chunks[made_count / CHUNK], chunk, memory_order_release);
    for (size_t i = CHUNK; i > 0; i--)
        free_list[free_count++] = (uint32_t)(made_count + i - 1);
    made_count += CHUNK;
    return CKR_OK;
}

static CK_RV take_free(uint32_t *ret_index) {
    pthread_mutex_lock(&pool_lock);
    CK_RV rv = free_count > 0 ? CKR_OK : make_chunk();
    if (rv == CKR_OK)
        *ret_index = free_list[--free_count];
    pthread_mutex_unlock(&pool_lock);
    return rv;
}

static _Atomic uint64_t opened_count;

static CK_RV session_open(struct slot *slot, CK_FLAGS flags, CK_SESSION_HANDLE *ret_handle) {
    uint32_t index;
    bool rw = (flags & CKF_RW_SESSION) != 0;
    TRY(slot_session_opened(slot, rw));
    CK_RV rv = take_free(&index);
    if (rv != CKR_OK) {
        slot_session_closed(slot, rw);
        return rv;
    }
    struct session *session = session_at(index);
    pthread_mutex_lock(&session->lock);
    session->generation = (session->generation + 1) & 0x7fff;
    session->handle = (CK_SESSION_HANDLE)session->generation << 16 | (index + 1);
    session->slot = slot;
    session->opened = atomic_fetch_add(&opened_count, 1);
    session->flags = flags;
    session->has_objects = false;
    *ret_handle = session->handle;
    pthread_mutex_unlock(&session->lock);
    return CKR_OK;
}

static void drop_operations(struct session *session) {
    handle_list_drop(&session->find.found);
    session->find = (struct find_op){0};
    EVP_MD_CTX_free(session->digest.ctx);
    session->digest = (struct digest_op){0};
    signature_op_drop(&session->sign);
    signature_op_drop(&session->verify);
    signature_op_drop(&session->sign_recover);
    signature_op_drop(&session->verify_recover);
    cipher_op_drop(&session->encrypt);
    cipher_op_drop(&session->decrypt);
}

/* With the session's lock, which it gives back. */
static void session_close(struct session *session) {
    struct slot *slot = session->slot;
    CK_SESSION_HANDLE handle = session->handle;
    bool rw = session_is_rw(session), has_objects = session->has_objects;
    drop_operations(session);
    session->handle = 0;
    session->slot = NULL;
    pthread_mutex_unlock(&session->lock);
    if (has_objects)
        slot_drop_session_objects(slot, handle);
    slot_session_closed(slot, rw);
    pthread_mutex_lock(&pool_lock);
    free_list[free_count++] = (uint32_t)(handle & 0xffff) - 1;
    pthread_mutex_unlock(&pool_lock);
    if (has_objects) /* other sessions may still have a key of this one ready */
        sessions_forget_dead();
}

static size_t sessions_made(void) {
    pthread_mutex_lock(&pool_lock);
    size_t count = made_count;
    pthread_mutex_unlock(&pool_lock);
    return count;
}

/* Those that are open at its beginning: one that another thread opens meanwhile lives on. */
void sessions_close_all(const struct slot *slot) {
    size_t count = sessions_made();
    uint64_t before = atomic_load(&opened_count);
    for (size_t i = 0; i < count; i++) {
        struct session *session = session_at((uint32_t)i);
        pthread_mutex_lock(&session->lock);
        if (session->handle != 0 && session->opened < before && (slot == NULL || session->slot == slot))
            session_close(session);
        else
            pthread_mutex_unlock(&session->lock);
    }
}

void sessions_forget_dead(void) {
    size_t count = sessions_made();
    for (size_t i = 0; i < count; i++) {
        struct session *session = session_at((uint32_t)i);
        atomic_store(&session->forget, true);
        if (pthread_mutex_trylock(&session->lock) == 0)
            unlock(session);
    }
}

void sessions_abandon(void) {
    for (size_t i = 0; i < CHUNKS; i++)
        atomic_store(&chunks[i], NULL);
    free_count = made_count = 0;
    (void)pthread_mutex_init(&pool_lock, NULL);
}

bool session_is_rw(const struct session *session) {
    return (session->flags & CKF_RW_SESSION) != 0;
}

CK_RV session_object(struct session *session, CK_OBJECT_HANDLE handle, struct object **ret_object) {
    struct object *object = table_get(&session->slot->table, handle);
    if (object == NULL)
        return CKR_OBJECT_HANDLE_INVALID;
    *ret_object = object;
    return CKR_OK;
}

CK_RV session_may_write(const struct session *session, const struct object *object) {
    if (object->private && atomic_load(&session->slot->login) != LOGIN_USER)
        return CKR_USER_NOT_LOGGED_IN;
    if (object->on_token && !session_is_rw(session))
        return CKR_SESSION_READ_ONLY;
    return CKR_OK;
}

CK_RV session_add(struct session *session, struct object *object, CK_OBJECT_HANDLE *ret_handle) {
    TRY(session_may_write(session, object));
    if (!object->on_token) {
        object->owner = session->handle;
        session->has_objects = true;
    }
    TRY(slot_add(session->slot, object));
    *ret_handle = object->handle;
    return CKR_OK;
}

/* ---- functions of the standard -------------------------------------------------------------- */

CK_RV C_OpenSession(CK_SLOT_ID slotID, CK_FLAGS flags, void *pApplication, CK_NOTIFY Notify,
                    CK_SESSION_HANDLE *phSession) {
    struct slot *slot;
    (void)pApplication; /* there is nothing to notify of: no function here surrenders */
    (void)Notify;
    REQUIRE_READY();
    if (phSession == NULL)
        return CKR_ARGUMENTS_BAD;
    if ((flags & CKF_SERIAL_SESSION) == 0)
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    TRY(slot_find(slotID, &slot));
    return session_open(slot, flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION), phSession);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE hSession) {
    struct session *session;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    session_close(session);
    return CKR_OK;
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slotID) {
    struct slot *slot;
    REQUIRE_READY();
    TRY(slot_find(slotID, &slot));
    sessions_close_all(slot);
    return CKR_OK;
}

static CK_STATE session_state(const struct session *session) {
    bool rw = session_is_rw(session);
    switch (atomic_load(&session->slot->login)) {
    case LOGIN_SO:
        return CKS_RW_SO_FUNCTIONS;
    case LOGIN_USER:
        return rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    default:
        return rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
    }
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO *pInfo) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    if (pInfo == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(session_get(hSession, &session));
    pthread_mutex_lock(&session->slot->lock);
    unsigned damaged = session->slot->damaged;
    pthread_mutex_unlock(&session->slot->lock);
    *pInfo = (CK_SESSION_INFO){
        .slotID = session->slot->id,
        .state = session_state(session),
        .flags = session->flags,
        .ulDeviceError = damaged, /* how many of the token's files do not open */
    };
    return CKR_OK;
}

static CK_RV login(struct session *session, CK_USER_TYPE user, const uint8_t *pin, CK_ULONG len) {
    if (pin == NULL)
        return len == 0 ? CKR_PIN_INCORRECT : CKR_ARGUMENTS_BAD; /* there is no PIN pad */
    switch (user) {
    case CKU_SO:
        return slot_login(session->slot, ROLE_SO, pin, len);
    case CKU_USER:
        return slot_login(session->slot, ROLE_USER, pin, len);
    case CKU_CONTEXT_SPECIFIC:
        if (!signature_op_wants_login(&session->sign) &&
            !signature_op_wants_login(&session->sign_recover) &&
            !cipher_op_wants_login(&session->decrypt))
            return CKR_OPERATION_NOT_INITIALIZED;
        TRY(slot_check_pin(session->slot, pin, len));
        session->sign.authenticated = session->decrypt.authenticated = true;
        session->sign_recover.authenticated = true;
        return CKR_OK;
    default:
        return CKR_USER_TYPE_INVALID;
    }
}

CK_RV C_Login(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR *pPin,
              CK_ULONG ulPinLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    return login(session, userType, pPin, ulPinLen);
}

CK_RV C_LoginUser(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR *pPin,
                  CK_ULONG ulPinLen, CK_UTF8CHAR *pUsername, CK_ULONG ulUsernameLen) {
    if (pUsername != NULL && ulUsernameLen > 0)
        return CKR_ARGUMENTS_BAD; /* the token knows one user, without a name */
    return C_Login(hSession, userType, pPin, ulPinLen);
}

CK_RV C_Logout(CK_SESSION_HANDLE hSession) {
    struct session *session;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct slot *slot = session->slot;
    CK_RV rv = slot_logout(slot);
    session_put(&session);
    if (rv == CKR_OK)
        sessions_forget_dead();
    return rv;
}

CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pPin == NULL)
        return CKR_ARGUMENTS_BAD;
    return slot_init_pin(session->slot, pPin, ulPinLen);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pOldPin, CK_ULONG ulOldLen,
               CK_UTF8CHAR *pNewPin, CK_ULONG ulNewLen) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pOldPin == NULL || pNewPin == NULL)
        return CKR_ARGUMENTS_BAD;
    if (!session_is_rw(session))
        return CKR_SESSION_READ_ONLY;
    enum role role = atomic_load(&session->slot->login) == LOGIN_SO ? ROLE_SO : ROLE_USER;
    return slot_set_pin(session->slot, role, pOldPin, ulOldLen, pNewPin, ulNewLen);
}

/* pkcs11-v3.2#5.6.9: ends the named operations; what is not going on is no error. */
CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if ((flags & CKF_FIND_OBJECTS) != 0) {
        handle_list_drop(&session->find.found);
        session->find = (struct find_op){0};
    }
    if ((flags & CKF_DIGEST) != 0)
        session->digest.active = false;
    if ((flags & CKF_SIGN) != 0)
        signature_op_drop(&session->sign);
    if ((flags & CKF_VERIFY) != 0)
        signature_op_drop(&session->verify);
    if ((flags & CKF_SIGN_RECOVER) != 0)
        signature_op_drop(&session->sign_recover);
    if ((flags & CKF_VERIFY_RECOVER) != 0)
        signature_op_drop(&session->verify_recover);
    if ((flags & CKF_ENCRYPT) != 0)
        cipher_op_drop(&session->encrypt);
    if ((flags & CKF_DECRYPT) != 0)
        cipher_op_drop(&session->decrypt);
    return CKR_OK;
}
