/* Authorization: Digest as clients write it, and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "est/digest.h"

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <string.h>

#define PATH "/.well-known/est/devices/simpleenroll"
#define MOST "realm=\"Gatehouse EST\", nonce=\"n\", uri=\"" PATH "\", qop=auth, nc=00000001, cnonce=\"c\", response=\"0a\""

static void test_headers(__attribute__((unused)) void **state) {
    static const struct {
        const char *text;
        enum est_digests taken;
        const char *name; /* NULL: refused */
    } rows[] = {
        {"username=\"dev\", algorithm=SHA-256, " MOST, EST_DIGEST_SHA256, "dev"},
        {"username=\"dev\",algorithm=\"sha-256\"," MOST, EST_DIGEST_SHA256, "dev"},
        {" ,, username=\"a \\\"quoted\\\\ name\" ,algorithm=SHA-256 ," MOST " , ", EST_DIGEST_SHA256,
         "a \"quoted\\ name"},
        {"username=token,algorithm=SHA-256,opaque=\"x\"," MOST, EST_DIGEST_SHA256, "token"},
        {"USERNAME=\"dev\",Algorithm=SHA-256," MOST, EST_DIGEST_MD5, "dev"},
        {"username=\"dev\",algorithm=MD5," MOST, EST_DIGEST_MD5, "dev"},
        {"username=\"dev\"," MOST, EST_DIGEST_MD5, "dev"}, /* MD5 is what no word means */
        {"username=\"dev\"," MOST, EST_DIGEST_SHA256, NULL},
        {"username=\"dev\",algorithm=MD5," MOST, EST_DIGEST_SHA256, NULL},
        {"username=\"dev\",algorithm=SHA-256-sess," MOST, EST_DIGEST_MD5, NULL},
        {"username=\"dev\",algorithm=SHA-256," MOST, EST_DIGEST_NONE, NULL},
        {"algorithm=SHA-256," MOST, EST_DIGEST_SHA256, NULL},
        {"username=\"dev\",algorithm=SHA-256," MOST ",qop=auth-int", EST_DIGEST_SHA256, NULL},
        {"username=\"dev\",algorithm=SHA-256," MOST ",uri=\"/\"", EST_DIGEST_SHA256, NULL},
        {"username=\"dev\",algorithm=SHA-256," MOST ",realm=\"else\"", EST_DIGEST_SHA256, NULL},
        {"username=\"dev\",algorithm=SHA-256,realm=\"Gatehouse EST\",uri=\"" PATH "\"", EST_DIGEST_SHA256, NULL},
        {"", EST_DIGEST_SHA256, NULL},
        {"username", EST_DIGEST_SHA256, NULL},
        {"username=", EST_DIGEST_SHA256, NULL},
        {"=\"dev\"", EST_DIGEST_SHA256, NULL},
        {"username=\"dev", EST_DIGEST_SHA256, NULL},
        {"username=\"dev\\", EST_DIGEST_SHA256, NULL},
        {"username \"dev\"", EST_DIGEST_SHA256, NULL},
        {"\"\"\"\"", EST_DIGEST_SHA256, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct est_exchange x = {.arena = arena, .proof.path = PATH, .settings.digest = rows[i].taken};
        bool ok = est_digest_read(&x, arena_strdup(arena, rows[i].text), &err);
        if (ok != (rows[i].name != NULL))
            fail_msg("row %zu: %s", i, ok ? "taken" : err.message);
        if (ok)
            assert_string_equal(x.proof.name, rows[i].name);
        else
            assert_string_equal(err.type, "authentication-needed");
        assert_true(ok == (x.proof.digest != NULL));
    }
}

#define RIGHT "e6d161f913426aaa7349dd018217658d8158c5989b57c1b3a70abb63f05e903d"

/* The example of rfc7616#3.9.1, with our realm, method and path: what another implementation says (Python's hashlib). */
static void test_response(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    static const char text[] = "username=\"Mufasa\", realm=\"Gatehouse EST\", uri=\"" PATH "\", algorithm=SHA-256, "
                               "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, qop=auth, "
                               "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", response=\"\"";
    struct est_exchange x = {.arena = arena, .proof.path = PATH, .settings.digest = EST_DIGEST_SHA256};
    assert_true(est_digest_read(&x, text, &err));
    assert_string_equal(est_digest_response(&x, view_text("Circle of Life")), RIGHT);
    assert_string_not_equal(est_digest_response(&x, view_text("Circle of life")), RIGHT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers), cmocka_unit_test(test_response)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
