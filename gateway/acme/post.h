/* The frame around every handler: directory, signature, nonce, problem documents, common headers.
 */
#ifndef GATEHOUSE_ACME_POST_H
#define GATEHOUSE_ACME_POST_H

#include "acme/internal.h"

#include <strings.h>

typedef bool post_handler(struct post *post, struct error *err);
/* Signed requests. gates: bits of enum post_gate. Always true: the answer is filled. */
bool post_handle(struct acme *acme, struct http_request *request, struct http_response *response,
                 unsigned gates, post_handler *handler);
/* Unsigned ones: directory, nonces, renewal information. */
bool post_plain(struct acme *acme, struct http_request *request, struct http_response *response,
                bool with_nonce, post_handler *handler);

#endif
