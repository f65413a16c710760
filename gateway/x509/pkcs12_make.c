#include "x509/pkcs12.h"

#include "base/clock.h"
#include "base/json.h"
#include "x509/internal.h"
#include "x509/pkcs12_handles.h"

#include <string.h>

#define ITERATIONS 100000      /* PBKDF2; about 30 ms */
#define LEGACY_ITERATIONS 2048 /* what old readers bear */
#define SALT 16

bool pkcs12_protection_from_name(const char *name, enum pkcs12_protection *ret) {
    static const char *const names[] = {"modern", "compatible", "legacy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum pkcs12_protection)i;
            return true;
        }
    return false;
}

bool pkcs12_password_check(const char *password, struct error *err) {
    size_t len = strlen(password);
    if (len < PKCS12_MIN_PASSWORD || len > PKCS12_MAX_PASSWORD)
        return fail(err, ERROR_POLICY, "bad-password",
                    "The password of the file has %zu octets; %zu to %zu are possible.", len,
                    PKCS12_MIN_PASSWORD, PKCS12_MAX_PASSWORD);
    if (!utf8_valid(view_text(password)))
        return fail(err, ERROR_POLICY, "bad-password", "The password of the file is not UTF-8.");
    for (const char *c = password; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return fail(
                err, ERROR_POLICY, "bad-password",
                "The password of the file holds a control character, which nobody can type.");
    return true;
}

static int cipher_of(enum pkcs12_protection protection) {
    return protection == PKCS12_LEGACY ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
}

static int iterations_of(enum pkcs12_protection protection) {
    return protection == PKCS12_LEGACY ? LEGACY_ITERATIONS : ITERATIONS;
}

/* What keytool writes, and without which Java takes the certificate for no trust anchor. */
static bool mark_trusted(PKCS12_SAFEBAG *bag) {
    const ASN1_OBJECT *any = OBJ_nid2obj(NID_anyExtendedKeyUsage);
    /* -1: what is pointed to is an object of the type, not the octets of a string. */
    return PKCS12_add1_attr_by_NID(bag, NID_oracle_jdk_trustedkeyusage, V_ASN1_OBJECT,
                                   (const unsigned char *)any, -1) == 1;
}

/* The certificate at that place of the order into the list of bags. */
static bool add_certificate(const struct pkcs12_order *order, size_t at, BAG_LIST **bags,
                            struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(X509) *certificate = item_decode(order->ders[at], ASN1_ITEM_rptr(X509));
    uint8_t id[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (certificate == NULL)
        return fail(err, ERROR_MALFORMED, "malformed-certificate",
                    "One of the certificates for the PKCS#12 file is broken.");
    PKCS12_SAFEBAG *bag = PKCS12_add_cert(bags, certificate);
    if (bag == NULL)
        return fail_internal(err, "PKCS12_add_cert");
    const char *name = order->name == NULL ? NULL : order->name;
    if (name != NULL && order->trust_store && order->count > 1)
        name = arena_printf(arena, "%s-%zu", name, at + 1);
    if (name != NULL && (at == 0 || order->trust_store) &&
        PKCS12_add_friendlyname_utf8(bag, name, -1) != 1)
        return fail_internal(err, "PKCS12_add_friendlyname_utf8");
    if (order->trust_store)
        return mark_trusted(bag) || fail_internal(err, "PKCS12_add1_attr_by_NID");
    if (at > 0 || (order->key == NULL && order->sealed_key.len == 0))
        return true;
    /* rfc7292#4.2: key and certificate belong together by the same localKeyId. */
    if (X509_digest(certificate, EVP_sha1(), id, &len) != 1 ||
        PKCS12_add_localkeyid(bag, id, (int)len) != 1)
        return fail_internal(err, "PKCS12_add_localkeyid");
    return order->key == NULL || X509_check_private_key(certificate, order->key) == 1 ||
           REFUSE(err, ERROR_POLICY, "wrong-certificate",
                  "The private key does not belong to the certificate.");
}

/* rfc7292#4.2.2: the bag holds what somebody else encrypted, as it is. */
static PKCS12_SAFEBAG *sealed_bag(const struct pkcs12_order *order, BAG_LIST **bags) {
    X509_SIG *sealed = item_decode(order->sealed_key, ASN1_ITEM_rptr(X509_SIG));
    PKCS12_SAFEBAG *bag = sealed == NULL ? NULL : PKCS12_SAFEBAG_create0_pkcs8(sealed);
    if (bag == NULL) {
        X509_SIG_free(sealed);
        return NULL;
    }
    *bags = sk_PKCS12_SAFEBAG_new_null();
    if (*bags != NULL && sk_PKCS12_SAFEBAG_push(*bags, bag) > 0)
        return bag;
    PKCS12_SAFEBAG_free(bag);
    return NULL;
}

static bool add_key(const struct pkcs12_order *order, SAFE_LIST **safes, struct error *err) {
    AUTO(BAG_LIST) *bags = NULL;
    AUTO(X509) *certificate = item_decode(order->ders[0], ASN1_ITEM_rptr(X509));
    uint8_t id[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    PKCS12_SAFEBAG *bag =
        order->key == NULL
            ? sealed_bag(order, &bags)
            : PKCS12_add_key_ex(&bags, order->key, 0, iterations_of(order->protection),
                                cipher_of(order->protection), order->password, NULL, NULL);
    if (bag == NULL || certificate == NULL)
        return fail_internal(err, "PKCS12_add_key");
    if (X509_digest(certificate, EVP_sha1(), id, &len) != 1 ||
        PKCS12_add_localkeyid(bag, id, (int)len) != 1 ||
        (order->name != NULL && PKCS12_add_friendlyname_utf8(bag, order->name, -1) != 1))
        return fail_internal(err, "attributes of a PKCS#12 key");
    return PKCS12_add_safe(safes, bags, -1, 0, NULL) == 1 || fail_internal(err, "PKCS12_add_safe");
}

static bool set_mac(PKCS12 *file, const struct pkcs12_order *order, struct error *err) {
    uint8_t salt[SALT];
    random_bytes(salt, sizeof salt);
    const char *password = order->password;
    int iterations = iterations_of(order->protection);
    bool done = false;
    switch (order->protection) {
    case PKCS12_MODERN: /* rfc9579 */
        done = PKCS12_set_pbmac1_pbkdf2(file, password, -1, salt, sizeof salt, iterations,
                                        EVP_sha256(), "SHA256") == 1;
        break;
    case PKCS12_COMPATIBLE:
        done = PKCS12_set_mac(file, password, -1, salt, sizeof salt, iterations, EVP_sha256()) == 1;
        break;
    case PKCS12_LEGACY:
        done = PKCS12_set_mac(file, password, -1, salt, sizeof salt, iterations, EVP_sha1()) == 1;
        break;
    }
    return done || fail_internal(err, "MAC of a PKCS#12 file");
}

bool pkcs12_make(struct arena *arena, const struct pkcs12_order *order, struct view *ret_der,
                 struct error *err) {
    AUTO(BAG_LIST) *bags = NULL;
    AUTO(SAFE_LIST) *safes = NULL;
    if (order->count == 0 || order->count > PKCS12_MAX_BAGS)
        return fail(err, ERROR_POLICY, "too-many",
                    "A PKCS#12 file is made of 1 to %d certificates.", PKCS12_MAX_BAGS);
    TRY(pkcs12_password_check(order->password, err));
    for (size_t i = 0; i < order->count; i++)
        TRY(add_certificate(order, i, &bags, err));
    if (PKCS12_add_safe(&safes, bags, cipher_of(order->protection),
                        iterations_of(order->protection), order->password) != 1)
        return fail_internal(err, "PKCS12_add_safe");
    if (order->key != NULL || order->sealed_key.len > 0)
        TRY(add_key(order, &safes, err));
    AUTO(PKCS12) *file = PKCS12_add_safes(safes, 0);
    if (file == NULL)
        return fail_internal(err, "PKCS12_add_safes");
    TRY(set_mac(file, order, err));
    struct view der = item_der(arena, file, ASN1_ITEM_rptr(PKCS12));
    if (der.len == 0)
        return fail_internal(err, "i2d of a PKCS#12 file");
    *ret_der = der;
    return true;
}

bool pkcs8_encrypt(struct arena *arena, EVP_PKEY *key, const char *password, struct view *ret_der,
                   struct error *err) {
    uint8_t salt[SALT];
    TRY(pkcs12_password_check(password, err));
    AUTO(PKCS8_PRIV_KEY_INFO) *plain = EVP_PKEY2PKCS8(key);
    random_bytes(salt, sizeof salt);
    AUTO(X509_SIG) *sealed =
        plain == NULL ? NULL
                      : PKCS8_encrypt(-1, EVP_aes_256_cbc(), password, (int)strlen(password), salt,
                                      sizeof salt, ITERATIONS, plain);
    if (sealed == NULL)
        return fail_internal(err, "PKCS8_encrypt");
    struct view der = item_der(arena, sealed, ASN1_ITEM_rptr(X509_SIG));
    if (der.len == 0)
        return fail_internal(err, "i2d of an encrypted key");
    *ret_der = der;
    return true;
}
