/* PKCS#12 (RFC 7292): key and certificates in one file, made and opened. */
#ifndef GATEHOUSE_X509_PKCS12_H
#define GATEHOUSE_X509_PKCS12_H

#include "x509/handles.h"

#define PKCS12_MAX_SIZE ((size_t)1024 * 1024)
#define PKCS12_MAX_BAGS 200
/* The most that a file from elsewhere may make us count when a key is derived from its password: a
 * file that says two thousand million would hold a thread for an hour. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define KDF_MAX_ITERATIONS 1000
#else
#define KDF_MAX_ITERATIONS 2000000
#endif

enum pkcs12_protection {
    /* AES-256-CBC and PBMAC1 with PBKDF2-HMAC-SHA-256 (RFC 9579): OpenSSL 3.4, Java 24 and newer */
    PKCS12_MODERN,
    /* AES-256-CBC with PBKDF2, and the MAC of RFC 7292 with SHA-256: since about 2010, Windows 2019
     */
    PKCS12_COMPATIBLE,
    /* Triple DES and HMAC-SHA-1 for what reads nothing else. It protects little: its password
       should too. */
    PKCS12_LEGACY,
};
/* "modern", "compatible", "legacy"; false when unknown. */
MUST_USE bool pkcs12_protection_from_name(const char *name, enum pkcs12_protection *ret);

#define PKCS12_MIN_PASSWORD ((size_t)8)
#define PKCS12_MAX_PASSWORD ((size_t)256)
/* 8 to 256 octets of UTF-8 without control characters: ERROR_POLICY "bad-password". */
MUST_USE bool pkcs12_password_check(const char *password, struct error *err);

struct pkcs12_order {
    EVP_PKEY *key; /* a key whose private half is in this process; NULL: certificates alone */
    /* Instead of `key`: EncryptedPrivateKeyInfo under the same password, made elsewhere. Nobody can see here whose
     * key it is: the caller knows. */
    struct view sealed_key;
    const struct view *ders; /* with a key the first is its certificate */
    size_t count;
    const char *name; /* friendlyName of the first (or of all, with a number), UTF-8 */
    const char *password;
    enum pkcs12_protection protection;
    /* Marks the certificates as trusted, as Java's keytool does it: a trust store (cacerts). No key
     * then. */
    bool trust_store;
};
MUST_USE bool pkcs12_make(struct arena *arena, const struct pkcs12_order *order,
                          struct view *ret_der, struct error *err);

/* What a file holds. Everything lives on the arena; keys are private ones. */
struct pkcs12_contents {
    EVP_PKEY **keys;
    X509 **certificates;
    X509_CRL **crls;
    size_t key_count, certificate_count, crl_count;
    const char *protection; /* how it is protected, for people */
};
/* DER. password NULL: "". ERROR_MALFORMED "malformed-pkcs12", ERROR_TOO_LARGE "too-large",
 * ERROR_POLICY "wrong-password" (it opens nothing, or the file is damaged), "pkcs12-protection" (an
 * algorithm that is not available, or too many iterations). */
MUST_USE bool pkcs12_open(struct arena *arena, struct view der, const char *password,
                          struct pkcs12_contents *ret, struct error *err);

/* EncryptedPrivateKeyInfo (rfc5208#6) with PBES2, AES-256-CBC, PBKDF2-HMAC-SHA-256. */
MUST_USE bool pkcs8_encrypt(struct arena *arena, EVP_PKEY *key, const char *password,
                            struct view *ret_der, struct error *err);
/* ERROR_MALFORMED "malformed-key"; ERROR_POLICY "wrong-password", "pkcs12-protection". */
MUST_USE bool pkcs8_decrypt(struct arena *arena, struct view der, const char *password,
                            EVP_PKEY **ret_key, struct error *err);

#endif
