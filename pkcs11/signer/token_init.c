/* A new token out of a blank slot: for modules that make slots as they are asked for (SoftHSM2, softtoken). */
#include "signer/token_keys.h"

#include "base/log.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define ROOM "signer"
#define LABEL_SIZE 32
#define PIN_MIN 4
#define PIN_MAX 255

static struct module *module_by_name(struct vault *vault, const char *name) {
    for (size_t i = 0; name != NULL && i < vault->module_count; i++)
        if (strcmp(vault->modules[i].name, name) == 0)
            return &vault->modules[i];
    return NULL;
}

static bool libp11_failed(const char *label, const char *what, struct error *err) {
    struct error cause = {0};
    fail_internal(&cause, "%s", what);
    fail(err, ERROR_UNAVAILABLE, "token-failed", "The token \"%s\" could not be set up (%s).", label, what);
    error_detail(err, "%s", cause.detail);
    return false;
}

/* The caller holds module->admin. No session of ours is open in the new slot: libp11 may log in and out. */
static bool make(struct module *module, const char *label, const char *so_pin, const char *pin, struct error *err) {
    char padded[LABEL_SIZE + 1];
    TRY(module_refresh(module, err));
    if (module_slot_labelled(module, label) != NULL)
        return fail(err, ERROR_CONFLICT, "exists", "The module \"%s\" has a token \"%s\" already.", module->name, label);
    PKCS11_SLOT *slot = module_blank_slot(module);
    if (slot == NULL)
        return fail(err, ERROR_CONFLICT, "no-blank-token",
                    "The module \"%s\" has no blank token to make one of; SoftHSM2 and softtoken always have.",
                    module->name);
    snprintf(padded, sizeof padded, "%-32s", label); /* Cryptoki reads 32 characters */
    if (PKCS11_init_token(slot->token, so_pin, padded) != 0)
        return libp11_failed(label, "initialise", err);
    TRY(module_refresh(module, err));
    slot = module_slot_labelled(module, label);
    if (slot == NULL || PKCS11_login(slot, 1, so_pin) != 0 || PKCS11_init_pin(slot->token, pin) != 0 ||
        PKCS11_logout(slot) != 0)
        return libp11_failed(label, "set the user PIN", err);
    return module_refresh(module, err);
}

static void add_row(struct arena *arena, struct token *token, struct wire_buffer *rows) {
    struct uri_token parts = {token->label, token->manufacturer, token->model, token->serial};
    struct wire_row row = {.name = view_text(token->label), .uri = view_text(pkcs11_uri_of_token(arena, &parts))};
    wire_add_row(rows, &row);
}

static bool is_pin(struct view pin) {
    return pin.len >= PIN_MIN && pin.len <= PIN_MAX && memchr(pin.at, 0, pin.len) == NULL;
}

static bool are_fit(const struct token_order *order, const struct pkcs11_uri *uri, struct error *err) {
    if (uri->token == NULL || uri->token[0] == '\0' || strlen(uri->token) > LABEL_SIZE)
        return fail(err, ERROR_MALFORMED, "bad-uri", "A token's label has 1 to 32 octets: token= of the URI.");
    if (!is_pin(order->user_pin) || !is_pin(order->officer_pin))
        return fail(err, ERROR_POLICY, "bad-pin", "The PINs of a new token have 4 to 255 characters, and no NUL.");
    return true;
}

bool token_init(struct vault *vault, struct arena *arena, const struct token_order *order,
                const struct pkcs11_uri *uri, struct wire_buffer *rows, struct error *err) {
    struct module *module = module_by_name(vault, uri->module_name);
    struct pkcs11_uri fresh = {.token = uri->token, .module_name = uri->module_name};
    struct token *token;
    TRY(are_fit(order, uri, err));
    if (module == NULL)
        return fail(err, ERROR_NOT_FOUND, "module-not-found",
                    "No module has the name of the PKCS#11 URI's module-name.");
    char *so_pin = arena_text(arena, order->officer_pin), *pin = arena_text(arena, order->user_pin);
    pthread_mutex_lock(&module->admin);
    bool done = make(module, uri->token, so_pin, pin, err);
    pthread_mutex_unlock(&module->admin);
    OPENSSL_cleanse(so_pin, order->officer_pin.len);
    OPENSSL_cleanse(pin, order->user_pin.len);
    TRY(done);
    vault_refresh(vault);
    TRY(vault_token(vault, &fresh, &token, err));
    log_info(ROOM, "token \"%s\" was made in module \"%s\"", token->label, module->name);
    add_row(arena, token, rows);
    return true;
}
