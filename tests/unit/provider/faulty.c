/* A PKCS #11 module with faults by name: the softtoken (FAULTY_MODULE, with its tokens in
 * FAULTY_TOKENS) whose C_Sign does what the file FAULTY_ORDER says. An order that is obeyed once is
 * removed as it is read. Each instance writes its process id to FAULTY_ORDER.pid. */
#include "cryptoki.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list);

static CK_FUNCTION_LIST *real, list;
static bool pulled, reset;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER; /* while one call waits for a person, no other comes in */

/* An order that says "once" is obeyed once. */
static bool ordered(const char *name) {
    char text[64] = "";
    FILE *file = fopen(getenv("FAULTY_ORDER"), "r");
    if (file == NULL)
        return false;
    bool given = fgets(text, sizeof text, file) != NULL && strncmp(text, name, strlen(name)) == 0;
    (void)fclose(file);
    if (given && strstr(text, "once") != NULL)
        (void)unlink(getenv("FAULTY_ORDER"));
    return given;
}

static CK_RV faulty_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                         CK_ULONG *signature_len) {
    if (ordered("crash"))
        (void)raise(SIGKILL); /* as a crash, without a sanitizer's report */
    if (ordered("hang"))
        for (;;)
            (void)pause();
    if (ordered("touch")) {
        (void)pthread_mutex_lock(&door);
        while (ordered("touch"))
            (void)usleep(20000);
        (void)pthread_mutex_unlock(&door);
    }
    if (ordered("device-error"))
        return CKR_DEVICE_ERROR;
    if (ordered("disk-full"))
        return CKR_DEVICE_MEMORY;
    if (ordered("session-lost")) {
        (void)real->C_CloseSession(session);
        return CKR_SESSION_HANDLE_INVALID;
    }
    if (ordered("card-reset"))
        reset = true; /* the module's log-in is none of the card's any more, and it does not know */
    if (reset)
        return CKR_USER_NOT_LOGGED_IN;
    if (ordered("pulled"))
        pulled = true;
    if (pulled)
        return CKR_DEVICE_REMOVED;
    CK_RV rv = real->C_Sign(session, data, len, signature, signature_len);
    if (rv == CKR_OK && ordered("wrong"))
        signature[*signature_len - 1] ^= 1;
    return rv;
}

static CK_RV faulty_slots(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count) {
    if (ordered("plugged"))
        pulled = false;
    if (!pulled)
        return real->C_GetSlotList(present, slots, count);
    *count = 0;
    return CKR_OK;
}

static CK_RV faulty_open(CK_SLOT_ID slot, CK_FLAGS flags, void *context, CK_NOTIFY notify,
                         CK_SESSION_HANDLE *ret_session) {
    return pulled ? CKR_TOKEN_NOT_PRESENT
                  : real->C_OpenSession(slot, flags, context, notify, ret_session);
}

/* A PIN pad, at which somebody types FAULTY_PIN when the order no longer says "at-pad", unless it says "nobody-comes". */
static CK_RV faulty_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
    (void)pthread_mutex_lock(&door);
    CK_RV rv = real->C_GetTokenInfo(slot, info);
    (void)pthread_mutex_unlock(&door);
    if (rv == CKR_OK && memcmp(info->label, "padded ", 7) == 0)
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    return rv;
}

static CK_RV faulty_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len) {
    const char *typed = getenv("FAULTY_PIN");
    if (pin != NULL || typed == NULL) {
        CK_RV rv = real->C_Login(session, user, pin, len);
        reset = reset && rv != CKR_OK;
        return rv;
    }
    (void)pthread_mutex_lock(&door);
    CK_RV rv = CKR_FUNCTION_CANCELED;
    while (ordered("at-pad"))
        (void)usleep(20000);
    if (!ordered("nobody-comes"))
        rv = real->C_Login(session, user, (CK_UTF8CHAR *)(uintptr_t)typed, strlen(typed));
    (void)pthread_mutex_unlock(&door);
    return rv;
}

static CK_RV faulty_initialize(void *arguments) {
    char name[512];
    (void)arguments;
    (void)snprintf(name, sizeof name, "%s.pid", getenv("FAULTY_ORDER"));
    FILE *file = fopen(name, "w");
    if (file != NULL) {
        (void)fprintf(file, "%ld\n", (long)getpid());
        (void)fclose(file);
    }
    (void)snprintf(name, sizeof name, "dir=%s", getenv("FAULTY_TOKENS"));
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = name};
    return real->C_Initialize(&args);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list) {
    void *library = dlopen(getenv("FAULTY_MODULE"), RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get =
        library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    list = *real;
    list.C_Initialize = faulty_initialize;
    list.C_Sign = faulty_sign;
    list.C_Login = faulty_login;
    list.C_GetTokenInfo = faulty_info;
    list.C_GetSlotList = faulty_slots;
    list.C_OpenSession = faulty_open;
    *ret_list = &list;
    return CKR_OK;
}
