#include "signer/module.h"

#include "base/log.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <string.h>

#define SLOTS_MAX 256

static bool module_failed(const struct module *module, const char *what, const char *detail,
                          struct error *err) {
    fail(err, ERROR_UNAVAILABLE, "module-failed",
         "PKCS#11 module \"%s\" (%s): %s. Check the path and that it is a module for this machine.",
         module->name, module->path, what);
    error_detail(err, "%s", detail == NULL ? "" : detail);
    return false;
}

/* libp11 keeps its function list to itself, so the module is opened a second time: the loader gives
 * the same one. */
static bool open_functions(struct module *module, struct error *err) {
    void *library = dlopen(module->path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return module_failed(module, "it cannot be loaded", dlerror(), err);
    CK_C_GetFunctionList get_list;
    *(void **)&get_list = dlsym(library, "C_GetFunctionList");
    CK_FUNCTION_LIST *list = NULL;
    if (get_list == NULL || get_list(&list) != CKR_OK || list == NULL)
        return module_failed(module, "it has no function list", dlerror(), err);
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_RV rv = list->C_Initialize(&args);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return module_failed(module, "it cannot be initialised", NULL, err);
    module->f = list;
    return true;
}

bool module_load(struct module *module, const char *name, const char *path, struct error *err) {
    *module = (struct module){.name = name, .path = path};
    pthread_mutex_init(&module->admin, NULL);
    void *probe = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (probe == NULL) /* libp11 would not say why */
        return module_failed(module, "it cannot be loaded", dlerror(), err);
    module->ctx = PKCS11_CTX_new();
    if (module->ctx == NULL || PKCS11_CTX_load(module->ctx, path) != 0) {
        struct error cause = {0};
        fail_internal(&cause, "libp11"); /* takes the OpenSSL error queue along */
        return module_failed(module, "it cannot be initialised", cause.detail, err);
    }
    TRY(open_functions(module, err));
    pthread_mutex_lock(&module->admin);
    bool done = module_refresh(module, err);
    pthread_mutex_unlock(&module->admin);
    return done;
}

/* What a look at the slots sees: equal digests mean that nothing was plugged in, pulled or
 * initialised. */
static bool look(const struct module *module, uint8_t digest[static 32], bool *ret_none) {
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                module->f->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK;
    for (CK_ULONG i = 0; done && i < count; i++) {
        CK_TOKEN_INFO info = {.flags = 0};
        CK_RV rv = module->f->C_GetTokenInfo(slots[i], &info);
        CK_FLAGS flags = info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED);
        EVP_DigestUpdate(ctx, &slots[i], sizeof slots[i]);
        EVP_DigestUpdate(ctx, &rv, sizeof rv);
        EVP_DigestUpdate(ctx, &flags, sizeof flags);
        EVP_DigestUpdate(ctx, info.label, sizeof info.label);
        EVP_DigestUpdate(ctx, info.serialNumber, sizeof info.serialNumber);
    }
    done = done && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    *ret_none = done && count == 0;
    EVP_MD_CTX_free(ctx);
    return done;
}

/* libp11's list is made anew only when something changed, and the old list is kept: releasing it
 * would close all sessions of its slots, and PKCS11_update_slots of 0.4.12 uses freed memory. No slot
 * at all, which libp11 takes for a failure, is an empty list: the last reader was pulled. */
bool module_refresh(struct module *module, struct error *err) {
    uint8_t digest[32];
    bool none = false, looked = look(module, digest, &none);
    if (looked && module->list != NULL && memcmp(digest, module->seen, sizeof digest) == 0)
        return true;
    struct slot_list fresh = {.older = module->list};
    if (!none && PKCS11_enumerate_slots(module->ctx, &fresh.slots, &fresh.count) != 0) {
        struct error cause = {0};
        fail_internal(&cause, "libp11");
        return module_failed(module, "its slots cannot be listed", cause.detail, err);
    }
    module->list = must_alloc(sizeof fresh);
    *module->list = fresh;
    if (looked)
        memcpy(module->seen, digest, sizeof digest);
    return true;
}

PKCS11_SLOT *module_slot_labelled(struct module *module, const char *label) {
    for (unsigned i = 0; module->list != NULL && i < module->list->count; i++) {
        PKCS11_TOKEN *token = module->list->slots[i].token;
        if (token != NULL && token->initialized && token->label != NULL && strcmp(token->label, label) == 0)
            return &module->list->slots[i];
    }
    return NULL;
}

PKCS11_SLOT *module_blank_slot(struct module *module) {
    for (unsigned i = 0; module->list != NULL && i < module->list->count; i++)
        if (module->list->slots[i].token != NULL && !module->list->slots[i].token->initialized)
            return &module->list->slots[i];
    return NULL;
}
