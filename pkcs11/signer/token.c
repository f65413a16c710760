#include "signer/token.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM "signer"
#define WAIT_SECONDS 30
#define SLOTS_MAX 256

struct token *token_new(struct module *module, CK_SLOT_ID slot, const PKCS11_TOKEN *info) {
    struct token *token = must_alloc(sizeof *token);
    token->module = module;
    token->slot = slot;
    token->present = true;
    token->sessions_max = TOKEN_SESSIONS_MAX;
    snprintf(token->label, sizeof token->label, "%s", info->label == NULL ? "" : info->label);
    snprintf(token->serial, sizeof token->serial, "%s",
             info->serialnr == NULL ? "" : info->serialnr);
    snprintf(token->manufacturer, sizeof token->manufacturer, "%s",
             info->manufacturer == NULL ? "" : info->manufacturer);
    snprintf(token->model, sizeof token->model, "%s", info->model == NULL ? "" : info->model);
    pthread_mutex_init(&token->lock, NULL);
    pthread_mutex_init(&token->making, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&token->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    token->generation = 1;
    return token;
}

/* ---- a token that was pulled out; the caller holds token->lock -------------------------------- */

static bool means_gone(CK_RV rv) {
    return rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_ERROR ||
           rv == CKR_SLOT_ID_INVALID;
}

static bool call_failed(struct token *token, const char *call, CK_RV rv, struct error *err) {
    token->away = token->away || means_gone(rv);
    return ckr_fail(err, token->label, call, rv);
}

/* Padded with blanks, by some modules with NULs. */
static bool same_text(const CK_UTF8CHAR *field, size_t size, const char *text) {
    size_t len = strnlen((const char *)field, size), wanted = strlen(text);
    while (len > 0 && field[len - 1] == ' ')
        len--;
    while (wanted > 0 && text[wanted - 1] == ' ')
        wanted--;
    return len == wanted && memcmp(field, text, len) == 0;
}

static bool describes(const CK_TOKEN_INFO *info, const struct token *token) {
    return same_text(info->label, sizeof info->label, token->label) &&
           same_text(info->serialNumber, sizeof info->serialNumber, token->serial);
}

static bool is_in_slot(const struct token *token, CK_SLOT_ID slot) {
    CK_TOKEN_INFO info;
    return token->module->f->C_GetTokenInfo(slot, &info) == CKR_OK && describes(&info, token);
}

/* Modules connect to a card that is back when their slots are listed, and not before (ykcs11 goes on
 * to report a fault of the device for ever); it may be in another reader now, and another card in its. */
bool token_look_again(struct token *token, struct error *err) {
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    if (!token->away || token->module->f->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return true;
    for (CK_ULONG i = 0; i < count; i++)
        if (is_in_slot(token, slots[i])) {
            token->slot = slots[i];
            token->away = false;
            return true;
        }
    return call_failed(token, "it is in no slot", CKR_TOKEN_NOT_PRESENT, err);
}

/* ---- log-in; the caller holds token->lock ---------------------------------------------------- */

static void hash_pin(const char *pin, uint8_t hash[static 32]) {
    EVP_Digest(pin, strlen(pin), hash, NULL, EVP_sha256(), NULL);
}

static bool copy_pin(const char *pin, char **ret_pin, struct error *err) {
    char *copy = OPENSSL_secure_malloc(strlen(pin) + 1);
    if (copy == NULL)
        return fail_internal(err, "no locked memory for a PIN");
    memcpy(copy, pin, strlen(pin) + 1);
    *ret_pin = copy;
    return true;
}

/* NULL when none is configured. */
static bool current_pin(struct token *token, char **ret_pin, struct error *err) {
    *ret_pin = NULL;
    if (token->typed_pin != NULL)
        return copy_pin(token->typed_pin, ret_pin, err);
    return token->pin_file == NULL ? true : pin_read(token->pin_file, ret_pin, err);
}

/* Locking a token for good is worse than any outage: the last try is left to a person. */
static bool may_try_pin(struct token *token, CK_FLAGS flags, struct error *err) {
    if ((flags & CKF_USER_PIN_LOCKED) != 0)
        return ckr_fail(err, token->label, "C_GetTokenInfo", CKR_PIN_LOCKED);
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return fail(
            err, ERROR_FORBIDDEN, "pin-last-try",
            "Token \"%s\": one PIN try is left, which is never used automatically. Log in once "
            "with the vendor's tool.",
            token->label);
    return true;
}

static bool is_new_pin(struct token *token, const char *pin, struct error *err) {
    uint8_t hash[32];
    hash_pin(pin, hash);
    if (token->pin_refused && CRYPTO_memcmp(hash, token->refused_pin_hash, sizeof hash) == 0)
        return ckr_fail(err, token->label, "not tried again", CKR_PIN_INCORRECT);
    return true;
}

static bool do_login(struct token *token, const char *pin, struct error *err) {
    CK_RV rv = token->module->f->C_Login(token->holder, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin,
                                         pin == NULL ? 0 : strlen(pin));
    if (rv == CKR_PIN_INCORRECT && pin != NULL) {
        token->pin_refused = true;
        hash_pin(pin, token->refused_pin_hash);
    }
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return call_failed(token, "C_Login", rv, err);
    token->logged_in = true;
    token->pin_refused = false;
    return true;
}

static bool session_logged_in(struct token *token, CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info;
    return token->module->f->C_GetSessionInfo(session, &info) == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

bool token_session_is_public(struct token *token, CK_SESSION_HANDLE session) {
    pthread_mutex_lock(&token->lock);
    bool needed = token->needs_login;
    pthread_mutex_unlock(&token->lock);
    return needed && !session_logged_in(token, session);
}

/* Another card may be in the slot since, with keys of the same handles: a session ends with its card, so whose it is can
 * be asked once it is there. */
static CK_RV open_session(struct token *token, CK_FLAGS flags, CK_SESSION_HANDLE *ret_session) {
    const CK_FUNCTION_LIST *f = token->module->f;
    CK_SESSION_HANDLE session;
    CK_RV rv = f->C_OpenSession(token->slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &session);
    if (rv == CKR_OK && !is_in_slot(token, token->slot)) {
        f->C_CloseSession(session);
        rv = CKR_TOKEN_NOT_PRESENT;
    }
    if (rv == CKR_OK)
        *ret_session = session;
    return rv;
}

CK_RV token_open_writing(struct token *token, CK_SESSION_HANDLE *ret_session) {
    return open_session(token, CKF_RW_SESSION, ret_session);
}

/* ykcs11 says how many tries are left as it was when the first session was opened, though other
 * programs may have used them up since, or somebody has logged in with the right PIN. */
static bool look_at_tries(struct token *token, CK_TOKEN_INFO *info, struct error *err) {
    const CK_FUNCTION_LIST *f = token->module->f;
    if (!token->holder_new && !token->holder_busy && token->open_count == token->idle_count) {
        while (token->idle_count > 0)
            f->C_CloseSession(token->idle[--token->idle_count]);
        token->open_count = 0;
        f->C_CloseSession(token->holder);
        token->has_holder = false;
        token->generation++;
        CK_RV rv = open_session(token, 0, &token->holder);
        if (rv != CKR_OK)
            return call_failed(token, "C_OpenSession", rv, err);
        token->has_holder = true;
    }
    token->holder_new = false;
    CK_RV rv = f->C_GetTokenInfo(token->slot, info);
    return rv == CKR_OK ? true : call_failed(token, "C_GetTokenInfo", rv, err);
}

/* Another token in the same slot would lose a try to this one's PIN. */
static bool is_still_it(struct token *token, const CK_TOKEN_INFO *info, struct error *err) {
    return describes(info, token) || call_failed(token, "another token is in its slot", CKR_TOKEN_NOT_PRESENT, err);
}

/* libp11's log-in is not used: it remembers that it logged in and does nothing after a lost
 * session, and it keeps the PIN in ordinary memory. */
static bool ensure_login(struct token *token, struct error *err) {
    CK_TOKEN_INFO info;
    if (token->logged_in)
        return true;
    CK_RV rv = token->module->f->C_GetTokenInfo(token->slot, &info);
    if (rv != CKR_OK)
        return call_failed(token, "C_GetTokenInfo", rv, err);
    token->needs_login = (info.flags & CKF_LOGIN_REQUIRED) != 0;
    if (!token->needs_login || session_logged_in(token, token->holder)) {
        token->logged_in = true;
        return true;
    }
    char *pin;
    TRY(current_pin(token, &pin, err));
    if (pin == NULL) { /* public objects can be read; the token itself will say when that is not enough */
        token->has_pad = (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
        return !token->has_pad ||
               (may_try_pin(token, info.flags, err) && token_log_in_at_pad(token, err));
    }
    bool done = is_new_pin(token, pin, err) && look_at_tries(token, &info, err) && is_still_it(token, &info, err) &&
                may_try_pin(token, info.flags, err) && do_login(token, pin, err);
    token_pin_free(pin);
    return done;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static bool ensure_holder(struct token *token, struct error *err) {
    if (token->has_holder)
        return true;
    CK_RV rv = open_session(token, 0, &token->holder);
    if (rv != CKR_OK)
        return call_failed(token, "C_OpenSession", rv, err);
    token->has_holder = token->holder_new = true;
    return true;
}

/* The caller holds token->lock. The holder is not closed: another thread may be inside a call with
 * it, and some modules free a session under its user. A live one is kept, a dead one needs no
 * closing. */
static void forget_sessions(struct token *token) {
    const CK_FUNCTION_LIST *f = token->module->f;
    CK_SESSION_INFO info;
    for (size_t i = 0; i < token->idle_count; i++)
        f->C_CloseSession(token->idle[i]);
    if (token->has_holder)
        token->has_holder = f->C_GetSessionInfo(token->holder, &info) == CKR_OK;
    token->idle_count = token->open_count = token->kek_count = 0;
    token->logged_in = false;
    token->generation++;
    log_warn(ROOM, "token \"%s\": its sessions were lost and are opened again", token->label);
}

static bool ensure_ready(struct token *token, struct error *err) {
    CK_SESSION_INFO info;
    TRY(token_pad_error(token, err)); /* the module may block whoever comes meanwhile */
    TRY(token_look_again(token, err));
    TRY(ensure_holder(token, err));
    if (token->logged_in)
        return true;
    if (token->module->f->C_GetSessionInfo(token->holder, &info) != CKR_OK) {
        forget_sessions(token);
        TRY(ensure_holder(token, err));
    }
    return ensure_login(token, err);
}

static bool wait_for_session(struct token *token, struct error *err) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    while (token->idle_count == 0 && token->open_count >= token->sessions_max)
        if (pthread_cond_timedwait(&token->freed, &token->lock, &until) != 0)
            return ckr_fail(err, token->label, "waited for a session", CKR_SESSION_COUNT);
    return true;
}

static void note_use(struct token *token, CK_SESSION_HANDLE handle) {
    if (token->in_use_count < TOKEN_SESSIONS_MAX)
        token->in_use[token->in_use_count++] = (struct in_use){handle, clock_monotonic_us()};
}

static void note_end(struct token *token, CK_SESSION_HANDLE handle) {
    size_t i = 0;
    while (i < token->in_use_count && token->in_use[i].handle != handle)
        i++;
    if (i < token->in_use_count)
        token->in_use[i] = token->in_use[--token->in_use_count];
}

static bool take_locked(struct token *token, struct session *ret_session, struct error *err) {
    for (;;) {
        TRY(wait_for_session(token, err));
        TRY(ensure_ready(token, err));
        ret_session->generation = token->generation;
        if (token->idle_count > 0) {
            ret_session->handle = token->idle[--token->idle_count];
            return true;
        }
        CK_RV rv = open_session(token, 0, &ret_session->handle);
        if (rv == CKR_OK) {
            token->open_count++;
            return true;
        }
        /* The token allows fewer than we thought: live with those that are open. */
        if (rv != CKR_SESSION_COUNT || token->open_count == 0)
            return call_failed(token, "C_OpenSession", rv, err);
        token->sessions_max = (unsigned)token->open_count;
    }
}

bool token_take(struct token *token, struct session *ret_session, struct error *err) {
    struct session session;
    pthread_mutex_lock(&token->lock);
    bool done = take_locked(token, &session, err);
    if (done)
        note_use(token, session.handle);
    pthread_mutex_unlock(&token->lock);
    if (done)
        *ret_session = session;
    return done;
}

/* After an error inside an operation the session may still be busy with it; a fresh one is cheaper
 * than knowing. */
static bool session_is_clean(CK_RV last) {
    return last == CKR_OK || last == CKR_ENCRYPTED_DATA_INVALID || last == CKR_SIGNATURE_INVALID;
}

void token_give(struct token *token, struct session session, CK_RV last) {
    pthread_mutex_lock(&token->lock);
    note_end(token, session.handle);
    bool current = session.generation == token->generation;
    bool keep = current && session_is_clean(last) && token->idle_count < TOKEN_SESSIONS_MAX;
    if (keep)
        token->idle[token->idle_count++] = session.handle;
    else if (current)
        token->open_count--;
    pthread_cond_signal(&token->freed);
    pthread_mutex_unlock(&token->lock);
    if (!keep)
        token->module->f->C_CloseSession(session.handle);
}

bool token_hold(struct token *token, struct session *ret_holder, struct error *err) {
    pthread_mutex_lock(&token->making);
    pthread_mutex_lock(&token->lock);
    bool done = ensure_ready(token, err);
    if (done)
        *ret_holder = (struct session){token->holder, token->generation};
    token->holder_busy = done;
    pthread_mutex_unlock(&token->lock);
    if (!done)
        pthread_mutex_unlock(&token->making);
    return done;
}

void token_release(struct token *token) {
    pthread_mutex_lock(&token->lock);
    token->holder_busy = false;
    pthread_mutex_unlock(&token->lock);
    pthread_mutex_unlock(&token->making);
}

/* A log-out destroys private session objects, and handles of private objects: as bad as a lost
 * session. */
static bool holder_is_good(struct token *token) {
    CK_SESSION_INFO info;
    return token->has_holder &&
           token->module->f->C_GetSessionInfo(token->holder, &info) == CKR_OK &&
           (!token->logged_in || !token->needs_login || session_logged_in(token, token->holder));
}

/* ykcs11 2.7 goes on saying that its user is logged in when the card was reset, and the card says no: it logs in again once
 * no session is left. */
static bool drop_holder(struct token *token) {
    if (!token->needs_login || token->holder_busy || token->pad == PAD_WAITS)
        return false;
    token->module->f->C_CloseSession(token->holder);
    token->has_holder = false;
    return true;
}

void token_displace(struct token *token) {
    const CK_FUNCTION_LIST *f = token->module->f;
    pthread_mutex_lock(&token->lock);
    token->away = true;
    while (token->idle_count > 0)
        f->C_CloseSession(token->idle[--token->idle_count]);
    if (token->has_holder && !token->holder_busy && token->pad != PAD_WAITS) {
        f->C_CloseSession(token->holder);
        token->has_holder = false;
    }
    token->open_count = token->kek_count = 0;
    token->logged_in = false;
    token->generation++;
    pthread_mutex_unlock(&token->lock);
}

bool token_recover(struct token *token, CK_RV rv, uint64_t generation) {
    enum ckr_next next = ckr_next(rv);
    if (next != NEXT_REOPEN && next != NEXT_LOGIN && next != NEXT_SUSPECT)
        return false;
    bool gone = means_gone(rv);
    pthread_mutex_lock(&token->lock);
    token->away = token->away || gone;
    bool changed = generation != token->generation; /* another thread has done it */
    if (!changed) {
        changed = gone || !holder_is_good(token) || (next == NEXT_LOGIN && drop_holder(token));
        if (changed)
            forget_sessions(token);
        token->kek_count = 0; /* a handle that went stale is looked up again */
    }
    pthread_mutex_unlock(&token->lock);
    return changed || next != NEXT_SUSPECT;
}

/* ---- PINs ------------------------------------------------------------------------------------ */

static bool login_without_pin(struct token *token, struct error *err) {
    pthread_mutex_lock(&token->lock);
    if (token->pad == PAD_FAILED) /* somebody asks for another try */
        token->pad = PAD_IDLE;
    bool done = ensure_ready(token, err);
    if (done && !token->logged_in)
        done = fail(err, ERROR_FORBIDDEN, "pin-refused",
                    "Token \"%s\" has no PIN pad of its own: give its PIN.", token->label);
    pthread_mutex_unlock(&token->lock);
    return done;
}

bool token_login(struct token *token, struct view pin, struct error *err) {
    if (pin.len == 0)
        return login_without_pin(token, err);
    char *typed = OPENSSL_secure_zalloc(pin.len + 1);
    if (typed == NULL)
        return fail_internal(err, "no locked memory for a PIN");
    memcpy(typed, pin.at, pin.len);
    pthread_mutex_lock(&token->lock);
    if (token->logged_in && token->needs_login && token->has_holder &&
        session_logged_in(token, token->holder)) { /* it would not be looked at, and might be wrong */
        pthread_mutex_unlock(&token->lock);
        token_pin_free(typed);
        return true;
    }
    char *before = token->typed_pin;
    token->typed_pin = typed;
    token->logged_in = false;
    bool done = token_pad_error(token, err) && ensure_holder(token, err) && ensure_login(token, err);
    if (!done) {
        token->typed_pin = before;
        before = typed;
    }
    pthread_mutex_unlock(&token->lock);
    token_pin_free(before);
    return done;
}

bool token_pin(struct token *token, char **ret_pin, struct error *err) {
    char *pin = NULL;
    pthread_mutex_lock(&token->lock);
    bool done = current_pin(token, &pin, err);
    pthread_mutex_unlock(&token->lock);
    if (done && pin == NULL)
        return ckr_fail(err, token->label, "no PIN at hand", CKR_USER_NOT_LOGGED_IN);
    if (done)
        *ret_pin = pin;
    return done;
}

bool token_logged_in(struct token *token) {
    pthread_mutex_lock(&token->lock);
    bool logged_in = token->logged_in;
    pthread_mutex_unlock(&token->lock);
    return logged_in;
}
