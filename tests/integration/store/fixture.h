/* A store on a real, private MariaDB (tests/lib/with-mariadb), used by an account that has no more rights
 * than sql/grants.sql gives; and rows to work with. */
#ifndef GATEHOUSE_TESTS_STORE_FIXTURE_H
#define GATEHOUSE_TESTS_STORE_FIXTURE_H

#include "base/clock.h"
#include "store/cas.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/organisations.h"
#include "store/requests.h"
#include "store/templates.h"
#include "store/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <stdlib.h>

#include <cmocka.h>

extern struct db *store;     /* as the application */
extern struct arena *arena;  /* as long as the program */
extern struct error err;     /* of the last call */
extern const char *application_url;

/* 2026-11-21T00:00:00Z */
#define NOW INT64_C(1795219200000000)
#define DAY US_PER_DAY

/* cmocka group set-up: migrates as the owner, makes the application's account, opens the store. */
int store_set_up(void **state);
int store_tear_down(void **state);

/* Runs "mariadb.sh ACTION DIR": stop, kill or start of the test's server. */
void server(const char *action);
/* Runs SQL as the server's administrator. */
void root_sql(const char *sql);

/* The call, with `tx` in scope, in a transaction that must commit; or must fail with that error. */
#define DONE(call)                                                                                 \
    do {                                                                                           \
        bool done_ = false;                                                                        \
        TX(loop_, store, &done_, &err) {                                                           \
            struct tx *tx = loop_.tx;                                                              \
            loop_.ok = (call);                                                                     \
        }                                                                                          \
        if (!done_)                                                                                \
            fail_msg("%s: %s: %s (%s)", #call, err.type, err.message, err.detail);                 \
    } while (0)
#define REFUSED(call, error_kind, error_type)                                                      \
    do {                                                                                           \
        bool done_ = false;                                                                        \
        TX(loop_, store, &done_, &err) {                                                           \
            struct tx *tx = loop_.tx;                                                              \
            loop_.ok = (call);                                                                     \
        }                                                                                          \
        if (done_)                                                                                 \
            fail_msg("%s: was not refused", #call);                                                \
        if (err.kind != (error_kind) || strcmp(err.type, error_type) != 0)                         \
            fail_msg("%s: %s: %s (%s)", #call, err.type, err.message, err.detail);                 \
    } while (0)

#define NIL ((struct uuid){{0}})

bool same_id(struct uuid a, struct uuid b);
struct scope scope_of_organisation(const struct uuid *id);
struct scope scope_of_ca(const struct uuid *id);
struct page page_of(unsigned limit, const char *cursor);

/* Rows with fresh ids that are as good as any; the name makes slugs. */
struct uuid make_organisation(const char *name);
struct uuid make_user(const char *name, struct uuid organisation);
struct uuid make_ca(const char *name, struct uuid organisation);
struct uuid make_template(const char *name, struct uuid ca);
struct request_record request_like(struct uuid ca, struct uuid template);
struct uuid make_request(struct uuid ca, struct uuid template, const char *subject);
/* A certificate with a random serial that names `name`, valid from a day ago until not_after. */
struct certificate_record certificate_like(struct uuid ca, const char *name, int64_t not_after_us);
struct uuid make_certificate(struct uuid ca, const char *name, int64_t not_after_us);
void revoke_certificate(struct uuid certificate, int reason);

#endif
