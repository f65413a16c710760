/* ACME (RFC 8555) with IP identifiers (RFC 8738), TLS-ALPN (RFC 8737), renewal information (RFC
 * 9773) and profiles. State is in the database, so any node answers any request; what is issued
 * goes through ca/enrol.h.
 *
 * /acme/directory serves every account by its external binding; /acme/{template}/directory is one
 * template's. */
#ifndef GATEHOUSE_ACME_ACME_H
#define GATEHOUSE_ACME_ACME_H

#include "ca/core.h"
#include "http/types.h"

struct acme;

struct acme *acme_new(struct core *core);
/* After acme_stop. NULL is accepted. */
void acme_free(struct acme *acme);
struct http_room acme_room(struct acme *acme);
/* 405 below /acme/ is a problem of ACME, too (rfc8555#6.3). See struct http_router. */
bool acme_method_refused(const struct http_request *request, struct http_response *response,
                         const struct error *err);
/* The management routes below /api/v1. */
struct http_room acme_manage_room(struct acme *acme);

/* Threads that look at challenges: those of this node's clients at once, those a lost node has left
 * after their lease. */
MUST_USE bool acme_start(struct acme *acme, struct error *err);
void acme_stop(struct acme *acme);

/* A job (jobs/jobs.h): what has expired goes. context: struct acme *. */
MUST_USE bool acme_housekeeping(void *context, struct arena *arena, struct error *err);

#endif
