#include "signer/token.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <time.h>

#define ROOM "signer"
#define AGAIN_US (30 * US_PER_SECOND) /* a person who came too late gets another chance */
#define AT_ONCE_NS (300 * 1000 * 1000)
#define BUSY_US (50 * 1000) /* from then on nobody else asks the module, who might block behind it */
#define LONG_US US_PER_SECOND
#define LOCK_NS (500 * 1000 * 1000)

static struct timespec later(clockid_t clock, long ns) {
    struct timespec at;
    clock_gettime(clock, &at);
    at.tv_sec += (at.tv_nsec + ns) / 1000000000;
    at.tv_nsec = (at.tv_nsec + ns) % 1000000000;
    return at;
}

/* ---- at the PIN pad ---------------------------------------------------------------------------- */

static void describe_pad(const struct token *token, char text[static TOKEN_WAIT_SIZE]) {
    snprintf(text, TOKEN_WAIT_SIZE,
             "It waits for somebody to type its PIN at its PIN pad, or to put in the cards it wants (for %lld s).",
             (long long)((clock_monotonic_us() - token->pad_us) / US_PER_SECOND));
}

static void *log_in_main(void *argument) {
    struct token *token = argument;
    struct error err = {0};
    CK_RV rv = token->module->f->C_Login(token->holder, CKU_USER, NULL, 0);
    bool done = rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN;
    if (!done)
        ckr_fail(&err, token->label, "C_Login at its PIN pad", rv);
    pthread_mutex_lock(&token->lock);
    token->logged_in = done;
    token->pad = done ? PAD_IDLE : PAD_FAILED;
    token->pad_us = clock_monotonic_us();
    token->pad_again = rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LOCKED;
    token->pad_error = err;
    token->away = token->away || ckr_next(rv) == NEXT_REOPEN;
    pthread_cond_broadcast(&token->freed);
    pthread_mutex_unlock(&token->lock);
    if (done)
        log_info(ROOM, "token \"%s\": somebody logged in at its PIN pad", token->label);
    else
        log_failure(LOG_WARN, ROOM, "log-in at a PIN pad", &err);
    OPENSSL_thread_stop();
    return NULL;
}

static bool begin(struct token *token, struct error *err) {
    pthread_t thread;
    token->pad = PAD_WAITS;
    token->pad_us = clock_monotonic_us();
    if (pthread_create(&thread, NULL, log_in_main, token) != 0) {
        token->pad = PAD_IDLE;
        return fail_internal(err, "no thread for a log-in at a PIN pad");
    }
    pthread_detach(thread);
    log_info(ROOM, "token \"%s\": it waits for its PIN at its PIN pad", token->label);
    return true;
}

bool token_pad_error(struct token *token, struct error *err) {
    char text[TOKEN_WAIT_SIZE];
    if (token->pad != PAD_WAITS)
        return true;
    describe_pad(token, text);
    return fail(err, ERROR_UNAVAILABLE, "token-waits", "Token \"%s\": %s", token->label, text);
}

bool token_log_in_at_pad(struct token *token, struct error *err) {
    bool later_again = token->pad_again && clock_monotonic_us() >= token->pad_us + AGAIN_US;
    if (token->pad == PAD_FAILED && !later_again) {
        if (err != NULL)
            *err = token->pad_error;
        return false;
    }
    if (token->pad != PAD_WAITS)
        TRY(begin(token, err));
    struct timespec until = later(CLOCK_MONOTONIC, AT_ONCE_NS);
    while (token->pad == PAD_WAITS && pthread_cond_timedwait(&token->freed, &token->lock, &until) == 0)
        ;
    TRY(token_pad_error(token, err));
    if (!token->logged_in && err != NULL)
        *err = token->pad_error;
    return token->logged_in;
}

/* ---- what a token waits for -------------------------------------------------------------------- */

static int64_t oldest_use(const struct token *token) {
    int64_t oldest = clock_monotonic_us();
    for (size_t i = 0; i < token->in_use_count; i++)
        if (token->in_use[i].since_us < oldest)
            oldest = token->in_use[i].since_us;
    return oldest;
}

enum token_wait token_waits(struct token *token, char text[static TOKEN_WAIT_SIZE], bool *ret_logged_in) {
    enum token_wait wait = TOKEN_READY;
    struct timespec until = later(CLOCK_REALTIME, LOCK_NS);
    text[0] = '\0';
    *ret_logged_in = false;
    if (pthread_mutex_timedlock(&token->lock, &until) != 0) {
        snprintf(text, TOKEN_WAIT_SIZE, "It is at one call of its security officer, or of somebody who logs in.");
        return TOKEN_WORKS;
    }
    int64_t age_us = clock_monotonic_us() - oldest_use(token);
    *ret_logged_in = token->logged_in;
    if (token->pad == PAD_WAITS) {
        wait = TOKEN_WAITS_AT_PAD;
        describe_pad(token, text);
    } else if (age_us > BUSY_US) {
        wait = TOKEN_WORKS;
    }
    if (wait == TOKEN_WORKS && age_us > LONG_US)
        snprintf(text, TOKEN_WAIT_SIZE, "It has been at one call for %lld s: touch it if it blinks.",
                 (long long)(age_us / US_PER_SECOND));
    pthread_mutex_unlock(&token->lock);
    return wait;
}

bool module_waits(const struct module *module, struct token *const *tokens, size_t count) {
    char text[TOKEN_WAIT_SIZE];
    bool waits = false, logged_in;
    for (size_t i = 0; i < count && !waits; i++)
        waits = tokens[i]->module == module && tokens[i]->present &&
                token_waits(tokens[i], text, &logged_in) != TOKEN_READY;
    return waits;
}
