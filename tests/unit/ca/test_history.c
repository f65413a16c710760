/* What a CA of others brings along: index.txt as it is found in the wild, lists and certificates with odd serial numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/encode.h"
#include "ca/authority_history.h"
#include "x509/crl.h"
#include "x509/name.h"

#include <cmocka.h> /* after ours: it has a macro fail() */
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND US_PER_SECOND
#define IN_2026 (INT64_C(1780272000) * SECOND) /* 260601000000Z */
#define LINE "V\t270101000000Z\t\t"            /* up to the serial number */
#define TAIL "\tunknown\t/CN=a"

static struct arena *arena;
static EVP_PKEY *key;
static X509 *authority;

static X509 *make(const char *subject, const X509 *issuer, struct view serial, int64_t not_after_us) {
    struct error err = {0};
    X509_NAME *name = NULL;
    X509 *made = NULL;
    assert_true(name_from_text(subject, &name, &err));
    keep_X509_NAME(arena, name);
    struct certificate_plan plan = {.serial = serial,
                                    .issuer = issuer,
                                    .subject = name,
                                    .public_key = key,
                                    .not_before_us = IN_2026,
                                    .not_after_us = not_after_us,
                                    .basic_constraints = true,
                                    .is_ca = issuer == NULL,
                                    .path_length = -1,
                                    .key_usage = issuer == NULL ? KU_KEY_CERT_SIGN | KU_CRL_SIGN : KU_DIGITAL_SIGNATURE};
    assert_true(certificate_build(&plan, &made, &err));
    assert_true(certificate_sign(made, key, EVP_sha256(), key, &err));
    return keep_X509(arena, made);
}

static int set_up(__attribute__((unused)) void **state) {
    arena = arena_new();
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    arena_defer(arena, drop_EVP_PKEY, key);
    authority = make("CN=Old", NULL, VIEW_LITERAL("\x01"), IN_2026 + 400 * US_PER_DAY);
    return 0;
}

static int tear_down(__attribute__((unused)) void **state) {
    arena_free(arena);
    return 0;
}

static struct past_list read_good(const struct ca_history *history) {
    struct past_list list;
    struct error err = {0};
    if (!history_read(arena, history, key, &list, &err))
        fail_msg("%s", err.message);
    return list;
}

static void refused(const struct ca_history *history, const char *type, const char *words) {
    struct past_list list;
    struct error err = {0};
    assert_false(history_read(arena, history, key, &list, &err));
    assert_string_equal(err.type, type);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static struct ca_history index_of(const char *text) {
    return (struct ca_history){.index = view_text(text)};
}

/* --- index.txt ------------------------------------------------------------------------------------------- */

static void good_lines(__attribute__((unused)) void **state) {
    static const struct {
        const char *line, *serial, *subject;
        bool revoked;
        int reason;
        int64_t not_after, revoked_at, invalid_at; /* seconds */
    } rows[] = {
        {"V\t270101000000Z\t\t01\tunknown\t/CN=a", "01", "/CN=a", false, 0, 1798761600, 0, 0},
        {"E\t200101000000Z\t\t01\tunknown\t/CN=a\r", "01", "/CN=a", false, 0, 1577836800, 0, 0},
        {"R\t270101000000Z\t260601000000Z\t01\tunknown\t/CN=a", "01", "/CN=a", true, 0, 1798761600, 1780272000, 0},
        {"R\t270101000000Z\t260601000000Z,keyCompromise\t01\tunknown\t", "01", "", true, 1, 1798761600, 1780272000, 0},
        {"R\t270101000000Z\t260601000000Z,CACompromise\t01\t\t", "01", "", true, 2, 1798761600, 1780272000, 0},
        {"R\t270101000000Z\t260601000000Z,unspecified\t01\t\t", "01", "", true, 0, 1798761600, 1780272000, 0},
        {"R\t270101000000Z\t260601000000Z,certificateHold\t01\t\t", "01", "", true, 6, 1798761600, 1780272000, 0},
        {"R\t270101000000Z\t260601000000Z,holdInstruction,holdInstructionReject\t01\t\t", "01", "", true, 6, 1798761600,
         1780272000, 0},
        {"R\t270101000000Z\t260601000000Z,keyTime,20260531000000Z\t01\t\t", "01", "", true, 1, 1798761600, 1780272000,
         1780185600},
        {"R\t270101000000Z\t260601000000Z,CAkeyTime,20260531000000Z\t01\t\t", "01", "", true, 2, 1798761600, 1780272000,
         1780185600},
        /* a revocation of the year 2999 is one; what it counts from is said when it is stored */
        {"R\t270101000000Z\t29990101000000Z\t01\t\t", "01", "", true, 0, 1798761600, 32472144000, 0},
        /* UTCTime through 2049, GeneralizedTime, and no well-defined expiration (rfc5280#4.1.2.5) */
        {"V\t491231235959Z\t\t01\t\t", "01", "", false, 0, 2524607999, 0, 0},
        {"V\t500101000000Z\t\t01\t\t", "01", "", false, 0, -631152000, 0, 0},
        {"V\t20500101000000Z\t\t01\t\t", "01", "", false, 0, 2524608000, 0, 0},
        {"V\t99991231235959Z\t\t01\t\t", "01", "", false, 0, 253402300799, 0, 0},
        /* serial numbers, as they stand in DER then */
        {LINE "00" TAIL, "00", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "0" TAIL, "00", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "7F" TAIL, "7f", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "80" TAIL, "0080", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "0080" TAIL, "0080", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "000001" TAIL, "01", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "abc" TAIL, "0abc", "/CN=a", false, 0, 1798761600, 0, 0},
        {LINE "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" TAIL, "7fffffffffffffffffffffffffffffffffffffff", "/CN=a", false, 0,
         1798761600, 0, 0},
        {LINE "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" TAIL, "00ffffffffffffffffffffffffffffffffffffff", "/CN=a", false, 0,
         1798761600, 0, 0},
        /* subjects: tabs behind a backslash, UTF-8, and what is none is left out */
        {LINE "01\tunknown\t/CN=a\\\tb", "01", "/CN=a\tb", false, 0, 1798761600, 0, 0},
        {LINE "01\tunknown\t/CN=a\\b\\", "01", "/CN=a\\b\\", false, 0, 1798761600, 0, 0},
        {LINE "01\tunknown\t/CN=J\xc3\xbcrgen", "01", "/CN=J\xc3\xbcrgen", false, 0, 1798761600, 0, 0},
        {LINE "01\tunknown\t/CN=J\xfcrgen", "01", "", false, 0, 1798761600, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ca_history history = index_of(rows[i].line);
        struct past_list list = read_good(&history);
        assert_int_equal(list.count, 1);
        const struct past *past = &list.items[0];
        assert_string_equal(hex_encode(arena, past->serial), rows[i].serial);
        assert_string_equal(past->subject, rows[i].subject);
        assert_int_equal(past->revoked, rows[i].revoked);
        assert_int_equal(past->reason, rows[i].reason);
        assert_int_equal(past->not_after_us, rows[i].not_after * SECOND);
        assert_int_equal(past->revoked_us, rows[i].revoked_at * SECOND);
        assert_int_equal(past->invalidity_us, rows[i].invalid_at * SECOND);
    }
}

static void bad_lines(__attribute__((unused)) void **state) {
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"V", "six fields"},
        {"V\t270101000000Z\t\t01\tunknown", "six fields"},
        {"V\t270101000000Z\t\t01\tunknown\t/CN=a\tb", "six fields"},
        {"V 270101000000Z  01 unknown /CN=a", "six fields"},
        {"V\t270101000000Z\t\t01\tunknown\\\t/CN=a", "six fields"},
        {"X\t270101000000Z\t\t01\tunknown\t/CN=a", "none of V, R and E"},
        {"\t270101000000Z\t\t01\tunknown\t/CN=a", "none of V, R and E"},
        {"VR\t270101000000Z\t\t01\tunknown\t/CN=a", "none of V, R and E"},
        {"v\t270101000000Z\t\t01\tunknown\t/CN=a", "none of V, R and E"},
        {"V\t\t\t01\tunknown\t/CN=a", "the end is no time"},
        {"V\t271301000000Z\t\t01\tunknown\t/CN=a", "the end is no time"},
        {"V\t270230000000Z\t\t01\tunknown\t/CN=a", "the end is no time"},
        {"V\t2027-01-01\t\t01\tunknown\t/CN=a", "the end is no time"},
        {"R\t270101000000Z\t\t01\tunknown\t/CN=a", "time of revocation is none"},
        {"R\t270101000000Z\tnever\t01\tunknown\t/CN=a", "time of revocation is none"},
        {"R\t270101000000Z\t,keyCompromise\t01\tunknown\t/CN=a", "time of revocation is none"},
        {"R\t270101000000Z\t260601000000Z,\t01\tunknown\t/CN=a", "reason of revocation is not known"},
        {"R\t270101000000Z\t260601000000Z,boredom\t01\tunknown\t/CN=a", "reason of revocation is not known"},
        {"R\t270101000000Z\t260601000000Z,removeFromCRL\t01\tunknown\t/CN=a", "reason of revocation is not known"},
        {"R\t270101000000Z\t260601000000Z,keyTime,soon\t01\tunknown\t/CN=a", "reason of revocation is not known"},
        {"V\t270101000000Z\t260601000000Z\t01\tunknown\t/CN=a", "the state is not R"},
        {"E\t270101000000Z\t260601000000Z,keyCompromise\t01\tunknown\t/CN=a", "the state is not R"},
        {LINE TAIL, "1 to 20 octets"},
        {LINE "xyz" TAIL, "1 to 20 octets"},
        {LINE "-01" TAIL, "1 to 20 octets"},
        {LINE "0x01" TAIL, "1 to 20 octets"},
        {LINE "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" TAIL, "1 to 20 octets"},   /* 21 octets with its zero */
        {LINE "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" TAIL, "1 to 20 octets"}, /* 21 octets */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ca_history history = index_of(arena_printf(arena, "# remark\n" LINE "02" TAIL "\r\n\r\n%s\n", rows[i].line));
        refused(&history, "malformed-index", rows[i].words);
        refused(&history, "malformed-index", "line 4:");
    }
}

/* The same serial number on several lines, in either order. */
static void lines_of_one_serial(__attribute__((unused)) void **state) {
    static const struct {
        const char *one, *two;
        bool revoked;
        int reason;
        int64_t revoked_at;
    } rows[] = {
        {"V\t270101000000Z\t", "V\t270101000000Z\t", false, 0, 0},
        {"V\t270101000000Z\t", "R\t270101000000Z\t260601000000Z,superseded", true, 4, 1780272000},
        {"R\t270101000000Z\t260601000000Z,certificateHold", "R\t270101000000Z\t260602000000Z,superseded", true, 4, 1780358400},
        {"R\t270101000000Z\t260601000000Z", "R\t270101000000Z\t260602000000Z,superseded", true, 4, 1780358400},
        {"R\t270101000000Z\t260602000000Z,superseded", "R\t270101000000Z\t260601000000Z,keyCompromise", true, 1, 1780272000},
        {"R\t270101000000Z\t260602000000Z", "R\t270101000000Z\t260601000000Z", true, 0, 1780272000},
    };
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        const char *one = rows[i / 2].one, *two = rows[i / 2].two;
        struct ca_history history =
            index_of(arena_printf(arena, "%s\t0A\tunknown\t\n%s\t0a\tunknown\t/CN=a\n", i % 2 ? one : two, i % 2 ? two : one));
        struct past_list list = read_good(&history);
        assert_int_equal(list.count, 1);
        assert_string_equal(list.items[0].subject, "/CN=a");
        assert_int_equal(list.items[0].revoked, rows[i / 2].revoked);
        assert_int_equal(list.items[0].reason, rows[i / 2].reason);
        assert_int_equal(list.items[0].revoked_us, rows[i / 2].revoked_at * SECOND);
    }
}

/* All of a large index is read, in whatever order; more than a million lines are refused. */
static void many_lines(__attribute__((unused)) void **state) {
    SCOPED_ARENA struct arena *own = arena_new();
    struct buffer text = buffer_on(own);
    struct past_list list;
    struct error err = {0};
    const unsigned count = 50000;
    for (unsigned i = count; i > 0; i--)
        buffer_add_text(&text, arena_printf(own, LINE "%08X" TAIL "%s\n", i, i % 2 ? "" : "\r"));
    struct ca_history history = {.index = view_text(buffer_text(&text))};
    assert_true(history_read(own, &history, key, &list, &err));
    assert_int_equal(list.count, count);
    for (unsigned i = 1; i < count; i++)
        assert_true(list.items[i - 1].serial.len < list.items[i].serial.len ||
                    memcmp(list.items[i - 1].serial.at, list.items[i].serial.at, list.items[i].serial.len) < 0);
}

/* --- lists and certificates ------------------------------------------------------------------------------ */

static struct view list_with(const struct crl_entry *entries, size_t count) {
    struct error err = {0};
    struct view der;
    struct crl_plan plan = {.issuer = authority, .number = 42, .this_update_us = IN_2026, .next_update_us = IN_2026 + US_PER_DAY,
                            .entries = entries, .entry_count = count};
    if (!crl_build(arena, &plan, key, EVP_sha256(), &der, &err))
        fail_msg("%s", err.message);
    return der;
}

/* Replaces octets of the list's body and signs it again: what our own writer would not write. */
static struct view altered(struct view der, struct view from, struct view to) {
    const unsigned char *next = der.at;
    uint8_t *copy = (uint8_t *)(uintptr_t)arena_copy(arena, der.at, der.len).at;
    uint8_t *at = memmem(copy, der.len, from.at, from.len);
    unsigned char *out = NULL;
    assert_int_equal(from.len, to.len);
    assert_non_null(at);
    memcpy(at, to.at, to.len);
    next = copy;
    AUTO(X509_CRL) *list = d2i_X509_CRL(NULL, &next, (long)der.len);
    assert_non_null(list);
    assert_true(X509_CRL_sign(list, key, EVP_sha256()) > 0); /* encodes anew what is in it */
    int len = i2d_X509_CRL(list, &out);
    assert_true(len > 0);
    struct view signed_again = arena_copy(arena, out, (size_t)len);
    OPENSSL_free(out);
    return signed_again;
}

static void serials_of_lists(__attribute__((unused)) void **state) {
    static const uint8_t longest[20] = {0x7f, 1}, high[] = {0x00, 0x80};
    struct crl_entry entries[] = {{VIEW_LITERAL("\x00"), IN_2026, REASON_SUPERSEDED, 0},
                                  {VIEW_LITERAL("\x7f"), IN_2026, REASON_KEY_COMPROMISE, 0},
                                  {view_of(high, 2), IN_2026, REASON_CERTIFICATE_HOLD, 0},
                                  {view_of(longest, 20), IN_2026, REASON_UNSPECIFIED, IN_2026 - SECOND}};
    struct ca_history history = {.crl = list_with(entries, COUNT(entries))};
    struct past_list list = read_good(&history);
    assert_int_equal(list.count, COUNT(entries));
    assert_int_equal(list.crl_number, 42);
    for (size_t i = 0; i < COUNT(entries); i++) {
        assert_true(view_equal(list.items[i].serial, entries[i].serial));
        assert_true(list.items[i].revoked);
        assert_int_equal(list.items[i].reason, entries[i].reason);
        assert_int_equal(list.items[i].invalidity_us, entries[i].invalidity_us);
    }
}

static void odd_lists(__attribute__((unused)) void **state) {
    static const uint8_t serial[] = {0x11, 0x22, 0x33};
    struct crl_entry entry = {view_of(serial, 3), IN_2026, REASON_SUPERSEDED, 0};
    struct view good = list_with(&entry, 1);
    /* A negative number: its octets are those of another certificate's. */
    struct ca_history history = {.crl = altered(good, VIEW_LITERAL("\x02\x03\x11\x22\x33"),
                                                VIEW_LITERAL("\x02\x03\x91\x22\x33"))};
    refused(&history, "crl", "negative");
    /* removeFromCRL belongs into deltas: the certificate is not revoked. */
    history.crl = altered(good, VIEW_LITERAL("\x0a\x01\x04"), VIEW_LITERAL("\x0a\x01\x08"));
    struct past_list list = read_good(&history);
    assert_int_equal(list.count, 1);
    assert_false(list.items[0].revoked);
    /* A reason that does not exist (7), one that the index knows better, a list of another CA, half a list. */
    history.crl = altered(good, VIEW_LITERAL("\x0a\x01\x04"), VIEW_LITERAL("\x0a\x01\x07"));
    refused(&history, "crl", "reason");
    history = (struct ca_history){.crl = good, .index = view_text("V\t270101000000Z\t\t112233\tunknown\t/CN=a\n")};
    list = read_good(&history);
    assert_int_equal(list.count, 1);
    assert_true(list.items[0].revoked);
    assert_int_equal(list.items[0].not_after_us, INT64_C(1798761600) * SECOND);
    history = (struct ca_history){.crl = view_of(good.at, good.len - 1)};
    refused(&history, "crl", "DER");
    EVP_PKEY *ours = key;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    history.crl = good;
    refused(&history, "not-from-ca", "not signed");
    EVP_PKEY_free(key);
    key = ours;
}

static struct view pem_of(X509 *certificate) {
    return view_text(pem_encode(arena, "CERTIFICATE", certificate_der(arena, certificate)));
}

static void certificates_with_odd_serials(__attribute__((unused)) void **state) {
    static const struct {
        const char *serial; /* of the certificate, as a number */
        const char *stored, *words;
    } rows[] = {
        {"1", "01", NULL},
        {"0", "00", NULL},
        {"80", "0080", NULL},
        {"7fffffffffffffffffffffffffffffffffffffff", "7fffffffffffffffffffffffffffffffffffffff", NULL},
        {"8fffffffffffffffffffffffffffffffffffffff", NULL, "more than 20 octets"},
        {"01ffffffffffffffffffffffffffffffffffffffff", NULL, "more than 20 octets"},
        {"-1", NULL, "negative"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        BIGNUM *number = NULL;
        X509 *leaf = make("CN=leaf", authority, VIEW_LITERAL("\x02"), INT64_C(253402300799) * SECOND);
        assert_true(BN_hex2bn(&number, rows[i].serial) > 0);
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf));
        BN_free(number);
        assert_true(X509_sign(leaf, key, EVP_sha256()) > 0);
        struct ca_history history = {.certificates = pem_of(leaf)};
        if (rows[i].words != NULL) {
            refused(&history, "malformed-certificate", rows[i].words);
            continue;
        }
        struct past_list list = read_good(&history);
        assert_int_equal(list.count, 1);
        assert_string_equal(hex_encode(arena, list.items[0].serial), rows[i].stored);
        assert_int_equal(list.items[0].not_after_us, INT64_C(253402300799) * SECOND);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),       cmocka_unit_test(bad_lines), cmocka_unit_test(lines_of_one_serial),
        cmocka_unit_test(many_lines),       cmocka_unit_test(serials_of_lists),
        cmocka_unit_test(odd_lists),        cmocka_unit_test(certificates_with_odd_serials),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
