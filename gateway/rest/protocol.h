/* REST of a protocol's settings: one document per template and protocol (store/protocols.h), and the template that
 * answers without a label. */
#ifndef GATEHOUSE_REST_PROTOCOL_H
#define GATEHOUSE_REST_PROTOCOL_H

#include "ca/core.h"
#include "http/types.h"
#include "store/templates.h"

/* The settings of one template, on their way. */
struct protocol_edit {
    struct template_record template;
    const struct json *stored, *given; /* what is there; what the client sent, NULL when they are only shown */
    const char *kept, *shown;          /* to be written: the complete document, as stored and as shown */
    int64_t version;
};
/* Writes e->kept and e->shown, which differ where the document holds secrets, with defaults filled in.
 * ERROR_MALFORMED and ERROR_POLICY name the member. */
typedef bool protocol_document(struct core *core, struct arena *arena, struct protocol_edit *e, struct error *err);

struct protocol_rest {
    const char *protocol;        /* "est" */
    const char *default_setting; /* name of the setting with the default template's slug; NULL: there is none */
    const char *event;           /* "est.changed" */
    const char *path;            /* of its URL, before the template's slug: "/.well-known/est/" */
    bool https;
    bool versionless; /* a change that names no version goes on top of what is there */
    protocol_document *document;
};

MUST_USE bool protocol_settings_get(const struct protocol_rest *p, struct core *core, struct http_request *request,
                                    struct http_response *response, struct error *err);
MUST_USE bool protocol_settings_put(const struct protocol_rest *p, struct core *core, struct http_request *request,
                                    struct http_response *response, struct error *err);
MUST_USE bool protocol_default_get(const struct protocol_rest *p, struct core *core, struct http_request *request,
                                   struct http_response *response, struct error *err);
MUST_USE bool protocol_default_put(const struct protocol_rest *p, struct core *core, struct http_request *request,
                                   struct http_response *response, struct error *err);

/* The four as handlers PREFIX_settings_get ... of a room whose context is the core. */
#define PROTOCOL_HANDLER(name, what, protocol)                                                                        \
    HANDLER(name) {                                                                                                   \
        return what(protocol, context, request, response, err);                                                      \
    }
#define PROTOCOL_SETTINGS_HANDLERS(prefix, protocol)                                                                  \
    PROTOCOL_HANDLER(prefix##_settings_get, protocol_settings_get, protocol)                                          \
    PROTOCOL_HANDLER(prefix##_settings_put, protocol_settings_put, protocol)
#define PROTOCOL_DEFAULT_HANDLERS(prefix, protocol)                                                                   \
    PROTOCOL_HANDLER(prefix##_default_get, protocol_default_get, protocol)                                            \
    PROTOCOL_HANDLER(prefix##_default_put, protocol_default_put, protocol)

#endif
