#include "base/error.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

bool fail(struct error *err, enum error_kind kind, const char *type, const char *message, ...) {
    if (err == NULL)
        return false;
    va_list args;
    va_start(args, message);
    err->kind = kind;
    err->detail[0] = '\0';
    snprintf(err->type, sizeof err->type, "%s", type);
    vsnprintf(err->message, sizeof err->message, message, args);
    va_end(args);
    return false;
}

static void append_openssl_queue(struct error *err) {
    unsigned long code;
    char text[160];

    while ((code = ERR_get_error()) != 0) {
        ERR_error_string_n(code, text, sizeof text);
        error_detail(err, "; %s", text);
    }
}

bool fail_internal(struct error *err, const char *detail, ...) {
    if (err == NULL) {
        ERR_clear_error();
        return false;
    }
    fail(err, ERROR_INTERNAL, "internal",
         "The server could not complete the request. The log names the cause under the request id.");
    va_list args;
    va_start(args, detail);
    vsnprintf(err->detail, sizeof err->detail, detail, args);
    va_end(args);
    append_openssl_queue(err);
    return false;
}

void error_detail(struct error *err, const char *detail, ...) {
    if (err == NULL)
        return;
    size_t used = strlen(err->detail);
    va_list args;
    va_start(args, detail);
    vsnprintf(err->detail + used, sizeof err->detail - used, detail, args);
    va_end(args);
}

void error_prefix(struct error *err, const char *prefix, ...) {
    if (err == NULL)
        return;
    char text[sizeof err->message];
    va_list args;
    va_start(args, prefix);
    int used = vsnprintf(text, sizeof text, prefix, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof text)
        return;
    snprintf(text + used, sizeof text - (size_t)used, "%.*s",
             (int)(sizeof text - (size_t)used - 1), err->message);
    memcpy(err->message, text, sizeof text);
}

const char *error_kind_name(enum error_kind kind) {
    static const char *const names[] = {
        [ERROR_NONE] = "none",
        [ERROR_MALFORMED] = "malformed",
        [ERROR_UNAUTHENTICATED] = "unauthenticated",
        [ERROR_FORBIDDEN] = "forbidden",
        [ERROR_NOT_FOUND] = "not found",
        [ERROR_CONFLICT] = "conflict",
        [ERROR_TOO_LARGE] = "too large",
        [ERROR_POLICY] = "policy",
        [ERROR_TOO_MANY] = "too many",
        [ERROR_INTERNAL] = "internal",
        [ERROR_UNAVAILABLE] = "unavailable",
    };
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}
