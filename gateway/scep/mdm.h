/* What the two answers of the MDM web service share: who asks, for which device. Private to the room. */
#ifndef GATEHOUSE_SCEP_MDM_H
#define GATEHOUSE_SCEP_MDM_H

#include "scep/exchange.h"
#include "scep/room.h"
#include "x509/handles.h"

/* The names that the template's formats make of a request's variables. */
struct mdm_ticket {
    const char *bound;   /* JSON of a credential's bounds */
    const char *subject; /* RFC 4514 */
    const char *sans;    /* a JSON array */
    X509_NAME *name;     /* the same for a CSR; the arena's */
    GENERAL_NAMES *names;
};

/* The template, if it has the service and lets this address in. ERROR_NOT_FOUND, ERROR_FORBIDDEN. */
MUST_USE bool mdm_open(struct core *core, struct http_request *request, struct scep_target *ret,
                       struct error *err);
/* *ret_said: nobody has logged in, and the response says so already. */
MUST_USE bool mdm_log_in(struct core *core, struct http_request *request,
                         struct http_response *response, struct actor *ret, bool *ret_said,
                         struct error *err);
/* ERROR_POLICY "mdm-variable", ERROR_NOT_FOUND for another digital ID. */
MUST_USE bool mdm_ticket_of(struct arena *arena, const struct scep_mdm *mdm, const struct json *document,
                            struct mdm_ticket *ret, struct error *err);

#endif
