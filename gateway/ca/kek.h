/* The key-encryption keys (KEKs) of the managed token, and their rotation: every key that one of them wraps is wrapped
 * anew, while signing goes on, by whichever node has the lease. What is done stands in each key's row, so a node that is
 * killed loses nothing; and the work is never over: a key that turns up under another KEK is wrapped anew as well.
 *
 * On several nodes whose signers have tokens of their own the new KEK is used by nobody before all of them hold it. */
#ifndef GATEHOUSE_CA_KEK_H
#define GATEHOUSE_CA_KEK_H

#include "ca/core.h"

enum kek_rotation {
    KEK_NEVER,   /* nobody has asked for one yet */
    KEK_WAITING, /* for nodes that do not hold the new KEK */
    KEK_RUNNING,
    KEK_DONE
};
const char *kek_rotation_name(enum kek_rotation rotation);

struct kek_entry {
    const char *id; /* hexadecimal */
    bool here;      /* in the token of this node's signer */
    bool active;    /* wraps what is made */
    bool next;      /* will, when the nodes hold it */
    int64_t keys;   /* that it wraps */
};
struct kek_holder {
    const char *name; /* of the node */
    const char *const *ids;
    size_t count;
    int64_t seen_us;
    bool lacks; /* the KEK of the rotation, or the active one */
};
struct kek_status {
    enum kek_rotation rotation;
    const char *by, *problem;     /* "": none */
    int64_t started_us, ended_us; /* 0: not yet */
    int64_t total, done;          /* keys; done: under the KEK of the rotation */
    struct kek_entry *keks;
    size_t kek_count;
    struct kek_holder *nodes;
    size_t node_count;
};
/* MAY_READ_TOKENS on the instance. */
MUST_USE bool kek_status(struct core *core, struct arena *arena, const struct actor *actor,
                         struct kek_status *ret, struct error *err);
/* Begins: with the KEK of that id, which is in the token already, or (NULL) with one that is made now. MAY_MANAGE_SETTINGS
 * on the instance. ERROR_CONFLICT "kek-rotation" while one is under way, or when it is the active one already;
 * ERROR_NOT_FOUND. */
MUST_USE bool kek_rotate(struct core *core, struct arena *arena, const struct actor *actor, const char *id,
                         struct error *err);
/* While it waits for nodes: nothing was wrapped by the new one yet. ERROR_CONFLICT "kek-rotation". */
MUST_USE bool kek_cancel(struct core *core, struct arena *arena, const struct actor *actor, struct error *err);
/* Removes it from the token of this node's signer, for good. ERROR_CONFLICT "kek-in-use" while a key is under it (or may
 * be), or some node may still remember one that was. */
MUST_USE bool kek_remove(struct core *core, struct arena *arena, const struct actor *actor, const char *id,
                         struct error *err);
/* A node that does not come back: nobody waits for it. */
MUST_USE bool kek_forget_node(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *name, struct error *err);

/* After a key was made or imported: the blob under the active KEK, should the token's newest be another. */
MUST_USE bool kek_settle(struct core *core, struct arena *arena, struct view spki, struct view *blob,
                         struct error *err);

/* What each node does by itself. */
struct kek_watch {
    struct core *core;
    const char *node; /* name of this node, stable over restarts */
    struct uuid holder; /* of the lease: this process */
    char *seen;       /* the state at the last look, or NULL */
    int64_t looked_us;
};
/* Everywhere: reports the KEKs of the signer, and forgets opened keys when the state has changed. */
MUST_USE bool kek_watch_run(void *watch, struct arena *arena, struct error *err);
/* Everywhere too: who gets the lease, which is a short one, goes on with a rotation for some seconds. */
MUST_USE bool kek_work_run(void *watch, struct arena *arena, struct error *err);

#endif
