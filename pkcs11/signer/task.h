/* Work in one session of a token, done once more when the session, a handle or the log-in turns out
 * to be lost. */
#ifndef GATEHOUSE_SIGNER_TASK_H
#define GATEHOUSE_SIGNER_TASK_H

#include "signer/token.h"

struct task {
    struct token *token;
    const CK_FUNCTION_LIST *f; /* the token's module */
    struct session session;    /* of this attempt */
    CK_RV rv;                  /* of the call that failed; CKR_OK: the error is final */
};

/* `work` gets the subject that task_run was given. */
typedef bool (*task_work)(struct task *task, void *subject, struct error *err);

/* In a session of the pool. */
MUST_USE bool task_run(struct token *token, task_work work, void *subject, struct error *err);
/* In the holder's session: what is made there stays until it is destroyed. */
MUST_USE bool task_run_in_holder(struct token *token, task_work work, void *subject,
                                 struct error *err);

/* Notes the return value, fills the error and returns false. */
bool task_fail(struct task *task, const char *call, CK_RV rv, struct error *err);

/* The key-encryption key with that id, or the newest (the greatest id) when the id is empty.
 * ERROR_CONFLICT "no-kek". */
MUST_USE bool task_kek(struct task *task, struct view id, struct kek *ret_kek, struct error *err);

#endif
