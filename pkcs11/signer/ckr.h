/* What each return value of a module means to us: one table, including "do not try again". */
#ifndef GATEHOUSE_SIGNER_CKR_H
#define GATEHOUSE_SIGNER_CKR_H

#include "base/error.h"

#include "cryptoki.h"

enum ckr_next {
    NEXT_FAIL,    /* the call cannot succeed: report it */
    NEXT_REOPEN,  /* a session or object is gone: open or load again, then once more */
    NEXT_SUSPECT, /* some modules say it when a session is gone: once more if it is, else report it
                   */
    NEXT_LOGIN,   /* the log-in is gone: log in again, then once more */
    NEXT_STOP,    /* a retry would do harm (a PIN try): report it */
};

struct ckr_meaning {
    CK_RV rv;
    const char *name;
    enum ckr_next next;
    enum error_kind kind;
    const char *type; /* of the error */
    const char *text; /* for the person, completes "token X: " */
};

/* Never NULL: values that are not in the table mean "the token refused". */
const struct ckr_meaning *ckr_meaning(CK_RV rv);
static inline enum ckr_next ckr_next(CK_RV rv) {
    return ckr_meaning(rv)->next;
}
/* Fills the error and returns false. `call` is the Cryptoki function, for the log. */
bool ckr_fail(struct error *err, const char *token, const char *call, CK_RV rv);

#endif
