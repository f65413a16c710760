/* What a new node is given: the configuration of an old one, the files that it names, and the managed token. JSON:
 *   {"format":1,"options":[{"name":,"value":,"file":}],"files":[{"name":,"mode":,"content":base64}],"notes":[]}
 * An option's value is "value", and behind it, where there is a "file", the path that this has on the new machine. */
#ifndef GATEHOUSE_COMMANDS_NODE_BUNDLE_H
#define GATEHOUSE_COMMANDS_NODE_BUNDLE_H

#include "commands/app.h"

#define NODE_BUNDLE_MOST ((size_t)3 * 1024 * 1024)

struct node_offer {
    const char *db;         /* the database as the new node reaches it; NULL: as this one does */
    const char *token_from; /* directory of the managed token's files; NULL: the data directory */
};
/* ERROR_POLICY "local-database" when the new node could not reach it; ERROR_UNAVAILABLE "cannot-read". */
MUST_USE bool node_bundle_make(struct app *app, const struct node_offer *offer, struct view *ret, struct error *err);

struct node_place {
    const char *token_to; /* directory for the managed token; NULL: the data directory */
    const char *config;   /* file of the configuration that is written */
};
/* ERROR_CONFLICT "not-empty" when there is a token or a configuration already. */
MUST_USE bool node_place_is_empty(const struct app *app, const struct node_place *place, struct error *err);
/* Options that the app was given here win. ret_notes: what the person has to do, a line each. */
MUST_USE bool node_bundle_put(struct app *app, const struct node_place *place, struct view bundle,
                              const char **ret_notes, struct error *err);

#endif
