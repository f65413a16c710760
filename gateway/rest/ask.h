/* Reading a request: query, body, path. What is not known is refused, never ignored. */
#ifndef GATEHOUSE_REST_ASK_H
#define GATEHOUSE_REST_ASK_H

#include "base/json.h"
#include "base/uuid.h"
#include "http/types.h"
#include "store/scope.h"

/* Refuses query parameters that are not in the NULL-terminated list, come twice or are not UTF-8
 * (ERROR_MALFORMED "bad-query"). */
MUST_USE bool ask_query(const struct http_request *request, const char *const names[],
                        struct error *err);
MUST_USE bool ask_no_query(const struct http_request *request, struct error *err);
/* limit (1-500, default 50) and cursor of a list; the others are allowed beside them. */
MUST_USE bool ask_page(const struct http_request *request, const char *const others[],
                       struct page *ret_page, struct error *err);
/* "sort" (one of `others`): a member by which the list can be in order, with "-" before it newest first, as without it. */
MUST_USE bool ask_direction(const struct http_request *request, const char *member, struct page *page, struct error *err);

/* The body's media type without parameters, lower-case, on the arena; "" when absent. */
const char *ask_media_type(const struct http_request *request);
/* The body as a JSON object of these members alone, and no query. Its Content-Type must be
 * application/json (ERROR_MALFORMED "unsupported-media-type"). */
MUST_USE bool ask_document(const struct http_request *request, const char *const names[],
                           const struct json **ret_document, struct error *err);
/* As above; an empty body without Content-Type counts as {}. */
MUST_USE bool ask_optional_document(const struct http_request *request, const char *const names[],
                                    const struct json **ret_document, struct error *err);
/* A string that must be there (ERROR_MALFORMED "missing-field"). */
MUST_USE bool ask_string(const struct json *document, const char *name, const char **ret_value,
                         struct error *err);
/* RFC 3339; absent or null leaves *ret_us untouched. */
MUST_USE bool ask_time(const struct json *document, const char *name, int64_t *ret_us,
                       struct error *err);
/* An array of strings, at most max; absent or null leaves the outputs untouched. */
MUST_USE bool ask_strings(struct arena *arena, const struct json *document, const char *name,
                          size_t max, const char *const **ret_items, size_t *ret_count,
                          struct error *err);
/* A copy of the object without these members and without nulls; NULL when nothing is left. */
const struct json *ask_without(struct arena *arena, const struct json *document,
                               const char *const names[]);

/* The path's parameter as a UUID; what is none does not exist (ERROR_NOT_FOUND names `kind`). */
MUST_USE bool ask_id(const struct http_request *request, size_t parameter, const char *kind,
                     struct uuid *ret_id, struct error *err);
/* Whether the caller has the permission of that name on anything at all (NULL: none is needed); on what, the core
 * looks. ERROR_FORBIDDEN. */
MUST_USE bool ask_permission(const struct http_request *request, const char *name,
                             struct error *err);
/* The version an edit is based on: If-Match (rfc9110#13.1.1, one strong entity tag as we gave it)
 * or the member "version" of the document. 0 when neither is there; both must agree. */
MUST_USE bool ask_version(const struct http_request *request, const struct json *document,
                          int64_t *ret_version, struct error *err);

#endif
