/* Transactions that are ready at the same time become one: whoever comes while fewer than two are at work leads, takes
 * what has come together, and commits it; the others wait. Nobody waits for more to come, so one alone is as quick
 * as ever. */
#include "store/group.h"

#include "store/db.h"
#include "store/pool.h"

#include <semaphore.h>
#include <stdlib.h>

#define MOST 64 /* bodies in one transaction */
#define MOST_LEADERS 2 /* while one waits for the disk the other's statements run */

/* On its caller's stack: gone once its semaphore was posted. */
struct member {
    struct member *next;
    bool (*body)(struct tx *tx, void *context, struct error *err);
    void *context;
    struct error *err;
    enum state { WAITS, LEADS, DONE, FAILED, ALONE } state;
    sem_t ready;
};

struct group *group_new(void) {
    struct group *group = must_alloc(sizeof *group);
    pthread_mutex_init(&group->lock, NULL);
    group->last = &group->first;
    return group;
}

void group_free(struct group *group) {
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

/* The lock is held. Takes up to `most` of those who wait. */
static size_t take(struct group *group, struct member **members, size_t most) {
    size_t count = 0;
    for (; group->first != NULL && count < most; group->first = group->first->next)
        members[count++] = group->first;
    if (group->first == NULL)
        group->last = &group->first;
    return count;
}

/* The oldest of those who wait leads next; nobody else of them is woken for it. */
static void hand_over(struct group *group) {
    struct member *next = NULL;
    pthread_mutex_lock(&group->lock);
    if (take(group, &next, 1) == 0)
        group->leaders--;
    else
        next->state = LEADS;
    pthread_mutex_unlock(&group->lock);
    if (next != NULL)
        sem_post(&next->ready);
}

static void lead(struct db *db, struct group *group, struct member *self) {
    struct member *members[MOST] = {self};
    pthread_mutex_lock(&group->lock);
    size_t count = 1 + take(group, members + 1, MOST - 1);
    pthread_mutex_unlock(&group->lock);
    enum state state = run_together(db, members, count);
    hand_over(group);
    self->state = state;
    for (size_t i = 1; i < count; i++) {
        members[i]->state = state;
        sem_post(&members[i]->ready);
    }
}

/* True when this one leads. */
static bool join(struct group *group, struct member *self) {
    pthread_mutex_lock(&group->lock);
    bool leads = group->leaders < MOST_LEADERS;
    if (leads) {
        group->leaders++;
    } else {
        *group->last = self;
        group->last = &self->next;
    }
    pthread_mutex_unlock(&group->lock);
    if (leads)
        return true;
    while (sem_wait(&self->ready) != 0)
        ; /* a signal */
    return self->state == LEADS;
}

bool tx_together(struct db *db, bool (*body)(struct tx *tx, void *context, struct error *err),
                 void *context, struct error *err) {
    struct group *group = db_group(db);
    struct member self = {.body = body, .context = context, .err = err};
    sem_init(&self.ready, 0, 0);
    if (join(group, &self))
        lead(db, group, &self);
    sem_destroy(&self.ready);
    if (self.state == ALONE)
        return run_alone(db, &self);
    if (self.state == DONE)
        err->kind = ERROR_NONE;
    return self.state == DONE;
}
