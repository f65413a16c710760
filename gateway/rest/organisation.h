/* "organisation" of a list: what of it belongs to that one alone. */
#ifndef GATEHOUSE_REST_ORGANISATION_H
#define GATEHOUSE_REST_ORGANISATION_H

#include "ca/core.h"
#include "http/types.h"

/* The query parameter, when it is there, narrows the request's actor: whatever is listed for it afterwards is of that
 * organisation. The handler has looked at the names of its parameters. */
MUST_USE bool ask_organisation(struct core *core, struct http_request *request, struct error *err);

#endif
