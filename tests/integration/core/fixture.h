/* A core on a private MariaDB (tests/lib/with-mariadb) and a signer of its own, with one CA. */
#ifndef GATEHOUSE_TESTS_CORE_FIXTURE_H
#define GATEHOUSE_TESTS_CORE_FIXTURE_H

#include "ca/enrol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

extern struct core *core;
extern struct arena *arena; /* as long as the program */
extern struct error err;    /* of the last call */
extern struct ca_record ca; /* "test-ca", P-256; its first template is "test-ca-web-server" */

/* argv: softtoken SIGNER MODULE; ends the program when something is missing. */
void core_set_up(int argc, char **argv);
void core_tear_down(void);

/* A template of the CA with this document (JSON); its slug. */
const char *make_template(const char *name, const char *document);
/* A CSR by a fresh P-256 key with CN and one DNS name. */
struct view make_csr(const char *name);

#define DONE(call)                                                                                 \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s: %s (%s)", #call, err.type, err.message, err.detail);                 \
    } while (0)
#define REFUSED(call, error_kind, error_type)                                                      \
    do {                                                                                           \
        memset(&err, 0, sizeof err);                                                               \
        if (call)                                                                                  \
            fail_msg("%s: was not refused", #call);                                                \
        if (err.kind != (error_kind) || strcmp(err.type, error_type) != 0)                         \
            fail_msg("%s: %s: %s (%s)", #call, err.type, err.message, err.detail);                 \
    } while (0)

#endif
