/* Messages of SCEP: read, opened, answered; and everything that is none. */
#include "client.h"

#include "base/clock.h"
#include "scep/message.h"

#include <openssl/err.h>
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

/* One answer for whatever is wrong inside the envelope: kind, type and text. tests/bench/scep_open.c measures the
 * work. */
static size_t encrypted_key_of(struct view envelope) {
    /* The encrypted key is the last OCTET STRING before the content; the content ends the message. */
    for (size_t i = 0; i + 4 + 256 < envelope.len; i++)
        if (memcmp(envelope.at + i, "\x04\x82\x01\x00", 4) == 0)
            return i + 4;
    fail_msg("no encrypted key");
    return 0;
}

static struct view sealed(struct view content) {
    struct scep_wish w = wish(content);
    return device_seal(arena, &w);
}

/* With a key algorithm nobody knows: the last octet of id-rsaEncryption is another. */
static struct view unknown_key(struct view request) {
    for (size_t i = 0; i + 9 < request.len; i++)
        if (memcmp(request.at + i, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9) == 0) {
            struct view copy = arena_copy(arena, request.at, request.len);
            ((uint8_t *)(uintptr_t)copy.at)[i + 8] = 0x77;
            return copy;
        }
    fail_msg("no key algorithm");
    return request;
}

static bool opens_csr(struct view envelope, bool self, X509_REQ **ret, struct view *ret_der) {
    struct scep_recipient recipient = {ra.certificate, ra.key};
    struct scep_wish w = wish(view_of("", 0));
    struct scep_message message;
    assert_true(scep_message_decode(arena, device_sign(arena, &phone, &w, envelope), &message, &err));
    err = (struct error){0};
    return scep_message_open_csr(arena, &message, &recipient, 1, self, ret, ret_der, &err);
}

static void no_oracle(void **state) {
    struct scep_device other = device_new("RSA", "other");
    struct view good = csr("x"), envelope = sealed(good), der;
    struct scep_wish wrong = wish(good);
    X509_REQ *request = NULL;
    const char *first = NULL;
    wrong.recipient = other.certificate;
    struct view foreign = device_csr(arena, other.key, "other", NULL, "x");
    struct view longer = view_of(arena_alloc(arena, good.len + 1), good.len + 1);
    memcpy((uint8_t *)(uintptr_t)longer.at, good.at, good.len);
    const struct {
        const char *what;
        struct view envelope;
        bool any_signer; /* wrong for a signer with another key, too */
    } rows[] = {
        {"another recipient", device_seal(arena, &wrong), true},
        {"RSA padding", changed(envelope, encrypted_key_of(envelope) + 100), true},
        {"the last block", changed(envelope, envelope.len - 1), true},
        {"padding of the last block", changed(envelope, envelope.len - 17), true},
        {"a block of the signature", changed(envelope, envelope.len - 100), true},
        {"the first block", changed(envelope, encrypted_key_of(envelope) + 256 + 48), true},
        {"text", sealed(VIEW_LITERAL("GET /")), true},
        {"one octet", sealed(VIEW_LITERAL("0")), true},
        {"half a CSR", sealed(view_of(good.at, good.len / 2)), true},
        {"an octet behind it", sealed(longer), true},
        {"a changed name", sealed(changed(good, 30)), true},
        {"a changed signature", sealed(changed(good, good.len - 9)), true},
        {"a key of no known type", sealed(unknown_key(good)), true},
        {"another's CSR", sealed(foreign), false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int self = 0; self < (rows[i].any_signer ? 2 : 1); self++) {
            if (opens_csr(rows[i].envelope, self == 0, &request, &der))
                fail_msg("%s was taken", rows[i].what);
            assert_int_equal(err.kind, ERROR_MALFORMED);
            assert_string_equal(err.type, "scep-envelope");
            if (first == NULL)
                first = arena_strdup(arena, err.message);
            assert_string_equal(err.message, first);
            assert_int_equal(ERR_peek_error(), 0);
        }
    assert_true(opens_csr(envelope, true, &request, &der) && view_equal(der, good));
    assert_true(opens_csr(sealed(foreign), false, &request, &der) && view_equal(der, foreign));
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
