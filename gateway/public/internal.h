/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_PUBLIC_INTERNAL_H
#define GATEHOUSE_PUBLIC_INTERNAL_H

#include "ca/enrol.h"
#include "ca/request_more.h"
#include "ca/templates.h"
#include "console/files.h"
#include "public/public.h"
#include "rest/handler.h"
#include "store/public.h"

#include <pthread.h>

#define ORIGIN_SLOTS 4096

struct public_pages {
    struct core *core;
    struct arena *arena;
    struct files files;
    pthread_mutex_t lock; /* of what follows */
    bool known;           /* the key has been opened */
    uint8_t key[32];
    int64_t minute;       /* of the counters */
    unsigned short counts[ORIGIN_SLOTS];
};

/* -- settings.c -- */

/* The instance's: setting "public". */
struct public_settings {
    bool open;
    int64_t puzzle_bits;             /* a browser tries 2^bits times on average; 0: no puzzle */
    int64_t per_address, per_email;  /* requests an hour */
    int64_t version;
};
MUST_USE bool public_settings_read(struct core *core, struct arena *arena, struct public_settings *ret,
                                   struct error *err);
/* ERROR_FORBIDDEN "pages-closed". */
MUST_USE bool public_check_open(struct core *core, struct arena *arena, struct public_settings *ret,
                                struct error *err);

/* A template's: protocol document "public". */
struct public_rules {
    bool csr, form; /* the ways that are offered */
    bool verify_email, comment;
    const char *note;        /* shown above the form; "" */
    struct text_list fields; /* subject attributes that are asked for; empty: those of the template */
    struct text_list notify; /* who is told that a request waits; empty: who may approve */
    int64_t version;
};
MUST_USE bool public_rules_read(struct core *core, struct arena *arena, struct uuid template_id,
                                struct public_rules *ret, struct error *err);

/* -- tokens.c -- */

/* Links: a letter and an id under the instance's key, 43 characters; nothing is stored. */
enum public_link { LINK_CONFIRM = 'v', LINK_STATUS = 's' };
MUST_USE bool public_link_make(struct public_pages *pages, struct arena *arena, enum public_link kind,
                               struct uuid id, const char **ret, struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool public_link_read(struct public_pages *pages, struct arena *arena, enum public_link kind,
                               const char *text, struct uuid *ret, struct error *err);

/* Puzzles and challenges: time and chance under the key, bound to a text; for ten minutes. */
#define PUZZLE_US (600 * US_PER_SECOND)
MUST_USE bool public_challenge_make(struct public_pages *pages, struct arena *arena, struct view bound,
                                    const char **ret, struct error *err);
/* ERROR_POLICY "puzzle": another one, or over. *ret_hash is what public_spend takes. */
MUST_USE bool public_challenge_check(struct public_pages *pages, struct arena *arena, struct view bound,
                                     const char *text, uint8_t ret_hash[static 32], struct error *err);
/* SHA-256 of "challenge:solution" begins with that many zero bits. ERROR_POLICY "puzzle". */
MUST_USE bool public_puzzle_check(struct arena *arena, const char *challenge, const char *solution,
                                  int64_t bits, struct error *err);
/* In the transaction of what it was good for. ERROR_POLICY "puzzle" when it was used before. */
MUST_USE bool public_spend_once(struct tx *tx, const uint8_t hash[static 32], struct error *err);

/* Where somebody comes from: an IPv4 address, or the /64 of an IPv6 one. */
const char *public_origin(struct arena *arena, const char *address);
/* Bounds what one origin sends in a minute, on this node. ERROR_TOO_MANY "slow-down". */
MUST_USE bool public_slow_down(struct public_pages *pages, const struct http_request *request,
                               struct error *err);

/* -- submit.c -- */

/* The template when strangers may ask under it. ERROR_NOT_FOUND. */
MUST_USE bool public_target(struct core *core, struct arena *arena, const char *slug,
                            struct enrolment_target *ret, struct error *err);
struct actor public_actor(const struct http_request *request, const char *name);

/* -- follow.c -- */
bool public_follow(void *pages, struct arena *arena, struct error *err);
bool public_clean(void *pages, struct arena *arena, struct error *err);

/* -- cps.c -- */
MUST_USE bool public_ca(struct core *core, struct arena *arena, const char *slug, struct ca_record *ret,
                        struct ca_settings *ret_settings, struct error *err);
/* The statement that was written, or one after RFC 3647 made from the settings; NULL when it is at a URL. */
MUST_USE bool public_statement(struct core *core, struct arena *arena, const struct ca_record *ca,
                               const struct ca_settings *settings, const char **ret_text,
                               struct error *err);

HANDLER(public_page);
HANDLER(public_file);
HANDLER(public_settings_show);
HANDLER(public_settings_change);
HANDLER(public_rules_show);
HANDLER(public_rules_change);
HANDLER(public_template);
HANDLER(public_puzzle);
HANDLER(public_submit);
HANDLER(public_confirm);
HANDLER(public_show);
HANDLER(public_cancel);
HANDLER(public_claim);
HANDLER(public_authority);
HANDLER(public_statement_text);
HANDLER(public_renewal_challenge);
HANDLER(public_renew);

#endif
