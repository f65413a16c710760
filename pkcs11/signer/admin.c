/* The vault's administrative calls: token list, log-in, certificates. */
#include "signer/token_keys.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- list ------------------------------------------------------------------------------------ */

static const char *problem_of(struct token *token, char text[static 512]) {
    CK_TOKEN_INFO info;
    struct error err = {0};
    struct session session;
    if (!token->present)
        return "It is not plugged in.";
    CK_RV rv = token->module->f->C_GetTokenInfo(token->slot, &info);
    if (rv != CKR_OK)
        ckr_fail(&err, token->label, "C_GetTokenInfo", rv);
    else if (token_take(token, &session, &err))
        token_give(token, session, CKR_OK);
    if (err.kind == ERROR_NONE && (info.flags & CKF_LOGIN_REQUIRED) != 0 && !token_logged_in(token))
        return "Nobody is logged in: give the signer its PIN.";
    snprintf(text, 512, "%s", err.message);
    return text;
}

/* `asked`: its module is asked how it is. */
static void list_token(struct arena *arena, struct token *token, bool asked, struct wire_buffer *list) {
    char problem[512], waits_for[TOKEN_WAIT_SIZE];
    bool logged_in;
    enum token_wait wait = token_waits(token, waits_for, &logged_in);
    const char *reason = wait == TOKEN_WAITS_AT_PAD ? waits_for : asked ? problem_of(token, problem) : "";
    if (asked) /* it may have logged in, or begun to wait */
        wait = token_waits(token, waits_for, &logged_in);
    struct uri_token parts = {token->label, token->manufacturer, token->model, token->serial};
    struct wire_token row = {
        .problem = view_text(reason),
        .module = view_text(token->module->name),
        .label = view_text(token->label),
        .serial = view_text(token->serial),
        .manufacturer = view_text(token->manufacturer),
        .model = view_text(token->model),
        .uri = view_text(pkcs11_uri_of_token(arena, &parts)),
        .managed = token->managed,
        .logged_in = logged_in,
        .waits_for = view_text(waits_for),
    };
    wire_add_token(list, &row);
}

void vault_list(struct vault *vault, struct arena *arena, struct wire_buffer *list,
                uint16_t *ret_count) {
    struct token *tokens[WIRE_TOKENS_MAX];
    vault_refresh(vault);
    size_t count = vault_tokens(vault, tokens);
    for (size_t i = 0; i < count; i++)
        list_token(arena, tokens[i], !module_waits(tokens[i]->module, tokens, count), list);
    *ret_count = (uint16_t)count;
}

/* ---- the managed token answers --------------------------------------------------------------- */

static bool ping(struct task *task, void *subject, struct error *err) {
    struct kek kek;
    CK_SESSION_INFO info;
    (void)subject;
    CK_RV rv = task->f->C_GetSessionInfo(task->session.handle, &info);
    if (rv != CKR_OK)
        return task_fail(task, "C_GetSessionInfo", rv, err);
    return task_kek(task, view_of(NULL, 0), &kek, err);
}

bool vault_ping(struct vault *vault, struct error *err) {
    struct token *token;
    TRY(vault_managed(vault, &token, err));
    return task_run(token, ping, NULL, err);
}

/* ---- log-in and certificates ----------------------------------------------------------------- */

bool vault_login(struct vault *vault, struct view text, struct view pin, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct pkcs11_uri uri;
    struct token *token;
    TRY(pkcs11_uri_parse(arena, text, &uri, err));
    TRY(vault_token(vault, &uri, &token, err));
    if (memchr(pin.at, 0, pin.len) != NULL)
        return fail(err, ERROR_MALFORMED, "pin-refused", "A PIN holds no NUL character.");
    return token_login(token, pin, err);
}

bool vault_store_certificate(struct vault *vault, struct view text, struct view der,
                             struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct token_order order = {.uri = text, .certificate = der};
    return token_serve(vault, arena, WIRE_TOKEN_STORE, &order, NULL, err);
}
