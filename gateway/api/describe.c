/* The OpenAPI document and the page for people, both made from openapi/ at build time. */
#include "api/api.h"
#include "api/handlers.h"

/* From the generated openapi_document.c. */
extern const unsigned char openapi_json[], openapi_html[];
extern const size_t openapi_json_size, openapi_html_size;

struct view api_openapi_document(void) {
    return view_of(openapi_json, openapi_json_size);
}

struct view api_openapi_page(void) {
    return view_of(openapi_html, openapi_html_size);
}

HANDLER(describe_document) {
    http_reply(response, 200, "application/json", api_openapi_document());
    return true;
}

HANDLER(describe_page) {
    http_reply(response, 200, "text/html; charset=utf-8", api_openapi_page());
    return true;
}
