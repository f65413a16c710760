/* Bodies as clients send them, as nobody should, and the CSR attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"
#include "est/message.h"

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <openssl/asn1.h>
#include <string.h>


/* What stands for a CSR here is any SEQUENCE: 30 03 02 01 05. */
static void test_bodies(__attribute__((unused)) void **state) {
    static const struct {
        const char *at;
        size_t len;
        const char *hex; /* NULL: refused */
        enum est_form form;
    } rows[] = {
        {"MAMCAQU=", 8, "3003020105", EST_BASE64},
        {"MAMCAQU=\n", 9, "3003020105", EST_BASE64},
        {"MAMC\r\nAQU=\r\n", 12, "3003020105", EST_BASE64},
        {"\r\n  MAMC AQU=", 13, "3003020105", EST_BASE64},
        {"\x30\x81\x03\x02\x01\x05", 6, "308103020105", EST_DER},
        {"\x30\x82\x00\x03\x02\x01\x05", 7, "30820003020105", EST_DER},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQU=\n-----END CERTIFICATE REQUEST-----\n", 80,
         "3003020105", EST_BASE64},
        {"-----BEGIN NEW CERTIFICATE REQUEST-----\nMAMCAQU=\n-----END NEW CERTIFICATE REQUEST-----\n", 88,
         "3003020105", EST_BASE64},
        {"", 0, NULL, EST_BASE64},
        {" \r\n\t", 4, NULL, EST_BASE64},
        {"MAMCAQU", 7, NULL, EST_BASE64},    /* no padding */
        {"MAMCAQV=", 8, NULL, EST_BASE64},   /* bits that are not zero */
        {"MAMCAQU=MAMC", 12, NULL, EST_BASE64},
        {"MAMC*QU=", 8, NULL, EST_BASE64},
        {"MAMC\0AQU=", 9, NULL, EST_BASE64},
        {"BAMCAQU=", 8, NULL, EST_BASE64},   /* an OCTET STRING */
        {"\x30", 1, NULL, EST_BASE64},
        {"\x30\x03\x02\x01\x05", 5, NULL, EST_BASE64}, /* no CSR is so short */
        {"\x04\x81\x01\x00", 4, NULL, EST_BASE64},
        {"\xff\xfe\x30\x82", 4, NULL, EST_BASE64},
        {"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n", 64, NULL, EST_BASE64},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQU=\n", 45, NULL, EST_BASE64},
        {"{\"csr\":\"MAMCAQU=\"}", 18, NULL, EST_BASE64},
        {"csr=MAMCAQU%3D", 14, NULL, EST_BASE64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        enum est_form form = EST_BASE64;
        struct view der = {0};
        /* Exactly so many bytes, so that a sanitizer sees who reads on. */
        struct view body = arena_copy(arena, rows[i].at, rows[i].len);
        bool ok = est_body_decode(arena, body, &form, &der, &err);
        if (ok != (rows[i].hex != NULL))
            fail_msg("row %zu: %s", i, ok ? "taken" : err.message);
        if (!ok) {
            assert_string_equal(err.type, "est-message");
            continue;
        }
        assert_string_equal(hex_encode(arena, der), rows[i].hex);
        assert_int_equal(form, rows[i].form);
    }
}

static void test_answers(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    uint8_t bytes[200];
    for (size_t len = 1; len <= sizeof bytes; len++) {
        struct view back, der = view_of(bytes, len);
        enum est_form form;
        memset(bytes, (int)len, len);
        bytes[0] = 0x30;
        struct view text = est_body_encode(arena, EST_BASE64, der);
        assert_null(memchr(text.at, '\n', text.len)); /* not every client skips it */
        assert_true(est_body_decode(arena, text, &form, &back, &err) && view_equal(back, der));
        assert_true(view_equal(est_body_encode(arena, EST_DER, der), der));
    }
}

/* --- CSR attributes ---------------------------------------------------------------------------------- */

static void test_attributes(__attribute__((unused)) void **state) {
    static const struct {
        const char *template;
        bool challenge;
        const char *hex;
    } rows[] = { /* what each client reads, then the same as a template (rfc9908#3.4) */
        {"{\"keys\":[],\"keyUsage\":[],\"extendedKeyUsage\":[]}", false, "3000"},
        {"{\"keys\":[],\"keyUsage\":[],\"extendedKeyUsage\":[]}", true, "300b06092a864886f70d010907"},
        {"{\"keys\":[\"RSA-3072\"],\"keyUsage\":[],\"extendedKeyUsage\":[]}", false,
         "303c301106092a864886f70d010101310402020c003027060b2a864886f70d010910023d31183016020100a00f"
         "300d06092a864886f70d0101010500a100"},
        {"{\"keys\":[\"P-384\"],\"keyUsage\":[],\"extendedKeyUsage\":[]}", false,
         "3040301206072a8648ce3d0201310706052b81040022302a060b2a864886f70d010910023d311b3019020100a0"
         "12301006072a8648ce3d020106052b81040022a100"},
        {"{\"keys\":[\"Ed25519\"],\"keyUsage\":[],\"extendedKeyUsage\":[]}", false,
         "302606032b6570301f060b2a864886f70d010910023d3110300e020100a007300506032b6570a100"},
        {"{\"keys\":[\"ML-DSA\"],\"keyUsage\":[],\"extendedKeyUsage\":[]}", false,
         "303206096086480165030403123025060b2a864886f70d010910023d31163014020100a00d300b060960864801"
         "6503040312a100"},
        {"{\"keys\":[],\"keyUsage\":[\"digitalSignature\"],\"extendedKeyUsage\":[]}", false,
         "305a301f06092a864886f70d01090e31123010300e0603551d0f0101ff0404030207803037060b2a864886f70d"
         "010910023d31283026020100a121301f06092a864886f70d01090e31123010300e0603551d0f0101ff04040302"
         "0780"},
        {"{\"keys\":[],\"keyUsage\":[\"digitalSignature\",\"keyEncipherment\"],"
         "\"keyUsageCritical\":false,\"extendedKeyUsage\":[\"clientAuth\"]}",
         false,
         "307e303106092a864886f70d01090e31243022300b0603551d0f0404030205a030130603551d25040c300a0608"
         "2b060105050703023049060b2a864886f70d010910023d313a3038020100a133303106092a864886f70d01090e"
         "31243022300b0603551d0f0404030205a030130603551d25040c300a06082b06010505070302"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct template template;
        const struct json *document;
        struct view der = {0};
        assert_true(json_parse(arena, view_text(rows[i].template), &document, &err));
        if (!template_from_json(arena, document, &template, &err) ||
            !est_attributes(arena, &template, rows[i].challenge, &der, &err))
            fail_msg("row %zu: %s %s", i, err.message, err.detail);
        const char *hex = hex_encode(arena, der);
        if (strcmp(hex, rows[i].hex) != 0)
            fail_msg("row %zu: %s", i, hex);
        const unsigned char *at = der.at;
        ASN1_TYPE *whole = d2i_ASN1_TYPE(NULL, &at, (long)der.len);
        assert_true(whole != NULL && at == der.at + der.len);
        ASN1_TYPE_free(whole);
    }
}

/* Every type of key that a template can name has attributes. */
static void test_key_types(__attribute__((unused)) void **state) {
    static const char *const types[] = {
        "RSA", "RSA-2048", "RSA-8192", "EC", "P-256", "P-521", "secp256k1", "brainpoolP256r1",
        "brainpoolP512r1", "Ed448", "ML-DSA-44", "ML-DSA-87", "SLH-DSA", "SLH-DSA-SHA2-128s",
        "SLH-DSA-SHAKE-256f"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct error err = {0};
        struct template template;
        const struct json *document;
        struct view der = {0};
        const char *text = arena_printf(arena, "{\"keys\":[\"%s\"]}", types[i]);
        assert_true(json_parse(arena, view_text(text), &document, &err));
        if (!template_from_json(arena, document, &template, &err) ||
            !est_attributes(arena, &template, false, &der, &err) || der.len < 5)
            fail_msg("%s: %s %s", types[i], err.message, err.detail);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies), cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_attributes),
                                       cmocka_unit_test(test_key_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
