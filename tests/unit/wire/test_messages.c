/* The codec: what is written is read back, and what nobody would write is refused. */
#include "wire/messages.h"
#include "wire/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#define V(text) VIEW_LITERAL(text)

static const struct wire_request requests[] = {
    {.op = WIRE_HELLO, .id = 1, .hello = {1}},
    {.op = WIRE_PING, .id = UINT32_MAX},
    {.op = WIRE_TOKENS, .id = 3},
    {.op = WIRE_GENERATE, .id = 4, .generate = {V("ML-DSA-65"), 3}},
    {.op = WIRE_IMPORT, .id = 5, .import = {V("\x30\x00"), 1}},
    {.op = WIRE_LOAD, .id = 6, .load = {V("blob"), V("spki"), 2}},
    {.op = WIRE_FIND, .id = 7, .find = {.uri = V("pkcs11:token=x")}},
    {.op = WIRE_SIGN,
     .id = 8,
     .sign = {UINT64_MAX, WIRE_RSA_PSS, WIRE_SHA384, WIRE_SHA256, 48, V("ctx"), V("data")}},
    {.op = WIRE_SIGN, .id = 8, .sign = {1, WIRE_EDDSA, 0, 0, 0, {0}, {0}}},
    {.op = WIRE_DECRYPT,
     .id = 9,
     .decrypt = {5, WIRE_RSA_OAEP, WIRE_SHA1, 0, V("label"), V("cipher")}},
    {.op = WIRE_REWRAP, .id = 10, .rewrap = {V("blob"), V("spki"), {0}}},
    {.op = WIRE_STORE_CERTIFICATE,
     .id = 11,
     .store_certificate = {V("pkcs11:id=%01"), V("\x30\x00")}},
    {.op = WIRE_LOGIN, .id = 12, .login = {V("pkcs11:token=x"), V("1234")}},
    {.op = WIRE_EXPORT,
     .id = 13,
     .export = {V("blob"), V("spki"), WIRE_EXPORT_KEY, WIRE_SHA512, 1, V("secret"), V("recipient"),
                V("prefix"), V("suffix")}},
    {.op = WIRE_TOKEN,
     .id = 24,
     .token = {WIRE_TOKEN_MAKE, V("pkcs11:token=x;id=%01"), V("P-256"), 1, V("010203"), {0}, {0}, 1, 2, {0}}},
    {.op = WIRE_TOKEN,
     .id = 25,
     .token = {WIRE_TOKEN_INIT, V("pkcs11:token=x?module-name=local"), {0}, 0, V("87654321"), {0}, {0}, 0, 0, V("1234")}},
    {.op = WIRE_TOKEN, .id = 24, .token = {.action = WIRE_TOKEN_CHECK, .uri = V("pkcs11:")}},
    {.op = WIRE_EXPORT, .id = 13, .export = {.blob = V("b"), .spki = V("s"), .form = 1}},
    {.op = WIRE_KEK, .id = 14, .kek = {WIRE_KEK_LIST, {0}}},
    {.op = WIRE_KEK, .id = 14, .kek = {WIRE_KEK_REMOVE, V("0123456789abcdef")}},
};
#define REQUESTS (sizeof requests / sizeof requests[0])

static const struct wire_response responses[] = {
    {.op = WIRE_HELLO, .id = 1, .hello = {1, V("0123456789abcdef"), V("0.1.0")}},
    {.op = WIRE_PING, .id = 2},
    {.op = WIRE_TOKENS, .id = 3},
    {.op = WIRE_GENERATE, .id = 4, .made = {V("blob"), V("spki")}},
    {.op = WIRE_REWRAP, .id = 4, .made = {V("blob"), {0}}},
    {.op = WIRE_LOAD, .id = 5, .loaded = {7}},
    {.op = WIRE_FIND, .id = 6, .found = {7, V("spki"), V("P-256")}},
    {.op = WIRE_SIGN, .id = 7, .result = {V("signature")}},
    {.op = WIRE_DECRYPT, .id = 7, .result = {{0}}},
    {.op = WIRE_LOGIN, .id = 8},
    {.op = WIRE_EXPORT, .id = 8, .result = {V("file")}},
    {.op = WIRE_KEK, .id = 8, .result = {V("\2id")}},
    {.op = WIRE_TOKEN, .id = 8, .result = {V("rows")}},
    {.op = WIRE_SIGN,
     .id = 9,
     .failed = true,
     .error = {ERROR_UNAVAILABLE, "token-failed", "It \xc3\xbc.", ""}},
};
#define RESPONSES (sizeof responses / sizeof responses[0])

static struct wire_buffer encoded_request(const struct wire_request *request) {
    struct wire_buffer out = {0};
    struct error err = {0};
    if (!wire_encode_request(request, &out, &err))
        fail_msg("op %u: %s %s", request->op, err.message, err.detail);
    return out;
}

static struct wire_buffer encoded_response(const struct wire_response *response) {
    struct wire_buffer out = {0};
    struct error err = {0};
    if (!wire_encode_response(response, &out, &err))
        fail_msg("op %u: %s %s", response->op, err.message, err.detail);
    return out;
}

static void requests_come_back(void **state) {
    (void)state;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct wire_buffer first = encoded_request(&requests[i]);
        struct wire_request decoded;
        assert_true(wire_decode_request(view_of(first.at, first.len), &decoded, NULL));
        assert_int_equal(decoded.op, requests[i].op);
        assert_int_equal(decoded.id, requests[i].id);
        struct wire_buffer second = encoded_request(&decoded);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.at, second.at, first.len);
        wire_buffer_free(&first);
        wire_buffer_free(&second);
    }
}

static void responses_come_back(void **state) {
    (void)state;
    for (size_t i = 0; i < RESPONSES; i++) {
        struct wire_buffer first = encoded_response(&responses[i]);
        struct wire_response decoded;
        struct error err = {0};
        if (!wire_decode_response(view_of(first.at, first.len), &decoded, &err))
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(decoded.failed, responses[i].failed);
        assert_int_equal(decoded.error.kind, responses[i].error.kind);
        assert_string_equal(decoded.error.message, responses[i].error.message);
        struct wire_buffer second = encoded_response(&decoded);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.at, second.at, first.len);
        wire_buffer_free(&first);
        wire_buffer_free(&second);
    }
}

static void known_bytes(void **state) {
    static const uint8_t expected[] = {8, 0, 0, 1, 2,             /* sign, id 258 */
                                       0, 0, 0, 0, 0,   0,  0, 7, /* handle */
                                       4, 3, 0, 0, 0,             /* ECDSA, SHA-256, none, salt */
                                       0, 0, 0, 0,                /* context */
                                       0, 0, 0, 2, 'h', 'i'};
    const struct wire_request request = {
        .op = WIRE_SIGN, .id = 258, .sign = {7, WIRE_ECDSA, WIRE_SHA256, 0, 0, {0}, V("hi")}};
    (void)state;
    struct wire_buffer out = encoded_request(&request);
    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(out.at, expected, sizeof expected);
    wire_buffer_free(&out);
}

/* Every proper prefix is cut off somewhere, every further byte is one too many; outputs stay
 * untouched. */
static void cut_and_trailing(void **state) {
    struct wire_request poison = {.op = 99}, request = poison;
    struct error err;
    (void)state;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct wire_buffer out = encoded_request(&requests[i]);
        for (size_t len = 0; len < out.len; len++) {
            uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees one byte too many */
            memcpy(exact, out.at, len);
            assert_false(wire_decode_request(view_of(exact, len), &request, &err));
            assert_int_equal(err.kind, ERROR_MALFORMED);
            assert_int_equal(request.op, 99);
            free(exact);
        }
        wire_buffer_add(&out, "x", 1);
        assert_false(wire_decode_request(view_of(out.at, out.len), &request, &err));
        assert_string_equal(err.type, "bad-message");
        assert_int_equal(request.op, 99);
        wire_buffer_free(&out);
    }
}

static const struct {
    const char *name;
    struct view message;
} hostile_requests[] = {
    {"empty", V("")},
    {"operation 0", V("\x00\x00\x00\x00\x01")},
    {"operation 14", V("\x0e\x00\x00\x00\x01")},
    {"export, form 0", V("\x0d\x00\x00\x00\x01\0\0\0\1b\0\0\0\1s\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    {"export, form 8", V("\x0d\x00\x00\x00\x01\0\0\0\1b\0\0\0\1s\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    {"export, bare 2", V("\x0d\x00\x00\x00\x01\0\0\0\1b\0\0\0\1s\x01\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    {"operation 19, a gap", V("\x13\x00\x00\x00\x01")},
    {"operation 21", V("\x15\x00\x00\x00\x01")},
    {"key-encryption keys, action 0", V("\x14\x00\x00\x00\x01\0\0\0\0\0")},
    {"key-encryption keys, action 4", V("\x14\x00\x00\x00\x01\4\0\0\0\0")},
    {"operation 255", V("\xff\x00\x00\x00\x01")},
    {"hello version 0", V("\x01\x00\x00\x00\x01\x00\x00")},
    {"empty key type", V("\x04\x00\x00\x00\x01\x00\x00\x01")},
    {"purpose 0", V("\x04\x00\x00\x00\x01\x00\x05P-256\x00")},
    {"purpose 8", V("\x04\x00\x00\x00\x01\x00\x05P-256\x08")},
    {"import of a person's key", V("\x05\x00\x00\x00\x01\0\0\0\x01\x30\x05")},
    {"NUL in a text", V("\x04\x00\x00\x00\x01\x00\x05P\x00"
                        "256\x01")},
    {"line feed in a text", V("\x04\x00\x00\x00\x01\x00\x05P\n256\x01")},
    {"text longer than the message", V("\x04\x00\x00\x00\x01\xff\xffP-256\x01")},
    {"bytes longer than the message", V("\x05\x00\x00\x00\x01\xff\xff\xff\xff\x30\x00\x01")},
    {"handle 0", V("\x08\x00\x00\x00\x01\0\0\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0\0\0\0\0\0")},
    {"scheme 0", V("\x08\x00\x00\x00\x01\0\0\0\0\0\0\0\1\x00\x03\0\0\0\0\0\0\0\0\0\0\0")},
    {"scheme 8", V("\x08\x00\x00\x00\x01\0\0\0\0\0\0\0\1\x08\x03\0\0\0\0\0\0\0\0\0\0\0")},
    {"digest 10", V("\x08\x00\x00\x00\x01\0\0\0\0\0\0\0\1\x04\x0a\0\0\0\0\0\0\0\0\0\0\0")},
    {"salt 65535", V("\x08\x00\x00\x00\x01\0\0\0\0\0\0\0\1\x02\x03\0\xff\xff\0\0\0\0\0\0\0\0\0")},
    {"empty ciphertext", V("\x09\x00\x00\x00\x01\0\0\0\0\0\0\0\1\x01\0\0\0\0\0\0\0\0\0\0")},
};

static void hostile_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hostile_requests / sizeof hostile_requests[0]; i++) {
        struct wire_request request = {.op = 99};
        struct error err = {0};
        if (wire_decode_request(hostile_requests[i].message, &request, &err))
            fail_msg("%s was accepted", hostile_requests[i].name);
        assert_int_equal(request.op, 99);
        assert_string_equal(err.type, "bad-message");
    }
}

static const struct {
    const char *name;
    struct view message;
} hostile_responses[] = {
    {"status 2", V("\x02\x00\x00\x00\x01\x02")},
    {"error kind 0", V("\x02\x00\x00\x00\x01\x01\x00\x00\x01x\x00\x00\x00\x00")},
    {"error kind 200", V("\x02\x00\x00\x00\x01\x01\xc8\x00\x01x\x00\x00\x00\x00")},
    {"error without a type", V("\x02\x00\x00\x00\x01\x01\x01\x00\x00\x00\x00\x00\x00")},
    {"type of 48 characters",
     V("\x02\x00\x00\x00\x01\x01\x01\x00\x30"
       "012345678901234567890123456789012345678901234567\x00\x00\x00\x00")},
    {"escape in a message", V("\x02\x00\x00\x00\x01\x01\x01\x00\x01x\x00\x01\x1b\x00\x00")},
    {"short instance", V("\x01\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x01x\x00\x01v")},
    {"handle 0", V("\x06\x00\x00\x00\x01\x00\0\0\0\0\0\0\0\0")},
    {"tokens: count without list", V("\x03\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00")},
    {"tokens: list without count", V("\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x")},
    {"tokens: count 257", V("\x03\x00\x00\x00\x01\x00\x01\x01\x00\x00\x00\x00")},
};

static void hostile_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hostile_responses / sizeof hostile_responses[0]; i++) {
        struct wire_response response = {.op = 99};
        struct error err = {0};
        if (wire_decode_response(hostile_responses[i].message, &response, &err))
            fail_msg("%s was accepted", hostile_responses[i].name);
        assert_int_equal(response.op, 99);
    }
}

static void bounds_hold_when_writing(void **state) {
    uint8_t *large = calloc(1, WIRE_DATA_MAX + 1);
    struct wire_buffer out = {0};
    struct error err = {0};
    struct wire_request request = {.op = WIRE_SIGN, .sign = {.handle = 1, .scheme = WIRE_EDDSA}};
    (void)state;
    wire_buffer_add(&out, "kept", 4);
    request.sign.data = view_of(large, WIRE_DATA_MAX + 1);
    assert_false(wire_encode_request(&request, &out, &err));
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
    assert_int_equal(out.len, 4);
    request.sign.data.len = 10;
    request.sign.scheme = WIRE_SCHEME_END;
    assert_false(wire_encode_request(&request, &out, &err));
    request.op = WIRE_OP_END;
    assert_false(wire_encode_request(&request, &out, &err));
    assert_int_equal(out.len, 4);
    wire_buffer_free(&out);
    free(large);
}

/* What a module calls its token is not ours to choose: cut and cleaned, never refused. */
static void tokens_are_made_to_fit(void **state) {
    char text[3000];
    struct wire_buffer list = {0};
    struct wire_token row, back;
    (void)state;
    memset(text, 'x', sizeof text);
    text[3] = '\n';
    struct view v = view_of(text, sizeof text);
    row = (struct wire_token){v, v, v, v, v, v, v, 7, 9, v};
    for (int i = 0; i < 3; i++)
        wire_add_token(&list, &row);
    struct wire_response response = {.op = WIRE_TOKENS, .tokens = {view_of(list.at, list.len), 3}};
    struct wire_buffer out = encoded_response(&response);
    assert_true(wire_decode_response(view_of(out.at, out.len), &response, NULL));
    struct view rest = response.tokens.list;
    for (int i = 0; i < 3; i++) {
        assert_true(wire_next_token(&rest, &back));
        assert_int_equal(back.label.len, 255);
        assert_int_equal(back.label.at[3], '?');
        assert_int_equal(back.uri.len, 1024);
        assert_int_equal(back.managed, 1);
    }
    assert_false(wire_next_token(&rest, &back));
    wire_buffer_free(&out);
    wire_buffer_free(&list);
}

static void rows_come_back(void **state) {
    struct wire_buffer list = {0};
    struct wire_row back, key = {V("a\nlabel"), V("pkcs11:id=%01"), V("P-256"), {0}, V("\x01"), V("spki"), 3};
    char long_text[600];
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    struct wire_row step = {.name = V("sign"), .text = view_of(long_text, sizeof long_text), .flags = WIRE_STEP_FAILED};
    wire_add_row(&list, &key);
    wire_add_row(&list, &step);
    struct view rest = view_of(list.at, list.len);
    assert_true(wire_next_row(&rest, &back));
    assert_true(view_is(back.name, "a?label"));
    assert_true(view_is(back.uri, "pkcs11:id=%01") && view_is(back.key_type, "P-256") && view_is(back.der, "spki"));
    assert_int_equal(back.flags, 3);
    assert_true(wire_next_row(&rest, &back));
    assert_int_equal(back.text.len, 511);
    assert_false(wire_next_row(&rest, &back));
    for (size_t cut = 1; cut < list.len; cut++) { /* never more than was written, never out of bounds */
        rest = view_of(list.at, list.len - cut);
        unsigned count = 0;
        while (wire_next_row(&rest, &back))
            count++;
        assert_true(count < 2);
    }
    wire_buffer_free(&list);
}

static void unknown_operations(void **state) {
    const uint8_t request[] = {15, 0, 0, 0, 1}, response[] = {15, 0, 0, 0, 1, 0};
    struct wire_request in;
    struct wire_response out;
    struct error err = {0};
    (void)state;
    assert_false(wire_decode_request(view_of(request, sizeof request), &in, &err));
    assert_string_equal(err.type, "bad-message");
    assert_false(wire_decode_response(view_of(response, sizeof response), &out, &err));
    assert_string_equal(err.type, "bad-message");
}

static void errors_are_cleaned(void **state) {
    struct wire_response response = {.op = WIRE_PING, .failed = true};
    struct wire_response back;
    (void)state;
    strcpy(response.error.message, "bad\nline");
    response.error.kind = ERROR_CONFLICT;
    strcpy(response.error.type, "x");
    struct wire_buffer out = encoded_response(&response);
    assert_true(wire_decode_response(view_of(out.at, out.len), &back, NULL));
    assert_string_equal(back.error.message, "bad?line");
    wire_buffer_free(&out);
    /* an error that nobody filled is still an error */
    response.error = (struct error){.kind = ERROR_NONE};
    out = encoded_response(&response);
    assert_true(wire_decode_response(view_of(out.at, out.len), &back, NULL));
    assert_true(back.failed);
    assert_int_equal(back.error.kind, ERROR_INTERNAL);
    wire_buffer_free(&out);
}

static void digest_names(void **state) {
    static const struct {
        const char *name;
        enum wire_digest digest;
    } rows[] = {{"SHA256", WIRE_SHA256},  {"sha2-256", WIRE_SHA256},
                {"SHA-512", WIRE_SHA512}, {"SHA3-384", WIRE_SHA3_384},
                {"SHA1", WIRE_SHA1},      {"MD5", WIRE_DIGEST_NONE},
                {"", WIRE_DIGEST_NONE},   {"SHA2-512/256", WIRE_DIGEST_NONE}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(wire_digest_by_name(rows[i].name), rows[i].digest);
    assert_null(wire_digest_info(WIRE_DIGEST_NONE));
    assert_null(wire_digest_info(WIRE_DIGEST_END));
    assert_int_equal(wire_digest_info(WIRE_SHA3_512)->size, 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_back),
        cmocka_unit_test(responses_come_back),
        cmocka_unit_test(known_bytes),
        cmocka_unit_test(cut_and_trailing),
        cmocka_unit_test(hostile_rows),
        cmocka_unit_test(hostile_answers),
        cmocka_unit_test(bounds_hold_when_writing),
        cmocka_unit_test(tokens_are_made_to_fit),
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(unknown_operations),
        cmocka_unit_test(errors_are_cleaned),
        cmocka_unit_test(digest_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
