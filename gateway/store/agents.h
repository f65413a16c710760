/* Agents: who may come, and who has come. */
#ifndef GATEHOUSE_STORE_AGENTS_H
#define GATEHOUSE_STORE_AGENTS_H

#include "store/db.h"

#define AGENT_NAME_MAX 100

struct agent_record {
    struct uuid id;
    const char *name;
    bool has_code;
    int64_t code_until_us;    /* end of its one-time code */
    struct view certificate;  /* DER; empty: it has never enrolled */
    int64_t created_us, enrolled_us, seen_us; /* 0: never */
    const char *address, *program;            /* of the last time */
};

/* ERROR_CONFLICT "exists" on its name. */
MUST_USE bool agent_insert(struct tx *tx, const struct agent_record *agent,
                           const uint8_t code_hash[static 32], struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool agent_get(struct tx *tx, struct arena *arena, struct uuid id, struct agent_record *ret,
                        struct error *err);
/* By name; there are few. */
MUST_USE bool agent_all(struct tx *tx, struct arena *arena, struct agent_record **ret_items,
                        size_t *ret_count, struct error *err);
/* A new code in the place of the old one. ERROR_NOT_FOUND. */
MUST_USE bool agent_set_code(struct tx *tx, struct uuid id, const uint8_t code_hash[static 32],
                             int64_t until_us, struct error *err);
/* The agent that the code is for, if it has not ended. ERROR_FORBIDDEN "bad-code". */
MUST_USE bool agent_by_code(struct tx *tx, struct arena *arena, const uint8_t code_hash[static 32],
                            int64_t now_us, struct agent_record *ret, struct error *err);
/* Uses the code up. ERROR_FORBIDDEN "bad-code" when another was quicker. */
MUST_USE bool agent_enrolled(struct tx *tx, struct uuid id, const uint8_t code_hash[static 32],
                             struct view certificate, const uint8_t fingerprint[static 32],
                             int64_t now_us, struct error *err);
/* By the SHA-256 of its certificate. ERROR_NOT_FOUND. */
MUST_USE bool agent_by_fingerprint(struct tx *tx, struct arena *arena,
                                   const uint8_t fingerprint[static 32], struct agent_record *ret,
                                   struct error *err);
/* *ret_is: the agent is there, and that is its certificate. */
MUST_USE bool agent_seen(struct tx *tx, struct uuid id, const uint8_t fingerprint[static 32],
                         const char *address, const char *program, int64_t now_us, bool *ret_is,
                         struct error *err);
MUST_USE bool agent_delete(struct tx *tx, struct uuid id, struct error *err);

#endif
