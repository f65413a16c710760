/* The OpenAPI document as a table of commands: "revokeCertificate" is revoke-certificate. */
#ifndef GATEHOUSE_COMMANDS_CTL_DOCUMENT_H
#define GATEHOUSE_COMMANDS_CTL_DOCUMENT_H

#include "base/json.h"

#define CTL_MAX_PLACES 4

struct ctl_operation {
    const char *command; /* "revoke-certificate" */
    const char *method, *path; /* "POST", "/certificates/{id}/revoke" */
    const char *summary;
    const char *places[CTL_MAX_PLACES]; /* names of the path's parameters */
    size_t place_count;
    const struct json *body; /* the schema of a JSON body, or NULL */
    bool needs_body;
    const char *body_type; /* media type of a body that is no JSON, or NULL */
    const struct json *parameters; /* array, references not followed; or NULL */
};

struct ctl_document {
    const struct json *root;
    struct ctl_operation *operations; /* by command */
    size_t count;
};

MUST_USE bool ctl_document_read(struct arena *arena, struct ctl_document *ret, struct error *err);
/* NULL when there is none. */
const struct ctl_operation *ctl_find(const struct ctl_document *document, const char *command);
/* The value, or what its $ref points to. */
const struct json *ctl_follow(const struct ctl_document *document, const struct json *value);
/* The schema of a member of the body ("--reason"), or NULL. */
const struct json *ctl_field(const struct ctl_document *document, const struct ctl_operation *operation,
                             const char *name);
/* True when it is a query parameter ("--state"). */
bool ctl_is_query(const struct ctl_document *document, const struct ctl_operation *operation, const char *name);

/* "reason", "limit": of body and query, one after the other; NULL past the end. */
const char *ctl_option(const struct ctl_document *document, const struct ctl_operation *operation, size_t index);

#endif
