/* softtoken_table SOFTTOKEN SOFTHSM2: the tables of docs/softtoken.md, as the two modules answer
 * for themselves. A test compares its output with what the document says. */
#include "cryptoki.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MECHANISMS_MAX 512

struct module {
    CK_FUNCTION_LIST *p11;
    CK_FUNCTION_LIST_3_2 *newest; /* or NULL */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_MECHANISM_TYPE list[MECHANISMS_MAX];
    CK_ULONG count;
};

static void need(CK_RV rv, const char *what) {
    if (rv == CKR_OK)
        return;
    (void)fprintf(stderr, "softtoken_table: %s: 0x%lx\n", what, rv);
    exit(1);
}

static void open_module(struct module *module, const char *path) {
    CK_ULONG count = 1;
    CK_INTERFACE *interface;
    CK_VERSION newest = {3, 2};
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = NULL;
    CK_C_GetInterface get_interface = NULL;
    if (library != NULL) {
        get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
        get_interface = (CK_C_GetInterface)dlsym(library, "C_GetInterface");
    }
    need(get == NULL ? CKR_GENERAL_ERROR : get(&module->p11), path);
    if (get_interface != NULL && get_interface(NULL, &newest, &interface, 0) == CKR_OK)
        module->newest = interface->pFunctionList;
    need(module->p11->C_Initialize(&args), "C_Initialize");
    need(module->p11->C_GetSlotList(CK_TRUE, &module->slot, &count), "C_GetSlotList");
    need(module->p11->C_InitToken(module->slot, (CK_UTF8CHAR *)"so-pin", 6,
                                  (CK_UTF8CHAR *)"table                           "),
         "C_InitToken");
    CK_SLOT_ID slots[2];
    count = 2;
    need(module->p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    module->slot = slots[0];
    need(module->p11->C_OpenSession(module->slot, CKF_SERIAL_SESSION, NULL, NULL, &module->session),
         "C_OpenSession");
    module->count = MECHANISMS_MAX;
    need(module->p11->C_GetMechanismList(module->slot, module->list, &module->count),
         "C_GetMechanismList");
}

/* ---- functions ------------------------------------------------------------------------------- */

/* Called with nothing right in it: a function that is there finds another fault. */
#define TWO_40(name, ...)                                                                          \
    static CK_RV call_##name(struct module *m) {                                                   \
        return m->p11->name(__VA_ARGS__);                                                          \
    }
#define THREE(name, ...)                                                                           \
    static CK_RV call_##name(struct module *m) {                                                   \
        return m->newest == NULL ? CKR_FUNCTION_NOT_SUPPORTED : m->newest->name(__VA_ARGS__);      \
    }

TWO_40(C_GetOperationState, m->session, NULL, NULL)
TWO_40(C_SetOperationState, m->session, NULL, 0, 0, 0)
TWO_40(C_SignRecoverInit, m->session, NULL, 0)
TWO_40(C_SignRecover, m->session, NULL, 0, NULL, NULL)
TWO_40(C_VerifyRecoverInit, m->session, NULL, 0)
TWO_40(C_VerifyRecover, m->session, NULL, 0, NULL, NULL)
TWO_40(C_DigestEncryptUpdate, m->session, NULL, 0, NULL, NULL)
TWO_40(C_DecryptDigestUpdate, m->session, NULL, 0, NULL, NULL)
TWO_40(C_SignEncryptUpdate, m->session, NULL, 0, NULL, NULL)
TWO_40(C_DecryptVerifyUpdate, m->session, NULL, 0, NULL, NULL)
TWO_40(C_CopyObject, m->session, 0, NULL, 0, NULL)
TWO_40(C_DigestKey, m->session, 0)
TWO_40(C_WrapKey, m->session, NULL, 0, 0, NULL, NULL)
TWO_40(C_UnwrapKey, m->session, NULL, 0, NULL, 0, NULL, 0, NULL)
TWO_40(C_DeriveKey, m->session, NULL, 0, NULL, 0, NULL)
TWO_40(C_SeedRandom, m->session, NULL, 1)
THREE(C_LoginUser, m->session, CKU_USER, NULL, 0, NULL, 0)
THREE(C_SessionCancel, m->session, 0)
THREE(C_MessageEncryptInit, m->session, NULL, 0)
THREE(C_MessageDecryptInit, m->session, NULL, 0)
THREE(C_MessageSignInit, m->session, NULL, 0)
THREE(C_MessageVerifyInit, m->session, NULL, 0)
THREE(C_EncapsulateKey, m->session, NULL, 0, NULL, 0, NULL, NULL, NULL)
THREE(C_DecapsulateKey, m->session, NULL, 0, NULL, 0, NULL, 0, NULL)
THREE(C_VerifySignatureInit, m->session, NULL, 0, NULL, 0)
THREE(C_GetSessionValidationFlags, m->session, 0, NULL)
THREE(C_AsyncComplete, m->session, NULL, NULL)
THREE(C_WrapKeyAuthenticated, m->session, NULL, 0, 0, NULL, 0, NULL, NULL)
THREE(C_UnwrapKeyAuthenticated, m->session, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL)

#define ROW(name, version, rest)                                                                   \
    { #name rest, version, call_##name }
static const struct {
    const char *name, *version;
    CK_RV (*call)(struct module *);
} functions[] = {
    ROW(C_CopyObject, "2.40", ""),
    ROW(C_DigestKey, "2.40", ""),
    ROW(C_WrapKey, "2.40", ""),
    ROW(C_UnwrapKey, "2.40", ""),
    ROW(C_DeriveKey, "2.40", ""),
    ROW(C_SeedRandom, "2.40", ""),
    ROW(C_SignRecoverInit, "2.40", ""),
    ROW(C_SignRecover, "2.40", ""),
    ROW(C_VerifyRecoverInit, "2.40", ""),
    ROW(C_VerifyRecover, "2.40", ""),
    ROW(C_DigestEncryptUpdate, "2.40", ""),
    ROW(C_DecryptDigestUpdate, "2.40", ""),
    ROW(C_SignEncryptUpdate, "2.40", ""),
    ROW(C_DecryptVerifyUpdate, "2.40", ""),
    ROW(C_GetOperationState, "2.40", ""),
    ROW(C_SetOperationState, "2.40", ""),
    ROW(C_LoginUser, "3.0", ""),
    ROW(C_SessionCancel, "3.0", ""),
    ROW(C_MessageEncryptInit, "3.0", " and what follows it"),
    ROW(C_MessageDecryptInit, "3.0", " and what follows it"),
    ROW(C_MessageSignInit, "3.0", " and what follows it"),
    ROW(C_MessageVerifyInit, "3.0", " and what follows it"),
    ROW(C_EncapsulateKey, "3.2", ""),
    ROW(C_DecapsulateKey, "3.2", ""),
    ROW(C_VerifySignatureInit, "3.2", " and what follows it"),
    ROW(C_GetSessionValidationFlags, "3.2", ""),
    ROW(C_AsyncComplete, "3.2", " and the like"),
    ROW(C_WrapKeyAuthenticated, "3.2", ""),
    ROW(C_UnwrapKeyAuthenticated, "3.2", ""),
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static const char *has(struct module *module, size_t i) {
    return functions[i].call(module) == CKR_FUNCTION_NOT_SUPPORTED ? "-" : "yes";
}

/* ---- mechanisms ------------------------------------------------------------------------------ */

static const struct {
    CK_MECHANISM_TYPE type;
    const char *name;
} names[] = {
#include "mechanism_names.inc"
};

static const char *name_of(CK_MECHANISM_TYPE type) {
    static char number[24];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    (void)snprintf(number, sizeof number, "0x%08lX", type);
    return number;
}

static const struct {
    CK_FLAGS flag;
    const char *text;
} uses[] = {
    {CKF_GENERATE | CKF_GENERATE_KEY_PAIR, "generate"},
    {CKF_DIGEST, "digest"},
    {CKF_SIGN, "sign"},
    {CKF_VERIFY, "verify"},
    {CKF_SIGN_RECOVER, "recover"},
    {CKF_ENCRYPT, "encrypt"},
    {CKF_DECRYPT, "decrypt"},
    {CKF_WRAP, "wrap"},
    {CKF_UNWRAP, "unwrap"},
    {CKF_DERIVE, "derive"},
    {CKF_ENCAPSULATE, "encapsulate"},
    {CKF_DECAPSULATE, "decapsulate"},
};

static void print_uses(struct module *module, CK_MECHANISM_TYPE type) {
    CK_MECHANISM_INFO info = {0}; /* SoftHSM2 adds to what stands there */
    const char *between = "";
    if (module->p11->C_GetMechanismInfo(module->slot, type, &info) != CKR_OK) {
        (void)printf("-");
        return;
    }
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        if ((info.flags & uses[i].flag) == 0)
            continue;
        (void)printf("%s%s", between, uses[i].text);
        between = ", ";
    }
}

static int compare(const void *one, const void *other) {
    CK_MECHANISM_TYPE a = *(const CK_MECHANISM_TYPE *)one, b = *(const CK_MECHANISM_TYPE *)other;
    return a < b ? -1 : a > b;
}

int main(int argc, char **argv) {
    static struct module ours, theirs;
    static CK_MECHANISM_TYPE all[2 * MECHANISMS_MAX];
    if (argc != 3) {
        (void)fprintf(stderr, "usage: softtoken_table SOFTTOKEN SOFTHSM2\n");
        return 2;
    }
    open_module(&ours, argv[1]);
    open_module(&theirs, argv[2]);
    (void)printf("| function | since | softtoken | SoftHSM2 |\n|---|---|---|---|\n");
    for (size_t i = 0; i < FUNCTIONS; i++)
        (void)printf("| `%s` | %s | %s | %s |\n", functions[i].name, functions[i].version,
                     has(&ours, i), has(&theirs, i));
    (void)printf("\n| mechanism | softtoken | SoftHSM2 |\n|---|---|---|\n");
    memcpy(all, ours.list, ours.count * sizeof *all);
    memcpy(all + ours.count, theirs.list, theirs.count * sizeof *all);
    CK_ULONG count = ours.count + theirs.count;
    qsort(all, count, sizeof *all, compare);
    for (CK_ULONG i = 0; i < count; i++) {
        if (i > 0 && all[i] == all[i - 1])
            continue;
        (void)printf("| `%s` | ", name_of(all[i]));
        print_uses(&ours, all[i]);
        (void)printf(" | ");
        print_uses(&theirs, all[i]);
        (void)printf(" |\n");
    }
    return 0;
}
