#include "signer/init.h"

#include "signer/kek.h"
#include "signer/managed.h"
#include "signer/objects.h"
#include "signer/task.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM "signer"
#define LABEL_SIZE 32

/* ---- PIN files ------------------------------------------------------------------------------- */

static bool file_error(const char *path, const char *what, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "pin-file", "The PIN file %.200s: %s: %s.", path, what,
                strerror(errno));
}

static bool sync_folder(const char *path, struct error *err) {
    char *copy = must_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return done ? true : file_error(path, "its folder", err);
}

/* 128 random bits as hexadecimal digits, which every token takes. */
static bool make_pin_file(const char *path, struct error *err) {
    uint8_t bytes[16];
    char text[2 * sizeof bytes + 2];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_error(path, "create", err);
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[sizeof text - 2] = '\n';
    bool done = write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1 && fsync(fd) == 0;
    close(fd);
    explicit_bzero(text, sizeof text);
    explicit_bzero(bytes, sizeof bytes);
    return done ? sync_folder(path, err) : file_error(path, "write", err);
}

static bool ensure_pin_file(const char *path, struct error *err) {
    return access(path, F_OK) == 0 || !pin_is_file(path) ? true : make_pin_file(path, err);
}

/* ---- token ----------------------------------------------------------------------------------- */

static bool libp11_failed(const char *what, struct error *err) {
    struct error cause = {0};
    fail_internal(&cause, "%s", what);
    fail(err, ERROR_UNAVAILABLE, "token-failed", "The managed token could not be set up (%s).",
         what);
    error_detail(err, "%s", cause.detail);
    return false;
}

static bool make_token(struct module *module, const struct init_config *config, struct error *err) {
    char label[LABEL_SIZE + 1], *so_pin;
    PKCS11_SLOT *slot = module_blank_slot(module);
    if (slot == NULL)
        return fail(err, ERROR_CONFLICT, "no-blank-token",
                    "There is no token \"%s\" and no blank one to make it of.",
                    config->token_label);
    TRY(ensure_pin_file(config->so_pin_file, err));
    TRY(ensure_pin_file(config->pin_file, err));
    TRY(pin_read(config->so_pin_file, &so_pin, err));
    /* Cryptoki reads 32 characters, padded with blanks; libp11 hands the pointer through. */
    snprintf(label, sizeof label, "%-32s", config->token_label);
    int rc = PKCS11_init_token(slot->token, so_pin, label);
    token_pin_free(so_pin);
    if (rc != 0)
        return libp11_failed("initialise", err);
    log_info(ROOM, "token \"%s\" was made", config->token_label);
    return module_refresh(module, err);
}

/* No session of ours exists yet, so libp11 may log in and out here. */
static bool set_user_pin(PKCS11_SLOT *slot, const struct init_config *config, struct error *err) {
    char *pin, *so_pin;
    TRY(ensure_pin_file(config->pin_file, err));
    TRY(pin_read(config->pin_file, &pin, err));
    if (!pin_read(config->so_pin_file, &so_pin, err)) {
        token_pin_free(pin);
        return false;
    }
    bool done = PKCS11_login(slot, 1, so_pin) == 0 && PKCS11_init_pin(slot->token, pin) == 0 &&
                PKCS11_logout(slot) == 0;
    token_pin_free(pin);
    token_pin_free(so_pin);
    return done ? true : libp11_failed("set the user PIN", err);
}

static bool ensure_token(struct module *module, const struct init_config *config,
                         struct error *err) {
    if (module_slot_labelled(module, config->token_label) == NULL)
        TRY(make_token(module, config, err));
    PKCS11_SLOT *slot = module_slot_labelled(module, config->token_label);
    if (slot == NULL)
        return fail(err, ERROR_UNAVAILABLE, "token-failed",
                    "The token \"%s\" was made but does not show up.", config->token_label);
    if (slot->token->userPinSet)
        return true;
    TRY(set_user_pin(slot, config, err));
    return module_refresh(module, err);
}

/* ---- key-encryption key ---------------------------------------------------------------------- */

static bool find_or_make_kek(struct task *task, void *subject, struct error *err) {
    const bool *another = subject;
    struct kek kek;
    struct error missing = {0};
    bool there = task_kek(task, view_of(NULL, 0), &kek, &missing);
    if (there && !*another)
        return true;
    if (!there && strcmp(missing.type, "no-kek") != 0) {
        if (err != NULL)
            *err = missing;
        return false;
    }
    struct kek made;
    return kek_make(task, &made, err);
}

static bool ensure_kek(struct vault *vault, bool another, struct error *err) {
    struct token *token;
    TRY(vault_managed(vault, &token, err));
    return task_run(token, find_or_make_kek, &another, err);
}

static bool self_test(struct vault *vault, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view blob, spki;
    return vault_ping(vault, err) &&
           managed_generate(vault, arena, VIEW_LITERAL("P-256"), PURPOSE_SIGN, &blob, &spki, err);
}

bool init_managed_token(struct vault *vault, const struct init_config *config, struct error *err) {
    if (strlen(config->token_label) > LABEL_SIZE)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The option managed-token may have at most 32 characters.");
    struct module *module = &vault->modules[0];
    pthread_mutex_lock(&module->admin);
    bool done = ensure_token(module, config, err);
    pthread_mutex_unlock(&module->admin);
    if (!done)
        return false;
    vault_refresh(vault);
    return ensure_kek(vault, config->new_kek, err) && self_test(vault, err);
}
