/* C_Initialize and the other functions of a general kind; the lists of functions. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "session.h"
#include "version.h"

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* ---- fork ----------------------------------------------------------------------------------- */

/* pkcs11-v3.2#5.4.1: the child has to call C_Initialize itself. What it has inherited it cannot
 * use, for locks in it may be held by threads that it has not. */
static void in_child(void) {
    atomic_store(&module.ready, false);
    slots_abandon();
    sessions_abandon();
    module.libctx = NULL;
    module.hmac = module.cmac = NULL;
    memset(module.digests, 0, sizeof module.digests);
    memset(module.ciphers, 0, sizeof module.ciphers);
    module.dir = NULL;
    (void)pthread_mutex_init(&init_lock, NULL);
}

static void watch_forks(void) {
    (void)pthread_atfork(NULL, NULL, in_child);
}

/* ---- C_Initialize --------------------------------------------------------------------------- */

static CK_RV check_args(const CK_C_INITIALIZE_ARGS *args) {
    int functions = (args->CreateMutex != NULL) + (args->DestroyMutex != NULL) +
                    (args->LockMutex != NULL) + (args->UnlockMutex != NULL);
    if (functions != 0 && functions != 4)
        return CKR_ARGUMENTS_BAD;
    /* The caller's locks alone, and not the system's: only the system's are used here. */
    if (functions == 4 && (args->flags & CKF_OS_LOCKING_OK) == 0)
        return CKR_CANT_LOCK;
    return CKR_OK;
}

/* No string of a program lies here: what a caller passes that fills unknown fields with numbers. */
#define LOWEST_ADDRESS 65536u

/* "dir=/path" in pReserved, else the environment, else the user's own directory. */
static CK_RV find_directory(const CK_C_INITIALIZE_ARGS *args, char **ret_dir) {
    const char *given = args == NULL ? NULL : args->pReserved;
    const char *home = getenv("HOME"), *set = secure_getenv("GATEHOUSE_SOFTTOKEN_DIR");
    char *dir = NULL;
    if (given != NULL) {
        if ((uintptr_t)given < LOWEST_ADDRESS || strncmp(given, "dir=/", 5) != 0)
            return CKR_ARGUMENTS_BAD;
        dir = strdup(given + 4);
    } else if (set != NULL && *set != '\0') {
        dir = strdup(set);
    } else if (asprintf(&dir, "%s/.local/share/gatehouse/softtoken", home == NULL ? "" : home) <
               0) {
        dir = NULL;
    }
    if (dir == NULL)
        return CKR_HOST_MEMORY;
    *ret_dir = dir;
    return CKR_OK;
}

static CK_RV open_module(const CK_C_INITIALIZE_ARGS *args) {
    if (args != NULL)
        TRY(check_args(args));
    (void)pthread_once(&fork_once, watch_forks);
    TRY(find_directory(args, &module.dir));
    CK_RV rv = module_crypto_open();
    if (rv == CKR_OK) {
        rv = slots_open();
        if (rv != CKR_OK) {
            slots_close();
            module_crypto_close();
        }
    }
    if (rv != CKR_OK) {
        free(module.dir);
        module.dir = NULL;
    }
    return rv;
}

CK_RV C_Initialize(void *pInitArgs) {
    pthread_mutex_lock(&init_lock);
    CK_RV rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (!atomic_load(&module.ready)) {
        rv = open_module(pInitArgs);
        atomic_store_explicit(&module.ready, rv == CKR_OK, memory_order_release);
    }
    pthread_mutex_unlock(&init_lock);
    return rv;
}

CK_RV C_Finalize(void *pReserved) {
    if (pReserved != NULL)
        return CKR_ARGUMENTS_BAD;
    pthread_mutex_lock(&init_lock);
    CK_RV rv = CKR_CRYPTOKI_NOT_INITIALIZED;
    if (atomic_exchange(&module.ready, false)) {
        sessions_close_all(NULL);
        slots_close();
        module_crypto_close();
        free(module.dir);
        module.dir = NULL;
        rv = CKR_OK;
    }
    pthread_mutex_unlock(&init_lock);
    return rv;
}

CK_RV C_GetInfo(CK_INFO *pInfo) {
    REQUIRE_READY();
    if (pInfo == NULL)
        return CKR_ARGUMENTS_BAD;
    *pInfo = (CK_INFO){
        .cryptokiVersion = {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR},
        .libraryVersion = {SOFTTOKEN_VERSION_MAJOR, SOFTTOKEN_VERSION_MINOR},
    };
    text_pad(pInfo->manufacturerID, sizeof pInfo->manufacturerID, SOFTTOKEN_MANUFACTURER);
    text_pad(pInfo->libraryDescription, sizeof pInfo->libraryDescription, "Gatehouse softtoken");
    return CKR_OK;
}

/* pkcs11-v3.2#5.21: functions of the time when calls could run in parallel. */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE hSession) {
    (void)hSession;
    REQUIRE_READY();
    return CKR_FUNCTION_NOT_PARALLEL;
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE hSession) {
    (void)hSession;
    REQUIRE_READY();
    return CKR_FUNCTION_NOT_PARALLEL;
}

/* ---- lists of functions --------------------------------------------------------------------- */

#define ENTRY(name, args) .name = name,

static CK_FUNCTION_LIST list_2_40 = {.version = {2, 40}, CK_FUNCTIONS_2_40(ENTRY)};
static CK_FUNCTION_LIST_3_0 list_3_0 = {.version = {3, 0},
                                        CK_FUNCTIONS_2_40(ENTRY) CK_FUNCTIONS_3_0(ENTRY)};
static CK_FUNCTION_LIST_3_2 list_3_2 = {
    .version = {3, 2}, CK_FUNCTIONS_2_40(ENTRY) CK_FUNCTIONS_3_0(ENTRY) CK_FUNCTIONS_3_2(ENTRY)};

#define INTERFACE_NAME "PKCS 11"

static CK_UTF8CHAR interface_name[] = INTERFACE_NAME;

/* The first is the default. Not CKF_INTERFACE_FORK_SAFE: that would promise a child its parent's
 * sessions and log-in (pkcs11-v3.2#3.4); here it begins anew with C_Initialize. */
static CK_INTERFACE interfaces[] = {
    {interface_name, &list_3_2, 0},
    {interface_name, &list_3_0, 0},
    {interface_name, &list_2_40, 0},
};
#define INTERFACES (sizeof interfaces / sizeof *interfaces)

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ppFunctionList) {
    if (ppFunctionList == NULL)
        return CKR_ARGUMENTS_BAD;
    *ppFunctionList = &list_2_40;
    return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE *pInterfacesList, CK_ULONG *pulCount) {
    if (pulCount == NULL)
        return CKR_ARGUMENTS_BAD;
    CK_ULONG room = *pulCount;
    *pulCount = INTERFACES;
    if (pInterfacesList == NULL)
        return CKR_OK;
    if (room < INTERFACES)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(pInterfacesList, interfaces, sizeof interfaces);
    return CKR_OK;
}

CK_RV C_GetInterface(CK_UTF8CHAR *pInterfaceName, CK_VERSION *pVersion, CK_INTERFACE **ppInterface,
                     CK_FLAGS flags) {
    if (ppInterface == NULL)
        return CKR_ARGUMENTS_BAD;
    if (pInterfaceName != NULL && strcmp((const char *)pInterfaceName, INTERFACE_NAME) != 0)
        return CKR_FUNCTION_FAILED;
    for (size_t i = 0; i < INTERFACES; i++) {
        const CK_VERSION *version = interfaces[i].pFunctionList; /* every list begins with it */
        if (pVersion != NULL &&
            (pVersion->major != version->major || pVersion->minor != version->minor))
            continue;
        if ((interfaces[i].flags & flags) != flags)
            continue;
        *ppInterface = &interfaces[i];
        return CKR_OK;
    }
    return CKR_FUNCTION_FAILED;
}
