#include "signer/task.h"

static bool once_more(struct task *task, int attempt) {
    return attempt == 0 && task->rv != CKR_OK &&
           token_recover(task->token, task->rv, task->session.generation);
}

bool task_run(struct token *token, task_work work, void *subject, struct error *err) {
    for (int attempt = 0;; attempt++) {
        struct task task = {.token = token, .f = token->module->f};
        TRY(token_take(token, &task.session, err));
        bool done = work(&task, subject, err);
        token_give(token, task.session, task.rv);
        if (done)
            return true;
        if (!once_more(&task, attempt))
            return false;
    }
}

bool task_run_in_holder(struct token *token, task_work work, void *subject, struct error *err) {
    for (int attempt = 0;; attempt++) {
        struct task task = {.token = token, .f = token->module->f};
        TRY(token_hold(token, &task.session, err));
        bool done = work(&task, subject, err);
        token_release(token);
        if (done)
            return true;
        if (!once_more(&task, attempt))
            return false;
    }
}

bool task_fail(struct task *task, const char *call, CK_RV rv, struct error *err) {
    task->rv = rv;
    return ckr_fail(err, task->token->label, call, rv);
}
