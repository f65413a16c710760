/* Messages of SCEP: read, opened, answered; and everything that is none. */
#include "client.h"

#include "base/clock.h"
#include "scep/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct scep_device ra, phone;
static struct arena *arena;
static struct error err;

static int set_up(void **state) {
    (void)state;
    arena = arena_new();
    ra = device_new("RSA", "RA");
    phone = device_new("RSA", "phone");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    device_free(&ra);
    device_free(&phone);
    arena_free(arena);
    return 0;
}

static struct scep_wish wish(struct view content) {
    return (struct scep_wish){
        .type = 19, .transaction = "tid-1", .content = content, .recipient = ra.certificate};
}

static struct view csr(const char *challenge) {
    return device_csr(arena, phone.key, "phone", "phone.example.test", challenge);
}

static bool opens(const struct scep_message *message, struct view *ret) {
    struct scep_recipient recipient = {ra.certificate, ra.key};
    return scep_message_open(arena, message, &recipient, 1, ret, &err);
}

static void round_trip(void **state) {
    const EVP_CIPHER *ciphers[] = {EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc(),
                                   EVP_des_ede3_cbc()};
    const EVP_MD *digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha1()};
    (void)state;
    struct view request = csr("secret");
    for (size_t i = 0; i < 4; i++) {
        struct scep_wish w = wish(request);
        struct scep_message message;
        struct view content;
        w.cipher = ciphers[i];
        w.digest = digests[i];
        assert_true(scep_message_decode(arena, device_message(arena, &phone, &w), &message, &err));
        assert_int_equal(message.type, SCEP_PKCS_REQ);
        assert_string_equal(message.transaction, "tid-1");
        assert_int_equal(message.sender_nonce.len, 16);
        assert_int_equal(message.cipher, EVP_CIPHER_get_nid(ciphers[i]));
        assert_int_equal(message.digest, EVP_MD_get_type(digests[i]));
        assert_int_equal(scep_message_algorithms(&message, false, &err), i < 3);
        assert_true(scep_message_algorithms(&message, true, &err));
        assert_true(opens(&message, &content));
        assert_true(view_equal(content, request));
    }
}

static struct view changed(struct view bytes, size_t at) {
    struct view copy = arena_copy(arena, bytes.at, bytes.len);
    ((uint8_t *)(uintptr_t)copy.at)[at] ^= 1;
    return copy;
}

static void none(void **state) {
    struct scep_message message;
    struct scep_wish w = wish(csr("x"));
    struct view good = device_message(arena, &phone, &w), envelope = device_seal(arena, &w);
    struct scep_wish no_transaction = w, no_nonce = w, unknown = w, empty = w, odd = w;
    char *longest = arena_alloc(arena, 300);
    memset(longest, 'a', 256);
    no_transaction.transaction = NULL;
    no_nonce.no_nonce = true;
    unknown.type = 18;
    empty.transaction = longest;
    odd.transaction = "line\nbreak";
    uint8_t *trailing = arena_alloc(arena, good.len + 1);
    memcpy(trailing, good.at, good.len);
    uint8_t deep[4096]; /* nested sequences without end */
    for (size_t i = 0; i < sizeof deep; i += 2) {
        deep[i] = 0x30;
        deep[i + 1] = 0x80;
    }
    const struct view rows[] = {
        view_of("", 0),
        view_of("\0", 1),
        VIEW_LITERAL("GET / HTTP/1.1"),
        view_of(good.at, good.len / 2),
        view_of(trailing, good.len + 1),
        view_of(deep, sizeof deep),
        envelope,
        changed(good, good.len - 1), /* the signature */
        changed(good, 120), /* what is signed; the certificates are not */
        device_message(arena, &phone, &no_transaction),
        device_message(arena, &phone, &no_nonce),
        device_message(arena, &phone, &unknown),
        device_message(arena, &phone, &empty),
        device_message(arena, &phone, &odd),
        device_sign(arena, &phone, &w, view_of("", 0)),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        err = (struct error){0};
        if (scep_message_decode(arena, rows[i], &message, &err))
            fail_msg("row %zu was taken", i);
        assert_string_equal(err.type, "scep-message");
        assert_int_equal(err.kind, ERROR_MALFORMED);
    }
    struct view huge = {arena_alloc(arena, SCEP_MESSAGE_MAX + 1), SCEP_MESSAGE_MAX + 1};
    assert_false(scep_message_decode(arena, huge, &message, &err));
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
}

/* One answer for whatever is wrong inside the envelope: kind, type and text. tests/bench/scep
 * measures how long it takes. */
static void no_oracle(void **state) {
    struct scep_device other = device_new("RSA", "other");
    struct scep_wish w = wish(csr("x")), wrong = w;
    struct scep_message message;
    struct view content, envelope = device_seal(arena, &w);
    const char *first = NULL;
    wrong.recipient = other.certificate;
    /* The encrypted key is the last OCTET STRING before the content; the content ends the message. */
    size_t in_key = 0;
    for (size_t i = 0; i + 4 + 256 < envelope.len && in_key == 0; i++)
        if (memcmp(envelope.at + i, "\x04\x82\x01\x00", 4) == 0)
            in_key = i + 4 + 100;
    assert_true(in_key > 0);
    const struct view rows[] = {device_seal(arena, &wrong), changed(envelope, in_key),
                                changed(envelope, envelope.len - 1),
                                changed(envelope, envelope.len - 17)};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(
            scep_message_decode(arena, device_sign(arena, &phone, &w, rows[i]), &message, &err));
        err = (struct error){0};
        /* The last row's padding may come out right by chance: then there is no CSR in it. */
        if (opens(&message, &content)) {
            const unsigned char *at = content.at;
            X509_REQ *parsed = d2i_X509_REQ(NULL, &at, (long)content.len);
            assert_false(parsed != NULL && X509_REQ_verify(parsed, phone.key) == 1);
            X509_REQ_free(parsed);
            scep_envelope_error(&err);
        }
        assert_string_equal(err.type, "scep-envelope");
        if (first == NULL)
            first = arena_strdup(arena, err.message);
        assert_string_equal(err.message, first);
    }
    device_free(&other);
}

static struct scep_message decoded(const struct scep_device *device, struct view content) {
    struct scep_wish w = wish(content);
    struct scep_message message;
    static const uint8_t nonce[16] = "0123456789abcdef";
    w.nonce = nonce;
    assert_true(scep_message_decode(arena, device_message(arena, device, &w), &message, &err));
    return message;
}

static struct view der_of(X509 *certificate) {
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

static void answers(void **state) {
    struct scep_device tablet = device_new("EC", "tablet");
    const struct scep_device *devices[] = {&phone, &tablet};
    struct scep_recipient signer = {ra.certificate, ra.key};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct scep_message message = decoded(devices[i], csr("x"));
        struct view der, certificate = der_of(phone.certificate);
        struct scep_answer answer;
        struct scep_reply reply = {
            .to = &message, .certificates = &certificate, .certificate_count = 1};
        assert_true(scep_reply_build(arena, &reply, &signer, &der, &err));
        assert_true(device_read(arena, devices[i], ra.certificate, der, &answer));
        assert_int_equal(answer.status, 0);
        assert_string_equal(answer.transaction, "tid-1");
        assert_true(view_is(answer.recipient_nonce, "0123456789abcdef"));
        assert_int_equal(sk_X509_num(answer.certificates), 1);
        assert_int_equal(X509_cmp(sk_X509_value(answer.certificates, 0), phone.certificate), 0);
        answer_free(&answer);
        reply = (struct scep_reply){.to = &message,
                                    .status = SCEP_FAILURE,
                                    .fail = SCEP_BAD_REQUEST,
                                    .fail_text = "nicht erw\xc3\xbcnscht"};
        assert_true(scep_reply_build(arena, &reply, &signer, &der, &err));
        assert_true(device_read(arena, devices[i], ra.certificate, der, &answer));
        assert_int_equal(answer.status, 2);
        assert_int_equal(answer.fail, 2);
        assert_string_equal(answer.text, "nicht erw\xc3\xbcnscht");
        reply = (struct scep_reply){.to = &message, .status = SCEP_PENDING};
        assert_true(scep_reply_build(arena, &reply, &signer, &der, &err));
        assert_true(device_read(arena, devices[i], ra.certificate, der, &answer));
        assert_int_equal(answer.status, 3);
    }
    device_free(&tablet);
}

static void small_contents(void **state) {
    struct scep_subject subject;
    const X509_NAME *name = X509_get_subject_name(phone.certificate);
    struct view both = issuer_and_subject(arena, name, name);
    struct view serial = issuer_and_serial(arena, name, X509_get0_serialNumber(phone.certificate));
    (void)state;
    assert_true(scep_issuer_and_subject(arena, both, &subject, &err));
    assert_int_equal(X509_NAME_cmp(subject.subject, name), 0);
    assert_true(scep_issuer_and_serial(arena, serial, &subject, &err));
    assert_int_equal(subject.serial.len, 1);
    assert_false(scep_issuer_and_subject(arena, serial, &subject, &err));
    assert_false(scep_issuer_and_serial(arena, both, &subject, &err));
    assert_false(scep_issuer_and_serial(arena, view_of(serial.at, serial.len - 1), &subject, &err));
    assert_false(scep_issuer_and_subject(arena, view_of("", 0), &subject, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(none),           cmocka_unit_test(no_oracle),
        cmocka_unit_test(answers),    cmocka_unit_test(small_contents),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
