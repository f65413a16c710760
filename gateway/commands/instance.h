/* Asking the instance that runs, over its REST API: where it is, who asks, and how it is asked. */
#ifndef GATEHOUSE_COMMANDS_INSTANCE_H
#define GATEHOUSE_COMMANDS_INSTANCE_H

#include "base/json.h"
#include "net/fetch.h"

struct instance {
    const char *url, *token, *token_file, *ca_file;
};

/* What the environment says: GATEHOUSE_URL, GATEHOUSE_TOKEN, GATEHOUSE_TOKEN_FILE, GATEHOUSE_TLS_CERT. */
struct instance instance_of_environment(void);
/* Takes "url", "token-file" and "ca-file", which win over the environment; false for other names. */
bool instance_option(struct instance *instance, const char *name, const char *value);
/* Reads the token's file; it, or else the token, must be there, and the URL. */
MUST_USE bool instance_ready(struct arena *arena, struct instance *instance, struct error *err);

/* For commands that ask the instance when told where it is, and else look here. *ret_meant: nothing else is among the
 * arguments, and there is a URL. */
MUST_USE bool instance_named(struct arena *arena, int argc, char *const argv[], struct instance *ret, bool *ret_meant,
                             struct error *err);

struct instance_call {
    const char *method, *path; /* below /api/v1 */
    struct view body;          /* empty: none */
    const char *type;          /* of the body; NULL: application/json */
    size_t most;               /* bytes of the answer; 0: 4 MiB */
};
/* Any status is success. */
MUST_USE bool instance_call(struct arena *arena, const struct instance *instance, const struct instance_call *call,
                            struct fetch_reply *ret, struct error *err);
/* The same for JSON; `body` may be NULL. */
MUST_USE bool instance_ask(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                           const char *body, struct fetch_reply *ret, struct error *err);
/* The answer's "items"; a refusal is an error with the instance's own words. */
MUST_USE bool instance_list(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                            const char *body, const struct json **ret_items, struct error *err);
/* False, with what the answer says of why. */
bool instance_refused(struct arena *arena, const struct fetch_reply *reply, struct error *err);

#endif
