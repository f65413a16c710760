/* Listeners as options, who called through which proxies, secrets in files. */
#include "commands/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct options *read_options(struct arena *arena, const char *const *arguments) {
    struct options *options;
    struct error err = {0};
    int argc = 0;
    while (arguments[argc] != NULL)
        argc++;
    if (!options_read(arena, app_options, "GATEHOUSE_TEST", argc, (char *const *)(uintptr_t)arguments, &options,
                      &err))
        fail_msg("%s", err.message);
    return options;
}
#define OPTIONS(arena, ...) read_options(arena, (const char *const[]){__VA_ARGS__, NULL})

static void test_listens(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_listen l[MAX_LISTENS];
    struct error err = {0};
    size_t count;
    struct options *o = OPTIONS(arena, "--http", "none", "--mtls", "[::1]:9", "--listen",
                                "0.0.0.0:443 mtls client=required paths=/est,/.well-known/est threads=7 most=3 "
                                "header-kb=4 body-kb=64 timeout=9 keep-alive=0 grace=3",
                                "--listen", "unix:/run/x.sock proxied", "--listen", "127.0.0.1:80\thttp");
    assert_true(network_listens(arena, o, l, &count, &err));
    assert_int_equal(count, 5);
    assert_int_equal(l[0].kind, LISTENER_HTTPS);
    assert_string_equal(l[0].address, "127.0.0.1:8443");
    assert_int_equal(l[1].kind, LISTENER_MTLS);
    assert_false(l[1].require_certificate);
    assert_string_equal(l[2].address, "0.0.0.0:443");
    assert_true(l[2].require_certificate);
    assert_int_equal(l[2].threads, 7);
    assert_int_equal(l[2].most, 3);
    assert_int_equal(l[2].limits.header, 4096);
    assert_int_equal(l[2].limits.body, 65536);
    assert_int_equal(l[2].limits.request_ms, 9000);
    assert_true(l[2].limits.keep_alive_ms < 0);
    assert_int_equal(l[2].limits.stop_grace_ms, 3000);
    assert_int_equal(l[4].limits.keep_alive_ms, 0);
    assert_string_equal(l[2].paths[0], "/est");
    assert_string_equal(l[2].paths[1], "/.well-known/est");
    assert_null(l[2].paths[2]);
    assert_true(l[3].plain);
    assert_int_equal(l[3].kind, LISTENER_HTTPS);
    assert_int_equal(l[4].kind, LISTENER_HTTP);
    static const char *const bad[] = {"", "127.0.0.1:1", "127.0.0.1:1 ftp", "127.0.0.1:1 http paths=",
                                      "127.0.0.1:1 http paths=crl", "127.0.0.1:1 http threads=0",
                                      "127.0.0.1:1 http threads=1x", "127.0.0.1:1 http most=-1",
                                      "127.0.0.1:1 http timeout=0", "127.0.0.1:1 http header-kb=",
                                      "127.0.0.1:1 http keep-alive=-1", "127.0.0.1:1 http body-kb=2000000",
                                      "127.0.0.1:1 http grace=3s", "127.0.0.1:1 http timeout",
                                      "127.0.0.1:1 https client=required", "127.0.0.1:1 http color=red",
                                      "unix:/x mtls", "unix:/x https"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o = OPTIONS(arena, "--listen", bad[i]);
        if (network_listens(arena, o, l, &count, &err))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_string_equal(err.type, "bad-option");
    }
}

static const char *client_of(struct arena *arena, struct options *o, const char *peer, const char *name,
                             const char *first, const char *second) {
    struct trusted_proxies *proxies;
    struct error err = {0};
    struct http_request request = {.arena = arena, .address = peer};
    assert_true(trusted_proxies_read(arena, o, &proxies, &err));
    if (first != NULL)
        request.headers[request.header_count++] = (struct http_header){name, first};
    request.headers[request.header_count++] = (struct http_header){"Host", "x"};
    if (second != NULL)
        request.headers[request.header_count++] = (struct http_header){name, second};
    assert_true(network_client(proxies, &request, false, &err));
    return request.address;
}

static void test_client(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct options *x = OPTIONS(arena, "--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "2001:db8::1",
                                "--trusted-proxy", "unix");
    struct options *f = OPTIONS(arena, "--trusted-proxy", "10.0.0.0/8", "--proxy-header", "forwarded");
    static const struct {
        bool forwarded;
        const char *peer, *first, *second, *client;
    } rows[] = {
        {false, "192.0.2.9", "203.0.113.1", NULL, "192.0.2.9"}, /* nobody trusts this peer */
        {false, "10.1.1.1", NULL, NULL, "10.1.1.1"},
        {false, "10.1.1.1", "203.0.113.1", NULL, "203.0.113.1"},
        {false, "unix", "203.0.113.1", NULL, "203.0.113.1"},
        {false, "2001:db8::1", "2001:db8::77", NULL, "2001:db8::77"},
        {false, "10.1.1.1", "6.6.6.6, 203.0.113.1", NULL, "203.0.113.1"}, /* the left one is the caller's own */
        {false, "10.1.1.1", "6.6.6.6, 203.0.113.1, 10.2.2.2", NULL, "203.0.113.1"},
        {false, "10.1.1.1", "6.6.6.6", "203.0.113.1", "203.0.113.1"},
        {false, "10.1.1.1", "203.0.113.1", "10.3.3.3", "203.0.113.1"},
        {false, "10.1.1.1", "10.4.4.4, 10.3.3.3", NULL, "10.4.4.4"},
        {false, "10.1.1.1", "203.0.113.1:4711", NULL, "203.0.113.1"},
        {false, "10.1.1.1", "[2001:db8::5]:4711", NULL, "2001:db8::5"},
        {false, "10.1.1.1", "203.0.113.1, nonsense", NULL, "10.1.1.1"},
        {false, "10.1.1.1", "203.0.113.1, nonsense, 10.2.2.2", NULL, "10.2.2.2"},
        {false, "10.1.1.1", "", NULL, "10.1.1.1"},
        {false, "10.1.1.1", ",,,", NULL, "10.1.1.1"},
        {true, "10.1.1.1", "for=203.0.113.1;proto=https", NULL, "203.0.113.1"},
        {true, "10.1.1.1", "for=6.6.6.6, proto=http; For=\"[2001:db8::5]:80\"", NULL, "2001:db8::5"},
        {true, "10.1.1.1", "for=unknown", NULL, "10.1.1.1"},
        {true, "10.1.1.1", "for=_hidden, for=203.0.113.2", NULL, "203.0.113.2"},
        {true, "10.1.1.1", "notfor=203.0.113.2", NULL, "10.1.1.1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = rows[i].forwarded ? "Forwarded" : "x-forwarded-for";
        const char *client = client_of(arena, rows[i].forwarded ? f : x, rows[i].peer, name, rows[i].first,
                                       rows[i].second);
        if (strcmp(client, rows[i].client) != 0)
            fail_msg("row %zu: %s, not %s", i, client, rows[i].client);
    }
    /* The header that nobody named is the caller's own text. */
    assert_string_equal(client_of(arena, x, "10.1.1.1", "Forwarded", "for=203.0.113.1", NULL), "10.1.1.1");
    assert_string_equal(client_of(arena, f, "10.1.1.1", "X-Forwarded-For", "203.0.113.1", NULL), "10.1.1.1");
}

static void test_only_proxies(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct trusted_proxies *proxies;
    struct error err = {0};
    struct http_request request = {.arena = arena, .address = "192.0.2.1"};
    assert_true(trusted_proxies_read(arena, OPTIONS(arena, "--trusted-proxy", "10.0.0.1"), &proxies, &err));
    assert_false(network_client(proxies, &request, true, &err));
    assert_string_equal(err.type, "proxy-not-trusted");
    request.address = "10.0.0.1";
    assert_true(network_client(proxies, &request, true, &err));
    assert_false(trusted_proxies_read(arena, OPTIONS(arena, "--trusted-proxy", "proxy.example"), &proxies, &err));
    assert_false(trusted_proxies_read(arena, OPTIONS(arena, "--proxy-header", "Via"), &proxies, &err));
}

static void test_secrets(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    const char *secret;
    char directory[] = "/tmp/gatehouse-secret-XXXXXX";
    assert_non_null(mkdtemp(directory));
    const char *path = arena_printf(arena, "%s/word", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("geheim:/@?\n", file);
    fclose(file);
    chmod(path, 0644);
    assert_false(read_secret(arena, path, &secret, &err));
    assert_non_null(strstr(err.message, "chmod"));
    chmod(path, 0600);
    assert_true(read_secret(arena, path, &secret, &err));
    assert_string_equal(secret, "geheim:/@?");
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_false(read_secret(arena, "credential:word", &secret, &err));
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    assert_true(read_secret(arena, "credential:word", &secret, &err));
    assert_false(read_secret(arena, "credential:../word", &secret, &err));
    assert_false(read_secret(arena, directory, &secret, &err));
    file = fopen(path, "w");
    fclose(file);
    assert_false(read_secret(arena, path, &secret, &err));
    unlink(path);
    assert_false(read_secret(arena, path, &secret, &err));
    rmdir(directory);
    assert_string_equal(url_with_password(arena, "mysql://u@h:1/d?ssl-ca=x", "a:/@?%b"),
                        "mysql://u:a%3A%2F%40%3F%25b@h:1/d?ssl-ca=x");
    assert_null(url_with_password(arena, "mysql://u:p@h/d", "x"));
    assert_null(url_with_password(arena, "mysql://h/d", "x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listens),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_only_proxies),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
