/* Which certificates: the query of a list of them, and the same as a text, as saved views and reports keep it. */
#ifndef GATEHOUSE_REST_CERTIFICATE_FILTER_H
#define GATEHOUSE_REST_CERTIFICATE_FILTER_H

#include "ca/issue.h"
#include "http/types.h"

/* Those of a list, and without "sort" where nothing is in order: counting. */
extern const char *const certificate_list_names[];
extern const char *const *const certificate_filter_names;
/* ret_ca is filled from the parameter "ca" when it is NULL. The parameter "organisation" narrows the request's actor. */
MUST_USE bool certificate_filter_read(struct core *core, struct http_request *request,
                                      const char **ret_ca, struct certificate_filter *ret,
                                      struct error *err);
/* For the actor of the request, of which arena, id and actor are looked at. ERROR_MALFORMED "bad-query". */
MUST_USE bool certificate_filter_parse(struct core *core, struct http_request *request,
                                       const char *text, const char **ret_ca,
                                       struct certificate_filter *ret, struct error *err);

#endif
