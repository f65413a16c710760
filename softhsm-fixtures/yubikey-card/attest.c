#include "card.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define ATTESTATION_TAG 0x5FFF01
#define YUBICO_PIV "1.3.6.1.4.1.41482.3."

static void set_name(X509_NAME *name, const char *text) {
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

static X509 *new_certificate(const char *subject, EVP_PKEY *pkey, const X509 *issuer) {
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), (uint64_t)time(NULL));
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 20L * 365 * 86400);
    set_name(X509_get_subject_name(x), subject);
    X509_set_issuer_name(x, issuer == NULL ? X509_get_subject_name(x) : X509_get_subject_name(issuer));
    X509_set_pubkey(x, pkey);
    return x;
}

static void add_extension(X509 *x, const char *number, const uint8_t *der, int len) {
    char oid[64];
    snprintf(oid, sizeof oid, "%s%s", YUBICO_PIV, number);
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, der, len);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

static void make_ca(X509 *x) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
}

static const EVP_MD *digest_of(const EVP_PKEY *pkey) {
    return EVP_PKEY_get_bits(pkey) == 384 ? EVP_sha384() : EVP_sha256();
}

static bool put_certificate(struct card *card, const X509 *x) {
    static const uint8_t tail[] = {0x71, 1, 0, 0xFE, 0}; /* not compressed; no error detection code */
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer inner = buffer_on(arena), whole = buffer_on(arena);
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);
    tlv_put(&inner, 0x70, view_of(der, (size_t)len));
    buffer_add(&inner, tail, sizeof tail);
    tlv_put(&whole, 0x53, buffer_view(&inner));
    OPENSSL_free(der);
    return card_put_object(card, ATTESTATION_TAG, buffer_view(&whole));
}

static bool write_root(const struct card *card, const X509 *root) {
    char path[4096];
    snprintf(path, sizeof path, "%s/attestation-root.pem", card->directory);
    FILE *file = fopen(path, "we");
    bool done = file != NULL && PEM_write_X509(file, root) == 1;
    return file != NULL && fclose(file) == 0 && done;
}

bool attestation_make(struct card *card) {
    struct slot *slot = card_slot(card, 0xF9);
    EVP_PKEY *root_key = key_generate(0x07);
    *slot = (struct slot){0xF9, 0x07, PIN_NEVER, TOUCH_NEVER, ORIGIN_IMPORTED, key_generate(0x07)};
    X509 *root = new_certificate("Test PIV Root CA", root_key, NULL);
    X509 *own = new_certificate("Test PIV Attestation", slot->pkey, root);
    make_ca(root);
    make_ca(own);
    bool done = X509_sign(root, root_key, EVP_sha256()) > 0 && X509_sign(own, root_key, EVP_sha256()) > 0 &&
                put_certificate(card, own) && write_root(card, root);
    X509_free(own);
    X509_free(root);
    EVP_PKEY_free(root_key);
    return done;
}

static X509 *own_certificate(struct card *card) {
    struct object *object = card_object(card, ATTESTATION_TAG);
    struct view whole, der;
    if (object == NULL || !tlv_find(view_of(object->at, object->len), 0x53, &whole) || !tlv_find(whole, 0x70, &der))
        return NULL;
    return d2i_X509(NULL, &(const unsigned char *){der.at}, (long)der.len);
}

/* Extensions: 3 firmware, 7 serial number, 8 PIN and touch policy, 9 form factor (1: USB-A keychain). */
static void describe(const struct card *card, const struct slot *slot, X509 *x) {
    const uint8_t policies[] = {slot->pin_policy, slot->touch_policy}, form = 1;
    uint8_t *der = NULL;
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set_uint64(serial, card->serial);
    int len = i2d_ASN1_INTEGER(serial, &der);
    add_extension(x, "3", card->version, sizeof card->version);
    add_extension(x, "7", der, len);
    add_extension(x, "8", policies, sizeof policies);
    add_extension(x, "9", &form, 1);
    OPENSSL_free(der);
    ASN1_INTEGER_free(serial);
}

enum status attest(struct card *card, const struct slot *slot, struct buffer *out) {
    const struct slot *attester = card_slot(card, 0xF9);
    char subject[64];
    X509 *own;
    if (slot->pkey == NULL || attester->pkey == NULL || (own = own_certificate(card)) == NULL)
        return SW_NO_REFERENCE;
    if (slot->origin != ORIGIN_GENERATED) {
        X509_free(own);
        return SW_DATA;
    }
    snprintf(subject, sizeof subject, "YubiKey PIV Attestation %02x", slot->reference);
    X509 *x = new_certificate(subject, slot->pkey, own);
    describe(card, slot, x);
    uint8_t *der = NULL;
    int len = X509_sign(x, attester->pkey, digest_of(attester->pkey)) > 0 ? i2d_X509(x, &der) : -1;
    if (len > 0)
        buffer_add(out, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
    X509_free(own);
    return len > 0 ? SW_OK : SW_INTERNAL;
}
