/* The REST API under /api/v1 (docs/rest.md): parse, ask the core, answer. Described by the OpenAPI
 * document that is assembled from openapi/ at build time; a test holds the two together. */
#ifndef GATEHOUSE_API_API_H
#define GATEHOUSE_API_API_H

#include "base/options.h"
#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"

/* The routes, with the core as their context. */
struct http_room api_room(struct core *core);

/* The work of jobs on many certificates (bulk.c). Once in a process. */
struct job api_bulk_job(struct core *core);

/* http_authenticate with a struct core * as context: `Authorization: Bearer gh_...` or the session
 * cookie. Wrong or expired credentials are ERROR_UNAUTHENTICATED; a cookie on an unsafe method
 * needs proof that it is not another site's doing (ERROR_FORBIDDEN "csrf"). The actor lives on the
 * request's arena. */
bool api_authenticate(void *context, struct http_request *request, struct error *err);

/* For http_router.refused with a struct core * as context: an event "request.refused" for a 403,
 * and for wrong credentials (a bounded number a minute). */
void api_refused(void *context, const struct http_request *request, const struct error *err);

/* What GET /configuration shows; once, before threads start. Both must live on. */
void api_describe_configuration(const struct options *options, const struct option_spec *specs);

/* The OpenAPI document, and the page for people made from it. */
struct view api_openapi_document(void);
struct view api_openapi_page(void);

#endif
