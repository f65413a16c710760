/* The shape of a handler of http_route. Its route says who may come this far; what the actor may do is the
 * core's. */
#ifndef GATEHOUSE_REST_HANDLER_H
#define GATEHOUSE_REST_HANDLER_H

#include "rest/ask.h"
#include "rest/reply.h"

static inline const struct actor *actor_of(const struct http_request *request) {
    return request->actor;
}

#define HANDLER(name)                                                                              \
    bool name(__attribute__((unused)) void *context,                                               \
              __attribute__((unused)) struct http_request *request,                                \
              __attribute__((unused)) struct http_response *response,                              \
              __attribute__((unused)) struct error *err)

#endif
