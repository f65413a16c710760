#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct db *store;
struct arena *arena;
struct error err;
const char *application_url;

static const char *environment(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) {
        fprintf(stderr, "%s is not set: run this program by tests/lib/with-mariadb\n", name);
        exit(2);
    }
    return value;
}

static void run(const char *const argv[]) {
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv); /* it does not write to them */
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        fail_msg("%s %s: failed", argv[0], argv[1]);
}

void server(const char *action) {
    int out = dup(1), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, 1); /* `start` prints the URL */
    close(null);
    run((const char *[]){environment("GATEHOUSE_TEST_MARIADB"), action,
                         environment("GATEHOUSE_TEST_DB_DIR"), NULL});
    dup2(out, 1);
    close(out);
}

void root_sql(const char *sql) {
    char *socket = arena_printf(arena, "--socket=%s/db.sock", environment("GATEHOUSE_TEST_DB_DIR"));
    char *execute = arena_printf(arena, "--execute=%s", sql);
    run((const char *[]){"mariadb", "--no-defaults", socket, "--user=root", "--database=gatehouse",
                         execute, NULL});
}

int store_set_up(void **state) {
    struct db *owner;
    (void)state;
    arena = arena_new();
    if (!db_open(environment("GATEHOUSE_TEST_DB"), 4, &owner, &err) || !db_migrate(owner, &err) ||
        !db_schema_check(owner, &err)) {
        fprintf(stderr, "%s (%s)\n", err.message, err.detail);
        return -1;
    }
    db_close(owner);
    root_sql("SOURCE " GATEHOUSE_SOURCE_DIR "/sql/grants.sql");
    root_sql("CREATE OR REPLACE USER 'app @%'@localhost IDENTIFIED BY 'pass:word/?&';"
             "GRANT gatehouse_application TO 'app @%'@localhost;"
             "SET DEFAULT ROLE gatehouse_application FOR 'app @%'@localhost");
    application_url = arena_printf(
        arena,
        "mysql://app%%20%%40%%25:pass%%3Aword%%2f%%3f%%26@localhost/gatehouse?socket=%s/db.sock",
        environment("GATEHOUSE_TEST_DB_DIR"));
    return db_open(application_url, 8, &store, &err) ? 0 : -1;
}

int store_tear_down(void **state) {
    (void)state;
    db_close(store);
    arena_free(arena);
    return 0;
}

bool same_id(struct uuid a, struct uuid b) {
    return uuid_equal(a, b);
}

struct scope scope_of_organisation(const struct uuid *id) {
    return (struct scope){.organisations = id, .organisation_count = 1};
}

struct scope scope_of_ca(const struct uuid *id) {
    return (struct scope){.cas = id, .ca_count = 1};
}

struct page page_of(unsigned limit, const char *cursor) {
    return (struct page){.limit = limit, .cursor = cursor};
}

struct uuid make_organisation(const char *name) {
    struct organisation organisation = {
        .id = uuid_new(), .slug = name, .name = name, .created_us = NOW};
    DONE(organisation_insert(tx, &organisation, &err));
    return organisation.id;
}

struct uuid make_user(const char *name, struct uuid organisation) {
    struct user user = {.id = uuid_new(),
                        .organisation_id = organisation,
                        .username = name,
                        .password_hash = "$argon2id$...",
                        .state = USER_ACTIVE,
                        .created_us = NOW};
    DONE(user_insert(tx, &user, &err));
    return user.id;
}

struct uuid make_ca(const char *name, struct uuid organisation) {
    struct key_record key = {.id = uuid_new(),
                             .organisation_id = organisation,
                             .key_type = "EC-P256",
                             .purpose = 1,
                             .blob = VIEW_LITERAL("wrapped"),
                             .uri = "",
                             .spki = VIEW_LITERAL("spki"),
                             .created_us = NOW};
    struct ca_record ca = {.id = uuid_new(),
                           .organisation_id = organisation,
                           .slug = name,
                           .name = name,
                           .state = CA_ACTIVE,
                           .key_id = key.id,
                           .key_type = "EC-P256",
                           .certificate = view_text(name),
                           .subject = "CN=Test",
                           .not_before_us = NOW - DAY,
                           .not_after_us = NOW + 3650 * DAY,
                           .settings = "{}",
                           .epoch = 1,
                           .revision = 1,
                           .created_us = NOW};
    DONE(key_insert(tx, &key, &err) && ca_insert(tx, &ca, &err));
    return ca.id;
}

struct uuid make_template(const char *name, struct uuid ca) {
    struct template_record template = {.id = uuid_new(),
                                       .ca_id = ca,
                                       .slug = name,
                                       .name = name,
                                       .document = "{}",
                                       .created_us = NOW,
                                       .changed_us = NOW};
    DONE(template_insert(tx, &template, &err));
    return template.id;
}

struct request_record request_like(struct uuid ca, struct uuid template) {
    return (struct request_record){.id = uuid_new(),
                                   .ca_id = ca,
                                   .template_id = template,
                                   .template_version = 1,
                                   .state = REQUEST_PENDING,
                                   .door = "rest",
                                   .csr = VIEW_LITERAL("csr"),
                                   .proposal = "{}",
                                   .subject = "CN=a",
                                   .sans = "",
                                   .key_type = "RSA-2048",
                                   .requester = "alice",
                                   .reason = "",
                                   .created_us = NOW,
                                   .changed_us = NOW};
}

struct uuid make_request(struct uuid ca, struct uuid template, const char *subject) {
    struct request_record request = request_like(ca, template);
    request.subject = subject;
    DONE(request_insert(tx, &request, &err));
    return request.id;
}

struct certificate_record certificate_like(struct uuid ca, const char *name, int64_t not_after_us) {
    struct certificate_record certificate = {.id = uuid_new(),
                                             .ca_id = ca,
                                             .issuer_key_id = ca,
                                             .use = CERTIFICATE_END_ENTITY,
                                             .subject = arena_printf(arena, "CN=%s", name),
                                             .common_name = name,
                                             .sans = arena_printf(arena, "DNS:%s", name),
                                             .key_type = "EC-P256",
                                             .requester = "alice",
                                             .not_before_us = NOW - DAY,
                                             .not_after_us = not_after_us,
                                             .created_us = NOW};
    uint8_t *serial = arena_alloc(arena, 16);
    random_bytes(serial, 16);
    random_bytes(certificate.fingerprint_sha256, 32);
    random_bytes(certificate.spki_sha256, 32);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* as DER has it: positive, no zero in front */
    certificate.serial = view_of(serial, 16);
    certificate.der = view_of(serial, 16);
    return certificate;
}

struct uuid make_certificate(struct uuid ca, const char *name, int64_t not_after_us) {
    struct certificate_record certificate = certificate_like(ca, name, not_after_us);
    DONE(certificate_insert(tx, &certificate, &err));
    return certificate.id;
}

void revoke_certificate(struct uuid id, int reason) {
    struct certificate_record certificate;
    DONE(certificate_by_id(tx, arena, &scope_everything, id, &certificate, &err));
    DONE(revocation_add(tx, &certificate, reason, NOW, 0, &err));
}
