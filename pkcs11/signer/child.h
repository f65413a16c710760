/* Further modules, and the managed token's where it is a vendor's, each in a signer process of its own: a module that
 * crashes or hangs takes nothing down but itself. The child is this same program with --child NAME=PATH; it speaks the wire
 * protocol. Here is its parent's side: which child a request is for, its end and its next start.
 *
 * A handle that a child gave carries the child's number in its top octet, which is 0 in all others,
 * so nothing is remembered about keys. */
#ifndef GATEHOUSE_SIGNER_CHILD_H
#define GATEHOUSE_SIGNER_CHILD_H

#include "wire/uri.h"
#include "signer/vault.h"

#define CHILD_SHIFT 56

struct children_config {
    const char *program;          /* this one */
    const char *const *arguments; /* of each child beside its --child and --fd; NULL-terminated */
    const char *const *modules;   /* "NAME=PATH", NULL-terminated */
    const char *managed;          /* "managed=PATH", or NULL: the managed token is this process's own */
    unsigned patience;            /* seconds for an answer, then the child is killed */
};

/* Texts of the config must outlive the process. Each child is started by a thread of its own; one
 * that fails is logged, and started again when it is needed. ERROR_MALFORMED or ERROR_CONFLICT
 * "bad-option". */
MUST_USE bool children_open(const struct children_config *config, struct children **ret_children,
                            struct error *err);

/* Passes the request on when it is for a child: true when there is an answer, else it is this
 * process's own. */
bool children_serve(struct vault *vault, const struct wire_request *request, struct arena *arena,
                    struct wire_response *ret_response);
/* Adds the children's tokens to the list; a child that cannot be asked is a row with its problem. */
void children_list(struct children *children, struct arena *arena, struct wire_buffer *list,
                   uint16_t *count);

#endif
