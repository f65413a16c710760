#include "signer/token_keys.h"

#include "base/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#define ROOM "signer"
#define WAIT_SECONDS 30

static bool write_as_user(struct token *token, task_work work, void *subject, struct error *err) {
    struct session session;
    struct task task = {.token = token, .f = token->module->f};
    TRY(token_take(token, &session, err)); /* logs in */
    CK_RV rv = token_open_writing(token, &task.session.handle);
    bool done = rv == CKR_OK ? work(&task, subject, err)
                             : ckr_fail(err, token->label, "C_OpenSession", rv);
    if (rv == CKR_OK)
        task.f->C_CloseSession(task.session.handle);
    token_give(token, session, rv);
    if (rv != CKR_OK)
        (void)token_recover(token, rv, session.generation); /* the next call looks for it */
    return done;
}

/* ---- as security officer; the caller holds token->making and token->lock ----------------------- */

static bool wait_until_idle(struct token *token, struct error *err) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    TRY(token_pad_error(token, err));
    while (token->open_count > token->idle_count)
        if (pthread_cond_timedwait(&token->freed, &token->lock, &until) == ETIMEDOUT)
            return fail(err, ERROR_UNAVAILABLE, "token-busy",
                        "Token \"%s\" is in use without a pause; try again.", token->label);
    return true;
}

/* PKCS#11 logs no officer in beside a user or a read-only session. Session objects go with them. */
static void close_all(struct token *token) {
    const CK_FUNCTION_LIST *f = token->module->f;
    if (token->has_holder)
        f->C_Logout(token->holder);
    while (token->idle_count > 0)
        f->C_CloseSession(token->idle[--token->idle_count]);
    if (token->has_holder)
        f->C_CloseSession(token->holder);
    token->open_count = token->kek_count = 0;
    token->has_holder = token->logged_in = false;
    token->generation++;
}

static bool log_in_officer(struct token *token, CK_SESSION_HANDLE session, struct view pin,
                           struct error *err) {
    CK_TOKEN_INFO info;
    CK_RV rv = token->module->f->C_GetTokenInfo(token->slot, &info);
    if (rv != CKR_OK)
        return ckr_fail(err, token->label, "C_GetTokenInfo", rv);
    if ((info.flags & (CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED)) != 0)
        return fail(err, ERROR_FORBIDDEN, "pin-last-try",
                    "Token \"%s\": its security officer's PIN has one try left or none; log in once "
                    "with the vendor's tool.",
                    token->label);
    rv = token->module->f->C_Login(session, CKU_SO, (CK_UTF8CHAR *)(uintptr_t)pin.at, pin.len);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return true;
    ckr_fail(err, token->label, "C_Login", rv);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE || rv == CKR_ARGUMENTS_BAD)
        fail(err, ERROR_FORBIDDEN, "pin-refused",
             "Token \"%s\": the security officer's PIN is wrong. A YubiKey's is its management key, "
             "in hexadecimal digits; one of AES (new YubiKeys from firmware 5.7 on) needs ykcs11 2.3 or newer.",
             token->label);
    return false;
}

static bool write_as_officer(struct token *token, struct view pin, task_work work, void *subject,
                             struct error *err) {
    struct task task = {.token = token, .f = token->module->f};
    TRY(wait_until_idle(token, err));
    close_all(token);
    TRY(token_look_again(token, err));
    CK_RV rv = token_open_writing(token, &task.session.handle);
    if (rv != CKR_OK) {
        token->away = token->away || rv == CKR_TOKEN_NOT_PRESENT;
        return ckr_fail(err, token->label, "C_OpenSession", rv);
    }
    bool done = log_in_officer(token, task.session.handle, pin, err) && work(&task, subject, err);
    task.f->C_Logout(task.session.handle);
    task.f->C_CloseSession(task.session.handle);
    return done;
}

bool token_write(struct token *token, struct view officer_pin, task_work work, void *subject,
                 struct error *err) {
    if (officer_pin.len == 0)
        return write_as_user(token, work, subject, err);
    pthread_mutex_lock(&token->making);
    pthread_mutex_lock(&token->lock);
    log_info(ROOM, "token \"%s\": the security officer is logged in for one call", token->label);
    bool done = write_as_officer(token, officer_pin, work, subject, err);
    pthread_cond_broadcast(&token->freed);
    pthread_mutex_unlock(&token->lock);
    pthread_mutex_unlock(&token->making);
    return done;
}
