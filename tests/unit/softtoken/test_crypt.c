/* Encryption, digests, random numbers. */
#include "p11.h"
#include "suites.h"

static const uint8_t text[] = "forty-two octets of text, to be encrypted!";
#define TEXT_LEN (sizeof text - 1)
static uint8_t iv[16] = "initial value!!";
static CK_GCM_PARAMS gcm = {iv, 12, 96, (CK_BYTE *)"header", 6, 128};

static CK_AES_CTR_PARAMS ctr = {128, {0}};

struct row {
    const char *name;
    CK_MECHANISM mechanism;
    size_t in_len; /* of text */
    size_t out_len;
};

static const struct row rows[] = {
    {"GCM", {CKM_AES_GCM, &gcm, sizeof gcm}, TEXT_LEN, TEXT_LEN + 16},
    {"GCM of nothing", {CKM_AES_GCM, &gcm, sizeof gcm}, 0, 16},
    {"CBC", {CKM_AES_CBC, iv, sizeof iv}, 32, 32},
    {"CBC with padding", {CKM_AES_CBC_PAD, iv, sizeof iv}, TEXT_LEN, 48},
    {"ECB", {CKM_AES_ECB, NULL, 0}, 32, 32},
    {"CTR", {CKM_AES_CTR, &ctr, sizeof ctr}, TEXT_LEN, TEXT_LEN},
    {"CBC with a block of padding", {CKM_AES_CBC_PAD, iv, sizeof iv}, 32, 48},
};

static void decrypt_row(const struct row *row, CK_OBJECT_HANDLE key, const uint8_t *cipher,
                        size_t cipher_len) {
    uint8_t plain[128];
    CK_ULONG len = 0, part;
    CK_MECHANISM mechanism = row->mechanism;
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(p11->C_DecryptInit(rig.session, &mechanism, key));
    assert_ok(p11->C_Decrypt(rig.session, (CK_BYTE *)cipher, cipher_len, NULL, &len));
    assert_true(len >= row->in_len && len <= sizeof plain);
    len = sizeof plain;
    assert_ok(p11->C_Decrypt(rig.session, (CK_BYTE *)cipher, cipher_len, plain, &len));
    assert_int_equal(len, row->in_len);
    assert_memory_equal(plain, text, len);
    size_t total = 0;
    assert_ok(p11->C_DecryptInit(rig.session, &mechanism, key));
    for (size_t at = 0; at < cipher_len; at += 7) {
        part = sizeof plain - total;
        assert_ok(p11->C_DecryptUpdate(rig.session, (CK_BYTE *)cipher + at,
                                       cipher_len - at < 7 ? cipher_len - at : 7, plain + total,
                                       &part));
        total += part;
    }
    part = sizeof plain - total;
    assert_ok(p11->C_DecryptFinal(rig.session, plain + total, &part));
    assert_int_equal(total + part, row->in_len);
    assert_memory_equal(plain, text, row->in_len);
}

static void aes_row(const struct row *row, CK_OBJECT_HANDLE key) {
    uint8_t cipher[128], again[128];
    CK_ULONG len = 0, part;
    CK_MECHANISM mechanism = row->mechanism;
    CK_FUNCTION_LIST *p11 = rig.p11;
    assert_ok(p11->C_EncryptInit(rig.session, &mechanism, key));
    assert_rv(CKR_OPERATION_ACTIVE, p11->C_EncryptInit(rig.session, &mechanism, key));
    assert_ok(p11->C_Encrypt(rig.session, (CK_BYTE *)text, row->in_len, NULL, &len));
    assert_int_equal(len, row->out_len);
    len = row->out_len - 1;
    assert_rv(CKR_BUFFER_TOO_SMALL,
              p11->C_Encrypt(rig.session, (CK_BYTE *)text, row->in_len, cipher, &len));
    assert_int_equal(len, row->out_len);
    len = sizeof cipher;
    assert_ok(p11->C_Encrypt(rig.session, (CK_BYTE *)text, row->in_len, cipher, &len));
    assert_int_equal(len, row->out_len);
    size_t total = 0;
    assert_ok(p11->C_EncryptInit(rig.session, &mechanism, key));
    for (size_t at = 0; at < row->in_len; at += 5) {
        part = sizeof again - total;
        assert_ok(p11->C_EncryptUpdate(rig.session, (CK_BYTE *)text + at,
                                       row->in_len - at < 5 ? row->in_len - at : 5, again + total,
                                       &part));
        total += part;
    }
    part = sizeof again - total;
    assert_ok(p11->C_EncryptFinal(rig.session, again + total, &part));
    assert_int_equal(total + part, row->out_len);
    assert_memory_equal(again, cipher, row->out_len);
    decrypt_row(row, key, cipher, row->out_len);
}

static void aes(void **state) {
    (void)state;
    CK_ATTRIBUTE use[] = {A_BOOL(CKA_ENCRYPT, yes), A_BOOL(CKA_DECRYPT, yes)};
    for (CK_ULONG len = 16; len <= 32; len += 8) {
        CK_OBJECT_HANDLE key = make_aes(len, false, use, 2);
        for (size_t i = 0; i < COUNT(rows); i++)
            if (rig.kind.ours || rows[i].in_len > 0)
                aes_row(&rows[i], key);
    }
}

/* The token's ciphertext is what OpenSSL makes with the same key. */
static void aes_openssl(void **state) {
    (void)state;
    uint8_t value[32], cipher[64], theirs[64], tag[16];
    CK_ULONG len = sizeof cipher;
    int part;
    CK_ATTRIBUTE use[] = {A_BOOL(CKA_ENCRYPT, yes), A_BOOL(CKA_SENSITIVE, no),
                          A_BOOL(CKA_EXTRACTABLE, yes)};
    CK_OBJECT_HANDLE key = make_aes(32, false, use, 3);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    assert_int_equal(get_bytes(key, CKA_VALUE, value, sizeof value), 32);
    assert_ok(rig.p11->C_EncryptInit(rig.session, &mechanism, key));
    assert_ok(rig.p11->C_Encrypt(rig.session, (CK_BYTE *)text, TEXT_LEN, cipher, &len));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, value, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &part, (const uint8_t *)"header", 6), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, theirs, &part, text, TEXT_LEN), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, theirs + part, &part), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
    EVP_CIPHER_CTX_free(ctx);
    assert_memory_equal(cipher, theirs, TEXT_LEN);
    assert_memory_equal(cipher + TEXT_LEN, tag, 16);
}

static void aes_refused(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_FUNCTION_LIST *p11 = rig.p11;
    CK_OBJECT_HANDLE key = make_aes(32, false, NULL, 0);
    uint8_t cipher[64], plain[64];
    CK_ULONG len = sizeof cipher, plain_len = sizeof plain;
    CK_MECHANISM good = {CKM_AES_GCM, &gcm, sizeof gcm};
    CK_GCM_PARAMS short_tag = gcm, no_iv = gcm, no_aad = gcm;
    short_tag.ulTagBits = 32;
    no_iv.ulIvLen = 0;
    no_aad.pAAD = NULL;
    CK_MECHANISM bad[] = {
        {CKM_AES_GCM, NULL, 0},
        {CKM_AES_GCM, &short_tag, sizeof gcm},
        {CKM_AES_GCM, &no_iv, sizeof gcm},
        {CKM_AES_GCM, &no_aad, sizeof gcm},
        {CKM_AES_CBC, iv, 15},
        {CKM_AES_CBC_PAD, NULL, 16},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_rv(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(rig.session, &bad[i], key));
    assert_ok(p11->C_EncryptInit(rig.session, &good, key));
    assert_ok(p11->C_Encrypt(rig.session, (CK_BYTE *)text, 16, cipher, &len));
    cipher[3] ^= 1; /* changed on its way: no plaintext leaves */
    memset(plain, 0xee, sizeof plain);
    assert_ok(p11->C_DecryptInit(rig.session, &good, key));
    assert_rv(CKR_AEAD_DECRYPT_FAILED, p11->C_Decrypt(rig.session, cipher, len, plain, &plain_len));
    assert_int_equal(plain[0], 0xee);
    assert_ok(p11->C_DecryptInit(rig.session, &good, key));
    assert_rv(CKR_ENCRYPTED_DATA_LEN_RANGE,
              p11->C_Decrypt(rig.session, cipher, 10, plain, &plain_len));
    CK_MECHANISM cbc = {CKM_AES_CBC, iv, 16};
    assert_ok(p11->C_EncryptInit(rig.session, &cbc, key));
    assert_rv(CKR_DATA_LEN_RANGE, p11->C_Encrypt(rig.session, (CK_BYTE *)text, 15, cipher, &len));
    if (rig.kind.ours) { /* a length that has no answer is not asked about, either */
        assert_ok(p11->C_EncryptInit(rig.session, &cbc, key));
        assert_rv(CKR_DATA_LEN_RANGE, p11->C_Encrypt(rig.session, (CK_BYTE *)text, 15, NULL, &len));
        assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(rig.session, (CK_BYTE *)text, 16, NULL, &len));
        CK_MECHANISM padded = {CKM_AES_CBC_PAD, iv, 16}, ecb = {CKM_AES_ECB, NULL, 0};
        assert_ok(p11->C_DecryptInit(rig.session, &padded, key));
        assert_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(rig.session, cipher, 17, NULL, &len));
        assert_ok(p11->C_DecryptInit(rig.session, &ecb, key));
        assert_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(rig.session, cipher, 33, NULL, &len));
        assert_ok(p11->C_EncryptInit(rig.session, &padded, key));
        assert_ok(p11->C_Encrypt(rig.session, (CK_BYTE *)text, 15, NULL, &len));
        assert_int_equal(len, 16);
    }
    CK_ATTRIBUTE deaf = A_BOOL(CKA_DECRYPT, no);
    assert_ok(p11->C_SetAttributeValue(rig.session, key, &deaf, 1));
    assert_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_DecryptInit(rig.session, &good, key));
}

static void rsa(void **state) {
    (void)state;
    CK_FUNCTION_LIST *p11 = rig.p11;
    struct pair pair;
    uint8_t cipher[256], plain[256];
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_RSA_PKCS_OAEP_PARAMS oaep_256 = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED,
                                        (void *)"label", 5};
    CK_MECHANISM mechanisms[] = {{CKM_RSA_PKCS, NULL, 0},
                                 {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep},
                                 {CKM_RSA_PKCS_OAEP, &oaep_256, sizeof oaep_256}};
    CK_ATTRIBUTE use = A_BOOL(CKA_DECRYPT, yes), encrypt = A_BOOL(CKA_ENCRYPT, yes);
    assert_ok(try_pair(key_kind("RSA-2048"), false, &use, 1, &pair));
    assert_ok(p11->C_SetAttributeValue(rig.session, pair.public, &encrypt, 1));
    for (size_t i = 0; i < (rig.kind.ours ? 3 : 2); i++) {
        CK_ULONG len = sizeof cipher, plain_len = 0;
        assert_ok(p11->C_EncryptInit(rig.session, &mechanisms[i], pair.public));
        assert_ok(p11->C_Encrypt(rig.session, (CK_BYTE *)text, TEXT_LEN, cipher, &len));
        assert_int_equal(len, 256);
        assert_ok(p11->C_DecryptInit(rig.session, &mechanisms[i], pair.private));
        assert_ok(p11->C_Decrypt(rig.session, cipher, len, NULL, &plain_len));
        assert_true(plain_len >= TEXT_LEN);
        plain_len = sizeof plain;
        assert_ok(p11->C_Decrypt(rig.session, cipher, len, plain, &plain_len));
        assert_int_equal(plain_len, TEXT_LEN);
        assert_memory_equal(plain, text, TEXT_LEN);
        if (!rig.kind.ours)
            continue;
        assert_ok(p11->C_DecryptInit(rig.session, &mechanisms[i], pair.private));
        plain_len = TEXT_LEN - 1; /* too small for what it turns out to be; then it is not */
        assert_rv(CKR_BUFFER_TOO_SMALL,
                  p11->C_Decrypt(rig.session, cipher, len, plain, &plain_len));
        assert_int_equal(plain_len, TEXT_LEN);
        assert_ok(p11->C_Decrypt(rig.session, cipher, len, plain, &plain_len));
        assert_ok(p11->C_DecryptInit(rig.session, &mechanisms[i], pair.private));
        assert_rv(CKR_ENCRYPTED_DATA_LEN_RANGE,
                  p11->C_Decrypt(rig.session, cipher, 255, plain, &plain_len));
    }
    if (!rig.kind.ours)
        return;
    /* A PKCS #1 v1.5 padding that is wrong is not told: random text comes instead. */
    CK_ULONG plain_len = sizeof plain;
    memset(cipher, 0x42, sizeof cipher);
    assert_ok(p11->C_DecryptInit(rig.session, &mechanisms[0], pair.private));
    assert_ok(p11->C_Decrypt(rig.session, cipher, 256, plain, &plain_len));
    plain_len = sizeof plain;
    assert_ok(p11->C_DecryptInit(rig.session, &mechanisms[1], pair.private));
    assert_rv(CKR_ENCRYPTED_DATA_INVALID,
              p11->C_Decrypt(rig.session, cipher, 256, plain, &plain_len));
}

static void digests(void **state) {
    (void)state;
    const struct {
        CK_MECHANISM_TYPE type;
        const char *name;
    } all[] = {{CKM_SHA_1, "SHA1"},       {CKM_SHA224, "SHA224"}, {CKM_SHA256, "SHA256"},
               {CKM_SHA384, "SHA384"},    {CKM_SHA512, "SHA512"}, {CKM_SHA3_256, "SHA3-256"},
               {CKM_SHA3_512, "SHA3-512"}};
    CK_FUNCTION_LIST *p11 = rig.p11;
    for (size_t i = 0; i < COUNT(all); i++) {
        uint8_t ours[64], theirs[64];
        CK_ULONG len = 0;
        size_t their_len = 0;
        CK_MECHANISM mechanism = {all[i].type, NULL, 0};
        if (!has_mechanism(all[i].type))
            continue;
        assert_int_equal(EVP_Q_digest(NULL, all[i].name, NULL, text, TEXT_LEN, theirs, &their_len),
                         1);
        assert_ok(p11->C_DigestInit(rig.session, &mechanism));
        assert_rv(CKR_OPERATION_ACTIVE, p11->C_DigestInit(rig.session, &mechanism));
        assert_ok(p11->C_Digest(rig.session, (CK_BYTE *)text, TEXT_LEN, NULL, &len));
        assert_int_equal(len, their_len);
        len--;
        assert_rv(CKR_BUFFER_TOO_SMALL,
                  p11->C_Digest(rig.session, (CK_BYTE *)text, TEXT_LEN, ours, &len));
        assert_ok(p11->C_Digest(rig.session, (CK_BYTE *)text, TEXT_LEN, ours, &len));
        assert_memory_equal(ours, theirs, their_len);
        assert_rv(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestFinal(rig.session, ours, &len));
        assert_ok(p11->C_DigestInit(rig.session, &mechanism));
        assert_ok(p11->C_DigestUpdate(rig.session, (CK_BYTE *)text, 20));
        assert_ok(p11->C_DigestUpdate(rig.session, (CK_BYTE *)text + 20, TEXT_LEN - 20));
        assert_ok(p11->C_DigestFinal(rig.session, ours, &len));
        assert_memory_equal(ours, theirs, their_len);
    }
    CK_MECHANISM none = {CKM_AES_CBC, NULL, 0};
    assert_rv(CKR_MECHANISM_INVALID, p11->C_DigestInit(rig.session, &none));
}

static void digest_of_key(void **state) {
    (void)state;
    if (!rig.kind.ours)
        skip();
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    CK_OBJECT_HANDLE closed = make_aes(16, false, NULL, 0);
    assert_ok(rig.p11->C_DigestInit(rig.session, &sha256));
    assert_rv(CKR_KEY_INDIGESTIBLE, rig.p11->C_DigestKey(rig.session, closed));
    assert_rv(CKR_KEY_HANDLE_INVALID, rig.p11->C_DigestKey(rig.session, 0));
}

static void random_numbers(void **state) {
    (void)state;
    static uint8_t one[100000], other[100000];
    assert_ok(rig.p11->C_GenerateRandom(rig.session, one, sizeof one));
    assert_ok(rig.p11->C_SeedRandom(rig.session, one, 64));
    assert_ok(rig.p11->C_GenerateRandom(rig.session, other, sizeof other));
    assert_memory_not_equal(one, other, sizeof one);
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_GenerateRandom(rig.session, NULL, 4));
    assert_rv(CKR_ARGUMENTS_BAD, rig.p11->C_SeedRandom(rig.session, NULL, 4));
}

#define T(name) cmocka_unit_test_setup_teardown(name, test_session, test_session_end)

int crypt_tests(void) {
    const struct CMUnitTest tests[] = {
        T(aes),     T(aes_openssl),   T(aes_refused),    T(rsa),
        T(digests), T(digest_of_key), T(random_numbers),
    };
    return cmocka_run_group_tests_name("encryption", tests, NULL, NULL);
}
