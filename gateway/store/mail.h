/* Mail that waits to be sent, and the wording that organisations gave it. */
#ifndef GATEHOUSE_STORE_MAIL_H
#define GATEHOUSE_STORE_MAIL_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

enum mail_state { MAIL_WAITING = 1, MAIL_SENT = 2, MAIL_GIVEN_UP = 3 };

struct mail_message {
    struct uuid id, organisation_id; /* whose; nil: the instance's */
    const char *template, *recipient;
    const uint8_t *once; /* 32 octets, or NULL; only written */
    const char *content; /* sealed; "" once it is sent */
    enum mail_state state;
    int64_t attempts, next_us, created_us, done_us;
    const char *problem; /* of the last attempt; "" */
};
/* ret_duplicate: there is one of the same `once`; nothing was added. */
MUST_USE bool mail_insert(struct tx *tx, const struct mail_message *message, bool *ret_duplicate,
                          struct error *err);
/* Waiting and due, oldest first. */
MUST_USE bool mail_due(struct tx *tx, struct arena *arena, int64_t now_us, unsigned limit,
                       struct mail_message **ret_items, size_t *ret_count, struct error *err);
/* Counts an attempt and keeps others away until that time; false in ret_mine when somebody was quicker. */
MUST_USE bool mail_take(struct tx *tx, const struct mail_message *message, int64_t until_us, bool *ret_mine,
                        struct error *err);
/* What became of the attempt: sent or given up (content goes with what is sent), or waiting until next_us. */
MUST_USE bool mail_settle(struct tx *tx, struct uuid id, enum mail_state state, int64_t at_us,
                          const char *problem, struct error *err);
/* A waiting or given-up one is due now, its attempts begin anew. ERROR_NOT_FOUND, ERROR_CONFLICT "mail-sent". */
MUST_USE bool mail_again(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);
/* Newest first; state 0: all. Content is not read. */
MUST_USE bool mail_list(struct tx *tx, struct arena *arena, enum mail_state state, const struct page *page,
                        struct mail_message **ret_items, size_t *ret_count, const char **ret_next,
                        struct error *err);
/* Those that are done since before that time, at most 10000. */
MUST_USE bool mail_purge(struct tx *tx, int64_t before_us, struct error *err);

#define MAX_MAIL_SUBJECT 300
#define MAX_MAIL_TEXT ((size_t)16 * 1024)
#define MAX_MAIL_HTML ((size_t)64 * 1024)

struct mail_wording {
    struct uuid organisation_id; /* nil: the instance's */
    const char *name, *subject, *text, *html;
    int64_t version, changed_us;
};
/* The organisation's, else the instance's, else ret->version is 0. */
MUST_USE bool mail_wording_find(struct tx *tx, struct arena *arena, struct uuid organisation_id,
                                const char *name, struct mail_wording *ret, struct error *err);
/* The version is the one the edit is based on, 0 for a first one. ERROR_CONFLICT "changed-meanwhile". */
MUST_USE bool mail_wording_put(struct tx *tx, const struct mail_wording *wording, struct error *err);
MUST_USE bool mail_wording_remove(struct tx *tx, struct uuid organisation_id, const char *name,
                                  struct error *err);

#endif
