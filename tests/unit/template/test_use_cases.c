/* The profiles that managed services offer by use case, each with the starter that covers it: usages and their
 * criticality, purposes, what a request may add, basic constraints and the longest life it may have. */
#include "template/starters.h"
#include "template/words.h"
#include "x509/extension.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SIGN KU_DIGITAL_SIGNATURE
#define COMMIT KU_NON_REPUDIATION
#define ENCIPHER KU_KEY_ENCIPHERMENT
#define AGREE KU_KEY_AGREEMENT
#define CA_BITS (KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN)

/* What requests of device protocols, and of private TLS, may bring. */
#define DEVICE                                                                                     \
    "certificatePolicies applicationPolicies smimeCapabilities microsoftTemplate "                 \
    "microsoftTemplateName"
#define TLS "certificatePolicies applicationPolicies"
#define LOGON "1.3.6.1.4.1.311.20.2.2"

static const struct row {
    const char *starter;
    unsigned usage;
    const char *purposes; /* separated by spaces; "": none; NULL: as the request says */
    const char *extensions;
    int64_t days; /* that can be asked for, at least */
    bool ca;
    int path_length;
} rows[] = {
    {"authority-root", CA_BITS, "", "", 7300, true, -1},
    {"authority-issuing", CA_BITS, "", "", 3650, true, 0},
    {"authority-status", SIGN, "OCSPSigning", "", 30, false, -1},
    {"mail-signing-encryption", SIGN | ENCIPHER, "clientAuth emailProtection", "", 1095, false, -1},
    {"mail-encryption", ENCIPHER, "emailProtection", "", 1095, false, -1},
    {"mail-commitment", SIGN | COMMIT, "emailProtection", "", 1095, false, -1},
    {"piv-card", SIGN, NULL, "", 1095, false, -1},
    {"piv-signature", SIGN | COMMIT, NULL, "", 1095, false, -1},
    {"piv-domain-controller", SIGN | ENCIPHER, "serverAuth clientAuth", "", 1095, false, -1},
    {"piv-key-management", ENCIPHER, NULL, "", 1095, false, -1},
    {"piv-logon", SIGN, "anyExtendedKeyUsage " LOGON " clientAuth", "", 1095, false, -1},
    {"piv-content", SIGN | COMMIT, NULL, "", 1095, false, -1},
    {"code-signer", SIGN, "codeSigning", "", 1095, false, -1},
    {"intune-signing", SIGN, NULL, DEVICE, 1095, false, -1},
    {"intune-encryption", ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"intune-commitment", COMMIT, NULL, DEVICE, 1095, false, -1},
    {"intune-signing-encryption", SIGN | ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"private-tls-client-exchange", SIGN | ENCIPHER, "clientAuth", TLS, 1095, false, -1},
    {"private-tls-client-server-exchange", SIGN | ENCIPHER, "clientAuth serverAuth", TLS, 1095,
     false, -1},
    {"private-tls-server-exchange", SIGN | ENCIPHER, "serverAuth", TLS, 1095, false, -1},
    {"windows-signing", SIGN, NULL, DEVICE, 1095, false, -1},
    {"windows-encryption", ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"windows-commitment", COMMIT, NULL, DEVICE, 1095, false, -1},
    {"windows-signing-encryption", SIGN | ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"scep-signing", SIGN, NULL, DEVICE, 1095, false, -1},
    {"scep-encryption", ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"scep-commitment", COMMIT, NULL, DEVICE, 1095, false, -1},
    {"scep-signing-encryption", SIGN | ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"mdm-signing", SIGN, NULL, DEVICE, 1095, false, -1},
    {"mdm-encryption", ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"mdm-commitment", COMMIT, NULL, DEVICE, 1095, false, -1},
    {"mdm-signing-encryption", SIGN | ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"element-signing", SIGN, NULL, DEVICE, 1095, false, -1},
    {"element-encryption", ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"element-commitment", COMMIT, NULL, DEVICE, 1095, false, -1},
    {"element-signing-encryption", SIGN | ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"est-signing", SIGN, NULL, DEVICE, 1095, false, -1},
    {"est-encryption", ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"est-commitment", COMMIT, NULL, DEVICE, 1095, false, -1},
    {"est-signing-encryption", SIGN | ENCIPHER, NULL, DEVICE, 1095, false, -1},
    {"charging-station", SIGN | AGREE, "serverAuth", "", 365, false, -1},
    {"charging-contract", SIGN | COMMIT, "", "", 730, false, -1},
};

static bool has_word(struct arena *arena, const struct template *t, const char *word, bool purpose) {
    const char *oid = purpose ? NULL : extension_oid_of(arena, word);
    for (size_t i = 0; purpose && i < t->extended_key_usage.count; i++)
        if (strcmp(t->extended_key_usage.items[i], word) == 0)
            return true;
    for (size_t i = 0; !purpose && i < t->requested.count; i++)
        if (oid != NULL && strcmp(t->requested.items[i].oid, oid) == 0)
            return true;
    return false;
}

/* Every word is there; returns how many there are. */
static size_t check_words(struct arena *arena, const struct row *row, const struct template *t,
                          const char *words, bool purpose) {
    size_t count = 0;
    char *left = arena_strdup(arena, words), *word;
    while ((word = strsep(&left, " ")) != NULL && *word != '\0') {
        if (!has_word(arena, t, word, purpose))
            fail_msg("%s: no %s", row->starter, word);
        count++;
    }
    return count;
}

static void check(struct arena *arena, const struct row *row) {
    const struct template_starter *starter = starter_named(row->starter);
    const struct json *document;
    struct template t;
    struct error err = {0};
    if (starter == NULL)
        fail_msg("there is no starter %s", row->starter);
    assert_true(json_parse(arena, view_text(starter->document), &document, &err));
    assert_true(template_from_json(arena, document, &t, &err));
    if (t.key_usage != row->usage || !t.key_usage_critical)
        fail_msg("%s: key usage %x", row->starter, t.key_usage);
    if (row->purposes == NULL) {
        assert_int_equal(t.purposes_from, PURPOSE_REQUEST);
        assert_int_equal(t.extended_key_usage.count, 0);
    } else {
        assert_true(t.purposes_from == PURPOSE_TEMPLATE || t.purposes_from == PURPOSE_NEVER);
        assert_int_equal(check_words(arena, row, &t, row->purposes, true),
                         t.extended_key_usage.count);
        /* rfc6960#4.2.2.2: of a responder alone it is critical here. */
        assert_int_equal(t.purposes_critical, strcmp(row->purposes, "OCSPSigning") == 0);
    }
    check_words(arena, row, &t, row->extensions, false);
    assert_false(t.requested.refuse_others);
    if (t.max_days < row->days || t.issuer_end != ISSUER_END_CLAMP)
        fail_msg("%s: %lld days", row->starter, (long long)t.max_days);
    assert_true(t.basic.include && t.basic.ca == row->ca && t.basic.path_length == row->path_length);
    assert_true(t.subject.attributes.count == 1 && strcmp(t.subject.attributes.items[0], "*") == 0);
    assert_int_equal(t.crl, strcmp(row->starter, "authority-root") != 0);
}

static void every_use_case(void **state) {
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], 42);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        check(arena, &rows[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_use_case)};
    return cmocka_run_group_tests_name("profiles by use case", tests, NULL, NULL);
}
