/* What a browser sees at the address of a timestamp issuer. */
#ifndef GATEHOUSE_TSP_PAGE_H
#define GATEHOUSE_TSP_PAGE_H

#include "tsp/tsp.h"

void tsp_page(const struct tsp_issuer *issuer, const struct http_request *request,
              struct http_response *response);

#endif
