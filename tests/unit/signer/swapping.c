/* A PKCS #11 module with one reader and two cards: the softtoken (SWAPPING_MODULE, with its tokens in SWAPPING_TOKENS),
 * whose tokens "one" and "two" take turns in slot 7. The test calls swap_cards(), or swap_before_writing() for a swap just
 * before somebody opens a session that may write. As cards do, each ends its sessions when it goes; each has an EC key with
 * the same id. */
#include "cryptoki.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READER 7

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list);
void swap_cards(void);
void swap_before_writing(void);

static CK_FUNCTION_LIST *real, list;
static CK_SLOT_ID cards[2];
static int in_reader; /* guarded by reader */
static atomic_bool swap_soon;
static pthread_rwlock_t reader = PTHREAD_RWLOCK_INITIALIZER;
static CK_UTF8CHAR pin[] = "1234";
#define PIN_LEN 4

void swap_cards(void) {
    pthread_rwlock_wrlock(&reader);
    (void)real->C_CloseAllSessions(cards[in_reader]);
    in_reader = 1 - in_reader;
    pthread_rwlock_unlock(&reader);
}

void swap_before_writing(void) {
    swap_soon = true;
}

/* The call as one of the card that is in the reader. */
#define AT_CARD(slot, call)                                                                                           \
    do {                                                                                                              \
        if ((slot) != READER)                                                                                         \
            return CKR_SLOT_ID_INVALID;                                                                               \
        pthread_rwlock_rdlock(&reader);                                                                               \
        CK_SLOT_ID card = cards[in_reader];                                                                           \
        CK_RV rv = (call);                                                                                            \
        pthread_rwlock_unlock(&reader);                                                                               \
        return rv;                                                                                                    \
    } while (0)

static CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count) {
    (void)present;
    if (slots != NULL && *count < 1)
        return CKR_BUFFER_TOO_SMALL;
    if (slots != NULL)
        slots[0] = READER;
    *count = 1;
    return CKR_OK;
}
static CK_RV slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
    AT_CARD(slot, real->C_GetSlotInfo(card, info));
}
static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
    AT_CARD(slot, real->C_GetTokenInfo(card, info));
}
static CK_RV mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *count) {
    AT_CARD(slot, real->C_GetMechanismList(card, types, count));
}
static CK_RV mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info) {
    AT_CARD(slot, real->C_GetMechanismInfo(card, type, info));
}
static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *context, CK_NOTIFY notify, CK_SESSION_HANDLE *ret) {
    if ((flags & CKF_RW_SESSION) != 0 && atomic_exchange(&swap_soon, false))
        swap_cards();
    AT_CARD(slot, real->C_OpenSession(card, flags, context, notify, ret));
}
static CK_RV close_all(CK_SLOT_ID slot) {
    AT_CARD(slot, real->C_CloseAllSessions(card));
}

static CK_RV make_key(CK_SESSION_HANDLE session) {
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, id = 1;
    static CK_BBOOL yes = CK_TRUE;
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_rows[] = {
        {CKA_TOKEN, &yes, sizeof yes}, {CKA_ID, &id, sizeof id}, {CKA_EC_PARAMS, p256, sizeof p256}};
    CK_ATTRIBUTE private_rows[] = {
        {CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_ID, &id, sizeof id}, {CKA_SIGN, &yes, sizeof yes}};
    CK_OBJECT_HANDLE public_object, private_object;
    return real->C_GenerateKeyPair(session, &mechanism, public_rows, 3, private_rows, 4, &public_object, &private_object);
}

/* In the blank slot, which is always the last one. */
static CK_RV make_card(const char *label, CK_SLOT_ID *ret_slot) {
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_UTF8CHAR padded[32];
    CK_SESSION_HANDLE session;
    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, strlen(label));
    CK_RV rv = real->C_GetSlotList(CK_FALSE, slots, &count);
    if (rv != CKR_OK || count == 0)
        return rv == CKR_OK ? CKR_SLOT_ID_INVALID : rv;
    *ret_slot = slots[count - 1];
    rv = real->C_InitToken(*ret_slot, pin, PIN_LEN, padded);
    if (rv == CKR_OK)
        rv = real->C_OpenSession(*ret_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK)
        return rv;
    rv = real->C_Login(session, CKU_SO, pin, PIN_LEN);
    if (rv == CKR_OK)
        rv = real->C_InitPIN(session, pin, PIN_LEN);
    if (rv == CKR_OK)
        rv = real->C_Logout(session);
    if (rv == CKR_OK)
        rv = real->C_Login(session, CKU_USER, pin, PIN_LEN);
    if (rv == CKR_OK)
        rv = make_key(session);
    (void)real->C_CloseSession(session);
    return rv;
}

static CK_RV initialize(void *arguments) {
    char name[512];
    (void)arguments;
    (void)snprintf(name, sizeof name, "dir=%s", getenv("SWAPPING_TOKENS"));
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = name};
    CK_RV rv = real->C_Initialize(&args);
    if (rv == CKR_OK)
        rv = make_card("one", &cards[0]);
    if (rv == CKR_OK)
        rv = make_card("two", &cards[1]);
    return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list) {
    if (real == NULL) {
        void *library = dlopen(getenv("SWAPPING_MODULE"), RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
        if (get == NULL || get(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        list = *real;
        list.C_Initialize = initialize;
        list.C_GetSlotList = slot_list;
        list.C_GetSlotInfo = slot_info;
        list.C_GetTokenInfo = token_info;
        list.C_GetMechanismList = mechanism_list;
        list.C_GetMechanismInfo = mechanism_info;
        list.C_OpenSession = open_session;
        list.C_CloseAllSessions = close_all;
    }
    *ret_list = &list;
    return CKR_OK;
}
