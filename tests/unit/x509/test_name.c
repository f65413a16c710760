#include "support.h"

#include <stdio.h>
#include <string.h>

#define POISON ((X509_NAME *)(uintptr_t)0x50)

/* JSON in (' for "), RFC 4514 out. */
static void names_from_json(void **state) {
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"{}", ""},
        {"{'CN':'Example Root','O':'Example'}", "O=Example,CN=Example Root"},
        {"{'C':'DE','O':'Example','OU':['a','b'],'CN':'x'}", "CN=x,OU=b,OU=a,O=Example,C=DE"},
        {"{'commonName':'x','COUNTRYNAME':'us'}", "C=us,CN=x"},
        {"{'2.5.4.3':'by oid'}", "CN=by oid"},
        {"{'1.3.6.1.4.1.99999.1':'own'}", "1.3.6.1.4.1.99999.1=#0C036F776E"},
        {"{'CN':'a,b+c\\\"d\\\\e<f>g;h=i'}", "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i"},
        {"{'CN':'#1'}", "CN=\\#1"},
        {"{'CN':' x '}", "CN=\\ x\\ "},
        {"{'CN':'M\xc3\xbcller \xe6\x97\xa5'}", "CN=M\xc3\xbcller \xe6\x97\xa5"},
        {"{'DC':['com','example'],'emailAddress':'a@b.example'}",
         "emailAddress=a@b.example,DC=example,DC=com"},
        {"'CN=from text,O=x'", "CN=from text,O=x"},
        {"[{'O':'Example'},{'CN':'a','UID':'b'}]", "CN=a+UID=b,O=Example"},
        {"[{'c3':'DEU'},{'role':'x'},{'mail':'a@b.example'}]", "mail=a@b.example,role=x,c3=DEU"},
        {"{'street':'Road 1','serialNumber':'A-1'}", "serialNumber=A-1,STREET=Road 1"},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(X509_NAME) *name = NULL, *again = NULL, *from_der = NULL;
        bool done = name_from_json(test_json(arena, rows[i].json), &name, &err);
        expect_done(done, &err, rows[i].json);
        const char *text = name_text(arena, name);
        /* hex is written in lower case */
        assert_int_equal(strcasecmp(text, rows[i].text), 0);
        expect_done(name_from_text(text, &again, &err), &err, text);
        assert_string_equal(name_text(arena, again), text);
        assert_int_equal(X509_NAME_cmp(name, again), 0);
        expect_done(name_from_der(name_der(arena, name), &from_der, &err), &err, text);
        assert_string_equal(name_text(arena, from_der), text);
        expect_done(name_check(from_der, &err), &err, text);
        assert_int_equal(name_empty(name), text[0] == '\0');
        expect_clean_queue(rows[i].json);
    }
}

static void hostile_json(void **state) {
    static const char *const rows[] = {
        "null",
        "1",
        "[]",
        "true",
        "{'CN':1}",
        "{'CN':null}",
        "{'CN':{}}",
        "{'CN':[]}",
        "{'CN':['a',1]}",
        "{'CN':[['a']]}",
        "{'CN':''}",
        "{'CN':['']}",
        "{'':'x'}",
        "{'XX':'x'}",
        "{'1':'x'}",
        "{'9.9':'x'}",
        "{'1.2.':'x'}",
        "{'.1.2':'x'}",
        "{'1..2':'x'}",
        "{'C':'D'}",
        "{'C':'DEU'}",
        "{'C':'D1'}",
        "{'C':'\xc3\xa4'}",
        "{'DC':'\xc3\xa4'}",
        "{'emailAddress':'\xc3\xa4@x'}",
        "{'serialNumber':'a_b'}",
        "{'serialNumber':'a@b'}",
        "{'CN':'a\\nb'}",
        "{'CN':'a\\u007fb'}",
        "{'CN':'a\\u0085b'}",
        "{'CN':'a\\tb'}",
        "{'CN':'0123456789012345678901234567890123456789012345678901234567890123x'}",
        "{'O':'0123456789012345678901234567890123456789012345678901234567890123x'}",
        "{'sha256':'x'}",
        "{'CN=x':'y'}",
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        X509_NAME *name = POISON;
        if (name_from_json(test_json(arena, rows[i]), &name, &err))
            fail_msg("accepted: %s", rows[i]);
        expect_error(&err, ERROR_MALFORMED, "malformed-name", NULL);
        assert_ptr_equal(name, POISON);
        expect_clean_queue(rows[i]);
    }
}

static void bounds_count_characters(void **state) {
    /* 64 two-byte characters fit into a CN; 65 do not. */
    (void)state;
    for (int count = 64; count <= 65; count++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct buffer text = buffer_on(arena);
        struct error err = {0};
        AUTO(X509_NAME) *name = NULL;
        buffer_add_text(&text, "CN=");
        for (int i = 0; i < count; i++)
            buffer_add_text(&text, "\xc3\xbc");
        assert_int_equal(name_from_text(buffer_text(&text), &name, &err), count == 64);
    }
}

static void sixty_four_attributes(void **state) {
    (void)state;
    for (int count = 64; count <= 65; count++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct json_writer w = json_writer_on(arena);
        struct buffer text = buffer_on(arena);
        struct error err = {0};
        AUTO(X509_NAME) *name = NULL, *other = NULL;
        json_open_object(&w);
        json_name(&w, "OU");
        json_open_array(&w);
        for (int i = 0; i < count; i++) {
            json_add_string(&w, arena_printf(arena, "u%d", i));
            buffer_printf(&text, "%sOU=u%d", i == 0 ? "" : ",", i);
        }
        json_close_array(&w);
        json_close_object(&w);
        const struct json *value = test_json(arena, json_written(&w));
        assert_int_equal(name_from_json(value, &name, &err), count == 64);
        assert_int_equal(name_from_text(buffer_text(&text), &other, &err), count == 64);
        if (count == 65)
            expect_error(&err, ERROR_MALFORMED, "malformed-name", "64");
    }
}

static void names_from_text(void **state) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"   ", ""},
        {"CN=a", "CN=a"},
        {" cn = a , O = b c  , C = DE ", "CN=a,O=b c,C=DE"},
        {"CN=a\\,b", "CN=a\\,b"},
        {"CN=a\\2Cb", "CN=a\\,b"},
        {"CN=Lu\\C4\\8Di\\C4\\87", "CN=Lu\xc4\x8di\xc4\x87"},
        {"CN=\\ a\\ ", "CN=\\ a\\ "},
        {"CN=a\\20", "CN=a\\ "},
        {"CN=a=b", "CN=a=b"},
        {"OU=Sales+CN=J.  Smith,DC=example,DC=net", "OU=Sales+CN=J.  Smith,DC=example,DC=net"},
        {"CN=#0C0161", "CN=a"},
        {"CN=#1E0400610062", "CN=ab"},
        {"2.5.4.10=Example", "O=Example"},
        {"1.2.3.4=#130161", "1.2.3.4=#130161"},
        {"1.2.3.4=a", "1.2.3.4=#0c0161"},
        {"UID=jsmith,DC=example,DC=net", "UID=jsmith,DC=example,DC=net"},
        {"E=a@b.example,S=Bavaria", "emailAddress=a@b.example,ST=Bavaria"},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(X509_NAME) *name = NULL;
        expect_done(name_from_text(rows[i].in, &name, &err), &err, rows[i].in);
        assert_string_equal(name_text(arena, name), rows[i].out);
        expect_clean_queue(rows[i].in);
    }
}

static void hostile_text(void **state) {
    static const char *const rows[] = {
        "CN",
        "CN=",
        "=a",
        "CN=a,",
        "CN=a,,O=b",
        ",CN=a",
        "CN=a+",
        "+CN=a",
        "CN=a+,O=b",
        "CN a",
        "CN=a;O=b",
        "CN=\"a\"",
        "CN=a<b",
        "CN=a>b",
        "CN=a\\",
        "CN=a\\4",
        "CN=a\\4g",
        "CN=a\\x",
        "CN=a\\00b",
        "CN=\\C3",
        "CN=\\FF\\FE",
        "CN=\\ED\\A0\\80",
        "CN=\\C0\\80",
        "CN=a\\0Ab",
        "CN=#",
        "CN=#0",
        "CN=#0C",
        "CN=#0C0261",
        "CN=#0C016100",
        "CN=#020101",
        "CN=#zz",
        "CN=#0C0161x",
        "CN=#3000",
        "CN=#0C0100",
        "CN=#1E03006100",
        "nope=a",
        "1.2.3.4.=a",
        "C=DEU",
        "CN=\xff",
        "9999999999999999999999999999999999999999999999999999999999999999999999999.1=a",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        X509_NAME *name = POISON;
        if (name_from_text(rows[i], &name, &err))
            fail_msg("accepted: %s", rows[i]);
        expect_error(&err, ERROR_MALFORMED, "malformed-name", NULL);
        assert_ptr_equal(name, POISON);
        expect_clean_queue(rows[i]);
    }
}

/* Names made by others: what they hold must come out unambiguous. (OpenSSL itself refuses broken
 * UTF-8 and odd BMPStrings, since it compares names in UTF-8.) */
static void strange_names(void **state) {
    static const struct {
        int type;
        const char *bytes;
        int len;
        const char *text, *json;
        bool good;
    } rows[] = {
        {V_ASN1_UTF8STRING, "a\0b", 3, "CN=a\\00b", "{'CN':'#610062'}", false},
        {V_ASN1_PRINTABLESTRING, "old", 3, "CN=old", "{'CN':'old'}", true},
        {V_ASN1_T61STRING, "\xfc", 1, "CN=\xc3\xbc", "{'CN':'\xc3\xbc'}", true},
        {V_ASN1_BMPSTRING, "\0a\0b", 4, "CN=ab", "{'CN':'ab'}", true},
        {V_ASN1_UTF8STRING, "a\r\nb", 4, "CN=a\\0D\\0Ab", "{'CN':'a\\r\\nb'}", false},
        {V_ASN1_UTF8STRING, "", 0, "CN=", "{'CN':''}", false},
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(X509_NAME) *name = X509_NAME_new();
        assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, rows[i].type,
                                                    (const unsigned char *)rows[i].bytes,
                                                    rows[i].len, -1, 0),
                         1);
        struct json_writer w = json_writer_on(arena);
        name_write_json(&w, arena, name);
        assert_string_equal(name_text(arena, name), rows[i].text);
        assert_string_equal(json_written(&w), quoted(arena, rows[i].json));
        assert_int_equal(name_check(name, &err), rows[i].good);
        expect_clean_queue(rows[i].text);
    }
}

static void add_typed(X509_NAME *name, int nid, int type, const char *bytes, int len, int set) {
    assert_int_equal(X509_NAME_add_entry_by_NID(name, nid, type, (const unsigned char *)bytes, len, -1, set), 1);
}

/* rfc5280#4.1.2.4: old string types become UTF8String; the rest, the order and the RDNs stay. */
static void old_strings(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    const X509_NAME *modern = NULL;
    AUTO(X509_NAME) *name = X509_NAME_new();
    add_typed(name, NID_countryName, V_ASN1_PRINTABLESTRING, "DE", 2, 0);
    expect_done(name_modern(arena, name, &modern, &err), &err, "nothing old");
    assert_ptr_equal(modern, name);
    add_typed(name, NID_organizationName, V_ASN1_T61STRING, "Gr\xfc", 3, 0);
    add_typed(name, NID_commonName, V_ASN1_BMPSTRING, "\0a\x03\xa9", 4, 0);
    add_typed(name, NID_userId, V_ASN1_UTF8STRING, "u", 1, -1);
    expect_done(name_modern(arena, name, &modern, &err), &err, "old strings");
    assert_string_equal(name_text(arena, modern), name_text(arena, name));
    static const int types[] = {V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING, V_ASN1_UTF8STRING, V_ASN1_UTF8STRING};
    static const int sets[] = {0, 1, 2, 2};
    assert_int_equal(X509_NAME_entry_count(modern), COUNT(types));
    for (int i = 0; i < (int)COUNT(types); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(modern, i);
        assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(entry)), types[i]);
        assert_int_equal(X509_NAME_ENTRY_set(entry), sets[i]);
    }
    assert_int_equal(X509_NAME_cmp(modern, name), 0);
    expect_clean_queue("old strings");
}

static void json_round_trip(void **state) {
    static const char *const rows[] = {
        "{}",
        "{'C':'DE','O':'Example','CN':'x'}",
        "{'OU':['a','b','c'],'CN':'x'}",
        "{'DC':['net','example'],'1.2.3.4':'y'}",
    };
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        AUTO(X509_NAME) *name = NULL;
        expect_done(name_from_json(test_json(arena, rows[i]), &name, &err), &err, rows[i]);
        struct json_writer w = json_writer_on(arena);
        name_write_json(&w, arena, name);
        assert_string_equal(json_written(&w), quoted(arena, rows[i]));
    }
}

static void common_name_is_the_last(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(X509_NAME) *two = test_name("CN=last,O=x,CN=first"), *none = test_name("O=x");
    assert_string_equal(name_common_name(arena, two), "last");
    assert_null(name_common_name(arena, none));
}

static void hostile_der(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"", 0},
        {"\x30", 1},
        {"\x30\x01", 2},
        {"\x30\x00\x00", 3},
        {"\x31\x00", 2},
        {"\x30\x80\x00", 3},
        {"\x30\x84\xff\xff\xff\xff", 6},
        {"\x30\x02\x31\x00", 3},
        {"\x30\x04\x31\x02\x30\x00", 6},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        X509_NAME *name = POISON;
        assert_false(name_from_der(view_of(rows[i].bytes, rows[i].len), &name, &err));
        expect_error(&err, ERROR_MALFORMED, "malformed-name", NULL);
        assert_ptr_equal(name, POISON);
        expect_clean_queue("der");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_from_json),         cmocka_unit_test(hostile_json),
        cmocka_unit_test(bounds_count_characters), cmocka_unit_test(sixty_four_attributes),
        cmocka_unit_test(names_from_text),         cmocka_unit_test(hostile_text),
        cmocka_unit_test(strange_names),           cmocka_unit_test(old_strings),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(common_name_is_the_last), cmocka_unit_test(hostile_der),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
