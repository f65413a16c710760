#include "record.h"

#include <string.h>

#include <openssl/crypto.h>

#include "module.h"

static const char magic[8] = {'G', 'H', 'T', 'O', 'K', '0', '0', '1'};
#define CHECK_LEN 32

static CK_RV checksum(const uint8_t *at, size_t len, uint8_t ret_check[CHECK_LEN]) {
    unsigned check_len = 0;
    if (EVP_Digest(at, len, ret_check, &check_len, module_digest(DIGEST_SHA256), NULL) != 1)
        return CKR_GENERAL_ERROR;
    return CKR_OK;
}

static CK_RV pin_encode(const struct pin_slot *pin, struct bytes *out) {
    TRY(bytes_put_u32(out, pin->set ? 1 : 0));
    TRY(bytes_put_u32(out, pin->cost.memory_kib));
    TRY(bytes_put_u32(out, pin->cost.passes));
    TRY(bytes_put_u32(out, pin->cost.lanes));
    TRY(bytes_append(out, pin->salt, sizeof pin->salt));
    return bytes_append(out, pin->wrapped, sizeof pin->wrapped);
}

CK_RV record_encode(const struct token_record *record, struct bytes *out) {
    uint8_t check[CHECK_LEN];
    TRY(bytes_append(out, magic, sizeof magic));
    TRY(bytes_append(out, record->serial, TOKEN_SERIAL_LEN));
    TRY(bytes_append(out, record->label, sizeof record->label));
    TRY(bytes_append(out, record->instance, sizeof record->instance));
    TRY(bytes_append(out, record->public_key, sizeof record->public_key));
    for (int role = 0; role < ROLE_COUNT; role++)
        TRY(pin_encode(&record->pins[role], out));
    TRY(checksum(out->at, out->len, check));
    return bytes_append(out, check, sizeof check);
}

static void take(struct reader *in, void *to, size_t len) {
    const uint8_t *at = read_octets(in, len);
    if (at != NULL)
        memcpy(to, at, len);
}

static void pin_decode(struct reader *in, struct pin_slot *ret_pin) {
    uint32_t set = read_u32(in);
    ret_pin->set = set == 1;
    ret_pin->cost.memory_kib = read_u32(in);
    ret_pin->cost.passes = read_u32(in);
    ret_pin->cost.lanes = read_u32(in);
    take(in, ret_pin->salt, sizeof ret_pin->salt);
    take(in, ret_pin->wrapped, sizeof ret_pin->wrapped);
    if (set > 1 || (set == 1 && !pin_cost_sane(&ret_pin->cost)))
        in->bad = true;
}

CK_RV record_decode(const struct bytes *in, struct token_record *ret_record) {
    struct reader reader = {.at = in->at, .left = in->len};
    uint8_t check[CHECK_LEN];
    char found[sizeof magic];
    struct token_record record = {0};
    if (in->len < CHECK_LEN)
        return CKR_TOKEN_NOT_RECOGNIZED;
    TRY(checksum(in->at, in->len - CHECK_LEN, check));
    take(&reader, found, sizeof found);
    take(&reader, record.serial, TOKEN_SERIAL_LEN);
    take(&reader, record.label, sizeof record.label);
    take(&reader, record.instance, sizeof record.instance);
    take(&reader, record.public_key, sizeof record.public_key);
    for (int role = 0; role < ROLE_COUNT; role++)
        pin_decode(&reader, &record.pins[role]);
    const uint8_t *stored = read_octets(&reader, CHECK_LEN);
    if (!read_done(&reader) || memcmp(found, magic, sizeof magic) != 0 ||
        CRYPTO_memcmp(stored, check, CHECK_LEN) != 0)
        return CKR_TOKEN_NOT_RECOGNIZED;
    *ret_record = record;
    return CKR_OK;
}

/* The wrapped key belongs to one token, one initialisation of it and one role. */
static CK_RV key_aad(const struct token_record *record, enum role role, struct bytes *ret_aad) {
    TRY(bytes_append(ret_aad, magic, sizeof magic));
    TRY(bytes_append(ret_aad, record->serial, TOKEN_SERIAL_LEN));
    TRY(bytes_append(ret_aad, record->instance, sizeof record->instance));
    return bytes_put_u32(ret_aad, (uint32_t)role);
}

CK_RV record_set_pin(struct token_record *record, enum role role, const uint8_t *pin,
                     size_t pin_len, const uint8_t key[SEAL_KEY_LEN]) {
    struct pin_slot fresh = {.set = true, .cost = pin_cost_now};
    AUTO(bytes) struct bytes aad = {0}, plain = {0}, wrapped = {0};
    uint8_t under[SEAL_KEY_LEN];
    TRY(random_octets(fresh.salt, sizeof fresh.salt));
    TRY(key_aad(record, role, &aad));
    TRY(bytes_set(&plain, key, SEAL_KEY_LEN));
    TRY(pin_key(&fresh.cost, fresh.salt, pin, pin_len, under));
    CK_RV rv = seal(under, &aad, &plain, &wrapped);
    OPENSSL_cleanse(under, sizeof under);
    TRY(rv);
    memcpy(fresh.wrapped, wrapped.at, sizeof fresh.wrapped);
    record->pins[role] = fresh;
    return CKR_OK;
}

CK_RV record_open(const struct token_record *record, enum role role, const uint8_t *pin,
                  size_t pin_len, uint8_t ret_key[SEAL_KEY_LEN]) {
    const struct pin_slot *slot = &record->pins[role];
    AUTO(bytes) struct bytes aad = {0}, plain = {0};
    uint8_t under[SEAL_KEY_LEN];
    TRY(key_aad(record, role, &aad));
    TRY(pin_key(&slot->cost, slot->salt, pin, pin_len, under));
    CK_RV rv = unseal(under, &aad, slot->wrapped, sizeof slot->wrapped, &plain);
    OPENSSL_cleanse(under, sizeof under);
    if (rv == CKR_DEVICE_ERROR)
        return CKR_PIN_INCORRECT;
    TRY(rv);
    memcpy(ret_key, plain.at, SEAL_KEY_LEN);
    return CKR_OK;
}
