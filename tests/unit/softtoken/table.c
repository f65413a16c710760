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

/* Every function of the standard, in its order, called with nothing right in it: one that is there finds another fault. */
#define ABSENT 0x7fffffffUL /* neither a slot nor a session */
/* clang-format off */
#define CALLS(X) \
    X(p11, "2.40", C_Initialize, NULL) \
    X(p11, "2.40", C_Finalize, m) \
    X(p11, "2.40", C_GetInfo, NULL) \
    X(p11, "2.40", C_GetFunctionList, NULL) \
    X(p11, "2.40", C_GetSlotList, CK_TRUE, NULL, NULL) \
    X(p11, "2.40", C_GetSlotInfo, ABSENT, NULL) \
    X(p11, "2.40", C_GetTokenInfo, ABSENT, NULL) \
    X(p11, "2.40", C_GetMechanismList, ABSENT, NULL, NULL) \
    X(p11, "2.40", C_GetMechanismInfo, ABSENT, 0, NULL) \
    X(p11, "2.40", C_InitToken, ABSENT, NULL, 0, NULL) \
    X(p11, "2.40", C_InitPIN, m->session, NULL, 0) \
    X(p11, "2.40", C_SetPIN, m->session, NULL, 0, NULL, 0) \
    X(p11, "2.40", C_OpenSession, ABSENT, 0, NULL, NULL, NULL) \
    X(p11, "2.40", C_CloseSession, ABSENT) \
    X(p11, "2.40", C_CloseAllSessions, ABSENT) \
    X(p11, "2.40", C_GetSessionInfo, m->session, NULL) \
    X(p11, "2.40", C_GetOperationState, m->session, NULL, NULL) \
    X(p11, "2.40", C_SetOperationState, m->session, NULL, 0, 0, 0) \
    X(p11, "2.40", C_Login, m->session, CKU_USER, NULL, 0) \
    X(p11, "2.40", C_Logout, ABSENT) \
    X(p11, "2.40", C_CreateObject, m->session, NULL, 0, NULL) \
    X(p11, "2.40", C_CopyObject, m->session, 0, NULL, 0, NULL) \
    X(p11, "2.40", C_DestroyObject, m->session, 0) \
    X(p11, "2.40", C_GetObjectSize, m->session, 0, NULL) \
    X(p11, "2.40", C_GetAttributeValue, m->session, 0, NULL, 0) \
    X(p11, "2.40", C_SetAttributeValue, m->session, 0, NULL, 0) \
    X(p11, "2.40", C_FindObjectsInit, ABSENT, NULL, 0) \
    X(p11, "2.40", C_FindObjects, m->session, NULL, 0, NULL) \
    X(p11, "2.40", C_FindObjectsFinal, m->session) \
    X(p11, "2.40", C_EncryptInit, m->session, NULL, 0) \
    X(p11, "2.40", C_Encrypt, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_EncryptUpdate, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_EncryptFinal, m->session, NULL, NULL) \
    X(p11, "2.40", C_DecryptInit, m->session, NULL, 0) \
    X(p11, "2.40", C_Decrypt, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_DecryptUpdate, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_DecryptFinal, m->session, NULL, NULL) \
    X(p11, "2.40", C_DigestInit, m->session, NULL) \
    X(p11, "2.40", C_Digest, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_DigestUpdate, m->session, NULL, 0) \
    X(p11, "2.40", C_DigestKey, m->session, 0) \
    X(p11, "2.40", C_DigestFinal, m->session, NULL, NULL) \
    X(p11, "2.40", C_SignInit, m->session, NULL, 0) \
    X(p11, "2.40", C_Sign, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_SignUpdate, m->session, NULL, 0) \
    X(p11, "2.40", C_SignFinal, m->session, NULL, NULL) \
    X(p11, "2.40", C_SignRecoverInit, m->session, NULL, 0) \
    X(p11, "2.40", C_SignRecover, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_VerifyInit, m->session, NULL, 0) \
    X(p11, "2.40", C_Verify, m->session, NULL, 0, NULL, 0) \
    X(p11, "2.40", C_VerifyUpdate, m->session, NULL, 0) \
    X(p11, "2.40", C_VerifyFinal, m->session, NULL, 0) \
    X(p11, "2.40", C_VerifyRecoverInit, m->session, NULL, 0) \
    X(p11, "2.40", C_VerifyRecover, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_DigestEncryptUpdate, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_DecryptDigestUpdate, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_SignEncryptUpdate, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_DecryptVerifyUpdate, m->session, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_GenerateKey, m->session, NULL, NULL, 0, NULL) \
    X(p11, "2.40", C_GenerateKeyPair, m->session, NULL, NULL, 0, NULL, 0, NULL, NULL) \
    X(p11, "2.40", C_WrapKey, m->session, NULL, 0, 0, NULL, NULL) \
    X(p11, "2.40", C_UnwrapKey, m->session, NULL, 0, NULL, 0, NULL, 0, NULL) \
    X(p11, "2.40", C_DeriveKey, m->session, NULL, 0, NULL, 0, NULL) \
    X(p11, "2.40", C_SeedRandom, m->session, NULL, 1) \
    X(p11, "2.40", C_GenerateRandom, m->session, NULL, 1) \
    X(p11, "2.40", C_GetFunctionStatus, m->session) \
    X(p11, "2.40", C_CancelFunction, m->session) \
    X(p11, "2.40", C_WaitForSlotEvent, CKF_DONT_BLOCK, NULL, NULL) \
    X(newest, "3.0", C_GetInterfaceList, NULL, NULL) \
    X(newest, "3.0", C_GetInterface, NULL, NULL, NULL, 0) \
    X(newest, "3.0", C_LoginUser, m->session, 0, NULL, 0, NULL, 0) \
    X(newest, "3.0", C_SessionCancel, m->session, 0) \
    X(newest, "3.0", C_MessageEncryptInit, m->session, NULL, 0) \
    X(newest, "3.0", C_EncryptMessage, m->session, NULL, 0, NULL, 0, NULL, 0, NULL, NULL) \
    X(newest, "3.0", C_EncryptMessageBegin, m->session, NULL, 0, NULL, 0) \
    X(newest, "3.0", C_EncryptMessageNext, m->session, NULL, 0, NULL, 0, NULL, NULL, 0) \
    X(newest, "3.0", C_MessageEncryptFinal, m->session) \
    X(newest, "3.0", C_MessageDecryptInit, m->session, NULL, 0) \
    X(newest, "3.0", C_DecryptMessage, m->session, NULL, 0, NULL, 0, NULL, 0, NULL, NULL) \
    X(newest, "3.0", C_DecryptMessageBegin, m->session, NULL, 0, NULL, 0) \
    X(newest, "3.0", C_DecryptMessageNext, m->session, NULL, 0, NULL, 0, NULL, NULL, 0) \
    X(newest, "3.0", C_MessageDecryptFinal, m->session) \
    X(newest, "3.0", C_MessageSignInit, m->session, NULL, 0) \
    X(newest, "3.0", C_SignMessage, m->session, NULL, 0, NULL, 0, NULL, NULL) \
    X(newest, "3.0", C_SignMessageBegin, m->session, NULL, 0) \
    X(newest, "3.0", C_SignMessageNext, m->session, NULL, 0, NULL, 0, NULL, NULL) \
    X(newest, "3.0", C_MessageSignFinal, m->session) \
    X(newest, "3.0", C_MessageVerifyInit, m->session, NULL, 0) \
    X(newest, "3.0", C_VerifyMessage, m->session, NULL, 0, NULL, 0, NULL, 0) \
    X(newest, "3.0", C_VerifyMessageBegin, m->session, NULL, 0) \
    X(newest, "3.0", C_VerifyMessageNext, m->session, NULL, 0, NULL, 0, NULL, 0) \
    X(newest, "3.0", C_MessageVerifyFinal, m->session) \
    X(newest, "3.2", C_EncapsulateKey, m->session, NULL, 0, NULL, 0, NULL, NULL, NULL) \
    X(newest, "3.2", C_DecapsulateKey, m->session, NULL, 0, NULL, 0, NULL, 0, NULL) \
    X(newest, "3.2", C_VerifySignatureInit, m->session, NULL, 0, NULL, 0) \
    X(newest, "3.2", C_VerifySignature, m->session, NULL, 0) \
    X(newest, "3.2", C_VerifySignatureUpdate, m->session, NULL, 0) \
    X(newest, "3.2", C_VerifySignatureFinal, m->session) \
    X(newest, "3.2", C_GetSessionValidationFlags, m->session, 0, NULL) \
    X(newest, "3.2", C_AsyncComplete, m->session, NULL, NULL) \
    X(newest, "3.2", C_AsyncGetID, m->session, NULL, NULL) \
    X(newest, "3.2", C_AsyncJoin, m->session, NULL, 0, NULL, 0) \
    X(newest, "3.2", C_WrapKeyAuthenticated, m->session, NULL, 0, 0, NULL, 0, NULL, NULL) \
    X(newest, "3.2", C_UnwrapKeyAuthenticated, m->session, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL)
/* clang-format on */

#define CALL(list, version, name, ...)                                                             \
    static CK_RV call_##name(struct module *m) {                                                   \
        return m->list == NULL ? CKR_FUNCTION_NOT_SUPPORTED : m->list->name(__VA_ARGS__);          \
    }
CALLS(CALL)

#define ROW(list, version, name, ...) {#name, version, call_##name},
static const struct {
    const char *name, *version;
    CK_RV (*call)(struct module *);
} functions[] = {CALLS(ROW)};
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
