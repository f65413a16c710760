#include "support.h"

#include "x509/name_constraints.h"

#include <string.h>

#define POISON ((const NAME_CONSTRAINTS *)(uintptr_t)0x50)

/* JSON in (' for "), JSON out. */
static void round_trips(void **state) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{'permitted':['DNS:example.com']}", "{'permitted':['DNS:example.com'],'excluded':[]}"},
        {"{'excluded':['DNS:','IP:0.0.0.0/0','IP:::/0']}",
         "{'permitted':[],'excluded':['DNS:','IP:0.0.0.0/0','IP:::/0']}"},
        {"{'permitted':['IP:10.0.0.0/255.0.0.0','IP:2001:db8::/32']}",
         "{'permitted':['IP:10.0.0.0/8','IP:2001:db8::/32'],'excluded':[]}"},
        {"{'permitted':['email:.example.com','email:example.com','email:a@b.example','URI:.x.example']}",
         "{'permitted':['email:.example.com','email:example.com','email:a@b.example','URI:.x.example'],"
         "'excluded':[]}"},
        {"{'permitted':['dirName:O=Example,C=DE']}",
         "{'permitted':['dirName:O=Example,C=DE'],'excluded':[]}"},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        const NAME_CONSTRAINTS *constraints = NULL;
        struct json_writer w = json_writer_on(arena);
        bool done =
            name_constraints_from_json(arena, test_json(arena, rows[i].in), &constraints, &err);
        expect_done(done, &err, rows[i].in);
        name_constraints_write_json(&w, arena, constraints);
        assert_string_equal(json_written(&w), quoted(arena, rows[i].out));
        expect_clean_queue(rows[i].in);
    }
}

static void hostile(void **state) {
    static const char *const rows[] = {
        "{}",
        "{'permitted':[]}",
        "{'permitted':[7]}",
        "{'permitted':'DNS:a'}",
        "{'wanted':['DNS:a']}",
        "{'permitted':['a.example']}",
        "{'permitted':['DNS:.a.example']}",
        "{'permitted':['DNS:*.a.example']}",
        "{'permitted':['IP:10.0.0.0']}",
        "{'permitted':['IP:10.0.0.0/33']}",
        "{'permitted':['IP:10.0.0.1/8']}",
        "{'permitted':['IP:10.0.0.0/255.0.255.0']}",
        "{'permitted':['IP:10.0.0.0/ffff::']}",
        "{'permitted':['IP:2001:db8::/129']}",
        "{'permitted':['IP:x/8']}",
        "{'permitted':['IP:10.0.0.0/-1']}",
        "{'permitted':['email:@b.example']}",
        "{'permitted':['email:a b@b.example']}",
        "{'permitted':['URI:https://b.example']}",
        "{'permitted':['dirName:CN']}",
        "{'permitted':['UPN:a']}",
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        const NAME_CONSTRAINTS *constraints = POISON;
        if (name_constraints_from_json(arena, test_json(arena, rows[i]), &constraints, &err))
            fail_msg("accepted: %s", rows[i]);
        assert_ptr_equal(constraints, POISON);
        assert_int_equal(err.kind, ERROR_MALFORMED);
        assert_string_not_equal(err.message, "");
        expect_clean_queue(rows[i]);
    }
}

/* Critical in the certificate, and refused where there is no CA (rfc5280#4.2.1.10). */
static void in_certificates(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    const NAME_CONSTRAINTS *constraints = NULL;
    AUTO(X509_NAME) *name = test_name("CN=Constrained");
    EVP_PKEY *key = test_key("P-256");
    expect_done(name_constraints_from_json(arena, test_json(arena, "{'permitted':['DNS:a.example']}"),
                                           &constraints, &err),
                &err, "constraints");
    struct certificate_plan plan = test_ca_plan(key, name, NULL);
    plan.name_constraints = constraints;
    AUTO(X509) *ca = NULL;
    expect_done(certificate_build(&plan, &ca, &err), &err, "build");
    expect_done(certificate_lint(ca, NULL, &err), &err, "lint");
    assert_non_null(strstr(certificate_text(arena, ca), "X509v3 Name Constraints: critical"));
    plan.is_ca = false;
    plan.path_length = -1;
    plan.key_usage = KU_DIGITAL_SIGNATURE;
    AUTO(X509) *leaf = NULL;
    expect_done(certificate_build(&plan, &leaf, &err), &err, "build leaf");
    assert_false(certificate_lint(leaf, NULL, &err));
    expect_error(&err, ERROR_POLICY, "lint", "nameConstraints");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(hostile),
        cmocka_unit_test(in_certificates),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_keys_free();
    return failed;
}
