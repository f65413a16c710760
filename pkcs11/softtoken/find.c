/* C_FindObjects... */
#include <string.h>

#include "draft.h"
#include "session.h"

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    TRY(template_check(pTemplate, ulCount));
    for (CK_ULONG i = 0; i < ulCount; i++)
        if (pTemplate[i].pValue == NULL && pTemplate[i].ulValueLen > 0)
            return CKR_ARGUMENTS_BAD;
    struct find_op *op = &session->find;
    if (op->active)
        return CKR_OPERATION_ACTIVE;
    TRY(slot_refresh(session->slot)); /* what other processes did since */
    op->found.count = op->next = 0;
    TRY(table_match(&session->slot->table, pTemplate, ulCount, &op->found));
    op->active = true;
    return CKR_OK;
}

CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE *phObject,
                    CK_ULONG ulMaxObjectCount, CK_ULONG *pulObjectCount) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    struct find_op *op = &session->find;
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (pulObjectCount == NULL || (phObject == NULL && ulMaxObjectCount > 0))
        return CKR_ARGUMENTS_BAD;
    CK_ULONG count = op->found.count - op->next;
    if (count > ulMaxObjectCount)
        count = ulMaxObjectCount;
    if (count > 0)
        memcpy(phObject, op->found.at + op->next, count * sizeof *phObject);
    op->next += count;
    *pulObjectCount = count;
    return CKR_OK;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession) {
    AUTO(session) struct session *session = NULL;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (!session->find.active)
        return CKR_OPERATION_NOT_INITIALIZED;
    handle_list_drop(&session->find.found);
    session->find = (struct find_op){0};
    return CKR_OK;
}
