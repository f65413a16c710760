#include "support.h"

#include <string.h>

#define POISON ((GENERAL_NAMES *)(uintptr_t)0x50)

static void good_texts(void **state) {
    static const struct {
        const char *in, *out, *type;
    } rows[] = {
        {"www.example.com", "DNS:www.example.com", "dns"},
        {"dns:WWW.Example.com", "DNS:WWW.Example.com", "dns"},
        {"*.example.com", "DNS:*.example.com", "dns"},
        {"localhost", "DNS:localhost", "dns"},
        {"1a.2b", "DNS:1a.2b", "dns"},
        {"xn--mller-kva.example", "DNS:xn--mller-kva.example", "dns"},
        {"192.0.2.1", "IP:192.0.2.1", "ip"},
        {"IP:2001:DB8:0:0::1", "IP:2001:db8::1", "ip"},
        {"2001:db8::1", "IP:2001:db8::1", "ip"},
        {"::", "IP:::", "ip"},
        {"a.b+c@example.com", "email:a.b+c@example.com", "email"},
        {"email:x@localhost", "email:x@localhost", "email"},
        {"https://example.com/a?b=c#d", "URI:https://example.com/a?b=c#d", "uri"},
        {"URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
         "URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "uri"},
        {"spiffe://trust.example/ns/web", "URI:spiffe://trust.example/ns/web", "uri"},
        {"URI:http://[2001:db8::1]:8080/x%20y", "URI:http://[2001:db8::1]:8080/x%20y", "uri"},
        {"sip://user@host.example:5060", "URI:sip://user@host.example:5060", "uri"},
        {"UPN:user@realm", "UPN:user@realm", "upn"},
        {"UPN:m\xc3\xbcller@realm.example", "UPN:m\xc3\xbcller@realm.example", "upn"},
        {"RID:1.2.3.4", "RID:1.2.3.4", "rid"},
        {"dirName:CN=a\\,b,O=c", "dirName:CN=a\\,b,O=c", "dirName"},
        {"SRV:_xmpp-client.example.com", "SRV:_xmpp-client.example.com", "srv"},
        {"srv:_imap.Example.com", "SRV:_imap.Example.com", "srv"},
        {"XMPP:romeo@example.com", "XMPP:romeo@example.com", "xmpp"},
        {"XMPP:m\xc3\xbcller@example.com", "XMPP:m\xc3\xbcller@example.com", "xmpp"},
        {"XMPP:chat.example.com", "XMPP:chat.example.com", "xmpp"},
        /* otherName id-on-permanentIdentifier style: carried as it is */
        {"other:a01206032a0304a00b0c0968656c6c6f2079 6f", NULL, NULL},
        {"other:a01006032a0304a0090c0768656c6c6f2e2e", "other:a01006032a0304a0090c0768656c6c6f2e2e",
         "other"},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new(), *again = NULL;
        const char *type = NULL;
        bool done = san_add_text(sans, rows[i].in, &err);
        if (rows[i].out == NULL) {
            assert_false(done);
            continue;
        }
        expect_done(done, &err, rows[i].in);
        assert_string_equal(san_text(arena, sk_GENERAL_NAME_value(sans, 0), &type), rows[i].out);
        assert_string_equal(type, rows[i].type);
        expect_done(san_from_der(san_der(arena, sans), &again, &err), &err, rows[i].in);
        assert_string_equal(san_text(arena, sk_GENERAL_NAME_value(again, 0), NULL), rows[i].out);
        expect_done(san_check(again, &err), &err, rows[i].in);
        expect_clean_queue(rows[i].in);
    }
}

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const char *const hostile[] = {
    "",
    "DNS:",
    ".",
    "a.",
    ".a",
    "a..b",
    "-a.example",
    "a-.example",
    "a_b.example",
    "a b.example",
    "*",
    "*.",
    "*.*.example",
    "a.*.example",
    "w*.example",
    "*example",
    "m\xc3\xbcller.example",
    "DNS:1.2.3.4",
    "DNS:a.5",
    "1.2.3",
    "DNS:a\nb",
    "DNS:a/b",
    L63 "x.example",
    L63 "." L63 "." L63 "." L63,
    "DNS:*.1",
    "IP:",
    "IP:1.2.3",
    "IP:1.2.3.4.5",
    "IP:256.1.1.1",
    "IP:10.0.0.0/8",
    "IP:fe80::1%eth0",
    "IP:::g",
    "IP:01.2.3.4x",
    "email:",
    "email:a",
    "email:@b",
    "email:a@",
    "email:a@b@c",
    "email:a b@c.example",
    "email:\"a\"@c.example",
    "email:.a@c.example",
    "email:a.@c.example",
    "email:a..b@c.example",
    "email:a@-c.example",
    "email:a@c_d",
    "email:\xc3\xbc@c.example",
    "email:a@*.example",
    "URI:",
    "URI:x",
    "URI:/path",
    "URI:http:",
    "URI:http:x",
    "URI:http://",
    "URI:http:///x",
    "URI:http://a b/",
    "URI:http://a_b/",
    "URI:http://x/%zz",
    "URI:http://x/%4",
    "URI:1http://x",
    "URI:http://x:y/",
    "URI:http://[::1",
    "URI:http://[zz]/",
    "URI:http://x/\xc3\xbc",
    "URI:http://x/<",
    "URI:http://x/\"",
    "URI:http://@/",
    "URI::x",
    "URI:http://x:1234567/",
    "UPN:",
    "UPN:a",
    "UPN:@a",
    "UPN:a@",
    "UPN:a@b@c",
    "UPN:a b@c",
    "UPN:a@b\n",
    "RID:",
    "RID:1",
    "RID:1.2.x",
    "RID:9.9.9",
    "RID:serverAuth",
    "dirName:",
    "dirName:CN",
    "dirName:CN=",
    "SRV:",
    "SRV:imap.example.com",
    "SRV:_.example.com",
    "SRV:_imap",
    "SRV:_imap.",
    "SRV:_-imap.example.com",
    "SRV:_imap-.example.com",
    "SRV:_im ap.example.com",
    "SRV:_imap.m\xc3\xbcller.example",
    "SRV:_imap.*.example",
    "XMPP:",
    "XMPP:@example.com",
    "XMPP:a@",
    "XMPP:a@b@c",
    "XMPP:a/b@example.com",
    "XMPP:a b@example.com",
    "XMPP:example.com/resource",
    "XMPP:\xff@example.com",
    "other:",
    "other:zz",
    "other:30",
    "other:3000",
    "other:82026162",
    "other:8703010203",
    "other:820261620000",
    /* a UPN must come in its own form */
    "other:a019060a2b060104018237140203a00b0c0975736572407265616c",
};

static void hostile_texts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct error err = {0};
        AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
        if (san_add_text(sans, hostile[i], &err))
            fail_msg("accepted: %s", hostile[i]);
        assert_int_equal(err.kind, ERROR_MALFORMED);
        assert_true(strcmp(err.type, "malformed-san") == 0 ||
                    strcmp(err.type, "malformed-name") == 0);
        assert_int_equal(sk_GENERAL_NAME_num(sans), 0);
        expect_clean_queue(hostile[i]);
    }
}

static void from_json(void **state) {
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } rows[] = {
        {"[]", "[]"},
        {"['a.example','IP:192.0.2.1']", "['DNS:a.example','IP:192.0.2.1']"},
        {"['a.example','DNS:a.example','IP:::1','0::1']", "['DNS:a.example','IP:::1']"},
        {"[{'type':'dns','value':'a.example'},{'type':'ip','value':'::1'}]",
         "['DNS:a.example','IP:::1']"},
        {"[{'type':'upn','value':'a@b'},{'type':'dirName','value':'CN=x'}]",
         "['UPN:a@b','dirName:CN=x']"},
        {"{}", NULL},
        {"'a.example'", NULL},
        {"null", NULL},
        {"[1]", NULL},
        {"[null]", NULL},
        {"[[]]", NULL},
        {"[{}]", NULL},
        {"[{'type':'dns'}]", NULL},
        {"[{'value':'a'}]", NULL},
        {"[{'type':'dns','value':1}]", NULL},
        {"[{'type':'nope','value':'a'}]", NULL},
        {"[{'type':'dns','value':'a.example','x':1}]", NULL},
        {"[{'type':'ip','value':'a.example'}]", NULL},
        {"['a.example','_b']", NULL},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        GENERAL_NAMES *sans = POISON;
        bool done = san_from_json(test_json(arena, rows[i].in), &sans, &err);
        if (rows[i].out == NULL) {
            assert_false(done);
            assert_int_equal(err.kind, ERROR_MALFORMED);
            assert_ptr_equal(sans, POISON);
            continue;
        }
        expect_done(done, &err, rows[i].in);
        struct json_writer w = json_writer_on(arena);
        san_write_json(&w, arena, sans);
        assert_string_equal(json_written(&w), quoted(arena, rows[i].out));
        GENERAL_NAMES_free(sans);
    }
}

static void thousand_names(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new(), *again = NULL;
    for (int i = 0; i < SAN_MAX_COUNT; i++)
        assert_true(san_add_text(sans, arena_printf(arena, "h%d.example", i), &err));
    assert_true(san_from_der(san_der(arena, sans), &again, &err));
    assert_false(san_add_text(sans, "one.more.example", &err));
    expect_error(&err, ERROR_MALFORMED, "malformed-san", "1000");
    GENERAL_NAMES_free(again);
    again = NULL;
    assert_int_equal(sk_GENERAL_NAME_push(sans, GENERAL_NAME_dup(sk_GENERAL_NAME_value(sans, 0))),
                     SAN_MAX_COUNT + 1);
    assert_false(san_from_der(san_der(arena, sans), &again, &err));
}

/* Names as hostile CSRs carry them: shown without ambiguity, refused by the check. */
static void strange_der(void **state) {
    static const struct {
        const char *der;
        size_t len;
        const char *text;
    } rows[] = {
        {"\x30\x05\x82\x03"
         "a\0b",
         7, "other:8203610062"},
        {"\x30\x05\x82\x03"
         "a b",
         7, "other:8203612062"},
        {"\x30\x04\x82\x02\xc3\xbc", 6, "other:8202c3bc"},
        {"\x30\x02\x82\x00", 4, "other:8200"},
        {"\x30\x05\x82\x03"
         "a_b",
         7, "DNS:a_b"},
        {"\x30\x05\x87\x03\x01\x02\x03", 7, "other:8703010203"},
        {"\x30\x0a\x87\x08\x0a\x00\x00\x00\xff\x00\x00\x00", 12, "other:87080a000000ff000000"},
        {"\x30\x03\x86\x01/", 5, "URI:/"},
        {"\x30\x03\x81\x01@", 5, "email:@"},
        {"\x30\x04\xa4\x02\x30\x00", 6, "dirName:"},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(GENERAL_NAMES) *sans = NULL;
        bool done = san_from_der(view_of(rows[i].der, rows[i].len), &sans, &err);
        expect_done(done, &err, rows[i].text);
        assert_string_equal(san_text(arena, sk_GENERAL_NAME_value(sans, 0), NULL), rows[i].text);
        bool checked = san_check(sans, &err);
        /* an empty directory name is odd, but harmless */
        assert_int_equal(checked, strcmp(rows[i].text, "dirName:") == 0);
        expect_clean_queue(rows[i].text);
    }
}

static void broken_der(void **state) {
    static const struct {
        const char *der;
        size_t len;
    } rows[] = {
        {"", 0},
        {"\x30", 1},
        {"\x30\x05\x82\x03"
         "ab",
         6},
        {"\x30\x03\x82\x01"
         "ab",
         6},
        {"\x30\x02\x89\x00", 4},
        {"\x31\x00", 2},
        {"\x30\x80", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        GENERAL_NAMES *sans = POISON;
        assert_false(san_from_der(view_of(rows[i].der, rows[i].len), &sans, &err));
        expect_error(&err, ERROR_MALFORMED, "malformed-san", NULL);
        assert_ptr_equal(sans, POISON);
        expect_clean_queue("der");
    }
}

/* A certificate of others may have any text in a name: it makes no second name of it. */
static void joined_names(void **state) {
    static const struct {
        const char *upn, *joined;
    } rows[] = {
        {"jo@example.com", "DNS:a.example, UPN:jo@example.com"},
        {"jo, DNS:bank.example", "DNS:a.example, UPN:jo\\, DNS:bank.example"},
        {"jo\\, DNS:bank.example", "DNS:a.example, UPN:jo\\, DNS:bank.example"},
        {", , x", "DNS:a.example, UPN:\\, \\, x"},
        {"a,b", "DNS:a.example, UPN:a,b"},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(GENERAL_NAMES) *sans = GENERAL_NAMES_new();
        expect_done(san_add_text(sans, "DNS:a.example", &err), &err, "a DNS name");
        ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
        ASN1_TYPE *value = ASN1_TYPE_new();
        GENERAL_NAME *name = GENERAL_NAME_new();
        assert_int_equal(ASN1_STRING_set(text, rows[i].upn, -1), 1);
        ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
        assert_int_equal(GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_ms_upn), value), 1);
        assert_true(sk_GENERAL_NAME_push(sans, name) > 0);
        assert_string_equal(san_joined(arena, sans), rows[i].joined);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),  cmocka_unit_test(hostile_texts),
        cmocka_unit_test(from_json),   cmocka_unit_test(thousand_names),
        cmocka_unit_test(strange_der), cmocka_unit_test(broken_der),
        cmocka_unit_test(joined_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
