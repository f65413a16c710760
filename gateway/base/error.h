/* Errors: what went wrong, once for the person and once for the log.
 *
 * Every function that can fail returns bool (true: done) and takes a `struct error *` as its last
 * parameter. On failure it has filled the error and left its outputs untouched. Library code returns
 * errors, the edges (a protocol, main) log or answer them. */
#ifndef GATEHOUSE_BASE_ERROR_H
#define GATEHOUSE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

/* The class decides what each protocol answers; see http/problem.c for HTTP's words. */
enum error_kind {
    ERROR_NONE,
    ERROR_MALFORMED,       /* the bytes are not what they claim to be (HTTP 400) */
    ERROR_UNAUTHENTICATED, /* who are you (401) */
    ERROR_FORBIDDEN,       /* you may not (403) */
    ERROR_NOT_FOUND,       /* does not exist, or not for you (404) */
    ERROR_CONFLICT,        /* the state of the object does not allow it (409) */
    ERROR_TOO_LARGE,       /* over a limit of size (413) */
    ERROR_POLICY,          /* well-formed, but a rule refuses it (422) */
    ERROR_TOO_MANY,        /* slow down (429) */
    ERROR_INTERNAL,        /* our fault (500) */
    ERROR_UNAVAILABLE,     /* a token, the database, a peer is away: try again later (503) */
};

struct error {
    enum error_kind kind;
    char type[48];     /* stable problem type, e.g. "weak-key"; part of the API */
    char message[512]; /* for the person: names the object, the rule and the remedy; never a secret */
    char detail[512];  /* for the log only */
};

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Return early when a call failed; the error is already filled. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if (!(call))                                                                               \
            return false;                                                                          \
    } while (0)

/* Fills the error and returns false, so that `return fail(...)` reads straight.
 * `err` may be NULL when the caller does not care. */
bool fail(struct error *err, enum error_kind kind, const char *type, const char *message, ...)
    PRINTF_LIKE(4, 5);

/* ERROR_INTERNAL: the person learns nothing, `detail` goes to the log together with the newest
 * entries of this thread's OpenSSL error queue, which is emptied. */
bool fail_internal(struct error *err, const char *detail, ...) PRINTF_LIKE(2, 3);

/* Appends text to the detail of an error. */
void error_detail(struct error *err, const char *detail, ...) PRINTF_LIKE(2, 3);

/* Puts a context in front of the message: "template web: " ... */
void error_prefix(struct error *err, const char *prefix, ...) PRINTF_LIKE(2, 3);

const char *error_kind_name(enum error_kind kind);

#endif
