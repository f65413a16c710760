#include "audit/internal.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

/* The eight leaves and the roots are those of the tests of Certificate Transparency's own code. */
static void the_tree_is_that_of_rfc6962(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    static const char *const leaves[] = {"",         "00",         "10",         "2021",
                                         "3031",     "40414243",   "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    for (size_t n = 1; n <= 8; n++) {
        uint8_t hashes[8][32], root[32];
        for (size_t i = 0; i < n; i++) {
            /* audit_leaf hashes text: the leaves that hold a NUL are hashed by hand. */
            struct view bytes = {0};
            uint8_t with_prefix[64] = {0};
            assert_true(leaves[i][0] == '\0' || hex_decode(arena, view_text(leaves[i]), &bytes));
            if (bytes.len > 0)
                memcpy(with_prefix + 1, bytes.at, bytes.len);
            EVP_Digest(with_prefix, bytes.len + 1, hashes[i], NULL, EVP_sha256(), NULL);
            if (memchr(with_prefix + 1, 0, bytes.len) == NULL) {
                uint8_t by_us[32];
                audit_leaf((const char *)with_prefix + 1, by_us);
                assert_memory_equal(by_us, hashes[i], 32);
            }
        }
        audit_root(hashes, n, root);
        assert_string_equal(hex_encode(arena, view_of(root, 32)), roots[n - 1]);
    }
}

static const struct event sample = {.id = {{1}},
                                    .at_us = INT64_C(1770000000123456),
                                    .code = "certificate.issued",
                                    .outcome = "success",
                                    .actor = "al\"ice",
                                    .address = "192.0.2.1",
                                    .object_kind = "certificate",
                                    .object = "line\nbreak",
                                    .request_id = "r1",
                                    .details = "{\"b\":1,\"a\":2}"};

static void a_line_says_all_of_the_event(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    assert_string_equal(audit_line(arena, &sample),
                        "{\"id\":\"01000000-0000-0000-0000-000000000000\",\"at\":\"2026-02-02T02:40:00.123456Z\","
                        "\"atUs\":1770000000123456,\"organisation\":null,\"ca\":null,"
                        "\"code\":\"certificate.issued\",\"outcome\":\"success\",\"actorId\":null,"
                        "\"actor\":\"al\\\"ice\",\"address\":\"192.0.2.1\",\"objectKind\":\"certificate\","
                        "\"object\":\"line\\nbreak\",\"requestId\":\"r1\","
                        "\"details\":\"{\\\"b\\\":1,\\\"a\\\":2}\"}");
}

/* --- a file, made here and broken in every way ---------------------------------------------------------------- */

#define SEALS 2

struct made {
    struct arena *arena;
    EVP_PKEY *key;
    const char *lines[16];
    size_t count;
    uint8_t previous[32];
};

static void add_seal(struct made *m, int64_t number, size_t events) {
    struct seal seal = {.number = number, .created_us = 5, .first_us = 1, .last_us = 4, .events = (int64_t)events};
    uint8_t leaves[4][32];
    for (size_t i = 0; i < events; i++) {
        struct event event = sample;
        event.at_us += number * 10 + (int64_t)i;
        m->lines[m->count] = audit_line(m->arena, &event);
        audit_leaf(m->lines[m->count++], leaves[i]);
    }
    audit_root(leaves, events, seal.root);
    seal.statement = seal_statement(m->arena, &seal, m->previous);
    uint8_t *signature = arena_alloc(m->arena, 256), *spki = NULL;
    size_t len = 256;
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, m->key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)seal.statement,
                                    strlen(seal.statement)),
                     1);
    int spki_len = i2d_PUBKEY(m->key, &spki);
    assert_true(spki_len > 0);
    struct json_writer w = json_writer_on(m->arena);
    json_open_object(&w);
    json_name(&w, "seal");
    json_open_object(&w);
    json_put_int(&w, "number", number);
    json_put_int(&w, "createdUs", 5);
    json_put_int(&w, "firstUs", 1);
    json_put_int(&w, "lastUs", 4);
    json_put_int(&w, "events", (int64_t)events);
    json_put_string(&w, "root", hex_encode(m->arena, view_of(seal.root, 32)));
    json_put_string(&w, "previous", hex_encode(m->arena, view_of(m->previous, 32)));
    json_put_string(&w, "statement", seal.statement);
    json_put_string(&w, "signature", base64_encode(m->arena, view_of(signature, len)));
    json_put_string(&w, "publicKey", base64_encode(m->arena, view_of(spki, (size_t)spki_len)));
    json_put_string(&w, "token", NULL);
    json_close_object(&w);
    json_close_object(&w);
    OPENSSL_free(spki);
    m->lines[m->count++] = json_written(&w);
    statement_hash(seal.statement, m->previous);
}

static int64_t findings(const struct made *m, const char *pem) {
    char path[] = "/tmp/gatehouse-audit.XXXXXX";
    struct audit_report report;
    struct error err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w"), *out = fopen("/dev/null", "w");
    for (size_t i = 0; i < m->count; i++)
        fprintf(file, "%s\n", m->lines[i]);
    fclose(file);
    bool read = audit_verify_file(path, out, pem, &report, &err);
    fclose(out);
    unlink(path);
    if (!read)
        assert_string_equal(err.type, "malformed-export");
    return read ? report.wrong : -1;
}

static const char *pem_of(struct arena *arena, EVP_PKEY *key) {
    AUTO(BIO) *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &at);
    return arena_text(arena, view_of((const uint8_t *)at, (size_t)len));
}

static struct made make(struct arena *arena) {
    struct made m = {.arena = arena, .key = EVP_EC_gen("P-256")};
    assert_non_null(m.key);
    keep_EVP_PKEY(arena, m.key);
    add_seal(&m, 7, 3);
    add_seal(&m, 8, 2);
    return m;
}

static const char *with(struct arena *arena, const char *line, const char *from, const char *to) {
    const char *at = strstr(line, from);
    assert_non_null(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
}

static void every_change_to_an_export_is_found(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct made good = make(arena);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    keep_EVP_PKEY(arena, other);
    assert_int_equal(good.count, 7);
    assert_int_equal(findings(&good, NULL), 0);
    assert_int_equal(findings(&good, pem_of(arena, good.key)), 0);
    assert_int_equal(findings(&good, pem_of(arena, other)), SEALS);

    struct made m = good;
    m.lines[1] = with(arena, m.lines[1], "success", "failure");
    assert_true(findings(&m, NULL) > 0);
    m = good; /* one line less */
    memmove(m.lines + 1, m.lines + 2, 5 * sizeof *m.lines);
    m.count--;
    assert_true(findings(&m, NULL) > 0);
    m = good; /* two changed places */
    m.lines[0] = good.lines[1];
    m.lines[1] = good.lines[0];
    assert_true(findings(&m, NULL) > 0);
    m = good; /* cut */
    m.count = 6;
    assert_true(findings(&m, NULL) > 0);
    m = good; /* a whole seal left out */
    memmove(m.lines, m.lines + 4, 3 * sizeof *m.lines);
    m.count = 3;
    assert_int_equal(findings(&m, NULL), 0); /* a file may begin anywhere in the chain */
    m = good;
    m.lines[6] = with(arena, m.lines[6], "\"number\":8", "\"number\":9");
    assert_true(findings(&m, NULL) > 0);
    m = good; /* the statement says what the row does not */
    m.lines[3] = with(arena, m.lines[3], "events=3", "events=4");
    assert_true(findings(&m, NULL) > 0);
    static const char *const broken[] = {"{\"seal\":{}}", "{\"seal\":", "{\"seal\":{\"number\":0}}",
                                         "{\"seal\":{\"number\":1,\"root\":\"zz\"}}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        m = good;
        m.lines[3] = broken[i];
        assert_int_equal(findings(&m, NULL), -1);
    }
}

/* --- streams ----------------------------------------------------------------------------------------------------- */

static void settings_of_streams_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *kind, *settings;
        bool good;
    } rows[] = {
        {"syslog", "{\"host\":\"log.example\"}", true},
        {"syslog", "{\"host\":\"2001:db8::1\",\"port\":601,\"tls\":false}", true},
        {"syslog", "{}", false},
        {"syslog", "{\"host\":\"\"}", false},
        {"syslog", "{\"host\":\"a b\"}", false},
        {"syslog", "{\"host\":\"a/b\"}", false},
        {"syslog", "{\"host\":\"a\",\"port\":0}", false},
        {"syslog", "{\"host\":\"a\",\"port\":65536}", false},
        {"syslog", "{\"host\":\"a\",\"colour\":1}", false},
        {"http", "{\"url\":\"https://siem.example/in\",\"format\":\"array\"}", true},
        {"http", "{\"url\":\"ftp://siem.example\"}", false},
        {"http", "{\"url\":\"https://siem.example\",\"format\":\"xml\"}", false},
        {"http", "{}", false},
        {"journal", "{}", true},
        {"journal", "{\"host\":\"a\"}", false},
        {"log", "{}", true},
        {"log", "{\"url\":\"x\"}", false},
        {"pigeon", "{}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        const struct json *settings;
        struct error err = {0};
        assert_true(json_parse(arena, view_text(rows[i].settings), &settings, &err));
        if (stream_check(arena, rows[i].kind, settings, &err) != rows[i].good)
            fail_msg("%s %s: %s", rows[i].kind, rows[i].settings, err.message);
    }
}

/* What arrives at a socket of ours, as systemd's journal would have it. */
static void the_journal_gets_fields(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct error err = {0};
    char got[4096] = "";
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/gatehouse-journal.%d", (int)getpid());
    assert_false(journal_deliver(arena, at.sun_path, &sample, 1, &err));
    assert_string_equal(err.type, "delivery-failed");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_true(journal_deliver(arena, at.sun_path, &sample, 1, &err));
    ssize_t len = recv(fd, got, sizeof got - 1, 0);
    close(fd);
    unlink(at.sun_path);
    assert_true(len > 0);
    assert_non_null(strstr(got, "MESSAGE={\"id\":"));
    assert_non_null(strstr(got, "\nGATEHOUSE_CODE=certificate.issued\n"));
    /* A value with a line break has its length before it. */
    assert_memory_equal(strstr(got, "GATEHOUSE_OBJECT\n") + 17, "\x0a\0\0\0\0\0\0\0line\nbreak\n", 19);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_is_that_of_rfc6962),
        cmocka_unit_test(a_line_says_all_of_the_event),
        cmocka_unit_test(every_change_to_an_export_is_found),
        cmocka_unit_test(settings_of_streams_are_checked),
        cmocka_unit_test(the_journal_gets_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
