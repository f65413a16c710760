/* All that the signer process holds: modules, tokens, keys. One per process, never closed. */
#ifndef GATEHOUSE_SIGNER_VAULT_H
#define GATEHOUSE_SIGNER_VAULT_H

#include "signer/token.h"
#include "wire/uri.h"
#include "wire/messages.h"

#define KEYS_MAX_DEFAULT 1024

struct vault_config {
    const char *managed_module, *managed_token, *managed_pin_file; /* NULL: no managed token */
    const char *const *modules; /* "NAME=PATH", NULL-terminated; may be NULL */
    const char *const *pins;    /* "TOKENLABEL=FILE", the same */
    bool modules_needed;        /* one that fails is an error, as the managed token's is */
    size_t keys_max;            /* keys kept unwrapped; 0: the default */
};

struct keys;
struct children;

struct vault {
    struct vault_config config;
    uint8_t instance[16]; /* random: handles of another process are never ours */
    struct module modules[MODULES_MAX];
    size_t module_count;
    struct keys *keys;
    struct children *children; /* further modules, each in a process of its own, or NULL */
    pthread_mutex_t lock; /* guards the list of tokens; a token itself is never freed */
    struct token *tokens[WIRE_TOKENS_MAX];
    size_t token_count;
};

/* Loads the modules and looks for tokens. Texts of the config must outlive the vault. A module that
 * fails is an error when it is the managed token's, else it is logged and left out. */
MUST_USE bool vault_open(const struct vault_config *config, struct vault **ret_vault,
                         struct error *err);
/* Looks for tokens again: plugged in, taken out, changed their slot. */
void vault_refresh(struct vault *vault);

/* ERROR_UNAVAILABLE "no-managed-token" when none is configured, present or initialised. */
MUST_USE bool vault_managed(struct vault *vault, struct token **ret_token, struct error *err);
/* The one present token that the URI's token attributes match. ERROR_NOT_FOUND "token-not-found" or
 * ERROR_CONFLICT "token-ambiguous". */
MUST_USE bool vault_token(struct vault *vault, const struct pkcs11_uri *uri,
                          struct token **ret_token, struct error *err);
/* Some present token of this process matches the URI's token attributes. */
bool vault_holds(struct vault *vault, const struct pkcs11_uri *uri);
/* Copies the pointers of all tokens; returns how many. */
size_t vault_tokens(struct vault *vault, struct token *ret_tokens[static WIRE_TOKENS_MAX]);

/* Writes a certificate into the token of the URI, under the URI's object label and id, which is needed. */
MUST_USE bool vault_store_certificate(struct vault *vault, struct view uri, struct view der,
                                      struct error *err);
/* Logs in to the token of the URI. */
MUST_USE bool vault_login(struct vault *vault, struct view uri, struct view pin, struct error *err);
/* A call to the managed token that needs its log-in and its key-encryption key. */
MUST_USE bool vault_ping(struct vault *vault, struct error *err);
/* Rows of the token list, after a fresh look. */
void vault_list(struct vault *vault, struct arena *arena, struct wire_buffer *list,
                uint16_t *ret_count);

#endif
