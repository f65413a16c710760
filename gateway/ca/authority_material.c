#include "ca/authority_material.h"

#include "base/encode.h"
#include "x509/key_type.h"
#include "x509/pkcs12.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define MAX_BYTES ((size_t)1024 * 1024)

DEFINE_AUTO(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)

static bool too_many(struct error *err) {
    return fail(err, ERROR_TOO_LARGE, "chain-too-long", "More than %d certificates were given.",
                MATERIAL_MAX_CERTIFICATES);
}

bool material_read_certificates(struct arena *arena, struct view bytes, struct ca_material *m,
                                struct error *err) {
    return certificates_read(arena, bytes, m->certificates, MATERIAL_MAX_CERTIFICATES, &m->count, err);
}

/* --- private keys ------------------------------------------------------------------------------------ */

static bool no_key(struct error *err, const char *why) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "malformed-key",
                "The private key %s; give PEM, DER (PKCS#8) or a PKCS#12 file.", why);
}

static int give_password(char *buffer, int size, int writing, void *password) {
    size_t len = password == NULL ? 0 : strlen(password);
    (void)writing;
    if (len > (size_t)size)
        return -1;
    if (len > 0)
        memcpy(buffer, password, len);
    return (int)len;
}

/* Encrypted PKCS#8 goes through pkcs8_decrypt, which bounds the iterations. */
static bool read_pem(struct arena *arena, struct view bytes, const char *password,
                     EVP_PKEY **ret_key, struct error *err) {
    struct view der;
    if (pem_decode(arena, bytes, "ENCRYPTED PRIVATE KEY", &der)) {
        TRY(pkcs8_decrypt(arena, der, password == NULL ? "" : password, ret_key, err));
        return true;
    }
    AUTO(BIO) *bio = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    EVP_PKEY *key = bio == NULL ? NULL
                                : PEM_read_bio_PrivateKey(bio, NULL, give_password,
                                                          (void *)(uintptr_t)password);
    if (key == NULL)
        return no_key(err, password == NULL ? "cannot be read, or needs a password"
                                            : "cannot be read with this password");
    *ret_key = keep_EVP_PKEY(arena, key);
    return true;
}

static bool read_pkcs12(struct arena *arena, struct view bytes, const char *password,
                        struct ca_material *m, EVP_PKEY **ret_key, struct error *err) {
    struct pkcs12_contents contents;
    TRY(pkcs12_open(arena, bytes, password, &contents, err));
    if (contents.key_count != 1)
        return no_key(err, contents.key_count == 0 ? "is not in the PKCS#12 file"
                                                   : "is not alone in the PKCS#12 file");
    for (size_t i = 0; i < contents.certificate_count; i++) {
        if (m->count == MATERIAL_MAX_CERTIFICATES)
            return too_many(err);
        m->certificates[m->count++] = contents.certificates[i];
    }
    *ret_key = contents.keys[0];
    return true;
}

/* PKCS#8 begins with SEQUENCE, INTEGER version 0 or 1; its encrypted form with SEQUENCE, SEQUENCE; PKCS#12 with
 * SEQUENCE, INTEGER 3. */
static bool read_der(struct arena *arena, struct view bytes, const char *password,
                     struct ca_material *m, EVP_PKEY **ret_key, struct error *err) {
    const uint8_t *at = bytes.at;
    long len;
    int tag, class;
    int flags = ASN1_get_object(&at, &len, &tag, &class, (long)bytes.len);
    size_t left = bytes.len - (size_t)(at - bytes.at);
    if ((flags & 0x80) != 0 || tag != V_ASN1_SEQUENCE || left < 3)
        return no_key(err, "is no DER");
    if (at[0] == (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
        return pkcs8_decrypt(arena, bytes, password == NULL ? "" : password, ret_key, err);
    if (at[0] == V_ASN1_INTEGER && at[1] == 1 && at[2] == 3)
        return read_pkcs12(arena, bytes, password, m, ret_key, err);
    at = bytes.at;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)bytes.len);
    if (key == NULL)
        return no_key(err, "is of an unknown type or damaged");
    *ret_key = keep_EVP_PKEY(arena, key);
    return at == bytes.at + bytes.len || no_key(err, "is followed by other bytes");
}

static bool take_key(struct arena *arena, EVP_PKEY *key, struct ca_material *m, struct error *err) {
    AUTO(PKCS8_PRIV_KEY_INFO) *info = EVP_PKEY2PKCS8(key);
    unsigned char *der = NULL;
    struct view spki;
    TRY(key_check(key, "private key", err));
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    if (len <= 0)
        return no_key(err, "has no private half");
    m->pkcs8 = arena_copy(arena, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    TRY(key_spki(arena, key, &spki, err));
    TRY(key_from_spki(spki, &m->public_key, err));
    keep_EVP_PKEY(arena, m->public_key);
    return true;
}

bool material_read_key(struct arena *arena, struct view bytes, const char *password,
                       struct ca_material *m, struct error *err) {
    EVP_PKEY *key = NULL;
    bool pem = memmem(bytes.at, bytes.len, "-----BEGIN", 10) != NULL;
    if (bytes.len == 0 || bytes.len > MAX_BYTES)
        return no_key(err, "is empty or too large");
    TRY(pem ? read_pem(arena, bytes, password, &key, err)
            : read_der(arena, bytes, password, m, &key, err));
    if (pem && memmem(bytes.at, bytes.len, "-----BEGIN CERTIFICATE-----", 27) != NULL)
        TRY(material_read_certificates(arena, bytes, m, err));
    return take_key(arena, key, m, err);
}

void material_wipe(struct ca_material *m) {
    if (m->pkcs8.len > 0)
        OPENSSL_cleanse((void *)(uintptr_t)m->pkcs8.at, m->pkcs8.len);
    m->pkcs8 = view_of(NULL, 0);
}
