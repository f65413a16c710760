/* One token: its log-in, its sessions, its key-encryption keys. All functions may be called from
 * any thread.
 *
 * Session objects die with the session that made them, so one session, the holder, makes all of
 * them and does nothing else. When the holder is lost, `generation` grows and every handle of the
 * older generation is stale. */
#ifndef GATEHOUSE_SIGNER_TOKEN_H
#define GATEHOUSE_SIGNER_TOKEN_H

#include "signer/ckr.h"
#include "signer/module.h"

#include <stdatomic.h>

#define TOKEN_SESSIONS_MAX 64
#define KEKS_MAX 16
#define KEK_ID_SIZE 64
#define KEK_LABEL "gatehouse-kek"

struct kek {
    CK_OBJECT_HANDLE object;
    uint8_t id[KEK_ID_SIZE];
    size_t id_len;
};

/* Log-in at the token's own PIN pad (CKF_PROTECTED_AUTHENTICATION_PATH). */
enum pad { PAD_IDLE, PAD_WAITS, PAD_FAILED };

/* A session that somebody works in. */
struct in_use {
    CK_SESSION_HANDLE handle;
    int64_t since_us; /* monotonic */
};

struct token {
    struct module *module;
    char label[33], serial[17], manufacturer[33], model[17];
    bool managed;
    _Atomic CK_SLOT_ID slot; /* changes when the token is plugged in again, under either of two locks */
    atomic_bool present;  /* at the last look */
    bool displaced;       /* another one is in its slot since; guarded by vault->lock */
    const char *pin_file; /* or NULL */
    unsigned sessions_max;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t freed; /* a session came back */
    CK_SESSION_HANDLE holder;
    bool has_holder, logged_in, needs_login;
    bool holder_busy, holder_new; /* somebody works in it; opened since the last look at the tries */
    char *typed_pin;  /* in locked memory, or NULL */
    bool away;        /* it was gone at the last call: its module looks for it first */
    bool pin_refused; /* the PIN with the hash below: not again */
    uint8_t refused_pin_hash[32];
    CK_SESSION_HANDLE idle[TOKEN_SESSIONS_MAX];
    size_t idle_count, open_count;
    struct in_use in_use[TOKEN_SESSIONS_MAX];
    size_t in_use_count;
    bool has_pad;
    enum pad pad;
    int64_t pad_us; /* since then it waits, or when it failed (monotonic) */
    bool pad_again; /* after a failure it is begun again by itself */
    struct error pad_error;
    struct kek keks[KEKS_MAX];
    size_t kek_count;
    CK_MECHANISM_TYPE wrap_mechanism; /* 0: not tried yet */

    pthread_mutex_t making; /* the holder does one thing at a time */
    _Atomic uint64_t generation;
};

struct token *token_new(struct module *module, CK_SLOT_ID slot, const PKCS11_TOKEN *info);

struct session {
    CK_SESSION_HANDLE handle;
    uint64_t generation;
};

/* A session for one operation; logs in when a PIN is at hand. Give it back with the last return
 * value. ERROR_UNAVAILABLE "token-unreachable", "token-busy"; ERROR_FORBIDDEN "pin-refused". */
MUST_USE bool token_take(struct token *token, struct session *ret_session, struct error *err);
void token_give(struct token *token, struct session session, CK_RV last);
/* Takes the holder for making a session object, and gives it back. The generation is that of the
 * object. */
MUST_USE bool token_hold(struct token *token, struct session *ret_holder, struct error *err);
void token_release(struct token *token);

/* A session that may write token objects, and only in this token: CKR_TOKEN_NOT_PRESENT when another one is in its slot. The
 * caller closes it. */
MUST_USE CK_RV token_open_writing(struct token *token, CK_SESSION_HANDLE *ret_session);
/* The caller holds token->lock. A token that was away is looked for in all slots; false when it is in none. */
MUST_USE bool token_look_again(struct token *token, struct error *err);

/* Another token is in its slot now: its sessions are closed. A module is to do that itself (pkcs11 3.2, 6.7.6), ykcs11
 * does not: the one that came would find them there, and could not let its officer log in. */
void token_displace(struct token *token);

/* After a call failed: true when the caller should do it once more (sessions were opened again, or
 * the log-in is new). `generation` is that of the failed call. */
bool token_recover(struct token *token, CK_RV rv, uint64_t generation);

/* Logs in with a typed PIN and keeps it (in locked memory) for lost log-ins. A token that is logged in stays so, and the
 * PIN is not looked at. Without a PIN: at the token's PIN pad, ERROR_UNAVAILABLE "token-waits" until somebody was there. */
MUST_USE bool token_login(struct token *token, struct view pin, struct error *err);
/* The PIN for a context-specific log-in (CKA_ALWAYS_AUTHENTICATE); the caller frees with
 * token_pin_free. */
MUST_USE bool token_pin(struct token *token, char **ret_pin, struct error *err);
void token_pin_free(char *pin);
bool token_logged_in(struct token *token);

/* What keeps the token from answering at once; a module may block every call that comes meanwhile. */
enum token_wait {
    TOKEN_READY,
    TOKEN_WAITS_AT_PAD,
    TOKEN_WORKS /* at one call, longer than usual; after a second there is a text: it may be waiting to be touched */
};
#define TOKEN_WAIT_SIZE 200
/* `text` says what it waits for. Returns within a second, whatever the module does. */
enum token_wait token_waits(struct token *token, char text[static TOKEN_WAIT_SIZE], bool *ret_logged_in);
/* One of its tokens does: whoever asks the module anything may have to wait as well. */
bool module_waits(const struct module *module, struct token *const *tokens, size_t count);
/* The caller holds token->lock, and its holder is open. Begins the log-in at the PIN pad, in a thread of its own: nobody
 * waits for a person longer than for a module that logs in by itself. */
MUST_USE bool token_log_in_at_pad(struct token *token, struct error *err);
MUST_USE bool token_pad_error(struct token *token, struct error *err); /* false with "token-waits" while it waits */

/* The token wants a log-in and this session has none: private objects are not seen. */
bool token_session_is_public(struct token *token, CK_SESSION_HANDLE session);

/* Reads a PIN from a file: one line, 1 to 255 characters, not readable by others; from a systemd credential
 * ("credential:NAME"), or from an environment variable ("env:NAME"). Free with token_pin_free. */
MUST_USE bool pin_read(const char *path, char **ret_pin, struct error *err);
/* Neither a credential nor a variable. */
bool pin_is_file(const char *path);

#endif
