#include "ca/credential_rules.h"
#include "ca/secret.h"

bool credential_again(struct core *core, struct arena *arena, struct uuid id, struct credential *ret,
                      struct view *ret_secret, struct error *err) {
    struct credential_record record = {0};
    struct view secret = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = credential_by_id(tx.tx, arena, &scope_everything, id, &record, err);
    if (!done && err->kind != ERROR_NOT_FOUND)
        return false;
    if (!done || record.revoked)
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge", "The credential has been revoked.");
    if (record.sealed[0] != '\0')
        TRY(secret_open(core, arena, credential_place(arena, id), record.sealed, &secret, err));
    credential_from_record(&record, ret);
    *ret_secret = secret;
    return true;
}
