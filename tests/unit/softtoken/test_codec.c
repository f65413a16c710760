/* Softtoken's decoders, without a token: what is read from its files before anything is believed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "softtoken/attributes.h"
#include "softtoken/module.h"
#include "softtoken/record.h"

static void sample(struct attributes *attrs) {
    CK_MECHANISM_TYPE allowed[] = {CKM_ECDSA, CKM_ECDSA_SHA256};
    assert_int_equal(attributes_set_ulong(attrs, CKA_CLASS, CKO_PRIVATE_KEY), CKR_OK);
    assert_int_equal(attributes_set_bool(attrs, CKA_TOKEN, true), CKR_OK);
    assert_int_equal(attributes_set(attrs, CKA_LABEL, "a label longer than a number", 28), CKR_OK);
    assert_int_equal(attributes_set(attrs, CKA_ID, "", 0), CKR_OK);
    assert_int_equal(attributes_set(attrs, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed),
                     CKR_OK);
    assert_int_equal(attributes_set_ulong(attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION),
                     CKR_OK);
}

static CK_RV decode(const uint8_t *at, size_t len, struct attributes *attrs) {
    struct reader in = {.at = at, .left = len};
    CK_RV rv = attributes_decode(&in, attrs);
    return rv == CKR_OK && !read_done(&in) ? CKR_DEVICE_ERROR : rv;
}

static void there_and_back(void **state) {
    (void)state;
    AUTO(attributes) struct attributes attrs = {0}, again = {0};
    AUTO(bytes) struct bytes raw = {0};
    sample(&attrs);
    assert_int_equal(attributes_encode(&attrs, &raw), CKR_OK);
    assert_int_equal(decode(raw.at, raw.len, &again), CKR_OK);
    assert_int_equal(again.count, attrs.count);
    for (size_t i = 0; i < attrs.count; i++) {
        assert_int_equal(again.items[i].type, attrs.items[i].type);
        assert_int_equal(again.items[i].len, attrs.items[i].len);
        assert_memory_equal(attribute_at(&again.items[i]), attribute_at(&attrs.items[i]),
                            attrs.items[i].len);
    }
}

static void cut_off(void **state) {
    (void)state;
    AUTO(attributes) struct attributes attrs = {0};
    AUTO(bytes) struct bytes raw = {0};
    sample(&attrs);
    assert_int_equal(attributes_encode(&attrs, &raw), CKR_OK);
    for (size_t len = 0; len < raw.len; len++) {
        AUTO(attributes) struct attributes again = {0};
        assert_int_equal(decode(raw.at, len, &again), CKR_DEVICE_ERROR);
    }
    assert_int_equal(bytes_append(&raw, "x", 1), CKR_OK);
    AUTO(attributes) struct attributes again = {0};
    assert_int_equal(decode(raw.at, raw.len, &again), CKR_DEVICE_ERROR);
}

static void hostile(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint8_t raw[48];
        size_t len;
    } rows[] = {
        {"count too large", {0xff, 0xff, 0xff, 0xff}, 4},
        {"count without content", {1, 0, 0, 0}, 4},
        {"length beyond the end", {1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 16},
        {"half a number", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4}, 20},
        {"the same type twice",
         {2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
         28},
        {"out of order",
         {2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
         28},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO(attributes) struct attributes attrs = {0};
        if (decode(rows[i].raw, rows[i].len, &attrs) != CKR_DEVICE_ERROR)
            fail_msg("%s was accepted", rows[i].name);
    }
}

/* Octets changed at random, the same ones each time: what is still accepted encodes to what was
 * read. */
static void changed(void **state) {
    (void)state;
    AUTO(attributes) struct attributes attrs = {0};
    AUTO(bytes) struct bytes raw = {0};
    uint32_t seed = 1;
    size_t accepted = 0;
    sample(&attrs);
    assert_int_equal(attributes_encode(&attrs, &raw), CKR_OK);
    for (int round = 0; round < 100000; round++) {
        uint8_t copy[512];
        AUTO(attributes) struct attributes again = {0};
        AUTO(bytes) struct bytes encoded = {0};
        assert_true(raw.len <= sizeof copy);
        memcpy(copy, raw.at, raw.len);
        for (int i = 0; i <= round % 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            copy[(seed >> 8) % raw.len] ^= (uint8_t)(1u << (seed >> 29));
        }
        if (decode(copy, raw.len, &again) != CKR_OK)
            continue;
        accepted++;
        assert_int_equal(attributes_encode(&again, &encoded), CKR_OK);
        assert_int_equal(encoded.len, raw.len);
        assert_memory_equal(encoded.at, copy, raw.len);
    }
    assert_true(accepted > 0);
}

static void records(void **state) {
    (void)state;
    struct token_record record = {.serial = "0123456789abcdef"}, again = {0};
    AUTO(bytes) struct bytes raw = {0};
    uint8_t key[SEAL_KEY_LEN] = "a token key of thirty-two octet", out[SEAL_KEY_LEN];
    memset(record.label, 'x', sizeof record.label);
    assert_int_equal(record_set_pin(&record, ROLE_SO, (const uint8_t *)"1234", 4, key), CKR_OK);
    assert_int_equal(record_encode(&record, &raw), CKR_OK);
    assert_int_equal(record_decode(&raw, &again), CKR_OK);
    assert_string_equal(again.serial, record.serial);
    assert_true(again.pins[ROLE_SO].set);
    assert_false(again.pins[ROLE_USER].set);
    assert_int_equal(record_open(&again, ROLE_SO, (const uint8_t *)"1235", 4, out),
                     CKR_PIN_INCORRECT);
    assert_int_equal(record_open(&again, ROLE_SO, (const uint8_t *)"1234", 4, out), CKR_OK);
    assert_memory_equal(out, key, sizeof key);
    again.serial[0] = 'f'; /* the wrapped key belongs to one token */
    assert_int_equal(record_open(&again, ROLE_SO, (const uint8_t *)"1234", 4, out),
                     CKR_PIN_INCORRECT);
    for (size_t at = 0; at < raw.len; at++) {
        raw.at[at] ^= 1;
        assert_int_equal(record_decode(&raw, &again), CKR_TOKEN_NOT_RECOGNIZED);
        raw.at[at] ^= 1;
    }
    for (size_t len = raw.len; len > 0; len--) {
        raw.len = len - 1;
        assert_int_equal(record_decode(&raw, &again), CKR_TOKEN_NOT_RECOGNIZED);
    }
}

static int open_crypto(void **state) {
    (void)state;
    return module_crypto_open() == CKR_OK ? 0 : -1;
}

static int close_crypto(void **state) {
    (void)state;
    module_crypto_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(cut_off), cmocka_unit_test(hostile),
        cmocka_unit_test(changed),        cmocka_unit_test(records),
    };
    return cmocka_run_group_tests_name("softtoken codec", tests, open_crypto, close_crypto);
}
