/* Which certificates from elsewhere get in: paths, dates, roles, revocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "ca/anchors.h"
#include "x509/crl.h"
#include "x509/name.h"

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW INT64_C(1780000000000000) /* in 2026 */

struct made {
    X509 *certificate;
    EVP_PKEY *key;
    struct view der;
};

static struct arena *arena;
/* The maker's root and its sub CA, a stranger's root; devices of the sub CA. */
static struct made root, sub, stranger, good, revoked, expired, encryption, orphan, ra;

static struct made make(const char *subject, const struct made *issuer, bool is_ca, unsigned usage,
                        int64_t not_after_us) {
    static unsigned char serial = 1;
    struct error err = {0};
    X509_NAME *name = NULL;
    struct made made = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")};
    unsigned char *number = arena_alloc(arena, 1);
    *number = serial++;
    arena_defer(arena, drop_EVP_PKEY, made.key);
    assert_true(name_from_text(subject, &name, &err));
    keep_X509_NAME(arena, name);
    struct certificate_plan plan = {.serial = view_of(number, 1),
                                    .issuer = issuer == NULL ? NULL : issuer->certificate,
                                    .subject = name,
                                    .public_key = made.key,
                                    .not_before_us = NOW - US_PER_DAY,
                                    .not_after_us = not_after_us,
                                    .basic_constraints = true,
                                    .is_ca = is_ca,
                                    .path_length = -1,
                                    .key_usage = usage};
    EVP_PKEY *signer = issuer == NULL ? made.key : issuer->key;
    assert_true(certificate_build(&plan, &made.certificate, &err));
    assert_true(certificate_sign(made.certificate, signer, EVP_sha256(), signer, &err));
    keep_X509(arena, made.certificate);
    made.der = certificate_der(arena, made.certificate);
    return made;
}

static int set_up(__attribute__((unused)) void **state) {
    const unsigned ca = KU_KEY_CERT_SIGN | KU_CRL_SIGN, later = 30;
    int64_t end = NOW + later * US_PER_DAY;
    arena = arena_new();
    root = make("CN=Maker Root", NULL, true, ca, end);
    sub = make("CN=Maker Sub", &root, true, ca, end);
    stranger = make("CN=Stranger", NULL, true, ca, end);
    good = make("serialNumber=1,CN=device", &sub, false, KU_DIGITAL_SIGNATURE, end);
    revoked = make("serialNumber=2,CN=device", &sub, false, KU_DIGITAL_SIGNATURE, end);
    expired = make("serialNumber=3,CN=device", &sub, false, KU_DIGITAL_SIGNATURE, NOW - US_PER_SECOND);
    encryption = make("serialNumber=4,CN=device", &sub, false, KU_KEY_AGREEMENT, end);
    orphan = make("serialNumber=5,CN=device", &stranger, false, KU_DIGITAL_SIGNATURE, end);
    ra = make("CN=Registration", &stranger, false, KU_DIGITAL_SIGNATURE, end);
    return 0;
}

static int tear_down(__attribute__((unused)) void **state) {
    arena_free(arena);
    return 0;
}

static struct anchor_record anchor_of(const struct made *made, enum anchor_role role,
                                      enum anchor_crl_check check) {
    struct anchor_record anchor = {
        .id = uuid_new(), .role = role, .name = "anchor", .crl_check = check, .certificate = made->der};
    assert_int_equal(EVP_Digest(made->der.at, made->der.len, anchor.fingerprint_sha256, NULL, EVP_sha256(),
                                NULL),
                     1);
    return anchor;
}

static struct anchor_crl_record crl_of(const struct made *issuer, const struct made *of, int64_t next_us,
                                       const struct made *signer) {
    struct error err = {0};
    struct anchor_crl_record record = {0};
    struct certificate_facts facts;
    struct crl_entry entry = {.revoked_us = NOW - US_PER_SECOND, .reason = REASON_KEY_COMPROMISE};
    if (of != NULL) {
        assert_true(certificate_read(arena, of->certificate, &facts, &err));
        entry.serial = facts.serial_bytes;
    }
    struct crl_plan plan = {.issuer = issuer->certificate,
                            .number = 1,
                            .this_update_us = NOW - US_PER_DAY / 2,
                            .next_update_us = next_us,
                            .entries = &entry,
                            .entry_count = of != NULL ? 1 : 0};
    if (signer == issuer) {
        assert_true(crl_build(arena, &plan, issuer->key, EVP_sha256(), &record.der, &err));
        return record;
    }
    struct made forger = {.certificate = signer->certificate, .key = signer->key};
    plan.issuer = forger.certificate;
    assert_true(crl_build(arena, &plan, forger.key, EVP_sha256(), &record.der, &err));
    return record;
}

enum crls { NO_CRL, FRESH, OLD };

struct row {
    const char *name;
    const struct made *anchor;
    enum anchor_role role;
    enum anchor_crl_check check;
    enum crls crls;
    const struct made *client;
    bool with_chain;
    const char *problem; /* NULL: gets in */
};

static const struct row rows[] = {
    {"below the root, with its chain", &root, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &good, true, NULL},
    {"without the chain", &root, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &good, false,
     "untrusted-certificate"},
    {"the sub CA as the anchor", &sub, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &good, false, NULL},
    {"of another root", &root, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &orphan, true,
     "untrusted-certificate"},
    {"expired", &sub, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &expired, false, "untrusted-certificate"},
    {"not for signatures", &sub, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &encryption, false,
     "untrusted-certificate"},
    {"the anchor itself is no device", &sub, ANCHOR_DEVICE, ANCHOR_CRL_NONE, NO_CRL, &sub, false,
     "untrusted-certificate"},
    {"a pinned RA", &ra, ANCHOR_RA, ANCHOR_CRL_REQUIRED, NO_CRL, &ra, false, NULL},
    {"another under the RA's CA", &ra, ANCHOR_RA, ANCHOR_CRL_NONE, NO_CRL, &orphan, false,
     "untrusted-certificate"},
    {"CRL if there, none", &sub, ANCHOR_DEVICE, ANCHOR_CRL_IF_THERE, NO_CRL, &revoked, false, NULL},
    {"CRL if there, revoked", &sub, ANCHOR_DEVICE, ANCHOR_CRL_IF_THERE, FRESH, &revoked, false,
     "revoked-certificate"},
    {"CRL if there, good", &sub, ANCHOR_DEVICE, ANCHOR_CRL_IF_THERE, FRESH, &good, false, NULL},
    {"an old CRL still tells", &sub, ANCHOR_DEVICE, ANCHOR_CRL_IF_THERE, OLD, &revoked, false,
     "revoked-certificate"},
    {"an old CRL, good", &sub, ANCHOR_DEVICE, ANCHOR_CRL_IF_THERE, OLD, &good, false, NULL},
    {"required, none", &sub, ANCHOR_DEVICE, ANCHOR_CRL_REQUIRED, NO_CRL, &good, false, "no-crl"},
    {"required, old", &sub, ANCHOR_DEVICE, ANCHOR_CRL_REQUIRED, OLD, &good, false, "no-crl"},
    {"required, good", &sub, ANCHOR_DEVICE, ANCHOR_CRL_REQUIRED, FRESH, &good, false, NULL},
    {"required, revoked", &sub, ANCHOR_DEVICE, ANCHOR_CRL_REQUIRED, FRESH, &revoked, false,
     "revoked-certificate"},
    {"required of every issuer", &root, ANCHOR_DEVICE, ANCHOR_CRL_REQUIRED, FRESH, &good, true, "no-crl"},
    {"no look at the CRL", &sub, ANCHOR_DEVICE, ANCHOR_CRL_NONE, FRESH, &revoked, false, NULL},
};

static void check_row(const struct row *row) {
    struct error err = {0};
    struct anchored found = {0};
    struct anchor_record anchor = anchor_of(row->anchor, row->role, row->check);
    struct anchor_crl_record crl = {0};
    if (row->crls != NO_CRL)
        crl = crl_of(&sub, &revoked, row->crls == OLD ? NOW - US_PER_SECOND : NOW + US_PER_DAY, &sub);
    struct anchor_set set = {&anchor, 1, &crl, row->crls == NO_CRL ? 0 : 1};
    bool in = anchors_check(arena, &set, row->client->der, &sub.der, row->with_chain ? 1 : 0, NOW, &found,
                            &err);
    if (in != (row->problem == NULL) || (!in && strcmp(err.type, row->problem) != 0))
        fail_msg("%s: %s %s %s", row->name, in ? "got in" : err.type, err.message, err.detail);
    if (in)
        assert_true(found.role == row->role && uuid_equal(found.anchor_id, anchor.id) &&
                    found.certificate != NULL);
    else
        assert_int_equal(err.kind, ERROR_UNAUTHENTICATED);
}

static void test_rows(__attribute__((unused)) void **state) {
    for (size_t i = 0; i < COUNT(rows); i++)
        check_row(&rows[i]);
}

/* A CRL that somebody else signed revokes nothing and satisfies no requirement. */
static void test_forged_crl(__attribute__((unused)) void **state) {
    struct error err = {0};
    struct anchored found;
    struct made forger = make("CN=Maker Sub", NULL, true, KU_KEY_CERT_SIGN | KU_CRL_SIGN,
                              NOW + US_PER_DAY);
    struct anchor_crl_record crl = crl_of(&sub, &good, NOW + US_PER_DAY, &forger);
    struct anchor_record anchor = anchor_of(&sub, ANCHOR_DEVICE, ANCHOR_CRL_REQUIRED);
    struct anchor_set set = {&anchor, 1, &crl, 1};
    assert_false(anchors_check(arena, &set, good.der, NULL, 0, NOW, &found, &err));
    assert_string_equal(err.type, "no-crl");
    anchor.id = uuid_new();
    struct anchor_crl_record read;
    err = (struct error){0};
    assert_false(anchor_crl_read(arena, &anchor, crl.der, &read, &err));
    assert_string_equal(err.type, "crl-signature");
}

/* An RA that is trusted by itself, though its CA is trusted for devices, too. */
static void test_pinned_below_another(__attribute__((unused)) void **state) {
    struct error err = {0};
    struct anchored found;
    const struct anchor_record anchors[] = {anchor_of(&stranger, ANCHOR_DEVICE, ANCHOR_CRL_NONE),
                                            anchor_of(&ra, ANCHOR_RA, ANCHOR_CRL_NONE)};
    struct anchor_set set = {anchors, 2, NULL, 0};
    assert_true(anchors_check(arena, &set, ra.der, NULL, 0, NOW, &found, &err));
    assert_int_equal(found.role, ANCHOR_RA);
    assert_true(anchors_check(arena, &set, orphan.der, NULL, 0, NOW, &found, &err));
    assert_int_equal(found.role, ANCHOR_DEVICE);
}

static void test_hostile(__attribute__((unused)) void **state) {
    static const struct {
        const char *name;
        struct view certificate;
    } hostile[] = {{"empty", {NULL, 0}},
                   {"text", VIEW_LITERAL("certificate")},
                   {"a sequence", VIEW_LITERAL("\x30\x00")},
                   {"a length that lies", VIEW_LITERAL("\x30\x84\xff\xff\xff\xff")}};
    struct anchor_record anchor = anchor_of(&sub, ANCHOR_DEVICE, ANCHOR_CRL_NONE);
    struct anchor_set set = {&anchor, 1, NULL, 0}, none = {0};
    struct anchored found;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct error err = {0};
        if (anchors_check(arena, &set, hostile[i].certificate, NULL, 0, NOW, &found, &err))
            fail_msg("%s got in", hostile[i].name);
        err = (struct error){0};
        assert_true(anchors_check(arena, &set, good.der, &hostile[i].certificate, 1, NOW, &found, &err));
    }
    struct error err = {0};
    assert_false(anchors_check(arena, &none, good.der, NULL, 0, NOW, &found, &err));
    assert_string_equal(err.type, "untrusted-certificate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_forged_crl),
        cmocka_unit_test(test_pinned_below_another),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
