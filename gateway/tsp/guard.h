/* Who may ask a timestamp issuer. Everything that its rules name must hold. */
#ifndef GATEHOUSE_TSP_GUARD_H
#define GATEHOUSE_TSP_GUARD_H

#include "tsp/tsp.h"

/* ERROR_FORBIDDEN "tsa-access", ERROR_UNAUTHENTICATED "tsa-access" (Basic), ERROR_TOO_MANY "tsa-rate". */
MUST_USE bool tsp_guard(const struct tsp_source *source, struct tsp_issuer *issuer,
                        const struct http_request *request, struct error *err);

#endif
