/* The instance's setting "kek"; private to kek*.c. */
#ifndef GATEHOUSE_CA_KEK_STATE_H
#define GATEHOUSE_CA_KEK_STATE_H

#include "ca/kek.h"
#include "store/wrapped.h"

#define KEK_NODE_COUNTS_US US_PER_DAY /* a node that was not seen for so long holds up nobody */

struct kek_state {
    const char *active, *next;    /* hexadecimal ids; "": none */
    int64_t started_us, ended_us; /* of the last rotation */
    const char *by, *problem;
    int64_t settled_us; /* when the last rotation that was not given up had ended */
    int64_t changes; /* other nodes forget opened keys when it grows */
};
enum kek_rotation kek_state_rotation(const struct kek_state *state);
/* The KEK that all keys are to be under: next while waiting, else active. */
const char *kek_state_target(const struct kek_state *state);
/* ret_text may be NULL. */
MUST_USE bool kek_state_read(struct tx *tx, struct arena *arena, struct kek_state *ret,
                             const char **ret_text, struct error *err);
/* The same, locked until the transaction ends. */
MUST_USE bool kek_state_lock(struct tx *tx, struct arena *arena, struct kek_state *ret, struct error *err);
MUST_USE bool kek_state_write(struct tx *tx, struct arena *arena, const struct kek_state *state,
                              struct error *err);
/* Looks at every key, and wraps anew what is not under the active one ("": none is known yet, nothing happens): for
 * some seconds. */
struct kek_work {
    struct core *core;
    struct view kek;
    int64_t until_us;
    const char *problem; /* of the last key that could not be done, or NULL */
    bool out_of_time;
};
MUST_USE bool kek_work_all(struct core *core, struct arena *arena, const char *active,
                           struct kek_work *ret_work, struct error *err);
/* Is the id in a list of them, each after an octet of length? */
bool kek_list_has(struct arena *arena, struct view list, const char *id);
/* An event about that KEK, with the number of keys when it is not negative. */
MUST_USE bool kek_note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
                       const char *id, int64_t keys, struct error *err);

#endif
