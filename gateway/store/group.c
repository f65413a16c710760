/* Transactions that are ready at the same time become one: whoever comes first while nobody is at work leads, takes
 * what has come together, and commits it; the others wait. Nobody waits for more to come, so one alone is as quick
 * as ever. */
#include "store/group.h"

#include "store/db.h"
#include "store/pool.h"

#include <stdlib.h>

#define MOST 64 /* bodies in one transaction */

struct member {
    struct member *next;
    bool (*body)(struct tx *tx, void *context, struct error *err);
    void *context;
    struct error *err;
    enum state { WAITS, DONE, FAILED, ALONE } state;
};

struct group *group_new(void) {
    struct group *group = must_alloc(sizeof *group);
    pthread_mutex_init(&group->lock, NULL);
    pthread_cond_init(&group->turn, NULL);
    group->last = &group->first;
    return group;
}

void group_free(struct group *group) {
    pthread_cond_destroy(&group->turn);
    pthread_mutex_destroy(&group->lock);
    free(group);
}

static bool run_alone(struct db *db, struct member *member) {
    bool done = false;
    TX(tx, db, &done, member->err)
        tx.ok = member->body(tx.tx, member->context, member->err);
    return done;
}

/* All of them or none. Any body's refusal is its own affair: then each runs alone. When nobody knows whether COMMIT
 * happened, none may run again. */
static enum state run_together(struct db *db, struct member **members, size_t count) {
    struct error err = {0};
    bool done = false, unknown = false;
    if (count == 1)
        return run_alone(db, members[0]) ? DONE : FAILED;
    TX(tx, db, &done, &err) {
        tx.ret_unknown = &unknown;
        tx.ok = true;
        for (size_t i = 0; tx.ok && i < count; i++)
            tx.ok = members[i]->body(tx.tx, members[i]->context, &err);
    }
    for (size_t i = 0; unknown && i < count; i++)
        *members[i]->err = err;
    return done ? DONE : unknown ? FAILED : ALONE;
}

static size_t take(struct group *group, struct member **members) {
    size_t count = 0;
    while (group->first != NULL && count < MOST) {
        members[count++] = group->first;
        group->first = group->first->next;
    }
    if (group->first == NULL)
        group->last = &group->first;
    return count;
}

static void lead(struct db *db, struct group *group) {
    struct member *members[MOST];
    size_t count = take(group, members);
    group->led = true;
    pthread_mutex_unlock(&group->lock);
    enum state state = run_together(db, members, count);
    pthread_mutex_lock(&group->lock);
    for (size_t i = 0; i < count; i++)
        members[i]->state = state;
    group->led = false;
    pthread_cond_broadcast(&group->turn);
}

bool tx_together(struct db *db, bool (*body)(struct tx *tx, void *context, struct error *err),
                 void *context, struct error *err) {
    struct group *group = db_group(db);
    struct member self = {.body = body, .context = context, .err = err};
    pthread_mutex_lock(&group->lock);
    *group->last = &self;
    group->last = &self.next;
    while (self.state == WAITS)
        if (group->led)
            pthread_cond_wait(&group->turn, &group->lock);
        else
            lead(db, group);
    pthread_mutex_unlock(&group->lock);
    if (self.state == ALONE)
        return run_alone(db, &self);
    if (self.state == DONE)
        err->kind = ERROR_NONE;
    return self.state == DONE;
}
