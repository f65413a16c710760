#include "fixture.h"

#include "base/clock.h"
#include "ca/templates.h"
#include "store/organisations.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct core *core;
struct arena *arena;
struct error err;
struct ca_record ca;

static struct harness harness;
static struct db *db;

static void must(bool ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, err.message, err.detail);
    exit(3);
}

static bool add_rows(void) {
    struct organisation organisation = {
        .id = uuid_new(), .slug = "default", .name = "Default", .created_us = clock_now_us()};
    bool done = false;
    TX(tx, db, &done, &err)
    tx.ok = organisation_insert(tx.tx, &organisation, &err) &&
            setting_put(tx.tx, "public-http", "http://pki.example", &err) &&
            setting_put(tx.tx, "public-https", "https://pki.example", &err);
    return done;
}

void core_set_up(int argc, char **argv) {
    const char *url = getenv("GATEHOUSE_TEST_DB");
    signal(SIGPIPE, SIG_IGN);
    arena = arena_new();
    harness_begin(&harness, argc, argv);
    must(url != NULL && db_open(url, 8, &db, &err) && db_migrate(db, &err), "database");
    must(add_rows(), "first rows");
    core = core_new(&(struct core_config){.db = db, .signer = harness.signer});
    struct ca_order order = {.name = "Test CA", .key_type = "P-256", .profile = {.path_length = -2}};
    must(authority_create(core, arena, &actor_system, &order, &ca, &err), "CA");
}

void core_tear_down(void) {
    core_free(core);
    db_close(db);
    harness_end(&harness);
    arena_free(arena);
}

const char *make_template(const char *name, const char *document) {
    const struct json *json;
    struct template_record record;
    DONE(json_parse(arena, view_text(document), &json, &err));
    DONE(template_create(core, arena, &actor_system, "test-ca", name, json, &record, &err));
    return record.slug;
}

struct view make_csr(const char *name) {
    AUTO(EVP_PKEY) *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    AUTO(X509_NAME) *subject = X509_NAME_new();
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
    struct view der;
    assert_int_equal(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    DONE(san_add_text(sans, name, &err));
    DONE(csr_build(arena, subject, sans, key, EVP_sha256(), &der, &err));
    return der;
}
