/* Slot and token functions of the standard. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "session.h"
#include "version.h"

CK_RV C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID *pSlotList, CK_ULONG *pulCount) {
    REQUIRE_READY();
    if (pulCount == NULL)
        return CKR_ARGUMENTS_BAD;
    if (pSlotList == NULL) /* pkcs11-v3.2#5.5.1: the list may change only with such a call */
        TRY(slots_rescan());
    /* The free slot has a token too, one that waits for C_InitToken: it is always listed. */
    (void)tokenPresent;
    return slots_list(false, pSlotList, pulCount);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO *pInfo) {
    struct slot *slot;
    char description[65];
    REQUIRE_READY();
    if (pInfo == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(slot_find(slotID, &slot));
    *pInfo = (CK_SLOT_INFO){
        .flags = CKF_TOKEN_PRESENT,
        .hardwareVersion = {SOFTTOKEN_VERSION_MAJOR, SOFTTOKEN_VERSION_MINOR},
        .firmwareVersion = {SOFTTOKEN_VERSION_MAJOR, SOFTTOKEN_VERSION_MINOR},
    };
    (void)snprintf(description, sizeof description, "Gatehouse softtoken slot 0x%lx", slotID);
    text_pad(pInfo->slotDescription, sizeof pInfo->slotDescription, description);
    text_pad(pInfo->manufacturerID, sizeof pInfo->manufacturerID, SOFTTOKEN_MANUFACTURER);
    return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO *pInfo) {
    struct slot *slot;
    struct token_status status;
    struct tm now;
    time_t seconds = time(NULL);
    char text[17] = "";
    REQUIRE_READY();
    if (pInfo == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(slot_find(slotID, &slot));
    TRY(slot_status(slot, &status));
    *pInfo = (CK_TOKEN_INFO){
        .flags = status.flags,
        .ulMaxSessionCount = SESSIONS_MAX,
        .ulSessionCount = status.sessions,
        .ulMaxRwSessionCount = SESSIONS_MAX,
        .ulRwSessionCount = status.rw_sessions,
        .ulMaxPinLen = PIN_MAX,
        .ulMinPinLen = PIN_MIN,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .hardwareVersion = {SOFTTOKEN_VERSION_MAJOR, SOFTTOKEN_VERSION_MINOR},
        .firmwareVersion = {SOFTTOKEN_VERSION_MAJOR, SOFTTOKEN_VERSION_MINOR},
    };
    memcpy(pInfo->label, status.record.label, sizeof pInfo->label);
    text_pad(pInfo->manufacturerID, sizeof pInfo->manufacturerID, SOFTTOKEN_MANUFACTURER);
    text_pad(pInfo->model, sizeof pInfo->model, SOFTTOKEN_MODEL);
    text_pad(pInfo->serialNumber, sizeof pInfo->serialNumber, status.record.serial);
    if (gmtime_r(&seconds, &now) != NULL)
        (void)strftime(text, sizeof text, "%Y%m%d%H%M%S00", &now);
    text_pad(pInfo->utcTime, sizeof pInfo->utcTime, text);
    return CKR_OK;
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *pSlot, void *pReserved) {
    REQUIRE_READY();
    if (pReserved != NULL || pSlot == NULL)
        return CKR_ARGUMENTS_BAD;
    /* Nobody plugs a token in or out; to wait for it would be for ever. */
    return (flags & CKF_DONT_BLOCK) != 0 ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen, CK_UTF8CHAR *pLabel) {
    struct slot *slot;
    REQUIRE_READY();
    if (pPin == NULL || pLabel == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(slot_find(slotID, &slot));
    return slot_init_token(slot, pPin, ulPinLen, pLabel);
}
