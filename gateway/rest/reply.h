/* Answering: JSON, lists with paging, files. */
#ifndef GATEHOUSE_REST_REPLY_H
#define GATEHOUSE_REST_REPLY_H

#include "base/json.h"
#include "base/uuid.h"
#include "http/types.h"

#define API_BASE "/api/v1"

void reply_json(struct http_response *response, int status, struct json_writer *w);
/* 201 with the address of what was made, e.g. "/cas/example-root". */
void reply_created(struct http_response *response, struct json_writer *w, const char *path);
void reply_nothing(struct http_response *response); /* 204 */
/* ETag of a version (rfc9110#8.8.3). */
void reply_version(struct http_response *response, int64_t version);
/* A download; the name is ASCII without quotes. */
void reply_file(struct http_response *response, const char *content_type, const char *name,
                struct view bytes);

/* {"items":[ ... ],"next":cursor|null} and the Link to the next page (rfc8288), keeping the query.
 */
struct json_writer reply_list_begin(struct arena *arena);
void reply_list(const struct http_request *request, struct http_response *response,
                struct json_writer *w, const char *next);

/* Members of common shapes. */
void put_uuid(struct json_writer *w, const char *name, struct uuid id);     /* nil: null */
void put_time_or_null(struct json_writer *w, const char *name, int64_t us); /* 0: null */
void put_text_or_null(struct json_writer *w, const char *name,
                      const char *text); /* "", NULL: null */
/* A text of names joined by ", " as an array; "\," does not split (RFC 4514 escapes). */
void put_joined(struct json_writer *w, struct arena *arena, const char *name, const char *joined);
/* A JSON document kept as text, read again; {} when it is broken. */
void put_document(struct json_writer *w, struct arena *arena, const char *name, const char *text);
void put_hex(struct json_writer *w, struct arena *arena, const char *name, struct view bytes);
/* One error as the problem object it would be on its own, for answers about many things. */
void put_problem(struct json_writer *w, const struct http_request *request, const char *name,
                 const struct error *err);

#endif
