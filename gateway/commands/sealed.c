#include "commands/sealed.h"

#include "base/clock.h"
#include "x509/handles.h"

#include <errno.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define MAGIC "GATEHOUSE-SEALED-1\n"
#define PIECE ((size_t)65536)
#define KEY_SIZE 32
#define TAG_SIZE 16
#define LAST 0x80000000u
#define MAX_HEAD ((uint32_t)1 << 20)
#define PBKDF2_ROUNDS 600000

DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)

struct sealed {
    FILE *file;
    uint8_t key[KEY_SIZE];
    uint64_t number; /* of the next piece */
    EVP_CIPHER_CTX *cipher;
    uint8_t plain[PIECE];
    uint8_t coded[PIECE + TAG_SIZE];
    size_t len, at; /* of `plain` */
    bool last;      /* the last piece has been read */
};

static void drop(void *context) {
    struct sealed *s = context;
    EVP_CIPHER_CTX_free(s->cipher);
    OPENSSL_cleanse(s->key, sizeof s->key);
}

static struct sealed *sealed_new(struct arena *arena, FILE *file) {
    struct sealed *s = arena_alloc(arena, sizeof *s);
    s->file = file;
    s->cipher = EVP_CIPHER_CTX_new();
    arena_defer(arena, drop, s);
    return s;
}

static void put32(uint8_t at[4], uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t at[4]) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void nonce_of(uint64_t number, uint8_t nonce[12]) {
    memset(nonce, 0, 4);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] = (uint8_t)(number >> (56 - 8 * i));
}

static bool cannot_write(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "cannot-write", "The backup cannot be written: %s.", strerror(errno));
}

static bool broken(struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-backup",
                "This is no whole backup: it ends early, or somebody has changed it.");
}

/* ---- the key, for its recipients ---- */

static bool read_certificate(const char *path, X509 **ret, struct error *err) {
    AUTO(BIO) *file = BIO_new_file(path, "r");
    *ret = file == NULL ? NULL : PEM_read_bio_X509(file, NULL, NULL, NULL);
    ERR_clear_error();
    return *ret != NULL || fail(err, ERROR_MALFORMED, "bad-certificate",
                                "%.200s holds no certificate (PEM) that can be read.", path);
}

static bool add_recipients(CMS_ContentInfo *cms, const struct sealed_recipients *to, struct error *err) {
    for (size_t i = 0; to->certificates != NULL && to->certificates[i] != NULL; i++) {
        AUTO(X509) *certificate = NULL;
        TRY(read_certificate(to->certificates[i], &certificate, err));
        if (CMS_add1_recipient_cert(cms, certificate, 0) == NULL) {
            ERR_clear_error();
            return fail(err, ERROR_POLICY, "bad-recipient",
                        "Nothing can be encrypted to %.200s: its key must be RSA or EC, and may be for keys.",
                        to->certificates[i]);
        }
    }
    if (to->passphrase == NULL)
        return true;
    char *copy = OPENSSL_strdup(to->passphrase); /* the structure keeps it */
    if (CMS_add0_recipient_password(cms, PBKDF2_ROUNDS, NID_undef, NID_undef, (unsigned char *)copy, -1,
                                    EVP_aes_256_cbc()) != NULL)
        return true;
    OPENSSL_clear_free(copy, strlen(copy));
    return fail_internal(err, "a recipient with a passphrase");
}

bool sealed_write_begin(struct arena *arena, FILE *to, const struct sealed_recipients *recipients,
                        struct sealed **ret, struct error *err) {
    struct sealed *s = sealed_new(arena, to);
    random_bytes(s->key, sizeof s->key);
    AUTO(BIO) *key = BIO_new_mem_buf(s->key, sizeof s->key);
    AUTO(CMS_ContentInfo) *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), CMS_BINARY | CMS_PARTIAL);
    uint8_t *der = NULL, size[4];
    if (key == NULL || cms == NULL)
        return fail_internal(err, "a CMS message");
    TRY(add_recipients(cms, recipients, err));
    if (CMS_final(cms, key, NULL, CMS_BINARY) != 1)
        return fail_internal(err, "the key cannot be encrypted to its recipients");
    int len = i2d_CMS_ContentInfo(cms, &der);
    if (len <= 0)
        return fail_internal(err, "the CMS message cannot be written");
    put32(size, (uint32_t)len);
    bool ok = fwrite(MAGIC, 1, strlen(MAGIC), to) == strlen(MAGIC) && fwrite(size, 1, 4, to) == 4 &&
              fwrite(der, 1, (size_t)len, to) == (size_t)len;
    OPENSSL_free(der);
    *ret = s;
    return ok || cannot_write(err);
}

static bool decrypt_key(CMS_ContentInfo *cms, const struct sealed_opener *opener, BIO *out, struct error *err) {
    if (opener->passphrase != NULL) {
        char *copy = OPENSSL_strdup(opener->passphrase);
        bool ok = CMS_decrypt_set1_password(cms, (unsigned char *)copy, -1) == 1 &&
                  CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY) == 1;
        OPENSSL_clear_free(copy, strlen(copy));
        return ok;
    }
    AUTO(BIO) *file = opener->key_file == NULL ? NULL : BIO_new_file(opener->key_file, "r");
    AUTO(EVP_PKEY) *key = file == NULL ? NULL : PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
    AUTO(X509) *certificate = NULL;
    if (key == NULL)
        return fail(err, ERROR_MALFORMED, "bad-key", "%.200s holds no private key (PEM) that can be read.",
                    opener->key_file == NULL ? "--key" : opener->key_file);
    if (opener->certificate_file != NULL)
        TRY(read_certificate(opener->certificate_file, &certificate, err));
    return CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY) == 1;
}

bool sealed_read_begin(struct arena *arena, FILE *from, const struct sealed_opener *opener,
                       struct sealed **ret, struct error *err) {
    struct sealed *s = sealed_new(arena, from);
    uint8_t head[sizeof MAGIC - 1 + 4];
    if (fread(head, 1, sizeof head, from) != sizeof head || !view_equal(view_of(head, strlen(MAGIC)), view_text(MAGIC)))
        return broken(err);
    uint32_t len = get32(head + strlen(MAGIC));
    if (len > MAX_HEAD)
        return broken(err);
    uint8_t *der = arena_alloc(arena, len + 1);
    const uint8_t *at = der;
    if (fread(der, 1, len, from) != len)
        return broken(err);
    AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &at, (long)len);
    AUTO(BIO) *out = BIO_new(BIO_s_mem());
    if (cms == NULL || out == NULL)
        return broken(err);
    bool opened = decrypt_key(cms, opener, out, err) &&
                  BIO_read(out, s->key, KEY_SIZE) == KEY_SIZE && BIO_eof(out);
    ERR_clear_error();
    if (!opened)
        return err->kind != ERROR_NONE ? false
                                       : fail(err, ERROR_FORBIDDEN, "wrong-key",
                                              "This key or passphrase does not open the backup.");
    *ret = s;
    return true;
}

/* ---- pieces ---- */

static bool write_piece(struct sealed *s, bool last, struct error *err) {
    uint8_t head[4], nonce[12], tag[TAG_SIZE];
    int done = 0, rest = 0;
    put32(head, (uint32_t)s->len | (last ? LAST : 0));
    nonce_of(s->number++, nonce);
    if (EVP_EncryptInit_ex2(s->cipher, EVP_aes_256_gcm(), s->key, nonce, NULL) != 1 ||
        EVP_EncryptUpdate(s->cipher, NULL, &done, head, sizeof head) != 1 ||
        EVP_EncryptUpdate(s->cipher, s->coded, &done, s->plain, (int)s->len) != 1 ||
        EVP_EncryptFinal_ex(s->cipher, s->coded + done, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1)
        return fail_internal(err, "a piece of the backup cannot be encrypted");
    bool ok = fwrite(head, 1, 4, s->file) == 4 && fwrite(s->coded, 1, s->len, s->file) == s->len &&
              fwrite(tag, 1, TAG_SIZE, s->file) == TAG_SIZE;
    s->len = 0;
    return ok || cannot_write(err);
}

bool sealed_write(struct sealed *s, const void *at, size_t len, struct error *err) {
    const uint8_t *from = at;
    while (len > 0) {
        size_t some = PIECE - s->len < len ? PIECE - s->len : len;
        memcpy(s->plain + s->len, from, some);
        s->len += some;
        from += some;
        len -= some;
        if (s->len == PIECE)
            TRY(write_piece(s, false, err));
    }
    return true;
}

bool sealed_write_end(struct sealed *s, struct error *err) {
    TRY(write_piece(s, true, err));
    return fflush(s->file) == 0 || cannot_write(err);
}

static bool read_piece(struct sealed *s, struct error *err) {
    uint8_t head[4], nonce[12];
    int done = 0, rest = 0;
    if (s->last || fread(head, 1, 4, s->file) != 4)
        return broken(err);
    uint32_t len = get32(head) & ~LAST;
    if (len > PIECE || fread(s->coded, 1, len + TAG_SIZE, s->file) != len + TAG_SIZE)
        return broken(err);
    nonce_of(s->number++, nonce);
    if (EVP_DecryptInit_ex2(s->cipher, EVP_aes_256_gcm(), s->key, nonce, NULL) != 1 ||
        EVP_DecryptUpdate(s->cipher, NULL, &done, head, sizeof head) != 1 ||
        EVP_DecryptUpdate(s->cipher, s->plain, &done, s->coded, (int)len) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, s->coded + len) != 1 ||
        EVP_DecryptFinal_ex(s->cipher, s->plain + done, &rest) != 1) {
        ERR_clear_error();
        return broken(err);
    }
    s->last = (get32(head) & LAST) != 0;
    s->len = len;
    s->at = 0;
    return true;
}

bool sealed_read(struct sealed *s, void *at, size_t len, struct error *err) {
    uint8_t *to = at;
    while (len > 0) {
        if (s->at == s->len)
            TRY(read_piece(s, err));
        size_t some = s->len - s->at < len ? s->len - s->at : len;
        memcpy(to, s->plain + s->at, some);
        s->at += some;
        to += some;
        len -= some;
    }
    return true;
}
