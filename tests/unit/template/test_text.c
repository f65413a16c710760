/* A template as a text in the form of OpenSSL's configuration, and back. */
#include "template/text.h"

#include "template/internal.h"
#include "template/starters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct json *parse(struct arena *arena, const char *text) {
    const struct json *ret = NULL;
    struct error err;
    if (!json_parse(arena, view_text(text), &ret, &err))
        fail_msg("%s: %s", text, err.message);
    return ret;
}

static const char *complete(struct arena *arena, const struct json *document) {
    const char *text = NULL;
    struct error err;
    if (!template_normalize(arena, document, &text, &err))
        fail_msg("refused: %s", err.message);
    return text;
}

static const char *text_of(struct arena *arena, const char *document) {
    const struct template_record record = {.name = "Some", .version = 7, .document = document};
    const char *text = NULL;
    struct error err;
    if (!template_to_text(arena, &record, &text, &err))
        fail_msg("%s: %s", document, err.message);
    return text;
}

static const struct json *read(struct arena *arena, const char *text, const struct json *current,
                               struct text_findings *findings) {
    const struct json *document = NULL;
    struct error err;
    if (!template_check_text(arena, text, current, findings, &document, &err))
        fail_msg("%s: %s", text, err.message);
    return document;
}

static const struct json *read_well(struct arena *arena, const char *text,
                                    const struct json *current) {
    struct text_findings findings;
    const struct json *document = read(arena, text, current, &findings);
    for (size_t i = 0; i < findings.count; i++)
        if (findings.items[i].error)
            fail_msg("%s\nline %d %s", text, findings.items[i].line, findings.items[i].text);
    assert_non_null(document);
    return document;
}

static const char *replaced(struct arena *arena, const char *text, const char *what,
                            const char *by) {
    const char *at = strstr(text, what);
    if (at == NULL)
        fail_msg("no \"%s\" in\n%s", what, text);
    return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
}

/* Nothing is lost, and nothing is found: on a new template, and on any other one. */
static void round_trips(void **state) {
    (void)state;
    static const char *const more[] = {
        "{\"sans\":{\"types\":[\"dns\",\"dirName\"],\"add\":[\"dirName:CN=a,O=b\",\"DNS:x.example\"]}}",
        "{\"extensions\":[{\"type\":\"nameConstraints\",\"critical\":true,\"value\":{\"permitted\":"
        "[\"DNS:a.example\",\"email:b.example\"],\"excluded\":[\"URI:c.example\"]}}]}",
        "{\"extensions\":[{\"type\":\"nameConstraints\",\"value\":{\"permitted\":[\"IP:10.0.0.0/8\"]}},"
        "{\"type\":\"inhibitAnyPolicy\",\"critical\":true,\"value\":0},{\"type\":\"tlsFeature\","
        "\"value\":[\"status_request\"]},{\"type\":\"issuerAltNames\",\"value\":[\"URI:https://a.example\"]}]}",
        "{\"variables\":[{\"name\":\"x\",\"pattern\":\"[a-z]+\"}],\"extensions\":[{\"type\":\"issuerAltNames\","
        "\"value\":[\"URI:https://{x}.example\"]},{\"oid\":\"1.2.3\",\"value\":{\"utf8\":\"{x}\"}}]}",
        "{\"urls\":{\"crl\":[\"http://a.example/1\",\"http://b.example/1\"],\"ocsp\":[\"http://o.example\"],"
        "\"caIssuers\":[\"http://i.example\"]},\"freshestCrl\":false}",
        "{\"policies\":[\"1.2.3\",{\"oid\":\"1.2.4\",\"cps\":\"https://a.example\"}]}",
        "{\"subject\":{\"from\":\"expression\",\"attributes\":[\"*\"],\"expression\":{\"OU\":[\"a\",\"b\"],"
        "\"CN\":\"Number # 5\"}},\"subjectKeyId\":\"rfc7093-1\",\"authorityKeyId\":\"keyIdAndIssuer\"}",
    };
    size_t count, extra = sizeof more / sizeof more[0];
    const struct template_starter *starters = template_starters(&count);
    for (size_t i = 0; i < count + extra; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct text_findings findings;
        const char *document = i < count ? starters[i].document : more[i - count];
        const char *text = text_of(arena, document), *whole = complete(arena, parse(arena, document));
        const struct json *others[] = {NULL, parse(arena, "{\"approval\":\"always\",\"policies\":[\"1.2.9\"]}")};
        for (size_t k = 0; k < 2; k++) {
            const struct json *back = read(arena, text, others[k], &findings);
            if (findings.count > 0)
                fail_msg("%s\nline %d %s", text, findings.items[0].line, findings.items[0].text);
            assert_string_equal(complete(arena, back), whole);
        }
    }
}

/* What an edit of one line does, and that it does nothing else. */
static void edits(void **state) {
    (void)state;
    static const char document[] =
        "{\"approval\":\"always\",\"validity\":{\"days\":30,\"maxDays\":90},\"keyUsage\":[\"digitalSignature\"],"
        "\"extendedKeyUsage\":[\"serverAuth\"],\"subject\":{\"attributes\":[\"CN\"]},\"variables\":[{\"name\":\"site\","
        "\"description\":\"Where\",\"default\":\"north\"}],\"sans\":{\"types\":[\"dns\"],\"add\":[\"DNS:{site}.example\"]},"
        "\"policies\":[\"1.2.3\"],\"urls\":{\"crl\":[\"http://a.example/1\"]},\"extensions\":[{\"oid\":\"1.2.3.4\","
        "\"value\":{\"utf8\":\"x\"}},{\"type\":\"tlsFeature\",\"value\":[\"status_request\"]}]}";
    static const struct {
        const char *line, *by, *changes;
    } rows[] = {
        {"default_days = 30", "default_days = 31", "[{\"path\":\"validity.days\",\"before\":30,\"after\":31}]"},
        {"default_days = 30\n", "", "[]"}, /* a day that nobody names stays */
        {"prompt = no\n", "prompt = no\ndefault_md = sha384\n",
         "[{\"path\":\"signature.digest\",\"before\":null,\"after\":\"SHA-384\"}]"},
        {"keyUsage = critical, digitalSignature", "keyUsage = nonRepudiation",
         "[{\"path\":\"keyUsage\",\"before\":[\"digitalSignature\"],\"after\":[\"nonRepudiation\"]},"
         "{\"path\":\"keyUsageCritical\",\"before\":true,\"after\":false}]"},
        {"extendedKeyUsage = serverAuth\n", "",
         "[{\"path\":\"extendedKeyUsage\",\"before\":[\"serverAuth\"],\"after\":[]}]"},
        {"certificatePolicies = 1.2.3\n", "", "[{\"path\":\"policies\",\"before\":[\"1.2.3\"],\"after\":[]}]"},
        {"subjectAltName = DNS:{site}.example", "subjectAltName = DNS:{site}.example, IP:192.0.2.1",
         "[{\"path\":\"sans.add\",\"before\":[\"DNS:{site}.example\"],\"after\":[\"DNS:{site}.example\","
         "\"IP:192.0.2.1\"]}]"},
        {"subjectAltName = DNS:{site}.example", "subjectAltName = dirName:CN=a,O=b, DNS:{site}.example",
         "[{\"path\":\"sans.add\",\"before\":[\"DNS:{site}.example\"],\"after\":[\"dirName:CN=a,O=b\","
         "\"DNS:{site}.example\"]}]"},
        {"site = north", "site = south",
         "[{\"path\":\"variables\",\"before\":[{\"name\":\"site\",\"description\":\"Where\",\"required\":false,"
         "\"pattern\":null,\"values\":[],\"default\":\"north\"}],\"after\":[{\"name\":\"site\",\"description\":"
         "\"Where\",\"required\":false,\"pattern\":null,\"values\":[],\"default\":\"south\"}]}]"},
        {"CN = {csr.CN}", "CN = {csr.CN}\nO = {csr.O}",
         "[{\"path\":\"subject.attributes\",\"before\":[\"CN\"],\"after\":[\"CN\",\"O\"]}]"},
        {"crlDistributionPoints = URI:http://a.example/1\n", "",
         "[{\"path\":\"urls.crl\",\"before\":[\"http://a.example/1\"],\"after\":[]}]"},
        {"tlsfeature = status_request\n", "",
         "[{\"path\":\"extensions\",\"before\":[{\"oid\":\"1.2.3.4\",\"value\":{\"utf8\":\"x\"}},{\"type\":"
         "\"tlsFeature\",\"value\":[\"status_request\"]}],\"after\":[{\"oid\":\"1.2.3.4\",\"value\":{\"utf8\":"
         "\"x\"}}]}]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct json_writer w = json_writer_on(arena), after = json_writer_on(arena);
        struct error err;
        const char *text = replaced(arena, text_of(arena, document), rows[i].line, rows[i].by);
        json_add_value(&after, read_well(arena, text, NULL));
        assert_true(template_diff(&w, arena, document, json_written(&after), &err));
        assert_string_equal(json_written(&w), rows[i].changes);
    }
}

/* A configuration as people have it: sections of names, prompts, comments, addresses. */
static const char people[] = "HOME = .\n"
                             "house = Example House\n"
                             "[ req ]\n"
                             "default_bits = 2048 # of the key\n"
                             "default_days = 90\n"
                             "distinguished_name = req_dn\n"
                             "x509_extensions = v3_req\n"
                             "[ req_dn ]\n"
                             "countryName = Country (2 letters)\n"
                             "countryName_default = DE\n"
                             "countryName_min = 2\n"
                             "countryName_max = 2\n"
                             "0.organizationalUnitName = Unit\n"
                             "1.organizationalUnitName = Sub-unit\n"
                             "commonName = Your name\n"
                             "[ v3_req ]\n"
                             "basicConstraints = CA:FALSE\n"
                             "keyUsage = critical, \\\n"
                             "  digitalSignature\n"
                             "subjectAltName = @names\n"
                             "certificatePolicies = 1.2.3, @house_policy\n"
                             "crlDistributionPoints = URI:http://crl.example/a.crl\n"
                             "authorityInfoAccess = @access\n"
                             "nameConstraints = critical, permitted;DNS:example.com, excluded;IP:10.0.0.0/255.0.0.0\n"
                             "policyMappings = 1.2.3:1.2.4\n"
                             "1.2.3.4 = ASN1:UTF8String:a:${house}\n"
                             "[ names ]\n"
                             "DNS.1 = www.example.com\n"
                             "DNS.2 = ${house}.example.com\n"
                             "otherName.1 = 1.3.6.1.4.1.311.20.2.3;UTF8:a@example.com\n"
                             "[ house_policy ]\n"
                             "policyIdentifier = 1.2.5\n"
                             "CPS.1 = https://cps.example\n"
                             "userNotice.1 = @notice\n"
                             "[ notice ]\n"
                             "explicitText = \"Ours\"\n"
                             "[ access ]\n"
                             "OCSP;URI.1 = http://ocsp.example\n"
                             "[ ca ]\n"
                             "default_ca = x\n"
                             "dir = .\n";

static void expect_member(struct arena *arena, const struct json *document, const char *member,
                          const char *value) {
    struct json_writer w = json_writer_on(arena);
    const struct json *at = json_get(document, member);
    assert_non_null(at);
    json_add_value(&w, at);
    assert_string_equal(json_written(&w), value);
}

static void reads_what_people_have(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct text_findings findings;
    const struct json *document = read(arena, people, NULL, &findings);
    static const struct {
        int line;
        const char *text;
    } notices[] = {{1, "HOME"}, {4, "default_bits"}, {17, "critical"}, {40, "[ca]"}};
    if (document == NULL)
        fail_msg("line %d %s", findings.items[0].line, findings.items[0].text);
    for (size_t i = 0; i < 4 && i < findings.count; i++)
        if (findings.items[i].line != notices[i].line ||
            strstr(findings.items[i].text, notices[i].text) == NULL)
            fail_msg("line %d %s", findings.items[i].line, findings.items[i].text);
    assert_int_equal(findings.count, 4);
    assert_int_equal(findings.errors, 0);
    expect_member(arena, document, "subject",
                  "{\"from\":\"expression\",\"expression\":{\"countryName\":\"{countryName}\","
                  "\"organizationalUnitName\":[\"{organizationalUnitName}\",\"{organizationalUnitName-1}\"],"
                  "\"commonName\":\"{commonName}\"}}");
    expect_member(arena, document, "variables",
                  "[{\"name\":\"house\",\"default\":\"Example House\"},"
                  "{\"name\":\"countryName\",\"description\":\"Country (2 letters)\",\"default\":\"DE\","
                  "\"required\":true,\"pattern\":\".{2,2}\"},"
                  "{\"name\":\"organizationalUnitName\",\"description\":\"Unit\",\"default\":\"\",\"required\":false},"
                  "{\"name\":\"organizationalUnitName-1\",\"description\":\"Sub-unit\",\"default\":\"\",\"required\":false},"
                  "{\"name\":\"commonName\",\"description\":\"Your name\",\"default\":\"\",\"required\":false}]");
    expect_member(arena, document, "urls",
                  "{\"caIssuers\":[],\"ocsp\":[\"http://ocsp.example\"],\"crl\":[\"http://crl.example/a.crl\"]}");
    expect_member(arena, document, "policies",
                  "[\"1.2.3\",{\"oid\":\"1.2.5\",\"cps\":\"https://cps.example\",\"notice\":\"Ours\"}]");
    expect_member(arena, json_get(document, "sans"), "add",
                  "[\"DNS:www.example.com\",\"DNS:{house}.example.com\",\"UPN:a@example.com\"]");
    expect_member(arena, document, "extendedKeyUsage", "[]");
    expect_member(arena, document, "extensions",
                  "[{\"type\":\"nameConstraints\",\"critical\":true,\"value\":{\"permitted\":[\"DNS:example.com\"],"
                  "\"excluded\":[\"IP:10.0.0.0/255.0.0.0\"]}},{\"type\":\"policyMappings\",\"critical\":false,"
                  "\"value\":[{\"issuer\":\"1.2.3\",\"subject\":\"1.2.4\"}]},{\"critical\":false,\"oid\":\"1.2.3.4\","
                  "\"value\":{\"utf8\":\"a:{house}\"}}]");
    assert_false(json_get(document, "aia")->boolean);
    /* Onto a template that is there, it says what is in the certificate, and nothing of who may have one. */
    document = read_well(arena, people,
                         parse(arena, "{\"approval\":\"four-eyes\",\"doors\":[\"est\"],\"policies\":[\"1.2.9\"]}"));
    assert_string_equal(json_get(document, "approval")->text, "four-eyes");
    expect_member(arena, document, "doors", "[\"est\"]");
}

/* Each fault is told with its line, all of them at once, and then nothing comes of the text. */
static void finds_faults(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *says;
    } rows[] = {
        {"[dn]\n.include /etc/passwd\n", 2, "includes a file"},
        {"[dn]\nCN = $ENV::HOME\n", 2, "environment"},
        {"[v3_ext]\nkeyUsage = digitalSignature\n\nkeyUsage = keyAgreement\n", 4, "line 2 did already"},
        {"[v3_ext]\nkeyUsage = everything\n", 2, "everything"},
        {"[v3_ext]\nextendedKeyUsage = nonsense\n", 2, "nonsense"},
        {"[v3_ext]\nsubjectAltName = @missing\n", 2, "missing"},
        {"[v3_ext]\nsubjectAltName = DNS:bad name\n", 2, "bad name"},
        {"[v3_ext]\nbasicConstraints = CA:maybe\n", 2, "CA:maybe"},
        {"[v3_ext]\nbasicConstraints = critical, CA:TRUE, pathlen:x\n", 2, "number"},
        {"[v3_ext]\nbasicConstraints = critical, CA:TRUE\n", 2, "keyCertSign"},
        {"[v3_ext]\nnsComment = \"made by hand\"\n", 2, "OID = DER:HEX"},
        {"[v3_ext]\n1.2.3 = DER:0501\n", 2, "1.2.3"},
        {"[v3_ext]\ncrlDistributionPoints = point\n", 2, "URI:"},
        {"[v3_ext]\nauthorityInfoAccess = OCSP;DNS:x\n", 2, "OCSP;URI:"},
        {"[v3_ext]\nnameConstraints = DNS:x\n", 2, "permitted;"},
        {"[v3_ext]\npolicyMappings = 1.2.3\n", 2, "NAME:VALUE"},
        {"[v3_ext]\ninhibitAnyPolicy = many\n", 2, "number"},
        {"[v3_ext]\ncertificatePolicies = @p\n[p]\nCPS = x\n", 2, "policyIdentifier"},
        {"[dn]\nnonsense = {csr.CN}\n", 2, "nonsense"},
        {"[dn]\nCN = {unknown}\n", 0, "unknown"},
        {"[req]\ndefault_days = soon\n", 2, "days"},
        {"[req]\ndefault_md = md5\n", 2, "sha256"},
        {"[req\n", 1, "]"},
        {"[dn]\nCN\n", 2, "NAME = VALUE"},
        {"\n#gatehouse: {\n", 2, "document"},
        {"#gatehouse: {\"unknown\":1}\n", 1, "unknown"},
        {"[d]\nCN = Name\nCN_max = many\n[req]\ndistinguished_name = d\n", 3, "characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct text_findings findings;
        const struct json *document = NULL;
        struct error err;
        if (read(arena, rows[i].text, NULL, &findings) != NULL)
            fail_msg("taken: %s", rows[i].text);
        size_t k = 0;
        while (k < findings.count && !findings.items[k].error)
            k++;
        assert_true(k < findings.count);
        if (findings.items[k].line != rows[i].line ||
            strstr(findings.items[k].text, rows[i].says) == NULL)
            fail_msg("%s: line %d %s", rows[i].text, findings.items[k].line, findings.items[k].text);
        assert_false(template_from_text(arena, rows[i].text, NULL, &document, &err));
        assert_string_equal(err.type, "template-text");
    }
}

static void tells_all_at_once(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct text_findings findings;
    struct buffer many = buffer_on(arena);
    assert_null(read(arena, "[v3_ext]\nnsComment = x\nkeyUsage = a, b\n[req]\ndefault_md = md5\nencrypt_key = no\n",
                     NULL, &findings));
    assert_int_equal(findings.errors, 4);
    assert_int_equal(findings.count, 5);
    for (size_t i = 1; i < findings.count; i++)
        assert_true(findings.items[i - 1].line <= findings.items[i].line);
    for (int i = 0; i < 600; i++)
        buffer_printf(&many, "x%d = 1\n", i);
    assert_null(read(arena, buffer_text(&many), NULL, &findings));
    assert_int_equal(findings.count, TEXT_FINDINGS_MAX);
    assert_true(findings.errors > TEXT_FINDINGS_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips), cmocka_unit_test(edits),
        cmocka_unit_test(reads_what_people_have), cmocka_unit_test(finds_faults),
        cmocka_unit_test(tells_all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
