#include "signer/vault.h"

#include "base/clock.h"
#include "base/log.h"
#include "signer/key.h"

#include <stdlib.h>
#include <string.h>

#define ROOM "signer"

/* "LABEL=FILE": the label may hold "=", the file's name may not begin before the last one. */
static const char *pin_file_of(const struct vault_config *config, const char *label) {
    for (size_t i = 0; config->pins != NULL && config->pins[i] != NULL; i++) {
        const char *equals = strchr(config->pins[i], '=');
        size_t len = equals == NULL ? 0 : (size_t)(equals - config->pins[i]);
        if (equals != NULL && strlen(label) == len && memcmp(label, config->pins[i], len) == 0)
            return equals + 1;
    }
    return NULL;
}

static bool is_managed(const struct vault *vault, const struct module *module,
                       const PKCS11_TOKEN *info) {
    return vault->config.managed_token != NULL && module == &vault->modules[0] &&
           info->label != NULL && strcmp(info->label, vault->config.managed_token) == 0;
}

/* The caller holds vault->lock. */
static struct token *known_token(struct vault *vault, struct module *module,
                                 const PKCS11_TOKEN *info) {
    for (size_t i = 0; i < vault->token_count; i++) {
        struct token *token = vault->tokens[i];
        if (token->module == module && info->label != NULL && info->serialnr != NULL &&
            strcmp(token->label, info->label) == 0 && strcmp(token->serial, info->serialnr) == 0)
            return token;
    }
    return NULL;
}

/* Cards are changed in one reader. The caller holds vault->lock. */
static void displace_others(struct vault *vault, const struct token *token, const struct module *module, CK_SLOT_ID slot) {
    for (size_t i = 0; i < vault->token_count; i++) {
        struct token *other = vault->tokens[i];
        if (other != token && other->module == module && other->slot == slot && !other->displaced) {
            other->displaced = true;
            token_displace(other);
        }
    }
}

static void add_token(struct vault *vault, struct module *module, PKCS11_SLOT *slot) {
    CK_SLOT_ID id = PKCS11_get_slotid_from_slot(slot);
    struct token *token = known_token(vault, module, slot->token);
    displace_others(vault, token, module, id);
    if (token != NULL) {
        pthread_mutex_lock(&token->lock);
        token->slot = id;
        pthread_mutex_unlock(&token->lock);
        token->present = true;
        token->displaced = false;
        return;
    }
    if (vault->token_count == WIRE_TOKENS_MAX) {
        log_warn(ROOM, "module \"%s\": more than %d tokens; the rest is not used", module->name,
                 WIRE_TOKENS_MAX);
        return;
    }
    token = token_new(module, id, slot->token);
    token->managed = is_managed(vault, module, slot->token);
    token->pin_file = token->managed ? vault->config.managed_pin_file : NULL;
    if (token->pin_file == NULL)
        token->pin_file = pin_file_of(&vault->config, token->label);
    vault->tokens[vault->token_count++] = token;
}

static void refresh_module(struct vault *vault, struct module *module) {
    struct error err = {0};
    if (module_waits(module, vault->tokens, vault->token_count))
        return;
    pthread_mutex_lock(&module->admin);
    bool done = module_refresh(module, &err);
    if (done) {
        for (size_t i = 0; i < vault->token_count; i++)
            if (vault->tokens[i]->module == module)
                vault->tokens[i]->present = false;
        for (unsigned i = 0; i < module->list->count; i++) {
            PKCS11_SLOT *slot = &module->list->slots[i];
            if (slot->token != NULL && slot->token->initialized)
                add_token(vault, module, slot);
        }
    }
    pthread_mutex_unlock(&module->admin);
    if (!done)
        log_failure(LOG_WARN, ROOM, "look for tokens", &err);
}

void vault_refresh(struct vault *vault) {
    pthread_mutex_lock(&vault->lock);
    for (size_t i = 0; i < vault->module_count; i++)
        refresh_module(vault, &vault->modules[i]);
    pthread_mutex_unlock(&vault->lock);
}

static bool module_taken(const struct vault *vault, const char *name, const char *path,
                         struct error *err) {
    for (size_t i = 0; i < vault->module_count; i++)
        if (strcmp(vault->modules[i].name, name) == 0 || strcmp(vault->modules[i].path, path) == 0)
            return !fail(err, ERROR_CONFLICT, "bad-option",
                         "The module \"%s\" (%s) is configured twice.", name, path);
    return false;
}

static bool add_module(struct vault *vault, const char *name, const char *path, bool needed,
                       struct error *err) {
    if (vault->module_count == MODULES_MAX)
        return fail(err, ERROR_POLICY, "bad-option", "At most %d modules can be configured.",
                    MODULES_MAX);
    if (module_taken(vault, name, path, err))
        return false;
    if (module_load(&vault->modules[vault->module_count], name, path, err)) {
        vault->module_count++;
        return true;
    }
    if (!needed && err != NULL)
        log_failure(LOG_ERROR, ROOM, "module left out", err);
    return !needed;
}

static bool add_named_module(struct vault *vault, const char *setting, struct error *err) {
    const char *equals = strchr(setting, '=');
    if (equals == NULL || equals == setting || equals[1] == '\0')
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The option module needs NAME=PATH, not \"%.100s\".", setting);
    char *name = must_strdup(setting); /* lives as long as the process */
    name[equals - setting] = '\0';
    return add_module(vault, name, equals + 1, vault->config.modules_needed, err);
}

static bool load_modules(struct vault *vault, struct error *err) {
    const struct vault_config *config = &vault->config;
    if (config->managed_module != NULL)
        TRY(add_module(vault, "managed", config->managed_module, true, err));
    for (size_t i = 0; config->modules != NULL && config->modules[i] != NULL; i++)
        TRY(add_named_module(vault, config->modules[i], err));
    return true;
}

bool vault_open(const struct vault_config *config, struct vault **ret_vault, struct error *err) {
    struct vault *vault = must_alloc(sizeof *vault);
    vault->config = *config;
    random_bytes(vault->instance, sizeof vault->instance);
    pthread_mutex_init(&vault->lock, NULL);
    vault->keys = keys_new(vault, config->keys_max == 0 ? KEYS_MAX_DEFAULT : config->keys_max);
    if (!load_modules(vault, err))
        return false; /* the process ends; modules cannot be unloaded safely */
    vault_refresh(vault);
    *ret_vault = vault;
    return true;
}

size_t vault_tokens(struct vault *vault, struct token *ret_tokens[static WIRE_TOKENS_MAX]) {
    pthread_mutex_lock(&vault->lock);
    size_t count = vault->token_count;
    memcpy(ret_tokens, vault->tokens, count * sizeof *ret_tokens);
    pthread_mutex_unlock(&vault->lock);
    return count;
}

static struct token *present_managed(struct vault *vault) {
    struct token *tokens[WIRE_TOKENS_MAX];
    size_t count = vault_tokens(vault, tokens);
    for (size_t i = 0; i < count; i++)
        if (tokens[i]->managed && tokens[i]->present)
            return tokens[i];
    return NULL;
}

bool vault_managed(struct vault *vault, struct token **ret_token, struct error *err) {
    struct token *token = present_managed(vault);
    if (token == NULL && vault->config.managed_token != NULL) {
        vault_refresh(vault);
        token = present_managed(vault);
    }
    if (token == NULL)
        return fail(err, ERROR_UNAVAILABLE, "no-managed-token",
                    "The managed token \"%s\" was not found: run gatehouse-signer --init, or check "
                    "managed-module and managed-token.",
                    vault->config.managed_token == NULL ? "(not configured)"
                                                        : vault->config.managed_token);
    *ret_token = token;
    return true;
}

static bool text_matches(const char *wanted, const char *is) {
    return wanted == NULL || strcmp(wanted, is) == 0;
}

static bool token_matches(const struct token *token, const struct pkcs11_uri *uri) {
    return token->present && text_matches(uri->token, token->label) &&
           text_matches(uri->serial, token->serial) && text_matches(uri->model, token->model) &&
           text_matches(uri->manufacturer, token->manufacturer) &&
           text_matches(uri->module_name, token->module->name) &&
           (!uri->has_slot_id || uri->slot_id == token->slot);
}

static size_t match_tokens(struct vault *vault, const struct pkcs11_uri *uri,
                           struct token **ret_token) {
    struct token *tokens[WIRE_TOKENS_MAX];
    size_t count = vault_tokens(vault, tokens), matches = 0;
    for (size_t i = 0; i < count; i++)
        if (token_matches(tokens[i], uri)) {
            *ret_token = tokens[i];
            matches++;
        }
    return matches;
}

bool vault_holds(struct vault *vault, const struct pkcs11_uri *uri) {
    struct token *token;
    return match_tokens(vault, uri, &token) > 0;
}

bool vault_token(struct vault *vault, const struct pkcs11_uri *uri, struct token **ret_token,
                 struct error *err) {
    struct token *token = NULL;
    size_t matches = match_tokens(vault, uri, &token);
    if (matches == 0) {
        vault_refresh(vault);
        matches = match_tokens(vault, uri, &token);
    }
    if (matches == 0)
        return fail(
            err, ERROR_NOT_FOUND, "token-not-found",
            "No token matches the PKCS#11 URI: check that it is plugged in and that its module "
            "is configured.");
    if (matches > 1)
        return fail(err, ERROR_CONFLICT, "token-ambiguous",
                    "%zu tokens match the PKCS#11 URI: add serial= to it.", matches);
    *ret_token = token;
    return true;
}
