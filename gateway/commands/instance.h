/* Asking the instance that runs, over its REST API, for commands that are no operation's other name. */
#ifndef GATEHOUSE_COMMANDS_INSTANCE_H
#define GATEHOUSE_COMMANDS_INSTANCE_H

#include "base/json.h"
#include "net/fetch.h"

struct instance {
    const char *url, *token, *ca_file;
};

/* Where it is and who asks: --url, --token-file, --ca-file, else GATEHOUSE_URL, GATEHOUSE_TOKEN_FILE or GATEHOUSE_TOKEN,
 * GATEHOUSE_TLS_CERT. *ret_meant: that is what the arguments are about: nothing else is among them, and there is a URL. */
MUST_USE bool instance_named(struct arena *arena, int argc, char *const argv[], struct instance *ret, bool *ret_meant,
                             struct error *err);
/* `body` may be NULL. Any status is success. */
MUST_USE bool instance_ask(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                           const char *body, struct fetch_reply *ret, struct error *err);
/* The answer's "items"; a refusal is an error with the instance's own words. */
MUST_USE bool instance_list(struct arena *arena, const struct instance *instance, const char *method, const char *path,
                            const char *body, const struct json **ret_items, struct error *err);
/* False, with what the answer says of why. */
bool instance_refused(struct arena *arena, const struct fetch_reply *reply, struct error *err);

#endif
