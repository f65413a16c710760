/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_NOTICES_INTERNAL_H
#define GATEHOUSE_NOTICES_INTERNAL_H

#include "ca/core.h"
#include "notices/notices.h"
#include "rest/handler.h"

/* -- settings.c: one document of the instance -- */

struct notice_settings {
    const struct json *webhooks, *rules, *reports; /* arrays, or NULL; webhooks with "sealed" */
    int64_t version;
};
MUST_USE bool notices_read(struct core *core, struct arena *arena, struct notice_settings *ret, struct error *err);
/* The element with that id, or NULL. */
const struct json *notices_find(const struct json *list, const char *id);
const char *notices_text(const struct json *object, const char *name); /* NULL when absent */
MUST_USE bool notices_put(struct core *core, struct arena *arena, const struct actor *actor,
                          const struct json *document, int64_t version, struct error *err);
/* As the API shows it: without secrets. */
void notices_write(struct json_writer *w, const struct notice_settings *settings);
/* The setting that says up to where a rule about events has looked: microseconds. */
const char *notices_position(struct arena *arena, const char *rule);
const char *notices_webhook_place(struct arena *arena, const char *id);

/* -- deliver.c -- */

struct notice {
    const char *occasion; /* names it for good: what was told once is not told again */
    const char *text;     /* a line for people */
    const char *data;     /* a JSON object for programs */
    struct uuid request;  /* the request that it is about, or nil */
    const char *follows;  /* an occasion: told to those alone who were told of that; or NULL */
};
struct notice_target {
    const char *mail;           /* an address, or NULL */
    const struct json *webhook; /* or NULL */
};
/* Those that this target does not know yet, in one mail, or in one call of the webhook or as many as their length needs. */
MUST_USE bool notices_tell(struct core *core, struct arena *arena, const char *rule, const struct notice *notices,
                           size_t count, const struct notice_target *target, struct error *err);
/* To each address that the rule names. One that fails keeps the others from nothing; the first failure is told. */
MUST_USE bool notices_tell_mails(struct core *core, struct arena *arena, const struct json *rule,
                                 const struct notice *notices, size_t count, struct error *err);

/* -- rules.c: what is told, each to somebody -- */

struct found {
    struct notice *notices;
    const char **owners; /* whose each is: an address, or something else */
    size_t count;
};
/* The smallest of the numbers of days (NULL: 30, 15, 7, 2, 1) that this time has come to; 0: none yet. */
int64_t notices_stage(const struct json *days, int64_t left_us);
int64_t notices_longest(const struct json *days);

/* -- own.c -- */

/* Whether the end of this certificate of a CA or service needs somebody's attention. */
struct certificate_record;
MUST_USE bool notices_own_concerns(struct tx *tx, struct arena *arena, const struct certificate_record *c, int64_t now_us,
                                   bool *ret, struct error *err);
/* The instance's TLS certificate, where no authority of this instance has issued it. */
MUST_USE bool notices_find_own_tls(struct core *core, struct arena *arena, const struct json *rule, int64_t now_us,
                                   struct notice *ret, bool *ret_found, struct error *err);

/* -- secrets.c, approvers.c -- */

MUST_USE bool notices_find_secrets(struct core *core, struct arena *arena, const struct json *rule, struct found *ret,
                                   struct error *err);
MUST_USE bool notices_tell_approvers(struct core *core, struct arena *arena, const struct json *rule,
                                     const struct notice *notices, size_t count, struct error *err);

/* -- troubles.c: tokens, agents and jobs that fail for a while, and that do not any more -- */

/* What there is to tell, and what the rule remembers once that is told (NULL: what it remembers already). */
MUST_USE bool notices_find_troubles(struct core *core, struct arena *arena, const struct json *rule, struct found *ret,
                                    const char **ret_memory, struct error *err);
/* The setting that has it. */
const char *notices_troubles_place(struct arena *arena, const char *rule);
MUST_USE bool notices_check_troubles(const struct json *rule, struct error *err);

/* -- webhook.c -- */

/* Posts; 2xx is success, else ERROR_UNAVAILABLE "notice-failed". */
MUST_USE bool webhook_post(struct core *core, struct arena *arena, const struct json *webhook, const char *rule,
                           const struct notice *const *notices, size_t count, struct error *err);
/* How many of these, at least one, fit into a call of that shape. */
size_t webhook_most(const struct json *webhook, const struct notice *const *notices, size_t count);
bool webhook_shape_known(const char *shape);

/* -- rules.c, reports.c -- */

MUST_USE bool notices_look(void *core, struct arena *arena, struct error *err);
MUST_USE bool reports_look(void *core, struct arena *arena, struct error *err);
MUST_USE bool report_send(struct core *core, struct arena *arena, const struct json *report, struct error *err);
/* ERROR_NOT_FOUND, ERROR_POLICY: what of a filter cannot be. */
struct certificate_filter;
#define REPORT_KEEP_MOST 366 /* days */
MUST_USE bool report_filter(struct core *core, struct arena *arena, const struct json *report,
                            struct certificate_filter *ret, struct error *err);
MUST_USE bool notices_filter(struct core *core, struct arena *arena, const struct json *object,
                             struct certificate_filter *ret, struct error *err);

/* -- room.c -- */
HANDLER(notices_show);
HANDLER(notices_change);
HANDLER(notices_run);
HANDLER(notices_webhook_test);
HANDLER(notices_report_send);
HANDLER(notices_report_files);
HANDLER(notices_report_file);

#endif
