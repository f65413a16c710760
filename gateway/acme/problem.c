#include "acme/internal.h"

#include <stdio.h>
#include <string.h>

/* rfc8555#6.7, rfc9773#7.4, draft-ietf-acme-profiles. 0: by the kind of error. */
static const struct {
    const char *name;
    int status;
} problems[] = {
    {"accountDoesNotExist", 400},
    {"alreadyReplaced", 409},
    {"alreadyRevoked", 400},
    {"badAttestationStatement", 400},
    {"badCSR", 400},
    {"badNonce", 400},
    {"badPublicKey", 400},
    {"badRevocationReason", 400},
    {"badSignatureAlgorithm", 400},
    {"caa", 403},
    {"connection", 400},
    {"dns", 400},
    {"externalAccountRequired", 403},
    {"incorrectResponse", 403},
    {"invalidContact", 400},
    {"invalidProfile", 400},
    {"malformed", 0},
    {"orderNotReady", 403},
    {"rateLimited", 429},
    {"rejectedIdentifier", 403},
    {"serverInternal", 0},
    {"tls", 400},
    {"unauthorized", 0}, /* 401 or 403 */
    {"unsupportedContact", 400},
    {"unsupportedIdentifier", 400},
    {"userActionRequired", 403},
};

/* What other rooms say, in ACME's words. */
static const struct {
    const char *type, *name;
} types[] = {
    {"bad-jwk", "badPublicKey"},
    {"unsupported-identifier", "unsupportedIdentifier"},
    {"bad-csr", "badCSR"},
    {"malformed-csr", "badCSR"},
    {"malformed-pem", "badCSR"},
    {"bad-signature", "badCSR"},
    {"weak-key", "badCSR"},
    {"weak-signature", "badCSR"},
    {"csr-too-large", "badCSR"},
    {"already-revoked", "alreadyRevoked"},
    {"bad-reason", "badRevocationReason"},
};

bool acme_refuse(struct error *err, const char *name, enum error_kind kind, const char *message,
                 ...) {
    char text[sizeof err->message];
    va_list args;
    if (err == NULL)
        return false;
    va_start(args, message);
    vsnprintf(text, sizeof text, message, args);
    va_end(args);
    *err = (struct error){.kind = kind};
    snprintf(err->type, sizeof err->type, "acme:%s", name);
    memcpy(err->message, text, sizeof text);
    return false;
}

const char *acme_problem_name(const struct error *err) {
    if (strncmp(err->type, "acme:", 5) == 0)
        return err->type + 5;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type, err->type) == 0)
            return types[i].name;
    switch (err->kind) {
    case ERROR_UNAUTHENTICATED:
    case ERROR_FORBIDDEN:
        return "unauthorized";
    case ERROR_POLICY:
        return "badCSR";
    case ERROR_TOO_MANY:
        return "rateLimited";
    case ERROR_INTERNAL:
    case ERROR_UNAVAILABLE:
        return "serverInternal";
    default:
        return "malformed";
    }
}

int acme_problem_status(const struct error *err) {
    const char *name = acme_problem_name(err);
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        if (strcmp(problems[i].name, name) == 0 && problems[i].status != 0)
            return problems[i].status;
    return http_status_of(err->kind);
}

void acme_problem_write(struct json_writer *w, struct arena *arena, const struct error *err,
                        const struct identifier *identifier) {
    json_open_object(w);
    json_put_string(w, "type",
                    arena_printf(arena, "urn:ietf:params:acme:error:%s", acme_problem_name(err)));
    json_put_string(w, "detail",
                    err->kind == ERROR_INTERNAL
                        ? "The server has a problem of its own; its log says more."
                        : err->message);
    json_put_int(w, "status", acme_problem_status(err));
    if (identifier != NULL) {
        json_name(w, "identifier");
        identifier_write(w, arena, identifier, true);
    }
    json_close_object(w);
}
