/* A validation node (option mode = validation): OCSP, CRLs and certificates of CAs over plain HTTP, from a database that
 * it can only read; see ca/reading.h for how it knows that this is recent. */
#ifndef GATEHOUSE_COMMANDS_VALIDATION_NODE_H
#define GATEHOUSE_COMMANDS_VALIDATION_NODE_H

#include "base/buffer.h"
#include "commands/network.h"
#include "portal/portal.h"

bool validation_node(const struct app *app);
/* It has no TLS certificate: ERROR_MALFORMED "bad-option" when a listener would need one. */
MUST_USE bool validation_node_listens(const struct http_listen *listens, size_t count, struct error *err);
/* Whatever else is asked for: 404 "validation-node". */
struct http_room validation_node_room(void);
/* Nobody can log in here: http_router.authenticate. */
bool validation_node_nobody(void *context, struct http_request *request, struct error *err);
/* How far behind it is: in readyz and among the metrics. */
void validation_node_watch(struct portal *portal, struct core *core);
void validation_node_metrics(void *core, struct buffer *out);

#endif
